"""Answers that are missing where the reference answered, and what is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweeps import LOW, REFERENCE, frame_of, rows_of, sweep

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.report.text.judged import judged
from pytest_codeneedle.report.text.margins import margin_sentences
from pytest_codeneedle.report.text.run import run_lines
from pytest_codeneedle.runs.grid import View, make_grid
from pytest_codeneedle.stats.missing import missing, missing_beside
from pytest_codeneedle.stats.verdict import INCONCLUSIVE, NOT_WORSE, WORSE

if TYPE_CHECKING:
    from collections.abc import Collection

    from pytest_codeneedle.report.text.judged import Judged

    Rows = list[dict[str, Any]]

ONE, TWO = View(), View(repeat=2)
K4, V4 = KVPair("q4_0", "bf16"), KVPair("bf16", "q4_0")
FOUR = (REFERENCE, V4, K4, LOW)


def flat(pairs: tuple[KVPair, ...] = (REFERENCE, LOW), functions: int = 8, **more: Any) -> Rows:
    """Rows of cells that lose nothing."""
    return rows_of(sweep(lambda _pair, _at: 0, functions=functions, pairs=pairs), **more)


def without(rows: Rows, pair: KVPair, functions: Collection[int]) -> Rows:
    """The same, these functions as errors in that cell."""
    names = {f"f{at}" for at in functions}
    error = {"outcome": "error", "primary_matched": None}
    return [
        {**row, **error} if KVPair(row["ctk"], row["ctv"]) == pair and row["function"] in names else row for row in rows
    ]


def lost(rows: Rows, view: View = ONE) -> list[tuple[str, str, int]]:
    """The answers that are counted as lost: K, function, pass."""
    told = missing(rows, REFERENCE, view).counted_as_lost(rows)
    return [
        (new["ctk"], new["function"], new["replicate"])
        for old, new in zip(rows, told, strict=True)
        if old["outcome"] == "error" and new["outcome"] == "failed" and new["primary_matched"] == 0
    ]


def found(rows: Rows, pairs: tuple[KVPair, ...] = (REFERENCE, LOW), **frame: Any) -> Judged:
    """What is said of these rows."""
    functions = len({row["function"] for row in rows})
    return judged(rows, frame_of(sweep(lambda _pair, _at: 0, functions=functions, pairs=pairs), **frame), ONE)


def block(rows: Rows, pairs: tuple[KVPair, ...], *, verbose: bool = False) -> str:
    """The lines of a terminal, as one."""
    return " ".join(" ".join(found(rows, pairs).lines(make_grid(rows, pairs), verbose=verbose)).split())


def test_an_error_where_the_reference_answered_is_lost() -> None:
    """One that the reference gave no answer to either is not, and neither is what was not asked."""
    rows = without(without(flat(functions=4), LOW, (0, 1)), REFERENCE, (1, 2))[:-1]
    assert [("q4_0", "f0", 0)] == lost(rows)
    told = missing(rows, REFERENCE, ONE)
    assert ({LOW: {"f0"}}, {"f1", "f2"}) == (told.functions, told.unknown)


def test_each_pass_is_held_against_the_references() -> None:
    """In a pass in which it gave no answer none is missing; in one that it was not asked its others count."""
    first, second = flat(functions=3), flat(functions=3, replicate=1)
    second = without(without(second, REFERENCE, (0,)), LOW, (0, 1, 2))
    asked = [row for row in second if (row["ctk"], row["function"]) != ("bf16", "f2")]
    assert [("q4_0", "f1", 1), ("q4_0", "f2", 1)] == lost(first + asked, TWO)
    assert [] == lost(first + asked, ONE)
    assert frozenset() == missing(first + asked, REFERENCE, TWO).unknown


def test_an_answer_that_came_later_is_not_missing() -> None:
    """Of several rows for one item the last counts."""
    rows = flat(functions=2)
    assert [] == lost(without(rows, LOW, (0,)) + rows)


def test_a_cell_that_answers_what_it_can_is_not_not_worse() -> None:
    """Two of eight functions were refused; the others are perfect."""
    (cell,) = found(without(flat(), LOW, (0, 1))).verdict.cells
    assert (INCONCLUSIVE, False) == (cell.verdict, cell.saturated)
    assert cell.missing is not None
    assert (2, NOT_WORSE, INCONCLUSIVE) == (cell.missing.functions, cell.missing.left_out, cell.missing.lost)
    assert (8, -5.0) == (cell.missing.contrast.n, cell.missing.contrast.mean)


def test_it_is_never_taken() -> None:
    """The smallest pair that is NOT WORSE both ways is."""
    said = found(without(flat(FOUR), LOW, (0, 1)), FOUR).said
    assert (
        "Does q4_0 cost recall here? Not settled, q4_0/q4_0 is INCONCLUSIVE: 2 of 8 functions lack an answer in "
        "q4_0/q4_0: left out no line differs, counted as lost it is INCONCLUSIVE, -5.00 lines"
    ) == said[0].partition(" (95 %")[0]
    assert said[-1].startswith("Take q4_0/bf16: ") or said[-1].startswith("Take bf16/q4_0: ")
    assert ["Stay with bf16/bf16: of 1 smaller pair none is NOT WORSE."] == [
        one for one in found(without(flat(), LOW, (0, 1))).said if one.startswith("Stay")
    ]


@pytest.mark.parametrize(("functions", "expected"), [(range(6), INCONCLUSIVE), (range(8), None)])
def test_many_missing_answers_are_worse_as_lost(functions: range, expected: object) -> None:
    """Which is said, of a silent cell too: it has no verdict of its own."""
    told = found(without(flat(), LOW, functions))
    (cell,) = told.verdict.cells
    assert expected == cell.verdict
    assert cell.missing is not None
    assert WORSE == cell.missing.lost
    assert f"{len(functions)} of 8 functions lack an answer in q4_0/q4_0" in told.said[0]
    assert "WORSE, -" in told.said[0]
    assert "Stay with bf16/bf16" in told.said[-1]


def test_both_ways_may_agree() -> None:
    """Then the word stands, and the share left open counts what is missing."""
    told = found(without(flat(functions=60), LOW, (0,)), delta=4.0)
    (cell,) = told.verdict.cells
    assert NOT_WORSE == cell.verdict
    assert "Left open: up to 8 % of functions may lose lines (1 of 60 did; 95 %)." in told.said[0]
    assert told.said[0].endswith("too.")
    assert "1 of 60 functions lack an answer in q4_0/q4_0: counted as lost it is NOT WORSE, -0.33 lines" in told.said[0]


def test_what_the_reference_lacks_is_left_out_and_said() -> None:
    """It is neither for nor against a cell, answered there or not."""
    rows = without(without(flat(), REFERENCE, (0,)), LOW, (0,))
    told = found(rows)
    (cell,) = told.verdict.cells
    assert (NOT_WORSE, 7, None) == (cell.verdict, cell.contrast.n, cell.missing)
    assert "bf16/bf16 gave no answer to 1 function: left out of every cell." == told.said[0]


def test_a_cell_that_lacks_nothing_keeps_its_verdict() -> None:
    """What others lack is no matter of its own."""
    cells = {cell.pair: cell.verdict for cell in found(without(flat(FOUR), LOW, (0, 1)), FOUR).verdict.cells}
    assert {V4: NOT_WORSE, K4: NOT_WORSE, LOW: INCONCLUSIVE} == cells


def test_a_trend_of_missing_answers_is_not_denied() -> None:
    """All equal where they answered, and significant where each missing answer is counted as lost."""
    rows = without(without(flat(FOUR, 12), LOW, range(6)), K4, range(6))
    told = found(rows, FOUR).verdict
    assert told.k.trend.tied
    assert "unsettled" == told.k.trend.verdict == told.facts()["k"]["trend"]["verdict"]
    lines = block(rows, FOUR)
    assert "trend over K: not settled by its answers, no trend, p = 1.000, all types equal; with missing" in lines
    assert "counted as lost recall falls with its bits, p = 0.016" in lines
    assert "as lost -10.00" in lines


def test_a_type_that_gave_no_answer_is_named() -> None:
    """It was asked: it is not that there was one level alone."""
    lines = block(without(without(flat(FOUR), LOW, range(8)), K4, range(8)), FOUR)
    assert "trend over K: not tested, q4_0 gave no answer; with missing answers counted as lost recall falls" in lines


def test_every_cell_that_lacks_answers_is_named() -> None:
    """In the block, the lowest first, with what it is when they are lost; and a line below its own with -v."""
    rows = without(without(flat(FOUR), LOW, range(8)), K4, (0, 1))
    lines = block(rows, FOUR, verbose=True)
    assert "0.00?" in lines
    told = "no answer to (counted as lost): q4_0/q4_0 8 of 8 (-20.00 WORSE), q4_0/bf16 2 of 8 (-5.00 INCONCLUSIVE)"
    assert told in lines
    assert "q4_0/q4_0 0 not answered as lost 8 -20.00" in lines


def test_mixed_pairs_are_judged_both_ways() -> None:
    """That they buy nothing is not said of those functions alone that the low pair answered."""
    rows = without(flat(FOUR), LOW, range(7))
    (said,) = [one for one in found(rows, FOUR).said if one.startswith("Do mixed")]
    assert said.startswith("Do mixed pairs buy anything over q4_0/q4_0? Not settled: no line differs, mean of 2 mixed")
    assert "with missing answers counted as lost: Yes, +17.50 lines" in said


@given(
    st.lists(st.sampled_from([None, 0, 7, 19, 20]), min_size=16, max_size=16),
    st.lists(st.sampled_from([None, 13, 20]), min_size=8, max_size=8),
)
def test_not_worse_is_said_no_more_often_than_with_all_lost(
    cells: list[int | None], reference: list[int | None]
) -> None:
    """Whatever is missing."""
    pairs = (REFERENCE, V4, LOW)
    rows = flat(pairs)
    for row, lines in zip(rows, [*reference, *cells], strict=True):
        row |= {"primary_matched": lines, "outcome": "error" if lines is None else "passed"}
    verdict = found(rows, pairs, minimum=0.0).verdict
    for cell in verdict.cells:
        if cell.missing is not None and cell.verdict not in (None, INCONCLUSIVE):
            assert cell.verdict == cell.missing.lost == cell.missing.left_out
    taken = verdict.recommended
    if taken is not None and taken.pair != REFERENCE:
        chosen = verdict.cell(taken.pair)
        assert chosen is not None
        assert NOT_WORSE == chosen.verdict


def test_a_rotation_is_held_against_the_other() -> None:
    """What is missing both ways, in the same pass, is no difference; what is missing one way is."""
    on, off = flat((REFERENCE, LOW), 16, rotation="on"), flat((REFERENCE, LOW), 16, rotation="off")
    rows = without(on, LOW, range(8)) + without(off, LOW, (0, 9))
    views = View(rotation="on"), View(rotation="off")
    told = [missing_beside(rows, *order).functions for order in (views, views[::-1])]
    assert [{LOW: {f"f{at}" for at in range(1, 8)}}, {LOW: {"f9"}}] == told
    frame = frame_of(sweep(lambda _pair, _at: 0, pairs=(REFERENCE, LOW)), rotations=("on", "off"))
    said = " ".join(" ".join(run_lines(rows, frame)).split())
    assert "1 cell lacks answers: q4_0/q4_0 0.00 lines (p = 1.000); counted as lost -8.00 lines" in said


def test_the_reference_that_answers_less_at_the_end() -> None:
    """What it answers no more counts as lost: it differs from itself by as much, and nothing is NOT WORSE."""
    again = flat((REFERENCE,), replicate=1)
    head, silent = "A/A: bf16/bf16 again at the end:", "functions in the last pass, counted as lost"
    pairs = (REFERENCE, LOW)
    lines = block(flat() + without(again, REFERENCE, (0, 1, 2)), pairs)
    assert f"{head} no line differs; no answer to 3 of 8 {silent} -7.50 lines (95 % -20.00 to 0.00, p = 0.500)" in lines
    assert "Distrust this grid: the server may have drifted, bf16/bf16 again at the end: -7.50 lines" in lines
    assert "Stay with bf16/bf16" in lines
    lines = block(flat() + without(again, REFERENCE, range(8)), pairs)
    assert f"{head} no answer to 8 of 8 {silent} -20.00 lines (95 % -20.00 to -20.00, p = 0.008): the server" in lines
    assert "Distrust this grid: the server drifted, bf16/bf16 again at the end: -20.00 lines" in lines
    for functions in ((0,), (0, 1, 2), range(8)):
        verdict = found(flat() + without(again, REFERENCE, functions)).verdict
        assert verdict.unsteady
        assert [(INCONCLUSIVE, True)] == [(cell.verdict, cell.withheld) for cell in verdict.cells]


def test_the_reference_that_answers_more_at_the_end() -> None:
    """Of what it cannot do at first nothing is known, as in every cell: that is said, and decides nothing."""
    again = flat((REFERENCE,), replicate=1)
    lines = block(without(flat(), REFERENCE, (0, 1)) + again, (REFERENCE, LOW))
    head = "A/A: bf16/bf16 again at the end: no line differs"
    assert f"{head}; 2 functions answered in the last pass alone" in lines
    assert "Distrust" not in lines


def test_a_pair_of_cells_one_of_them_silent_is_judged() -> None:
    """It was asked, and what it would be with all lost is said."""
    rows = without(flat(), LOW, range(8))
    frame = frame_of(sweep(lambda _pair, _at: 0, functions=8, pairs=(REFERENCE, LOW)))
    said = " ".join(" ".join(run_lines(rows, frame)).split())
    assert "q4_0/q4_0 has no verdict: 8 of 8 functions lack an answer in q4_0/q4_0; counted as lost it is WORSE" in said
    assert "Stay with bf16/bf16" in said


def test_margins_say_what_they_lack() -> None:
    """A missing answer has none, and it may be the lowest."""
    rows = without(flat(margins="0:6 4:3"), LOW, (0, 1))
    rows = [{**row, "margins": None} if row["outcome"] == "error" else row for row in rows]
    told = found(rows).margins
    assert told is not None
    assert {"q4_0/q4_0": 2} == told.facts()["lacking"]
    assert (
        "missing answers have no margin, and it may be the lowest: functions q4_0/q4_0 2" == margin_sentences(told)[-1]
    )
