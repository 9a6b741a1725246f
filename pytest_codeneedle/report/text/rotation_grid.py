"""What the rotation of quantized caches is worth: each cell with it and without, paired by function, as plain text.

An answer that is missing with it alone, or without it alone, is no tie: where some are, what is said is what holds with
them left out and with each counted as an answer without a line (`lost`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.core.kv_types import is_quantized
from pytest_codeneedle.core.text import counted, p_is, signed, span, wrapped
from pytest_codeneedle.runs.grid import Cell, Grid, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.stats.paired import Contrast

    #: Function -> lines, of each cell: what `values.values` gives.
    Figures = Mapping[KVPair, Mapping[str, float]]
    #: Those with the rotation on, and off.
    BothWays = tuple[Figures, Figures]


@dataclass(frozen=True)
class RotationContrast:
    """A cell with its rotation on minus the same with it off, in lines per function; `adjusted` is p after Holm.

    None where nothing can be rotated, since neither side is quantized: it is no part of the family.
    """

    contrast: Contrast
    adjusted: float | None

    @property
    def differs(self) -> bool:
        """Whether the cell differs at the level of the family."""
        from pytest_codeneedle.stats.paired import ALPHA  # noqa: PLC0415 - scipy loads where a test is made

        return self.adjusted is not None and self.adjusted <= ALPHA


def rotation_contrasts(on: Figures, off: Figures, lines: float | None = None) -> dict[KVPair, RotationContrast]:
    """The paired contrast of each cell that has functions answered both ways, Holm over those that can be rotated.

    Of `lines` that were asked for no interval lies beyond what the cell with its rotation off leaves room for.
    """
    from pytest_codeneedle.stats.headroom import rooms  # noqa: PLC0415 - as above
    from pytest_codeneedle.stats.paired import contrasts, holm  # noqa: PLC0415 - as above

    differences = {pair: both for pair in on if (both := _differences(on[pair], off.get(pair, {})))}
    uncut = contrasts(list(differences.values()))
    room = [rooms([on[pair]], off[pair], lines)[0] for pair in differences]
    found = {pair: its.cut(one) for pair, its, one in zip(differences, room, uncut, strict=True)}
    family = [pair for pair in found if is_quantized(pair.ctk) or is_quantized(pair.ctv)]
    adjusted = dict(zip(family, holm([found[pair].p for pair in family]), strict=True))
    return {pair: RotationContrast(one, adjusted.get(pair)) for pair, one in found.items()}


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


def _differences(on: Mapping[str, float], off: Mapping[str, float]) -> list[float]:
    return [lines - off[name] for name, lines in on.items() if name in off]


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
