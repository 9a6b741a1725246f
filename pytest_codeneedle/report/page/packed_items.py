"""The items of a page as compact JSON: a script draws the few that are looked at.

A column is a list; what repeats is a number that points into a list. The lines that a function was asked for stand
once, so that a diff is mostly small numbers: 20,000 items are about half a megabyte before their diffs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_codeneedle.core.kv_types import BITS
from pytest_codeneedle.core.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_codeneedle.recall.scoring import Tag
    from pytest_codeneedle.report.page.model import PageItem, Section, ShownDiff

#: The diffs of a page, in bytes of its JSON, unless all are asked for.
DIFF_BYTES = 1_000_000
#: How a line of a diff begins; a matched line that is as it was expected is its number alone.
MARKS: tuple[Tag, ...] = ("matched", "missing", "hallucinated", "bonus")
#: Instead of a diff, where the page has no room for it.
NO_ROOM = -1
#: From this share of the room on no more is tried: there may be thousands.
_FULL = 0.99
_EXPECTED: tuple[Tag, ...] = ("matched", "missing")

Line = int | list[Any]
_T = TypeVar("_T")


def key(corpus: str, item: PageItem) -> str:
    """What a script finds an item by: `corpus|place|function`."""
    return "|".join(map(printable, (corpus, item.place, item.function)))


def packed(sections: Sequence[Section], *, budget: int | None = DIFF_BYTES) -> list[dict[str, Any]]:
    """The items of each section, plain, for JSON. The diffs of all of them take `budget` bytes; None has them all.

    Where there is too little room, every cell has its first ones.
    """
    made = []
    for section in sections:
        pack = _Pack(section)
        used = pack.add_diffs(budget)
        budget = None if budget is None else budget - used
        made.append(pack.plain())
    return made


def as_script(value: object) -> str:
    """JSON that may stand within `<script>`: no `<`, `>` or `&`, whatever the texts hold."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


class _Seen(dict[_T, int]):
    """Numbers for values, in the order in which they are seen."""

    def __missing__(self, value: _T) -> int:
        self[value] = len(self)
        return self[value]


class _Pack:
    """The lists that a section's items point into."""

    def __init__(self, section: Section) -> None:
        self._corpus = section.corpus
        self._lines = section.lines
        self._items = section.items
        self._expected = expected_lines(section.items)
        self._diffs: list[tuple[list[Line], str]] = []
        self._diff_of: dict[int, int] = {}

    def add_diffs(self, budget: int | None) -> int:
        """Take in diffs while there is room; how many bytes they take, expected lines and all."""
        failed = [at for at, item in enumerate(self._items) if item.diff is not None]
        used = _bytes(list(self._expected.values())) if failed else 0
        for at in _first_of_each(self._items, failed):
            item = self._items[at]
            if item.diff is None:
                continue
            if budget is not None and used >= _FULL * budget:
                self._diff_of[at] = NO_ROOM
                continue
            lines = packed_diff(item.diff, self._expected[item.function])
            size = _bytes(lines)
            if budget is not None and used + size > budget:
                self._diff_of[at] = NO_ROOM
                continue
            used += size
            self._diff_of[at] = len(self._diffs)
            self._diffs.append((lines, printable(item.diff.left_out)))
        return used

    def plain(self) -> dict[str, Any]:
        """Lists, and for each item one entry in every column; None where an item has none."""
        items, texts = self._items, _Seen[str]()
        cells, functions = _Seen[tuple[str, str, str, str]](), _Seen[tuple[str, float | None]]()
        columns = {
            "outcome": [texts[item.outcome] for item in items],
            "cell": [cells[item.ctk, item.ctv, item.place, item.turn] for item in items],
            "function": [functions[item.function, item.depth] for item in items],
            "matched": [item.matched for item in items],
            "hallucinated": [item.hallucinated for item in items],
            "run_on": [None if item.run_on is None else int(item.run_on) for item in items],
            "label": [texts[item.label] for item in items],
            "seconds": [None if item.seconds is None else round(item.seconds, 2) for item in items],
            "error": [texts[item.error] if item.error else None for item in items],
            "diff": [self._diff_of.get(at) for at in range(len(items))],
        }
        types = sorted(
            {one for item in items for one in (item.ctk, item.ctv)}, key=lambda one: (-BITS.get(one, 0), one)
        )
        shown = self._diffs and self._expected
        return {
            "corpus": printable(self._corpus),
            "lines": self._lines,
            "types": list(map(printable, types)),
            "cells": [list(map(printable, cell)) for cell in cells],
            "functions": [[printable(name), None if depth is None else round(depth, 3)] for name, depth in functions],
            "texts": list(map(printable_lines, texts)),
            "columns": columns,
            "expected": {printable(name): lines for name, lines in self._expected.items()} if shown else {},
            "diffs": self._diffs,
        }


def printable_lines(text: str) -> str:
    """The text fit to be seen, with its line breaks."""
    return "\n".join(map(printable, text.split("\n")))


def expected_lines(items: Iterable[PageItem]) -> dict[str, list[str]]:
    """The lines that each function was asked for, as far as the diffs show them.

    A diff has every one of them once, in their order: as missing, or as matched, where the indentation may differ.
    """
    found: dict[str, list[str]] = {}
    sure: dict[str, list[bool]] = {}
    for item in items:
        if item.diff is None:
            continue
        known, kept = found.setdefault(item.function, []), sure.setdefault(item.function, [])
        for at, line in enumerate(one for one in item.diff.lines if one.tag in _EXPECTED):
            if at == len(known):
                known.append(line.text)
                kept.append(line.tag == "missing")
            elif not kept[at] and line.tag == "missing":
                known[at], kept[at] = line.text, True
    return {name: list(map(printable, lines)) for name, lines in found.items()}


def packed_diff(diff: ShownDiff, expected: Sequence[str]) -> list[Line]:
    """The lines of a diff: a number is an expected line that matched, `[mark, number or text]` is any other."""
    lines: list[Line] = []
    at = 0
    for line in diff.lines:
        mark, text = MARKS.index(line.tag), printable(line.text)
        asked = line.tag in _EXPECTED
        same = asked and at < len(expected) and expected[at] == text
        lines.append(at if same and line.tag == "matched" else [mark, at if same else text])
        at += asked
    return lines


def _first_of_each(items: Sequence[PageItem], chosen: Iterable[int]) -> list[int]:
    """The chosen items, the first of each cell before the second of any."""
    ranks: dict[str, int] = {}
    ranked = []
    for at in chosen:
        place = items[at].place
        ranks[place] = ranks.get(place, 0) + 1
        ranked.append((ranks[place], at))
    return [at for _, at in sorted(ranked)]


def _bytes(value: object) -> int:
    return len(as_script(value).encode("utf-8", "backslashreplace"))
