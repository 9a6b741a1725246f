"""What of a run is held against another: one figure for each function of each cell, and what it was asked with."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_runs import IDENTITY, about, row, run_of

from pytest_codeneedle.core.cells import Place
from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.runs.stored_run import StoredCell, stored_run

REF, Q8, Q4 = "bf16/bf16", "q8_0/q8_0", "q4_0/q4_0"
CELL = Place(KVPair("q4_0", "q4_0"))


def cell_of(rows: list[dict[str, Any]], **more: Any) -> StoredCell:
    """The only cell of a run."""
    (cell,) = stored_run("run", about(**{"asked": ["f", "g"], **more}), rows).cells.values()
    return cell


def test_figures() -> None:
    """Lines, what did not pass, what gave no answer, and the mean of what did."""
    cell = cell_of([row(Q4, "f", 7), row(Q4, "g", None)])

    assert {"f": 7.0, "g": None} == cell.matched
    assert {"f"} == cell.failed
    assert {"g"} == cell.silent
    assert 7.0 == cell.mean


def test_passes() -> None:
    """A figure is the mean of the passes that count; one that failed, and one without an answer, is remembered."""
    rows = [row(Q4, "f", 20), row(Q4, "f", 5, replicate=1), row(Q4, "f", None, replicate=2)]
    cell = cell_of([*rows, row(Q4, "f", 0, replicate=3)], repeat=3)

    assert {"f": 12.5} == cell.matched
    assert {"f"} == cell.failed == cell.silent


def test_the_further_pass_over_the_reference_is_no_figure() -> None:
    """It tells drift: with one pass, replicate 1 is in no grid."""
    assert {"f": 20.0} == cell_of([row(Q4, "f", 20), row(Q4, "f", 3, replicate=1)]).matched


def test_the_further_pass_may_lack_answers() -> None:
    """An answer of the reference that is missing there is remembered; what it says is no figure."""
    rows = [row(REF, "f", 20), row(REF, "g", 20), row(REF, "f", None, replicate=1), row(REF, "g", 3, replicate=1)]
    cell = cell_of(rows)

    assert {"f": 20.0, "g": 20.0} == cell.matched
    assert ({"f"}, {"f": (1, 2)}, set()) == (cell.silent, cell.passes, cell.failed)


def test_an_answer_counts_before_an_error_and_the_packaged_test_before_others() -> None:
    """Whatever the order of the rows."""
    rows = [row(Q4, "f", 11), row(Q4, "f", None), row(Q4, "f", 12, test="test_own.py::test_mine")]
    for seed in range(6):
        random.Random(seed).shuffle(rows)
        assert {"f": 11.0} == cell_of(rows).matched


def test_rotations_are_cells_of_their_own() -> None:
    """A row without one is of the default."""
    rows = [row(Q4, "f", 20, rotation="on"), row(Q4, "f", 10, rotation="off")]
    plain = {key: value for key, value in row(Q4, "f", 5).items() if key != "rotation"}
    cells = stored_run("run", about(asked=["f"]), [*rows, plain]).cells

    assert {"q4_0/q4_0": 5, "q4_0/q4_0:rot-on": 20, "q4_0/q4_0:rot-off": 10} == {
        str(cell): figures.mean for cell, figures in cells.items()
    }


def test_margins_and_the_rotation_of_the_log() -> None:
    """Where the rows have them."""
    logged = {"attn_rot_k": 128, "attn_rot_v": 0}
    cell = cell_of([row(Q4, "f", 20, margin_mean=2.5, **logged), row(Q4, "g", 20, **logged)])

    assert {"f": 2.5} == cell.margins
    assert (128, 0) == cell.log_rotation
    assert cell_of([row(Q4, "f", 20)]).margins is None


def test_facts() -> None:
    """Build, model, arguments and devices; not what makes the questions, and nothing of the machine's own."""
    identity = {**IDENTITY, "server_args": ["--lora", "/home/me/x.gguf"]}
    facts = stored_run("run", about(identity=identity), [row(Q4, "f", 20, added_args="--n 8")], ("NVIDIA L4",)).facts

    assert ("b1", "version: 1", ["NVIDIA L4"]) == (facts["build"], facts["server_version"], facts["gpu"])
    assert (["--lora", "x.gguf"], ["--n 8"]) == (facts["server_args"], facts["added_args"])
    assert not {"lines", "prompt", "corpus_sha256", "machine"} & set(facts)


def test_an_imported_run_says_that_it_does_not_know() -> None:
    """Such a run has no identity: one difference, not twenty."""
    bare = {key: value for key, value in about().items() if key != "identity"}

    assert "not recorded" == stored_run("run", bare, [row(Q4, "f", 20)]).facts["asked_with"]
    assert "asked_with" not in run_of({Q4: [20]}).facts


@pytest.mark.parametrize("part", ["corpus", "corpus_sha256", "lines", "reference"])
def test_what_a_run_cannot_do_without(part: str) -> None:
    """A KeyError, for the reader to tell with the run's name."""
    with pytest.raises(KeyError):
        stored_run("run", {key: value for key, value in about().items() if key != part}, [])


@given(st.permutations([row(pair, function, 20) for pair in (Q8, Q4) for function in "fgh"]))
def test_the_order_of_rows_is_nothing(rows: list[dict[str, Any]]) -> None:
    """Cells are in the order of their names."""
    found = stored_run("run", about(asked=list("fgh")), rows)

    assert found == stored_run("run", about(asked=list("fgh")), rows[::-1])
    assert [Q4, Q8] == list(map(str, found.cells))
    assert (6, 6) == (found.questions_asked, found.answered)
