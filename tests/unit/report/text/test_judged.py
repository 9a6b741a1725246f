"""From a run's rows to its verdict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sweeps import LOW, REFERENCE, frame_of, on_k, rows_of, sweep

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.report.text.judged import judged
from pytest_codeneedle.report.text.verdict import again_sentence
from pytest_codeneedle.runs.grid import View, make_grid
from pytest_codeneedle.stats.verdict import NOT_WORSE, WORSE

if TYPE_CHECKING:
    from pytest_codeneedle.runs.design import Frame

TWO = sweep(on_k, pairs=(REFERENCE, LOW))


def word(rows: list[dict[str, Any]], frame: Frame, view: View) -> object:
    """What is said of the low pair."""
    cell = judged(rows, frame, view).verdict.cell(LOW)
    return cell and cell.verdict


def lines(rows: list[dict[str, Any]], frame: Frame) -> list[str]:
    """The block of a terminal."""
    return judged(rows, frame, View()).lines(make_grid(rows, frame.pairs))


def test_each_rotation_is_judged_by_itself() -> None:
    """Against its own reference."""
    flat = sweep(lambda _pair, _at: 3, pairs=(REFERENCE, LOW))
    rows = rows_of(TWO, rotation="off") + rows_of(flat, rotation="on")
    frame = frame_of(TWO, rotations=("on", "off"))
    on, off = frame.views
    assert (NOT_WORSE, WORSE) == (word(rows, frame, on), word(rows, frame, off))
    assert ["on", "off"] == [judged(rows, frame, view).facts()["rotation"] for view in frame.views]


def test_delta_decides_what_is_not_worse() -> None:
    """A loss that is too small to be significant is NOT WORSE by a large delta alone."""
    cells = sweep(lambda pair, at: float(pair == LOW and at < 3), pairs=(REFERENCE, LOW))
    rows = rows_of(cells)
    assert NOT_WORSE == word(rows, frame_of(cells), View())
    assert "INCONCLUSIVE" == word(rows, frame_of(cells, delta=0.25), View())


def test_passes_are_averaged_and_the_last_tells_drift() -> None:
    """The first pass over the reference is held against its last, not against the mean of both."""
    first, second = TWO, {pair: {name: lines - 2 for name, lines in of.items()} for pair, of in TWO.items()}
    rows = rows_of(first) + rows_of(second, replicate=1)
    verdict = judged(rows, frame_of(TWO, repeat=2), View(2)).verdict
    assert verdict.again is not None
    assert -2 == verdict.again.contrast.mean
    assert -5.5 == verdict.cells[0].contrast.mean


def test_in_how_many_sessions_the_reference_was_asked_again() -> None:
    """One of two has an end: no more is said of the other."""
    rows = [*rows_of(TWO, session="a"), *rows_of(TWO, session="b")]
    rows += rows_of({REFERENCE: TWO[REFERENCE]}, session="a", replicate=1)
    assert "A/A: bf16/bf16 again at the end in 1 of 2 sessions: no line differs" in lines(rows, frame_of(TWO))
    rows += rows_of({REFERENCE: TWO[REFERENCE]}, session="b", replicate=1)
    assert "A/A: bf16/bf16 again at the end, mean of 2 sessions: no line differs" in lines(rows, frame_of(TWO))


def test_errors_are_no_answers() -> None:
    """A function without a score in one cell is left out there."""
    rows = rows_of(TWO)
    rows[-1] |= {"outcome": "error", "primary_matched": None}
    assert 15 == judged(rows, frame_of(TWO), View()).verdict.cells[0].contrast.n


def test_speeds_of_a_shared_device_are_not_held_against_each_other() -> None:
    """Two servers on one device slow each other: that is said instead."""
    frame, view = frame_of(TWO), View()
    rows = rows_of(sweep(lambda _pair, _at: 0, pairs=(REFERENCE, LOW)))
    assert "100.0 tokens/s beside" in judged(rows, frame, view).said[-1]
    shared = [{**row, "servers_on_device": 2} for row in rows]
    assert judged(shared, frame, view).said[-1].endswith("tokens/s are not comparable (2 servers shared a device).")


def test_a_floored_model_gets_no_verdict() -> None:
    """What it loses says nothing about its cache, unless a lower minimum says otherwise."""
    rows = rows_of(sweep(lambda pair, at: 12 + on_k(pair, at), pairs=(REFERENCE, LOW)))
    assert [
        "No verdict: bf16/bf16 recalls 40 % of the lines, 80 % are needed",
        "  (--kv-calibrate-min): a floored model says nothing about its cache.",
    ] == lines(rows, frame_of(TWO))
    assert judged(rows, frame_of(TWO), View()).facts()["floored"]
    assert "WORSE" in " ".join(lines(rows, frame_of(TWO, minimum=0.4)))


def test_a_reference_with_few_answers_gets_no_verdict() -> None:
    """Nothing is said of the model: it was hardly asked."""
    rows = rows_of(TWO)
    of_reference = [row for row in rows if (row["ctk"], row["ctv"]) == ("bf16", "bf16")]
    for row in of_reference[1:]:
        row.update(outcome="error", primary_matched=None)
    said = " ".join(" ".join(lines(rows, frame_of(TWO))).split())
    answered = f"No verdict: bf16/bf16 answered 1 of {len(of_reference)} questions: there is too little"
    assert said.startswith(answered)
    assert "floored" not in said


def test_facts_are_json_and_the_block_ends_with_the_sentences() -> None:
    """Nothing that JSON does not know."""
    rows, frame = rows_of(TWO), frame_of(TWO)
    told = judged(rows, frame, View()).facts()
    assert told == json.loads(json.dumps(told, allow_nan=False))
    assert " ".join(" ".join(told["sentences"]).split()) in " ".join(" ".join(lines(rows, frame)).split())


def ends(first: float, last: float, session: str) -> list[dict[str, Any]]:
    """The reference's two passes in a session, all functions with these lines."""
    lines = [{REFERENCE: dict.fromkeys(TWO[REFERENCE], found)} for found in (first, last)]
    return [*rows_of(lines[0], session=session), *rows_of(lines[1], session=session, replicate=1)]


