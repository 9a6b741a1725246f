"""Page's test against scipy's, against all permutations where there are ties, and on the published grids."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import page_trend_test, rankdata

from pytest_codeneedle.core.kv_types import BITS, DEFAULT_TYPES
from pytest_codeneedle.stats.paired import ALPHA
from pytest_codeneedle.stats.trend import Trend, page_test, page_trend

SIX = [BITS[name] for name in DEFAULT_TYPES]

#: Mean matched lines of two published sweeps (runs 3 and 4): a row for each type of K, a column for each of V.
PUBLISHED = {
    "proprietary-full": [
        [19.25, 19.38, 19.44, 18.38, 19.19, 19.44],
        [19.19, 19.56, 19.56, 19.44, 19.44, 19.56],
        [19.44, 19.31, 19.62, 19.38, 19.56, 19.12],
        [19.50, 19.38, 19.56, 19.50, 19.50, 19.50],
        [19.31, 19.56, 19.56, 19.44, 19.06, 19.25],
        [19.56, 19.56, 19.44, 19.56, 19.44, 19.56],
    ],
    "random-bodies": [
        [20.00, 20.00, 20.00, 20.00, 20.00, 20.00],
        [20.00, 19.94, 19.94, 20.00, 20.00, 20.00],
        [20.00, 20.00, 20.00, 20.00, 20.00, 20.00],
        [20.00, 20.00, 20.00, 20.00, 20.00, 20.00],
        [20.00, 20.00, 20.00, 20.00, 20.00, 20.00],
        [20.00, 20.00, 20.00, 20.00, 19.94, 20.00],
    ],
}


@pytest.mark.parametrize("side", ["K", "V"])
@pytest.mark.parametrize("corpus", PUBLISHED)
def test_the_published_grids_have_no_trend(corpus: str, side: str) -> None:
    """As their author read them: each level against all types of the other side."""
    grid = PUBLISHED[corpus]
    found = page_trend(SIX, list(zip(*grid, strict=True)) if side == "K" else grid)

    assert ("no trend", 6) == (found.verdict, found.n)
    assert found.slope is not None
    assert found.slope.interval is not None
    assert found.slope.interval.low <= 0 <= found.slope.interval.high


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 6), st.integers(2, 8), st.integers(0, 2**32 - 1))
def test_without_ties_it_is_scipys(levels: int, blocks: int, seed: int) -> None:
    """Its exact method."""
    values = np.random.default_rng(seed).normal(size=(blocks, levels))
    expected = page_trend_test(values, method="exact").pvalue

    assert expected == pytest.approx(page_test(range(levels), values.tolist()))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([4.5, 5.0, 6.0, 16.0]), min_size=4, max_size=4),
    st.lists(st.lists(st.integers(18, 20), min_size=4, max_size=4), min_size=1, max_size=3),
)
def test_with_ties_it_counts_all_arrangements(bits: list[float], blocks: list[list[float]]) -> None:
    """Of each block's values, with mid-ranks; levels of equal bits share a rank."""
    places = rankdata(bits)
    sums = [[float(places @ one) for one in itertools.permutations(rankdata(block))] for block in blocks]
    seen = sum(float(places @ rankdata(block)) for block in blocks)
    totals = [math.fsum(one) for one in itertools.product(*sums)]
    expected = sum(total >= seen - 1e-9 for total in totals) / len(totals)

    assert expected == pytest.approx(page_test(bits, blocks))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 20), min_size=6, max_size=6), min_size=2, max_size=8), st.randoms())
def test_laws(blocks: list[list[int]], random: object) -> None:
    """Neither the order of blocks nor that of levels matters; falling one way, a trend does not fall the other."""
    p = page_test(SIX, blocks)
    order = [3, 1, 0, 5, 2, 4]
    turned = page_test([SIX[place] for place in order], [[block[place] for place in order] for block in blocks[::-1]])
    mirrored = page_test(SIX, [[-value for value in block] for block in blocks])

    assert 0 < p <= 1
    assert p == pytest.approx(turned)
    assert p + mirrored >= 1 - 1e-9


