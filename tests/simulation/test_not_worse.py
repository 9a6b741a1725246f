"""NOT WORSE where the true mean loss is delta: how often it is said, over many ways to lose a line.

The other side of it, "mixed pairs buy nothing" where they gain delta, is in test_no_gain.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_codeneedle.runs.design import DEFAULT_DELTA as DELTA
from pytest_codeneedle.stats.paired import ALPHA, share_limit
from pytest_codeneedle.stats.verdict import NOT_WORSE, judge, word

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

    from pytest_codeneedle.stats.paired import Contrast

pytestmark = pytest.mark.simulation

SAMPLES = 2000


def not_worse(found: Contrast, delta: float = DELTA) -> bool:
    """As of a cell that Holm does not let be WORSE: of the declared contrast it is said less often."""
    return word(found, 1.0, delta) == NOT_WORSE


def said(samples: np.ndarray, delta: float = DELTA) -> int:
    """How many of these are called NOT WORSE."""
    return count(not_worse(found, delta) for found in judged(samples))


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


@pytest.mark.parametrize("n", [8, 12, 40])
@pytest.mark.parametrize("family", ["normal", "Laplace", "heavy ties", "Poisson", "geometric"])
def test_losses_of_many_with_other_numbers_of_functions(n: int, family: str) -> None:
    """Where most samples show a loss the level holds; it does not where few functions lose (see below)."""
    samples = (EVEN | SKEWED)[family](random(23), (400 if n > FUNCTIONS else SAMPLES, n))
    assert not above(said(samples), len(samples), ALPHA)


@pytest.mark.parametrize("n", [6, 8, 12])
def test_exponential_losses_of_few_functions(n: int) -> None:
    """With fewer than 16 somewhat above the level: 7 %."""
    samples = SKEWED["exponential, means of replicates"](random(23), (SAMPLES, n))
    assert not above(said(samples), SAMPLES, 0.07)


def losses_of_few(n: int, share: float, noise: float) -> np.ndarray:
    """That share of functions loses 1/share lines, so that the mean loss is delta."""
    draws = random(29)
    lost = -round(DELTA / share) * (draws.random((SAMPLES, n)) < share)
    return np.rint(lost + draws.normal(0, noise, lost.shape)) if noise else lost.astype(float)


FEW_LOSE = pytest.mark.parametrize("share", [1 / 4, 1 / 5, 1 / 8])


@FEW_LOSE
@pytest.mark.parametrize("n", [6, 8, 12, 16])
def test_losses_of_few_hide_as_often_as_none_loses(n: int, share: float) -> None:
    """Such a sample is all tied; of the others next to none is called NOT WORSE. That is the bound, not the level."""
    samples = losses_of_few(n, share, 0)
    tied = count(~samples.any(axis=1))

    assert not above(said(samples), SAMPLES, (1 - share) ** n)
    assert 0 <= said(samples) - tied <= 0.01 * SAMPLES


@FEW_LOSE
@pytest.mark.parametrize("n", [6, 8, 12, 16])
def test_losses_of_few_in_noise_hide_as_often(n: int, share: float) -> None:
    """A sample in which none loses is one of a cache that loses nothing, and no rule can tell the two apart.

    Those in which one loses are called NOT WORSE at most one time in fifty of all: a stricter rule would gain no more.
    """
    samples = losses_of_few(n, share, 0.7)
    loses = (samples <= -3).any(axis=1)

    assert not above(said(samples), SAMPLES, (1 - share) ** n + 0.01)
    assert not above(said(samples[loses]), SAMPLES, 0.02)


@pytest.mark.parametrize("n", [8, 16, 40])
@pytest.mark.parametrize("delta", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("noise", [0.0, 0.05, 0.2])
def test_a_small_delta(n: int, delta: float, noise: float) -> None:
    """Each function loses one line with that chance, and some lose or gain one by chance: the level holds."""
    some = 400 if n > FUNCTIONS else SAMPLES
    drawn = random(30).random((some, n))
    samples = 1.0 * (drawn > 1 - noise) - (drawn < delta + noise)

    assert -delta == pytest.approx(samples.mean(), abs=0.03)
    assert not above(said(samples, delta), some, ALPHA)


@pytest.mark.parametrize(("n", "least"), [(8, 0.25), (12, 0.58), (FUNCTIONS, 0.75)])
def test_the_true_null_is_called_not_worse(n: int, least: float) -> None:
    """The other error: with an sd of 1.2 and no loss three sweeps of four are settled, of eight functions one."""
    samples = whole(random(24), 0, SD, (SAMPLES, n))
    assert not below(said(samples), SAMPLES, least)


@pytest.mark.parametrize(("share", "lost"), [(0.05, 20), (0.1, 10)])
def test_rare_losses_hide_and_the_share_left_open_covers_them(share: float, lost: int) -> None:
    """The mean loss is delta, and four to nine samples of twenty show none: no interval of 16 functions can tell.

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
