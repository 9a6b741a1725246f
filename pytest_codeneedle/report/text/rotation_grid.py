"""What the rotation of quantized caches is worth: each cell with it and without, paired by function, as plain text.

An answer that is missing with it alone, or without it alone, is no tie: where some are, what is said is what holds with
them left out and with each counted as an answer without a line (`lost`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_codeneedle.core.text import counted, p_is, signed, span, wrapped
from pytest_codeneedle.runs.grid import Cell, Grid, table
from pytest_codeneedle.stats.rotation import RotationContrast, _differences, rotation_contrasts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.stats.paired import Contrast
    from pytest_codeneedle.stats.rotation import Figures

    #: Those with the rotation on, and off.
    BothWays = tuple[Figures, Figures]


def rotation_grid(on: Figures, off: Figures, lost: BothWays | None = None) -> Grid:
    """The differences of each cell, on - off, function by function, in the place of matched lines."""
    lacking = _lacking(on, off, lost)
    cells = {}
    for pair in {**on, **off}:
        found = tuple(_differences(on.get(pair, {}), off.get(pair, {})))
        cells[pair] = Cell(pair, found, passed=0, errors=int(pair in lacking), asked=len(found))
    return Grid(cells)


def rotation_lines(on: Figures, off: Figures, lost: BothWays | None = None, *, lines: float | None = None) -> list[str]:
    """The grid of mean differences, on - off, and the cells that differ; or that none does, or that none could."""
    title = ["rotation on - off", "", "mean difference in lines, function by function"]
    grid = table(rotation_grid(on, off, lost), lambda cell: f"{signed(cell.mean_matched or 0.0)}{cell.mark()}")
    sentence, cells = rotation_said(on, off, lost, lines=lines)
    told = [line for pair, one in cells.items() for line in wrapped(f"{pair:<{max(map(len, cells))}}  {one}")]
    return [*title, *grid, "", *wrapped(sentence), *told]


def _lacking(
    on: Figures, off: Figures, lost: BothWays | None, lines: float | None = None
) -> dict[KVPair, RotationContrast]:
    """The cells with missing answers, as they are with these counted as lost."""
    if lost is None:
        return {}
    found, counted_as_lost = rotation_contrasts(on, off, lines), rotation_contrasts(*lost, lines)
    return {
        pair: one for pair, one in counted_as_lost.items() if pair not in found or found[pair].contrast != one.contrast
    }


def rotation_said(
    on: Figures, off: Figures, lost: BothWays | None = None, *, lines: float | None = None
) -> tuple[str, dict[str, str]]:
    """How many cells differ, in a sentence, and what is said of each of them; or why nothing could be found.

    Cells with missing answers are said, too.
    """
    found = _quantized(rotation_contrasts(on, off, lines))
    lacking = _quantized(_lacking(on, off, lost, lines))
    if not found and not lacking:
        return "rotation: no quantized cell has answers both ways", {}
    both = found if lost is None else _quantized(rotation_contrasts(*lost, lines))
    differing = [pair for pair, one in found.items() if one.differs and both[pair].differs]
    told = {
        str(pair): _cell_told(found.get(pair), lacking.get(pair))
        for pair in both
        if pair in differing or pair in lacking
    }
    return _sentence(both, differing, lacking), told


def _quantized(found: Mapping[KVPair, RotationContrast]) -> dict[KVPair, RotationContrast]:
    """Without the cells in which nothing can be rotated."""
    return {pair: one for pair, one in found.items() if one.adjusted is not None}


def _sentence(
    found: Mapping[KVPair, RotationContrast], differing: Sequence[KVPair], lacking: Mapping[KVPair, RotationContrast]
) -> str:
    from pytest_codeneedle.stats.power import least_for_family  # noqa: PLC0415 - as above

    cells = counted(len(found), "cell")
    how = f"on - off (paired by function, exact sign-flip, Holm over {cells})"
    tail = f"; {counted(len(lacking), 'cell')} lack{'s' * (len(lacking) == 1)} answers:" if lacking else ""
    if differing:
        differ = f"{len(differing)} of {cells} differ{'s' * (len(found) == 1)}"
        return f"rotation: {differ}, {how}{tail or ':'}"
    most, needed = max(one.contrast.n for one in found.values()), least_for_family(len(found))
    if most < needed:
        return (
            f"rotation: {counted(most, 'function')} cannot show a difference in one of {cells}: "
            f"{needed} are needed ({how.partition('(')[2]}{_most(found, lacking)}{tail}"
        )
    unsettled = " both without missing answers and with them counted as lost" if lacking else ""
    if not lacking and not _most(found, lacking):
        return f"rotation: no line differs, {how}"
    return f"rotation: no cell differs significantly{unsettled}, {how}{_most(found, lacking)}{tail}"


def _most(found: Mapping[KVPair, RotationContrast], lacking: Mapping[KVPair, RotationContrast]) -> str:
    """The greatest difference, significant or not; nothing where no line differs, or those that lack answers follow."""
    if lacking or all(one.contrast.tied for one in found.values()):
        return ""
    pair = max(found, key=lambda pair: abs(found[pair].contrast.mean))
    return f"; most in {pair}: {_told(found[pair].contrast, found[pair].adjusted)}"


def _cell_told(found: RotationContrast | None, lost: RotationContrast | None) -> str:
    told = "not answered both ways" if found is None else _told(found.contrast, found.adjusted)
    return told if lost is None else f"{told}; counted as lost {_told(lost.contrast, lost.adjusted)}"


def _told(one: Contrast, adjusted: float | None) -> str:
    told = ", ".join(part for part in (span(one.interval), p_is(adjusted or 0.0)) if part)
    return f"{signed(one.mean)} lines ({told})"
