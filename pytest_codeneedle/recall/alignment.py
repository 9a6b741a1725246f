"""An answer beside the text that was expected, byte by byte: which bytes are where in it, and where the answer left it.

Lines are aligned as `primary_matched` aligns them, with indentation passed over. Bytes, because tokens may begin and
end within a character.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.recall.cleaning import LINE_END, Cleaned, read_answer
from pytest_codeneedle.recall.scoring import matched_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_codeneedle.recall.token_probs import Token

_LINE_ENDS = re.compile(f"({LINE_END.pattern})")


@dataclass(frozen=True)
class _Line:
    """A line in bytes: it begins at `at` with white space `lead`; `tail` is that before the line's `end`."""

    at: int
    lead: bytes
    content: bytes
    tail: bytes
    end: bytes

    @property
    def whole(self) -> bytes:
        """All of it but its end."""
        return self.lead + self.content + self.tail

    @property
    def end_at(self) -> int:
        """Where the next line begins."""
        return self.at + len(self.whole) + len(self.end)

    @property
    def start(self) -> int:
        """Where its content begins."""
        return self.at + len(self.lead)

    @property
    def stop(self) -> int:
        """Where its content ends."""
        return self.start + len(self.content)


@dataclass(frozen=True)
class Parting:
    """Where an answer leaves the text: at its byte `at`, which is its length where it ended; the text is at `place`.

    `content` is the same, but past indentation that the text may still have there. The answer's line begins at `line`
    and its content at `start`; the text's line begins at `wanted`.
    """

    at: int
    place: int
    content: int
    line: int
    start: int
    wanted: int


@dataclass(frozen=True)
class Alignment:
    """An answer (`raw`) beside the expected text, primary lines with a line feed behind each.

    `places` has for each byte of the answer its place in the text, -1 for none. `left` is where they part, None where
    no line was lost.
    """

    raw: bytes
    text: bytes
    places: Sequence[int]
    left: Parting | None

    def place(self, start: int, end: int) -> int | None:
        """The place of these bytes of the answer; None unless they stand in the text just so.

        White space may hang over the text's end, which is that of its last line.
        """
        if not start < end <= len(self.raw):
            return None
        first, last = self.places[start], len(self.text) - 1  # without the line feed at its end
        if not 0 <= first < last:
            return None
        within = min(end, start + last - first)
        stands = all(self.places[start + step] == first + step for step in range(within - start))
        return first if stands and not self.raw[within:end].strip() else None

    def departing(self, tokens: Sequence[Token]) -> Token | None:
        """The token that left the text, or ended the answer before the text's end; None where nobody told of it."""
        if self.left is None:
            return None
        at = self.left.at
        ended = at == len(self.raw)
        return next((token for token in tokens if token.start <= at < token.end or (ended and token.is_end)), None)

    def expected_at(self, left: Parting, start: int) -> tuple[int, tuple[bytes, bytes]]:
        """Where the text is when the token at `start`, which leaves it, begins, and the two ways in which it goes on.

        With the text's own indentation, and with that of the answer.
        """
        agreed = self.raw[start : left.at]
        if start >= left.start:
            place, literal = left.place - len(agreed), agreed + self.text[left.place :]
        else:  # the token begins in the line's indentation or above it
            place = min(left.wanted + start - left.line, left.content - (left.at - left.start))
            literal = self.text[max(0, place) :]
        return max(0, place), (literal, agreed + self.text[left.content :])


def align(primary: Sequence[str], bonus: Sequence[str], text: str, after: str = "") -> Alignment:
    """The answer `text`, which `after` followed unscored, beside the `primary` lines; `bonus` lines come after them.

    Outer blank lines at the text's end are no part of it, since no answer keeps them.
    """
    wanted = _laid_out([(line, "\n") for line in primary])
    while wanted and not wanted[-1].content:
        wanted.pop()
    answer = read_answer(text)
    parts = _LINE_ENDS.split(text + after)
    lines = _laid_out(list(zip(parts[::2], [*parts[1::2], ""], strict=True)))
    for number, line in zip(answer.numbers, answer.lines, strict=True):
        lines[number] = _ending_with(lines[number], line)
    paired = matched_lines(primary, bonus, answer.lines, relax_indent=True)
    matched = {e: answer.numbers[p] for e, p in paired.items() if e < len(wanted)}
    raw = (text + after).encode()
    left, passed = _walk(lines, wanted, matched, _begin(wanted, paired, answer))
    places = [-1] * len(raw)
    for e, number in matched.items():
        _put(places, lines[number], wanted[e], len(wanted[e].content))
    for e, number, count in passed:
        _put(places, lines[number], wanted[e], count)
    return Alignment(raw, b"".join(line.whole + line.end for line in wanted), places, left)


