"""What is private in the text of others: all that it shares with a corpus is taken out, however it is written there.

Servers, exceptions and plugins quote what they were given: as JSON or HTML, on one line, line by line behind a mark,
cut off, coloured, as a list of tokens or of their ids, as base64 or a dump of bytes. So only letters, digits and
underscores are held against the corpus, with escapes read as what they stand for.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import sys
from functools import cache, cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: So many characters of words at least are one text and no chance; of a shorter line all of it has to be the same.
LEAST = 16
_LEAST_LINE = 4
#: The corpus is known by pieces of this length, one behind the other: each run of `LEAST` characters has a whole one.
_PIECE = LEAST // 2
#: What stands between two quotations, such as a line number, is as private as they are.
_BETWEEN = 40
#: Of longer texts the beginning and the end are shown: nobody reads an error of so many characters.
_MOST, _END = 300_000, 20_000

#: So many names that only code has, such as `read_item`, are a list of the corpus's, whatever stands between them.
_NAMES = 4

#: As many backslashes as text has that was quoted four times. Colours, and what byte pairs have for white space.
_ESCAPED = (
    r"(?P<colour>(?:\x1b|\u241b|\^\[|\\{1,16}(?:x1[bB]|u001[bB]|033|e)|&#(?:27|x1[bB]);)\[[\d;?]{0,30}[A-Za-z])"
    r"|(?P<high>\\{1,16}u[dD][89abAB][\da-fA-F]{2}\\{1,16}u[dD][c-fC-F][\da-fA-F]{2})"
    r"|\\{1,16}u(?P<unicode>[\da-fA-F]{4})|(?P<bytes>(?:\\{1,16}x[\da-fA-F]{2})+)"
    r"|(?P<point>\\{1,16}u\{[\da-fA-F]{1,6}\}|\\{1,16}U[\da-fA-F]{8}|%u[\da-fA-F]{4}|\bU\+[\da-fA-F]{4,6}|<0x[\da-fA-F]{2}>)"
    r"|(?P<octal>(?:\\{1,16}[0-3][0-7]{2})+)"
    r"|(?P<line>\\{1,16}[nr]|[\n\r\u010a])|(?P<space>\\{1,16}[tabfv]|[\u0109\u0120])"
    r"|&(?:amp;){0,8}(?P<entity>#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z]\w{1,30});|(?P<percent>(?:%[\da-fA-F]{2})+)"
)
_ESCAPES = re.compile(_ESCAPED)
_PARTS = re.compile(rf"{_ESCAPED}|(?P<words>[\w\x80-\u0108\u010b-\u011f\u0121-\U0010ffff]+)|\W")
#: The same for lists of tokens, in which names and numbers stand between them.
_LISTED = re.compile(
    rf"(?P<name>\\{{0,16}}[\"'][\w.-]{{1,40}}\\{{0,16}}[\"']\s?:)|(?P<number>(?<![\w.])-?\d[\d.e+-]*)"
    rf"|{_PARTS.pattern}"
)
#: For quoted-printable.
_PRINTABLE = re.compile(rf"(?P<quoted>(?:=[\dA-F]{{2}})+)|{_PARTS.pattern}")
#: Digits of bytes, apart from each other; those of one character together.
_OCTETS = re.compile(
    r"(?m:^)[ \t]*(?:0x)?[\da-fA-F]{7,16}:?(?=[ \t])"
    r"|(?<![\w.])(?:0x)?(?P<octets>[c-fC-F][\da-fA-F](?:[ ,:=-]{0,2}(?:0x)?[89abAB][\da-fA-F]){1,3}"
    r"|(?:[\da-fA-F]{2}){1,2})(?![\w.])"
)
#: What may be the text where a word stands before each token: what is quoted, an element's, behind a sign.
_PIECES = (
    re.compile(r"(?P<quote>\\{0,16}[\"'`])(?P<piece>(?:[^\\\n]|\\.){0,400}?)(?P=quote)(?!(?P=quote))"),
    re.compile(r"(?:>|&gt;)(?P<piece>(?:(?!&[lg]t;)[^<>]){1,400})(?:<|&lt;)"),
    re.compile(r"(?:->|=>|[:=\])])[ \t]?(?P<piece>[^\s;,&]{1,400})"),
    # beside the digits of a dump
    re.compile(
        r"(?m:^)[ \t]*(?:0x)?[\da-fA-F]{4,16}:?[ \t]+(?:(?:[\da-fA-F]{2}){1,2}[ \t]{1,3}){0,16}(?P<piece>.{1,99})"
    ),
)
#: So many numbers in a row may be tokens: with signs between them, with nothing but space, or each called one.
_NUMBER = r"(?:0x[\da-fA-F]{1,6}|\d+(?:\.0)?)(?![\w.])"
_NUMBERS = re.compile(rf"(?<![\w.])-?{_NUMBER}(?:[^\w.:%/+]{{1,99}}{_NUMBER}){{7,}}")
_MOST_APART = 15
_CALLED = re.compile(
    r"\b(?:tok(?:en)?s?[_ ]?(?:ids?)?|ids?)\b[\"']?\s{0,9}[:=]?\s{0,9}[\"']?(?P<number>-?\d+)\b", re.IGNORECASE
)
_MOST_CALLED = 7
_MAY_BE_TOKENS = "[numbers that may be tokens]"
_HEX = re.compile(r"(?:[\da-fA-F]{2}){16,}")
_BASE64 = re.compile(r"[\w+/-]{24,}={0,2}")
_BASE32 = re.compile(r"[A-Za-z2-7]{26,}={0,6}")
_NO_WORDS = re.compile(r"[\W\u0109\u010a\u0120]+")
_LONG_WORD = re.compile(r"[^\W\d]\w{5,}")
_ONLY_CODE = re.compile(r"(?=\w{8})\w*?(?:[^\W_]_[^\W_]|[a-z][A-Z])")


class _Plain(NamedTuple):
    """The words of a text in one string: of each character where it stood, and where lines begin in it."""

    words: str
    places: list[tuple[int, int]]
    lines: list[int]


class Withheld:
    """The text of one corpus, for taking it out of others. `names` may be shown: those of its functions and files."""

    def __init__(self, text: str, names: Iterable[str] = ()) -> None:
        self._text = text
        self._names = "\n".join(map(_words, names))

    def taken_out(self, foreign: str) -> str:
        """The text of others without what it shares with the corpus: `[26 characters of the corpus]` in its place.

        Long lists of numbers go as well: they may be its tokens.
        """
        more = len(foreign) - _MOST - _END
        text = foreign if more <= 0 else f"{foreign[:_MOST]} ... {more} more characters ... {foreign[-_END:]}"
        shown, at = "", 0
        for start, end in self._shared(text):
            shown += f"{text[at:start]}[{end - start} characters of the corpus]"
            at = end
        return _without_numbers(shown + text[at:])

    def _shared(self, text: str) -> list[tuple[int, int]]:
        """Where the text has something of the corpus, in order."""
        ways = [_plain(text), _plain(text, _LISTED)]
        # What is put together out of parts may be a line by chance.
        apart = [_plain(text, _PRINTABLE), _plain(text, _OCTETS)]
        apart += [_plain(text, spans=[one.span("piece") for one in piece.finditer(text)]) for piece in _PIECES]
        found = [place for way in (*ways, *(one._replace(lines=[]) for one in apart)) for place in self._in_words(way)]
        found += [*self._coded(text), *self._named(text)]
        joined: list[tuple[int, int]] = []
        for start, end in sorted(found):
            if joined and start - joined[-1][1] <= _BETWEEN:
                joined[-1] = joined[-1][0], max(joined[-1][1], end)
            else:
                joined.append((start, end))
        return joined

    def _in_words(self, plain: _Plain) -> Iterator[tuple[int, int]]:
        for first, last in (*self._runs(plain.words), *self._whole_lines(plain)):
            if plain.words[first:last] not in self._names:
                yield plain.places[first][0], plain.places[last - 1][1]

    def _runs(self, words: str) -> Iterator[tuple[int, int]]:
        """Runs of `LEAST` characters and more that the corpus has as well."""
        at = 0
        while at <= len(words) - _PIECE:
            if words[at : at + _PIECE] not in self._pieces:
                at += 1
                continue
            first, last = at, at + _PIECE
            while first and at - first < LEAST and words[first - 1 : last] in self._words:
                first -= 1
            step = _PIECE
            while step:  # ever longer steps, then ever shorter ones
                if last + step <= len(words) and words[max(first, last - LEAST) : last + step] in self._words:
                    last += step
                else:
                    step //= 2
            if last - first >= LEAST:
                yield first, last
            at = last

    def _whole_lines(self, plain: _Plain) -> Iterator[tuple[int, int]]:
        """Lines that are one of the corpus, behind a mark or a number too."""
        for first, last in pairwise((*plain.lines, len(plain.words))):
            behind = next((at for at in range(first + 1, last) if plain.places[at - 1][1] < plain.places[at][0]), last)
            for start in (first, behind):
                if last - start >= _LEAST_LINE and plain.words[start:last] in self._lines:
                    yield start, last

    def _coded(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the text has base64, base32 or hexadecimal digits of something of the corpus."""
        for found in (*_BASE64.finditer(text), *_HEX.finditer(text), *_BASE32.finditer(text)):
            if any(True for decoded in _decodings(found[0]) for _ in self._runs(_words(decoded))):
                yield found.span()

    def _named(self, text: str) -> Iterator[tuple[int, int]]:
        """Words of the corpus, where `_NAMES` of them or more are such as only code has."""
        words = [found for found in _LONG_WORD.finditer(text) if _words(found[0]) in self._vocabulary]
        if len({found[0] for found in words if _ONLY_CODE.match(found[0])}) >= _NAMES:
            yield from (found.span() for found in words)

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        """The longer words of the corpus without those that may be shown."""
        words = frozenset(map(_words, _LONG_WORD.findall(self._text)))
        return words.difference(self._names.split("\n"))

    @cached_property
    def _words(self) -> str:
        return _words(self._text)

    @cached_property
    def _pieces(self) -> frozenset[str]:
        words = self._words
        return frozenset(words[at : at + _PIECE] for at in range(0, len(words), _PIECE))

    @cached_property
    def _lines(self) -> frozenset[str]:
        return frozenset(map(_words, self._text.split("\n")))


