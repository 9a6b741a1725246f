"""2,000 sweeps of 36 cells and 16 functions where the cache makes no difference: how often one is seen all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_codeneedle.core.kv_types import BITS, DEFAULT_TYPES
from pytest_codeneedle.stats.paired import ALPHA, holm, sign_flip
from pytest_codeneedle.stats.trend import page_test
from pytest_codeneedle.stats.verdict import judge

from .worlds import ALL, FEW, LOW, NOISE, REFERENCE, above, cells, count, lines, null_sweeps, random

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.simulation

SWEEPS = 2000
SIX = [BITS[name] for name in DEFAULT_TYPES]


@pytest.fixture(scope="module")
def sweeps() -> np.ndarray:
    """By sweep, cell and function."""
    return null_sweeps(random(1), SWEEPS)


@pytest.fixture(scope="module")
def ps(sweeps: np.ndarray) -> np.ndarray:
    """By sweep and cell: the p-value of each but the reference."""
    differences = sweeps[:, 1:] - sweeps[:, :1]
    return np.array([[sign_flip(one) for one in sweep] for sweep in differences.tolist()])


def test_the_world_is_what_it_says(sweeps: np.ndarray) -> None:
    """Whole lines, some at the ceiling, a paired sd near 1.2 where there is none."""
    differences = (sweeps[:, 1] - sweeps[:, 0])[sweeps[:, 0] < 18]

    assert 1.2 == pytest.approx(differences.std(), abs=0.05)
    assert 0.1 < (sweeps == 20).mean() < 0.4


def test_the_declared_contrast(ps: np.ndarray) -> None:
    """The low pair: significant in either direction in at most one sweep of twenty."""
    assert not above(int((ps[:, -1] <= ALPHA).sum()), SWEEPS, ALPHA)


def test_worse_in_the_declared_contrast(sweeps: np.ndarray, ps: np.ndarray) -> None:
    """WORSE is one direction of the two: half the level."""
    worse = (ps[:, -1] <= ALPHA) & ((sweeps[:, -1] - sweeps[:, 0]).mean(axis=1) < 0)
    assert not above(int(worse.sum()), SWEEPS, ALPHA / 2)


def test_all_other_cells_together(ps: np.ndarray) -> None:
    """Holm over 34 that share their reference: one of them is wrong in at most one sweep of twenty."""
    alarms = count(min(holm(sweep)) <= ALPHA for sweep in ps[:, :-1].tolist())
    assert not above(alarms, SWEEPS, ALPHA)


@pytest.mark.parametrize("side", ["K", "V"])
def test_each_trend(sweeps: np.ndarray, side: str) -> None:
    """Over the six levels, each the mean over the other side."""
    grids = sweeps.reshape(SWEEPS, 6, 6, -1)
    blocks = grids.mean(axis=2 if side == "K" else 1).transpose(0, 2, 1)
    alarms = count(page_test(SIX, sweep) <= ALPHA for sweep in blocks.tolist())

    assert not above(alarms, SWEEPS, ALPHA)


def one_in_ten(draws: np.random.Generator) -> np.ndarray:
    """Nine functions of ten are perfect everywhere."""
    return (draws.random((SWEEPS, 16, 1)) < 0.1) * (draws.random((SWEEPS, 16, 6)) < 0.4)


def one_level_of(share: float) -> Callable[[np.random.Generator], np.ndarray]:
    """So many functions lose a line or two in one cell, at whatever level; all else is tied."""

    def lost(draws: np.random.Generator) -> np.ndarray:
        at = draws.integers(6, size=(SWEEPS, 16, 1)) == np.arange(6)
        return at * (draws.random((SWEEPS, 16, 1)) < share) * draws.integers(1, 3, size=(SWEEPS, 16, 1)) / 6

    return lost


def rare_in(share: float) -> Callable[[np.random.Generator], np.ndarray]:
    """That share of all answers loses some lines, whatever the cell."""

    def lost(draws: np.random.Generator) -> np.ndarray:
        answers = draws.random((SWEEPS, 16, 6, 6)) < share
        return (answers * draws.integers(1, 20, size=answers.shape)).mean(axis=3)

    return lost


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(one_in_ten, id="one function of ten"),
        *(pytest.param(one_level_of(share), id=f"one level of {share:.0%}") for share in (0.1, 0.3, 0.5)),
        *(pytest.param(rare_in(share), id=f"{share:.1%} of answers") for share in (0.005, 0.02, 0.1)),
    ],
)
def test_trends_with_heavy_ties(lost: Callable[[np.random.Generator], np.ndarray]) -> None:
    """Where no level differs from another, however few answers do."""
    alarms = count(page_test(SIX, sweep) <= ALPHA for sweep in (20.0 - lost(random(2))).tolist())

    assert not above(alarms, SWEEPS, ALPHA)


def test_drift() -> None:
    """The reference asked twice by the same server."""
    draws = random(3)
    able = draws.uniform(12, 21, size=(SWEEPS, 1, 16))
    passes = lines(able + draws.normal(0, NOISE, size=(SWEEPS, 2, 16)))
    alarms = count(sign_flip(one) <= ALPHA for one in (passes[:, 1] - passes[:, 0]).tolist())

    assert not above(alarms, SWEEPS, ALPHA)


def test_the_whole_verdict() -> None:
    """End to end, 400 sweeps of 12 functions: no kind of alarm above its level, nothing left unsaid."""
    sweeps = 400
    verdicts = [judge(cells(one), REFERENCE, planned=ALL) for one in null_sweeps(random(4), sweeps, FEW)]
    words = [{cell.pair: cell.verdict for cell in verdict.cells} for verdict in verdicts]

    assert not above(count(one[LOW] == "WORSE" for one in words), sweeps, ALPHA / 2)
    assert not above(count("WORSE" in {**one, LOW: None}.values() for one in words), sweeps, ALPHA)
    for side in ("k", "v"):
        assert not above(count(getattr(one, side).trend.verdict == "trend" for one in verdicts), sweeps, ALPHA)
    assert None not in {word for one in words for word in one.values()}
