"""The lines of a text as every extractor counts them."""

from __future__ import annotations

import re

#: What ends a line. `str.splitlines` also splits at form feeds and U+2028, which would shift every line
#: after them against the parser's count and against an editor's.
LINE_END = re.compile(r"\r\n|\r|\n")


def split_lines(text: str) -> list[str]:
    """Split `text` into its lines, without their ends: always one more than there are line ends."""
    return LINE_END.split(text)
