"""The figures of a run as statistics take them: lines by function, for each cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.cells import place_of
from pytest_codeneedle.grid import View, by_function, mean_lines, rows_by_pair

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_codeneedle.cells import Rotation
    from pytest_codeneedle.kvtypes import KVPair


def values(
    rows: Iterable[Mapping[str, Any]], pairs: Iterable[KVPair], *, repeat: int = 1, rotation: Rotation = "default"
) -> dict[KVPair, dict[str, float]]:
    """Function -> lines of each cell: the mean of primary_matched over those of its passes that gave a score.

    A function without a score is left out; a pair without any has no functions. As `rows_by_pair`, pairs that were
    not planned and have rows are among them.
    """
    found = rows_by_pair(rows, pairs, View(repeat, rotation))
    return {pair: _lines(items) for pair, items in found.items()}


def again(
    rows: Iterable[Mapping[str, Any]], reference: KVPair, *, repeat: int = 1, rotation: Rotation = "default"
) -> dict[str, float] | None:
    """Function -> lines of the last pass over the reference, which is the last cell of its corpus.

    With one pass it is a further one, which is in no grid (`cells.calibrated`). None where it has no score.
    """
    last = max(1, repeat - 1)
    of_last = [row for row in rows if place_of(row) == (reference, rotation, last)]
    found = _lines(rows_by_pair(of_last, (), View(last + 1, rotation)).get(reference, ()))
    return found or None


def _lines(items: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    return {name: mean_lines(scored) for name, scored in by_function(items).items()}
