"""By how much the model preferred the expected text to all else: the log-probability margin of each of its tokens.

**What counts.** A token of an answer counts where it writes expected text: every byte of it stands in a primary line
that was matched (as `primary_matched` aligns, but with indentation passed over, whatever the run's rule is), or in the
lost line up to the place where the answer left the text. White space counts where it is that of the expected text at
that place, line ends too; the last line's end is no part of the text, so what decides whether the model stops there
does not count. Fences, preambles, thinking and what runs on do not count. What hangs over the end of the text may only
be white space.

**The token that left.** The first primary line that is not matched was left at one place, the first byte that differs,
indentation passed over. The token that holds this byte counts as well, be it the one that ended the answer; where the
answer was cut off (`limit`), there is none.

**Margin** (nats) is log p(expected token) - log p(best other token). For a token on the text that is its own
log-probability minus that of the best other: top1 - top2. For the token that left, the expected token is the most
probable of those listed that go on with the text (a text can be written with several), and the margin is negative.
Where none of them does, the lowest log-probability listed stands for it: the margin is then an upper bound, `<-7.31`.

**Told.** Not every token has to have told a probability: drafted ones tell none. Of an answer in which the others make
up less than `LEAST_TOLD` of the expected text that it has (in bytes) nothing is said: those that tell are no sample of
all, they are the ones that a draft did not foresee.

**Place** is the byte of the expected text (primary lines, joined by line feeds) where the token begins. Two answers
that have a token at one place have read the same text before it but for what one of them lost: they are compared there.
"""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.recall.alignment import align

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_codeneedle.recall.alignment import Alignment
    from pytest_codeneedle.recall.token_probs import Other, Token

#: A margin below which another token is a rival, in nats: the expected one is at most 2.7 times as probable.
RIVAL_NATS = 1.0
#: The share of the expected text whose tokens have to have told a probability.
LEAST_TOLD = 0.9
#: UTF-8: the bytes of a character but its first begin with the bits 10.
_CONTINUES, _CONTINUATION = 0b11000000, 0b10000000
_TWO_DIGITS = 10.0
_BOUND = "<"


@dataclass(frozen=True)
class Margin:
    """One token that counts: its place (bytes), margin and the expected token's log-probability (nats).

    `bound` says that the expected token was not listed, so that both are at most this.
    """

    place: int
    margin: float
    logprob: float
    bound: bool = False


def margin_facts(
    primary: Sequence[str], bonus: Sequence[str], text: str, after: str, tokens: Sequence[Token]
) -> dict[str, Any]:
    """Flat and plain, for a row: `margins` as `written`, and over them the mean, the 1st percentile, the share below 1.

    `after` is what followed `text` and is not scored. `margins_told` is the share of the expected text, 0 to 1, whose
    tokens told a probability. All else is None where it is below `LEAST_TOLD`, and all where no token told one.
    """
    aligned = align(primary, bonus, text, after)
    told = told_share(aligned, tokens) if tokens else None
    enough = told is not None and told >= LEAST_TOLD
    found = _margins(aligned, tokens) if enough else []
    values = [one.margin for one in found]
    return {
        "margins": written(found) if enough else None,
        "margins_told": None if told is None else _rounded(told),
        "margin_mean": _rounded(statistics.fmean(values)) if values else None,
        "margin_p1": _rounded(percentile(values)) if values else None,
        "margin_under_1": _rounded(under(values)) if values else None,
        "expected_logprob_mean": _rounded(statistics.fmean(one.logprob for one in found)) if values else None,
    }


def told_share(aligned: Alignment, tokens: Sequence[Token]) -> float:
    """The share, by bytes, of the expected text in the answer whose tokens told a probability; 1 where it has none.

    Of a character in several tokens llama.cpp tells of the last one only, which stands for all of them.
    """
    expected = {at for at, place in enumerate(aligned.places) if 0 <= place < len(aligned.text) - 1}
    spans = ((_character(aligned.raw, token.start), token.end) for token in tokens if token.others)
    telling = {at for begin, end in spans for at in range(begin, end)}
    return len(expected & telling) / len(expected) if expected else 1.0


def _character(raw: bytes, at: int) -> int:
    """Where the character begins that the byte at `at` is part of."""
    while 0 < at < len(raw) and raw[at] & _CONTINUES == _CONTINUATION:
        at -= 1
    return at


def percentile(values: Sequence[float]) -> float:
    """The 1st percentile, interpolated between order statistics as numpy does it."""
    ordered = sorted(values)
    below, share = divmod((len(ordered) - 1) / 100, 1)
    low, high = (ordered[min(int(below) + step, len(ordered) - 1)] for step in (0, 1))
    return low + share * (high - low)


def under(values: Sequence[float]) -> float:
    """The share of margins under `RIVAL_NATS`."""
    return sum(value < RIVAL_NATS for value in values) / len(values)


def written(found: Iterable[Margin]) -> str:
    """`0:6.02 4:12.3 8:<-7.31`: how many bytes after the last one a token begins, and its margin."""
    parts, last = [], 0
    for one in found:
        digits = 2 if abs(one.margin) < _TWO_DIGITS else 1
        number = f"{round(one.margin, digits) + 0.0:g}"  # + 0.0: no -0
        parts.append(f"{one.place - last}:{_BOUND if one.bound else ''}{number}")
        last = one.place
    return " ".join(parts)


def read(text: str) -> dict[int, float]:
    """Place -> margin, of what `written` gave; a bound is taken as it is."""
    numbers = text.replace(_BOUND, "").replace(":", " ").split()
    return dict(zip(itertools.accumulate(map(int, numbers[::2])), map(float, numbers[1::2]), strict=True))


def _rounded(value: float) -> float:
    return round(value, 4)


def margins(
    primary: Sequence[str], bonus: Sequence[str], text: str, after: str, tokens: Sequence[Token]
) -> list[Margin]:
    """The tokens that count, by their places; `tokens` are those of `text + after`."""
    return _margins(align(primary, bonus, text, after), tokens)


def _margins(aligned: Alignment, tokens: Sequence[Token]) -> list[Margin]:
    left = aligned.departing(tokens)
    found: dict[int, Margin] = {}
    for token in tokens:
        place = aligned.place(token.start, token.end)
        if place is not None and token is not left and token.others:
            found[place] = Margin(place, token.logprob - _best(token.others), token.logprob)
    if left is not None and aligned.left is not None:
        one = _departure(left, *aligned.expected_at(aligned.left, left.start))
        found[one.place] = one
    return [found[place] for place in sorted(found)]


def _departure(token: Token, place: int, expected: Sequence[bytes]) -> Margin:
    """The margin of the token that left the text, which goes on in one of these ways from the token's beginning."""
    right = [other for other in token.others if any(_writes(other.piece, text) for text in expected)]
    rivals = [other for other in token.others if other not in right]
    best = max([token.logprob, *(other.logprob for other in rivals)])
    if right:
        logprob = _best(right)
        return Margin(place, logprob - best, logprob)
    least = min([token.logprob, *(other.logprob for other in token.others)])
    return Margin(place, least - best, least, bound=True)


def _writes(piece: bytes, expected: bytes) -> bool:
    """Whether this token goes on with the expected text, and with nothing else but white space after its end."""
    return bool(piece) and (
        expected.startswith(piece) or (piece.startswith(expected) and not piece[len(expected) :].strip())
    )


def _best(others: Sequence[Other]) -> float:
    return max(other.logprob for other in others)
