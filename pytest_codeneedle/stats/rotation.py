"""What the rotation of the cache does to each pair: its lines with it minus those without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.core.kv_types import is_quantized

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.stats.paired import Contrast

    #: Function -> lines, of each cell: what `pairing.paired` gives.
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
        from pytest_codeneedle.stats.paired import ALPHA  # noqa: PLC0415 - scipy loads where a test is made

        return self.adjusted is not None and self.adjusted <= ALPHA


def rotation_contrasts(on: Figures, off: Figures, lines: float | None = None) -> dict[KVPair, RotationContrast]:
    """The paired contrast of each cell that has functions answered both ways, Holm over those that can be rotated.

    Of `lines` that were asked for no interval lies beyond what the cell with its rotation off leaves room for.
    """
    from pytest_codeneedle.stats.headroom import rooms  # noqa: PLC0415 - as above
    from pytest_codeneedle.stats.paired import contrasts, holm  # noqa: PLC0415 - as above

    differences = {pair: both for pair in on if (both := paired_differences(on[pair], off.get(pair, {})))}
    uncut = contrasts(list(differences.values()))
    room = [rooms([on[pair]], off[pair], lines)[0] for pair in differences]
    found = {pair: its.cut(one) for pair, its, one in zip(differences, room, uncut, strict=True)}
    family = [pair for pair in found if is_quantized(pair.ctk) or is_quantized(pair.ctv)]
    adjusted = dict(zip(family, holm([found[pair].p for pair in family]), strict=True))
    return {pair: RotationContrast(one, adjusted.get(pair)) for pair, one in found.items()}


def paired_differences(on: Mapping[str, float], off: Mapping[str, float]) -> list[float]:
    """Lines with it minus lines without, of each function that has both."""
    return [lines - off[name] for name, lines in on.items() if name in off]
