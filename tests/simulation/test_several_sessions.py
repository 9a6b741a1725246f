"""Runs of several sessions, or places, in which no server differs: how often the reference is said to be another one.

It is held against itself within each session, over all of them, and between them: one question, and one level.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.report.text.judged import judged
from pytest_codeneedle.runs.design import Frame
from pytest_codeneedle.runs.grid import View
from pytest_codeneedle.stats.claims import claims
from pytest_codeneedle.stats.paired import ALPHA

from .worlds import FEW, LOW, MOST, NOISE, REFERENCE, above, below, count, lines, random

if TYPE_CHECKING:
    from pytest_codeneedle.report.text.judged import Judged

    from .worlds import Floats

pytestmark = pytest.mark.simulation

RUNS = 400
#: The reference's first pass, another cell, the reference's last pass.
ASKED = ((REFERENCE, 0), (LOW, 0), (REFERENCE, 1))
#: With few functions a difference by chance is as large as the loss looked for (see docs/explanation/verdicts.md).
DISTRUSTED = {8: 0.06, FEW: 0.04}


def run(answers: Floats, places: int) -> Judged:
    """What is said of a run: its answers by session and place, pass, function."""
    rows: list[dict[str, Any]] = [
        {
            "ctk": pair.ctk,
            "ctv": pair.ctv,
            "replicate": replicate,
            "function": f"f{name}",
            "outcome": "passed",
            "primary_matched": int(matched),
            "session": f"s{at // places}",
            "host": f"gpu{at % places}",
            "turn": place,
        }
        for at, session in enumerate(answers)
        for place, ((pair, replicate), of_pass) in enumerate(zip(ASKED, session, strict=True))
        for name, matched in enumerate(of_pass)
    ]
    return judged(rows, Frame((REFERENCE, LOW), REFERENCE, MOST, answers.shape[-1], minimum=0.0), View())


@pytest.mark.parametrize(
    ("sessions", "places", "functions"),
    [*product((2, 3), (1,), (8, FEW)), pytest.param(1, 2, FEW, id="one session, two places")],
)
def test_no_server_differs(sessions: int, places: int, functions: int) -> None:
    """The reference drifted, within or between, in one run of twenty; distrusted for its size in as many as is said."""
    draws = random(61)
    able = draws.uniform(12, 21, size=(RUNS, 1, 1, functions))
    shape = (RUNS, sessions * places, len(ASKED), functions)
    found = [run(answers, places) for answers in lines(able + draws.normal(0, NOISE, size=shape))]
    drifted = [one for each in found for one in claims(each.verdict, each.drifts) if one.name == "drift"]

    assert len(drifted) == RUNS
    assert not above(count(one.made for one in drifted), RUNS, ALPHA)
    assert not above(count(bool(each.distrust) for each in found), RUNS, DISTRUSTED[functions])


def test_a_server_that_differs() -> None:
    """Two lines lower in the second of two sessions, or from the first pass to the last: seen nearly always."""
    draws = random(62)
    able = draws.uniform(15, 19, size=(100, 1, 1, FEW))
    answers = able + draws.normal(0, NOISE, size=(100, 2, len(ASKED), FEW))
    for lower in ((slice(None), 1), (slice(None), slice(None), 2)):
        drifting = answers.copy()
        drifting[lower] -= 2
        found = [run(of_run, 1) for of_run in lines(drifting)]
        assert not below(count(bool(each.distrust) for each in found), 100, 0.95)
