"""An answer as it streams in: when the lines asked for are complete, and whether the model then stops."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.errors import AnswerError
from pytest_codeneedle.recall.cleaning import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.recall.token_probs import Token

_FENCE = "```"
#: A token of code has few characters; the longest of any vocabulary are runs of spaces.
_CHARACTERS_PER_TOKEN, _LEAST_CHARACTERS = 256, 2**16
#: Some engines send a character at a time.
_PIECES_ASIDE = 64


def overruns(pieces: int, budget: float) -> bool:
    """Whether so many pieces of text are far more than an answer of that many tokens has: each is one or several."""
    return pieces > 2 * budget + _PIECES_ASIDE


class AnswerWatch:
    """Follows one answer and says when its stream can be closed.

    `primary` are the lines asked for. A preamble does not count: lines are counted from the first one that is
    among them, and fence lines never are. Where none of them comes, twice their number is enough. Of an answer of
    `budget` tokens only so much text is taken as they can be.
    """

    def __init__(self, primary: Sequence[str], budget: float = math.inf) -> None:
        self.text = ""
        self._most = _LEAST_CHARACTERS + _CHARACTERS_PER_TOKEN * budget
        self._budget = budget
        stripped = [line.strip() for line in primary]
        # Blank lines at the ends are no part of a cleaned answer, so they cannot be waited for.
        self._wanted = len("\n".join(stripped).strip().split("\n"))
        self._known = {line for line in stripped if line}
        self._complete_at: int | None = None

    @property
    def complete(self) -> bool:
        """Whether all lines asked for are there, the last with its line end."""
        return self._complete_at is not None

    @property
    def run_on(self) -> bool:
        """Whether anything but white space or a closing fence follows the lines asked for."""
        if self._complete_at is None:
            return False
        after = self.text[self._complete_at :].strip()
        return bool(after.removeprefix(_FENCE).strip()) and not _FENCE.startswith(after)

    @property
    def parts(self) -> tuple[str, str]:
        """The text up to the end of the lines asked for, and what came after; all of it, and nothing, before."""
        end = len(self.text) if self._complete_at is None else self._complete_at
        return self.text[:end], self.text[end:]

    def feed(self, piece: str) -> bool:
        """Add a piece of the stream; True once the lines are complete and the model is seen to run on.

        Raises AnswerError for more text than an answer of that budget can be.
        """
        scanned = len(self.text)
        if scanned + len(piece) > self._most:
            msg = (
                f"the answer has more than {self._most:.0f} characters, and it was to have {self._budget} tokens at "
                "most: the server keeps to no limit (max_tokens, n_predict)"
            )
            raise AnswerError(msg, self.text)
        self.text += piece
        while self._complete_at is None and (line_end := self.text.find("\n", scanned)) >= 0:
            scanned = line_end + 1
            if self._enough(self.text[:scanned]):
                self._complete_at = scanned
        return self.run_on

    def _enough(self, text: str) -> bool:
        lines = clean(text)
        begins = next((at for at, line in enumerate(lines) if line.strip() in self._known), None)
        if begins is None:
            return len(lines) >= 2 * self._wanted
        return len(lines) - begins >= self._wanted


def runs_on(primary: Sequence[str], response: str) -> bool:
    """Whether a whole answer goes on after the lines asked for, as `AnswerWatch.run_on` has it."""
    watch = AnswerWatch(primary)
    watch.feed(response)
    return watch.run_on


@dataclass(frozen=True)
class Answer:
    """One answer with the server's own counts.

    `text` is what is scored. Where this side closed the stream it ends with the lines asked for, and `after` holds
    the beginning of the line that showed the model running on: half a line is neither right nor hallucinated.

    `stop` is llama.cpp's word for why it ended (`eos`, `word`, `limit`), or `closed` where this side closed the
    stream because the lines were complete and the model ran on. `tokens` were decoded in `predicted_ms`;
    `prompt_n` prompt tokens were ingested in `prompt_ms`, and `cache_n` came from the prompt cache. `told` are the
    tokens of `text` and `after` that the server told probabilities of; None of a recorded answer, whose row has what
    was made of them. `drafted` is how many tokens speculation tried.
    """

    text: str = field(repr=False)  # may be private code
    stop: str
    run_on: bool
    tokens: int
    cache_n: int
    prompt_n: int
    prompt_ms: float
    predicted_ms: float
    truncated: bool
    after: str = field(default="", repr=False)
    told: tuple[Token, ...] | None = field(default=(), repr=False)
    drafted: int = 0

    @classmethod
    def recorded(cls, row: Mapping[str, Any]) -> Answer:
        """The answer of a result row, as `facts`, `response` and `after` hold it."""
        names = ("stop", "run_on", "tokens", "cache_n", "prompt_n", "prompt_ms", "predicted_ms", "truncated")
        kept = {name: row[name] for name in names}
        after, drafted = row.get("after") or "", row.get("drafted") or 0
        return cls(text=row["response"], after=after, told=None, drafted=drafted, **kept)

    def facts(self) -> dict[str, str | int | float | bool]:
        """Flat and plain, without the text, for a result row and for `user_properties`."""
        return {
            "stop": self.stop,
            "run_on": self.run_on,
            "tokens": self.tokens,
            "cache_n": self.cache_n,
            "prompt_n": self.prompt_n,
            "prompt_ms": round(self.prompt_ms, 3),
            "predicted_ms": round(self.predicted_ms, 3),
            "truncated": self.truncated,
            "drafted": self.drafted,
        }


def run_on_lines(answer: str, lines: int, following: Sequence[str]) -> int:
    """How many lines after the first `lines` of the answer continue the source file, in order from `following`."""
    produced = [line.strip() for line in clean(answer)[lines:]]
    expected = [line.strip() for line in following]
    count = 0
    for got, wanted in zip(produced, expected, strict=False):
        if got != wanted:
            break
        count += 1
    return count
