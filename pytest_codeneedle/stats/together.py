"""Several cells together against one: per function the mean over those that answered it, minus what the one has."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.stats.headroom import rooms
from pytest_codeneedle.stats.paired import Contrast, contrast

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.stats.by_type import Cells, Values


@dataclass(frozen=True)
class Mixed:
    """What mixed pairs have more than the matched low pair: per function their mean minus it.

    `pairs` are those that were answered with the low pair's type on one side alone. `lost` is the contrast with missing
    answers counted as lost; None where none is missing. `stood_in` is the one with the answers that were left out,
    other sessions' references in place of absent ones; None where that makes no difference.
    """

    pairs: tuple[KVPair, ...]
    contrast: Contrast
    lost: Contrast | None = None
    stood_in: Contrast | None = None

    def facts(self) -> dict[str, Any]:
        """Plain, for JSON."""
        lost = self.lost.facts() if self.lost else None
        stood_in = self.stood_in.facts() if self.stood_in else None
        pairs = [str(pair) for pair in self.pairs]
        return {**self.contrast.facts(), "pairs": pairs, "counted_as_lost": lost, "stood_in": stood_in}


def mixed(cells: Cells, low: KVPair, lines: float | None) -> Mixed | None:
    """Do they buy anything? None where no mixed pair has an answer."""
    pairs = tuple(pair for pair in cells if (pair.ctk == low.ctk) != (pair.ctv == low.ctv) and cells[pair])
    found = _against([cells[pair] for pair in pairs], cells.get(low) or {}, lines)
    return Mixed(pairs, found) if found else None


def others(cells: Cells, reference: KVPair, lines: float | None) -> Contrast | None:
    """All cells against the reference; None where it has no function in common with them."""
    of_others = [values for pair, values in cells.items() if pair != reference]
    return _against(of_others, cells.get(reference) or {}, lines)


def shared_with(base: Values, cells: Cells) -> Cells:
    """The cells without the functions that the reference has no answer to: what the cache costs these is not known.

    `base` are the reference's lines; where it has none at all the cells are as they are.
    """
    if not base:
        return cells
    return {pair: {name: lines for name, lines in values.items() if name in base} for pair, values in cells.items()}


def differences(values: Values, base: Values) -> list[float]:
    """Function by function what these have more, negative for less; of the functions that both have."""
    return [values[function] - base[function] for function in base if function in values]


def _against(cells: Sequence[Values], base: Values, lines: float | None) -> Contrast | None:
    means = _means(cells, base)
    (room,) = rooms([means], base, lines)
    return room.cut(contrast(differences(means, base))) if means else None


def _means(cells: Sequence[Values], functions: Iterable[str]) -> dict[str, float]:
    """Function -> its mean over those of these cells that answered it; functions without an answer are left out."""
    found = {name: [values[name] for values in cells if name in values] for name in functions}
    return {name: statistics.fmean(lines) for name, lines in found.items() if lines}
