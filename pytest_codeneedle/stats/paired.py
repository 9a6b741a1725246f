"""Paired differences of functions: the exact sign-flip test, the interval that inverts it, Holm, Clopper and Pearson.

A difference is what one function has in a cell minus what it has in the reference, negative where something was lost.
If the cache makes no difference, each is as likely as its negative: the test asks how many of the 2^n ways to choose
signs make a sum as far from zero as the one that was seen (Fisher 1935). It takes nothing else for granted and counts
ties as they are. Where the differences are whole lines, or means of a few replicates, the count is a convolution of
integers: exact for any n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.special import betaincinv, stdtrit

from pytest_codeneedle.core.text import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Alternative = Literal["two-sided", "less", "greater"]

#: The level of every test; intervals have 1 - ALPHA.
ALPHA = 0.05
#: Up to here all subsets are taken, beyond as many random ones: 65535, so that the observation makes 65536.
MOST_ENUMERATED = 16
_SEED = 20260801
# At a time, so that neither 200 functions nor a thousand samples need gigabytes.
_ROWS = 8192  # of random subsets
_SAMPLES = 64

# Differences of means over replicates are fractions of small numbers, up to the rounding of doubles.
_MOST_PARTS = 1000
_ROUNDING = 1e-9
# Below it the limit of Hall's transformation is more exact than the transformation.
_NO_SKEWNESS = 1e-6
# Up to here sums of whole numbers are exact in doubles.
_MOST_EXACT = 1 << 53
# Beyond this many units in the smaller tail the convolution would be slower than what it replaces.
_MOST_UNITS = 1 << 18


@dataclass(frozen=True)
class Contrast:
    """What `n` paired differences say: `mean` and `sd` in their unit, `p` of the two-sided sign-flip test.

    `interval` (95 %, of the mean) is None where all differences are zero (`tied`) or there is none; it lies below zero
    where the test calls a loss significant and above it where it calls a gain so (beyond 16 functions up to the draw of
    subsets); each end is on the safe side where differences are skewed.
    `sd` is None for fewer than two, `mean` is 0 for none. `lost` functions have a negative difference; up to
    `share_open` of all functions may, for all that is known (one-sided 95 %).
    """

    n: int
    mean: float
    sd: float | None
    p: float
    interval: Interval | None
    tied: bool
    lost: int
    share_open: float

    def facts(self) -> dict[str, Any]:
        """Flat and plain; an open end, an interval that does not exist and the mean of nothing are None."""
        interval = self.interval or Interval(-math.inf, math.inf)
        return {
            "n": self.n,
            "mean": self.mean if self.n else None,
            "sd": self.sd,
            "p": self.p,
            "low": interval.low if math.isfinite(interval.low) else None,
            "high": interval.high if math.isfinite(interval.high) else None,
            "tied": self.tied,
            "lost": self.lost,
            "share_open": self.share_open,
        }


def contrast(differences: Sequence[float]) -> Contrast:
    """The test, the interval and the counts of these differences. Raises ValueError for one that is not finite."""
    return contrasts([differences])[0]


def contrasts(samples: Sequence[Sequence[float]]) -> list[Contrast]:
    """`contrast` of each, in the time of one matrix product for all that have the same number of differences."""
    units = [_Units.of(differences) for differences in samples]
    found: dict[int, Contrast] = {}
    for n in {len(sample.values) for sample in units}:
        places = [place for place, sample in enumerate(units) if len(sample.values) == n]
        for start in range(0, len(places), _SAMPLES):
            some = places[start : start + _SAMPLES]
            means = _subset_means(np.array([units[place].values for place in some]))
            found |= {place: _contrast(units[place], of_one) for place, of_one in zip(some, means, strict=True)}
    return [found[place] for place in range(len(units))]


def sign_flip(differences: Sequence[float], *, alternative: Alternative = "two-sided") -> float:
    """The chance, if signs are by chance, of a sum at least this far out: below (`less`), above (`greater`), either.

    Raises ValueError for a difference that is not finite.
    """
    units = _Units.of(differences)
    if units.can_be_convolved:
        return _convolved(units, alternative)
    return _counted(_subset_means(units.values[np.newaxis])[0], units.tolerance, alternative)


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the order given: at most ALPHA where Holm (1979) rejects at the level of the family."""
    adjusted = [0.0] * len(ps)
    highest = 0.0
    for done, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - done) * ps[place]))
        adjusted[place] = highest
    return adjusted


