"""Where a run to compare with is read from: its folder, a folder of several, the file that was saved of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from stored_runs import about, row, run_of

from pytest_codeneedle.core.errors import BaselineError, RunFolderError
from pytest_codeneedle.runs.baseline_file import baseline_text, is_baseline, read_run, read_several
from pytest_codeneedle.runs.folder import SERVERS, RunFolder

if TYPE_CHECKING:
    from pathlib import Path

CELLS = {"cells": ["q4_0/q4_0"], "pairs": ["q4_0/q4_0"], "asked": ["f0", "f1"]}
LOG = "load: using device CUDA0 (NVIDIA H100 80GB HBM3) (0000:8d:00.0) - 80000 MiB free\n"


def made(path: Path, **more: Any) -> Path:
    """A run folder with two answers."""
    folder = RunFolder.create(path, about(**{**CELLS, **more}))
    folder.extend([row("q4_0/q4_0", "f0", 20), row("q4_0/q4_0", "f1", 7)])
    return path


def test_folder_and_file_are_the_same(tmp_path: Path) -> None:
    """But for the device, which a log names."""
    folder = made(tmp_path / "run")
    file = tmp_path / "base.json"
    file.write_text(baseline_text(read_run(folder)), encoding="utf-8")

    assert run_of({"q4_0/q4_0": [20, 7]}, str(folder)) == read_run(folder)
    assert read_run(folder, "x") == read_run(file, "x")
    (folder / SERVERS / "q4_0-q4_0.log").write_text(LOG, encoding="utf-8")
    assert ["NVIDIA H100 80GB HBM3"] == read_run(folder).facts["gpu"]


def test_answers_of_an_earlier_state_are_none_of_it(tmp_path: Path) -> None:
    """As `codeneedle grid` has it: those that belong to what run.json says."""
    folder = made(tmp_path / "run", key="new")
    RunFolder(folder).append(row("q4_0/q4_0", "f0", 11, key="new"))

    (cell,) = read_run(folder).cells.values()
    assert {"f0": 11.0} == cell.matched


def test_several(tmp_path: Path) -> None:
    """A folder of runs is all of them; a run, or a file, is one."""
    for name in ("one", "two"):
        made(tmp_path / "out" / name, corpus=name)

    assert ["one", "two"] == [run.corpus for run in read_several(tmp_path / "out")]
    assert ["out/one", "out/two"] == [run.name for run in read_several(tmp_path / "out", "out")]
    assert ["two"] == [run.corpus for run in read_several(tmp_path / "out" / "two")]
    with pytest.raises(RunFolderError, match="it holds runs: one, two"):
        read_run(tmp_path / "out")


def test_damaged_folder(tmp_path: Path) -> None:
    """One error that names the run and what it lacks."""
    folder = made(tmp_path / "run")
    whole = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    del whole["corpus_sha256"]
    (folder / "run.json").write_text(json.dumps(whole), encoding="utf-8")
    with pytest.raises(BaselineError, match="run is damaged: there is no 'corpus_sha256'"):
        read_run(folder)
    RunFolder(made(tmp_path / "wild")).append(row("q4_0/q4_0", "f0", 1e400))
    with pytest.raises(RunFolderError, match=r"results.jsonl, line 3: primary_matched is inf, and no count"):
        read_run(tmp_path / "wild")
    RunFolder(made(tmp_path / "more")).append(row("q4_0/q4_0", "f0", 30))
    with pytest.raises(BaselineError, match="more is damaged: cell q4_0/q4_0: f0 has 30 of 20 lines"):
        read_run(tmp_path / "more")
    (folder / "run.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunFolderError, match="is damaged"):
        read_run(folder)


def test_missing_and_foreign(tmp_path: Path) -> None:
    """Each is told by its name."""
    with pytest.raises(BaselineError, match="nowhere cannot be read: No such file"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(BaselineError, match="nowhere cannot be read"):
        is_baseline(tmp_path / "nowhere")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BaselineError, match="binary cannot be read: it is no text"):
        read_run(tmp_path / "binary")
    assert not is_baseline(tmp_path / "binary")
    (tmp_path / "base.json").write_text(baseline_text(run_of({"q4_0/q4_0": [20]}))[:300], encoding="utf-8")
    assert is_baseline(tmp_path / "base.json")