def test_a_fall_in_one_session_and_a_rise_in_another_are_no_steady_server() -> None:
    """Their mean is nothing: each session is looked at by itself."""
    rows = [*ends(20, 17, "a"), *rows_of({LOW: TWO[REFERENCE]}, session="a"), *ends(17, 20, "b")]
    rows += rows_of({LOW: dict.fromkeys(TWO[REFERENCE], 17.0)}, session="b", replicate=1)
    found = judged(rows, frame_of(TWO, repeat=2), View(2)).verdict
    assert (-3.0, True) == (found.again and found.again.size, found.again and found.again.drifted)
    assert "INCONCLUSIVE" == word(rows, frame_of(TWO, repeat=2), View(2))
    told = again_sentence(found)
    assert "mean of 2 sessions: 0.00 lines; most in session 1: -3.00 lines" in told
    assert told.endswith("the server DRIFTED: distrust the grid")
    assert [(1, 0, -3.0), (2, 0, 3.0)] == [
        (one["session"], one["silent"], one["mean"]) for one in found.facts()["again"]["apart"]
    ]


def test_a_cell_of_a_session_with_little_to_lose_is_not_recommended() -> None:
    """Be the mean over sessions what it may."""
    flat = {pair: dict.fromkeys(TWO[REFERENCE], 20.0) for pair in (REFERENCE, KVPair("q8_0", "q8_0"))}
    weak = {pair: dict.fromkeys(TWO[REFERENCE], 13.0) for pair in (REFERENCE, LOW)}
    rows = [*rows_of(flat, session="a"), *rows_of(weak, session="b")]
    found = judged(rows, frame_of({**flat, **weak}, minimum=0.5), View())
    why = "the reference bf16/bf16 recalls 13.0 of 20 lines, which leaves little to lose"
    assert (None, why) == (found.verdict.recommended, found.verdict.little_to_lose)
    assert f"No pair is recommended: {why}." in found.said


def test_cells_that_are_low_with_missing_answers_counted_as_lost_are_named() -> None:
    """The lowest first, be it silent throughout; the declared one has a sentence of its own."""
    cells = sweep(lambda _pair, _at: 0)
    rows = rows_of(cells)
    silent = {KVPair("q8_0", "q5_0"): 16, KVPair("q4_0", "q8_0"): 14, LOW: 3}
    for row in rows:
        missing = silent.get(KVPair(row["ctk"], row["ctv"]), 0) > int(row["function"][1:])
        row.update({"outcome": "error", "primary_matched": None} if missing else {})
    said = judged(rows, frame_of(cells), View()).said
    assert (
        "With missing answers counted as lost, lower by 1 line or more: q8_0/q5_0 -20.00 lines (WORSE), "
        "q4_0/q8_0 -17.50 lines (WORSE)." in said
    )
    block = " ".join(" ".join(lines(rows, frame_of(cells))).split())
    assert "no answer to (counted as lost): q8_0/q5_0 16 of 16 (-20.00 WORSE), q4_0/q8_0 14 of" in block


def test_why_cells_are_not_to_be_held_together_as_they_are() -> None:
    """A reference that drifted, in a session or between two; nothing of one that did not."""
    flat = dict.fromkeys(TWO[REFERENCE], 20.0)
    rows = [*ends(20, 20, "a"), *rows_of({LOW: flat}, session="a")]
    assert [] == judged(rows, frame_of(TWO), View()).distrust
    within = [*ends(20, 18, "a"), *rows_of({LOW: flat}, session="a")]
    assert ["Distrust this grid"] == [one.partition(":")[0] for one in judged(within, frame_of(TWO), View()).distrust]
    between = [*rows, *ends(17, 17, "b")]
    (told,) = judged(between, frame_of(TWO), View()).distrust
    assert told.startswith("The reference drifted between sessions: ")
