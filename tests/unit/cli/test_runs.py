"""`codeneedle grid`, `status`, `summary`, `compare`, `report`: what they say of a run that lost answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from stored_runs import run_folder

from pytest_codeneedle.cli import main

if TYPE_CHECKING:
    from pathlib import Path

CELLS = {"bf16/bf16": [20] * 6, "q4_0/q4_0": [20] * 6}
LOST = "{} of 12 that were recorded are not there: results.jsonl is cut or lost; bring it back from a copy, or go on"


def damaged(path: Path, lines: int | None) -> Path:
    """A run of 12 answers with so many lines left of its results; None for no such file."""
    folder = run_folder(path, CELLS, outcomes={"passed": 12, "failed": 0, "error": 0})
    results = folder / "results.jsonl"
    kept = results.read_text(encoding="utf-8").splitlines(keepends=True)[:lines]
    results.unlink()
    if lines is not None:
        results.write_text("".join(kept), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("lines", "lost"), [(9, "3 answers"), (0, "12 answers"), (None, "12 answers")], ids=["cut", "empty", "missing"]
)
@pytest.mark.parametrize("command", ["grid", "status", "summary"])
def test_answers_that_are_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, lines: int | None, lost: str
) -> None:
    """Cut at a line's end, empty or gone, the record looks like one of fewer questions: that is said."""
    folder = damaged(tmp_path / "run", lines)

    assert 0 == main([command, str(folder)])
    assert LOST.format(lost) in " ".join(capsys.readouterr().out.split())
    assert 0 == main([command, str(folder), "--json"])
    assert LOST.format(lost) in json.dumps(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("options", [(), ("--markdown",), ("--json",)])
def test_a_comparison_with_such_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    """Of whichever of the two it is."""
    whole, cut = run_folder(tmp_path / "whole", CELLS), damaged(tmp_path / "cut", 9)
    for old, new in ((whole, cut), (cut, whole)):
        main(["compare", str(old), str(new), *options])
        assert "3 answers of 12 that were recorded are not there" in " ".join(capsys.readouterr().out.split())


def test_a_whole_run_has_lost_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said of it."""
    folder = damaged(tmp_path / "run", 12)
    for command in ("grid", "status", "summary"):
        assert 0 == main([command, str(folder)])
        assert "not there" not in capsys.readouterr().out


def test_a_page_of_such_a_run(tmp_path: Path) -> None:
    """Among what is to be distrusted."""
    main(["report", str(damaged(tmp_path / "run", 9)), "-o", str(tmp_path / "page")])

    assert "3 answers of 12 that were recorded are not there" in (tmp_path / "page" / "index.html").read_text("utf-8")
