"""The session in pytest-html's page: what was found at the top, columns of the grid, a diff below each failure.

Registered where `--html` is given. Rows of more than MOST_ROWS questions are none of pytest-html's table, which draws
all of them at every click: they are in one of our own.
"""

from __future__ import annotations

import os
import stat
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_codeneedle.core.cells import ERROR, PASSED, Ask, place_of
from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.core.private_files import for_the_user_alone
from pytest_codeneedle.core.text import printable
from pytest_codeneedle.plugin.html_columns import header_cells, one_cell, plain_cell, row_cells
from pytest_codeneedle.plugin.quick_stop import is_spared
from pytest_codeneedle.plugin.rows import PACKAGED, REPORT_FIELD, cell_of, test_of
from pytest_codeneedle.report.page.packed_items import printable_lines
from pytest_codeneedle.report.page.render import asset, run_fragment
from pytest_codeneedle.report.page.sections import hidden_of, page_title, section
from pytest_codeneedle.runs.ledger import item_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.plugin.gate import Gate
    from pytest_codeneedle.plugin.session import GridSession
    from pytest_codeneedle.report.page.model import Section
    from pytest_codeneedle.runs.ledger import Item

#: So many questions at most are rows of pytest-html's table: at every click it takes a millisecond or two for each.
MOST_ROWS = 1000
#: With more rows that have anything to show none is open at first.
_MOST_OPEN = 10
_RESULT, _TEST = 0, 1
_NO_LINKS = '<td class="col-links"></td>'
_NO_LOG = "No log output captured."


class _Page(Protocol):
    """pytest-html's `ReportData`, as far as it is used. `data["tests"]` are lists of rows by node id."""

    title: str
    table_header: list[str]
    outcomes: Any

    @property
    def data(self) -> dict[str, Any]: ...


