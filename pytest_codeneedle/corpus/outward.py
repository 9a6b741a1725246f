"""What others wrote, made fit to leave the run folder: without private code, without secrets, without terminal codes.

Others are servers, their logs, exceptions, plugins. Each edge at which their words become a message of ours, or are
put into a report, calls this.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.output import fit_text
from pytest_codeneedle.core.redaction import redacted
from pytest_codeneedle.corpus.withheld import LEAST, Withheld

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_codeneedle.corpus.corpus import Corpus

#: Those facts of a row that are a server's words, or its log's.
_OF_OTHERS = ("error", "fallbacks", "stop", "adapted", "device")


class Outward:
    """Called with a text of others, it gives what of it may be seen. `hidden` are the corpora whose code may not."""

    def __init__(self, hidden: Iterable[Corpus] = ()) -> None:
        self._corpora = tuple(hidden)

    @cached_property
    def _hidden(self) -> list[Withheld]:
        return [Withheld(corpus.every_text, _names(corpus)) for corpus in self._corpora]

    def __call__(self, text: str) -> str:
        r"""The text with `[26 characters of the corpus]`, `***` and `\x1b` for what is not for others' eyes."""
        return fit_text(self.told(text))

    def facts(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """What is said of an item, with the words of others as they may be seen; the answer itself stays as it came."""
        return {
            name: self(value) if name in _OF_OTHERS and isinstance(value, str) and len(value) >= LEAST else value
            for name, value in facts.items()
        }

    def told(self, text: str) -> str:
        """The same where colours are wanted: without what is private, and no more."""
        for corpus in self._hidden:
            text = corpus.taken_out(text)
        return redacted(text)


def _names(corpus: Corpus) -> list[str]:
    return [*corpus.files, *(function.name for part in corpus.parts for function in part.functions)]
