"""The task: corpus text first, so that a cell ingests it once; the question last and short.

The wording `quoted` ends with the function's signature line as it stands in the file. Quoting the real line, and
not `function NAME(`, raised recall on jQuery from 59 % to 79 % of the lines in the study this is built on.

The wording `codeneedle` asks what the public codeneedle harness asks (alexziskind1/codeneedle, `bench/runner.py`):
the body of the function by its name, an anchor in the language's terms, the same rules for the output. Published
figures are compared with it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_codeneedle.corpus.functions.function import Function

_Sent = TypeVar("_Sent", str, tuple[int, ...])
Wording = Literal["quoted", "codeneedle"]
WORDINGS: tuple[Wording, ...] = ("quoted", "codeneedle")

#: So many lines above the signature may be quoted too, to tell two functions with one signature apart.
MAX_LINES_ABOVE = 5

_QUOTED = """
---

Task: repeat {lines} lines of the source code above, word for word: those that directly follow the quotation below,
which is the beginning of one function. Write these {lines} lines and nothing else, then stop. Keep the order, the
indentation and every character, blank lines and comments too. Do not repeat the quotation. No explanation, no line
numbers, no code fence.
{suffix}
The quotation:
{quote}"""

_CODENEEDLE = """
---

Task: write down, word for word, the first {lines} lines of the body of the function named `{name}`{place} in the
source code above, that is: the {lines} lines {anchor}.

Rules:
- Write only these lines, each on a line of its own, in their order.
- Keep the indentation and every character as they are.
- Leave out the signature, and the line with `{signature}`.
- No remarks, no line numbers, no code fences.
- Blank lines of the body are part of it: write them as blank lines.
{suffix}"""

#: Where the body begins, in the terms of the language: Python has no brace that could be spoken of.
_ANCHORS = {
    "javascript": "from the one right after the line with `function {name}(`, or with the assignment that gives the "
    "function its name (the line with the opening brace `{{`)",
    "php": "from the one right after the line with the opening brace `{{` of `function {name}(`",
    "python": "from the first one after the signature `def {name}(...):`, its docstring included if it has one",
}
_SIGNATURES = {"javascript": "function {name}(", "php": "function {name}(", "python": "def {name}("}


@dataclass(frozen=True)
class Question:
    """One function to ask for, and the message that asks for it."""

    function: Function
    message: str = field(repr=False)  # holds the whole corpus


@dataclass(frozen=True)
class Questions:
    """The questions of a run, and the names of sampled functions that cannot be asked for.

    No quotation tells these apart from others, or all their lines are blank: the right answer would be none.
    """

    asked: tuple[Question, ...]
    ambiguous: tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """How functions are asked for: `lines` of each, in a wording; `suffix` is a line of its own, such as `/no_think`.

    `several_files` has the wording `codeneedle` say in which file the function stands.
    """

    lines: int
    wording: Wording = "quoted"
    suffix: str = ""
    several_files: bool = False


def task_sha256(task: Task) -> str:
    """SHA-256 of the words of a task without its corpus and function: another wording is another question."""
    words = _QUOTED if task.wording == "quoted" else f"{_CODENEEDLE}{_ANCHORS}{_SIGNATURES}"
    return hashlib.sha256(f"{MAX_LINES_ABOVE}{words}{task.suffix}".encode()).hexdigest()


def questions(text: str, functions: Sequence[Function], task: Task) -> Questions:
    """A question for each function of the sample.

    Functions whose lines are all blank are left out and named; with the wording `quoted`, ambiguous ones too.
    """
    rows = Rows(text.split("\n"))
    told = [(function, _told(rows, function, task)) for function in functions]
    return Questions(
        tuple(Question(function, text + words) for function, words in told if words is not None),
        tuple(function.name for function, words in told if words is None),
    )


def around(rendered: str, message: str) -> tuple[str, str, str] | None:
    """A rendered prompt as what stands before the message, the message, and what stands behind it.

    None where the message does not stand in it whole and unchanged; white space around it may be gone.
    """
    for whole in (message, message.strip()):
        before, found, behind = rendered.partition(whole)
        if found:
            return before, found, behind
    return None


def shared_prefix(prompts: Iterable[_Sent]) -> _Sent:
    """What all prompts, texts or tokens, begin with: the part that a cell reads once."""
    every = tuple(prompts)
    first, last = min(every), max(every)
    return first[: next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]


def askable(text: str, task: Task) -> Callable[[Function], bool]:
    """Whether `questions` would ask for a function of this text, without a copy of the text for each."""
    rows = Rows(text.split("\n"))
    return lambda function: _told(rows, function, task) is not None


def _told(rows: Rows, function: Function, task: Task) -> str | None:
    """The task as it stands below the text; None for a function that cannot be asked for."""
    if not any(line.strip() for line in function.primary(task.lines)):
        return None
    return _by_name(function, task) if task.wording == "codeneedle" else _quoted(rows, function, task)


def _quoted(rows: Rows, function: Function, task: Task) -> str | None:
    quote = quotation(rows, function)
    suffix = f"{task.suffix.strip()}\n" if task.suffix else ""
    return None if quote is None else _QUOTED.format(lines=task.lines, quote=quote, suffix=suffix)


def _by_name(function: Function, task: Task) -> str:
    name = function.name
    return _CODENEEDLE.format(
        lines=task.lines,
        name=name,
        place=f" in the file `{function.source}`" if task.several_files else "",
        anchor=_ANCHORS[function.language].format(name=name),
        signature=_SIGNATURES[function.language].format(name=name),
        suffix=f"{task.suffix}\n" if task.suffix else "",
    )


class Rows:
    """The lines of a text (a list), and where each of them stands: long texts are searched many times."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        places: defaultdict[str, list[int]] = defaultdict(list)
        for at, line in enumerate(self.lines):
            places[line].append(at)
        self._places: Mapping[str, list[int]] = places

    def count(self, first: int, end: int) -> int:
        """How often the lines from index `first` to before `end` stand in the text, themselves included."""
        wanted = self.lines[first:end]
        # The rarest line decides how many places must be looked at: a blank one can stand in thousands.
        rarest = min(range(len(wanted)), key=lambda at: len(self._places[wanted[at]]))
        starts = (place - rarest for place in self._places[wanted[rarest]])
        return sum(start >= 0 and self.lines[start : start + len(wanted)] == wanted for start in starts)


def quotation(rows: Rows, function: Function) -> str | None:
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
        if rows.count(start, end) == 1:
            return "\n".join(rows.lines[start:end])
    return None
