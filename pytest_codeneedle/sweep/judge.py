"""One answered question, judged: the score, what became of a miss, and what of it may be shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.errors import AnswerError
from pytest_codeneedle.core.text import printable
from pytest_codeneedle.recall.answer import Answer, run_on_lines
from pytest_codeneedle.recall.labels import Label, label_answer, label_error
from pytest_codeneedle.recall.logprob_margins import margin_facts
from pytest_codeneedle.recall.scoring import (
    Score,
    aligned_diff,
    confused_with,
    confusing,
    hidden_kinds,
    render_diff,
    score,
)
from pytest_codeneedle.runs.rescore import NOTHING_TO_SCORE, score_facts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.corpus.functions.function import Function
    from pytest_codeneedle.recall.scoring import Tag
    from pytest_codeneedle.sweep.plan import CorpusPlan
    from pytest_codeneedle.sweep.settings import Settings


@dataclass(frozen=True)
class Recall:
    """An answered question: the function, the answer with the server's counts, and the score. Counts are in lines.

    `threshold` is the number of lines that pass; `run_on_lines` how many lines continue the source file after
    those asked for (with --kv-full-answer; else the stream is closed before). `label` says what became of an answer
    that is not perfect, None of one that is (see `recall.labels`). `prompt_cache` is `hit`, `missed` or, of an
    endpoint, `unknown`. `margins` are what the row says of log-probabilities, in nats; nothing for a recorded answer,
    whose row has it.
    `hidden` are the kinds of lines that the diff only counts; None leaves out the diff.
    """

    function: Function
    answer: Answer
    score: Score
    confused_with: str | None
    label: Label | None
    run_on_lines: int
    prompt_cache: str
    threshold: int
    lines: int
    relax_indent: bool
    margins: Mapping[str, Any] = field(default_factory=dict)
    hidden: tuple[Tag, ...] | None = ()

    @property
    def passed(self) -> bool:
        """The pass rule: primary_matched >= threshold."""
        return self.score.passed

    def facts(self) -> dict[str, Any]:
        """Flat and plain, without the response."""
        return {
            **score_facts(self.score),
            "label": self.label,
            "confused_with": self.confused_with,
            "run_on_lines": self.run_on_lines,
            "prompt_cache": self.prompt_cache,
            **self.answer.facts(),
            **self.margins,
        }

    def explain(self) -> str:
        """One line that says what was lost, then the aligned diff as far as it may be shown."""
        result = self.score
        confused = f", reads like {printable(self.confused_with)}" if self.confused_with else ""
        label = f"{self.label}, " if self.label else ""
        head = (
            f"{printable(self.function.name)}: {result.primary_matched} of {result.primary_total} lines recalled, "
            f"{self.threshold} needed ({label}{result.hallucinated} hallucinated{confused})"
        )
        if self.hidden is None:
            return head
        diff = aligned_diff(
            self.function.primary(self.lines),
            self.function.bonus(self.lines),
            self.answer.text,
            relax_indent=self.relax_indent,
        )
        shown = render_diff(diff, hidden=self.hidden)
        note = "\n(lines not asked for are not shown: the corpus is private; --kv-embed-source shows them)"
        hides = any(line.tag in self.hidden for line in diff)
        return f"{head}\n{shown}{note if hides else ''}"


class Judge:
    """Scores the answers to one corpus's questions."""

    def __init__(self, chosen: CorpusPlan, settings: Settings) -> None:
        self._chosen = chosen
        self._settings = settings

    @cached_property
    def _bodies(self) -> dict[str, tuple[str, ...]]:
        return {f.name: f.primary(self._settings.lines) for f in self._chosen.corpus.functions}

    @cached_property
    def _rows(self) -> Sequence[str]:
        return self._chosen.corpus.text.split("\n")

    def judge(self, name: str, answer: Answer, prompt_cache: str) -> Recall:
        """The answer about that function, scored. Raises AnswerError for one that holds nothing to score."""
        settings = self._settings
        function = self._chosen.question(name).function
        primary, bonus = function.primary(settings.lines), function.bonus(settings.lines)
        scored = score(
            primary, answer.text, bonus=bonus, relax_indent=settings.relax_indent, threshold=settings.threshold
        )
        unusable = label_error(primary, answer.text, bonus=bonus)
        if unusable:
            msg = f"{printable(name)}: {NOTHING_TO_SCORE[unusable]} ({answer.tokens} tokens, stop: {answer.stop})"
            raise AnswerError(msg, answer.text, unusable)
        told = answer.told
        confused = confused_with(
            answer.text,
            self._bodies,
            name,
            lines=settings.lines,
            relax_indent=settings.relax_indent,
            at_least=confusing(settings.lines),
        )
        return Recall(
            function=function,
            answer=answer,
            score=scored,
            confused_with=confused,
            label=label_answer(
                primary,
                answer.text,
                scored,
                bonus=bonus,
                confused_with=confused,
                stop=answer.stop,
                relax_indent=settings.relax_indent,
            ),
            run_on_lines=self._run_on_lines(answer, function),
            prompt_cache=prompt_cache,
            threshold=settings.threshold,
            lines=settings.lines,
            relax_indent=settings.relax_indent,
            margins={} if told is None else margin_facts(primary, bonus, answer.text, answer.after, told),
            hidden=self._hidden(),
        )

    def _hidden(self) -> tuple[Tag, ...] | None:
        settings = self._settings
        private = self._chosen.corpus.private
        return hidden_kinds(private=private, redact=settings.redact, embed_source=settings.embed_source)

    def _run_on_lines(self, answer: Answer, function: Function) -> int:
        if not answer.run_on:
            return 0
        after = function.start_line - 1 + self._settings.lines
        return run_on_lines(answer.text, self._settings.lines, self._rows[after:])
