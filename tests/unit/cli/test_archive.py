"""What `codeneedle archive` prints."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from stored_runs import run_folder

from pytest_codeneedle.cli.archive import add
from pytest_codeneedle.report.archive.entry import SUMMARY
from pytest_codeneedle.runs.folder import RESULTS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_errors_partial_runs_and_damaged_ones_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A question that gave an error was asked: a run with such is no part of one. A damaged other run is one line."""
    cells = {"bf16/bf16": [20, 20], "q4_0/q4_0": [12, None]}
    erring = run_folder(tmp_path / "erring", cells)
    partial = run_folder(tmp_path / "partial", cells, server_build="b2")
    rows = (partial / RESULTS).read_text(encoding="utf-8").splitlines(keepends=True)
    (partial / RESULTS).write_text("".join(rows[:2]), encoding="utf-8")
    archive = tmp_path / "archive"
    add(Namespace(to=archive, run_folders=[erring], with_answers=False))
    first = capsys.readouterr().out.splitlines()
    kept = next((archive / "runs").iterdir())
    (kept / SUMMARY).write_text("{}", encoding="utf-8")
    add(Namespace(to=archive, run_folders=[partial], with_answers=False))
    second = capsys.readouterr().out.splitlines()

    assert [f"added  {kept.name}  tiny, model  1 error", f"archive: {archive}/index.html (1 run)"] == first
    assert second[0].endswith("  tiny, model  partial: 2 of 4 answers")
    assert f"damaged  {kept.name}  summary.json: changed; see `codeneedle archive check {archive}`" == second[1]
    assert f"archive: {archive}/index.html (2 runs)" == second[2]
