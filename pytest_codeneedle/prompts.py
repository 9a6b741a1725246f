"""The task: corpus text first, so that a cell ingests it once; the question last and short.

The wording `quoted` ends with the function's signature line as it stands in the file. Quoting the real line, and
not `function NAME(`, raised recall on jQuery from 59 % to 79 % of the lines in the study this is built on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_codeneedle.functions import Function

#: So many lines above the signature may be quoted too, to tell two functions with one signature apart.
MAX_LINES_ABOVE = 5

_TASK = """{text}
---

Task: repeat {lines} lines of the source code above, word for word: those that directly follow the quotation below,
which is the beginning of one function. Write these {lines} lines and nothing else, then stop. Keep the order, the
indentation and every character, blank lines and comments too. Do not repeat the quotation. No explanation, no line
numbers, no code fence.

The quotation:
{quote}"""


@dataclass(frozen=True)
class Question:
    """One function to ask for, and the message that asks for it."""

    function: Function
    message: str


@dataclass(frozen=True)
class Questions:
    """The questions of a run, and the names of sampled functions that no quotation can tell apart."""

    asked: tuple[Question, ...]
    ambiguous: tuple[str, ...]


def questions(text: str, functions: Sequence[Function], lines: int) -> Questions:
    """A question for each function of the sample; those that stay ambiguous are left out and named."""
    rows = text.split("\n")
    asked, ambiguous = [], []
    for function in functions:
        quote = quotation(rows, function)
        if quote is None:
            ambiguous.append(function.name)
        else:
            message = _TASK.format(text=text, lines=lines, quote=quote)
            asked.append(Question(function, message))
    return Questions(tuple(asked), tuple(ambiguous))


def quotation(rows: Sequence[str], function: Function) -> str | None:
    """The lines from the signature to the line above the body, with up to five more above until they are unique.

    None where even these stand in the text more than once, and where the body begins on the signature's own line:
    quoting that would give the first answer away.
    """
    end = function.start_line - 1
    if function.signature_line > end:
        return None
    for above in range(MAX_LINES_ABOVE + 1):
        start = function.signature_line - 1 - above
        if start < 0:
            return None
        quote = tuple(rows[start:end])
        if _count(rows, quote) == 1:
            return "\n".join(quote)
    return None


def _count(rows: Sequence[str], quote: tuple[str, ...]) -> int:
    size = len(quote)
    return sum(rows[at] == quote[0] and tuple(rows[at : at + size]) == quote for at in range(len(rows) - size + 1))
