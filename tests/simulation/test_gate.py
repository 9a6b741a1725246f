"""The gate on simulated upgrades with a known truth: how often it is red where nothing changed, and where lines went.

Each function has a level of its own, moves by some lines from run to run in all cells together, and has noise in each;
answers are whole lines from 0 to 20.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import binom
from stored_runs import run_of

from pytest_codeneedle.core.kv_types import grid_pairs
from pytest_codeneedle.stats.comparison import Comparison, compare
from pytest_codeneedle.stats.paired import ALPHA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_codeneedle.runs.stored_run import StoredRun

pytestmark = pytest.mark.simulation

FUNCTIONS = 16
TYPES = ("bf16", "q8_0", "q4_0")
PAIRS = [str(pair) for pair in grid_pairs(TYPES, TYPES)]
UPGRADES = 2000
#: Odds of one in a thousand that a rate which keeps its level is called too high.
MOST_RED = int(binom.ppf(0.999, UPGRADES, ALPHA))


def simulated(rng: np.random.Generator, levels: np.ndarray, shared: float, losses: Mapping[str, float]) -> StoredRun:
    """A run of these functions; its cells lose `losses` lines of each."""
    moved = rng.normal(0, shared, FUNCTIONS)
    drawn = {pair: levels + moved - losses.get(pair, 0.0) + rng.normal(0, 0.85, FUNCTIONS) for pair in PAIRS}
    return run_of({pair: np.clip(np.rint(lines), 0, 20).tolist() for pair, lines in drawn.items()})


def upgrades(count: int, low: int, shared: float, losses: Mapping[str, float]) -> Iterator[Comparison]:
    """An old and a new run each time, of functions with levels from `low` to 20 and beyond."""
    rng = np.random.default_rng(20260802)
    for _ in range(count):
        levels = rng.uniform(low, 22, FUNCTIONS)
        yield compare(simulated(rng, levels, shared, {}), simulated(rng, levels, shared, losses))


@pytest.mark.parametrize(
    ("low", "shared"),
    [
        pytest.param(8, 0.0, id="noise in each cell"),
        pytest.param(8, 1.5, id="functions move in all cells together"),
        pytest.param(19, 0.5, id="mostly at the ceiling"),
    ],
)
def test_nothing_changed(low: int, shared: float) -> None:
    """Red in at most 5 % of 2,000 upgrades that changed nothing."""
    red = sum(found.worse for found in upgrades(UPGRADES, low, shared, {}))

    assert red <= MOST_RED


@pytest.mark.parametrize(
    "losses",
    [
        pytest.param(dict.fromkeys(PAIRS, 1.0), id="a line of every function in every cell"),
        pytest.param({"q4_0/q4_0": 2.0}, id="two lines in the lowest pair"),
        pytest.param({"q8_0/q4_0": 2.0}, id="two lines in another cell"),
    ],
)
def test_something_was_lost(losses: dict[str, float]) -> None:
    """Red in at least four of five, with a paired sd of 1.2 (each run's noise is 0.85)."""
    found = list(upgrades(200, 8, 0.0, losses))

    assert sum(one.worse for one in found) >= 160
