"""What the rotation of quantized caches is worth: each cell with it and without, paired by function, as plain text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.figures import counted, p_is, signed, span, wrapped
from pytest_codeneedle.grid import Cell, Grid, table
from pytest_codeneedle.kvtypes import is_quantized

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_codeneedle.kvtypes import KVPair
    from pytest_codeneedle.paired import Contrast

    #: Function -> lines, of each cell: what `values.values` gives.
    Figures = Mapping[KVPair, Mapping[str, float]]


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
        from pytest_codeneedle.paired import ALPHA  # noqa: PLC0415 - scipy loads where a test is made

        return self.adjusted is not None and self.adjusted <= ALPHA


def rotation_contrasts(on: Figures, off: Figures) -> dict[KVPair, RotationContrast]:
    """The paired contrast of each cell that has functions answered both ways, Holm over those that can be rotated."""
    from pytest_codeneedle.paired import contrasts, holm  # noqa: PLC0415 - as above

    differences = {pair: both for pair in on if (both := _differences(on[pair], off.get(pair, {})))}
    found = dict(zip(differences, contrasts(list(differences.values())), strict=True))
    family = [pair for pair in found if is_quantized(pair.ctk) or is_quantized(pair.ctv)]
    adjusted = dict(zip(family, holm([found[pair].p for pair in family]), strict=True))
    return {pair: RotationContrast(one, adjusted.get(pair)) for pair, one in found.items()}


def rotation_grid(on: Figures, off: Figures) -> Grid:
    """The differences of each cell, on - off, function by function, in the place of matched lines."""
    cells = {}
    for pair in {**on, **off}:
        differences = tuple(_differences(on.get(pair, {}), off.get(pair, {})))
        cells[pair] = Cell(pair, differences, passed=0, errors=0, asked=len(differences))
    return Grid(cells)


def rotation_lines(on: Figures, off: Figures) -> list[str]:
    """The grid of mean differences, on - off, and the cells that differ; or that none does, or that none could."""
    title = ["rotation on - off", "", "mean difference in lines, function by function"]
    grid = table(rotation_grid(on, off), lambda cell: signed(cell.mean_matched or 0.0))
    sentence, cells = rotation_said(on, off)
    width = max(map(len, cells), default=0)
    return [*title, *grid, "", *wrapped(sentence), *(f"{pair:<{width}}  {told}" for pair, told in cells.items())]


def _differences(on: Mapping[str, float], off: Mapping[str, float]) -> list[float]:
    return [lines - off[name] for name, lines in on.items() if name in off]


def rotation_said(on: Figures, off: Figures) -> tuple[str, dict[str, str]]:
    """How many cells differ, in a sentence, and what is said of each of them; or why nothing could be found."""
    found = {pair: one for pair, one in rotation_contrasts(on, off).items() if one.adjusted is not None}
    if not found:
        return "rotation: no quantized cell has answers both ways", {}
    from pytest_codeneedle.power import least_for_family  # noqa: PLC0415 - as above

    cells = counted(len(found), "cell")
    how = f"paired by function, exact sign-flip, Holm over {cells}"
    differing = {str(pair): _told(one.contrast, one.adjusted) for pair, one in found.items() if one.differs}
    if differing:
        differ = f"{len(differing)} of {cells} differ{'s' * (len(found) == 1)}"
        return f"rotation: {differ}, on - off ({how}):", differing
    most = max(one.contrast.n for one in found.values())
    needed = least_for_family(len(found))
    if most < needed:
        too_few = (
            f"rotation: {counted(most, 'function')} cannot show a difference in one of {cells}: "
            f"{needed} are needed ({how})"
        )
        return too_few, {}
    return f"rotation: no cell differs, on - off ({how})", {}


def _told(one: Contrast, adjusted: float | None) -> str:
    told = ", ".join(part for part in (span(one.interval), p_is(adjusted or 0.0)) if part)
    return f"{signed(one.mean)} lines ({told})"
