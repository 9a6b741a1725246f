"""How many items are done and left, cell by cell, and how long the rest is going to take."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.plugin.rows import item_key
from pytest_codeneedle.runs.ledger import RECORDED, item_of
from pytest_codeneedle.runs.progress import eta_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_codeneedle.core.cells import Ask, Cell
    from pytest_codeneedle.runs.ledger import Item, Record


class Tally:
    """Counts from now on: what was spent before (a model may have been fetched) is no part of the time."""

    def __init__(self, asks: Iterable[Ask], record: Record) -> None:
        asks = list(asks)
        self._items = Counter(ask.cell for ask in asks)
        self._left = self._items.copy()
        unknown = (ask.cell for ask in asks if record.answer(item_key(ask.cell, ask.function), None) is None)
        self._to_ask = Counter(unknown)
        self._asked: list[Mapping[str, Any]] = []
        self._begun: set[Cell] = set()
        self._counted: set[tuple[Item, str | None]] = set()
        self._began = self._answered = time.monotonic()
        self._eta_seconds: float | None = None

    def take(self, cell: Cell, row: Mapping[str, Any]) -> bool:
        """Count a row, each item once; whether its cell is complete with it, and was not on record as a whole."""
        place = item_of(row), row.get("test")
        if place in self._counted:  # an ERROR before, or judged otherwise by its own test
            return False
        self._counted.add(place)
        self._left[cell] -= 1
        if not row.get(RECORDED):
            self._asked.append(row)
            self._answered = time.monotonic()
            self._begun.add(cell)
            self._to_ask[cell] -= 1
            self._eta_seconds = self._eta()
        return self._left[cell] == 0 and cell in self._begun

    def drop(self, cells: Iterable[Cell]) -> None:
        """Count these cells no more: they are not asked."""
        for cell in cells:
            for counts in (self._items, self._left, self._to_ask):
                counts.pop(cell, None)

    @property
    def cells(self) -> int:
        """Cells with items to ask."""
        return len(self._left)

    def cells_done(self) -> int:
        """Cells with no item left."""
        return sum(left <= 0 for left in self._left.values())

    def items_of(self, cell: Cell) -> int:
        """Items to ask in that cell, asked or not."""
        return self._items[cell]

    def left_of(self, cell: Cell) -> int:
        """Items that are still to be asked in that cell."""
        return max(0, self._left[cell])

    def items_left(self) -> int:
        """Items that are still to be asked, those on record left out."""
        return sum(max(0, count) for count in self._to_ask.values())

    def seconds_left(self) -> float | None:
        """How long the rest is going to take, as it went up to the last answer; None before the first."""
        left = self._eta_seconds
        return None if left is None else max(0.0, left - (time.monotonic() - self._answered))

    def _eta(self) -> float | None:
        cells_left = sum(count > 0 and cell not in self._begun for cell, count in self._to_ask.items())
        elapsed = self._answered - self._began
        return eta_seconds(self._asked, elapsed, cells_left=cells_left, items_left=self.items_left())