def share_limit(lost: int, n: int) -> float:
    """Clopper and Pearson's one-sided upper limit of a share, 95 %, seen in `lost` of `n`."""
    return 1.0 if lost >= n else float(betaincinv(lost + 1, n - lost, 1 - ALPHA))


@dataclass(frozen=True)
class _Units:
    """Differences as `values` units of 1/`scale` each: whole numbers if `whole`."""

    values: Floats
    scale: int
    whole: bool

    @classmethod
    def of(cls, differences: Sequence[float]) -> _Units:
        """Whole numbers of the largest unit that fits all, if their sums are exact; else the values as they are."""
        values = np.asarray(differences, dtype=np.float64)
        if not np.isfinite(values).all():
            msg = f"a difference is not a finite number: {list(differences)}"
            raise ValueError(msg)
        if np.array_equal(values, np.rint(values)):
            return cls(values, 1, whole=True)
        parts = {value: Fraction(value).limit_denominator(_MOST_PARTS) for value in values.tolist()}
        scale = math.lcm(*(part.denominator for part in parts.values()))
        if any(abs(part - Fraction(value)) > _ROUNDING for value, part in parts.items()):
            return cls(values, 1, whole=False)
        units = [int(parts[value] * scale) for value in values.tolist()]
        if sum(map(abs, units)) > _MOST_EXACT:
            return cls(values, 1, whole=False)
        return cls(np.array(units, dtype=np.float64), scale, whole=True)

    @property
    def can_be_convolved(self) -> bool:
        """Whether the smaller tail is one of whole numbers, and short."""
        return self.whole and min(self.gained, self.total - self.gained) <= _MOST_UNITS

    @property
    def gained(self) -> float:
        """The sum of the positive ones."""
        return float(self.values[self.values > 0].sum())

    @property
    def total(self) -> float:
        """The sum of the absolute ones."""
        return float(np.abs(self.values).sum())

    @property
    def tolerance(self) -> float:
        """What counts as no difference."""
        return 0.0 if self.whole or not len(self.values) else _ROUNDING * float(np.abs(self.values).max())


def _contrast(units: _Units, means: Floats) -> Contrast:
    values, n = units.values, len(units.values)
    tied = n > 0 and not values.any()
    lost = int((values < -units.tolerance).sum())
    convolved = units.can_be_convolved
    return Contrast(
        n=n,
        mean=float(values.mean()) / units.scale if n else 0.0,
        sd=float(values.std(ddof=1)) / units.scale if n > 1 else None,
        p=_convolved(units, "two-sided") if convolved else _counted(means, units.tolerance, "two-sided"),
        interval=None if tied or not n else _interval(units, means),
        tied=tied,
        lost=lost,
        share_open=share_limit(lost, n),
    )


def _convolved(units: _Units, alternative: Alternative) -> float:
    """Under the null the sum of the positive ones is that of a random subset of all absolute ones."""
    sizes = np.abs(units.values[units.values != 0]).astype(np.int64).tolist()
    gained, total = int(units.gained), int(units.total)
    if alternative == "two-sided":
        return min(1.0, 2 * _tail(sizes, min(gained, total - gained)))
    most = gained if alternative == "less" else total - gained
    return _tail(sizes, most) if 2 * most <= total else 1 - _tail(sizes, total - most - 1)


def _tail(sizes: Sequence[int], most: int) -> float:
    """The chance that a random subset of these positive sizes sums up to `most` or less."""
    if most < 0:
        return 0.0
    chances = np.zeros(most + 1)
    chances[0] = 1.0
    for size in sizes:
        chances[size:] += chances[: max(0, most + 1 - size)]
        chances *= 0.5
    return float(chances.sum())


