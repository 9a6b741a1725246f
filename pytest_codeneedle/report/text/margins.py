"""What is said of a run's margins: the lines below the verdict, and in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_codeneedle.core.text import p_is, percent, signed, span, wrapped
from pytest_codeneedle.report.text.verdict import DISTRUSTED, trend_words
from pytest_codeneedle.runs.margins import ENOUGH_TOKENS
from pytest_codeneedle.stats.margin_verdict import MarginVerdict, _lacking
from pytest_codeneedle.stats.power import least_for_family

if TYPE_CHECKING:
    from pytest_codeneedle.stats.by_type import Side


_DECIMALS = 3


_NAMED = 6


def margin_block_lines(verdict: MarginVerdict, *, distrusted: bool = False) -> list[str]:
    """`margin_sentences` in up to eight lines at 80 columns."""
    return [line for sentence in margin_sentences(verdict, distrusted=distrusted) for line in wrapped(sentence)]


def margin_sentences(verdict: MarginVerdict, *, distrusted: bool = False) -> list[str]:
    """The verdict: how many cells are lower, the low pair, the trends, which are marked on a `distrusted` grid."""
    counts = sorted({cell.mean.n for cell in verdict.cells})
    told = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    head = f"margins against {verdict.reference}, on the same text of {told} function{'' if counts == [1] else 's'}"
    said = [f"{head}: {_lower(verdict)}{_too_few(verdict, counts[-1])}"]
    declared = next((cell for cell in verdict.cells if cell.declared), None)
    if declared is not None:
        found = declared.mean
        interval = span(found.interval, _DECIMALS)
        about = "no token differs" if found.tied else f"{signed(found.mean, _DECIMALS)} nats, {p_is(found.p)}"
        there = "" if declared.share >= ENOUGH_TOKENS else f", on {percent(declared.share)} of its tokens"
        said.append(f"{declared.pair} (declared): {about}{interval and f' ({interval})'}{there}")
    mark = DISTRUSTED if distrusted else ""
    trends = [_trend(one, mark) for one in (verdict.k, verdict.v) if len(one.types) > 1]
    return said + [trend for trend in trends if trend] + _lacking(verdict)


def _lower(verdict: MarginVerdict) -> str:
    """`lower in 3 of 35 cells: ...`, the lowest first."""
    lower = sorted(verdict.lower, key=lambda cell: cell.mean.mean)
    count = len(verdict.cells)
    cells = f"{count} cell{'' if count == 1 else 's'}"
    if not lower:
        return f"significantly lower in none of {cells}"
    named = ", ".join(f"{cell.pair} {signed(cell.mean.mean)}" for cell in lower[:_NAMED])
    more = f" and {len(lower) - _NAMED} more" if len(lower) > _NAMED else ""
    return f"significantly lower in {len(lower)} of {cells}: {named}{more} nats"


def _too_few(verdict: MarginVerdict, functions: int) -> str:
    """Where not even a fall in every function could be significant in a cell that shares its level."""
    sharing = sum(not cell.declared for cell in verdict.cells)
    needed = least_for_family(sharing)
    return "" if not sharing or functions >= needed else f"; {needed} functions are needed for {sharing} cells (Holm)"


def _trend(found: Side, mark: str) -> str:
    trend = found.trend
    if trend.p is None or trend.slope is None:
        return ""  # the verdict on lines has said why
    return f"trend of margins over {found.name}{mark}: {trend_words(trend, 'the mean', 'nats', _DECIMALS)}"
