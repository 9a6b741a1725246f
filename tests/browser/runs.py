"""Runs of any size, stored as a session stores them: the answers are made up, the scores are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stored_runs import about, row

from pytest_codeneedle.cli import main
from pytest_codeneedle.kvtypes import DEFAULT_TYPES, KVPair
from pytest_codeneedle.rescore import scored_facts
from pytest_codeneedle.store import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

PAIRS = tuple(KVPair(ctk, ctv) for ctk in DEFAULT_TYPES for ctv in DEFAULT_TYPES)
LINES = 20


def source(functions: int) -> dict[str, list[str]]:
    """As many functions, none of whose lines is like another."""
    return {f"parse_{at}": [f"    name_{at}_{line} = {at * line}" for line in range(LINES)] for at in range(functions)}


def write_run(
    folder: Path, functions: Mapping[str, Sequence[str]], answer: Callable[[KVPair, int], str | None], **more: Any
) -> Path:
    """A run of 36 cells: what each answered to the function with this number; None is an ERROR."""
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
    scored: dict[tuple[int, str], dict[str, Any]] = {}
    rows = []
    for pair in PAIRS:
        for at, name in enumerate(names):
            said = answer(pair, at)
            beside = {"depth": at / len(names), "tokens": 120, "predicted_ms": 238.1, "run_on": False}
            if said is None:
                rows.append(row(str(pair), name, None, error=f"{name}: the server died", label="wrong", **beside))
                continue
            if (at, said) not in scored:
                scored[at, said] = scored_facts(told[at], said, relax_indent=True, threshold=facts["pass"])
            rows.append({**row(str(pair), name, 0, response=said, **beside), **scored[at, said]})
    RunFolder.create(folder, facts).extend(rows)
    return folder


def report(run: Path, *arguments: str) -> Path:
    """The page that `codeneedle report` writes of it."""
    folder = run.with_name(f"{run.name}-page")
    assert 0 == main(["report", str(run), "-o", str(folder), *arguments])
    return folder / "index.html"
