"""The references of several sessions beside each other, and what that makes of the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.report.text.judged import Judged, judged
from pytest_codeneedle.report.text.verdict import trend_sentence
from pytest_codeneedle.runs.design import Frame
from pytest_codeneedle.runs.grid import View
from pytest_codeneedle.stats.verdict import INCONCLUSIVE, NOT_WORSE, WORSE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BF16, Q8, Q4 = KVPair("bf16", "bf16"), KVPair("q8_0", "q8_0"), KVPair("q4_0", "q4_0")
EIGHT = [20] * 8
FOUR = (BF16, KVPair("bf16", "q4_0"), KVPair("q4_0", "bf16"), Q4)


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


def on(place: str, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """These rows as a host gave them."""
    return [{**row, "host": place} for row in asked]


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


def test_what_one_session_alone_answered_is_no_likeness() -> None:
    """That no line differs is said of the functions that both answered."""
    judged_rows = found(rows("a", {BF16: EIGHT, Q8: EIGHT}), rows("b", {BF16: [None] * 2 + [20] * 6, Q4: EIGHT}))
    told = "bf16/bf16 against its first session: in session 2 no line differs of the 6 functions that both answered"
    assert judged_rows.said[0].startswith(f"Several sessions: {told}, 2 in one alone. ")
    assert 2 == judged_rows.facts()["sessions"][0]["once"]
    lower = found(rows("a", {BF16: EIGHT, Q8: EIGHT}), rows("b", {BF16: [19] * 7, Q4: EIGHT}))
    assert ") of the 7 functions that both answered, 1 in one alone. " in lower.said[0]


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param({BF16: [None] * 4 + [20] * 4}, id="silent in part"),
        pytest.param({}, id="not asked"),
    ],
)
def test_answers_without_the_reference_are_left_out_and_said(reference: dict[KVPair, list[int | None]]) -> None:
    """What they would be beside other sessions' reference decides with the others; a loss is no NOT WORSE then."""
    first = rows("a", {BF16: EIGHT, Q8: EIGHT, Q4: EIGHT})
    lost = found(first, rows("b", {**reference, Q8: EIGHT, Q4: [1] * 4 + [20] * 4}, 1), repeat=2)

    assert {Q8: NOT_WORSE, Q4: INCONCLUSIVE} == words(lost)
    answers = 4 if reference else 8
    told = f"{answers} answers of q4_0/q4_0, {answers} answers of q8_0/q8_0 were asked without an answer of bf16/bf16"
    assert f"{told} in that session: left out." in lost.said
    cell = lost.verdict.cell(Q4)
    assert cell is not None
    assert "with what was left out held against bf16/bf16 of other sessions it is INCONCLUSIVE, -4.75 lines" == (
        cell.reason
    )
    assert (False, True) == (cell.saturated, cell.withheld)
    assert lost.verdict.recommended is not None
    assert Q8 == lost.verdict.recommended.pair


def test_answers_without_the_reference_that_say_the_same() -> None:
    """The word stands; also where the sessions' references are not known to be alike."""
    first = rows("a", {BF16: EIGHT, Q4: EIGHT})
    same = found(first, rows("b", {BF16: [None] * 4 + [20] * 4, Q4: EIGHT}, 1), repeat=2)
    assert {Q8: None, Q4: NOT_WORSE} == words(same)
    assert "4 answers of q4_0/q4_0 were asked without" in same.said[1]


def test_what_no_session_has_of_the_reference_is_not_counted() -> None:
    """It is left out of every cell, which is said once."""
    first = rows("a", {BF16: [None, *EIGHT[1:]], Q4: EIGHT})
    assert "were asked without" not in " ".join(found(first).said)
    assert "bf16/bf16 gave no answer to 1 function: left out of every cell." in found(first).said


def test_mixed_pairs_beside_answers_without_the_reference() -> None:
    """That they buy nothing is not said of what was paired alone."""
    mixed = KVPair("q4_0", "bf16")
    first = rows("a", {BF16: EIGHT, mixed: EIGHT, Q4: EIGHT})
    told = found(first, rows("b", {Q4: [1] * 8}, 1), repeat=2)
    (said,) = [one for one in told.said if one.startswith("Do mixed")]
    assert said.startswith("Do mixed pairs buy anything over q4_0/q4_0? Not settled: no line differs")
    assert "; with other sessions' references too: Yes, +9.50 lines" in said


def test_trends_beside_answers_without_the_reference() -> None:
    """No trend is said only where there is none with these either."""
    first = rows("a", dict.fromkeys(FOUR, EIGHT))
    told = found(first, rows("b", {KVPair("q4_0", "bf16"): [1] * 8, Q4: [1] * 8}, 1), repeat=2).verdict
    assert ("unsettled", "no trend") == (told.k.trend.verdict, told.v.trend.verdict)
    line = trend_sentence(told.k)
    assert line.startswith("trend over K: not settled by its answers, no trend, p = 1.000, all types equal; with other")
    assert "with other sessions' references too recall falls with its bits, p = 0.004; " in line
    assert told.v.trend.stood_in is None


def test_a_session_that_was_floored_floors_what_it_asked() -> None:
    """The mean over sessions hides nothing; one that asked the reference alone floors nothing."""
    first = rows("a", {BF16: EIGHT, Q8: EIGHT})

    assert found(first, rows("b", {BF16: [4] * 8, Q4: [4] * 8}), minimum=0.8).floored
    assert not found(first, rows("b", {BF16: [4] * 8}), minimum=0.8).floored


