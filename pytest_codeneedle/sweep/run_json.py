"""What run.json says: about the session, about each corpus, and what a tokenizer settled."""

from __future__ import annotations

import importlib.metadata
import time
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.core.machine import describe
from pytest_codeneedle.core.redaction import redacted, redacted_value, redacted_words
from pytest_codeneedle.runs.merging import passes
from pytest_codeneedle.server.program import ServerArgs
from pytest_codeneedle.sweep.corpus_facts import CONTROL_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pytest_codeneedle.recall.thinking import Thinking
    from pytest_codeneedle.runs.identity import Identity
    from pytest_codeneedle.sweep.corpus_facts import Prepared
    from pytest_codeneedle.sweep.plan import Plan

_PACKAGES = (
    "pytest-codeneedle",
    "pytest",
    "pytest-xdist",
    "httpx",
    "esprima",
    "tree-sitter",
    "tree-sitter-javascript",
    "tree-sitter-php",
    "numpy",
    "xllamacpp",
    "gguf",
)
#: What is kept of a state of the run that other answers came from.
_OF_AN_IDENTITY = (
    *("key", "identity", "pairs", "cells", "repeat", "rotations", "shard", "functions", "budgets", "expected_tokens"),
    *("server_build", "versions"),
)


def about_session(
    plan: Plan, model: Path | None, model_sha256: str | None, workers: tuple[int, int], moment: time.struct_time
) -> dict[str, Any]:
    """The model, the server, what was asked for, the versions and the machine.

    `workers` is (servers at once, threads of each).
    """
    at_once, threads = workers
    settings = plan.settings
    versions: dict[str, str | None] = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "format": 1,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", moment),
        "model": redacted(plan.model.given),
        "model_name": plan.model.name,
        "model_file": None if model is None else str(model),
        "model_sha256": model_sha256,
        "server": plan.program.label,
        "server_build": None,
        "server_version": plan.program.version,
        "server_left_out": list(plan.program.left_out),
        "server_command": plan.program.given,
        "server_changes": list(plan.program.changes),
        "server_args": redacted_words(settings.server_args),
        "speculation_off": list(plan.speculation),
        "request": redacted_value(dict(settings.request)),
        "workers": at_once,
        "devices": list(settings.devices),
        "threads": threads,
        "pairs": [str(pair) for pair in settings.pairs],
        "reference": str(settings.reference),
        "delta": settings.delta,
        "shard": None if settings.shard is None else str(settings.shard),
        "order": settings.order,
        "repeat": settings.repeat,
        "rotations": list(settings.rotations),
        "calibrate": settings.calibrate,
        "calibrate_min": settings.calibrate_min,
        "lines": settings.lines,
        "pass": settings.threshold,
        "relax_indent": settings.relax_indent,
        "full_answer": settings.full_answer,
        "prompt": settings.wording,
        "think": settings.think,
        "stop": list(settings.stop),
        "max_tokens": settings.max_tokens,
        "redact": settings.redact,
        "embed_source": settings.embed_source,
        "versions": versions,
        "machine": describe(),
    }


def about_corpus(plan: Plan, name: str) -> dict[str, Any]:
    """The corpus of that name, its sample and the lines that are expected."""
    chosen = plan.corpora[name]
    corpus, settings = chosen.corpus, plan.settings
    return {
        "corpus": name,
        "corpus_sha256": corpus.sha256,
        "corpus_bytes": len(corpus.text.encode()),
        "corpus_files": list(corpus.files),
        "language": corpus.language,
        "private": corpus.private,
        "skipped_files": {one.label: one.reason for one in corpus.skipped},
        "trim": {"max_tokens": corpus.max_tokens, "dropped": list(corpus.dropped)} if corpus.max_tokens else None,
        "same_names": corpus.same_names,
        "ambiguous": list(chosen.ambiguous),
        "asked": [question.function.name for question in chosen.asked],
        "sample_k": settings.functions or corpus.sample_k,
        "sample_seed": corpus.sample_seed if settings.seed is None else settings.seed,
        "cells": [str(cell.place) for cell in plan.cells if cell.corpus == name],
        "functions": [question.function.record(settings.lines) for question in chosen.asked],
    }


def settled(plan: Plan, name: str, one: Prepared, model_sha256: str | None) -> dict[str, Any]:
    """The context, the token counts and the command line; or why no server came up."""
    args = ServerArgs(
        plan.program, one.model_path, KVPair("CTK", "CTV"), one.n_ctx, one.threads, plan.settings.server_args
    )
    return {
        "n_ctx": one.n_ctx,
        "files": one.files,
        "tokens": {
            "model_sha256": model_sha256,
            "corpus_sha256": plan.corpora[name].corpus.sha256,
            "file": one.file_tokens,
            "longest_prompt": one.prompt_tokens,
        },
        "base_model": one.base_model,
        "kv_per_token": {"k": one.k_per_token, "v": one.v_per_token, "sliding": one.kv_sliding},
        "budgets": one.budgets,
        "expected_tokens": one.expected,
        "server_argv": redacted_words(args.argv(port=0)),
        CONTROL_TEXT: dict(one.control),
        **about_thinking(one.thinking),
        "problem": one.problem,
    }


def about_thinking(thinking: Thinking) -> dict[str, Any]:
    """What is done about thinking: the technique, and all that belongs to it."""
    return {"thinking": thinking.technique, "thinking_settled": thinking.asdict()}


def identified(identity: Identity) -> dict[str, Any]:
    """What the answers depend on, and the key that stands for it in each row."""
    return {"key": identity.key, "identity": dict(identity.parts)}


def gone_on(stored: Mapping[str, Any] | None, about: Mapping[str, Any]) -> dict[str, Any]:
    """run.json of a run that is gone on with: the new facts, with the pairs and functions that it had before.

    Where its answers are of another identity, that is kept under `earlier`, and its cells are no longer counted.
    """
    if stored is None:
        return dict(about)
    again = {
        **about,
        "started": stored.get("started"),
        "resumed": [*stored.get("resumed", ()), about["started"]],
        "wall_seconds": stored.get("wall_seconds", 0.0),
        "earlier": list(stored.get("earlier", ())),
        **{key: stored[key] for key in ("merged", "sessions") if key in stored},
    }
    states = [*again["earlier"], {key: stored.get(key) for key in _OF_AN_IDENTITY}]
    same = next((state for state in states if state["key"] == about["key"]), None)
    again["earlier"] = [state for state in states if state is not same]
    if same is None:
        return again
    return {
        **again,
        **{key: list(dict.fromkeys([*same[key], *about[key]])) for key in ("pairs", "cells")},
        "functions": _joined([*same["functions"], *about["functions"]]),
        **passes([same, about]),
        "shard": about["shard"] if same["shard"] == about["shard"] else None,
        **{key: {**(same[key] or {}), **(about[key] or {})} or None for key in ("budgets", "expected_tokens")},
    }


def _joined(functions: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each function once, where it came first."""
    return list({function["name"]: function for function in functions}.values())
