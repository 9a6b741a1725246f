"""The page of run.json and results.jsonl, field by field: it has what a run writes, and nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest_codeneedle

from .lab import read_about, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .lab import Lab

PACKAGE = Path(pytest_codeneedle.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "run-folder.md"
#: Tables whose keys are names of packages, files or functions, or which another page describes.
OPEN = {"versions", "identity", "budgets", "expected_tokens", "request", "skipped_files", "trim", "loaded_files"}
OPEN |= {"verdicts", "template_kwargs", "harness", "hosts", "earlier", "resumed"}


def section(title: str) -> set[str]:
    """The fields of the table under this heading."""
    text = PAGE.read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:5] for line in text.splitlines() if line.startswith("| `")]
    assert [cells for cells in rows if not (cells[1].strip() and cells[3].strip())] == []
    return {cells[0].strip(" `") for cells in rows}


def fields(table: dict[str, Any], above: str = "") -> Iterator[str]:
    """The fields of a table; those of tables in it as `a.b`, of tables in a list as `a[].b`, but no machine's twice."""
    for key, value in table.items():
        name = f"{above}{key}"
        inside = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
        if key in OPEN or (above and key == "machine"):
            yield name
        elif isinstance(value, dict):
            yield from fields(value, f"{name}.")
        elif inside:
            for one in inside:
                yield from fields(one, f"{name}[].")
        else:
            yield name


def written_words() -> set[str]:
    """The texts of the package's code that name a field: keys of tables, and names given to such a key."""
    words: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict):
                words |= {key.value for key in node.keys if isinstance(key, ast.Constant)}
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                words |= {str(node.value.value)}
    return words


def test_page_has_what_a_run_writes(lab: Lab) -> None:
    """Every field of a small run is under `every`, and every field there is one of that run."""
    lab.grid("--kv-calibrate", "on", "--kv-pairs", "bf16/bf16,q4_0/q4_0", "--kv-server", str(lab.reciting()))
    about = set(fields(lab.about()))
    rows = lab.rows()
    assert len(rows) == 6
    assert about == section("run.json, every run")
    assert {name for row in rows for name in row} == section("results.jsonl, every answer")


def test_page_has_nothing_that_is_never_written() -> None:
    """Fields of some runs alone are named where the package writes them."""
    some = section("run.json, some runs") | section("results.jsonl, some answers")
    names = {part for name in some for part in re.split(r"\[?\]?\.", name)}
    assert names - written_words() == set()


def test_other_runs(lab: Lab) -> None:
    """A run that is gone on with, quick, and without an answer: its further fields are under `some`."""
    lab.pytester._monkeypatch.setenv("RECITE_LOG", str(lab.path / "asked"))
    lab.pytester._monkeypatch.setenv("RECITE_ONCE", "fobefozatuki")
    command = (
        "--kv-calibrate",
        "on",
        "--kv-types",
        "bf16,q4_0",
        "--kv-quick",
        "--kv-server",
        str(lab.reciting()),
        "--kv-out",
        "run",
    )
    lab.grid(*command)
    lab.grid(*command, "--kv-resume")
    about = set(fields(read_about(lab.path / "run")))
    rows = {name for row in read_rows(lab.path / "run") for name in row}
    more = about - section("run.json, every run")
    assert more == {"resumed", "earlier", "quick.stage", "quick.settled", "quick.said"}
    assert more - section("run.json, some runs") == set()
    assert rows - section("results.jsonl, every answer") == {"error"}
