"""A run as a file to be committed: small, a line for each cell, and the same run when it is read again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_runs import about, row, run_of

from pytest_codeneedle.core.errors import BaselineError
from pytest_codeneedle.runs.baseline_file import baseline_text, parse_baseline
from pytest_codeneedle.runs.stored_run import stored_run

PAIRS = ("bf16/bf16", "q8_0/q4_0", "q4_0/q4_0")
LINES = st.none() | st.integers(0, 20)


def saved(**changes: Any) -> str:
    """A baseline of two functions and a cell, with other parts."""
    read = json.loads(baseline_text(run_of({"q4_0/q4_0": [20, 7]})))
    return json.dumps({**read, **changes})


@given(
    st.lists(
        st.tuples(
            st.sampled_from(PAIRS), st.sampled_from("fgh"), st.integers(0, 2), LINES, st.none() | st.floats(0, 9)
        ),
        max_size=20,
    )
)
def test_what_is_read_is_what_was_saved(figures: list[tuple[str, str, int, int | None, float | None]]) -> None:
    """Whatever was asked, failed, or gave no answer; so a run has no difference from its own file."""
    rows = [
        row(pair, function, lines, replicate=replicate, margin_mean=None if lines is None else margin)
        for pair, function, replicate, lines, margin in figures
    ]
    run = stored_run("run", about(asked=list("fgh"), repeat=3), rows)

    assert run == parse_baseline("run", baseline_text(run))
    assert baseline_text(run) == baseline_text(parse_baseline("file", baseline_text(run)))


def test_how_it_reads() -> None:
    """A line for each cell, what is out of the ordinary said by name."""
    run = run_of({"q8_0/q4_0": [20, 19.5, None], "bf16/bf16": [20, 7]})
    lines = baseline_text(run).splitlines()

    assert ' "format": "codeneedle baseline",' == lines[1]
    assert [
        ' "cells": {',
        '  "bf16/bf16": {"matched": [20, 7, null], "failed": ["f1"], "not_asked": ["f2"]},',
        '  "q8_0/q4_0": {"matched": [20, 19, null], "no_answer": ["f2"]}',
        " }",
        "}",
    ] == lines[-5:]


def test_another_order_of_functions_is_the_same_file() -> None:
    """A diff shows what changed and nothing else."""
    run = run_of({"q4_0/q4_0": [20, 7, 3]})

    assert baseline_text(run) == baseline_text(replace(run, functions=run.functions[::-1]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("no JSON", "file is no baseline: not JSON", id="text"),
        pytest.param("[]", "file is no baseline; codeneedle baseline save", id="list"),
        pytest.param('{"format": 1}', "file is no baseline; codeneedle baseline save", id="another file"),
        pytest.param(saved(version=2), "file is a baseline of version 2, and this package reads version 1", id="later"),
        pytest.param(saved(lines="20"), "file is damaged: its head: '20' is no int", id="text for a number"),
        pytest.param(saved(reference="x/y"), "file is damaged: its head: unknown KV cache type", id="reference"),
        pytest.param(saved(functions="f"), "file is damaged: its head: 'f' is no list", id="functions"),
        pytest.param(saved(cells={"q4_0": {}}), "damaged: cell q4_0: 'q4_0' is not a pair", id="pair"),
        pytest.param(saved(cells={"q4_0/q4_0": {}}), "cell q4_0/q4_0: no 'matched'", id="no figures"),
        pytest.param(saved(cells={"q4_0/q4_0": {"matched": [1]}}), "1 figures for 2 functions", id="too few"),
        pytest.param(saved(cells={"q4_0/q4_0": {"matched": [1, True]}}), "True is no", id="no number"),
        pytest.param(saved(cells={"q4_0/q4_0": {"matched": [1, 1], "failed": ["g"]}}), "'g' is none of its", id="name"),
        pytest.param(saved(cells=[]), "file is damaged", id="no table of cells"),
        pytest.param(saved(cells={"q4_0/q4_0": {"matched": [1, 21]}}), "f1 has 21 of 20 lines", id="too many lines"),
        pytest.param(saved(cells={"q4_0/q4_0": {"matched": [-1, 2]}}), "f0 has -1 of 20 lines", id="below zero"),
        pytest.param(saved().replace("7", "1e400"), "damaged: its figures: cell q4_0/q4_0: f1 has inf", id="infinite"),
        pytest.param(saved().replace("7", f"1{'0' * 400}"), "damaged: cell q4_0/q4_0: int too large", id="too large"),
        pytest.param(saved(functions=["f0", "f0"], cells={}), "damaged: its figures: 'f0' is in it twice", id="twice"),
        pytest.param(saved(lines=0), "damaged: its figures: lines 0, repeat 1", id="no lines"),
        pytest.param(
            saved(cells={"q4_0/q4_0": {"matched": [1, 2], "margins": [1, 1e999]}}).replace("Infinity", "1e999"),
            "f1 has a margin of inf",
            id="infinite margin",
        ),
        pytest.param("[" * 100_000, "file is no baseline: not JSON", id="too deep"),
        pytest.param(saved().replace("20", "NaN", 1), "NaN is no figure", id="NaN"),
    ],
)
def test_damage(text: str, said: str) -> None:
    """One error that names the file and the part."""
    with pytest.raises(BaselineError) as error:
        parse_baseline("file", text)

    assert said in str(error.value)


@pytest.mark.parametrize("part", sorted(json.loads(saved())))
def test_every_part_is_needed(part: str) -> None:
    """None is made up."""
    read = json.loads(saved())
    del read[part]
    with pytest.raises(BaselineError):
        parse_baseline("file", json.dumps(read))


def test_names_that_a_locale_had_no_characters_for() -> None:
    """Python reads them as halves of surrogate pairs: they can be written, and come back."""
    saved_text = baseline_text(run_of({"bf16/bf16": [20]}, corpus="gr\udcc3\udcb6ße"))
    assert "gr\udcc3\udcb6ße" == parse_baseline("file", saved_text.encode().decode()).corpus


def sessions(weaker: int, *, beside: bool = True) -> list[dict[str, Any]]:
    """Two sessions over the reference, the second one with so many lines; `beside` with another cell in it."""
    rows = [row(pair, name, 20, session="a") for pair in ("bf16/bf16", "q4_0/q4_0") for name in "fg"]
    rows += [row("bf16/bf16", name, weaker, session="b") for name in "fg"]
    return rows + [row("q8_0/q4_0", name, weaker, session="b") for name in "fg" if beside]


@pytest.mark.parametrize(
    ("rows", "more", "caution"),
    [
        (sessions(20), {}, ""),
        (sessions(14), {}, "not calibrated: bf16/bf16 recalls 70 % of the lines, 80 % are needed"),
        (sessions(14, beside=False), {}, ""),
        (sessions(18), {"calibrate_min": 0.95}, "not calibrated: bf16/bf16 recalls 90 % of the lines, 95 % are needed"),
        (sessions(18), {"calibrate_min": 0.1}, ""),
        (sessions(20)[:4], {"asked": list("fgh")}, "not calibrated: the reference was not asked completely"),
    ],
)
def test_a_reference_that_was_weak_in_one_session(
    rows: list[dict[str, Any]], more: dict[str, Any], caution: str
) -> None:
    """It speaks for the run, as in a verdict, where it was beside other cells; a file of the run says the same."""
    run = stored_run("run", about(**{"asked": list("fg"), **more}), rows)

    assert caution == run.caution
    assert run == parse_baseline("run", baseline_text(run))


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("weakest", [21, 3], "f0 has 21 of 20 lines"),
        ("weakest", [1], "1 figures for 2 functions"),
        ("minimum", 7, "minimum 7"),
    ],
)
def test_a_weakest_session_that_no_run_can_have(part: str, value: Any, said: str) -> None:
    """Named with what is wrong."""
    with pytest.raises(BaselineError, match=said):
        parse_baseline("file", saved(**{part: value}))
