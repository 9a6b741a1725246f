"""Paired differences: the tests against scipy and statsmodels, and the laws of p-values and intervals."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, permutation_test

from pytest_codeneedle.core.text import Interval
from pytest_codeneedle.stats.paired import ALPHA, Contrast, contrast, contrasts, holm, share_limit, sign_flip

LINES = st.lists(st.integers(-20, 20), min_size=1, max_size=12)
REPLICATED = st.lists(st.integers(-60, 60).map(lambda thirds: thirds / 3), min_size=1, max_size=12)
NATS = st.lists(st.integers(-9999, 9999).map(lambda one: one * math.pi / 1000), min_size=1, max_size=9)
ANY = st.one_of(LINES, REPLICATED, NATS)
ALTERNATIVES = ("two-sided", "less", "greater")


@settings(max_examples=60)
@given(st.one_of(LINES, REPLICATED).filter(lambda some: len(some) > 1), st.sampled_from(ALTERNATIVES))
def test_the_exact_test_is_scipys(differences: list[float], alternative: str) -> None:
    """With all 2^n signs, ties and zeros included."""
    reference = permutation_test(
        (np.array(differences),),
        lambda sample, axis: sample.sum(axis=axis).round(6),
        permutation_type="samples",
        alternative=alternative,
        n_resamples=np.inf,
        vectorized=True,
    )
    assert reference.pvalue == pytest.approx(sign_flip(differences, alternative=alternative))  # type: ignore[arg-type]


@settings(max_examples=40)
@given(NATS, st.sampled_from(ALTERNATIVES))
def test_real_numbers_are_counted_the_same_way(differences: list[float], alternative: str) -> None:
    """No unit fits them: every sign is tried."""
    total, bound = math.fsum(differences), 1e-9
    signs = itertools.product((1, -1), repeat=len(differences))
    flipped = [math.fsum(sign * one for sign, one in zip(row, differences, strict=True)) for row in signs]
    far = {
        "two-sided": [abs(one) >= abs(total) - bound for one in flipped],
        "less": [one <= total + bound for one in flipped],
        "greater": [one >= total - bound for one in flipped],
    }[alternative]

    assert sum(far) / len(far) == pytest.approx(sign_flip(differences, alternative=alternative))  # type: ignore[arg-type]


@given(ANY)
def test_laws_of_p(differences: list[float]) -> None:
    """A probability; order and zeros do not matter, and with other signs the alternatives change places."""
    p = sign_flip(differences)
    less, greater = (sign_flip(differences, alternative=side) for side in ("less", "greater"))

    assert 0 < p <= 1
    assert p == pytest.approx(sign_flip(sorted(differences))) == pytest.approx(sign_flip([-one for one in differences]))
    assert less == pytest.approx(sign_flip([-one for one in differences], alternative="greater"))
    assert p == pytest.approx(min(1, 2 * less, 2 * greater))
    assert p == pytest.approx(sign_flip([*differences, 0]))
    assert 1 <= less + greater + 1e-12


@given(st.integers(1, 200))
def test_losses_of_one_line_are_a_sign_test(n: int) -> None:
    """All n of them: 2 / 2^n, also where 2^n signs cannot be tried."""
    assert min(1.0, 2 * 0.5**n) == pytest.approx(sign_flip([-1] * n))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([-1, 1]), min_size=17, max_size=300))
def test_many_functions_against_the_binomial(differences: list[int]) -> None:
    """Where each function loses or gains one line the test is McNemar's exact one."""
    lost = differences.count(-1)
    assert binomtest(lost, len(differences)).pvalue == pytest.approx(sign_flip(differences))
    assert binomtest(lost, len(differences), alternative="greater").pvalue == pytest.approx(
        sign_flip(differences, alternative="less")
    )


def test_many_real_numbers_are_drawn() -> None:
    """65535 random signs with the observation: close to the exact value, the same each time, never zero."""
    random = np.random.default_rng(5)
    whole = random.integers(-3, 3, size=40)
    nudged = (whole + random.normal(0, 1e-6, size=40)).tolist()

    assert sign_flip(whole.tolist()) == pytest.approx(sign_flip(nudged), abs=0.01)
    assert sign_flip(nudged) == sign_flip(nudged)
    assert 2 / 65536 == sign_flip([-math.pi - one / 7.0e5 for one in range(60)])


