"""NOT WORSE where the true mean loss is delta: how often it is said, over many ways to lose a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_codeneedle.paired import ALPHA, share_limit
from pytest_codeneedle.verdict import DELTA, judge

from .worlds import (
    ALL,
    FEW,
    FUNCTIONS,
    LOW,
    NOISE,
    REFERENCE,
    SD,
    above,
    below,
    cells,
    count,
    judged,
    null_sweeps,
    random,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_codeneedle.paired import Contrast

pytestmark = pytest.mark.simulation

SAMPLES = 2000


def not_worse(found: Contrast) -> bool:
    """The rule of `verdict`, where nothing is WORSE before."""
    return found.tied or (found.interval is not None and found.interval.low > -DELTA)


def said(samples: np.ndarray) -> int:
    """How many of these are called NOT WORSE."""
    return count(map(not_worse, judged(samples)))


#: Differences that are spread alike to both sides of -1.
EVEN: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": lambda draws, shape: whole(draws, -1, SD, shape),
    "Laplace": lambda draws, shape: np.rint(draws.laplace(-1, SD / np.sqrt(2), shape)),
    "half of all lose two": lambda draws, shape: -2.0 * (draws.random(shape) < 0.5),
}
#: Losses alone, or mostly, a line on average: many lose nothing, some lose much.
SKEWED: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "one of five loses five": lambda draws, shape: -5.0 * (draws.random(shape) < 0.2),
    "one of four loses four": lambda draws, shape: -4.0 * (draws.random(shape) < 0.25),
    "one of five loses five, with noise": lambda draws, shape: np.rint(
        -5.0 * (draws.random(shape) < 0.2) + draws.normal(0, 0.7, shape)
    ),
    "heavy ties": lambda draws, shape: -draws.choice(4, p=[0.4, 0.3, 0.2, 0.1], size=shape).astype(float),
    "Poisson": lambda draws, shape: -draws.poisson(1, shape).astype(float),
    "geometric": lambda draws, shape: 1.0 - draws.geometric(0.5, shape),
    "exponential, means of replicates": lambda draws, shape: np.rint(-100 * draws.exponential(1, shape)) / 100,
}


@pytest.mark.parametrize("family", EVEN)
def test_losses_spread_alike(family: str) -> None:
    """One end of a 95 % interval: at most one time in forty."""
    samples = EVEN[family](random(21), (SAMPLES, FUNCTIONS))

    assert -DELTA == pytest.approx(samples.mean(), abs=0.03)
    assert not above(said(samples), SAMPLES, ALPHA / 2)


@pytest.mark.parametrize("family", SKEWED)
def test_losses_of_some(family: str) -> None:
    """At most one time in twenty: where losses are skewed no interval of 16 functions has half of that."""
    samples = SKEWED[family](random(22), (SAMPLES, FUNCTIONS))

    assert -DELTA == pytest.approx(samples.mean(), abs=0.06)
    assert not above(said(samples), SAMPLES, ALPHA)


@pytest.mark.parametrize("n", [8, 40])
def test_other_numbers_of_functions(n: int) -> None:
    """Fewer are called NOT WORSE less often, more keep the level as well."""
    for family in ("normal", "heavy ties", "geometric"):
        samples = (EVEN | SKEWED)[family](random(23), (200, n))
        assert not above(said(samples), 200, ALPHA)


def test_the_true_null_is_called_not_worse() -> None:
    """The other error: with an sd of 1.2 and no loss three sweeps of four are settled."""
    samples = whole(random(24), 0, SD, (SAMPLES, FUNCTIONS))
    assert not below(said(samples), SAMPLES, 0.75)


@pytest.mark.parametrize(("share", "lost"), [(0.05, 20), (0.1, 10)])
def test_rare_losses_hide_and_the_share_left_open_covers_them(share: float, lost: int) -> None:
    """The mean loss is delta, and two to nine samples of twenty show none: no interval of 16 functions can tell.

    So each verdict names the share of functions that may lose lines all the same, which is wrong one time in twenty.
    """
    losing = random(25).random((SAMPLES, FUNCTIONS)) < share
    found = judged(-float(lost) * losing)

    assert above(count(map(not_worse, found)), SAMPLES, ALPHA)
    assert count(map(not_worse, found)) == count(one.tied for one in found)
    assert not above(count(one.share_open < share for one in found), SAMPLES, ALPHA)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("n", [6, 16, 200])
def test_the_share_left_open(n: int, share: float) -> None:
    """Too low in at most one sample of twenty, whatever the truth."""
    lost = random(26).binomial(n, share, SAMPLES).tolist()
    assert not above(count(share_limit(one, n) < share for one in lost), SAMPLES, ALPHA)


def test_what_is_recommended_outright() -> None:
    """The low pair costs delta: recommended at most one time in twenty."""
    draws = random(27)
    sweeps = null_sweeps(draws, 150, FEW)
    sweeps[:, -1] = sweeps[:, 0] + whole(draws, -DELTA, SD, sweeps[:, 0].shape)
    verdicts = [judge(cells(one), REFERENCE, planned=ALL) for one in sweeps]
    outright = [one.recommended.pair == LOW for one in verdicts]  # type: ignore[union-attr]

    assert not above(count(outright), 150, ALPHA)
    assert outright == [one.recommended.selected_from is None for one in verdicts]  # type: ignore[union-attr]


def test_what_is_selected_among_many_is_wrong_more_often() -> None:
    """Every pair costs delta: one of 35 looks good far more often than one of twenty. So it says among how many."""
    draws = random(28)
    able = draws.uniform(8, 18, size=(150, 1, FEW))
    sweeps = np.rint(able + draws.normal(0, NOISE, size=(150, len(ALL), FEW)))
    sweeps[:, 1:] -= DELTA
    verdicts = [judge(cells(one), REFERENCE, planned=ALL) for one in sweeps]
    chosen = [one.recommended for one in verdicts if one.recommended and one.recommended.pair != REFERENCE]

    assert above(len(chosen), 150, ALPHA)
    assert len(chosen) < 0.5 * 150
    assert not above(count(one.pair == LOW for one in chosen), 150, ALPHA)
    assert {35} == {one.selected_from for one in chosen if one.pair != LOW}
