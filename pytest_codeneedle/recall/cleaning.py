"""From a model's answer to the lines that are scored: thinking, code fences and outer blank lines go.

The rule for fences and blank lines is that of the public codeneedle harness (alexziskind1/codeneedle,
`bench/scorer.py`). Removing thinking is this package's own: the harness counts such lines as hallucinated.

Marks of thinking (`families` has them) are read with care, because a corpus may hold `"</think>"` as a string: an
opening one counts only where it begins a line, and a closing one that nothing opened only where it begins or ends one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_codeneedle.recall.families import FAMILIES, LEAVES, MARK, opened_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_codeneedle.recall.families import Family

_FENCE = "```"
_PAIR = 2  # fence lines from which on the answer is what lies between the outer ones

#: A line and its number in the answer.
_Line = tuple[int, str]

#: Not str.splitlines: it also splits at form feeds and U+2028, which are part of a line in the corpus.
LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Cleaned:
    """An answer, ready to be scored.

    `lines` is what is scored, without line ends, indentation kept. `think_lines` is the number of lines that
    a removed thought covered, those of its marks included; `thought` says that it held text. `empty` says
    that the answer held nothing but white space, thinking and fence lines. Without that `lines` can still be
    without any, when all text stood outside the fences: such an answer is wrong, not missing. `numbers` says which line
    of the answer each of `lines` is, counted from 0: all of it, or its end where thinking ended on it, or its beginning
    where the mark of the answer's end stands on it.
    """

    lines: tuple[str, ...]
    think_lines: int
    empty: bool
    thought: bool = False
    numbers: tuple[int, ...] = field(default=(), compare=False)


def clean(response: str) -> list[str]:
    """List the lines of `response` that are scored: `read_answer(response).lines`."""
    return list(read_answer(response).lines)


def read_answer(response: str) -> Cleaned:
    r"""Take thinking, code fences and outer blank lines off `response`.

    Lines end at \n, \r\n or \r and nowhere else. With two or more fence lines (three backticks after any
    white space) the text between the first and the last is kept, with one only that line is dropped. Fence
    lines within the outer two stay, so cleaning twice is not always the same as cleaning once.
    """
    every = LINE_END.split(response)
    lines, removed = _without_thinking(list(enumerate(every)))
    thought = any(MARK.sub("", line).strip() for line in removed)
    lines = _without_leaves(lines)
    empty = all(_is_blank(line) or _is_fence(line) for _, line in lines)
    kept = _trimmed(_without_fences(lines))
    return Cleaned(tuple(line for _, line in kept), len(removed), empty, thought, tuple(number for number, _ in kept))


def _without_thinking(lines: list[_Line]) -> tuple[list[_Line], list[str]]:
    """`lines` without any thought, and the lines that these covered."""
    removed: list[str] = []
    while (thought := _find_thinking([line for _, line in lines])) is not None:
        first, last, rest = thought
        removed += [*(line for _, line in lines[first:last]), lines[last][1].removesuffix(rest)]
        # What follows the closing mark on its line is answer, and may open the next thought.
        kept = [] if _is_blank(rest) else [(lines[last][0], rest)]
        lines = [*lines[:first], *kept, *lines[last + 1 :]]
    return lines, removed


def _find_thinking(lines: Sequence[str]) -> tuple[int, int, str] | None:
    """First and last line index of the first thought, and the text after its end; None without one."""
    begun = False
    for index, line in enumerate(lines):
        if (family := opened_by(line, first=not begun)) is not None:
            return _opened_thinking(lines, index, family, first=not begun)
        # Closed and never opened: the chat template had opened it in the prompt.
        for family in _LONE:
            if line.lstrip().startswith(family.closes):
                return 0, index, _after(line.lstrip().removeprefix(family.closes), family)
            if line.rstrip().endswith(family.closes):
                return 0, index, ""
        begun = begun or not (_is_blank(line) or _is_fence(line))
    return None


def _opened_thinking(lines: Sequence[str], at: int, family: Family, *, first: bool) -> tuple[int, int, str] | None:
    """Like `_find_thinking`, for a thought that line `at` opens; `first` says that no other text is before it."""
    opened = lines[at].lstrip().removeprefix(family.opens)
    for last in range(at, len(lines)):
        _, mark, rest = (opened if last == at else lines[last]).partition(family.closes)
        if mark:
            return at, last, _after(rest, family)
    # Never closed: at the start, all of it is thinking; further down it is a line like any other.
    return (at, len(lines) - 1, "") if first else None


def _after(rest: str, family: Family) -> str:
    """What follows a closing mark, without the mark that then begins the answer."""
    begins = family.answers.strip()
    return rest.lstrip().removeprefix(begins) if begins and rest.lstrip().startswith(begins) else rest


_LONE = tuple(family for family in FAMILIES if family.lone)


def _without_leaves(lines: list[_Line]) -> list[_Line]:
    """`lines` without the mark that ends the answer of some families."""
    text = [index for index, (_, line) in enumerate(lines) if not _is_blank(line)]
    if not text or not (line := lines[text[-1]][1].rstrip()).endswith(LEAVES):
        return lines
    leaving = next(mark for mark in LEAVES if line.endswith(mark))
    return [*lines[: text[-1]], (lines[text[-1]][0], line.removesuffix(leaving)), *lines[text[-1] + 1 :]]


def _without_fences(lines: Sequence[_Line]) -> Sequence[_Line]:
    fences = [index for index, (_, line) in enumerate(lines) if _is_fence(line)]
    if len(fences) >= _PAIR:
        return lines[fences[0] + 1 : fences[-1]]
    return [(number, line) for number, line in lines if not _is_fence(line)]


def _trimmed(lines: Sequence[_Line]) -> Sequence[_Line]:
    text = [index for index, (_, line) in enumerate(lines) if not _is_blank(line)]
    return lines[text[0] : text[-1] + 1] if text else ()


def _is_fence(line: str) -> bool:
    return line.lstrip().startswith(_FENCE)


def _is_blank(line: str) -> bool:
    return not line.strip()
