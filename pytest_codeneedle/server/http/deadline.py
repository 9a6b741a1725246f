"""How long an answer may take: a multiple of what it should take at the speeds measured in its cell.

A server that hangs never ends its answer; one on a CPU may well take half an hour for it. So the limit is no
constant, but comes from the cell itself::

    LEAST_SECONDS + READ_FACTOR * prompt / reading + WRITE_FACTOR * budget / writing

`reading` is the speed at which the warm-up's prompt was read. Most of a prompt comes from the prompt cache, but a cache
may miss, so all of it counts, twice. `writing` is that of the slowest answer so far; `budget` are the tokens that
the answer may have, of which it mostly needs half, and it may be ten times slower than that. Before the first answer, a
written token is taken to cost at most 100 read ones: reading is done in batches, writing is not.

Of an endpoint nothing is known but when its text came; its limits come from that (see `Pace`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_codeneedle.recall.answer import Answer

#: For what takes no tokens: a busy machine, a disk that wakes up.
LEAST_SECONDS = 60.0
READ_FACTOR, WRITE_FACTOR = 2, 10
OTHER_CELL_FACTOR = 100
#: So many read tokens may cost as much as a written one, where none was written yet.
READ_PER_WRITTEN = 100
#: Speeds of a handful of tokens say nothing.
_ENOUGH_TOKENS = 8
_MS = 1000.0


@dataclass(frozen=True)
class Speeds:
    """Tokens per second as a server measured them itself, None before it did."""

    reading: float | None = None
    writing: float | None = None

    def warmed_up(self, warm: Answer) -> Speeds:
        """The same with the reading speed of a warm-up."""
        known = warm.prompt_n >= _ENOUGH_TOKENS and warm.prompt_ms > 0
        return replace(self, reading=_MS * warm.prompt_n / warm.prompt_ms) if known else self

    def answered(self, answer: Answer) -> Speeds:
        """The same after one more answer: the slowest counts."""
        if answer.tokens < _ENOUGH_TOKENS or answer.predicted_ms <= 0:
            return self
        speed = _MS * answer.tokens / answer.predicted_ms
        return replace(self, writing=speed if self.writing is None else min(speed, self.writing))

    def deadline_seconds(self, prompt_tokens: int, budget: int) -> float | None:
        """How long an answer of at most `budget` tokens may take; None where no speed is known."""
        if self.reading is None:
            return None
        writing = self.writing or self.reading / READ_PER_WRITTEN
        return LEAST_SECONDS + READ_FACTOR * prompt_tokens / self.reading + WRITE_FACTOR * budget / writing

    def warm_up_seconds(self, prompt_tokens: int) -> float | None:
        """How long another cell of this session may read that prompt; None where no cell has read one yet.

        A pair without a kernel of its own may be read thirty times slower than others.
        """
        if self.reading is None:
            return None
        return LEAST_SECONDS + OTHER_CELL_FACTOR * prompt_tokens / self.reading

    def __str__(self) -> str:
        """For a message."""
        said = [f"{verb} {speed:.3g} tokens/s" for verb, speed in self._known()]
        return " and ".join(said) or "no speed was measured"

    def _known(self) -> list[tuple[str, float]]:
        both = (("read", self.reading), ("wrote", self.writing))
        return [(verb, speed) for verb, speed in both if speed is not None]


#: An endpoint may have others to answer, and read anew what it had cached.
ENDPOINT_FACTOR = 10
#: For its queue.
ENDPOINT_LEAST_SECONDS, ENDPOINT_SILENT_SECONDS = 120.0, 60.0
#: Pieces that come faster than that were gathered on the way: such an endpoint may be silent for a whole answer.
_GATHERED_SECONDS, _ENOUGH_PIECES = 0.001, 4


@dataclass(frozen=True)
class Pace:
    """How fast an endpoint was at its slowest, by this side's clock; None before it showed that.

    `first_seconds` is the wait for the first text where all of the prompt is read, `piece_seconds` the time for each
    piece after it: a token or several, so that of a token is never more. `streams` says that pieces came as they were
    written.
    """

    first_seconds: float | None = None
    piece_seconds: float = 0.0
    streams: bool = False

    def answered(self, answer: Answer, first_seconds: float, pieces: int, piecemeal_seconds: float) -> Pace:
        """The same after one more answer, of which the last of so many pieces came so long after the first."""
        read = answer.prompt_ms / _MS * (1 + answer.cache_n / max(1, answer.prompt_n))
        gap = piecemeal_seconds / max(1, pieces - 1)
        streams = pieces >= _ENOUGH_PIECES and gap >= _GATHERED_SECONDS
        written = gap if streams else (first_seconds + piecemeal_seconds) / max(1, answer.tokens)
        return Pace(
            max(self.first_seconds or 0.0, first_seconds, read),
            max(self.piece_seconds, written),
            self.streams or streams,
        )

    def deadline_seconds(self, budget: int) -> float | None:
        """How long an answer of at most `budget` tokens may take; None where nothing is known."""
        if self.first_seconds is None:
            return None
        return ENDPOINT_LEAST_SECONDS + ENDPOINT_FACTOR * (self.first_seconds + budget * self.piece_seconds)

    def silent_seconds(self) -> float | None:
        """How long nothing of an answer may come; None where the endpoint has not shown that it streams."""
        if self.first_seconds is None or not self.streams:
            return None
        return ENDPOINT_SILENT_SECONDS + ENDPOINT_FACTOR * max(self.first_seconds, self.piece_seconds)
