"""The references of several sessions beside each other, and what that makes of the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.frame import Frame
from pytest_codeneedle.grid import View
from pytest_codeneedle.kvtypes import KVPair
from pytest_codeneedle.verdict import NOT_WORSE, WORSE
from pytest_codeneedle.verdicts import Judged, judged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BF16, Q8, Q4 = KVPair("bf16", "bf16"), KVPair("q8_0", "q8_0"), KVPair("q4_0", "q4_0")
EIGHT = [20] * 8


def rows(session: str, cells: Mapping[KVPair, Sequence[int | None]], replicate: int = 0) -> list[dict[str, Any]]:
    """What one session asked: the lines of f0, f1 and so on in each cell; None is an ERROR."""
    return [
        {
            "ctk": pair.ctk,
            "ctv": pair.ctv,
            "replicate": replicate,
            "function": f"f{at}",
            "outcome": "error" if matched is None else "passed",
            "primary_matched": matched,
            "session": session,
            **({"tokens": 10, "predicted_ms": 1.0} if matched is not None else {}),
        }
        for pair, lines in cells.items()
        for at, matched in enumerate(lines)
    ]


def found(*sessions: list[dict[str, Any]], repeat: int = 1, minimum: float = 0.0) -> Judged:
    """The verdict on all of these rows."""
    frame = Frame((BF16, Q8, Q4), BF16, 20, 8, repeat=repeat, minimum=minimum)
    return judged([row for of_session in sessions for row in of_session], frame, View(repeat))


def words(verdict: Judged) -> dict[KVPair, str | None]:
    """What each cell is called."""
    return {cell.pair: cell.verdict for cell in verdict.verdict.cells}


def test_a_day_on_which_all_lost_half() -> None:
    """The reference too: no cell is WORSE for it, and the drift is said first."""
    first = rows("a", {BF16: EIGHT, Q8: EIGHT, Q4: EIGHT})
    second = [*rows("b", {BF16: [10] * 8}), *rows("b", {Q8: [10] * 8, Q4: [10] * 8}, 1)]

    verdict = found(first, second, repeat=2)
    assert WORSE not in words(verdict).values()
    assert all(cell.contrast.tied for cell in verdict.verdict.cells)
    assert verdict.drifts[0].drifted
    assert verdict.said[0].startswith(
        "The reference drifted between sessions: bf16/bf16 against its first session: in session 2 -10.00 lines (95 % "
    )


def test_pairs_that_were_added_on_that_day() -> None:
    """They are as good as the reference was then; what one lost beside it is seen."""
    first = rows("a", {BF16: EIGHT, Q8: EIGHT})

    assert NOT_WORSE == words(found(first, rows("b", {BF16: [18] * 8, Q4: [18] * 8})))[Q4]
    lost = found(first, rows("b", {BF16: [18] * 8, Q4: [12, 13] * 4}))
    assert WORSE == words(lost)[Q4]
    assert pytest.approx(-5.5) == next(cell.contrast.mean for cell in lost.verdict.cells if cell.pair == Q4)


def test_one_session_is_not_spoken_of() -> None:
    """Nor are several of which one asked."""
    assert () == found(rows("a", {BF16: EIGHT, Q8: EIGHT})).drifts
    assert "ession" not in " ".join(found(rows("a", {BF16: EIGHT, Q8: EIGHT})).said)


def test_sessions_that_are_alike() -> None:
    """That is said as well; three functions could not show otherwise."""
    alike = found(rows("a", {BF16: EIGHT, Q8: EIGHT}), rows("b", {BF16: EIGHT, Q4: EIGHT}))
    assert "Several sessions: no line of bf16/bf16 differs between 2 sessions." in alike.said[0]
    few = found(rows("a", {BF16: EIGHT, Q8: EIGHT}), rows("b", {BF16: [19, 20, 20], Q4: EIGHT}))
    assert "3 functions can show no drift" in few.said[0]


def test_a_session_without_the_reference() -> None:
    """What it asked has no verdict; where other sessions are alike their reference stands in, and that is said."""
    first, second = rows("a", {BF16: EIGHT, Q8: EIGHT}), rows("b", {BF16: EIGHT, Q8: EIGHT})
    alone = rows("c", {BF16: [None] * 8, Q4: EIGHT})

    withheld = found(first, alone)
    assert (None, NOT_WORSE) == (words(withheld)[Q4], words(withheld)[Q8])
    assert withheld.said[0].startswith("No verdict on q4_0/q4_0: asked in a session without an answer of bf16/bf16")
    cell = withheld.verdict.cell(Q4)
    assert cell is not None
    assert "asked in a session without an answer of bf16/bf16" == cell.reason
    borrowed = found(first, second, alone)
    assert NOT_WORSE == words(borrowed)[Q4]
    assert any(said.startswith("Caution: the session that asked q4_0/q4_0 has no answer") for said in borrowed.said)
    drifted = found(first, rows("b", {BF16: [15, 16] * 4, Q8: EIGHT}), alone)
    assert words(drifted)[Q4] is None


def test_a_session_that_was_floored_floors_what_it_asked() -> None:
    """The mean over sessions hides nothing; one that asked the reference alone floors nothing."""
    first = rows("a", {BF16: EIGHT, Q8: EIGHT})

    assert found(first, rows("b", {BF16: [4] * 8, Q4: [4] * 8}), minimum=0.8).floored
    assert not found(first, rows("b", {BF16: [4] * 8}), minimum=0.8).floored


def test_facts_for_json() -> None:
    """Each later session, flat."""
    (facts,) = found(rows("a", {BF16: EIGHT, Q8: EIGHT}), rows("b", {BF16: EIGHT, Q4: EIGHT})).facts()["sessions"]

    assert ("b", 8, False, 1.0) == (facts["session"], facts["n"], facts["drifted"], facts["adjusted_p"])
