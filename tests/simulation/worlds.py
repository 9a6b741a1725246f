"""Sweeps with a known truth, and how a rate that was counted is held against its level.

Lines are whole and between 0 and 20. Every draw has a seed of its own: a rate is the same in each run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binomtest

from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, grid_pairs
from pytest_codeneedle.stats.paired import contrasts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.stats.paired import Contrast

    Floats = NDArray[np.float64]
    Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]

ALL = grid_pairs(DEFAULT_TYPES, DEFAULT_TYPES)
REFERENCE, LOW = ALL[0], ALL[-1]
FUNCTIONS = 16
#: For what is judged end to end hundreds of times: a sixteenth of the subsets.
FEW = 12
MOST = 20
SD = 1.2
#: The noise of one answer that makes a paired sd of `SD`, to which the rounding of both to whole lines adds its part.
NOISE = np.sqrt((SD**2 - 2 / 12) / 2)
#: A rate that lies above its level by more than chance, one time in a hundred, breaks it.
SIGNIFICANT = 0.01


def random(seed: int) -> np.random.Generator:
    """The draws of one test."""
    return np.random.default_rng(seed)


def lines(of: Floats) -> Floats:
    """What a grid can hold: whole lines, none below 0 or above 20."""
    return np.clip(np.rint(of), 0, MOST)


def null_sweeps(draws: np.random.Generator, sweeps: int, functions: int = FUNCTIONS) -> Floats:
    """Lines by sweep, cell and function, where no cell differs but by chance.

    Functions differ in how well they are recalled, many at the ceiling; each answer has noise that makes a paired sd
    of 1.2 well below it.
    """
    able = draws.uniform(12, 21, size=(sweeps, 1, functions))
    return lines(able + draws.normal(0, NOISE, size=(sweeps, len(ALL), functions)))


def cells(sweep: Floats) -> dict[KVPair, dict[str, float]]:
    """One sweep as `judge` takes it."""
    return {
        pair: {f"f{place}": float(value) for place, value in enumerate(of_cell)}
        for pair, of_cell in zip(ALL, sweep, strict=True)
    }


def judged(samples: Floats) -> list[Contrast]:
    """The contrast of each sample (a row); those with the same differences in another order are computed once."""
    distinct, where = np.unique(np.sort(samples, axis=1), axis=0, return_inverse=True)
    found = contrasts(distinct.tolist())
    return [found[place] for place in where.ravel()]


def whole(draws: np.random.Generator, mean: float, sd: float, shape: tuple[int, ...]) -> Floats:
    """Whole differences whose sd is this one after they were rounded."""
    return np.rint(draws.normal(mean, np.sqrt(sd**2 - 1 / 12), shape))


def above(hits: int, of: int, level: float) -> bool:
    """Whether so many hits are significantly more than the level has."""
    return bool(binomtest(hits, of, level, alternative="greater").pvalue <= SIGNIFICANT)


def below(hits: int, of: int, level: float) -> bool:
    """Whether so many hits are significantly fewer."""
    return bool(binomtest(hits, of, level, alternative="less").pvalue <= SIGNIFICANT)


def count(hits: Iterable[bool]) -> int:
    """How many are true."""
    return sum(map(bool, hits))
