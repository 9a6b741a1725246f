"""Result rows on their way: begun with an item, settled by its answer, shown with the report that decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.core.cells import ERROR, FAILED, PASSED, Cell, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_codeneedle.core.errors import CellError
    from pytest_codeneedle.runs.ledger import Item
    from pytest_codeneedle.sweep.judge import Recall

#: One item's result row as far as it is known, and what JUnit and HTML reports get of it.
ROW = pytest.StashKey[dict[str, Any]]()
#: The same with its outcome, once that is known.
SETTLED = pytest.StashKey[dict[str, Any]]()
#: The name under which a report that decides an item's outcome has the item's row.
REPORT_FIELD = "codeneedle_row"
#: The packaged test, as rows name it.
PACKAGED = "test_recall"
#: Kept out of `user_properties`: the response belongs into the run folder alone, and margins of each token are many.
_NOT_PROPERTIES = ("response", "after", "margins")
#: The keys that every row has; an ERROR has no score.
_SCORED = ("primary_matched", "lcs_matched", "hallucinated", "bonus_matched")


def cell_of(row: Mapping[str, Any]) -> Cell:
    """The cell that a row belongs to."""
    place = place_of(row)
    return Cell(row["corpus"], place.pair, place.replicate, place.rotation)


def item_key(cell: Cell, function: str) -> Item:
    """How a record knows an item."""
    return cell.corpus, cell.pair.ctk, cell.pair.ctv, cell.rotation, cell.replicate, function


def test_of(nodeid: str) -> str:
    """The test of an id, as rows name it: the packaged one by its name, for it lies elsewhere on each machine.

    Outside of pytest's rootdir an id has no file at all: `::test_recall[...]`.
    """
    test = nodeid.partition("[")[0]
    packaged = test == f"::{PACKAGED}" or test.endswith(f"pytest_codeneedle/suite/test_recall.py::{PACKAGED}")
    return PACKAGED if packaged else test


def params_of(item: pytest.Item) -> Mapping[str, Any]:
    """What an item is parametrized with; nothing for one that is not."""
    return getattr(getattr(item, "callspec", None), "params", {})


def error_facts(told: str, response: str = "") -> dict[str, Any]:
    """What a row says of an item without a score."""
    return {**dict.fromkeys(_SCORED), "response": response, "outcome": ERROR, "error": told}


def answer_facts(result: Recall) -> dict[str, Any]:
    """What a row says of an answer that was scored."""
    return {**result.facts(), "response": result.answer.text, "after": result.answer.after}


def outcome_facts(result: Recall) -> dict[str, Any]:
    """What a row says of an answer's outcome: by its score, whatever the test makes of it."""
    return {"outcome": PASSED if result.passed else FAILED}


def fault_facts(error: CellError) -> dict[str, Any]:
    """What a row says of an answer that could not be: what came all the same, and what kind of no answer it is."""
    return {"response": getattr(error, "response", ""), "label": getattr(error, "label", None)}


def add_to_row(item: pytest.Item, facts: Mapping[str, Any]) -> None:
    """Add to an item's row, and to its `user_properties` (plain values only: they travel and are printed)."""
    item.stash[ROW].update(facts)
    item.user_properties.extend((key, value) for key, value in facts.items() if key not in _NOT_PROPERTIES)


def attach_row(item: pytest.Item, report: pytest.TestReport, told: set[str]) -> None:
    """Give the item's settled row to the report that decides its outcome: a set-up that did not pass, else the call.

    A cell's ERROR is all its items' error: after the first only its first line is shown. `told` holds the ones
    that were shown whole.
    """
    row = item.stash.get(SETTLED, None)
    if row is None or report.when == "teardown" or (report.when == "setup" and report.passed):
        return
    if report.when == "setup" and report.failed:
        text = report.longreprtext
        if text in told:
            report.longrepr = f"{text.splitlines()[0]} (as above)"
        told.add(text)
    setattr(report, REPORT_FIELD, dict(row))