def _counted(means: Floats, tolerance: float, alternative: Alternative) -> float:
    """The same from the means of subsets, which with their signs flipped make a sum as far out where theirs is >= 0.

    Of random subsets this is a Monte Carlo test with the observation among the draws (the rule of + 1): it keeps its
    level as well. Two-sided it is twice the smaller one, which of all subsets is the same as counting both tails.
    """
    below, above = (float((1 + (sign * means >= -tolerance).sum()) / (1 + len(means))) for sign in (1, -1))
    if alternative == "two-sided":
        return min(1.0, 2 * below, 2 * above)
    return below if alternative == "less" else above


def _interval(units: _Units, means: Floats) -> Interval:
    """Hartigan (1969): a true mean is as likely between any two neighbours of the ordered means of subsets.

    From the k-th of them to the k-th from the end lies every mean that the two-sided sign-flip test, with it taken off
    the differences, does not reject. Fewer than six differences can reject nothing. That takes losses and gains to be
    spread alike. Where they are not, for recall has a ceiling, the end on the side of the long tail came out too near:
    at a true loss of delta 7.8 % of samples of 16 exponential losses were called NOT WORSE. So each end is the farther
    of two (4.5 %). Zero alone is the test's to judge, for there it is exact: an end that it settled stays on its side.
    """
    count = len(means)
    k = math.floor(ALPHA / 2 * (count + 1))
    if k == 0:
        return Interval(-math.inf, math.inf)
    ordered = np.partition(means, (k - 1, count - k))
    low = _farther(float(ordered[k - 1]), _skewed_low(units.values), units.tolerance)
    high = 0 - _farther(-float(ordered[count - k]), _skewed_low(-units.values), units.tolerance)
    return Interval(low / units.scale, high / units.scale)


def _farther(low: float, skewed: float, tolerance: float) -> float:
    """The lower of two lower ends; the first where that alone is above zero. Zero up to rounding is zero."""
    low = 0.0 if abs(low) <= tolerance else low
    return low if low > 0 >= skewed else min(low, skewed)


def _skewed_low(values: Floats) -> float:
    """Hall's (1992, JRSS B 54:221) lower limit of the mean: Student's, with the skewness transformed away."""
    n, mean, sd = len(values), float(values.mean()), float(values.std())
    if sd == 0:
        return mean
    skewness = float(((values - mean) ** 3).mean()) / sd**3
    shift = float(stdtrit(n - 1, 1 - ALPHA / 2)) / math.sqrt(n) - skewness / (6 * n)
    if abs(skewness) < _NO_SKEWNESS:
        return mean - sd * shift
    return mean - sd * 3 * (math.cbrt(1 + skewness * shift) - 1) / skewness


def _subset_means(samples: Floats) -> Floats:
    """Of each sample (a row) the means of its non-empty subsets, or of as many random ones as 16 functions have."""
    n = samples.shape[1]
    if n <= MOST_ENUMERATED:
        subsets, sizes = _all_subsets(n)
        return np.asarray(samples @ subsets.T / sizes)
    random = np.random.default_rng(_SEED)
    means = np.empty((len(samples), (1 << MOST_ENUMERATED) - 1))
    for start in range(0, means.shape[1], _ROWS):
        subsets = _random_subsets(random, min(_ROWS, means.shape[1] - start), n)
        means[:, start : start + len(subsets)] = samples @ subsets.T / subsets.sum(axis=1)
    return means


@lru_cache(maxsize=4)
def _all_subsets(n: int) -> tuple[Floats, Floats]:
    """One row of zeros and ones for each non-empty subset of n, and their sizes."""
    numbers = np.arange(1, 1 << n, dtype=np.int64)
    subsets = (numbers[:, np.newaxis] >> np.arange(n) & 1).astype(np.float64)
    return subsets, subsets.sum(axis=1)


def _random_subsets(random: np.random.Generator, rows: int, n: int) -> Floats:
    """Each element is in a subset or not with even chances; the empty one, one in 2^n, becomes the first element."""
    subsets = random.integers(2, size=(rows, n), dtype=np.uint8)
    subsets[~subsets.any(axis=1), 0] = 1
    return subsets.astype(np.float64)
