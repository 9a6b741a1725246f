"""A new run against a stored one: what is worse, what is only a flip, what gave no answer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_runs import about, row, run_of

from pytest_codeneedle.core.errors import BaselineError
from pytest_codeneedle.report.text.comparison import comparison_lines, comparison_markdown, verdict
from pytest_codeneedle.runs.baseline_file import baseline_text, parse_baseline
from pytest_codeneedle.runs.stored_run import stored_run
from pytest_codeneedle.stats.comparison import Comparison, compare
from pytest_codeneedle.stats.run_margins import RunMargins

if TYPE_CHECKING:
    from pytest_codeneedle.runs.stored_run import StoredRun

REF, MIXED, LOW = "bf16/bf16", "q8_0/q4_0", "q4_0/q4_0"
FULL = [20] * 12
WHOLE = {REF: FULL, MIXED: FULL, LOW: FULL}

FIGURES = st.lists(st.none() | st.integers(0, 20), max_size=9)
RUNS = st.dictionaries(st.sampled_from([REF, MIXED, LOW, "q5_1/q4_0"]), FIGURES, max_size=4)


def compared(new: dict[str, Any], old: dict[str, Any] | None = None) -> Comparison:
    """These cells against others, by default flawless ones."""
    return compare(run_of(WHOLE if old is None else old, "old"), run_of(new, "new"))


def may_compare(old: StoredRun, new: StoredRun) -> Comparison | None:
    """None where they have nothing in common."""
    try:
        return compare(old, new)
    except BaselineError:
        return None


@given(RUNS)
@settings(max_examples=50, deadline=None)
def test_a_run_against_itself(cells: dict[str, list[int | None]]) -> None:
    """Nothing differs, nothing is worse, nothing flipped, whatever failed or gave no answer."""
    run = run_of(cells)
    found = may_compare(run, run)

    assert (found is None) == (not any(cells.values()))
    if found is not None:
        assert {0.0} >= {change.difference for change in (*found.declared, *found.cells)}
        assert ((), {}, (), False) == (found.differing, found.silent, found.flips, found.worse)
        unknown = any(None in lines for lines in cells.values())
        assert unknown == bool(found.missing)
        assert all("without an answer in the old run" in told for told in found.missing)


@given(RUNS, RUNS)
@settings(max_examples=50, deadline=None)
def test_whatever_the_runs_are(old: dict[str, list[int | None]], new: dict[str, list[int | None]]) -> None:
    """JSON has no NaN, lines fit 80 columns, and the order of cells and functions is nothing."""
    before, after = run_of(old, "old"), run_of(new, "new")
    found = may_compare(before, after)
    if found is None:
        return
    assert found.facts() == json.loads(json.dumps(found.facts(), allow_nan=False))
    assert 80 >= max(map(len, comparison_lines(found)))
    assert comparison_markdown(found)
    turned = replace(
        before,
        functions=before.functions[::-1],
        cells={
            cell: replace(figures, matched=dict(reversed(figures.matched.items())))
            for cell, figures in reversed(before.cells.items())
        },
    )
    assert found.facts() == compare(turned, after).facts()


@given(RUNS, RUNS)
@settings(max_examples=50, deadline=None)
def test_both_ways(old: dict[str, list[int | None]], new: dict[str, list[int | None]]) -> None:
    """The other way round all differences have the other sign, and nothing is worse both ways."""
    there = may_compare(run_of(old), run_of(new))
    back = may_compare(run_of(new), run_of(old))
    if there is None or back is None:
        assert there is back
        return
    ways = [{change.name: change for change in (*found.declared, *found.cells)} for found in (there, back)]
    assert set(ways[0]) == set(ways[1])
    for name, change in ways[0].items():
        assert pytest.approx(-change.difference) == ways[1][name].difference
        assert not (change.worse and ways[1][name].worse)
    assert len(there.flips) == len(back.flips)


def test_one_cell_lost_a_line_of_each_function() -> None:
    """It is worse, and so is the mean of all; the reference is not."""
    found = compared({**WHOLE, LOW: [19] * 12})

    assert found.worse
    assert ["mean of all cells", f"lowest pair {LOW}"] == [change.name for change in found.worse_changes]
    assert [-0.3333, 0.0, -1.0] == [round(change.difference, 4) for change in found.declared]
    assert {LOW} == {change.name for change in found.cells if change.worse}


def test_another_cell_needs_more() -> None:
    """Of the mixed cell as well, at the level of all cells."""
    found = compared({**WHOLE, MIXED: [19] * 12})

    assert ["mean of all cells", MIXED] == [change.name for change in found.worse_changes]


def test_better_is_not_worse() -> None:
    """The test has one side."""
    assert not compared(WHOLE, {**WHOLE, LOW: [10] * 12}).worse


def test_single_flips_decide_nothing() -> None:
    """Two functions that lose all their lines are listed, both ways; no more."""
    found = compared({**WHOLE, LOW: [0, 0, *FULL[2:]]})

    assert not found.worse
    assert [("f0", True, 20.0, 0.0), ("f1", True, 20.0, 0.0)] == [
        (flip.function, flip.fails, flip.old, flip.new) for flip in found.flips
    ]
    back = compared(WHOLE, {**WHOLE, LOW: [0, 0, *FULL[2:]]})
    assert [False, False] == [flip.fails for flip in back.flips]


def test_no_answer_any_more() -> None:
    """One question is enough; one that had no answer before is no news."""
    found = compared({**WHOLE, LOW: [None, *FULL[1:]], MIXED: [None] * 12})
    silent = {str(cell): names for cell, names in found.silent.items()}

    assert found.worse
    assert "13 questions gave an answer and give none now, all of q8_0/q4_0" in verdict(found)
    assert ("f0",) == silent[LOW]
    assert [MIXED] == list(map(str, found.cells_silent))
    assert not compared({**WHOLE, LOW: [None, *FULL[1:]]}, {**WHOLE, LOW: [None, *FULL[1:]]}).worse
    assert not compared(WHOLE, {**WHOLE, LOW: [None, *FULL[1:]]}).worse


def test_a_pass_without_an_answer() -> None:
    """Of several passes one is enough too: the mean of the others hides it."""
    old = run_of({LOW: FULL}, repeat=2)
    cell = next(iter(old.cells))
    new = replace(old, cells={cell: replace(old.cells[cell], silent=frozenset({"f1"}))})

    assert compare(old, new).worse


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        pytest.param([20, None], [None], [LOW], id="once of two, then never"),
        pytest.param([20, None], [None, None, None], [LOW], id="once of two, then never in three"),
        pytest.param([20, 20, None], [20, None, None], [LOW], id="in fewer passes"),
        pytest.param([20, None], [20, None, None], [LOW], id="in a smaller share"),
        pytest.param([20, 20, None], [20, None], [], id="one is missing then and now"),
        pytest.param([20, None], [None, 20], [], id="as often"),
        pytest.param([20, None, None], [20, None], [], id="more often"),
        pytest.param([20, None], [20], [], id="always"),
    ],
)
def test_answers_in_some_passes(old: list[int | None], new: list[int | None], named: list[str]) -> None:
    """Whatever passes there were: a question that loses answers is worse, and named; also with a baseline's file."""

    def passes(figures: list[int | None], name: str) -> StoredRun:
        rows = [
            row(pair, f"f{at}", lines if pair == LOW else 20, replicate=number)
            for pair in (REF, LOW)
            for at in range(8)
            for number, lines in enumerate(figures)
        ]
        return stored_run(name, about(asked=[f"f{at}" for at in range(8)], repeat=len(figures)), rows)

    before, after = passes(old, "old"), passes(new, "new")
    found = compare(before, after)
    assert bool(named) == found.worse
    assert named == list(map(str, found.silent))
    assert ([LOW] if set(new) == {None} else []) == list(map(str, found.cells_silent))
    assert found.facts() == compare(parse_baseline("old", baseline_text(before)), after).facts()


