"""A run's rows -> its verdict, one for each grid: judged, said, drawn, and as plain facts."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.floored import calibration
from pytest_codeneedle.grid import make_grid, rows_by_pair
from pytest_codeneedle.margin_grid import cell_margins
from pytest_codeneedle.margin_verdict import judge_margins, margin_block_lines
from pytest_codeneedle.sentences import sentences
from pytest_codeneedle.throughput import tokens_per_second
from pytest_codeneedle.trend import Trend
from pytest_codeneedle.values import again, values
from pytest_codeneedle.verdict import judge
from pytest_codeneedle.verdict_lines import verdict_lines, wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.frame import Frame
    from pytest_codeneedle.grid import View
    from pytest_codeneedle.margin_verdict import MarginVerdict
    from pytest_codeneedle.marginals import Side
    from pytest_codeneedle.verdict import Verdict


def verdict_of(rows: Sequence[Mapping[str, Any]], frame: Frame, view: View) -> Verdict:
    """What the data of one grid allow to say."""
    first = values(rows, frame.pairs, rotation=view.rotation)
    found = judge(
        values(rows, frame.pairs, repeat=frame.repeat, rotation=view.rotation),
        frame.reference,
        delta=frame.delta,
        first=first.get(frame.reference),
        again=again(rows, frame.reference, repeat=frame.repeat, rotation=view.rotation),
        planned=frame.pairs,
    )
    return found if frame.trends else replace(found, k=_untested(found.k), v=_untested(found.v))


def margins_of(rows: Sequence[Mapping[str, Any]], frame: Frame, view: View) -> MarginVerdict | None:
    """What the log-probability margins of one grid allow to say; None where there is nothing to compare."""
    found = judge_margins(rows, frame.pairs, frame.reference, view)
    if found is None or frame.trends:
        return found
    return replace(found, k=_untested(found.k), v=_untested(found.v))


def _untested(side: Side) -> Side:
    return replace(side, trend=Trend(0, reason="--kv-quick was settled by its first stage"))


def floored(rows: Sequence[Mapping[str, Any]], frame: Frame, view: View) -> str | None:
    """Why nothing is said about the cache, where the reference itself does not recall what it was asked for."""
    of_reference = rows_by_pair(rows, (), view).get(frame.reference, [])
    found = calibration(of_reference, str(frame.reference), lines=frame.lines, minimum=frame.minimum)
    if found.share is None or found.passed:
        return None
    return f"No verdict: {found.said} (--kv-calibrate-min): a floored model says nothing about its cache."


def said_of(rows: Sequence[Mapping[str, Any]], frame: Frame, view: View, verdict: Verdict) -> list[str]:
    """The verdict's sentences. Speeds of servers that shared a device are not held against each other."""
    if why_not := floored(rows, frame, view):
        return [why_not]
    shared = any(int(row.get("servers_on_device") or 1) > 1 for row in rows)
    return sentences(verdict, frame, {} if shared else tokens_per_second(rows, frame.pairs, view))


def block(rows: Sequence[Mapping[str, Any]], frame: Frame, view: View, *, verbose: bool = False) -> list[str]:
    """The verdict as lines for a terminal; with `verbose` every cell has one."""
    verdict = verdict_of(rows, frame, view)
    said = said_of(rows, frame, view, verdict)
    if floored(rows, frame, view):
        return [line for sentence in said for line in wrapped(sentence)]
    margins = margins_of(rows, frame, view)
    beside = [] if margins is None else margin_block_lines(margins)
    return verdict_lines(verdict, make_grid(rows, frame.pairs, view), said, beside=beside, verbose=verbose)


def facts(rows: Sequence[Mapping[str, Any]], frame: Frame) -> list[dict[str, Any]]:
    """The verdicts of all grids of a run, plain for JSON, each with its rotation and its sentences."""
    told = []
    for view in frame.views:
        verdict = verdict_of(rows, frame, view)
        said = said_of(rows, frame, view, verdict)
        margins = margins_of(rows, frame, view)
        told.append(
            {
                "rotation": view.rotation,
                "sentences": said,
                "floored": floored(rows, frame, view) is not None,
                **verdict.facts(),
                "margins": None if margins is None else margins.facts(),
                "margins_by_pair": {
                    str(pair): asdict(one) for pair, one in cell_margins(rows, frame.pairs, view).items()
                },
            }
        )
    return told
