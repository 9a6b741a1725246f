"""Text of others, fit for a terminal: codes stay text."""

from __future__ import annotations

import unicodedata

# Control, formatting (bidirectional overrides), surrogates (not encodable), line and paragraph separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

#: Characters of a line of somebody else's that are shown.
LONGEST = 400


def printable(text: str) -> str:
    r"""The text with control and formatting characters other than tabs escaped, as in `\x1b`."""
    return "".join(
        ascii(char)[1:-1] if char != "\t" and unicodedata.category(char) in _UNSAFE else char for char in text
    )


def shown_line(text: str) -> str:
    r"""One line as `printable`; of a longer one than `LONGEST` the beginning, and how many characters more it has."""
    more = len(text) - LONGEST
    return printable(text) if more <= 0 else f"{printable(text[:LONGEST])} ... {more} more characters"
