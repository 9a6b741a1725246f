"""How far a run is: done, left, and how long that takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.runs.status import standing, standing_lines

PAIRS = ["q8_0/q8_0", "q8_0/q4_0", "q4_0/q4_0"]
ABOUT = {"pairs": PAIRS, "cells": PAIRS, "asked": ["f", "g"], "functions": []}


def row(pair: str, function: str, outcome: str = "passed", **more: Any) -> dict[str, Any]:
    """A row with one second of loading, two of warming up, and an answer of half a second."""
    ctk, ctv = pair.split("/")
    timed = {"load_seconds": 1.0, "warm_up_ms": 2000.0, "prompt_ms": 100.0, "predicted_ms": 400.0}
    if outcome == "error":
        timed = {}
    return {"ctk": ctk, "ctv": ctv, "function": function, "replicate": 0, "outcome": outcome, **timed, **more}


def test_a_run_in_the_midst() -> None:
    """Cells and answers are counted; the time is that of the starts and answers that are left."""
    stands = standing(ABOUT, [row(PAIRS[0], "f"), row(PAIRS[0], "g"), row(PAIRS[1], "f")])

    assert (6, 3, 0) == (stands.items, stands.answered, stands.errors)
    assert [True, False, False] == [cell.done for cell in stands.cells]
    assert pytest.approx(2 * 3.0 + 3 * 0.5) == stands.seconds_left


def test_passes_and_rotations_are_cells() -> None:
    """As run.json names them; what is left is called so too. A further row is one of a further cell."""
    names = ["q8_0/q8_0", "q8_0/q8_0#2", "q8_0/q8_0:rot-off", "q4_0/q4_0:rot-off#2"]
    rows = [row(PAIRS[0], "f", replicate=1), row(PAIRS[0], "g", replicate=1), row(PAIRS[0], "f", rotation="off")]
    stands = standing({**ABOUT, "cells": names}, rows)

    assert [2, 0, 1, 2] == [{"q8_0/q8_0#2": 0, **stands.facts()["cells_left"]}[name] for name in names]
    assert "left     q8_0/q8_0 q8_0/q8_0:rot-off (1/2) q4_0/q4_0:rot-off#2" in standing_lines(stands, Path("r"), None)
    assert 5 == len(standing({**ABOUT, "cells": names}, [row(PAIRS[2], "f")]).cells)


def test_a_reference_that_falls_silent_is_counted() -> None:
    """An older session's answer leaves nothing to ask, and yet its own session has none to hold cells against."""
    about = {**ABOUT, "reference": PAIRS[0]}
    rows = [row(pair, name, session="1") for pair in PAIRS for name in "fg"]
    stands = standing(about, [*rows, row(PAIRS[0], "f", "error", session="2"), row(PAIRS[0], "g", session="2")])

    assert (6, 0, 1) == (stands.answered, stands.errors, stands.silent)
    assert "answers  6/6 (1 of the reference lack one in a later session)" in standing_lines(stands, Path("r"), None)
    assert 0 == standing(about, [*rows, row(PAIRS[0], "f", "error", session="1")]).silent


def test_the_reference_is_asked_by_every_session() -> None:
    """What is left is asked by one more, whose reference takes its time; of a run that runs or is complete nothing."""
    about = {**ABOUT, "cells": [*PAIRS, "q8_0/q8_0#2"], "reference": PAIRS[0]}
    rows = [row(PAIRS[0], "f"), row(PAIRS[0], "g"), row(PAIRS[1], "f")]
    stands = standing(about, rows)

    assert ["q8_0/q8_0"] == stands.facts()["asked_again"]
    assert pytest.approx(4 * 3.0 + 7 * 0.5) == stands.seconds_left
    assert "again    q8_0/q8_0, as in every session" in standing_lines(stands, Path("r"), None)
    assert () == standing(about, rows, running=True).again
    assert () == standing({**about, "cells": PAIRS[:1]}, rows[:2]).again
    whole = standing({**about, "cells": PAIRS}, [row(pair, name) for pair in PAIRS for name in "fg"])
    assert (0.0, ()) == (whole.seconds_left, whole.again)


def test_servers_at_once_share_the_time() -> None:
    """As many as there are cells left, at most."""
    rows = [row(PAIRS[0], "f"), row(PAIRS[0], "g")]

    assert pytest.approx((2 * 3.0 + 4 * 0.5) / 2) == standing({**ABOUT, "workers": 2}, rows).seconds_left
    assert pytest.approx((2 * 3.0 + 4 * 0.5) / 2) == standing({**ABOUT, "workers": 8}, rows).seconds_left


def test_errors_will_be_asked_again() -> None:
    """An ERROR is left to do; one that was answered later or before is not."""
    stands = standing(
        ABOUT,
        [
            row(PAIRS[0], "f", "error"),
            row(PAIRS[0], "f"),
            row(PAIRS[1], "f"),
            row(PAIRS[1], "f", "error"),
            row(PAIRS[2], "f", "error"),
        ],
    )

    assert (2, 1) == (stands.answered, stands.errors)


@given(st.lists(st.tuples(st.sampled_from(PAIRS), st.sampled_from("fgh"), st.sampled_from(["passed", "error"]))))
def test_answered_and_left_are_all(rows: list[tuple[str, str, str]]) -> None:
    """Whatever the rows are, in whatever order: the counts fit, and functions that are not asked for do not count."""
    stands = standing(ABOUT, [row(*one) for one in rows])
    answered = {one[:2] for one in rows if one[2] == "passed" and one[1] != "h"}
    erring = {one[:2] for one in rows if one[2] == "error" and one[1] != "h"} - answered

    assert (6, len(answered), len(erring)) == (stands.items, stands.answered, stands.errors)
    assert stands.answered + sum(stands.facts()["cells_left"].values()) == stands.items


@pytest.mark.parametrize(
    ("rows", "in_use_by", "said"),
    [
        pytest.param(
            [],
            None,
            [
                "state    stopped",
                "answers  0/6",
                "cells    0/3",
                "left     q8_0/q8_0 q8_0/q4_0 q4_0/q4_0",
                "time     not known before the first answer",
                "go on    the same pytest command, with --kv-out 'my run' --kv-resume",
            ],
            id="nothing yet",
        ),
        pytest.param(
            [row(pair, name) for pair in PAIRS for name in "fg"],
            None,
            ["state    complete", "answers  6/6", "cells    3/3"],
            id="complete",
        ),
        pytest.param(
            [row(PAIRS[0], "f"), row(PAIRS[0], "g", "error")],
            "process 7 on here",
            [
                "state    running, process 7 on here",
                "answers  1/6 (1 errors will be asked again)",
                "cells    0/3",
                "left     q8_0/q8_0 (1/2) q8_0/q4_0 q4_0/q4_0",
                "time     about 0:12",
            ],
            id="running",
        ),
    ],
)
def test_what_is_printed(rows: list[dict[str, Any]], in_use_by: str | None, said: list[str]) -> None:
    """A line a fact; how to go on where nobody does."""
    assert said == standing_lines(standing(ABOUT, rows), Path("my run"), in_use_by)
