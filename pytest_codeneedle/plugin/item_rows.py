"""The rows of items, recorded by the items themselves: whatever becomes of a report, what was answered is not lost.

Markers, reruns, timeouts, failing teardowns and hooks of others change, replace or swallow reports. So a row is
settled when the answer is there, and recorded then; from a worker of xdist's it goes with the next report that is sent,
of whichever item, and what is left at the end goes with the worker's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.core.cells import ERROR, FAILED, PASSED, Ask
from pytest_codeneedle.core.text import counted, wrapped
from pytest_codeneedle.plugin import terminal
from pytest_codeneedle.plugin.rows import PACKAGED, ROW, SETTLED, error_facts, params_of
from pytest_codeneedle.runs.ledger import RECORDED, item_of

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from xdist.workermanage import WorkerController

    from pytest_codeneedle.core.cells import Cell
    from pytest_codeneedle.plugin.session import GridSession
    from pytest_codeneedle.runs.ledger import Item

    Place = tuple[Item, str | None]

#: The name under which rows travel in a TestReport, or at a worker's end, to the controller.
ROWS_FIELD = "codeneedle_rows"
#: A row's mark while it travels: the item's own test came to another outcome after the answer.
_CORRECTED = "corrected"
#: Raised by a test that has no opinion on the answer.
_NO_OPINION = (pytest.skip.Exception, pytest.xfail.Exception)


class ItemRows:
    """The first answer to each question of each test is the one that counts; it is asked for once."""

    def __init__(self, session: GridSession) -> None:
        self._session = session
        self._answers: dict[Place, dict[str, Any]] = {}
        self._outbox: list[dict[str, Any]] = []
        self._kept: set[Place] = set()
        self._repeated: set[Place] = set()
        self._complete: list[Cell] = []
        self._order: list[pytest.Item] = []

    def answer(self, item: Item, test: str | None) -> dict[str, Any] | None:
        """What this process was answered before, in this session: an item that runs again is not asked again."""
        return self._answers.get((item, test))

    def settle(self, item: pytest.Item, facts: Mapping[str, Any], *, corrected: bool = False) -> None:
        """Record the item's row with its outcome. `corrected`: in the place of the one that it settled before."""
        begun = item.stash[ROW]
        row = {**begun, **facts}
        item.stash[SETTLED] = row
        if row["outcome"] != ERROR:
            self._answers[item_of(row), row["test"]] = {key: row[key] for key in row if key != RECORDED}
        travelling = {**row, **({_CORRECTED: True} if corrected else {})}
        if self._session.is_worker:
            self._outbox.append(travelling)
        else:
            self.keep(travelling)

    def keep(self, row: dict[str, Any]) -> None:
        """On the controller: record a row, unless its question has an answer of this session already."""
        place = item_of(row), row.get("test")
        if not row.pop(_CORRECTED, False) and place in self._kept:
            self._repeated.add(place)
            return
        if row["outcome"] != ERROR:
            self._kept.add(place)
        cell, complete = self._session.keep(row)
        self._complete += [cell] * complete

    def completed(self) -> list[Cell]:
        """The cells that became complete since this was asked last."""
        cells, self._complete = self._complete, []
        return cells

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Settle what the answer could not: a set-up that brought none, and the outcome of a test of the user's own."""
        row, settled = item.stash.get(ROW, None), item.stash.get(SETTLED, None)
        raised = None if call.excinfo is None else call.excinfo.value
        if row is not None and not isinstance(raised, _NO_OPINION):
            if call.when == "setup" and raised is not None and settled is None:
                said = pytest.TestReport.from_item_and_call(item, call).longreprtext
                self.settle(item, error_facts(said, row.get("response", "")))
            elif call.when == "call" and settled is not None and settled["test"] != PACKAGED:
                outcome = PASSED if raised is None else FAILED
                if settled["outcome"] != outcome:
                    self.settle(item, {"outcome": outcome}, corrected=True)
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """On a worker: send what is settled. On the controller: record it, before anybody looks."""
        if self._session.is_worker:
            if self._outbox:
                setattr(report, ROWS_FIELD, self._outbox)
                self._outbox = []
            return
        for row in getattr(report, ROWS_FIELD, ()):
            self.keep(row)

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_testnodedown(self, node: WorkerController) -> None:
        """Record what no report brought."""
        for row in getattr(node, "workeroutput", {}).get(ROWS_FIELD, ()):
            self.keep(row)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """On a worker: leave what no report took along. On the controller: say whether items ran again."""
        if self._session.is_worker:
            session.config.workeroutput[ROWS_FIELD] = self._outbox  # type: ignore[attr-defined]  # xdist's
            return
        for name in self._session.prepared:
            many = sum(item[0] == name for item, _ in self._repeated)
            if many:
                said = f"run again by another plugin: {counted(many, 'question')}"
                said += "; the first answer to each counts, and none was asked twice"
                self._session.said.setdefault(name, []).extend(wrapped(said))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, None, None]:
        """Know the order before other plugins have theirs."""
        self._order = list(items)
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Ask cell after cell in the plan's order, whatever other plugins made of it; other tests stay where they are.

        Drift is told from a reference at the beginning and at the end, and each cell has one server.
        """
        cells = {cell: place for place, cell in enumerate(self._session.plan.cells)}
        before = {item: place for place, item in enumerate(self._order)}
        own = [item for item in session.items if _cell_of(item) in cells]
        ordered = sorted(own, key=lambda item: (cells[_cell_of(item)], before.get(item, len(before))))
        if ordered == own:
            return
        rest = iter(ordered)
        session.items[:] = [next(rest) if _cell_of(item) in cells else item for item in session.items]
        if not self._session.is_worker and _shuffled(own, cells):
            said = "kv-grid: another plugin's order of the cells is set aside: they are asked in the grid's own"
            terminal.write(session.config, wrapped(said))


def _cell_of(item: pytest.Item) -> Any:  # noqa: ANN401 - a cell, or nothing that is one
    ask = params_of(item).get("kv_function")
    return ask.cell if isinstance(ask, Ask) else params_of(item).get("kv_cell")


def _shuffled(items: Sequence[pytest.Item], cells: Mapping[Any, int]) -> bool:
    """Whether cells are in another order than that of the plan."""
    places = [cells[_cell_of(item)] for item in items]
    return places != sorted(places)
