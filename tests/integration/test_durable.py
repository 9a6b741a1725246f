"""A run that is killed at any moment and gone on with is the run that was not killed."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_codeneedle.runs.lock import holder

from .lab import GRID, PATIENCE_SECONDS, read_rows, table, wait_until

CORPUS = """
[generate]
kind = "random-bodies"
functions = 2
body_lines = 20
"""
COMMAND = (
    *GRID,
    "-q",
    "--corpus",
    "tiny",
    "--kv-types",
    "q8_0,q4_0",
)
RUN = ("--kv-out", "run", "--kv-resume")
ITEMS = 8
WORKERS = st.sampled_from([(), ("-n", "2")])
#: After which row, and how many milliseconds later: while an answer comes, while a server starts, before the first.
KILLS = st.lists(st.tuples(st.integers(0, ITEMS), st.integers(0, 1500), WORKERS), min_size=1, max_size=2)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A grid in this folder."""
    return subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def count(folder: Path) -> int:
    """Whole rows so far."""
    results = folder / "run" / "results.jsonl"
    return results.read_bytes().count(b"\n") if results.exists() else 0


def figures(lines: list[str]) -> list[dict[tuple[str, str], str]]:
    """Both grids."""
    return [table(lines, title) for title in ("mean primary_matched /20", "functions passed /2")]


def place(row: dict[str, Any]) -> tuple[str, str, str]:
    """What a row is about."""
    return row["ctk"], row["ctv"], row["function"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[tuple[str, str], str]]:
    """Both grids of a run that nobody killed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "corpora").mkdir()
    (folder / "corpora" / "tiny.toml").write_text(CORPUS, encoding="utf-8")
    output, _ = start(folder).communicate(timeout=PATIENCE_SECONDS)
    return figures(output.splitlines())


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(KILLS)
def test_sigkill_at_any_moment(
    undisturbed: list[dict[tuple[str, str], str]], kills: list[tuple[int, int, tuple[str, ...]]]
) -> None:
    """The union is complete, nothing that was answered is asked again but the reference, and the grids are the same."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "corpora").mkdir()
        (folder / "corpora" / "tiny.toml").write_text(CORPUS, encoding="utf-8")
        before: list[dict[str, Any]] = []
        for rows, milliseconds, workers in kills:
            process = start(folder, *RUN, *workers)
            wait_until(lambda wanted=rows, one=process: count(folder) >= wanted or one.poll() is not None)
            time.sleep(milliseconds / 1000)
            process.kill()
            process.communicate()
            wait_until(lambda: holder(folder / "run") is None)
            before = whole_rows(folder)
        done = subprocess.run([*COMMAND, *RUN], cwd=folder, capture_output=True, text=True, check=False)
        assert pytest.ExitCode.OK == done.returncode, done.stdout + done.stderr
        rows = read_rows(folder / "run")
        assert before == rows[: len(before)]
        assert ITEMS == len({place(row) for row in rows})
        others = [place(row) for row in rows if place(row)[:2] != ("q8_0", "q8_0")]
        assert len(others) == len(set(others))
        assert undisturbed == figures(done.stdout.splitlines())


def whole_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows that were written to their end when the session was killed."""
    results = folder / "run" / "results.jsonl"
    content = results.read_bytes() if results.exists() else b""
    return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]


@pytest.mark.slow
def test_copies_of_a_run_grow_apart(tmp_path: Path) -> None:
    """A run folder is moved and copied like any other: each copy is gone on with for itself."""
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "tiny.toml").write_text(CORPUS, encoding="utf-8")
    one = ("--kv-pairs", "q8_0/q8_0")
    grid = [*COMMAND[:-2], *one]
    subprocess.run([*grid, "--kv-out", "run"], cwd=tmp_path, capture_output=True, check=True)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    command = [*COMMAND, "--kv-out", "copy", "--kv-resume"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "2 of 8 answers are recorded in copy" in done.stdout
    assert (2, 2 + ITEMS) == (len(read_rows(tmp_path / "run")), len(read_rows(tmp_path / "copy")))
