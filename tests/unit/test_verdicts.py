"""From a run's rows to its verdict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sweeps import LOW, REFERENCE, frame_of, on_k, rows_of, sweep

from pytest_codeneedle.grid import View, make_grid
from pytest_codeneedle.verdict import NOT_WORSE, WORSE
from pytest_codeneedle.verdicts import judged

if TYPE_CHECKING:
    from pytest_codeneedle.frame import Frame

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
