"""Text of others, fit for a terminal: codes stay text."""

from __future__ import annotations

import unicodedata

# Control, formatting (bidirectional overrides), surrogates (not encodable), line and paragraph separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str) -> str:
    r"""The text with control and formatting characters other than tabs escaped, as in `\x1b`."""
    return "".join(
        ascii(char)[1:-1] if char != "\t" and unicodedata.category(char) in _UNSAFE else char for char in text
    )
