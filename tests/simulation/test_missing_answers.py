"""Answers that are missing where a cell would have lost lines: how often NOT WORSE is said all the same.

The truth is what the cell would have lost, had it answered; in what is seen, each such answer is missing with some
chance. Left out, they make a cell look good; counted as lost, far worse than it is; what is said is what both say.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_codeneedle.runs.design import DEFAULT_DELTA as DELTA
from pytest_codeneedle.runs.grid import View
from pytest_codeneedle.stats.agreement import agreed
from pytest_codeneedle.stats.missing import missing
from pytest_codeneedle.stats.paired import ALPHA, contrasts
from pytest_codeneedle.stats.verdict import NOT_WORSE, WORSE, judge, word

from .test_not_worse import EVEN, SKEWED
from .worlds import (
    ALL,
    FEW,
    FUNCTIONS,
    LOW,
    MOST,
    REFERENCE,
    SD,
    above,
    below,
    cells,
    count,
    null_sweeps,
    random,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pytest_codeneedle.stats.verdict import Verdict, Word

pytestmark = pytest.mark.simulation

SAMPLES = 1000
#: Of those of test_not_worse.py some of each kind.
FAMILIES = ("normal", "one of five loses five, with noise", "one of four loses four", "Poisson", "heavy ties")


def words(samples: Sequence[Sequence[float]]) -> list[Word | None]:
    """What is said of each sample of a declared contrast."""
    return [word(found, found.p, DELTA) for found in contrasts(samples)]


def both_ways(samples: np.ndarray, gone: np.ndarray) -> tuple[list[Word | None], list[Word | None]]:
    """What is said with missing answers left out, and where they count as lost; the reference is flawless."""
    left_out = words([sample[~of_sample].tolist() for sample, of_sample in zip(samples, gone, strict=True)])
    return left_out, words(np.where(gone, -MOST, samples).tolist())


def agree(left_out: Sequence[Word | None], lost: Sequence[Word | None], which: Word) -> int:
    """How often both ways say it."""
    return count(one == other == which for one, other in zip(left_out, lost, strict=True))


@pytest.mark.parametrize("refused", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_would_have_lost_lines_is_missing(family: str, refused: float) -> None:
    """The mean loss is delta, and each function that loses is missing with that chance: the level holds."""
    draws = random(41)
    samples = (EVEN | SKEWED)[family](draws, (SAMPLES, FUNCTIONS))
    gone = (samples < 0) & (draws.random(samples.shape) < refused)
    left_out, lost = both_ways(samples, gone)

    assert not above(agree(left_out, lost, NOT_WORSE), SAMPLES, ALPHA / 2 if family in EVEN else ALPHA)
    if refused == 1.0 and "loses" in family:  # left out alone they would be all that there is to see
        assert above(count(one == NOT_WORSE for one in left_out), SAMPLES, 10 * ALPHA)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_missing_by_chance_makes_no_cell_worse(share: float) -> None:
    """Nothing is lost, and that share of answers is missing for reasons of its own."""
    draws = random(42)
    samples = whole(draws, 0, SD, (SAMPLES, FUNCTIONS))
    left_out, lost = both_ways(samples, draws.random(samples.shape) < share)

    assert not above(agree(left_out, lost, WORSE), SAMPLES, ALPHA / 2)


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0.75, 1.0), (0.01, 0.6, 0.75), (0.05, 0.25, 0.42)])
def test_the_price_of_what_is_missing_by_chance(share: float, least: float, most: float) -> None:
    """One answer that is missing settles nothing with 16 functions: no one knows why it is."""
    draws = random(43)
    samples = whole(draws, 0, SD, (SAMPLES, FUNCTIONS))
    said = agree(*both_ways(samples, draws.random(samples.shape) < share), NOT_WORSE)

    assert not below(said, SAMPLES, least)
    assert not above(said, SAMPLES, most)


def test_a_pair_that_refuses_is_not_recommended() -> None:
    """A whole grid: the low pair costs delta and gives no answer to half of what it loses."""
    draws = random(44)
    sweeps = null_sweeps(draws, 150, FEW)
    sweeps[:, -1] = sweeps[:, 0] + whole(draws, -DELTA, SD, sweeps[:, 0].shape)
    gone = (sweeps[:, -1] < sweeps[:, 0]) & (draws.random(sweeps[:, 0].shape) < 0.5)
    verdicts = [verdict(sweep, of_sweep) for sweep, of_sweep in zip(sweeps, gone, strict=True)]

    assert not above(count(one.recommended is not None and one.recommended.pair == LOW for one in verdicts), 150, ALPHA)
    assert count(one.cell(LOW).verdict == NOT_WORSE for one in verdicts) <= 1  # type: ignore[union-attr]


def verdict(sweep: np.ndarray, gone: np.ndarray) -> Verdict:
    """On one sweep, these functions of the low pair being missing."""
    lines = cells(sweep)
    rows: list[dict[str, Any]] = [
        {"ctk": pair.ctk, "ctv": pair.ctv, "function": name, "outcome": "passed", "primary_matched": int(found)}
        for pair in (REFERENCE, LOW)
        for name, found in lines[pair].items()
    ]
    for row, is_gone in zip(rows[len(gone) :], gone.tolist(), strict=True):
        row.update({"outcome": "error", "primary_matched": None} if is_gone else {})
    found = missing(rows, REFERENCE, View())
    names = found.functions.get(LOW, frozenset())
    left_out = {**lines, LOW: {name: figure for name, figure in lines[LOW].items() if name not in names}}
    lost = {**lines, LOW: {name: 0.0 if name in names else figure for name, figure in lines[LOW].items()}}
    one, other = (judge(way, REFERENCE, planned=ALL) for way in (left_out, lost))
    return agreed(replace(one, unknown=0), other, found)