def test_units_too_small_to_convolve_are_counted() -> None:
    """Thousands of lines in thousandths: the count of all signs gives what the convolution would."""
    differences = [-1000.001, -2000.002, 3000.003, -4000.004, 0.001, 500.25]

    assert sign_flip([round(one * 1000) for one in differences]) == pytest.approx(sign_flip(differences))


def test_differences_without_a_common_unit_are_counted() -> None:
    """Each is a fraction of a small number, and their common unit is beyond what doubles hold."""
    primes = (997, 991, 983, 977, 971, 967, 953, 947)
    found = contrast([-1 / prime for prime in primes])

    assert 2 / 2**8 == found.p == sign_flip([-1 / prime for prime in primes])
    assert -1 / 997 >= found.mean >= -1 / 947
    assert found.interval is not None
    assert found.interval.high < 0


@settings(max_examples=60)
@given(st.one_of(LINES, NATS))
def test_the_interval_inverts_the_test(differences: list[float]) -> None:
    """It ends below zero exactly where a loss is significant, and begins above it exactly where a gain is."""
    found = contrast(differences)
    if found.interval is None:
        assert found.tied
        return
    low, high = found.interval.low, found.interval.high
    assert low <= found.mean + 1e-9
    assert found.mean <= high + 1e-9
    assert (found.p <= ALPHA and found.mean < 0) == (high < 0)
    assert (found.p <= ALPHA and found.mean > 0) == (low > 0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=6, max_size=9), st.integers(1, 9))
def test_means_outside_the_interval_are_rejected(differences: list[int], steps: int) -> None:
    """With any mean taken off the differences: in its direction, where it lies above or below."""
    found = contrast(differences)
    assume(found.interval is not None)
    assert found.interval is not None
    above, below = found.interval.high + steps / 16, found.interval.low - steps / 16

    assert sign_flip([one - above for one in differences], alternative="less") <= ALPHA / 2
    assert sign_flip([one - below for one in differences], alternative="greater") <= ALPHA / 2


@given(ANY, st.integers(-50, 50))
def test_the_interval_moves_with_the_differences(differences: list[float], shift: int) -> None:
    """A line more for each function is a line more for both ends, far from zero, which is the test's to judge."""
    before, after = (contrast([one + 1000 + more for one in differences]) for more in (0, shift))
    assert before.interval is not None
    assert after.interval is not None

    assert before.interval.high + shift == pytest.approx(after.interval.high, abs=1e-6)
    assert before.interval.low + shift == pytest.approx(after.interval.low, abs=1e-6)


@given(ANY)
def test_the_interval_of_the_negative_is_the_negative(differences: list[float]) -> None:
    """Neither end is another kind of end than the other."""
    one, other = contrast(differences).interval, contrast([-each for each in differences]).interval
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert (-one.high, -one.low) == pytest.approx((other.low, other.high), abs=1e-9)


def test_skewed_losses_lower_the_lower_end() -> None:
    """One function of sixteen lost four lines: the means of subsets alone would end at -4/5."""
    interval = contrast([-4] + [0] * 15).interval

    assert interval is not None
    assert interval.low < -1
    assert 0 <= interval.high < 0.1
    assert Interval(-2, -2) == contrast([-2] * 16).interval


def test_skewed_gains_raise_the_upper_end() -> None:
    """What mixed pairs have more, and slopes, are skewed the other way."""
    interval = contrast([4] + [0] * 15).interval

    assert interval is not None
    assert interval.high > 1


def test_an_end_that_the_test_settled_stays_on_its_side_of_zero() -> None:
    """Seven of eight lose a line: significant, though Hall's limit alone would be above zero."""
    found = contrast([-1] * 7 + [0])

    assert found.p <= ALPHA
    assert found.interval is not None
    assert found.interval.high < 0


@pytest.mark.parametrize(("n", "closed"), [(1, False), (5, False), (6, True), (16, True), (17, True), (60, True)])
def test_six_functions_are_needed(n: int, closed: bool) -> None:
    """Fewer can reject nothing: both ends are open, and plain facts say None."""
    found = contrast([-1.0, *([-2.0] * (n - 1))])

    assert found.interval is not None
    assert closed == all(map(math.isfinite, (found.interval.low, found.interval.high)))
    assert closed == (found.facts()["low"] is not None)


