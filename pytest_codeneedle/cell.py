"""One running cell: warm it up, verify it, ask its questions, score the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.answers import Answer, run_on_lines
from pytest_codeneedle.errors import AnswerError, PromptTooLongError
from pytest_codeneedle.rescore import score_facts
from pytest_codeneedle.scoring import Score, aligned_diff, confused_with, render_diff, score

if TYPE_CHECKING:
    from pytest_codeneedle.functions import Function
    from pytest_codeneedle.launch import LlamaServer
    from pytest_codeneedle.options import Settings
    from pytest_codeneedle.plan import Cell, CorpusPlan
    from pytest_codeneedle.prepare import Prepared
    from pytest_codeneedle.validity import Validity

#: From the second question on so much of the file must come from the prompt cache.
CACHED_SHARE = 0.9


def cell_facts(cell: Cell, function: Function, total_lines: int) -> dict[str, Any]:
    """What is known of an item before it is asked; `depth` is the share of the corpus above it, 0 to 1."""
    return {
        "corpus": cell.corpus,
        "ctk": cell.pair.ctk,
        "ctv": cell.pair.ctv,
        "function": function.name,
        "replicate": cell.replicate,
        "start_line": function.start_line,
        "depth": round(function.start_line / total_lines, 4),
    }


@dataclass(frozen=True)
class Recall:
    """One answered question: the function, the answer with the server's counts, and the score.

    `threshold` is the number of lines that pass; `run_on_lines` how many lines continue the source file after
    those asked for (with --kv-full-answer; else the stream is closed before).
    """

    function: Function
    answer: Answer
    score: Score
    confused_with: str | None
    run_on_lines: int
    prompt_cache: str
    threshold: int
    lines: int
    relax_indent: bool

    @property
    def passed(self) -> bool:
        """The pass rule: primary_matched >= threshold."""
        return self.score.passed

    def facts(self) -> dict[str, Any]:
        """Flat and plain, without the response."""
        return {
            **score_facts(self.score),
            "confused_with": self.confused_with,
            "run_on_lines": self.run_on_lines,
            "prompt_cache": self.prompt_cache,
            **self.answer.facts(),
        }

    def explain(self) -> str:
        """One line that says what was lost, then the aligned diff."""
        result = self.score
        confused = f", reads like {self.confused_with}" if self.confused_with else ""
        head = (
            f"{self.function.name}: {result.primary_matched} of {result.primary_total} lines recalled, "
            f"{self.threshold} needed ({result.hallucinated} hallucinated{confused})"
        )
        diff = aligned_diff(
            self.function.primary(self.lines),
            self.function.bonus(self.lines),
            self.answer.text,
            relax_indent=self.relax_indent,
        )
        return f"{head}\n{render_diff(diff)}"


class RunningCell:
    """A server whose cache is warm and whose types are verified. `warm_up` must come before `ask`."""

    def __init__(self, server: LlamaServer, chosen: CorpusPlan, prepared: Prepared, settings: Settings) -> None:
        self.server = server
        self._chosen = chosen
        self._prepared = prepared
        self._settings = settings
        self._prompts: dict[str, str] = {}
        self._facts: dict[str, Any] = {}

    def warm_up(self) -> Validity:
        """Ingest the part that all prompts share and read the log.

        After this every scored answer takes the cached path: cached and uncached prefixes can round differently.
        Raises PromptTooLongError with both numbers, InvalidCellError, AnswerError.
        """
        self._prompts = {q.function.name: self.server.client.render(q.message) for q in self._chosen.asked}
        self._check_fit()
        warm = self.server.client.ingest(self._shared_prefix())
        validity = self.server.validity()
        self._facts = {
            "load_seconds": round(self.server.load_seconds, 4),
            "warm_up_n": warm.prompt_n,
            "warm_up_ms": round(warm.prompt_ms, 3),
            "n_ctx": self._prepared.n_ctx,
            **validity.facts(),
        }
        return validity

    @property
    def facts(self) -> dict[str, Any]:
        """Load time, warm-up and validity, flat and plain; empty before the warm-up."""
        return dict(self._facts)

    def ask(self, name: str) -> Recall:
        """Ask for one function and score the answer. Raises AnswerError and PromptTooLongError."""
        settings = self._settings
        function = self._chosen.question(name).function
        primary, bonus = function.primary(settings.lines), function.bonus(settings.lines)
        budgets = self._prepared.budgets or {}
        answer = self.server.client.complete(
            self._prompts[name], primary, budget=budgets[name], full=settings.full_answer
        )
        if answer.truncated:
            msg = f"{name}: the answer was cut off by the end of the context ({self._prepared.n_ctx} tokens)"
            raise AnswerError(msg, answer.text)
        scored = score(
            primary, answer.text, bonus=bonus, relax_indent=settings.relax_indent, threshold=settings.threshold
        )
        if scored.empty:
            what = "nothing but thinking" if scored.think_lines else "nothing"
            msg = f"{name}: the model answered {what} ({answer.tokens} tokens, stop: {answer.stop})"
            raise AnswerError(msg, answer.text)
        return Recall(
            function=function,
            answer=answer,
            score=scored,
            confused_with=self._confused(answer.text, name),
            run_on_lines=self._run_on_lines(answer, function),
            prompt_cache=self._prompt_cache(answer),
            threshold=settings.threshold,
            lines=settings.lines,
            relax_indent=settings.relax_indent,
        )

    def _check_fit(self) -> None:
        there = int(self.server.client.props()["default_generation_settings"]["n_ctx"])
        answer = max((self._prepared.budgets or {"": 0}).values())
        if self._prepared.prompt_tokens + answer > there:
            msg = (
                f"the longest prompt ({self._prepared.prompt_tokens} tokens) and its answer ({answer}) do not fit the "
                f"context of {there} tokens; raise or leave out --kv-n-ctx, or take a shorter corpus"
            )
            raise PromptTooLongError(msg)

    def _shared_prefix(self) -> str:
        first, last = min(self._prompts.values()), max(self._prompts.values())
        return first[: next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]

    def _prompt_cache(self, answer: Answer) -> str:
        return "hit" if answer.cache_n >= CACHED_SHARE * self._prepared.file_tokens else "missed"

    def _run_on_lines(self, answer: Answer, function: Function) -> int:
        if not answer.run_on:
            return 0
        after = function.start_line - 1 + self._settings.lines
        return run_on_lines(answer.text, self._settings.lines, self._chosen.corpus.text.split("\n")[after:])

    def _confused(self, text: str, name: str) -> str | None:
        bodies = {f.name: f.primary(self._settings.lines) for f in self._chosen.corpus.functions}
        return confused_with(
            text,
            bodies,
            name,
            lines=self._settings.lines,
            relax_indent=self._settings.relax_indent,
            at_least=max(1, self._settings.threshold),
        )
