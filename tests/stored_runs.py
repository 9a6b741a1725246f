"""Stored runs for tests of comparisons: made of rows, as those of a run folder are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.runs.stored_run import StoredRun, stored_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

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


def run_folder(path: Path, cells: Mapping[str, Sequence[float | None]], **more: Any) -> Path:
    """A run folder as a session leaves it, with paths, hosts and code in it: the functions f0, f1 and so on."""
    names = [f"f{at}" for at in range(max(map(len, cells.values()), default=0))]
    facts = about(
        format=1,
        started="2026-11-25T21:19:40+0000",
        ended="2026-11-25T21:29:40+0000",
        pairs=list(cells),
        cells=list(cells),
        asked=names,
        functions=[
            {"name": name, "source": "src/deep/code.py", "primary": [f"line {at} of {name}"] * 20, "bonus": ["bonus"]}
            for at, name in enumerate(names)
        ],
        model="/home/jane doe/models/tiny.gguf",
        model_file="/home/jane doe/models/tiny.gguf",
        server="llama-server (/opt/llama.cpp/llama-server)",
        server_argv=["/opt/llama.cpp/llama-server", "-m", "/home/jane doe/models/tiny.gguf", "--rpc", "gpu1:50052"],
        corpus_files=["src/deep/code.py"],
    )
    facts.update(more)
    path.mkdir(parents=True)
    (path / "run.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    rows = [
        {
            **row(pair, name, lines, corpus=facts["corpus"], response=f"answer about {name}", after="and after it"),
            "depth": at / 10,
            "hallucinated": 0,
            "at": f"{facts['started']} {pair} {at}",
            "prompt_ms": 1.5,
            "predicted_ms": 9.5,
            **({"error": "the server died; see /home/jane doe/logs/x.log"} if lines is None else {}),
        }
        for pair, figures in cells.items()
        for at, (name, lines) in enumerate(zip(names, figures, strict=False))
    ]
    (path / "results.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return path
