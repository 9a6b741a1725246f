"""What is settled once, before the first cell: the model's file, run folders, token counts, the context size."""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.about import about_corpus, about_session, settled
from pytest_codeneedle.errors import CellError, ConfigurationError, CorpusError
from pytest_codeneedle.kvtypes import KVPair
from pytest_codeneedle.launch import LOAD_DEADLINE_SECONDS, LlamaServer, launched
from pytest_codeneedle.machine import cache_folder, cores
from pytest_codeneedle.models import file_sha256
from pytest_codeneedle.plan import plan_corpus
from pytest_codeneedle.prepared import (
    BUDGET_EXTRA,
    BUDGET_FACTOR,
    FULL_ANSWER_TOKENS,
    THINKING_TOKENS,
    Prepared,
    run_folders,
)
from pytest_codeneedle.program import ServerArgs
from pytest_codeneedle.store import RunFolder
from pytest_codeneedle.thinking import Thinking, settle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_codeneedle.plan import CorpusPlan, Plan

#: The first start may have to download a model.
FETCH_DEADLINE_SECONDS = 24 * 3600.0
_CONTEXT_STEP = 256
_COUNTING_CONTEXT = 512
#: Questions differ in their quotation only; the longest by characters may not be the longest by tokens.
_LONGEST_SLACK = 64


def prepare(plan: Plan, workers: int) -> tuple[Plan, dict[str, Prepared]]:
    """Make the run folders, trim corpora that want it, count tokens. `workers` servers will share the cores.

    Raises ConfigurationError. A server that does not come up is no error here: every cell will tell.
    """
    moment = time.localtime()
    folders = run_folders(plan, moment)
    cache = cache_folder()
    model = plan.model.file(plan.settings.start, cache)
    threads = plan.model.threads(cores() // workers)
    about = about_session(plan, model, None if model is None else file_sha256(model, cache), threads, moment)
    for name, folder in folders.items():
        RunFolder.create(folder.path, {**about, **about_corpus(plan, name)})
    log = next(iter(folders.values())).path / "tokenize.log"
    server_facts: dict[str, Any] = {}
    problem = None
    technique = Thinking("close-only")
    counts: dict[str, dict[str, Any]] = {name: {} for name in folders}
    try:
        with launched(_counting(plan, model, threads), log, deadline_seconds=_deadline(model)) as server:
            props = server.client.props()
            server_facts = _server_facts(props)
            technique = settle(plan.settings.think, server_facts["chat_template"])
            plan = trimmed(plan, server)
            counts = {name: _counted(plan, plan.corpora[name], server, technique) for name in folders}
    except (ConfigurationError, KeyboardInterrupt):
        for folder in folders.values():  # nothing was asked: the name is free for the next try
            folder.discard()
        raise
    except CellError as error:
        problem = f"no cell was started: the server that counts tokens failed: {error}"
    else:
        if model is None:  # the server is gone: hashing a large file would compete with it
            server_facts |= _fetched(props, cache)
    given = None if model is None else str(model)
    ready = {}
    for name, folder in folders.items():
        files = len(plan.corpora[name].corpus.parts)
        one = Prepared(str(folder.path), given, threads, files, technique.technique, problem=problem)
        ready[name] = replace(one, **counts[name])
        facts = {**folder.about(), **about_corpus(plan, name), **server_facts}
        folder.write_about({**facts, **settled(plan, name, ready[name], facts["model_sha256"])})
        if plan.settings.embed_source:
            folder.write_corpus(plan.corpora[name].corpus.text)
    return plan, ready


def trim_alone(plan: Plan) -> Plan:
    """The plan with its corpora trimmed, where nothing is going to be asked: for `--collect-only`.

    Starts a server to count tokens only where a corpus wants trimming. Raises CorpusError where it does not come up.
    """
    if all(chosen.corpus.max_tokens is None for chosen in plan.corpora.values()):
        return plan
    model = plan.model.file(plan.settings.start, cache_folder())
    args = _counting(plan, model, plan.model.threads(cores()))
    with tempfile.TemporaryDirectory(prefix="codeneedle-") as folder:
        try:
            with launched(args, Path(folder) / "tokenize.log", deadline_seconds=_deadline(model)) as server:
                return trimmed(plan, server)
        except CellError as error:
            msg = f"[trim] needs the model's tokenizer, and its server did not come up: {error}"
            raise CorpusError(msg) from error


def trimmed(plan: Plan, server: LlamaServer) -> Plan:
    """The plan with its corpora cut to their `[trim] max_tokens`, as this server's tokenizer counts."""
    corpora = {}
    for name, chosen in plan.corpora.items():
        corpus = chosen.corpus.trimmed(server.client.count_tokens)
        corpora[name] = chosen if corpus is chosen.corpus else plan_corpus(plan.settings, corpus)
    return plan.with_corpora(corpora)


def _deadline(model: Path | None) -> float:
    return FETCH_DEADLINE_SECONDS if model is None else LOAD_DEADLINE_SECONDS


def _counting(plan: Plan, model: Path | None, threads: int) -> ServerArgs:
    return ServerArgs(plan.program, model, KVPair("f16", "f16"), _COUNTING_CONTEXT, threads, plan.settings.server_args)


def _counted(plan: Plan, corpus: CorpusPlan, server: LlamaServer, thinking: Thinking) -> dict[str, Any]:
    count, settings = server.client.count_tokens, plan.settings
    longest = max(corpus.asked, key=lambda question: len(question.message))
    rendered = thinking.finish(server.client.render(longest.message, thinking.template_kwargs))
    prompt = count(rendered, special=True) + _LONGEST_SLACK
    expected = {
        question.function.name: count("\n".join(question.function.primary(settings.lines)) + "\n")
        for question in corpus.asked
    }
    least = FULL_ANSWER_TOKENS if settings.full_answer else 0
    extra = BUDGET_EXTRA + (THINKING_TOKENS if thinking.technique == "on" else 0)
    budgets = {
        name: settings.max_tokens or max(least, BUDGET_FACTOR * tokens + extra) for name, tokens in expected.items()
    }
    needed = prompt + max(budgets.values())
    return {
        "n_ctx": settings.n_ctx or plan.program.n_ctx or _CONTEXT_STEP * math.ceil(needed / _CONTEXT_STEP),
        "file_tokens": count(corpus.corpus.text),
        "prompt_tokens": prompt,
        "budgets": budgets,
        "expected": expected,
    }


def _fetched(props: Mapping[str, Any], cache: Path) -> dict[str, Any]:
    """The file of a model that the server fetched, where it is on this machine: only now is it known."""
    path = Path(str(props.get("model_path") or "")).absolute()
    return {"model_file": str(path), "model_sha256": file_sha256(path, cache)} if path.is_file() else {}


def _server_facts(props: Mapping[str, Any]) -> dict[str, Any]:
    return {"server_build": props.get("build_info"), "chat_template": props.get("chat_template")}
