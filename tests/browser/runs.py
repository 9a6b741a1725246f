"""Runs of any size, stored as a session stores them: the answers are made up, the scores are not."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from stored_runs import about, row

from pytest_codeneedle.cli import main
from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, KVPair, parse_pair
from pytest_codeneedle.runs.folder import RunFolder
from pytest_codeneedle.runs.rescore import scored_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    #: Pair, number of the function, the lines that it is asked for -> what is answered; None is an ERROR.
    Answer = Callable[[KVPair, int, Sequence[str]], str | None]

PAIRS = tuple(KVPair(ctk, ctv) for ctk in DEFAULT_TYPES for ctv in DEFAULT_TYPES)
LINES = 20
#: What rows say besides.
_ANSWERED = {
    "test": "test_recall",
    "added_args": "",
    "prompt_cache": "hit",
    "stop": "eos",
    "run_on": False,
    "after": "",
    "tokens": 120,
    "cache_n": 1581,
    "prompt_n": 3,
    "prompt_ms": 6.4,
    "predicted_ms": 238.1,
    "truncated": False,
}


def source(functions: int) -> dict[str, list[str]]:
    """As many functions, none of whose lines is like another."""
    return {f"parse_{at}": [f"    name_{at}_{line} = {at * line}" for line in range(LINES)] for at in range(functions)}


def write_run(folder: Path, functions: Mapping[str, Sequence[str]], answer: Answer, **more: Any) -> Path:
    """A run of 36 cells, each of which answers so to these functions."""
    names = list(functions)
    told = [
        {"name": name, "start_line": at, "language": "python", "source": "a.py", "primary": list(lines), "bonus": []}
        for at, (name, lines) in enumerate(functions.items())
    ]
    facts = about(
        format=1,
        started="2026-11-25T21:26:37+0000",
        pairs=[str(pair) for pair in PAIRS],
        functions=told,
        asked=names,
        model="m.gguf",
        **more,
    )
    rows = _rows(told, PAIRS, answer, facts["pass"])
    RunFolder.create(folder, facts).extend(rows)
    return folder


def _rows(
    functions: Sequence[Mapping[str, Any]],
    pairs: Iterable[KVPair],
    answer: Answer,
    threshold: int,
) -> list[dict[str, Any]]:
    scored: dict[tuple[int, str], dict[str, Any]] = {}
    rows = []
    for pair in pairs:
        for at, function in enumerate(functions):
            name, said = function["name"], answer(pair, at, function["primary"])
            beside = {**_ANSWERED, "depth": at / len(functions)}
            if said is None:
                rows.append(row(str(pair), name, None, error=f"{name}: the server died", **beside))
                continue
            if (at, said) not in scored:
                scored[at, said] = scored_facts(function, said, relax_indent=True, threshold=threshold)
            rows.append({**row(str(pair), name, 0, response=said, **beside), **scored[at, said]})
    return rows


def report(run: Path, *arguments: str) -> Path:
    """The page that `codeneedle report` writes of it."""
    folder = run.with_name(f"{run.name}-page")
    assert 0 == main(["report", str(run), "-o", str(folder), *arguments])
    return folder / "index.html"


def session_page(folder: Path, answer: Answer, *arguments: str) -> Path:
    """pytest-html's page of a session in this folder that goes on with a run of which all is answered already.

    A fake as far as the answers go: a model gives neither twenty thousand of them nor hostile ones on demand. The run
    is begun for real, and nothing of it is asked.
    """
    started = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--kv-grid", "--kv-calibrate", "off", "-q"]
    command = [*started, "--kv-model", "control:robust", "--kv-out", "run", *arguments]
    begun = subprocess.run([*command, "-k", "nothing"], cwd=folder, capture_output=True, text=True, check=False)
    assert pytest.ExitCode.NO_TESTS_COLLECTED == begun.returncode, begun.stdout + begun.stderr
    stored = RunFolder.open(folder / "run")
    facts = stored.about()
    pairs = map(parse_pair, facts["pairs"])
    rows = [
        {**one, "replicate": replicate, "key": facts["key"], "corpus": facts["corpus"]}
        for one in _rows(facts["functions"], pairs, answer, facts["pass"])
        for replicate in range(facts["repeat"])
    ]
    stored.extend(rows)
    page = ("--kv-resume", "--html", "page.html", "--self-contained-html")
    done = subprocess.run([*command, *page], cwd=folder, capture_output=True, text=True, check=False)
    assert not any((folder / "run" / "servers").iterdir()), "it asked"
    assert done.returncode in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}, done.stdout + done.stderr
    return folder / "page.html"