def _begin(wanted: Sequence[_Line], paired: Mapping[int, int], answer: Cleaned) -> tuple[int, int] | None:
    """The first line that was lost, and the line of the answer that stands there; None where none was lost."""
    first = next((e for e, line in enumerate(wanted) if line.content), len(wanted))
    lost = next((e for e in range(first, len(wanted)) if e not in paired), None)
    if lost is None:
        return None
    if lost > first:
        return lost, answer.numbers[paired[lost - 1]] + 1
    # What stands before the first matched line may be a preamble, and then as many lines as are missing.
    e, p = min(((e, p) for e, p in paired.items() if e >= first), default=(first, 0))
    return lost, answer.numbers[max(0, p - (e - first))] if answer.numbers else 0


def _walk(
    lines: Sequence[_Line], wanted: Sequence[_Line], matched: Mapping[int, int], begin: tuple[int, int] | None
) -> tuple[Parting | None, list[tuple[int, int, int]]]:
    """Go on line by line until answer and text part: where that is, and what was passed on the way.

    Passed are (line of the text, line of the answer, how many bytes of their contents agree), of lines that are matched
    with no other.
    """
    passed: list[tuple[int, int, int]] = []
    if begin is None:
        return None, passed
    others = set(matched.values())
    e, number = begin
    while e < len(wanted):
        want = wanted[e]
        if number == len(lines):
            place = wanted[e - 1].stop if e else 0
            end = lines[-1].end_at
            return Parting(end, place, place, end, end, place), passed
        got = lines[number]
        count = _agreeing(got.content, want.content)
        if e not in matched and number not in others:
            passed.append((e, number, count))
        if got.content != want.content:
            ended = count == len(got.content) and number == len(lines) - 1
            # The text may still have some of its indentation to come.
            indented = not count and want.lead.startswith(got.lead)
            content = want.start + count
            place = want.at + len(got.lead) if indented else content
            at = lines[-1].end_at if ended else got.start + count
            return Parting(at, place, content, got.at, got.start, want.at), passed
        e, number = e + 1, number + 1
    return None, passed


def _put(places: list[int], got: _Line, want: _Line, count: int) -> None:
    """Note the places of the first `count` bytes of a line's content, and of the white space that agrees around it."""
    whole = count == len(got.content) == len(want.content)
    if not whole and not count and got.lead != want.lead:
        return
    lead = _agreeing(got.lead[::-1], want.lead[::-1])
    tail = len(got.tail + got.end) if whole and (got.tail, got.end) == (want.tail, want.end) else 0
    for step in range(-lead, count + tail):
        places[got.start + step] = want.start + step


def _agreeing(one: bytes, other: bytes) -> int:
    """How many bytes at their beginnings are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _laid_out(lines: Iterable[tuple[str, str]]) -> list[_Line]:
    """The lines, each with its end, one behind the other."""
    laid: list[_Line] = []
    at = 0
    for text, end in lines:
        laid.append(_line(at, text, end.encode()))
        at = laid[-1].end_at
    return laid


def _line(at: int, text: str, end: bytes) -> _Line:
    content = text.strip()
    lead = text[: len(text) - len(text.lstrip())]
    return _Line(at, lead.encode(), content.encode(), text[len(lead) + len(content) :].encode(), end)


def _ending_with(line: _Line, text: str) -> _Line:
    """That part of a line which is scored: all of it, but where thinking ended on it or a mark ends the answer."""
    kept = text.encode()
    if line.whole == kept:
        return line
    skipped = len(line.whole) - len(kept) if line.whole.endswith(kept) else 0
    return _line(line.at + skipped, text, line.end)
