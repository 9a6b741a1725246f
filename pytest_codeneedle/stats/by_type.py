"""One side of the grid: what each type of K (or of V) recalls over all types of the other side, and its trend."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pytest_codeneedle.core.kv_types import BITS, KVPair, by_precision
from pytest_codeneedle.stats.headroom import Headroom
from pytest_codeneedle.stats.paired import Contrast, contrasts
from pytest_codeneedle.stats.trend import Trend, page_trend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    #: Function -> lines, the mean over replicates.
    Values = Mapping[str, float]
    Cells = Mapping[KVPair, Values]

Name = Literal["K", "V"]


@dataclass(frozen=True)
class Marginal:
    """The mean lines of one type, over the functions and the other side's types where every type has an answer.

    `contrast` is the paired difference to the reference's type, function by function; None for that type itself, and
    where the reference's type has no place in the grid. `lost` is that difference with missing answers counted as
    lost; None where none is missing.
    """

    cache_type: str
    mean: float
    contrast: Contrast | None
    lost: Contrast | None = None

    def facts(self) -> dict[str, Any]:
        """Plain, for JSON."""
        return {
            "type": self.cache_type,
            "mean": self.mean,
            "contrast": self.contrast.facts() if self.contrast else None,
            "counted_as_lost": self.lost.facts() if self.lost else None,
        }


@dataclass(frozen=True)
class Side:
    """The types of K or of V, most bits first, with their means; the trend over all of them.

    `functions` have an answer at every type in one of the other side's types at least; `across` are those types.
    Without any there are no marginals, and the trend says why.
    """

    name: Name
    types: tuple[str, ...]
    across: tuple[str, ...]
    functions: tuple[str, ...]
    marginals: tuple[Marginal, ...]
    trend: Trend

    def facts(self) -> dict[str, Any]:
        """Plain, for JSON."""
        return {
            "types": list(self.types),
            "across": list(self.across),
            "functions": len(self.functions),
            "marginals": [marginal.facts() for marginal in self.marginals],
            "trend": self.trend.facts(),
        }


def side(cells: Cells, name: Name, reference: KVPair, lines: float | None = None) -> Side:
    """The marginals and the trend of K or of V. Of values from 0 to `lines` no interval lies beyond what can be.

    A function's value at a type is its mean over those types of the other side at which it was answered with every
    type of this one: all its values are then made of the same columns, and nothing but the type differs between them.
    """
    answered = {pair: values for pair, values in cells.items() if values}
    types = by_precision(_halves(pair, name)[0] for pair in answered)
    found: dict[str, list[float]] = {}
    across: set[str] = set()
    for function in dict.fromkeys(function for values in answered.values() for function in values):
        columns = _columns(answered, name, types, function)
        if columns:
            found[function] = [statistics.fmean(of_type) for of_type in zip(*columns.values(), strict=True)]
            across |= set(columns)
    blocks = list(found.values())
    return Side(
        name=name,
        types=types,
        across=by_precision(across),
        functions=tuple(found),
        marginals=_marginals(types, blocks, _halves(reference, name)[0], lines),
        trend=page_trend([BITS.get(one, 0.0) for one in types], blocks, most=lines),
    )


def _halves(pair: KVPair, name: Name) -> tuple[str, str]:
    """The type of this side, that of the other."""
    return (pair.ctk, pair.ctv) if name == "K" else (pair.ctv, pair.ctk)


def _columns(answered: Cells, name: Name, types: Sequence[str], function: str) -> dict[str, list[float]]:
    """By type of the other side, this function's lines at each of `types`; only where it has an answer at all."""
    columns: dict[str, list[float]] = {}
    for other in {_halves(pair, name)[1] for pair in answered}:
        pairs = [KVPair(one, other) if name == "K" else KVPair(other, one) for one in types]
        column = [answered[pair][function] for pair in pairs if pair in answered and function in answered[pair]]
        if len(column) == len(types):
            columns[other] = column
    return columns


def _marginals(
    types: Sequence[str], blocks: Sequence[Sequence[float]], base: str, lines: float | None
) -> tuple[Marginal, ...]:
    """One for each type; none where there is no block."""
    if not blocks:
        return ()
    by_type = dict(zip(types, zip(*blocks, strict=True), strict=True))
    others = [one for one in types if one != base] if base in by_type else []
    differences = [[mine - its for mine, its in zip(by_type[one], by_type[base], strict=True)] for one in others]
    room = Headroom(by_type.get(base, ()), lines)
    against = dict(zip(others, map(room.cut, contrasts(differences)), strict=True))
    return tuple(Marginal(one, statistics.fmean(by_type[one]), against.get(one)) for one in types)
