"""The one cell of a running endpoint: its run folder, its warm-up, its questions."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.recall.control_text import ControlText, guessed
from pytest_codeneedle.recall.thinking import settle_unseen
from pytest_codeneedle.runs.identity import THINKING, with_thinking
from pytest_codeneedle.sweep.corpus_facts import BUDGET_EXTRA, FULL_ANSWER_TOKENS, THINKING_TOKENS, Prepared
from pytest_codeneedle.sweep.judge import Judge, Recall
from pytest_codeneedle.sweep.resume import Target, identity_of, open_targets, release
from pytest_codeneedle.sweep.run_json import about_corpus, about_session, about_thinking, gone_on, identified

if TYPE_CHECKING:
    from pytest_codeneedle.recall.questions import Question
    from pytest_codeneedle.runs.identity import Identity
    from pytest_codeneedle.server.http.chat_client import ChatClient
    from pytest_codeneedle.sweep.plan import CorpusPlan, Plan
    from pytest_codeneedle.sweep.settings import Settings

#: No tokenizer is known: so few characters a token are rare in code, and the budget is rather too large.
_CHARACTERS_PER_TOKEN = 1.5
#: Budget of the request that is thrown away; some services refuse very small ones before they read the prompt.
_WARM_UP_TOKENS = 16


def prepare_served(plan: Plan) -> tuple[dict[str, Prepared], dict[str, Target]]:
    """Open the run folders, which are held until they are released. Raises ConfigurationError."""
    moment = time.localtime()
    thinking = settle_unseen(plan.settings.think)
    facts = {**about_session(plan, None, None, (1, 0), moment), **about_thinking(thinking)}
    identities = {name: _identity(plan, name) for name in plan.corpora}
    targets = open_targets(plan, moment, identities, but=(THINKING,))
    settled = thinking.asdict()
    identities = {name: with_thinking(identities[name], settled, target.stored) for name, target in targets.items()}
    ready = {}
    try:
        for name, target in targets.items():
            corpus, folder = plan.corpora[name].corpus, target.folder
            budgets = {q.function.name: _budget(plan, q) for q in plan.corpora[name].asked}
            counted = {"budgets": budgets, "expected_tokens": None}
            about = {**facts, **about_corpus(plan, name), **identified(identities[name]), **counted}
            if target.stored is None:
                target.create(about)
            else:
                folder.write_about(gone_on(target.stored, about))
            if plan.settings.embed_source:
                folder.write_corpus(corpus.text)
            ready[name] = Prepared(
                *(str(folder.path), corpus.private, None, 0, len(corpus.parts)),
                identity=dict(identities[name].parts),
                think=settled,
                budgets=budgets,
                control=asdict(control_text(plan, name)),
            )
    except BaseException:
        release(targets)
        raise
    return ready, targets


def control_text(plan: Plan, name: str) -> ControlText:
    """What of a corpus an endpoint's model may take for its control tokens."""
    chosen = plan.corpora[name]
    asked = {q.function.name: "\n".join(q.function.primary(plan.settings.lines)) for q in chosen.asked}
    return guessed(chosen.corpus.text, asked)


def _identity(plan: Plan, name: str) -> Identity:
    """That of a model behind an endpoint: its name stands for its hash, which nobody tells."""
    return identity_of(plan, name, None, None)


def _budget(plan: Plan, question: Question) -> int:
    settings = plan.settings
    primary = question.function.primary(settings.lines)
    extra = BUDGET_EXTRA + (THINKING_TOKENS if settings.think == "on" else 0)
    tokens = int(len("\n".join(primary)) / _CHARACTERS_PER_TOKEN) + extra
    return settings.max_tokens or max(FULL_ANSWER_TOKENS, tokens)


class ServedCell:
    """The endpoint as a cell. `warm_up` must come before `ask`."""

    def __init__(self, client: ChatClient, chosen: CorpusPlan, prepared: Prepared, settings: Settings) -> None:
        self._client = client
        self._chosen = chosen
        self._prepared = prepared
        self._settings = settings
        self._judge = Judge(chosen, settings)
        self._facts: dict[str, Any] = {}

    def warm_up(self) -> None:
        """Send one question whose answer is thrown away: the prompt cache is warm then, if the engine has one.

        Raises PromptTooLongError and AnswerError: one that every question would meet is met once.
        """
        first = self._chosen.asked[0]
        warm = self._client.warm_up(self._messages(first.message), budget=_WARM_UP_TOKENS)
        self._facts = {"warm_up_n": warm.prompt_n, "warm_up_ms": round(warm.prompt_ms, 3)}

    @property
    def facts(self) -> dict[str, Any]:
        """The warm-up, and what the engine does not take; flat and plain."""
        return {**self._facts, "adapted": "; ".join(self._client.adapted) or None}

    def ask(self, name: str) -> Recall:
        """Ask for one function and score the answer. Raises AnswerError and PromptTooLongError."""
        question, settings = self._chosen.question(name), self._settings
        answer = self._client.complete(
            self._messages(question.message),
            question.function.primary(settings.lines),
            budget=(self._prepared.budgets or {})[name],
            full=settings.full_answer,
        )
        # Not every engine has a prompt cache, or says so: no mention is no miss.
        return self._judge.judge(name, answer, "hit" if answer.cache_n else "unknown")

    def told(self, message: str) -> str:
        """The message of a fault, with where it happened."""
        return f"{self._client.endpoint.url}: {message}"

    def _messages(self, message: str) -> list[dict[str, str]]:
        messages = [{"role": "user", "content": message}]
        if self._prepared.thinking.ending:
            messages.append({"role": "assistant", "content": self._prepared.thinking.ending})
        return messages
