"""Text of others, fit for a terminal: codes stay text, and what cannot be seen is shown as its escape."""

from __future__ import annotations

import re

#: Control, formatting (bidirectional overrides, zero width), surrogates (not encodable), line and paragraph separators,
#: fillers and selectors that take no room; all but the tab.
_UNSAFE = re.compile(
    "[\0-\x08\n-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

#: Characters of a line of somebody else's that are shown.
LONGEST = 400


def printable(text: str) -> str:
    r"""The text with what is unsafe or cannot be seen escaped, as in `\x1b`; tabs stay."""
    return _UNSAFE.sub(lambda found: ascii(found[0])[1:-1], text)


def printable_json(text: str) -> str:
    """JSON with the same escaped as JSON has it: what is read from it is the same. Its line ends stay."""
    return _UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else _in_json(found[0]), text)


def shown_line(text: str) -> str:
    r"""One line as `printable`; of a longer one than `LONGEST` the beginning, and how many characters more it has."""
    kept, more = cut(text)
    return printable(kept) + more


def cut(text: str) -> tuple[str, str]:
    """The first `LONGEST` characters of a line, and what is said of the others."""
    more = len(text) - LONGEST
    return (text, "") if more <= 0 else (text[:LONGEST], f" ... {more} more characters")


def _in_json(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