def test_a_fall_with_the_bits_is_a_trend() -> None:
    """Two lines a bit: a slope above zero."""
    found = page_trend(SIX, [[2 * bits - one for bits in SIX] for one in range(16)])

    assert "trend" == found.verdict
    assert found.slope is not None
    assert 2 == pytest.approx(found.slope.mean)
    assert 1e-20 > (found.p or 1)


def test_a_rise_is_none() -> None:
    """The test looks one way, declared before: a smaller cache cannot recall more."""
    found = page_trend(SIX, [[-bits for bits in SIX]] * 16)

    assert ("no trend", 1.0) == (found.verdict, pytest.approx(found.p))
    assert found.rises
    assert found.facts()["rises"]


@pytest.mark.parametrize("flat", [[], [[20.0] * 6] * 16, [SIX] * 16, [[20.0, 20.1, *[20.0] * 4]] * 5])
def test_what_does_not_rise(flat: list[list[float]]) -> None:
    """Nothing, what is flat or falls, and what too few functions say."""
    assert not page_trend(SIX, flat).rises


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(18, 20), min_size=6, max_size=6), min_size=6, max_size=9))
def test_what_rises_is_significant(blocks: list[list[int]]) -> None:
    """By the sign-flip test of the slopes."""
    found = page_trend(SIX, blocks)
    assert found.slope is not None

    assert found.rises == (found.slope.p <= ALPHA and found.slope.mean < 0)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=6, max_size=6))
def test_the_slope_is_that_of_least_squares(values: list[float]) -> None:
    """Of one block, up to rounding; many have the mean of theirs."""
    found = page_trend(SIX, [values, values])

    assume(found.slope is not None)
    assert found.slope is not None
    assert np.polyfit(SIX, values, 1)[0] == pytest.approx(found.slope.mean, abs=1e-6)


def test_equal_bits_share_a_place() -> None:
    """Swapping bf16 and f16 changes nothing."""
    bits = [16.0, 16.0, 8.5, 4.5]
    blocks = [[20, 18, 17, 15], [19, 20, 19, 18], [20, 20, 18, 20]]

    assert page_trend(bits, blocks) == page_trend(bits, [[b, a, *more] for a, b, *more in blocks])


def test_rounding_makes_no_ranks() -> None:
    """Means of the same lines in another order are tied."""
    assert (0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)
    assert 1.0 == page_test([1, 2], [[(0.1 + 0.2) + 0.3, 0.1 + (0.2 + 0.3)]] * 5)


def test_all_tied() -> None:
    """Nothing differs: no trend, and it is said."""
    found = page_trend(SIX, [[20.0] * 6] * 16)

    assert ("no trend", True, 1.0) == (found.verdict, found.tied, found.p)
    assert {"mean": 0.0, "low": None, "high": None} == found.facts()["slope"]


@pytest.mark.parametrize(
    ("bits", "blocks", "expected"),
    [
        (SIX, [], Trend(0, reason="nothing was answered at every level")),
        ([16.0], [[20.0]] * 3, Trend(3, reason="only one level was asked")),
        ([16.0, 16.0], [[20.0, 19.0]] * 3, Trend(3, reason="all levels have the same bits")),
        ([16.0, 4.5], [[20.0, 1.0]] * 4, Trend(4, reason="4 blocks of 2 levels cannot show a trend")),
        ([16.0, 8.5, 4.5], [[20.0, 9.0, 1.0]], Trend(1, reason="1 block of 3 levels cannot show a trend")),
    ],
)
def test_where_there_can_be_none(bits: list[float], blocks: list[list[float]], expected: Trend) -> None:
    """The reason is stated, and no p-value is made up."""
    found = page_trend(bits, blocks)

    assert expected == found
    assert (None, None) == (found.verdict, found.facts()["slope"])


def test_two_hundred_functions_at_all_eight_types() -> None:
    """Exact as well."""
    random = np.random.default_rng(3)
    falling = random.normal(size=(200, 8)) + np.linspace(0.3, 0, 8)

    assert "trend" == page_trend(list(BITS.values()), falling.tolist()).verdict
