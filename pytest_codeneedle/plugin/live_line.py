"""The one line of a terminal that says where the run is: redrawn in place, and gone before anything else is written.

A log, a pipe, a dumb terminal, -v and -s see none of it.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Any, TextIO

import pytest

from pytest_codeneedle.core.cells import Ask
from pytest_codeneedle.core.text import printable
from pytest_codeneedle.plugin.rows import REPORT_FIELD, cell_of
from pytest_codeneedle.runs.progress import duration, fitted, speed

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_codeneedle.core.cells import Cell
    from pytest_codeneedle.plugin.session import GridSession

_ERASE = "\r\x1b[K"
_COLUMNS = 80
#: tokens/s is that of so many answers.
_LAST = 8
#: Where the line is too narrow for all: the prompt cache, the speed and the item go, in this order.
_FIRST_TO_GO = (3, 2, 1)


class Line:
    """A file of the terminal reporter's with one more line below what is written, which no write ever meets.

    It is drawn on a descriptor of its own: pytest captures the terminal's while an item runs.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._terminal = os.dup(file.fileno())
        self._drawn = ""
        self._below = True  # the cursor is at the beginning of a line

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a file has
        return getattr(self._file, name)

    def write(self, text: str) -> int:
        """What the terminal reporter writes, in place of the line."""
        self.clear()
        written = self._file.write(text)
        self._file.flush()  # before the line is drawn, and before pytest captures the descriptor
        if text:
            self._below = text.endswith("\n")
        return written

    @property
    def columns(self) -> int:
        """Columns of the terminal as it is now."""
        try:
            return os.get_terminal_size(self._terminal).columns or _COLUMNS
        except OSError:
            return _COLUMNS

    def draw(self, text: str) -> None:
        """Show this line, in place of the one before; not within a line that others are writing."""
        if self._below and text != self._drawn:
            self._send(_ERASE + printable(text))
            self._drawn = text

    def clear(self) -> None:
        """Take the line away."""
        if self._drawn:
            self._send(_ERASE)
            self._drawn = ""

    def close(self) -> TextIO:
        """Take the line away for good; the file itself."""
        self.clear()
        os.close(self._terminal)
        return self._file

    def _send(self, text: str) -> None:
        try:
            os.write(self._terminal, text.encode("ascii", "replace"))
        except OSError:  # the terminal is gone, the run goes on
            self._below = False


def start(config: pytest.Config, session: GridSession) -> None:
    """Have the line drawn, where there is a terminal that can and nobody asked for pytest's own lines.

    With -s whatever tests print goes to the terminal past the reporter, and would be mixed with it.
    """
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not reporter.isatty or os.environ.get("TERM", "dumb") == "dumb":
        return
    mixed = config.get_verbosity() > 0 or config.getoption("capture", default="fd") in {"no", "tee-sys"}
    if not mixed and hasattr(reporter._tw, "_file"):  # noqa: SLF001 - no public way to see writes
        live = Live(reporter, session, distributed=config.pluginmanager.has_plugin("dsession"))
        config.pluginmanager.register(live, "codeneedle-live")


class Live:
    """The hooks that know where the run is.

    Without xdist the line says what is under way; with it how many cells are, and which item came in last.
    """

    def __init__(self, reporter: pytest.TerminalReporter, session: GridSession, *, distributed: bool) -> None:
        self._writer = reporter._tw  # noqa: SLF001 - as above
        self._line: Line | None = Line(self._writer._file)  # noqa: SLF001 - as above
        self._writer._file = self._line  # noqa: SLF001 - as above
        self._session = session
        self._distributed = distributed
        self._last: deque[dict[str, Any]] = deque(maxlen=_LAST)
        self._under_way: set[str] = set()
        self._warm: Cell | None = None  # the cell whose questions can be asked
        self._cell: Cell | None = None
        self._stage: str | None = None

    def at(self, cell: Cell, stage: str) -> None:
        """Say what this process does for a cell, outside of any item."""
        self._cell = cell
        self._show(stage)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """An item is under way, here or on a worker."""
        self._under_way.add(nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """It is done."""
        self._under_way.discard(nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Know the item's cell; what is done for it is told by its fixtures."""
        params = getattr(getattr(item, "callspec", None), "params", {})
        ask = params.get("kv_function")
        self._cell = ask.cell if isinstance(ask, Ask) else params.get("kv_cell")
        self._stage = None
        if self._cell is None:
            self._clear()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        """Say what a new cell does before its first item, and that an item is asked."""
        name = fixturedef.argname
        if name == "llama_server":
            self._show("loading")
        elif name == "running_cell" and self._session.plan.endpoint is not None:
            self._show("reading the file")
        elif name == "recall" and self._cell and self._cell == self._warm:
            self._show(self._item(self._cell))
        result = yield
        if name == "llama_server":
            self._show("reading the file")
        elif name == "running_cell" and self._cell:
            self._warm = self._cell
            self._show(self._item(self._cell))
        return result

    @pytest.hookimpl(trylast=True)  # below the cell's line
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in the figures of a finished item."""
        row = getattr(report, REPORT_FIELD, None)
        if row is None:
            if report.when not in {"setup", "call", "teardown"}:  # xdist's report of a worker that crashed
                self._under_way.discard(report.nodeid)
            return
        self._last.append(row)
        cell = cell_of(row)
        if self._distributed:
            self._cell, self._stage = cell, self._item(cell)
        elif self._session.tally.left_of(cell) <= 0:
            self._cell = None  # the next one is told by its own set-up
        self._draw()

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self) -> None:
        """A debugger may follow."""
        self._clear()

    @pytest.hookimpl(tryfirst=True)
    def pytest_enter_pdb(self) -> None:
        """A debugger follows."""
        self._clear()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """The line is gone before the summary."""
        if self._line is not None:
            self._writer._file = self._line.close()  # noqa: SLF001 - as above
            self._line = None

    def _clear(self) -> None:
        if self._line is not None:
            self._line.clear()

    def _show(self, stage: str) -> None:
        self._stage = stage
        self._draw()

    def _draw(self) -> None:
        if self._line is None:
            return
        if self._cell is None or not self._session.tally.items_left():
            self._line.clear()
            return
        self._line.draw(fitted(self._parts(self._cell), self._line.columns, first_to_go=_FIRST_TO_GO))

    def _parts(self, cell: Cell) -> list[str | None]:
        session = self._session
        done, total = session.tally.cells_done(), session.tally.cells
        label = f"{session.plan.label(cell):<{session.plan.label_width}}"
        width = len(str(total))
        if self._distributed:
            under_way = min(len(self._under_way), total - done)
            place = f"cells {done:>{width}}/{total}  {under_way} under way  {label}"
        else:
            place = f"cell {min(done + 1, total):>{width}}/{total} {label}"
        cache = self._last[-1].get("prompt_cache") if self._last else None
        left = session.tally.seconds_left()
        return [
            place,
            self._stage,
            speed(self._last),
            f"cache {cache}" if cache in {"hit", "missed"} else None,
            None if left is None else f"{duration(left)} left",
        ]

    def _item(self, cell: Cell) -> str:
        """Its place among the items of the cell: the one that is asked, under xdist the last that came."""
        left, total = self._session.tally.left_of(cell), self._session.tally.items_of(cell)
        number = total - left if self._distributed else total - left + 1
        return f"item {min(number, total):>{len(str(total))}}/{total}"
