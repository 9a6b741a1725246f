"""The reference cell goes first, and says whether the sweep goes on: a floored model says nothing about its cache.

Without xdist its items are the first ones. Under xdist the controller asks it before any worker starts, for workers
cannot wait for one another; its rows are then on record for them. What the controller cannot ask as a worker would is
asked by a worker, and the others end when it says no.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.core.cells import FAILED, PASSED
from pytest_codeneedle.core.errors import CellError, RunFolderError
from pytest_codeneedle.core.text import wrapped
from pytest_codeneedle.plugin import terminal
from pytest_codeneedle.plugin.rows import PACKAGED, REPORT_FIELD, answer_facts, cell_of, error_facts, fault_facts
from pytest_codeneedle.runs.calibration import NOT_CALIBRATED, Calibration, calibration, left_open, unknown
from pytest_codeneedle.runs.ledger import item_of
from pytest_codeneedle.runs.sessions import of_last_session
from pytest_codeneedle.server.process import start as start_server
from pytest_codeneedle.server.process import stop_all
from pytest_codeneedle.sweep.running_cell import RunningCell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_codeneedle.core.cells import Ask, Cell
    from pytest_codeneedle.corpus.outward import Outward
    from pytest_codeneedle.plugin.session import GridSession
    from pytest_codeneedle.server.process import LlamaServer
    from pytest_codeneedle.sweep.plan import Plan

#: What a conftest may have of its own, and the controller of xdist's cannot use: fixtures are a worker's.
_FIXTURES = ("llama_server_args", "launch_llama_server", "llama_server", "running_cell", "recall")
#: pytest's options that leave items out: which, only workers know, for they collect.
_SELECTING = ("keyword", "markexpr", "deselect", "lf", "stepwise")


def start(session: pytest.Session, grid: GridSession, *, remote: bool) -> None:
    """Have the references of the plan go first. Under xdist they are asked now; `remote` says that workers are away."""
    first = references(grid.plan)
    if not first:
        return
    gate = FirstCell(session, grid, first)
    session.config.pluginmanager.register(gate, "codeneedle-first-cell")
    if gate.distributed:
        why_not = "hosts differ" if remote else _only_a_worker(session.config)
        if why_not is None:
            gate.ask()
        else:
            said = f"kv-grid: the reference is asked first, by a worker ({why_not}), while others begin"
            terminal.write(session.config, wrapped(said))


def references(plan: Plan) -> dict[str, list[Cell]]:
    """The first passes over the reference of each corpus, where the session is calibrated and asks other cells."""
    settings = plan.settings
    if not settings.calibrate or plan.endpoint is not None:
        return {}
    found: dict[str, list[Cell]] = {}
    for name in plan.corpora:
        cells = [cell for cell in plan.cells if cell.corpus == name]
        first = [cell for cell in cells if cell.pair == settings.reference and cell.replicate == 0]
        if first and (settings.shard is not None or any(cell.pair != settings.reference for cell in cells)):
            found[name] = first
    return found


def _only_a_worker(config: pytest.Config) -> str | None:
    """Why the controller cannot ask as a worker would; None where it can."""
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        return "it runs tests of yours"
    if any(getattr(config.option, name, None) for name in _SELECTING):
        return "only it knows which items are left out"
    for plugin in config.pluginmanager.get_plugins():
        own = [name for name in _FIXTURES if name in getattr(plugin, "__dict__", {})]
        if own and getattr(plugin, "__name__", "") != "pytest_codeneedle.plugin":
            return f"a conftest has its own {own[0]}"
    return None


class FirstCell:
    """The controller's hooks: they look at the references' rows, and end the session where one is below the minimum."""

    def __init__(self, session: pytest.Session, grid: GridSession, first: Mapping[str, Sequence[Cell]]) -> None:
        self._session = session
        self._grid = grid
        self._undecided = dict(first)
        self._missing: dict[str, str] = {}
        self._failed: tuple[str, Calibration] | None = None
        self._ending: BaseException | None = None
        self.distributed = session.config.pluginmanager.has_plugin("dsession")
        self._counted = not self.distributed

    def ask(self) -> None:
        """Ask what is not on record. What ends the session is kept until it can end with a summary."""
        try:
            for name, cells in list(self._undecided.items()):
                for cell in cells:
                    self._ask(cell)
                self._decide(name)
                if self._failed:
                    self._ending = self._interrupted()
                    break
        except (KeyboardInterrupt, pytest.exit.Exception) as error:
            self._ending = error
        self._counted = True

    def _ask(self, cell: Cell) -> None:
        grid, config = self._grid, self._session.config
        asks = [ask for ask in grid.plan.items if ask.cell == cell and grid.has_to_ask(ask)]
        if not asks:
            return
        terminal.write(config, [f"kv-grid: {grid.plan.label(cell)} is asked first, before any worker starts"])
        rows = []
        for row in _rows(grid, cell, asks):
            rows.append(row)
            if grid.keep(row)[1]:
                terminal.write(config, [terminal.cell_line(grid, cell)])
        grid.put_on_record(rows)

    def _decide(self, name: str) -> None:
        """Take the reference's rows for what they say; without any there is nothing to decide."""
        grid, rows = self._grid, self._rows(name)
        if not rows:
            return
        del self._undecided[name]
        settings = grid.plan.settings
        found = calibration(rows, str(settings.reference), lines=settings.lines, minimum=settings.calibrate_min)
        self._note(name, found.facts(), found.sentence)
        if not found.passed:
            self._failed = name, found

    def _rows(self, name: str) -> list[Mapping[str, Any]]:
        """What is known of the reference now: this session's answers, else those on record that it need not ask."""
        record, cells = self._grid.record, self._undecided[name]
        rows = [row for row in self._grid.rows(name) if cell_of(row) in cells]
        return of_last_session(
            [row for row in rows if record.is_taken(item_of(row)) or record.answer(item_of(row), None) is not None]
        )

    def _note(self, name: str, facts: Mapping[str, Any], sentence: str) -> None:
        """In run.json; and for the reports of others."""
        self._grid.calibration[name] = sentence
        run = self._grid.prepared[name].run
        with contextlib.suppress(OSError, RunFolderError):  # the results are what counts, and they are there
            run.write_about({**run.about(), "calibration": facts})

    def _leave_open(self, name: str, *, ended: bool) -> None:
        """Of a reference that is still undecided at the end: decide, or have a reason why not."""
        cells, rows = self._undecided[name], self._grid.rows(name)
        asked = bool(self._rows(name))
        left = any(self._grid.tally.left_of(cell) for cell in cells)
        if asked and not ended:
            self._decide(name)
        elif rows:
            self._missing[name] = left_open(str(self._grid.plan.settings.reference), ended=ended and (asked or left))

    def _interrupted(self) -> BaseException:
        return self._session.Interrupted("not calibrated")

    @pytest.hookimpl(optionalhook=True, trylast=True)  # xdist's own line wants some
    def pytest_xdist_setupnodes(self, specs: list[Any]) -> None:
        """A session that is about to end starts no workers."""
        if self._ending is not None:
            specs.clear()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """From here on pytest writes a summary of what it breaks off."""
        if self._ending is not None:
            raise self._ending

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Know which items there are, where the reference is a worker's."""
        if not self._counted:
            self._counted = True
            labels = {name.rpartition("::")[2].removesuffix("]").partition("[")[2] for name in ids}
            plan = self._grid.plan
            self._grid.count([ask for ask in plan.items if plan.item_label(ask) in labels])

    @pytest.hookimpl(trylast=True)  # the row is recorded, and the cell's line is there
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Decide with the last item of a reference. xdist's workers end as with Ctrl-C; here the item still ends."""
        row = getattr(report, REPORT_FIELD, {})
        cells = self._undecided.get(str(row.get("corpus")))
        if not cells or any(self._grid.tally.left_of(cell) for cell in cells):
            return
        self._decide(row["corpus"])
        if self._failed and self.distributed:
            raise self._interrupted()
        if self._failed:
            self._session.shouldstop = str(self._interrupted())

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Say where nothing was decided; have an exit status of its own."""
        ended = bool(session.shouldstop or session.shouldfail) or exitstatus == pytest.ExitCode.INTERRUPTED
        for name in list(self._undecided):
            self._leave_open(name, ended=ended)
        for name, reason in self._missing.items():
            said = f"not calibrated: {reason}"
            self._note(name, unknown(reason), said)
            self._grid.said.setdefault(name, []).extend(wrapped(said))
        if self._failed:
            session.exitstatus = NOT_CALIBRATED

    @pytest.hookimpl(trylast=True)  # below the grids
    def pytest_terminal_summary(self, config: pytest.Config) -> None:
        """Say what was measured, what it means and what to do."""
        if self._failed:
            name, found = self._failed
            base_model = self._grid.prepared[name].base_model
            if not found.answered and self.distributed:  # no item's report shows it
                terminal.write(config, found.error.splitlines())
            terminal.write(config, wrapped(found.advice(name, base_model=base_model)), red=True)


def _rows(grid: GridSession, cell: Cell, asks: Sequence[Ask]) -> Iterator[dict[str, Any]]:
    """Start the cell's server in this process and ask; a row for each item, as a worker makes it. No server is left.

    With --kv-devices it sees one of them, as a worker's.
    """
    live = grid.config.pluginmanager.get_plugin("codeneedle-live")
    say: Callable[[Cell, str], None] = _nothing if live is None else live.at
    begun = [
        (ask.function, {"test": PACKAGED, **grid.facts_before(ask), "device": _first_device(grid.plan)}) for ask in asks
    ]
    try:
        running = _running(grid, cell, say)
        for place, (function, facts) in enumerate(begun, 1):
            say(cell, f"item {place}/{len(begun)}")
            yield {**facts, **_answered(running, function, grid.plan.outward)}
    except CellError as error:  # it never began
        for _, facts in begun:
            yield {**facts, **error_facts(grid.plan.outward(str(error)))}
    finally:
        grid.left.stopping(partial(stop_all, grid.servers))
        grid.servers.clear()


def _first_device(plan: Plan) -> str | None:
    return next(iter(plan.settings.devices), None)


def _nothing(_cell: Cell, _stage: str) -> None:
    """Where no line is redrawn, none says what is under way."""


def _running(grid: GridSession, cell: Cell, say: Callable[[Cell, str], None]) -> RunningCell:
    """The cell, ready to be asked. Raises CellError with all that is to be told."""
    prepared = replace(grid.prepared[cell.corpus], device=_first_device(grid.plan))
    if prepared.problem:
        raise CellError(prepared.problem)
    args = replace(grid.server_args(cell), device=prepared.device)

    def launch() -> LlamaServer:
        server = start_server(args, prepared.run.server_log(cell.pair, cell.place.suffix))
        grid.servers.append(server)
        return server

    say(cell, "loading")
    running = RunningCell(launch(), grid.plan.corpora[cell.corpus], prepared, grid.plan.settings, launch)
    say(cell, "reading the file")
    try:
        running.warm_up()
    except CellError as error:
        raise CellError(running.told(str(error))) from error
    return running


def _answered(running: RunningCell, function: str, outward: Outward) -> dict[str, Any]:
    try:
        result = running.ask(function)
    except CellError as error:
        facts = fault_facts(error)
        return {**running.facts, **facts, **error_facts(outward(running.told(str(error))), facts["response"])}
    return {**running.facts, **answer_facts(result), "outcome": PASSED if result.passed else FAILED}
