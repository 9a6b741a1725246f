"""A part of run.json that no run can have is named, and every command says it alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored_runs import about, run_folder

from pytest_codeneedle.cli import main
from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.runs.about_check import about_fault
from pytest_codeneedle.runs.folder import RUN, RunFolder

if TYPE_CHECKING:
    from pathlib import Path

CELLS = {"bf16/bf16": [20, 20], "q4_0/q4_0": [12, 3]}
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"lines": 0}, "lines is 0, and no whole number of 1 or more"),
        ({"repeat": 10**30}, f"repeat is 1{'0' * 30}, and no whole number of 1 or more"),
        ({"lines": True}, "lines is True, and no whole number of 1 or more"),
        ({"delta": float("nan")}, "delta is nan, and not from 0 to 1e+06"),
        ({"private": None}, "private is None, and neither true nor false"),
        ({"pairs": ["q8_0/q8_0", 5]}, "pairs is ['q8_0/q8_0', 5], and no list of texts"),
        ({"cells": ["q8_0/x"]}, "cells: 'q8_0/x' is no cell, such as q8_0/q4_0"),
        ({"reference": 7}, "reference: 7 is no cell, such as q8_0/q4_0"),
        ({"rotations": ["up"]}, "rotations: 'up' is none of default, on, off, both"),
        ({"functions": [{}]}, "functions have no name"),
        ({"functions": [{"name": "f", "primary": [1]}]}, "functions: primary of 'f' is [1], and no list of lines"),
        ({"kv_per_token": {"k": -1}}, "kv_per_token: k is -1, and no size"),
        ({"identity": "k"}, "identity is 'k', and no table"),
        ({"started": 5}, "started is 5, and no text"),
        ({"outcomes": {"passed": -1}}, "outcomes: passed is -1, and no whole number of 0 or more"),
        ({"sessions": [1]}, "sessions is [1], and no list of tables"),
    ],
)
def test_a_part_that_no_run_can_have_is_named(part: dict[str, Any], said: str) -> None:
    """With its value; a run that lacks parts, as those of older versions do, has no fault."""
    assert about_fault(about()) is None
    assert about_fault({}) is None
    assert said == about_fault({**about(), **part})


def test_whoever_reads_the_folder_hears_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with the way out, from a command and from the folder itself; so of what is nested too deeply."""
    path = run_folder(tmp_path / "run", CELLS, lines="20")
    said = f"{path} is damaged: run.json: lines is '20', and no whole number of 1 or more; bring it back from a copy"
    with pytest.raises(RunFolderError, match="lines is '20'"):
        RunFolder.open(path)
    assert 2 == main(["grid", str(path)])
    assert capsys.readouterr().err.startswith(f"codeneedle: {said}")

    (path / RUN).write_text("[" * 100_000, encoding="utf-8")
    assert 2 == main(["grid", str(path)])
    assert f"codeneedle: {path / RUN} cannot be read: it is nested too deeply; " in capsys.readouterr().err


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_one_line_whatever_stands_in_a_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    """No exception leaves a command, and none is shown by its name."""
    path = tmp_path / "run"
    if not path.exists():
        run_folder(path, CELLS)
        (tmp_path / "whole.json").write_bytes((path / RUN).read_bytes())
    told = json.loads((tmp_path / "whole.json").read_bytes())
    told[data.draw(st.sampled_from(sorted(told)))] = data.draw(ODD)
    (path / RUN).write_text(json.dumps(told), encoding="utf-8")

    for command in (["grid", "--json"], ["status"], ["summary"]):
        status = main([command[0], str(path), *command[1:]])
        captured = capsys.readouterr()
        assert status in (0, 2)
        assert status // 2 == len(captured.err.splitlines())
        assert "Error: " not in captured.err