def _without_numbers(text: str) -> str:
    """The text without numbers that may be tokens of the corpus."""
    if len({found["number"] for found in _CALLED.finditer(text)}) > _MOST_CALLED:
        text = _CALLED.sub(lambda found: found[0].removesuffix(found["number"]) + "#", text)
    return _NUMBERS.sub(_without_list, text)


def _without_list(found: re.Match[str]) -> str:
    """Columns of figures have only space between them, and are few."""
    numbers = found[0].split()
    return found[0] if all(map(str.isdigit, numbers)) and len(numbers) <= _MOST_APART else _MAY_BE_TOKENS


def _words(text: str) -> str:
    """The words of a text, one behind the other."""
    return _folded(_ESCAPES.sub(_decoded, text))


def _folded(text: str) -> str:
    """The words in small letters, without accents and other ways to draw them."""
    return _NO_WORDS.sub("", text).lower() if text.isascii() else "".join(map(_letter, text))


@cache
def _letter(char: str) -> str:
    return "" if _NO_WORDS.match(char) and char.isalpha() else _NO_WORDS.sub("", normalize("NFKD", char)).casefold()


def _decoded(found: re.Match[str]) -> str:
    """What an escape stands for; white space of all kinds is none of the words."""
    return _DECODED.get(str(found.lastgroup), lambda _escaped: "")(found[0])


