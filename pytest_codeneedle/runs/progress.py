"""How far a run is, in few words: what is left of it in seconds, and lines that fit a terminal."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MINUTE = 60
_MS = 1000
_GAP = "  "
#: Below so many tokens a second a decimal says something.
_SLOW = 10


def duration(seconds: float) -> str:
    """`2:09` minutes and seconds, `1:02:09` from an hour on."""
    minutes, rest = divmod(round(seconds), _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def eta_seconds(
    asked: Sequence[Mapping[str, Any]], elapsed_seconds: float, *, cells_left: int, items_left: int
) -> float | None:
    """Seconds until all is asked; None where nothing was asked yet that could tell.

    `asked` are the rows that were asked for in `elapsed_seconds`, by however many servers at once: rows that an
    earlier session recorded took none of that time, and do not belong here. `cells_left` are cells of which none was
    asked yet, which have to load and to read the file; `items_left` are all items that are not asked yet.

    The time that the servers say they needed for cells (loading, reading) and for items is what tells how much of
    the work is done: at a long context nearly all of a cell's time is gone before its first answer. How long it
    takes on the clock is what it took up to now.
    """
    if not asked or elapsed_seconds <= 0:
        return None
    cells = {_cell(row): _cell_seconds(row) for row in asked if _item_seconds(row) > 0}
    items = [seconds for row in asked if (seconds := _item_seconds(row)) > 0]
    if not items:
        return elapsed_seconds / len(asked) * items_left
    done = math.fsum(cells.values()) + math.fsum(items)
    left = cells_left * statistics.fmean(cells.values()) + items_left * statistics.fmean(items)
    return elapsed_seconds * left / done


def _cell(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(key) for key in ("corpus", "ctk", "ctv", "rotation", "replicate"))


def _cell_seconds(row: Mapping[str, Any]) -> float:
    return float(row.get("load_seconds") or 0) + float(row.get("warm_up_ms") or 0) / _MS


def _item_seconds(row: Mapping[str, Any]) -> float:
    return (float(row.get("prompt_ms") or 0) + float(row.get("predicted_ms") or 0)) / _MS


def speed(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """`612 tok/s`: the tokens of these answers over the time that the server wrote them in; None where it says none."""
    timed = [row for row in rows if row.get("tokens") and row.get("predicted_ms")]
    if not timed:
        return None
    rate = _MS * sum(row["tokens"] for row in timed) / sum(row["predicted_ms"] for row in timed)
    return f"{f'{rate:.1f}' if rate < _SLOW else f'{rate:.0f}':>4} tok/s"


def fitted(parts: Sequence[str | None], columns: int, *, first_to_go: Sequence[int] = ()) -> str:
    """The parts in one line of less than `columns` characters.

    Where they are too many, parts are left out whole, in the order of `first_to_go` (places in `parts`); what is
    left is cut off.
    """
    gone: set[int] = set()
    for place in (-1, *first_to_go):
        gone.add(place)
        line = _GAP.join(part for at, part in enumerate(parts) if part and at not in gone)
        if len(line) < columns:
            break
    return line[: max(0, columns - 1)]
