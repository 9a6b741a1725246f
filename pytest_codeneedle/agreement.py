"""One verdict of two: missing answers left out, and counted as lost. What is said is what both say.

A word stands where both have it; else the cell is INCONCLUSIVE, the trend unsettled, and what each way says is kept
beside it. So NOT WORSE is said no more often than with missing answers counted as lost, which keeps its level whatever
makes them missing (tests/simulation).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_codeneedle.figures import few
from pytest_codeneedle.missing import Sensitivity
from pytest_codeneedle.verdict import INCONCLUSIVE, recommendation

if TYPE_CHECKING:
    from pytest_codeneedle.marginals import Marginal, Side
    from pytest_codeneedle.missing import Missing
    from pytest_codeneedle.paired import Contrast
    from pytest_codeneedle.together import Mixed
    from pytest_codeneedle.verdict import CellVerdict, Verdict


def agreed(left_out: Verdict, lost: Verdict, found: Missing) -> Verdict:
    """`left_out` as far as `lost` says the same; they are of the same pairs, `found` is what is missing."""
    if left_out.reason is not None:
        return left_out
    cells = tuple(
        _cell(mine, its, len(found.functions.get(mine.pair, ())))
        for mine, its in zip(left_out.cells, lost.cells, strict=True)
    )
    return replace(
        left_out,
        cells=cells,
        k=_side(left_out.k, lost.k),
        v=_side(left_out.v, lost.v),
        mixed=_mixed(left_out.mixed, lost.mixed),
        recommended=left_out.recommended and recommendation(cells, left_out.reference, left_out.low),
    )


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
