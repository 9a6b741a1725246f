"""Page's test for a trend over ordered levels, exact with ties, and the slope beside it.

Page (1963, JASA 58:216): within each block the levels are ranked, each rank is multiplied with the place that its level
has if recall falls as bits fall, and the sum L over all blocks is large where it does. If levels do not matter, every
arrangement of a block's own ranks is as likely: the distribution of L is the convolution of the blocks', with their
ties as they are. Tables and scipy's page_trend_test know the one without ties.

What is significant is that levels matter, lower ones more: one low level below all others, which are equal, is enough.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pytest_codeneedle.stats.headroom import cut
from pytest_codeneedle.stats.paired import ALPHA, Contrast, contrast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Whole = NDArray[np.int64]
    Floats = NDArray[np.float64]

# Means of whole lines that are equal differ by less than this, all others by far more.
_DECIMALS = 9


@dataclass(frozen=True)
class Trend:
    """What `n` blocks say of a trend: `p` one-sided (values fall as bits fall), `slope` in units per bit.

    `slope.mean` is positive where values fall as bits fall; its interval is that of `paired`. Where no trend can be
    tested, `p` is None and `reason` says why; `tied` blocks have the same value at every level, all of them.
    `lost` is the same with missing answers counted as lost; None where none is missing. `stood_in` is the one with the
    answers that were left out, other sessions' references in place of absent ones; None where that is the same.
    """

    n: int
    p: float | None = None
    slope: Contrast | None = None
    tied: bool = False
    reason: str | None = None
    lost: Trend | None = None
    stood_in: Trend | None = None

    @property
    def verdict(self) -> Literal["trend", "no trend", "unsettled"] | None:
        """At the level of `paired.ALPHA`; `unsettled` where the answers left out decide, None where there is none."""
        if self.p is None:
            return None
        if any(other.falls != self.falls for other in self._other_ways):
            return "unsettled"
        return "trend" if self.falls else "no trend"

    @property
    def falls(self) -> bool:
        """Whether values fall as bits fall, missing answers left out: the test rejects that levels do not matter."""
        return self.p is not None and self.p <= ALPHA

    @property
    def rises(self) -> bool:
        """Whether values rise as bits fall, significantly so: the slope's 95 % interval lies below zero."""
        rises = self.slope is not None and self.slope.interval is not None and self.slope.interval.high < 0
        return rises and all(other.rises for other in self._other_ways)

    @property
    def _other_ways(self) -> list[Trend]:
        return [other for other in (self.lost, self.stood_in) if other is not None]

    def facts(self) -> dict[str, Any]:
        """Plain, for JSON."""
        return {
            "verdict": self.verdict,
            "rises": self.rises,
            "n": self.n,
            "p": self.p,
            "slope": _interval_facts(self.slope),
            "tied": self.tied,
            "reason": self.reason,
            "counted_as_lost": self.lost.facts() if self.lost else None,
            "stood_in": self.stood_in.facts() if self.stood_in else None,
        }


def page_test(bits: Sequence[float], blocks: Sequence[Sequence[float]]) -> float:
    """The exact one-sided p-value: the chance of an L at least as large, each block's values in any order."""
    places = _ranks(np.array([bits], dtype=np.float64))[0]
    ranks = _ranks(np.array(blocks, dtype=np.float64).round(_DECIMALS))
    seen = int((ranks @ places).sum())
    least, chances = 0, np.ones(1)
    for row in ranks:
        of_block, block = _block(tuple(places.tolist()), tuple(sorted(row.tolist())))
        least, chances = least + of_block, np.convolve(chances, block)
    return min(1.0, float(chances[seen - least :].sum()))


def _interval_facts(slope: Contrast | None) -> dict[str, Any] | None:
    """A slope loses no lines: only its mean and its interval are said."""
    return {name: slope.facts()[name] for name in ("mean", "low", "high")} if slope else None


def page_trend(bits: Sequence[float], blocks: Sequence[Sequence[float]], *, most: float | None = None) -> Trend:
    """The test over `blocks`, each with one value for each of `bits`, in any order; equal bits share a place.

    A block is a function, or whatever the levels were all tried on. Where values lie between 0 and `most`, the slope's
    interval has no steeper one than such values can have.
    """
    n = len(blocks)
    if n == 0:
        return Trend(0, reason="nothing was answered at every level")
    if len(bits) == 1:
        return Trend(n, reason="only one level was asked")
    if len(set(bits)) == 1:
        return Trend(n, reason="all levels have the same bits")
    if _least(bits) ** n > ALPHA:
        plural = "" if n == 1 else "s"
        return Trend(n, reason=f"{n} block{plural} of {len(bits)} levels cannot show a trend")
    values: Floats = np.array(blocks, dtype=np.float64).round(_DECIMALS)
    places: Floats = np.array(bits, dtype=np.float64)
    slope = contrast(_slopes(places, values).tolist())
    if most is not None and slope.interval is not None:
        steepest = most * _slopes(places, (places > places.mean()).astype(np.float64))
        slope = replace(slope, interval=cut(slope.interval, -float(steepest), float(steepest)))
    return Trend(
        n=n,
        p=page_test(bits, blocks),
        slope=slope,
        tied=bool((values == values[:, :1]).all()),
    )


def _ranks(values: Floats) -> Whole:
    """Twice the mid-rank of each value in its row, which is whole: the smallest of three has 2, two that share it 3."""
    mine, others = values[:, :, np.newaxis], values[:, np.newaxis, :]
    return np.asarray(2 * (others < mine).sum(axis=2) + (others == mine).sum(axis=2) + 1, dtype=np.int64)


def _slopes(bits: Floats, values: Floats) -> Floats:
    """Each block's least-squares slope."""
    centred = bits - bits.mean()
    return np.asarray(values @ centred / (centred @ centred))


def _least(bits: Sequence[float]) -> float:
    """The least p of one block: the chance of the arrangement that follows the levels best."""
    places = _ranks(np.array([bits], dtype=np.float64))[0]
    _, chances = _block(tuple(places.tolist()), tuple(range(1, len(bits) + 1)))
    return float(chances[-1])


@lru_cache(maxsize=512)
def _block(places: tuple[int, ...], ranks: tuple[int, ...]) -> tuple[int, Floats]:
    """The least sum of products of one block, and the chances of it and of each whole number above it."""
    products = np.asarray(ranks, dtype=np.int64)[_arrangements(len(ranks))] @ np.asarray(places, dtype=np.int64)
    least = int(products.min())
    return least, np.bincount(products - least) / math.factorial(len(ranks))


@lru_cache(maxsize=8)
def _arrangements(count: int) -> Whole:
    """All orders of `count` things: 720 for six cache types, 40320 for all eight."""
    return np.array(list(itertools.permutations(range(count))), dtype=np.int64)
