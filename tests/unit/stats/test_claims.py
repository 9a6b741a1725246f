"""What is claimed of a grid, and what would stand at one level for all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sweeps import LOW, REFERENCE, judged, on_k, sweep

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.stats.claims import Claim, claims, claims_sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

CHANCE = (
    "Each claim has a level of its own: where no cache differs, about 1 sweep in 5 makes one (simulated). If all "
    "shared one level,"
)


def test_all_that_is_tested() -> None:
    """Falls and rises of both sides, the declared cell, the others as one, mixed pairs, drift; plain for JSON."""
    cells = sweep(on_k)
    found = claims(judged(cells, again=cells[REFERENCE]))
    assert [
        ("a fall over K", True),
        ("a rise over K", False),
        ("a fall over V", False),
        ("q4_0/q4_0 WORSE", True),
        ("q8_0/bf16 and 28 more WORSE", True),
        ("mixed pairs over q4_0/q4_0", True),
        ("drift", False),
    ] == [(claim.name, claim.made) for claim in found]
    assert all(claim.made == claim.stands for claim in found)
    assert len(json.loads(json.dumps([claim.facts() for claim in found]))) == len(found)


def test_a_claim_of_a_twentieth_does_not_stand() -> None:
    """Declared, it is WORSE at p = 0.031; beside two other tests that is no longer rare."""
    cells = sweep(lambda pair, at: float(pair == LOW and at < 6), pairs=(REFERENCE, KVPair("q8_0", "q8_0"), LOW))
    found = claims(judged(cells, again=cells[REFERENCE]))
    (made,) = [claim for claim in found if claim.made]
    assert ("q4_0/q4_0 WORSE", False) == (made.name, made.stands)
    assert made.p == pytest.approx(0.03125)
    assert f"{CHANCE} it would not stand: q4_0/q4_0 WORSE." == claims_sentence(found)


@pytest.mark.parametrize(
    ("shared", "said"),
    [
        ([], ""),
        ([0.01], " a would stand."),
        ([0.2], " it would not stand: a."),
        ([0.01, 0.02], " all that is claimed here would stand."),
        ([0.1, 0.2], " none of what is claimed here would stand: a, b."),
        ([0.01, 0.2], " a would stand; b would not."),
    ],
)
def test_which_stand_is_said(shared: Sequence[float], said: str) -> None:
    """Of what is claimed alone."""
    made = [Claim(name, 0.01, made=True, shared_p=p) for name, p in zip("ab", shared, strict=False)]
    sentence = claims_sentence([*made, Claim("never", 0.9, made=False)])
    assert (f"{CHANCE}{said}" if said else "") == sentence
