"""What margins say of a grid: the tests of `verdict` on paired differences of margins, function by function.

Where no line is lost anywhere, margins still tell the cache types apart. A lower margin is no loss: it is how near a
loss is. So a cell's margins are lower, or they are not known to be; there is no delta and no NOT WORSE.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.kv_types import low_pair
from pytest_codeneedle.core.text import few
from pytest_codeneedle.runs.grid import ONE_PASS
from pytest_codeneedle.runs.margins import cell_margins, differences
from pytest_codeneedle.stats.by_type import Side, side
from pytest_codeneedle.stats.missing import missing
from pytest_codeneedle.stats.paired import ALPHA, Contrast, contrasts, holm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.runs.grid import View
    from pytest_codeneedle.runs.margins import Difference


@dataclass(frozen=True)
class MarginCell:
    """One cell against the reference, in nats: the mean margin and its 1st percentile, over `tokens` common tokens.

    These are `share` of the reference's: what is lost is in no margin.

    `p_used` and `p1_used` are what was held against ALPHA: the p-value of a declared contrast, else Holm's.
    """

    pair: KVPair
    mean: Contrast
    p_used: float
    p1: Contrast
    p1_used: float
    declared: bool
    tokens: int
    share: float

    @property
    def lower(self) -> bool:
        """Whether the mean margin is significantly lower."""
        return self.mean.n > 0 and self.p_used <= ALPHA and self.mean.mean < 0

    @property
    def p1_lower(self) -> bool:
        """Whether the 1st percentile is."""
        return self.p1.n > 0 and self.p1_used <= ALPHA and self.p1.mean < 0

    def facts(self) -> dict[str, Any]:
        """Plain, for JSON."""
        return {
            "pair": str(self.pair),
            "lower": self.lower,
            "p_used": self.p_used,
            "mean": self.mean.facts(),
            "p1_lower": self.p1_lower,
            "p1_used": self.p1_used,
            "p1": self.p1.facts(),
            "declared": self.declared,
            "tokens": self.tokens,
            "share": self.share,
        }


@dataclass(frozen=True)
class MarginVerdict:
    """The margins of one grid. `cells` are all but the reference that have margins, in the order planned.

    `k` and `v` hold the trends; their means are those of the differences to the reference. `lacking` says of how many
    functions a pair lacks an answer that the reference has: of those there are no margins.
    """

    reference: KVPair
    low: KVPair | None
    cells: tuple[MarginCell, ...]
    k: Side
    v: Side
    lacking: Mapping[KVPair, int]

    @property
    def lower(self) -> tuple[MarginCell, ...]:
        """The cells whose mean margin is significantly lower."""
        return tuple(cell for cell in self.cells if cell.lower)

    def facts(self) -> dict[str, Any]:
        """Plain, for JSON; differences and slopes in nats."""
        return {
            "reference": str(self.reference),
            "low": str(self.low) if self.low else None,
            "cells": [cell.facts() for cell in self.cells],
            "k": self.k.facts(),
            "v": self.v.facts(),
            "lacking": {str(pair): count for pair, count in self.lacking.items()},
        }


def judge_margins(
    rows: Sequence[Mapping[str, Any]], pairs: Sequence[KVPair], reference: KVPair, view: View = ONE_PASS
) -> MarginVerdict | None:
    """The tests on the margins of these rows; None where nothing can be compared: no margins, or one cell alone."""
    rows = list(rows)
    against = differences(rows, pairs, reference, view)
    others = [pair for pair, found in against.items() if pair != reference and found]
    if not others:
        return None
    low = low_pair(pairs, reference)
    means, p1s = (
        _tested([[figure(one) for one in against[pair].values()] for pair in others], [pair == low for pair in others])
        for figure in (_mean, _p1)
    )
    margins = cell_margins(rows, pairs, reference, view)
    values = {pair: {name: one.mean for name, one in found.items()} for pair, found in against.items()}
    return MarginVerdict(
        reference=reference,
        low=low if low in others else None,
        cells=tuple(
            MarginCell(pair, *mean, *p1, declared=pair == low, tokens=margins[pair].tokens, share=margins[pair].share)
            for pair, mean, p1 in zip(others, means, p1s, strict=True)
        ),
        k=side(values, "K", reference),
        v=side(values, "V", reference),
        lacking={pair: len(names) for pair, names in missing(rows, reference, view).functions.items()},
    )


def _mean(one: Difference) -> float:
    return one.mean


def _p1(one: Difference) -> float:
    return one.p1


def _tested(samples: Sequence[Sequence[float]], declared: Sequence[bool]) -> list[tuple[Contrast, float]]:
    """Each sample's contrast and the p-value that decides: its own if declared, else Holm's over all others."""
    found = contrasts(samples)
    adjusted = iter(holm([one.p for one, is_declared in zip(found, declared, strict=True) if not is_declared]))
    return [(one, one.p if is_declared else next(adjusted)) for one, is_declared in zip(found, declared, strict=True)]


def _lacking(verdict: MarginVerdict) -> list[str]:
    """Where an answer is missing there is no margin, and it may be the lowest."""
    told = [f"{pair} {count}" for pair, count in verdict.lacking.items()]
    return [f"missing answers have no margin, and it may be the lowest: functions {few(told)}"] if told else []
