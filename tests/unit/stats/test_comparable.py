"""Whether two runs can be compared, what differs between them, what one has and the other has not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from stored_runs import IDENTITY, run_of

from pytest_codeneedle.core.errors import BaselineError
from pytest_codeneedle.stats.comparison import compare

CELLS = {"q8_0/q8_0": [20, 20, 20], "q4_0/q4_0": [20, 20, 20]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {"corpus_sha256": "e" * 64}, "new is of another corpus than old: tiny, tiny: sha256 was cc", id="text"
        ),
        pytest.param({"lines": 10}, "lines was 20, is 10; --kv-lines 20", id="lines"),
        pytest.param({"prompt": "codeneedle"}, "prompt was quoted, is codeneedle; --kv-prompt quoted", id="prompt"),
        pytest.param({"identity": {**IDENTITY, "prompt_sha256": "0" * 64}}, "save the baseline anew", id="wording"),
        pytest.param({"relax_indent": False}, "indentation was ignored, is compared", id="indentation"),
    ],
)
def test_other_questions(changes: dict[str, Any], said: str) -> None:
    """Figures that would not mean the same are not compared: what differs, and the way out."""
    with pytest.raises(BaselineError) as error:
        compare(run_of(CELLS, "old"), run_of(CELLS, "new", **changes))

    assert said in str(error.value)


def test_what_is_not_known_is_not_held_against_a_run() -> None:
    """An imported run has no hash of its wording."""
    imported = run_of(CELLS, "old", identity={})

    assert ["asked_with was not recorded, is unset"] == [
        one for one in compare(imported, run_of(CELLS, "new")).differing if one.startswith("asked_with")
    ]


def test_differences() -> None:
    """Build, model, arguments, and the rotation that the logs show."""
    old = run_of(CELLS, "old")
    logged = {cell: replace(one, log_rotation=(128, 64)) for cell, one in old.cells.items()}
    off = {cell: replace(one, log_rotation=(0, 64)) for cell, one in old.cells.items()}
    identity = {**IDENTITY, "server_args": ["-fa", "on", "-ngl", "9"]}
    new = replace(run_of(CELLS, "new", server_build="b2", model_sha256="b" * 64, identity=identity), cells=off)

    assert (
        "build was b1, is b2",
        "model_sha256 was aaaaaaaaaaaa, is bbbbbbbbbbbb",
        "server_args was -fa on, is -fa on -ngl 9",
        "rotation of K in the log was on (128), is off in 2 of 2 cells",
    ) == compare(replace(old, cells=logged), new).differing


def test_what_is_missing() -> None:
    """Cells and functions of one run alone, and single questions; the rest is compared."""
    old = {"q8_0/q8_0": [20, 20, 20], "q4_0/q4_0": [20, 20, 20], "q5_0/q5_0": [20]}
    new = {"q8_0/q8_0": [20, 20], "q4_0/q4_0": [20], "bf16/bf16": [20]}
    found = compare(run_of(old, "old"), run_of(new, "new"))

    assert (
        "1 cell not asked now: q5_0/q5_0",
        "1 function not asked now: f2",
        "1 single question not asked now",
        "1 cell not in the old run: bf16/bf16",
    ) == found.missing
    assert {"q8_0/q8_0": 2, "q4_0/q4_0": 1} == {change.name: change.n for change in found.cells}


@pytest.mark.parametrize(
    ("cells", "said"),
    [({"bf16/bf16": [20]}, "old and new have no cell in common"), ({}, "old and new have no cell in common")],
)
def test_nothing_in_common(cells: dict[str, list[int]], said: str) -> None:
    """There is nothing to compare."""
    with pytest.raises(BaselineError, match=said):
        compare(run_of(CELLS, "old"), run_of(cells, "new"))
