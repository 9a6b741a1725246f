"""All that one report says of a sweep in which no cache differs: how often any of it is a claim.

Each claim keeps a level of its own (the other files); a person reads all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, grid_pairs
from pytest_codeneedle.stats.claims import ONE_IN, claims
from pytest_codeneedle.stats.paired import ALPHA
from pytest_codeneedle.stats.verdict import INCONCLUSIVE, NOT_WORSE, WORSE, judge

from .worlds import ALL, FEW, LOW, MOST, NOISE, REFERENCE, above, cells, count, lines, null_sweeps, random

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from pytest_codeneedle.stats.verdict import Verdict

pytestmark = pytest.mark.simulation

THREE = grid_pairs(("bf16", "q8_0", "q4_0"), ("bf16", "q8_0", "q4_0"))


def verdicts(sweeps: np.ndarray, last: np.ndarray) -> Iterator[Verdict]:
    """Of these sweeps of the default grid, each with a last pass over its reference."""
    for sweep, again in zip(sweeps, last, strict=True):
        names = {f"f{place}": float(value) for place, value in enumerate(again)}
        yield judge(cells(sweep), REFERENCE, planned=ALL, again=names, lines=MOST)


@pytest.mark.parametrize(("functions", "sweeps"), [(8, 600), (FEW, 150)])
def test_how_often_anything_is_claimed(functions: int, sweeps: int) -> None:
    """More often than one claim alone, as it is said beside them; what would stand at one level keeps that level."""
    draws = random(51)
    able = draws.uniform(12, 21, size=(sweeps, 1, functions))
    asked = lines(able + draws.normal(0, NOISE, size=(sweeps, len(ALL) + 1, functions)))
    found = [claims(verdict) for verdict in verdicts(asked[:, :-1], asked[:, -1])]

    assert not above(count(any(claim.made for claim in one) for one in found), sweeps, 1 / ONE_IN)
    assert not above(count(any(claim.stands for claim in one) for one in found), sweeps, ALPHA)


def test_a_smaller_grid() -> None:
    """Three types on each side, 12 functions."""
    draws, sweeps = random(52), 300
    able = draws.uniform(12, 21, size=(sweeps, 1, FEW))
    asked = lines(able + draws.normal(0, NOISE, size=(sweeps, len(THREE) + 1, FEW)))
    found = []
    for *sweep, last in asked.tolist():
        named = {pair: {f"f{at}": one for at, one in enumerate(row)} for pair, row in zip(THREE, sweep, strict=True)}
        again = {f"f{at}": one for at, one in enumerate(last)}
        found.append(claims(judge(named, REFERENCE, planned=THREE, again=again, lines=MOST)))

    assert not above(count(any(claim.made for claim in one) for one in found), sweeps, 1 / ONE_IN)
    assert not above(count(any(claim.stands for claim in one) for one in found), sweeps, ALPHA)


def test_what_is_there_stands() -> None:
    """Where the low pair loses two lines it is WORSE in nearly all sweeps, and at one level for all in most."""
    draws, sweeps = random(53), 100
    asked = null_sweeps(draws, sweeps, FEW)
    asked[:, -1] = lines(asked[:, -1] - 2)
    last = lines(asked[:, 0] + draws.normal(0, NOISE, size=asked[:, 0].shape))
    made = [claim for verdict in verdicts(asked, last) for claim in claims(verdict) if claim.name == f"{LOW} {WORSE}"]

    assert count(claim.made for claim in made) >= 95
    assert count(claim.stands for claim in made) >= 80


def test_a_server_that_drifts_by_chance_or_not_decides_nothing() -> None:
    """Between first and last each function of the reference may lose much: no NOT WORSE beside a loss as large."""
    draws, sweeps = random(54), 100
    asked = null_sweeps(draws, sweeps, 8)
    last = lines(asked[:, 0] - 20.0 * (draws.random(asked[:, 0].shape) < 0.2))
    for verdict in verdicts(asked, last):
        words = {cell.verdict for cell in verdict.cells}
        assert verdict.again is not None
        assert (NOT_WORSE not in words) or abs(verdict.again.contrast.mean) < verdict.delta
        assert words <= {NOT_WORSE, WORSE, INCONCLUSIVE}


def test_a_reference_that_recalls_little_recommends_nothing() -> None:
    """However little is lost beside it; and what is lost is WORSE as often as ever."""
    draws = random(55)
    asked = lines(draws.uniform(0, 16, size=(100, 1, FEW)) + draws.normal(0, NOISE, size=(100, len(ALL), FEW)))
    asked[:, -1] = lines(asked[:, -1] - 4)
    found = list(verdicts(asked, asked[:, 0]))
    low = [verdict.cell(LOW) for verdict in found]

    assert not {NOT_WORSE} & {cell.verdict for verdict in found for cell in verdict.cells}
    assert {None} == {verdict.recommended for verdict in found}
    assert count(cell is not None and cell.verdict == WORSE for cell in low) >= 95
    assert DEFAULT_TYPES[-1] == LOW.ctk
