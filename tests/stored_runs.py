"""Stored runs for tests of comparisons: made of rows, as those of a run folder are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.stored_run import StoredRun, stored_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

THRESHOLD = 8
IDENTITY = {
    "corpus_sha256": "c" * 64,
    "trim": None,
    "model_sha256": "a" * 64,
    "server_version": "version: 1",
    "server_args": ["-fa", "on"],
    "n_ctx": 2048,
    "rotation": "default",
    "prompt": "quoted",
    "prompt_sha256": "d" * 64,
    "lines": 20,
}


def row(pair: str, function: str, lines: float | None, **more: Any) -> dict[str, Any]:
    """A row of the packaged test; no lines are an ERROR."""
    ctk, ctv = pair.split("/")
    outcome = "error" if lines is None else "passed" if lines >= THRESHOLD else "failed"
    facts = {"ctk": ctk, "ctv": ctv, "function": function, "replicate": 0, "rotation": "default"}
    return {**facts, "test": "test_recall", "outcome": outcome, "primary_matched": lines, **more}


def about(**more: Any) -> dict[str, Any]:
    """run.json of such a run."""
    facts: dict[str, Any] = {
        "corpus": "tiny",
        "corpus_sha256": "c" * 64,
        "server_build": "b1",
        "model_name": "model",
        "model_sha256": "a" * 64,
        "pass": THRESHOLD,
        "relax_indent": True,
        "identity": IDENTITY,
        "reference": "bf16/bf16",
        "lines": 20,
        "prompt": "quoted",
        "functions": [],
        "machine": {"architecture": "x86_64", "cores": 2},
        "versions": {"pytest-codeneedle": "0.1.0"},
    }
    return {**facts, **more}


def run_of(cells: Mapping[str, Sequence[float | None]], name: str = "run", **more: Any) -> StoredRun:
    """The run whose cells have these lines, the functions f0, f1 and so on."""
    rows = [row(pair, f"f{at}", lines) for pair, figures in cells.items() for at, lines in enumerate(figures)]
    most = max(map(len, cells.values()), default=0)
    return stored_run(name, about(**{"asked": [f"f{at}" for at in range(most)], **more}), rows)
