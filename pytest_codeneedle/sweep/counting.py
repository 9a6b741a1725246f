"""What a server that is asked nothing counts: tokens, the context that is needed, what its log says of the model."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.kv_types import CONTEXT_STEP, KVPair
from pytest_codeneedle.recall.thinking import settle, suffix
from pytest_codeneedle.runs.calibration import without_template
from pytest_codeneedle.server.composing import compose
from pytest_codeneedle.server.context_limits import ContextLimits, read_context_limits
from pytest_codeneedle.server.log.kv_size import read_kv_size
from pytest_codeneedle.server.process import LOAD_DEADLINE_SECONDS
from pytest_codeneedle.server.program import ServerArgs
from pytest_codeneedle.sweep.corpus_facts import BUDGET_EXTRA, BUDGET_FACTOR, FULL_ANSWER_TOKENS, THINKING_TOKENS
from pytest_codeneedle.sweep.plan import plan_corpus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_codeneedle.recall.thinking import Thinking
    from pytest_codeneedle.server.process import LlamaServer
    from pytest_codeneedle.sweep.plan import CorpusPlan, Plan

#: The first start may have to download a model.
FETCH_DEADLINE_SECONDS = 24 * 3600.0
_COUNTING_CONTEXT = 512
#: Questions differ in their quotation only; the longest by characters may not be the longest by tokens.
_LONGEST_SLACK = 64
#: How a user names a chat template for a model that has none of its own.
_TEMPLATES = {
    *("--chat-template", "--chat-template-file"),
    *("LLAMA_ARG_CHAT_TEMPLATE", "LLAMA_ARG_CHAT_TEMPLATE_FILE"),
}


@dataclass(frozen=True)
class Counted:
    """What the counting server settled: the plan as trimmed, `Prepared` facts by corpus, and its own /props."""

    plan: Plan
    thinking: Thinking
    facts: dict[str, dict[str, Any]]
    props: Mapping[str, Any]


def count(plan: Plan, server: LlamaServer, least_n_ctx: Mapping[str, int] | None = None) -> Counted:
    """Trim corpora that want it, and count tokens with a server of `counting_args`.

    `least_n_ctx` are the contexts of runs that are gone on with: they stay where they are enough. Raises AnswerError,
    and ConfigurationError where a question cannot fit.
    """
    props = server.client.props()
    settings = plan.settings
    template, after_task = props.get("chat_template"), suffix(settings.think, settings.wording)
    thinking = settle(settings.think, template, server.client.render, after_task)
    plan = trimmed(plan, server)
    of_log = {**_kv_facts(server), "base_model": _is_base_model(server)}
    facts = {}
    for name, one in plan.corpora.items():
        with plan.progress(f"corpus {name}") as at:
            at(f"counting the tokens of its {len(one.corpus.text)} characters")
            facts[name] = {**_counted(plan, one, server, thinking, (least_n_ctx or {}).get(name, 0)), **of_log}
    return Counted(plan, thinking, facts, props)


def trimmed(plan: Plan, server: LlamaServer) -> Plan:
    """The plan with its corpora cut to their `[trim] max_tokens`, as this server's tokenizer counts."""
    corpora = {}
    for name, chosen in plan.corpora.items():
        corpus = chosen.corpus.trimmed(server.client.count_tokens, plan.progress)
        corpora[name] = chosen if corpus is chosen.corpus else plan_corpus(plan.settings, corpus)
    return plan.with_corpora(corpora)


def deadline_seconds(model: Path | None) -> float:
    """How long the counting server may take until it is ready."""
    return FETCH_DEADLINE_SECONDS if model is None else LOAD_DEADLINE_SECONDS


def counting_args(plan: Plan, model: Path | None, threads: int) -> ServerArgs:
    """What the server that counts tokens is started with: a small context, for it is asked nothing."""
    pair, extra = KVPair("f16", "f16"), plan.settings.server_args
    return ServerArgs(plan.program, model, pair, _COUNTING_CONTEXT, threads, extra, devices_together(plan))


def devices_together(plan: Plan) -> str | None:
    """All that --kv-devices names: a server that has no other beside it may use them together."""
    return ",".join(plan.settings.devices) or None


def _counted(
    plan: Plan, corpus: CorpusPlan, server: LlamaServer, thinking: Thinking, least_n_ctx: int
) -> dict[str, Any]:
    """The token counts, and the context: that of the run's answers so far (`least_n_ctx`) where it is enough."""
    count, settings = server.client.count_tokens, plan.settings
    composer, control = compose(server, thinking, corpus.asked, settings.lines)
    longest = max((question.message for question in corpus.asked), key=len)
    prompt = composer.count(composer.prompt(longest)) + _LONGEST_SLACK
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
    limits = limits_of(plan, server)
    limits.check(corpus.corpus.name, prompt, max(budgets.values()))
    return {
        "think": thinking.asdict(),
        "n_ctx": limits.context(max(least_n_ctx, _rounded_up(needed))),
        "file_tokens": count(corpus.corpus.text),
        "prompt_tokens": prompt,
        "budgets": budgets,
        "expected": expected,
        "control": asdict(control),
    }


def limits_of(plan: Plan, server: LlamaServer) -> ContextLimits:
    """What bounds the context of this model in this session's servers."""
    given = plan.settings.n_ctx or plan.program.n_ctx
    return read_context_limits(server.log_text, server.args.words, {**os.environ, **server.args.environment}, given)


def _rounded_up(tokens: int) -> int:
    return CONTEXT_STEP * math.ceil(tokens / CONTEXT_STEP)


def _kv_facts(server: LlamaServer) -> dict[str, Any]:
    size = read_kv_size(server.log_text)
    if size is None:  # every cell will tell why its own log does not show it
        return {}
    return {"k_per_token": size.k_per_token, "v_per_token": size.v_per_token, "kv_sliding": size.sliding}


def _is_base_model(server: LlamaServer) -> bool:
    """Whether the model's file has no chat template, and the user gives none either."""
    given = {word.partition("=")[0] for word in (*server.args.program.arguments, *server.args.extra)}
    given |= {*server.args.environment, *os.environ}
    return without_template(server.log_text) and not given & _TEMPLATES
