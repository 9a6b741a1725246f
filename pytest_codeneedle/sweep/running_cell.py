"""One running cell: warm it up, verify it, ask its questions, score the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.errors import AnswerError, LateAnswerError, PromptTooLongError
from pytest_codeneedle.core.machine import cache_folder
from pytest_codeneedle.recall.token_probs import N_PROBS
from pytest_codeneedle.server.composing import Composer, Prompt, shared
from pytest_codeneedle.server.contents.hashes import FileHashes
from pytest_codeneedle.server.context_limits import read_context_limits
from pytest_codeneedle.server.http.deadline import Speeds
from pytest_codeneedle.server.made_with import added_args
from pytest_codeneedle.server.steady import SteadyServer
from pytest_codeneedle.sweep.judge import Judge, Recall

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_codeneedle.recall.answer import Answer
    from pytest_codeneedle.server.log.validity import Validity
    from pytest_codeneedle.server.process import LlamaServer
    from pytest_codeneedle.sweep.corpus_facts import Prepared
    from pytest_codeneedle.sweep.plan import CorpusPlan
    from pytest_codeneedle.sweep.settings import Settings

#: From the second question on so much of the file must come from the prompt cache.
CACHED_SHARE = 0.9


class RunningCell:
    """A server whose cache is warm and whose types are verified. `warm_up` must come before `ask`.

    `relaunch` starts another server like it, for the case that it dies or hangs; it raises ServerStartError.
    """

    def __init__(
        self,
        server: LlamaServer,
        chosen: CorpusPlan,
        prepared: Prepared,
        settings: Settings,
        relaunch: Callable[[], LlamaServer] | None = None,
    ) -> None:
        self._steady = SteadyServer(server, relaunch, self._make_ready)
        self._chosen = chosen
        self._prepared = prepared
        self._settings = settings
        self._judge = Judge(chosen, settings)
        self._prompts: dict[str, Prompt] = {}
        self._facts: dict[str, Any] = {}
        self._speeds = Speeds()
        self._read_before = Speeds()

    def expect_reading(self, before: Speeds) -> None:
        """Know how fast another cell of the session read the corpus: what is a hundred times slower hangs."""
        self._read_before = before

    @property
    def reading(self) -> Speeds:
        """How fast this cell read the corpus."""
        return Speeds(self._speeds.reading)

    @property
    def server(self) -> LlamaServer:
        """The server that is asked now: another one after a relaunch."""
        return self._steady.server

    def warm_up(self) -> Validity:
        """Ingest the part that all prompts share and read the log.

        After this every scored answer takes the cached path: cached and uncached prefixes can round differently.
        Raises TemplateError, PromptTooLongError with both numbers, InvalidCellError, AnswerError.
        """
        self._steady.ask(self._make_ready)
        return self.server.validity()

    def _make_ready(self, server: LlamaServer) -> None:
        """The warm-up of one process; a second one is warmed up just so."""
        as_tokens = self._prepared.control_text.as_tokens
        self._prompts = Composer(server, self._prepared.thinking, as_tokens=as_tokens).prompts(self._chosen.asked)
        self._check_fit(server)
        limit = self._read_before.warm_up_seconds(self._prepared.prompt_tokens)
        warm = server.client.ingest(shared(self._prompts.values()), limit)
        self._speeds = Speeds().warmed_up(warm)
        self._facts = {
            "load_seconds": round(server.load_seconds, 4),
            "loaded_ahead": server.ahead,
            "warm_up_n": warm.prompt_n,
            "warm_up_ms": round(warm.prompt_ms, 3),
            "n_ctx": self._prepared.n_ctx,
            "added_args": added_args(server.args, FileHashes(cache_folder())),
            "speculation_off": ", ".join(server.args.speculation) or None,
            **server.validity().facts(),
        }

    @property
    def facts(self) -> dict[str, Any]:
        """Load time, warm-up and validity, flat and plain, and what was done about faults.

        `asked_again` is 1 where the last question was asked twice, `relaunches` how often a server was started anew.
        """
        steady = self._steady
        return {**self._facts, "asked_again": int(steady.asked_again), "relaunches": steady.relaunches}

    def prompt(self, name: str) -> str:
        """The whole prompt about that function, as the chat template made it and thinking was settled."""
        return self._prompts[name].text

    def ask(self, name: str) -> Recall:
        """Ask for one function and score the answer. Raises AnswerError and PromptTooLongError."""
        answer = self._steady.ask(lambda server: self._answer(server, name))
        self._speeds = self._speeds.answered(answer)
        if answer.truncated:
            msg = f"{name}: the answer was cut off by the end of the context ({self._prepared.n_ctx} tokens)"
            raise AnswerError(msg, answer.text)
        return self._judge.judge(name, answer, self._prompt_cache(answer))

    def _answer(self, server: LlamaServer, name: str) -> Answer:
        settings, prompt = self._settings, self._prompts[name]
        budget = (self._prepared.budgets or {})[name]
        try:
            return server.client.complete(
                prompt.sent,
                self._chosen.question(name).function.primary(settings.lines),
                budget=budget,
                full=settings.full_answer,
                stop=settings.stop,
                opening=self._prepared.thinking.opening,
                n_probs=N_PROBS,
                deadline_seconds=self._speeds.deadline_seconds(self._prepared.prompt_tokens, budget),
            )
        except LateAnswerError as error:
            msg = f"{error} (measured before: {self._speeds})"
            raise LateAnswerError(msg, error.response) from error

    def told(self, message: str) -> str:
        """The message of a fault, with the end of the server's log."""
        return self.server.with_tail(message)

    def _check_fit(self, server: LlamaServer) -> None:
        there = server.client.n_ctx()
        answer = max((self._prepared.budgets or {"": 0}).values())
        needed = self._prepared.prompt_tokens + answer
        if needed > there:
            log, args = server.log_text, server.args
            limits = read_context_limits(log, args.words, args.environment, args.n_ctx)
            msg = (
                f"the longest prompt ({self._prepared.prompt_tokens} tokens) and its answer ({answer}) do not fit the "
                f"context of {there} tokens; {limits.too_small(log, args.n_ctx, there, needed)}"
            )
            raise PromptTooLongError(msg)

    def _prompt_cache(self, answer: Answer) -> str:
        return "hit" if answer.cache_n >= CACHED_SHARE * self._prepared.file_tokens else "missed"
