"""What is settled once, before the first cell: the model's file, run folders, token counts, the context size."""

from __future__ import annotations

import importlib.metadata
import itertools
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.command import without_secrets
from pytest_codeneedle.errors import CellError
from pytest_codeneedle.kvtypes import KVPair
from pytest_codeneedle.launch import LOAD_DEADLINE_SECONDS, LlamaServer, launched
from pytest_codeneedle.machine import cache_folder, cores, describe
from pytest_codeneedle.models import file_sha256
from pytest_codeneedle.program import ServerArgs
from pytest_codeneedle.store import RunFolder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_codeneedle.plan import CorpusPlan, Plan

#: An answer may have a preamble, a fence and other line ends; one that needs twice the tokens is wrong.
BUDGET_FACTOR, BUDGET_EXTRA = 2, 128
#: What the origin's harness let an answer run to.
FULL_ANSWER_TOKENS = 1500
#: The first start may have to download a model.
FETCH_DEADLINE_SECONDS = 24 * 3600.0
_CONTEXT_STEP = 256
_COUNTING_CONTEXT = 512
#: Questions differ in their quotation only; the longest by characters may not be the longest by tokens.
_LONGEST_SLACK = 64
_PACKAGES = ("pytest-codeneedle", "pytest", "pytest-xdist", "httpx", "esprima", "numpy", "scipy", "xllamacpp", "gguf")


@dataclass(frozen=True)
class Prepared:
    """The settled facts of one corpus, plain enough to be sent to workers.

    `n_ctx`, `file_tokens`, `prompt_tokens` (the longest prompt), `budgets` and `expected` (per function: the
    answer may have, the lines asked for have) are in tokens, and
    zero or empty where `problem` says why the server that counts tokens did not come up. `model` is None where the
    server fetches it.
    """

    folder: str
    model: str | None
    threads: int
    n_ctx: int = 0
    file_tokens: int = 0
    prompt_tokens: int = 0
    budgets: dict[str, int] | None = None
    expected: dict[str, int] | None = None
    problem: str | None = None

    @property
    def model_path(self) -> Path | None:
        """The model's file, None for one that the server fetches."""
        return None if self.model is None else Path(self.model)

    @property
    def run(self) -> RunFolder:
        """The run folder."""
        return RunFolder(Path(self.folder))

    def asdict(self) -> dict[str, Any]:
        """Plain, for xdist's `workerinput`."""
        return asdict(self)


def run_folders(plan: Plan, moment: time.struct_time) -> dict[str, RunFolder]:
    """Where each corpus's run goes; raises RunFolderError for one that holds a run already."""
    out = plan.settings.out
    folders = {}
    for name in plan.corpora:
        if out is None:
            stamp = time.strftime("%Y%m%d-%H%M%S", moment)
            base = plan.settings.start / "codeneedle-runs" / f"{name}__{plan.model.name}__{stamp}"
            later = (base.with_name(f"{base.name}-{number}") for number in itertools.count(2))
            path = next(one for one in itertools.chain((base,), later) if not one.exists())
        else:
            path = out / name if len(plan.corpora) > 1 else out
        folders[name] = RunFolder(path)
        folders[name].refuse_existing()
    return folders


