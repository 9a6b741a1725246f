"""What a line of results.jsonl can say, and what no run ever wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.runs.folder import TORN, RunFolder
from pytest_codeneedle.runs.row_check import row_fault

if TYPE_CHECKING:
    from pathlib import Path

ABOUT = {"corpus": "tiny", "key": "k", "lines": 20}
ROW = {
    "corpus": "tiny",
    "ctk": "q8_0",
    "ctv": "q4_0",
    "function": "f",
    "outcome": "passed",
    "replicate": 0,
    "key": "k",
    "primary_matched": 20,
    "primary_total": 20,
    "hallucinated": 0,
    "response": "x",
    "run_on": False,
    "margin_mean": 7.5,
    "margin_under_1": 0.0,
    "predicted_ms": 3,
    "tokens": 9,
    "depth": 0.25,
}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"outcome": "error", "primary_matched": None, "hallucinated": None, "response": ""},
        {"primary_matched": 0, "outcome": "failed"},
        {"function": None, "outcome": "error"},
        {"margin_mean": -104, "margin_p1": None},
        {"key": "other", "primary_total": 30, "primary_matched": 29},
        {"something": "new"},
    ],
)
def test_what_can_be(changed: dict[str, Any]) -> None:
    """Errors, misses, answers of an earlier state of the run, what later versions add."""
    assert row_fault({**ROW, **changed}, ABOUT) is None
    assert row_fault({**ROW, **changed}, {}) is None


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"primary_matched": -5}, "primary_matched is -5, and no count"),
        ({"primary_matched": 21}, "primary_matched is 21 of 20 lines"),
        ({"primary_matched": 1e9}, "primary_matched is 1000000000.0, and no count"),
        ({"primary_matched": 20.0}, "primary_matched is 20.0, and no count"),
        ({"primary_matched": True}, "primary_matched is True, and no count"),
        ({"primary_matched": "20"}, "primary_matched is '20', and no count"),
        ({"primary_matched": None}, "it is an answer, and primary_matched is not there"),
        ({"primary_total": 30, "primary_matched": 25}, "primary_total is 30, and 20 lines were asked for"),
        ({"hallucinated": 10**9}, "hallucinated is 1000000000, and no count"),
        ({"margin_mean": float("nan")}, "margin_mean is nan, and not from -200 to 200"),
        ({"margin_mean": float("inf")}, "margin_mean is inf, and not from -200 to 200"),
        ({"margin_under_1": 1.5}, "margin_under_1 is 1.5, and not from 0 to 1"),
        ({"predicted_ms": -1}, "predicted_ms is -1, and not from 0 to 2.592e+09"),
        ({"replicate": -1}, "replicate is -1, and no count"),
        ({"replicate": [0]}, "replicate is [0], and no count"),
        ({"run_on": "no"}, "run_on is 'no', and neither true nor false"),
        ({"response": 5}, "response is 5, and no text"),
        ({"function": ["f"]}, "function is ['f'], and no text"),
        ({"outcome": "best\x1b"}, r"outcome is 'best\x1b'"),
        ({"corpus": "other"}, "it is about corpus 'other', and the run about 'tiny'"),
    ],
)
def test_what_no_run_can_have(changed: dict[str, Any], fault: str) -> None:
    """The name, the value, and what it should be."""
    assert fault == row_fault({**ROW, **changed}, ABOUT)


def test_what_is_no_row() -> None:
    """Another kind of JSON."""
    assert "it is no JSON object" == row_fault([], ABOUT)


def folder_of(path: Path, *rows: dict[str, Any]) -> RunFolder:
    """A run with these rows, whatever is in them."""
    folder = RunFolder.create(path / "run", ABOUT)
    folder.extend(rows)
    return folder


def test_the_reader_names_file_and_line(tmp_path: Path) -> None:
    """Nothing of such a run is judged before it is put right."""
    folder = folder_of(tmp_path, ROW, {**ROW, "primary_matched": -5})
    with pytest.raises(RunFolderError) as caught:
        folder.rows()
    way = "pytest --kv-resume puts such a line aside"
    assert f"{folder.path}/results.jsonl, line 2: primary_matched is -5, and no count; {way}" == str(caught.value)


def test_resuming_puts_such_lines_aside(tmp_path: Path) -> None:
    """They are asked again; what they said is kept, and not counted."""
    folder = folder_of(tmp_path, {**ROW, "corpus": "other"}, ROW, {**ROW, "primary_matched": 1e9})
    said = folder.repair()
    assert said is not None
    assert "line 1: it is about corpus 'other', and the run about 'tiny'" in said
    assert "line 3: primary_matched is 1000000000.0, and no count" in said
    assert [ROW] == folder.rows()
    kept = (folder.path / TORN).read_text(encoding="utf-8").splitlines()
    assert ["other", "tiny"] == [json.loads(line)["corpus"] for line in kept]
    assert folder.repair() is None
