"""Text of others, fit for a terminal: codes stay text."""

from __future__ import annotations

import unicodedata

# Control, formatting (bidirectional overrides), surrogates (not encodable), line and paragraph separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

#: Characters of a line of somebody else's that are shown.
LONGEST = 400


def printable(text: str) -> str:
    r"""The text with control and formatting characters other than tabs escaped, as in `\x1b`."""
    if text.isprintable():  # nearly all text is, and a page has a million lines
        return text
    return "".join(
        ascii(char)[1:-1] if char != "\t" and unicodedata.category(char) in _UNSAFE else char for char in text
    )


def shown_line(text: str) -> str:
    r"""One line as `printable`; of a longer one than `LONGEST` the beginning, and how many characters more it has."""
    kept, more = cut(text)
    return printable(kept) + more


def cut(text: str) -> tuple[str, str]:
    """The first `LONGEST` characters of a line, and what is said of the others."""
    more = len(text) - LONGEST
    return (text, "") if more <= 0 else (text[:LONGEST], f" ... {more} more characters")
