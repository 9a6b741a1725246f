"""One verdict of two: answers left out, and counted in another way. What is said is what both say.

Missing answers count as lost; those whose session has no answer of the reference are held against other sessions'.

A word stands where both have it; else the cell is INCONCLUSIVE, the trend unsettled, and what each way says is kept
beside it. So NOT WORSE is said no more often than with missing answers counted as lost, which keeps its level whatever
makes them missing (tests/simulation).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_codeneedle.core.text import few, signed
from pytest_codeneedle.stats.missing import Sensitivity
from pytest_codeneedle.stats.verdict import INCONCLUSIVE, recommendation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.stats.by_type import Marginal, Side
    from pytest_codeneedle.stats.missing import Missing
    from pytest_codeneedle.stats.paired import Contrast
    from pytest_codeneedle.stats.together import Mixed
    from pytest_codeneedle.stats.verdict import CellVerdict, Verdict


def agreed(left_out: Verdict, lost: Verdict, found: Missing) -> Verdict:
    """`left_out` as far as `lost` says the same; they are of the same pairs, `found` is what is missing."""

    def cell(mine: CellVerdict, its: CellVerdict) -> CellVerdict:
        return _cell(mine, its, len(found.functions.get(mine.pair, ())))

    return _agreed(left_out, lost, cell, _side, _mixed)


def agreed_unpaired(left_out: Verdict, stood_in: Verdict, unpaired: Mapping[KVPair, int]) -> Verdict:
    """`left_out` as far as `stood_in` says the same, where other sessions' references stood in for absent ones.

    They are of the same pairs; of `unpaired` ones so many answers were left out.
    """

    def cell(mine: CellVerdict, its: CellVerdict) -> CellVerdict:
        return _unpaired(mine, its, left_out.reference) if mine.pair in unpaired else mine

    return _agreed(left_out, stood_in, cell, _side_unpaired, _mixed_unpaired)


def _agreed(
    first: Verdict,
    second: Verdict,
    cell: Callable[[CellVerdict, CellVerdict], CellVerdict],
    side: Callable[[Side, Side], Side],
    mixed: Callable[[Mixed | None, Mixed | None], Mixed | None],
) -> Verdict:
    """What both say, part by part; nothing is recommended that one of them does not let stand."""
    if first.reason is not None:
        return first
    cells = tuple(cell(mine, its) for mine, its in zip(first.cells, second.cells, strict=True))
    return replace(
        first,
        cells=cells,
        k=side(first.k, second.k),
        v=side(first.v, second.v),
        mixed=mixed(first.mixed, second.mixed),
        recommended=first.recommended and recommendation(cells, first.reference, first.low),
    )


def _unpaired(left_out: CellVerdict, stood_in: CellVerdict, reference: KVPair) -> CellVerdict:
    if left_out.verdict in (None, INCONCLUSIVE, stood_in.verdict):
        return left_out
    figures = f"{stood_in.verdict}, {signed(stood_in.contrast.mean)} lines"
    why = f"with what was left out held against {reference} of other sessions it is {figures}"
    why = why if left_out.reason is None else f"{left_out.reason}; {why}"
    return replace(left_out, verdict=INCONCLUSIVE, saturated=False, reason=why, withheld=True)


def _side_unpaired(left_out: Side, stood_in: Side) -> Side:
    mine, its = replace(left_out.trend, lost=None), stood_in.trend
    return left_out if mine == its else replace(left_out, trend=replace(left_out.trend, stood_in=its))


def _mixed_unpaired(left_out: Mixed | None, stood_in: Mixed | None) -> Mixed | None:
    if left_out is None or stood_in is None or left_out.contrast == stood_in.contrast:
        return left_out
    return replace(left_out, stood_in=stood_in.contrast)


def _cell(left_out: CellVerdict, lost: CellVerdict, functions: int) -> CellVerdict:
    """Of a cell that lacks no answer what was said of it: how Holm's family fares elsewhere is no matter of its own."""
    if not functions:
        return left_out
    found = Sensitivity(functions, left_out.verdict, lost.verdict, lost.contrast, lost.p_used)
    verdict = left_out.verdict if found.agrees or left_out.verdict is None else INCONCLUSIVE
    return replace(left_out, verdict=verdict, saturated=False, missing=found)


def _side(left_out: Side, lost: Side) -> Side:
    """The side as it was answered, and beside it what it is with missing answers counted as lost."""
    trend = left_out.trend
    silent = [one for one in lost.types if one not in left_out.types]
    if silent:
        trend = replace(trend, reason=f"{few(silent)} gave no answer") if trend.p is None else trend
    counted = {one.cache_type: one.contrast for one in lost.marginals}
    return replace(
        left_out,
        types=lost.types,
        trend=trend if lost.trend == trend else replace(trend, lost=lost.trend),
        marginals=tuple(_marginal(one, counted) for one in left_out.marginals),
    )


def _marginal(left_out: Marginal, lost: dict[str, Contrast | None]) -> Marginal:
    found = lost.get(left_out.cache_type)
    return left_out if found == left_out.contrast else replace(left_out, lost=found)


def _mixed(left_out: Mixed | None, lost: Mixed | None) -> Mixed | None:
    if left_out is None or lost is None or left_out.contrast == lost.contrast:
        return left_out
    return replace(left_out, lost=lost.contrast)