def prepare(plan: Plan, workers: int) -> dict[str, Prepared]:
    """Make the run folders and count tokens. `workers` servers will run at once and share the cores.

    Raises ConfigurationError. A server that does not come up is no error here: every cell will tell.
    """
    moment = time.localtime()
    folders = run_folders(plan, moment)
    cache = cache_folder()
    model = plan.model.file(plan.settings.start, cache)
    threads = plan.model.threads(cores() // workers)
    about = _about(plan, model, None if model is None else file_sha256(model, cache), threads, moment)
    for name, folder in folders.items():
        RunFolder.create(folder.path, {**about, **_about_corpus(plan, name)})
    given = None if model is None else str(model)
    ready = {name: Prepared(str(folder.path), given, threads) for name, folder in folders.items()}
    log = next(iter(folders.values())).path / "tokenize.log"
    args = ServerArgs(plan.program, model, KVPair("f16", "f16"), _COUNTING_CONTEXT, threads, plan.settings.server_args)
    deadline = FETCH_DEADLINE_SECONDS if model is None else LOAD_DEADLINE_SECONDS
    server_facts: dict[str, Any] = {}
    try:
        with launched(args, log, deadline_seconds=deadline) as server:
            props = server.client.props()
            server_facts = _server_facts(props)
            ready = {name: _counted(plan, plan.corpora[name], server, ready[name]) for name in ready}
    except CellError as error:
        ready = {
            name: replace(one, problem=f"no cell was started: the server that counts tokens failed: {error}")
            for name, one in ready.items()
        }
    else:
        if model is None:  # the server is gone: hashing a large file would compete with it
            server_facts |= _fetched(props, cache)
    for name, one in ready.items():
        about = {**one.run.about(), **server_facts}
        one.run.write_about({**about, **_settled(plan, name, one, about["model_sha256"])})
    return ready


def _counted(plan: Plan, corpus: CorpusPlan, server: LlamaServer, one: Prepared) -> Prepared:
    count = server.client.count_tokens
    lines = plan.settings.lines
    longest = max(corpus.asked, key=lambda question: len(question.message))
    prompt = count(server.client.render(longest.message), special=True) + _LONGEST_SLACK
    expected = {
        question.function.name: count("\n".join(question.function.primary(lines)) + "\n") for question in corpus.asked
    }
    least = FULL_ANSWER_TOKENS if plan.settings.full_answer else 0
    budgets = {name: max(least, BUDGET_FACTOR * tokens + BUDGET_EXTRA) for name, tokens in expected.items()}
    needed = prompt + max(budgets.values())
    n_ctx = plan.settings.n_ctx or plan.program.n_ctx or _CONTEXT_STEP * math.ceil(needed / _CONTEXT_STEP)
    return replace(
        one,
        n_ctx=n_ctx,
        file_tokens=count(corpus.corpus.text),
        prompt_tokens=prompt,
        budgets=budgets,
        expected=expected,
    )


def _fetched(props: Mapping[str, Any], cache: Path) -> dict[str, Any]:
    """The file of a model that the server fetched, where it is on this machine: only now is it known."""
    path = Path(str(props.get("model_path") or "")).absolute()
    return {"model_file": str(path), "model_sha256": file_sha256(path, cache)} if path.is_file() else {}


def _server_facts(props: Mapping[str, Any]) -> dict[str, Any]:
    return {"server_build": props.get("build_info"), "chat_template": props.get("chat_template")}


def _about(
    plan: Plan, model: Path | None, model_sha256: str | None, threads: int, moment: time.struct_time
) -> dict[str, Any]:
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
        "threads": None if plan.program.own_threads else threads,
        "pairs": [str(pair) for pair in settings.pairs],
        "reference": str(settings.reference),
        "order": settings.order,
        "lines": settings.lines,
        "pass": settings.threshold,
        "relax_indent": settings.relax_indent,
        "full_answer": settings.full_answer,
        "versions": versions,
        "machine": describe(),
    }


def _about_corpus(plan: Plan, name: str) -> dict[str, Any]:
    chosen = plan.corpora[name]
    corpus, settings = chosen.corpus, plan.settings
    return {
        "corpus": name,
        "corpus_sha256": corpus.sha256,
        "corpus_bytes": len(corpus.text.encode()),
        "corpus_files": list(corpus.files),
        "language": corpus.language,
        "same_names": corpus.same_names,
        "ambiguous": list(chosen.ambiguous),
        "sample_k": settings.functions or corpus.sample_k,
        "sample_seed": corpus.sample_seed if settings.seed is None else settings.seed,
        "cells": [str(cell.pair) for cell in plan.cells if cell.corpus == name],
        "functions": [
            {
                "name": question.function.name,
                "start_line": question.function.start_line,
                "source": question.function.source,
                "primary": list(question.function.primary(settings.lines)),
                "bonus": list(question.function.bonus(settings.lines)),
            }
            for question in chosen.asked
        ],
    }


def _settled(plan: Plan, name: str, one: Prepared, model_sha256: str | None) -> dict[str, Any]:
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
        "problem": one.problem,
    }
