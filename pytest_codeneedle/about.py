"""What run.json says: about the session, about each corpus, and what a tokenizer settled."""

from __future__ import annotations

import importlib.metadata
import time
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.command import without_secrets
from pytest_codeneedle.kvtypes import KVPair
from pytest_codeneedle.machine import describe
from pytest_codeneedle.program import ServerArgs

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_codeneedle.plan import Plan
    from pytest_codeneedle.prepared import Prepared

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
    "scipy",
    "xllamacpp",
    "gguf",
)


def about_session(
    plan: Plan, model: Path | None, model_sha256: str | None, threads: int, moment: time.struct_time
) -> dict[str, Any]:
    """The model, the server, what was asked for, the versions and the machine."""
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
        "model": plan.model.given,
        "model_name": plan.model.name,
        "model_file": None if model is None else str(model),
        "model_sha256": model_sha256,
        "server": plan.program.label,
        "server_build": None,
        "server_command": plan.program.given,
        "server_changes": list(plan.program.changes),
        "server_args": list(settings.server_args),
        "request": dict(settings.request),
        "devices": list(settings.devices),
        "threads": None if plan.program.own_threads else threads,
        "pairs": [str(pair) for pair in settings.pairs],
        "reference": str(settings.reference),
        "order": settings.order,
        "lines": settings.lines,
        "pass": settings.threshold,
        "relax_indent": settings.relax_indent,
        "full_answer": settings.full_answer,
        "prompt": settings.wording,
        "think": settings.think,
        "stop": list(settings.stop),
        "max_tokens": settings.max_tokens,
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
        "sample_k": settings.functions or corpus.sample_k,
        "sample_seed": corpus.sample_seed if settings.seed is None else settings.seed,
        "cells": [str(cell.pair) for cell in plan.cells if cell.corpus == name],
        "functions": [question.function.record(settings.lines) for question in chosen.asked],
    }


def settled(plan: Plan, name: str, one: Prepared, model_sha256: str | None) -> dict[str, Any]:
    """The context, the token counts and the command line; or why no server came up."""
    args = ServerArgs(
        plan.program, one.model_path, KVPair("CTK", "CTV"), one.n_ctx, one.threads, plan.settings.server_args
    )
    return {
        "n_ctx": one.n_ctx,
        "tokens": {
            "model_sha256": model_sha256,
            "corpus_sha256": plan.corpora[name].corpus.sha256,
            "file": one.file_tokens,
            "longest_prompt": one.prompt_tokens,
        },
        "budgets": one.budgets,
        "expected_tokens": one.expected,
        "server_argv": without_secrets(args.argv(port=0)),
        "thinking": one.technique,
        "problem": one.problem,
    }