class HtmlReport:
    """pytest-html's hooks, on the controller."""

    def __init__(self, grid: GridSession, gate: Gate | None) -> None:
        self._grid = grid
        self._gate = gate
        self._page: _Page | None = None
        self._paged = False
        self._places: dict[str, int] = {}
        self._asks: dict[str, Ask] = {}
        self._told: set[Item] = set()
        # As pytest-html has it.
        self._path = Path.cwd() / Path(os.path.expandvars(grid.config.getoption("htmlpath"))).expanduser()

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: _Page) -> None:
        """What was measured; a conftest of the user's may say it otherwise."""
        plan = self._grid.plan
        self._page, self._paged = report, len(plan.items) > MOST_ROWS
        report.title = page_title(plan.corpora, [plan.model.name])
        if self._private:  # before pytest-html writes it, which keeps the mode
            _keep_from_others(self._path)

    @property
    def _private(self) -> bool:
        """Whether code of any corpus is, which the page shows lines of."""
        return any(one.corpus.private for one in self._grid.plan.corpora.values())

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Know the order of the items."""
        self._collected([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """The same where xdist's workers collect, each of them all."""
        self._collected(ids)

    def _collected(self, ids: Sequence[str]) -> None:
        self._places = self._places or {name: place for place, name in enumerate(ids)}

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """The columns of the grid stand behind the test's name."""
        if not self._paged:
            cells[_TEST + 1 : _TEST + 1] = header_cells()

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        """One row. Questions that --kv-quick spares have none, as under xdist, which is not sent them."""
        packaged = test_of(report.nodeid) == PACKAGED
        if packaged and hasattr(report, REPORT_FIELD):
            self._told.add(item_of(getattr(report, REPORT_FIELD)))
        broken = report.when == "teardown" and report.failed  # which is no question's outcome
        if packaged and ((self._paged and not broken) or is_spared(report)):
            self._count(report)
            cells.clear()
            return
        if len(cells) > _TEST and "col-testId" in cells[_TEST]:
            cells[_TEST] = plain_cell("testId", _name(report))
        if packaged:
            cells[_RESULT] = cells[_RESULT].replace('"', "")
        if not self._paged:
            cells[_TEST + 1 : _TEST + 1] = row_cells(self._facts(report))

    def _count(self, report: pytest.TestReport) -> None:
        """Of a report that pytest-html would have a row of."""
        if self._page is None or is_spared(report) or (report.passed and report.when != "call"):
            return
        expected = "xfailed" if report.skipped and hasattr(report, "wasxfail") else report.outcome
        self._page.outcomes = expected if report.when == "call" or report.skipped else ERROR

    def _facts(self, report: pytest.TestReport) -> Mapping[str, Any] | None:
        """The row of a question; without an answer what is known of it all the same; None of any other test."""
        row: dict[str, Any] | None = getattr(report, REPORT_FIELD, None)
        if row is not None or (report.passed and report.when != "call"):
            return row
        if not self._asks:
            self._asks = {self._grid.plan.item_label(ask): ask for ask in self._grid.plan.items}
        ask = self._asks.get(report.nodeid.removesuffix("]").partition("[")[2])
        return None if ask is None else self._grid.facts_before(ask)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_html(self, report: pytest.TestReport, data: list[str]) -> None:
        """Below a row: nothing of an answer that passed, else the place where a script draws the diff or the error."""
        if hasattr(report, "node") and data:
            data[:1] = [text for text in (_without_worker(data[0]),) if text.strip()]
            data[:] = data or [_NO_LOG]  # as without workers
        packaged = test_of(report.nodeid) == PACKAGED
        row: dict[str, Any] | None = getattr(report, REPORT_FIELD, None)
        if packaged or row is not None:
            data[:] = [printable_lines(text) for text in data if text != _NO_LOG]
        if row is None or row["outcome"] == PASSED:
            return
        drawn = f'<div class=cn-diff data-item="{escape(item_key(row))}"></div>'
        if packaged:
            data[:1] = [drawn]  # instead of what the terminal shows
        else:
            data.append(drawn)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        """All that was found, at the top; and the table, now that all rows are there."""
        if self._page is not None:
            self._add_untold()
            self._sort(self._page)
            if self._private:
                self._keep_assets()
            self._shorten(self._page)
        found = self._sections()
        if found:  # not where items are only listed
            prefix.append(run_fragment(found, with_items=self._paged))
            prefix.append(f"<style>{asset('pytest_html.css')}</style><script>{asset('pytest_html.js')}</script>")

    def _add_untold(self) -> None:
        """Rows of questions that pytest-html was not told of: a killed worker's, and those asked before any starts.

        It is told now, as of any other, and no other plugin is.
        """
        every = self._grid.config.pluginmanager.get_plugins()
        others = [plugin for plugin in every if not type(plugin).__module__.startswith("pytest_html.")]
        tell = self._grid.config.pluginmanager.subset_hook_caller("pytest_runtest_logreport", others)
        ids = {name.partition("[")[2]: name for name in self._places if test_of(name) == PACKAGED}
        for row in (row for name in self._grid.prepared for row in self._grid.rows(name)):
            if row.get("test") != PACKAGED or item_of(row) in self._told:
                continue
            label = f"{self._grid.plan.item_label(Ask(cell_of(row), row['function']))}]"
            for report in _reports(ids.get(label, f"::{PACKAGED}[{label}"), row):
                tell(report=report)

    def _sections(self) -> list[Section]:
        gates = {} if self._gate is None else self._gate.told
        made = []
        for name, one in self._grid.prepared.items():
            try:
                about = one.run.about()
            except (OSError, RunFolderError):  # somebody took the folder away
                continue
            made.append(
                section(
                    about,
                    self._grid.rows(name),
                    self._grid.frame(name),
                    self._grid.judged(name),
                    hidden=hidden_of(about),
                    gate=gates.get(name, ("", {}))[0],
                )
            )
        return made

    def _sort(self, page: _Page) -> None:
        """Rows as they were collected, not as xdist's workers finished them."""
        tests = page.data["tests"]
        rows = sorted(tests.items(), key=lambda one: self._places.get(one[0], -1))
        tests.clear()
        tests.update(rows)

    def _keep_assets(self) -> None:
        """What tests attached to their rows, where pytest-html wrote it into files; its style is no secret."""
        tests: dict[str, list[dict[str, Any]]] = {} if self._page is None else self._page.data["tests"]
        attached = (extra["content"] for rows in tests.values() for row in rows for extra in row["extras"])
        for path in (self._path.parent / str(content) for content in attached if str(content).startswith("assets/")):
            if path.is_file():
                _keep_from_others(path)

    def _shorten(self, page: _Page) -> None:
        """No column for links where there are none, no byte for nothing, no open rows that would bury the others."""
        tests: dict[str, list[dict[str, Any]]] = page.data["tests"]
        rows = [row for one in tests.values() for row in one]
        if page.table_header and all(_NO_LINKS in row["resultsTableRow"][-1:] for row in rows):
            for cells in (page.table_header, *(row["resultsTableRow"] for row in rows)):
                cells.pop()
        for row in rows:
            row["resultsTableRow"] = [one_cell(row["resultsTableRow"])]
            for name in ("extras", "log"):
                if not row[name]:
                    del row[name]
        to_open = sum(row["result"] != "Passed" for row in rows)
        if to_open > _MOST_OPEN and self._grid.config.getini("render_collapsed") == "passed":
            page.data["renderCollapsed"] = ["all"]


def _keep_from_others(path: Path) -> None:
    """Let only this user read a file, which is made where it is not there. A device stays as it is."""
    if path.exists() and not path.is_file():
        return
    with open(path, "ab", opener=for_the_user_alone) as opened:
        os.fchmod(opened.fileno(), stat.S_IRUSR | stat.S_IWUSR)


def _reports(nodeid: str, row: Mapping[str, Any]) -> list[pytest.TestReport]:
    """What pytest would have reported of this row."""
    location = ("", None, nodeid)
    decided = pytest.TestReport(
        nodeid,
        location,
        {},
        outcome="passed" if row["outcome"] == PASSED else "failed",
        longrepr=None,
        when="setup" if row["outcome"] == ERROR else "call",
    )
    setattr(decided, REPORT_FIELD, row)
    return [decided, pytest.TestReport(nodeid, location, {}, "passed", None, "teardown")]


def item_key(row: Mapping[str, Any]) -> str:
    """What the page's script finds an item by, as `packed_items.key`."""
    return "|".join(map(printable, (row["corpus"], str(place_of(row)), row["function"])))


def _name(report: pytest.TestReport) -> str:
    """As pytest-html has it, but the packaged test without its folder, and an answer's error under its own name."""
    _, bracket, label = report.nodeid.partition("[")
    name = f"{PACKAGED}{bracket}{label}" if test_of(report.nodeid) == PACKAGED else report.nodeid
    return name if report.when == "call" or hasattr(report, REPORT_FIELD) else f"{name}::{report.when}"


def _without_worker(text: str) -> str:
    """Without the line that says which of xdist's workers it was, and where its Python is."""
    first, _, rest = text.partition("\n")
    return rest.removeprefix("\n") if first.startswith("[gw") and " -- " in first else text
