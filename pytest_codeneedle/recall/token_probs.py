"""What a server tells of each token that it wrote: where it stands in the answer, and how probable it and others were.

Asked for `n_probs`, llama-server adds `completion_probabilities` to each event of a streamed /completion: of one token
its `id`, `logprob` and `top_logprobs`, the most probable tokens with their `bytes`. They are the model's own, before
any sampling. Builds before December 2024 told something else (`probs` with `tok_str`, renormalised over those listed),
or nothing; that is not read.

Not every token is told of. Of a character that takes several tokens only the last one is, and of tokens that a draft
model wrote none. So a token is placed by its own bytes at the end of the text that came with it, and what is left
before it belongs to tokens that nobody told of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Tokens listed for each one that is written: enough to find the right one behind the token that leaves the expected
#: text, where it is near. The list costs nothing that can be measured, but for the time to read each event: 20 tokens
#: take a quarter more. What costs is that there are log-probabilities at all: about 0.8 ms a token on one core where
#: the vocabulary has 152,000, and less than the noise where it has 5,000.
N_PROBS = 5
#: A log-probability that single precision cannot tell from that of nothing. llama.cpp says -3.4e38 for it, builds of
#: early 2025 null.
LEAST = -104.0


@dataclass(frozen=True)
class Other:
    """A token that was listed and not written: its bytes, which may be part of a character, and log-probability."""

    piece: bytes
    logprob: float


@dataclass(frozen=True)
class _Told:
    """A token that was written: its bytes, its log-probability (nats), and the others listed."""

    piece: bytes
    logprob: float
    others: tuple[Other, ...]

    def placed(self, end: int) -> Token:
        """The same where its last byte is known."""
        return Token(end - len(self.piece), end, self.logprob, self.others)


@dataclass(frozen=True)
class Token:
    """A token that was written: bytes `start` to `end` of the answer, its log-probability (nats), the others listed.

    The token that ends an answer has no bytes: it stands last, at the end of the text.
    """

    start: int
    end: int
    logprob: float
    others: tuple[Other, ...]

    @property
    def is_end(self) -> bool:
        """Whether it has no bytes, as the token that ends an answer."""
        return self.start == self.end


class TokenWatch:
    """Follows one answer's events. `opening` is what the answer begins with unseen (see `client.Client.complete`)."""

    def __init__(self, opening: str = "") -> None:
        self._end = len(opening.encode())
        self._held: list[_Told] = []
        self._tokens: list[Token] = []

    def feed(self, event: Mapping[str, Any], content: str) -> None:
        """Add an event; `content` is its text as the answer has it."""
        told = _told(event)
        if told is not None:
            self._held.append(told)
        if content:
            self._place(content.encode())

    def tokens(self, stop: str) -> tuple[Token, ...]:
        """All that can be placed, in order; with the token that ended the answer where `stop` is `eos`."""
        found = [*self._tokens, *(held.placed(self._end) for held in self._held[-1:] if not held.piece)]
        ended = found[-1:] if stop == "eos" else []
        return tuple([token for token in found if not token.is_end] + [token for token in ended if token.is_end])

    def _place(self, content: bytes) -> None:
        """Put the tokens held so far at the end of the text that came: a server holds back what may be a stop."""
        begin, self._end = self._end, self._end + len(content)
        end = self._end
        placed: list[Token] = []
        for held in reversed(self._held):
            token = held.placed(end)
            if token.start < begin or content[token.start - begin : end - begin] != held.piece:
                break
            placed.append(token)
            end = token.start
        self._tokens += reversed(placed)
        self._held = []


def _told(event: Mapping[str, Any]) -> _Told | None:
    """The one token of an event; None where it tells of none, or oddly."""
    entries = event.get("completion_probabilities")
    if not isinstance(entries, list) or len(entries) != 1 or not isinstance(entries[0], dict):
        return None
    entry = entries[0]
    listed = entry.get("top_logprobs")
    if not isinstance(listed, list) or not listed or "logprob" not in entry:
        return None
    try:
        # The entry's own bytes are the text that came with it: held-back text goes before the token's.
        own = next((bytes(one["bytes"]) for one in listed if one["id"] == entry["id"]), bytes(entry["bytes"]))
        others = tuple(Other(bytes(one["bytes"]), _log(one["logprob"])) for one in listed if one["id"] != entry["id"])
        return _Told(own, _log(entry["logprob"]), others)
    except (KeyError, TypeError, ValueError):
        return None


def _log(value: object) -> float:
    """A log-probability as a finite number from `LEAST` to 0; ValueError for what is none."""
    if value is None:
        return LEAST
    if not isinstance(value, int | float) or math.isnan(value):
        raise ValueError(value)
    return min(0.0, max(LEAST, float(value)))
