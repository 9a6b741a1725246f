"""Intervals whose harm is at the upper end: "mixed pairs buy nothing" where they gain delta, and slopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_codeneedle.core.kv_types import BITS, DEFAULT_TYPES, KVPair
from pytest_codeneedle.runs.design import DEFAULT_DELTA as DELTA
from pytest_codeneedle.stats.paired import ALPHA
from pytest_codeneedle.stats.trend import page_trend
from pytest_codeneedle.stats.verdict import judge

from .worlds import FUNCTIONS, SD, above, count, judged, random, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_codeneedle.stats.paired import Contrast

pytestmark = pytest.mark.simulation

SAMPLES = 2000
SIX = np.array([BITS[name] for name in DEFAULT_TYPES])

#: Gains of a line on average; of whatever shape.
GAINS: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": lambda draws, shape: whole(draws, 1, SD, shape),
    "one of four gains four": lambda draws, shape: 4.0 * (draws.random(shape) < 0.25),
    "one of five gains five": lambda draws, shape: 5.0 * (draws.random(shape) < 0.2),
    "Poisson": lambda draws, shape: draws.poisson(1, shape).astype(float),
    "geometric": lambda draws, shape: draws.geometric(0.5, shape) - 1.0,
    "exponential, means of pairs": lambda draws, shape: np.rint(100 * draws.exponential(1, shape)) / 100,
}


def no_gain(found: Contrast) -> bool:
    """The sentence about mixed pairs: No."""
    return found.tied or (found.interval is not None and found.interval.high < DELTA)


@pytest.mark.parametrize("family", GAINS)
def test_a_gain_of_delta_is_not_denied(family: str) -> None:
    """At most one time in twenty, with 16 functions; the means of subsets alone would deny up to 9 %."""
    samples = GAINS[family](random(41), (SAMPLES, FUNCTIONS))

    assert DELTA == pytest.approx(samples.mean(), abs=0.06)
    assert not above(count(map(no_gain, judged(samples))), SAMPLES, ALPHA)


@pytest.mark.parametrize(
    ("family", "most"),
    [
        ("normal", 0.05),
        ("Poisson", 0.05),
        ("geometric", 0.05),
        ("exponential, means of pairs", 0.07),
        ("one of four gains four", 0.75**8),
        ("one of five gains five", 0.8**8),
    ],
)
def test_eight_functions(family: str, most: float) -> None:
    """As for losses: the level where many gain, and where few do the chance that none does."""
    samples = GAINS[family](random(42), (SAMPLES, 8))
    assert not above(count(map(no_gain, judged(samples))), SAMPLES, most)


def test_the_mixed_question_end_to_end() -> None:
    """As `judge` answers it: two mixed pairs, of which each function gains a geometric number of lines."""
    draws = random(43)
    bf16, low, pairs = KVPair("bf16", "bf16"), KVPair("q4_0", "q4_0"), (KVPair("q8_0", "q4_0"), KVPair("q4_0", "q8_0"))
    denied = 0
    for gains in draws.geometric(0.5, (500, FUNCTIONS)) - 1.0:
        cells = {bf16: [20.0] * FUNCTIONS, low: [10.0] * FUNCTIONS, **dict.fromkeys(pairs, (10 + gains).tolist())}
        named = {pair: {f"f{at}": value for at, value in enumerate(values)} for pair, values in cells.items()}
        found = judge(named, bf16, planned=list(cells)).mixed
        assert found is not None
        denied += no_gain(found.contrast)

    assert not above(denied, 500, ALPHA)


@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_the_interval_of_a_slope(scale: float) -> None:
    """Each function loses an exponential number of lines for a bit: either end is wrong one time in twenty at most."""
    draws = random(44)
    lost = draws.exponential(scale, (1000, FUNCTIONS, 1)) * (SIX.max() - SIX)
    found = [page_trend(SIX.tolist(), one).slope for one in (200 - lost).tolist()]
    intervals = [one.interval for one in found if one is not None and one.interval is not None]

    assert 1000 == len(intervals)
    assert not above(count(one.high < scale for one in intervals), 1000, ALPHA)
    assert not above(count(one.low > scale for one in intervals), 1000, ALPHA / 2)


def test_slopes_of_noise_rise_one_time_in_forty() -> None:
    """Where recall does neither rise nor fall."""
    blocks = np.rint(random(45).normal(15, SD, (1000, FUNCTIONS, 6)))
    assert not above(count(page_trend(SIX.tolist(), one).rises for one in blocks.tolist()), 1000, ALPHA / 2)