def test_random_subsets_are_close_to_all() -> None:
    """Seventeen functions have an interval of random subsets, near that of sixteen whose mean is theirs."""
    lines = [-2, -1, 0, 1, -1, 0, -2, 1, -1, 0, 0, -1, 2, -2, -1, 0]
    most, all_of = contrast([*lines, -0.4375]).interval, contrast(lines).interval

    assert most is not None
    assert all_of is not None
    assert all_of.low == pytest.approx(most.low, abs=0.1)
    assert all_of.high == pytest.approx(most.high, abs=0.1)


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([], Contrast(0, 0.0, None, 1.0, None, tied=False, lost=0, share_open=1.0)),
        ([0], Contrast(1, 0.0, None, 1.0, None, tied=True, lost=0, share_open=0.95)),
        (
            [3.0],
            Contrast(1, 3.0, None, 1.0, Interval(-math.inf, math.inf), tied=False, lost=0, share_open=0.95),
        ),
        ([-2] * 6, Contrast(6, -2.0, 0.0, 0.03125, Interval(-2.0, -2.0), tied=False, lost=6, share_open=1.0)),
    ],
)
def test_small_samples(differences: list[float], expected: Contrast) -> None:
    """None, one, all zero, all equal: each has its stated result."""
    found = contrast(differences)

    assert expected.share_open == pytest.approx(found.share_open)
    assert expected == Contrast(**{**vars(found), "share_open": expected.share_open})


def test_plain_facts_of_nothing() -> None:
    """No mean, no sd, no ends."""
    facts = contrast([]).facts()

    assert [None] * 4 == [facts[name] for name in ("mean", "sd", "low", "high")]
    assert (0, 1.0) == (facts["n"], facts["p"])


def test_rounding_loses_no_line() -> None:
    """Means over three replicates differ by a rounding error of doubles: neither a loss nor a difference."""
    noise = (58 / 3 - 56 / 3) - 2 / 3
    found = contrast([noise, 0.0, 19.3 - 19.3, 1 / 3 - 2 / 3 + 1 / 3])

    assert noise != 0
    assert (True, 0, 0.0) == (found.tied, found.lost, found.mean)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    """Before anything is made of it."""
    with pytest.raises(ValueError, match="not a finite number"):
        contrast([1.0, value])
    with pytest.raises(ValueError, match="not a finite number"):
        sign_flip([value])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 3), max_size=18), max_size=6))
def test_many_at_once_are_each_by_itself(samples: list[list[int]]) -> None:
    """In the order given, whatever their sizes."""
    assert [contrast(sample) for sample in samples] == contrasts(samples)


def test_more_samples_than_are_taken_at_a_time() -> None:
    """Each keeps its place."""
    samples = [[one, -1, 0, 2, 1, -3] for one in range(150)]

    assert [float(np.mean(sample)) for sample in samples] == [found.mean for found in contrasts(samples)]


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_holm_is_that_of_statsmodels(ps: list[float]) -> None:
    """Adjusted values and what is rejected."""
    from statsmodels.stats.multitest import multipletests  # noqa: PLC0415 - takes five seconds

    rejected, adjusted, *_ = multipletests(ps, alpha=ALPHA, method="holm")

    assert adjusted.tolist() == pytest.approx(holm(ps))
    assert rejected.tolist() == [p <= ALPHA for p in holm(ps)] or any(p == pytest.approx(ALPHA) for p in holm(ps))


def test_holm_by_hand() -> None:
    """The smallest of four is multiplied by four, the next by three; none is below one before it."""
    assert [0.04, 0.06, 0.06, 0.5] == pytest.approx(holm([0.01, 0.02, 0.03, 0.5]))


@given(st.lists(st.floats(0, 1), max_size=40))
def test_laws_of_holm(ps: list[float]) -> None:
    """Never smaller than given, never above one, in the same order; none of nothing, one alone as it is."""
    adjusted = holm(ps)

    assert all(one <= more <= 1 for one, more in zip(ps, adjusted, strict=True))
    in_order = sorted(range(len(ps)), key=ps.__getitem__)
    assert [adjusted[place] for place in in_order] == sorted(adjusted)
    assert ps[:1] == holm(ps[:1])


@given(st.integers(1, 300), st.data())
def test_the_share_left_open_is_clopper_and_pearsons(n: int, data: st.DataObject) -> None:
    """As scipy's binomtest has it, one-sided."""
    lost = data.draw(st.integers(0, n))
    exact = binomtest(lost, n, alternative="less").proportion_ci(confidence_level=1 - ALPHA, method="exact")

    assert exact.high == pytest.approx(share_limit(lost, n), abs=1e-9)