def test_the_reference_falls_silent_at_the_end() -> None:
    """Its further pass is in no grid, and its answers count; the old run may be a file of an earlier version."""

    def run(name: str, further: int | None) -> StoredRun:
        whole = [row(pair, f"f{at}", 20) for pair in (REF, LOW) for at in range(8)]
        last = [row(REF, f"f{at}", further, replicate=1) for at in range(8)]
        return stored_run(name, about(asked=[f"f{at}" for at in range(8)]), [*whole, *last])

    old, new = run("old", 20), run("new", None)
    for before in (old, parse_baseline("old", baseline_text(old)), run_of({REF: [20] * 8, LOW: [20] * 8})):
        found = compare(before, new)
        assert found.worse
        assert "worse: 8 questions give an answer in fewer of their passes" == verdict(found)
        assert f"in fewer passes: {REF}: f0, f1, f2, f3, f4, f5 and 2 more" in comparison_lines(found)
        assert f"- in fewer passes: {REF.replace('_', chr(92) + '_')}: f0" in " ".join(comparison_markdown(found))
    assert not compare(new, old).worse
    assert not compare(new, parse_baseline("new", baseline_text(new))).worse


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        pytest.param([20, None, 20], "1 question gives an answer in fewer of its passes", id="some"),
        pytest.param([None, None, None], "1 question gave an answer and gives none now", id="none"),
    ],
)
def test_fewer_answers_and_none_are_told_apart(lines: list[int | None], told: str) -> None:
    """By what is left of them."""

    def run(name: str, of_first: list[int | None]) -> StoredRun:
        rows = [
            row(LOW, f"f{at}", figure, replicate=number)
            for at in range(8)
            for number, figure in enumerate(of_first if at == 0 else [20] * 3)
        ]
        return stored_run(name, about(asked=[f"f{at}" for at in range(8)], repeat=3), rows)

    assert f"worse: {told}" == verdict(compare(run("old", [20] * 3), run("new", lines)))


