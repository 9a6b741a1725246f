"""What a run could have seen: the t figure against scipy and statsmodels, the floor against the test itself."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, nct, t

from pytest_codeneedle.stats.paired import ALPHA, contrast, sign_flip
from pytest_codeneedle.stats.power import LEAST_ONE_WAY, POWER, Detectable, detectable, pooled_sd


def test_sixteen_functions() -> None:
    """Without noise six of them have to lose a line; with an sd of 1.2 it is a line (statsmodels: 0.89936)."""
    assert 0.449 == pytest.approx(detectable(16, None).loss, abs=0.001)
    assert detectable(16, 0.0).loss == detectable(16, None).loss
    assert 0.89936 + 1 / 16 == pytest.approx(detectable(16, 1.2).loss, abs=1e-5)


@given(st.integers(6, 400), st.floats(0.01, 10))
def test_the_t_test_has_its_power_there(n: int, sd: float) -> None:
    """By the noncentral t distribution, without the half step for whole lines."""
    found = detectable(n, sd)
    assert found.noise is not None
    power = nct.sf(t.ppf(1 - ALPHA / 2, n - 1), n - 1, (found.noise - 1 / n) / sd * math.sqrt(n))

    assert POWER == pytest.approx(power, abs=1e-4)
    assert found.loss == max(found.floor or 0, found.noise)


@given(st.integers(6, 400))
def test_the_floor_has_its_power(n: int) -> None:
    """Each function loses a line with that chance: enough of them do, four times of five."""
    floor = detectable(n, None).floor
    assert floor is not None

    assert POWER == pytest.approx(binom.sf(LEAST_ONE_WAY - 1, n, floor))


@pytest.mark.parametrize(("level", "needed"), [(0.025, 6), (0.025 / 3, 7), (0.0125 / 9, 10)])
def test_the_floor_at_another_level(level: float, needed: int) -> None:
    """Of a family more have to lose a line."""
    floor = detectable(16, None, level=level).floor
    assert floor is not None

    assert POWER == pytest.approx(binom.sf(needed - 1, 16, floor))


@pytest.mark.parametrize("n", [6, 16, 40])
def test_six_functions_are_where_the_test_begins_to_see(n: int) -> None:
    """One function less is not significant."""
    lost = LEAST_ONE_WAY

    assert sign_flip([-1] * lost + [0] * (n - lost)) <= ALPHA < sign_flip([-1] * (lost - 1) + [0] * (n - lost + 1))


@pytest.mark.parametrize(("n", "said"), [(0, "0 functions"), (1, "1 function"), (5, "5 functions")])
def test_too_few_functions_see_nothing(n: int, said: str) -> None:
    """Whatever they lose."""
    found = detectable(n, 1.2)

    assert Detectable(n, sd=1.2, reason=f"{said} cannot settle it: 6 are needed") == found
    assert found.facts()["loss"] is None


def test_the_sd_of_several_contrasts() -> None:
    """Weighted with their degrees of freedom; those without an sd do not count."""
    pooled = pooled_sd([contrast([0, 2]), contrast([0, 0, 3]), contrast([5]), contrast([])])

    assert math.sqrt((1 * 2 + 2 * 3) / 3) == pytest.approx(pooled)
    assert pooled_sd([contrast([5])]) is None
    assert pooled_sd([]) is None
