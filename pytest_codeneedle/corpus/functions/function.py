"""A function of the corpus, and what is asked of it: primary lines and bonus lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

#: Lines past the primary ones that still count as right (`bonus_matched`), as in the public harness.
BONUS_LINES = 40


@dataclass(frozen=True)
class Function:
    """One named function, located in the corpus text.

    `start_line` is the 1-based line of the first body line, `signature_line` that of the line with the
    function's header; both count lines of the whole corpus text. `body` holds the body's lines without
    their line ends.
    """

    name: str
    start_line: int
    body: tuple[str, ...] = field(repr=False)  # a failing test prints values, and code may be private
    language: str
    source: str
    signature_line: int

    def primary(self, lines: int) -> tuple[str, ...]:
        """The first `lines` lines of the body: what the model is asked for."""
        return self.body[:lines]

    def bonus(self, lines: int) -> tuple[str, ...]:
        """Up to `BONUS_LINES` lines after the primary ones."""
        return self.body[lines : lines + BONUS_LINES]

    def record(self, lines: int) -> dict[str, str | int | list[str]]:
        """Its entry in run.json: where it stands, and the lines that answers are scored against."""
        return {
            "name": self.name,
            "start_line": self.start_line,
            "language": self.language,
            "source": self.source,
            "primary": list(self.primary(lines)),
            "bonus": list(self.bonus(lines)),
        }


class NamedBlock(NamedTuple):
    """A named function as a parser finds it: places are character offsets into the text.

    `named_at` is where its name is given, `opening` that of its ``{`` and `closing` that of its ``}``.
    """

    name: str
    named_at: int
    opening: int
    closing: int