def test_facts_for_json() -> None:
    """Each later session, flat."""
    (facts,) = found(rows("a", {BF16: EIGHT, Q8: EIGHT}), rows("b", {BF16: EIGHT, Q4: EIGHT})).facts()["sessions"]

    assert ("b", 8, False, 1.0) == (facts["session"], facts["n"], facts["drifted"], facts["adjusted_p"])


def test_a_host_that_loses_lines() -> None:
    """Its cells are held against its own reference: it is the host that differs, and no cell is WORSE."""
    good = on("gpu1", rows("a", {BF16: EIGHT, Q8: EIGHT}))
    bad = on("gpu2", [*rows("a", {Q4: [18] * 8}), *rows("a", {BF16: [18] * 8}, 1)])

    verdict = found(good, bad)
    assert {BF16: None, Q8: NOT_WORSE, Q4: NOT_WORSE} == {BF16: None, **words(verdict)}
    said = "The reference drifted between places: bf16/bf16 against gpu1: on gpu2 -2.00 lines"
    assert verdict.said[0].startswith(said)
    assert verdict.said[0].endswith("Each cell is held against the reference of its own place.")


def test_a_host_without_the_reference() -> None:
    """What is known of others does not stand for it, and the way out is named."""
    good = on("gpu1", [*rows("a", {BF16: EIGHT, Q8: EIGHT}), *rows("a", {BF16: EIGHT}, 1)])

    verdict = found(good, on("gpu2", rows("a", {Q4: [10] * 8})))
    (cell,) = (cell for cell in verdict.verdict.cells if cell.pair == Q4)
    assert (None, "asked on a host or device without an answer of bf16/bf16") == (cell.verdict, cell.reason)
    why = "No verdict on q4_0/q4_0: asked on a host or device without an answer of bf16/bf16, and these differ."
    assert any(sentence.startswith(f"{why} Give each a part (--kv-shard)") for sentence in verdict.said)


def test_hosts_of_several_sessions() -> None:
    """Both are named."""
    first = [*on("gpu1", rows("a", {BF16: EIGHT})), *on("gpu2", rows("a", {BF16: [19] * 8, Q8: [19] * 8}, 1))]

    said = found(first, rows("b", {BF16: [10] * 8, Q4: [10] * 8})).said[0]
    told = "bf16/bf16 against its first session on gpu1: in session 1 on gpu2 -1.00 lines"
    assert said.startswith(f"The reference drifted between sessions and places: {told}")
    assert "; in session 2 -10.00 lines" in said


def test_a_cell_that_loses_in_one_session_and_gains_in_another() -> None:
    """On average nothing differs: that is not said, nor that it is NOT WORSE; the sessions disagree."""
    base = [17] * 8
    first = rows("a", {BF16: base, Q4: [14] * 8})
    second = rows("b", {BF16: base, Q4: [20] * 8}, 1)

    told = found(first, second, repeat=2)
    cell = told.verdict.cell(Q4)
    why = "-3.00 lines in session 1, +3.00 in session 2 (p = 0.008)"
    assert cell is not None
    assert (INCONCLUSIVE, False, f"its sessions disagree: {why}") == (cell.verdict, cell.contrast.tied, cell.reason)
    assert f"Caution: between sessions these differ from their reference unlike: q4_0/q4_0 {why}." in told.said
    assert "no line differs" not in " ".join(told.said[1:])
    assert (-3.0, 3.0, True) == tuple(
        told.facts()["unlike_sessions"][0][key] for key in ("first_mean", "later_mean", "significant")
    )


def test_one_function_that_differs_between_sessions_by_chance() -> None:
    """It is no caution, and the cell is NOT WORSE; yet a line does differ."""
    base = [20, 15] * 8
    first = rows("a", {BF16: base, Q4: [20, 14, *base[2:]]})
    second = rows("b", {BF16: base, Q4: [20, 16, *base[2:]]}, 1)

    told = found(first, second, repeat=2)
    cell = told.verdict.cell(Q4)
    assert cell is not None
    assert (NOT_WORSE, False, False) == (cell.verdict, cell.saturated, cell.contrast.tied)
    assert "Caution" not in " ".join(told.said)


def test_a_trend_of_a_grid_to_distrust_is_marked() -> None:
    """On a server that drifted by more than what is looked for; none elsewhere."""
    cells = {pair: [20 - (pair.ctk == "q4_0")] * 8 for pair in FOUR}
    for last, mark in ((20, ""), (17, " (of a grid to distrust)")):
        asked = [*rows("a", cells), *rows("a", {BF16: [last] * 8}, 1)]
        verdict = judged(asked, Frame(FOUR, BF16, 20, 8, minimum=0.0), View()).verdict
        assert trend_sentence(verdict.k, distrusted=verdict.distrusted).startswith(f"trend over K{mark}: recall falls")


def test_sessions_that_agree_are_no_caution() -> None:
    """Whatever is lost in both; of places that disagree these are named."""
    lost = [rows(name, {BF16: [18] * 8, Q4: [15] * 8}, at) for at, name in enumerate("ab")]
    assert () == found(*lost, repeat=2).unlike
    places = (
        on("gpu1", rows("a", {BF16: [15] * 8, Q4: [12] * 8})),
        on("gpu2", rows("a", {BF16: [15] * 8, Q4: [18] * 8}, 1)),
    )
    assert "-3.00 lines on gpu1, +3.00 on gpu2 (p = 0.008)" == found(*places, repeat=2).unlike[0].told