def _plain(text: str, parts: re.Pattern[str] = _PARTS, spans: Sequence[tuple[int, int]] | None = None) -> _Plain:
    """The words of a text, or of these `spans` of it."""
    words: list[str] = []
    places: list[tuple[int, int]] = []
    lines = [0]
    for first, end in ((0, len(text)),) if spans is None else spans:
        for found in parts.finditer(text, first, end):
            kind = found.lastgroup
            if kind == "words":
                for at, char in enumerate(found["words"], found.start()):
                    letters = char.lower() if char.isascii() else _letter(char)
                    words.append(letters)
                    places += [(at, at + 1)] * len(letters)
            elif kind == "line":
                lines.append(len(places))
            elif kind in _DECODED:
                word = _folded(_decoded(found))
                words.append(word)
                places += [found.span()] * len(word)
    return _Plain("".join(words), places, lines)


def _from_utf16(escaped: str) -> str:
    units = re.findall(r"u([\da-fA-F]{4})", escaped)
    return b"".join(int(unit, 16).to_bytes(2, "big") for unit in units).decode("utf-16-be", "ignore")


def _from_bytes(escaped: str) -> str:
    return bytes.fromhex(re.sub(r"\\+x|[%=]", "", escaped)).decode("utf-8", "ignore")


def _from_point(escaped: str) -> str:
    point = int(re.findall(r"[\da-fA-F]+", escaped)[-1], 16)
    return chr(point) if point <= sys.maxunicode else ""


def _from_octal(escaped: str) -> str:
    return bytes(int(digits, 8) for digits in re.findall(r"[0-7]{3}", escaped)).decode("utf-8", "ignore")


def _from_octets(escaped: str) -> str:
    return bytes.fromhex(re.sub(r"0x|[^\da-fA-F]", "", escaped)).decode("utf-8", "ignore")


def _from_entity(escaped: str) -> str:
    return html.unescape(re.sub(r"^&(?:amp;)*", "&", escaped))


_DECODED = {
    "high": _from_utf16,
    "unicode": _from_utf16,
    "bytes": _from_bytes,
    "percent": _from_bytes,
    "quoted": _from_bytes,
    "point": _from_point,
    "octal": _from_octal,
    "octets": _from_octets,
    "entity": _from_entity,
}


def _decodings(blob: str) -> Iterator[str]:
    """What a blob may stand for; where it was cut off at its beginning it is read from each place of a group."""
    if _HEX.fullmatch(blob):
        yield bytes.fromhex(blob).decode("utf-8", "ignore")
    letters = blob.rstrip("=").replace("-", "+").replace("_", "/")
    for skipped in range(4):
        rest = letters[skipped:]
        try:
            decoded = base64.b64decode(rest[: len(rest) // 4 * 4])
        except (binascii.Error, ValueError):
            continue
        yield decoded.decode("utf-8", "ignore")
    if _BASE32.fullmatch(blob):
        for skipped in range(8):
            rest = blob.rstrip("=")[skipped:]
            yield base64.b32decode(rest[: len(rest) // 8 * 8], casefold=True).decode("utf-8", "ignore")
