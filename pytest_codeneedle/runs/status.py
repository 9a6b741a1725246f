"""How far a stored run is: its cells, what is left of them, and how long that will take."""

from __future__ import annotations

import shlex
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ERROR, Place, parse_place, place_of
from pytest_codeneedle.runs.progress import duration
from pytest_codeneedle.runs.sessions import session_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_MILLISECONDS = 1000.0
_FEW = 6


@dataclass(frozen=True)
class CellStanding:
    """One cell: how many of its `items` are answered, and how many gave an ERROR and will be asked again."""

    place: Place
    items: int
    answered: int
    errors: int

    @property
    def done(self) -> bool:
        """Whether nothing is left to ask."""
        return self.answered == self.items


@dataclass(frozen=True)
class Standing:
    """A run's cells in their order, and the seconds that its servers would still need.

    `again` are the passes over the reference that are answered and will be asked once more: each session asks them that
    asks anything. `seconds_left` is the mean time of a cell's start and of an answer so far, times what is left with
    these, shared by `workers` servers at once; None where nothing was measured yet. `silent` counts the questions that
    the reference answered in one session and not in another: nothing is left to ask of them, and they are errors.
    """

    cells: tuple[CellStanding, ...]
    again: tuple[Place, ...]
    workers: int
    seconds_left: float | None
    silent: int = 0

    @property
    def cells_done(self) -> int:
        """Cells with nothing left to ask."""
        return sum(cell.done for cell in self.cells)

    @property
    def items(self) -> int:
        """Questions in all."""
        return sum(cell.items for cell in self.cells)

    @property
    def answered(self) -> int:
        """Questions that need not be asked again."""
        return sum(cell.answered for cell in self.cells)

    @property
    def errors(self) -> int:
        """Questions that gave no answer to score, and will be asked again."""
        return sum(cell.errors for cell in self.cells)

    def facts(self) -> dict[str, Any]:
        """Plain, for JSON."""
        return {
            "items": self.items,
            "answered": self.answered,
            "errors": self.errors,
            "silent": self.silent,
            "cells": len(self.cells),
            "cells_done": self.cells_done,
            "asked_again": list(map(str, self.again)),
            "cells_left": {str(cell.place): cell.items - cell.answered for cell in self.cells if not cell.done},
            "seconds_left": None if self.seconds_left is None else round(self.seconds_left, 1),
        }


def standing(about: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], *, running: bool = False) -> Standing:
    """The standing of the run that run.json and these rows tell of; of several rows for an item an answer counts.

    The session of one that is `running` has asked the reference already.
    """
    asked = set(about.get("asked") or (function["name"] for function in about["functions"]))
    found: dict[Place, dict[str, bool]] = {parse_place(name): {} for name in about.get("cells") or about["pairs"]}
    for row in rows:
        if row["function"] in asked:
            cell = found.setdefault(place_of(row), {})
            cell[row["function"]] = cell.get(row["function"], False) or row["outcome"] != ERROR
    cells = tuple(
        CellStanding(place, len(asked), sum(items.values()), len(items) - sum(items.values()))
        for place, items in found.items()
    )
    workers, again = int(about.get("workers") or 1), () if running else _asked_again(about, cells)
    left = [cell.items - cell.answered for cell in cells if not cell.done]
    return Standing(
        cells,
        again,
        workers,
        _seconds_left(left + len(again) * [len(asked)], rows, workers),
        _silent(about.get("reference"), [row for row in rows if row["function"] in asked]),
    )


def _silent(reference: object, rows: Sequence[Mapping[str, Any]]) -> int:
    """Questions of sessions in which the reference gave no answer to them, though it did in another session."""
    of_reference = [row for row in rows if str(place_of(row).pair) == reference]
    answered = {(session_of(row), place_of(row), row["function"]) for row in of_reference if row["outcome"] != ERROR}
    elsewhere = {item[1:] for item in answered}
    errors = {(session_of(row), place_of(row), row["function"]) for row in of_reference if row["outcome"] == ERROR}
    return sum(item[1:] in elsewhere for item in errors - answered)


def _asked_again(about: Mapping[str, Any], cells: Sequence[CellStanding]) -> tuple[Place, ...]:
    """The passes over the reference that a session which goes on with the run asks although they are answered."""
    reference, others = about.get("reference"), [str(cell.place.pair) for cell in cells]
    if all(cell.done for cell in cells) or set(others) == {reference}:
        return ()
    passes = {0, max(1, int(about.get("repeat") or 1) - 1)} if about.get("calibrate", True) else {0}
    of_reference = [cell for cell in cells if str(cell.place.pair) == reference and cell.place.replicate in passes]
    return tuple(cell.place for cell in of_reference if cell.done)


def _seconds_left(left: Sequence[int], rows: Sequence[Mapping[str, Any]], workers: int) -> float | None:
    if not left:
        return 0.0
    answers = [row for row in rows if row["outcome"] != ERROR and row.get("predicted_ms") is not None]
    if not answers:
        return None
    per_cell = {
        place_of(row): (row.get("load_seconds") or 0.0) + (row.get("warm_up_ms") or 0.0) / _MILLISECONDS
        for row in answers
    }
    start = statistics.fmean(per_cell.values())
    answer = statistics.fmean((row["prompt_ms"] + row["predicted_ms"]) / _MILLISECONDS for row in answers)
    return (len(left) * start + sum(left) * answer) / max(1, min(workers, len(left)))


def standing_lines(stands: Standing, path: Path, in_use_by: str | None) -> list[str]:
    """What `codeneedle status` prints."""
    left = [cell for cell in stands.cells if not cell.done]
    state = f"running, {in_use_by}" if in_use_by else "stopped" if left else "complete"
    again = f" ({stands.errors} errors will be asked again)" if stands.errors else ""
    again += f" ({stands.silent} of the reference lack one in a later session)" if stands.silent else ""
    lines = [
        f"state    {state}",
        f"answers  {stands.answered}/{stands.items}{again}",
        f"cells    {stands.cells_done}/{len(stands.cells)}",
    ]
    if left:
        named = [f"{cell.place} ({cell.answered}/{cell.items})" if cell.answered else str(cell.place) for cell in left]
        more = f" and {len(named) - _FEW} more" if len(named) > _FEW else ""
        lines.append(f"left     {' '.join(named[:_FEW])}{more}")
        if stands.again:
            lines.append(f"again    {' '.join(map(str, stands.again))}, as in every session")
        time = "not known before the first answer"
        if stands.seconds_left is not None:
            time = f"about {duration(stands.seconds_left)}"
        lines.append(f"time     {time}")
    if left and not in_use_by:
        lines.append(f"go on    the same pytest command, with --kv-out {shlex.quote(str(path))} --kv-resume")
    return lines