def test_a_cell_that_never_answered_is_not_settled() -> None:
    """Nothing is worse than nothing, and nothing was held against the baseline there."""
    found = compared({**WHOLE, LOW: [None] * 12}, {**WHOLE, LOW: [None] * 12})

    assert (False, True, [LOW]) == (found.worse, found.undecided, found.facts()["cells_never_answered"])
    said = "q4_0/q4_0 had no answer in the old run, and nothing is shown to be worse elsewhere"
    assert f"not settled: {said}" == verdict(found)


@pytest.mark.parametrize("lines", [20, 0])
def test_what_had_no_answer_then_was_held_against_nothing(lines: int) -> None:
    """A cell without any is not settled, whatever it answers now; of one with some it is said how many those are."""
    then: dict[str, Any] = {**WHOLE, LOW: [None] * 12}
    found = compared({**WHOLE, LOW: [lines] * 12}, then)
    assert (True, [LOW]) == (found.undecided, found.facts()["cells_never_answered"])
    assert verdict(found).startswith("not settled: q4_0/q4_0 had no answer in the old run")

    found = compared({**WHOLE, LOW: [20] + [lines] * 11}, {**WHOLE, LOW: [20] + [None] * 11})
    assert not found.undecided
    assert verdict(found).startswith("nothing is worse for 25 of 36 questions: ")
    assert ("11 questions without an answer in the old run: q4_0/q4_0 (11 of 12)",) == found.missing
    assert "3 cells: each function's lines are the same where both runs have an answer" in comparison_lines(found)


def test_one_cell_is_tested_once() -> None:
    """At the whole level: an endpoint as it is served, with five functions that lose lines."""
    found = compare(run_of({REF: [20] * 5}), run_of({REF: [19] * 5}))

    assert ((), 0.05) == (found.declared, found.level)
    assert found.worse
    assert (5, 5) == found.functions_needed


@pytest.mark.parametrize(("functions", "loss"), [(6, None), (7, 0.969), (14, 0.575)])
def test_what_could_have_been_seen(functions: int, loss: float | None) -> None:
    """Seven functions that lose a line are the fewest of a declared contrast: 2 ** -7 < 0.025 / 3.

    What is seen is the chance of a loss at which so many lose one, four times of five.
    """
    run = run_of({REF: [20] * functions, LOW: [20] * functions, MIXED: [20] * functions})

    assert (7, 7) == compare(run, run).functions_needed
    assert compare(run, run).seen_loss == (None if loss is None else pytest.approx(loss, abs=0.001))


def test_noise_hides_losses() -> None:
    """Where functions differ widely, a mean loss that was not called worse is one that would not have been seen."""
    found = compared({**WHOLE, LOW: [2, 2, *FULL[2:]]})

    assert not found.worse
    assert found.seen_loss is not None
    assert found.seen_loss > -found.declared[0].difference > 0


def test_the_reference_and_the_low_pair() -> None:
    """Where they are not common cells, the mean alone is declared."""
    found = compared({MIXED: FULL, "q5_0/q4_0": FULL}, {MIXED: FULL, "q5_0/q4_0": FULL})
    assert ["mean of all cells"] == [change.name for change in found.declared]


def test_rotations() -> None:
    """Runs of one rotation each are compared pair by pair, and that it differs is said; of both, each with its own."""
    cells = run_of(WHOLE).cells
    off = replace(run_of(WHOLE), cells={cell._replace(rotation="off"): one for cell, one in cells.items()})
    both = replace(run_of(WHOLE), cells={**off.cells, **{c._replace(rotation="on"): one for c, one in cells.items()}})

    assert 3 == len(compare(run_of(WHOLE), off).cells)
    found = compare(both, both)
    assert 6 == len(found.cells)
    assert f"reference {REF}:rot-on" == found.declared[1].name
    with pytest.raises(BaselineError, match="no cell in common"):
        compare(run_of(WHOLE), both)


def test_margins_decide_nothing() -> None:
    """They are held against each other where both runs have them."""
    run = run_of({REF: FULL, LOW: FULL})
    with_margins, lower = (
        replace(run, cells={cell: replace(one, margins={"f0": value, "f1": 2.0}) for cell, one in run.cells.items()})
        for value in (4.0, 1.0)
    )
    found = compare(with_margins, lower)

    assert {RunMargins(3.0, 1.5, functions=2, of=2)} == set(found.margins.values())
    assert not found.worse
    assert {} == compare(run, lower).margins


def test_margins_are_those_of_functions_that_are_whole_in_both_runs() -> None:
    """Whatever is lost has other tokens, and the surer ones of them."""
    old, new = (run_of({REF: FULL, LOW: lines}) for lines in (FULL, [20, 12, *FULL[2:]]))
    told = [
        replace(run, cells={cell: replace(one, margins={"f0": nats, "f1": 9.0}) for cell, one in run.cells.items()})
        for run, nats in ((old, 4.0), (new, 3.0))
    ]
    whole, partly = (
        next(one for cell, one in compare(*told).margins.items() if str(cell) == pair) for pair in (REF, LOW)
    )
    assert RunMargins(6.5, 6.0, functions=2, of=2) == whole
    assert RunMargins(4.0, 3.0, functions=1, of=2) == partly
    assert {"old": 4.0, "new": 3.0, "functions": 1, "of": 2} == partly.facts()
