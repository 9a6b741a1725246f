"""What the verdict sees, where there is something: the declared contrast, the trend, and the loss called detectable."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_codeneedle.core.kv_types import BITS, DEFAULT_TYPES
from pytest_codeneedle.stats.paired import ALPHA, sign_flip
from pytest_codeneedle.stats.power import POWER, detectable
from pytest_codeneedle.stats.trend import page_test
from pytest_codeneedle.stats.verdict import judge

from .worlds import ALL, FEW, FUNCTIONS, NOISE, REFERENCE, SD, below, cells, count, lines, null_sweeps, random, whole

pytestmark = pytest.mark.simulation

SIX = np.array([BITS[name] for name in DEFAULT_TYPES])


def seen(samples: np.ndarray) -> int:
    """How many of these are significant losses."""
    return count(sum(one) < 0 and sign_flip(one) <= ALPHA for one in samples.tolist())


def test_a_loss_of_one_line() -> None:
    """The declared contrast of 16 functions, paired sd 1.2, sees it in four sweeps of five at least."""
    draws = random(11)
    able = draws.uniform(8, 18, size=(2000, FUNCTIONS))
    reference = lines(able + draws.normal(0, NOISE, size=able.shape))
    low = lines(able - 1 + draws.normal(0, NOISE, size=able.shape))

    assert (-1, SD) == pytest.approx(((low - reference).mean(), (low - reference).std()), abs=0.02)
    assert not below(seen(low - reference), 2000, POWER)


def test_one_cell_of_many_sees_less() -> None:
    """Under Holm over 34: why contrasts are declared."""
    draws = random(12)
    samples = whole(draws, -1, SD, (2000, FUNCTIONS))

    assert 0.2 < count(34 * sign_flip(one) <= ALPHA for one in samples.tolist()) / 2000 < 0.5


@pytest.mark.parametrize("n", [12, 16, 40])
@pytest.mark.parametrize("sd", [0.6, 1.2, 3.0])
def test_the_detectable_loss(n: int, sd: float) -> None:
    """Where noise sets it, the exact test on whole lines sees it about four times of five."""
    found = detectable(n, sd)
    assert found.noise is not None
    samples = whole(random(13), -found.noise, sd, (1000, n))

    assert 0.72 < seen(samples) / 1000 < 0.85


def test_the_detectable_loss_of_few_functions() -> None:
    """Eight have few p-values: as stated, somewhat less."""
    found = detectable(8, SD)
    assert found.noise is not None

    assert 0.6 < seen(whole(random(13), -found.noise, SD, (1000, 8))) / 1000 < 0.77


@pytest.mark.parametrize("n", [6, 16, 60])
def test_the_floor(n: int) -> None:
    """Six functions that lose a line are seen, five are not; where each loses one with chance `floor`: four of five."""
    floor = detectable(n, 0.0).floor
    assert floor is not None
    samples = -1.0 * (random(14).random((1000, n)) < floor)

    assert count(samples.sum(axis=1) <= -6) == seen(samples)
    assert POWER == pytest.approx(seen(samples) / 1000, abs=0.04)


def test_a_trend() -> None:
    """A tenth of a line a bit, over K: seen in four sweeps of five at least, and on that side."""
    draws = random(15)
    grids = null_sweeps(draws, 300).reshape(300, 6, 6, FUNCTIONS)
    lost = draws.random(grids.shape) < (0.05 * (SIX.max() - SIX))[np.newaxis, :, np.newaxis, np.newaxis]
    grids = lines(grids - lost)
    on_k = count(page_test(SIX, one) <= ALPHA for one in grids.mean(axis=2).transpose(0, 2, 1).tolist())
    on_v = count(page_test(SIX, one) <= ALPHA for one in grids.mean(axis=1).transpose(0, 2, 1).tolist())

    assert not below(on_k, 300, POWER)
    assert on_v < 0.1 * 300


def test_a_fragile_side_end_to_end() -> None:
    """Sixty sweeps whose K loses a line with each step: WORSE in the low pair and a trend on that side alone."""
    sweeps = null_sweeps(random(16), 60, FEW)
    steps = np.repeat(np.arange(6), 6)[np.newaxis, :, np.newaxis]
    verdicts = [judge(cells(one), REFERENCE, planned=ALL) for one in lines(sweeps - steps)]

    assert 60 == count(one.cell(ALL[-1]).verdict == "WORSE" for one in verdicts)  # type: ignore[union-attr]
    assert 60 == count(one.k.trend.verdict == "trend" for one in verdicts)
    assert 9 >= count(one.v.trend.verdict == "trend" for one in verdicts)
    assert 0 == count(one.recommended.pair.ctk == "q4_0" for one in verdicts)  # type: ignore[union-attr]
