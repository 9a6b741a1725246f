"""A run's rows -> the items of a page: questions with their outcome, an error's text, the diff of a failed one."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ERROR, FAILED, place_of
from pytest_codeneedle.core.kv_types import in_grid_order
from pytest_codeneedle.core.shareable import first_line, shown_text
from pytest_codeneedle.core.text import counted, printable, shown_line
from pytest_codeneedle.recall.answer import runs_on
from pytest_codeneedle.recall.scoring import DiffLine, aligned_diff
from pytest_codeneedle.report.page.model import PageItem, ShownDiff
from pytest_codeneedle.runs.grid import items_of
from pytest_codeneedle.runs.sessions import session_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.core.cells import Place, Rotation
    from pytest_codeneedle.recall.scoring import Tag

_MS = 1000.0
#: Lines of a diff that are shown, unless more were asked for.
MOST_LINES = 200
_ASKED_FOR: tuple[Tag, ...] = ("matched", "missing")


def page_items(
    about: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    rotations: Sequence[Rotation],
    hidden: tuple[Tag, ...] | None,
) -> tuple[PageItem, ...]:
    """The items, cells in the order of the grid and functions by depth: one for each session that asked.

    Of several rows for one the last counts. The order of the rows does not matter: with workers they arrive as they
    come. `about` is run.json, `hidden` as in `sections.section`; where it is None, `redacted_by` of `about` names the
    option that said so (--kv-redact).
    """
    last = {(place_of(row), str(row["function"]), session_of(row)): row for row in items_of(rows)}
    pairs = {pair: at for at, pair in enumerate(in_grid_order(place.pair for place, _, _ in last))}
    sessions = {session: number for number, session in enumerate(sorted({one for _, _, one in last}), 1)}
    turns = {rotation: at for at, rotation in enumerate(rotations)}

    def order(item: tuple[Place, str, str]) -> tuple[Any, ...]:
        (place, function, session), depth = item, last[item].get("depth")
        turn = turns.get(place.rotation, len(turns))
        cell = (turn, place.rotation, pairs[place.pair], place.replicate)
        return *cell, math.inf if depth is None else depth, function, session

    made = _Items(
        functions={str(function["name"]): function for function in about.get("functions") or ()},
        relax_indent=bool(about.get("relax_indent")),
        hidden=hidden,
        redacted_by=str(about.get("redacted_by") or "--kv-redact"),
        sessions=sessions,
        newest={(place, function): session for place, function, session in sorted(last, key=order)},
    )
    return tuple(made.item(last[item]) for item in sorted(last, key=order))


@dataclass(frozen=True)
class _Items:
    """What is known of all items: by name what each function was asked for, and what may be shown."""

    functions: Mapping[str, Mapping[str, Any]]
    relax_indent: bool
    hidden: tuple[Tag, ...] | None
    redacted_by: str
    sessions: Mapping[str, int]
    newest: Mapping[tuple[Place, str], str]
    errors: dict[str, str] = field(default_factory=dict)  # a cell's error is that of all its items: shown once, kept

    def item(self, row: Mapping[str, Any]) -> PageItem:
        scored = row["outcome"] != ERROR
        return PageItem(
            outcome=str(row["outcome"]),
            ctk=str(row["ctk"]),
            ctv=str(row["ctv"]),
            place=self._place(row),
            function=printable(str(row["function"])),
            depth=row.get("depth"),
            matched=row.get("primary_matched") if scored else None,
            hallucinated=row.get("hallucinated") if scored else None,
            run_on=self._run_on(row) if scored else None,
            label=printable(str(row.get("label") or "")),
            seconds=_seconds(row),
            error="" if scored else self._error(str(row.get("error") or "")),
            diff=self._diff(row) if row["outcome"] == FAILED else None,
            turn=self._turn(row),
        )

    def _place(self, row: Mapping[str, Any]) -> str:
        """Its cell; of an answer that a later session asked for again, with its session."""
        place, session = place_of(row), session_of(row)
        is_newest = self.newest[place, str(row["function"])] == session
        return str(place) if is_newest else f"{place} in session {self.sessions[session]}"

    def _turn(self, row: Mapping[str, Any]) -> str:
        """Which asking of its cell and function it is."""
        place = place_of(row)
        rotation = "" if place.rotation == "default" else f"rotation {place.rotation}, "
        session = f", session {self.sessions[session_of(row)]}" if len(self.sessions) > 1 else ""
        return f"{rotation}pass {place.replicate + 1}{session}"

    def _error(self, text: str) -> str:
        """Where lines are hidden its first alone: what follows is a log or a traceback, which may quote code."""
        if text not in self.errors:
            self.errors[text] = shown_text(text if self.hidden == () else first_line(text))
        return self.errors[text]

    def _expected(self, row: Mapping[str, Any]) -> tuple[list[str], list[str], str] | None:
        """The lines asked for, those that follow, and the answer; None where one of them was not kept."""
        function, response = self.functions.get(str(row["function"]), {}), row.get("response")
        if function.get("primary") is None or response is None:
            return None
        return function["primary"], function.get("bonus") or [], str(response)

    def _run_on(self, row: Mapping[str, Any]) -> bool | None:
        """As it was recorded; else, for another program's answer, as it reads."""
        if row.get("run_on") is not None:
            return bool(row["run_on"])
        expected = self._expected(row)
        return None if expected is None else runs_on(expected[0], expected[2])

    def _diff(self, row: Mapping[str, Any]) -> ShownDiff | None:
        if self.hidden is None:
            return ShownDiff((), f"lines are not shown: {self.redacted_by}")
        expected = self._expected(row)
        if expected is None:
            return None
        return shown_diff(*expected, relax_indent=self.relax_indent, hidden=self.hidden)


def _seconds(row: Mapping[str, Any]) -> float | None:
    """How long the answer took, reading the question and writing."""
    if row.get("predicted_ms") is None:
        return None
    return (float(row.get("prompt_ms") or 0.0) + float(row["predicted_ms"])) / _MS


def shown_diff(
    primary: Sequence[str], bonus: Sequence[str], response: str, *, relax_indent: bool, hidden: Sequence[Tag]
) -> ShownDiff:
    """The aligned diff, each line fit to be seen (`shown_line`); of `hidden` kinds it says only how many there are.

    Of more than `MOST_LINES` lines those stay that were asked for, and the first of the others.
    """
    diff = aligned_diff(primary, bonus, response, relax_indent=relax_indent)
    counts = Counter(line.tag for line in diff if line.tag in hidden)
    left_out = [
        f"{counted(counts[tag], f'{tag} line')} not shown: the corpus is private" for tag in hidden if counts[tag]
    ]
    allowed = [line for line in diff if line.tag not in hidden]
    room = max(0, MOST_LINES - sum(line.tag in _ASKED_FOR for line in allowed))
    others = count()
    kept = [line for line in allowed if line.tag in _ASKED_FOR or next(others) < room]
    if len(kept) < len(allowed):
        left_out.append(f"{counted(len(allowed) - len(kept), 'more line')} of the answer not shown")
    return ShownDiff(tuple(DiffLine(line.tag, shown_line(line.text)) for line in kept), "; ".join(left_out))
