"""The hooks of a session that runs the grid; registered only with --kv-grid."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.core.errors import ConfigurationError, naming_paths
from pytest_codeneedle.core.signals import StopSignals, end_workers
from pytest_codeneedle.plugin import junit as attachments
from pytest_codeneedle.plugin import live_line as live
from pytest_codeneedle.plugin import quick_stop, terminal
from pytest_codeneedle.plugin import reference_first as first_cell
from pytest_codeneedle.plugin.fleet import Fleet, Guest, distribute
from pytest_codeneedle.plugin.item_rows import ROWS_FIELD
from pytest_codeneedle.plugin.own_session import begin, references_left
from pytest_codeneedle.plugin.read_settings import read_settings
from pytest_codeneedle.plugin.reports import AtOnce, fit, fit_report, fit_warning, own_message
from pytest_codeneedle.plugin.rows import REPORT_FIELD, attach_row
from pytest_codeneedle.plugin.session import FAILED_THEN, SESSION, GridSession
from pytest_codeneedle.plugin.unwritten import UnwrittenReports

if TYPE_CHECKING:
    import warnings
    from collections.abc import Generator

    from xdist.workermanage import WorkerController

    from pytest_codeneedle.plugin.gate import Gate

SUITE = Path(__file__).parent.parent / "suite" / "test_recall.py"


class GridPlugin:
    """One process's part in the grid."""

    def __init__(self, config: pytest.Config) -> None:
        if config.args_source is not pytest.Config.ArgsSource.ARGS:
            config.args[:] = [str(SUITE)]
            config.addinivalue_line("python_functions", "test_recall")  # a project may name its tests otherwise
        distribute(config)
        try:
            self.session = GridSession(read_settings(config), config)
            self._gate = self._registered_gate(config)
        except ConfigurationError as error:
            raise terminal.usage_error(error) from error
        config.stash[SESSION] = self.session
        config.pluginmanager.register(self.session.left, "codeneedle-left")
        config.pluginmanager.register(self.session.items, "codeneedle-items")
        config.pluginmanager.register(AtOnce(self.session), "codeneedle-reports")
        self.fleet = Fleet(self.session)
        if not self.session.is_worker:
            config.pluginmanager.register(self.fleet)
            config.pluginmanager.register(UnwrittenReports(config), "codeneedle-unwritten")
            if config.getoption("htmlpath", None):
                from pytest_codeneedle.plugin.html_report import HtmlReport  # noqa: PLC0415 - other sessions pay for no import

                config.pluginmanager.register(HtmlReport(self.session, self._gate), "codeneedle-html")
        elif self.session.folders:
            config.pluginmanager.register(Guest(self.session.folders))
        self._told: set[str] = set()
        self._places: dict[pytest.Item, int] = {}
        self._signals = StopSignals(
            worker=self.session.is_worker, full_trace=config.getoption("fulltrace", default=False)
        )
        self._local_workers: dict[str, int] = {}
        if hasattr(config.option, "maxworkerrestart") and config.option.maxworkerrestart is None:
            # Once for each: where the machine kills them, it would go on to.
            config.option.maxworkerrestart = str(max(1, len(config.option.tx or ())))

    @naming_paths()
    def _registered_gate(self, config: pytest.Config) -> Gate | None:
        """With --kv-baseline; a worker on another host may have no such file, and needs none."""
        on_worker = FAILED_THEN in getattr(config, "workerinput", ())
        if not on_worker and (self.session.is_worker or not self.session.plan.settings.baselines):
            return None
        from pytest_codeneedle.plugin.gate import Gate  # noqa: PLC0415 - other sessions pay for no import

        gate = Gate(self.session)
        config.pluginmanager.register(gate, "codeneedle-gate")
        return gate

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Before xdist starts its workers: say what is coming, count tokens, make the run folder."""
        config = session.config
        self._signals.install()
        if self.session.is_worker:
            return
        try:
            if config.option.collectonly:
                self.session.collect()
                return
            terminal.quieten(config)
            terminal.write(config, terminal.announce(self.session.plan, self.session.workers))
            terminal.write(config, self.fleet.check())
            self.session.prepare()
            if self._gate is not None:
                self._gate.refuse_other_cuts()
            self.fleet.record(self.session.prepared)
        except ConfigurationError as error:
            raise terminal.usage_error(error) from error
        begin(self.session, quick_stop.spared_by_record(self.session))
        terminal.write(config, terminal.settled(self.session))
        live.start(config, self.session)
        quick_stop.start(session, self.session)
        first_cell.start(session, self.session, remote=self.fleet.remote)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Send the settled facts to an xdist worker."""
        node.workerinput.update(self.session.worker_input())
        if node.gateway.spec.popen:
            self._local_workers[node.gateway.id] = node.gateway._rinfo().pid  # noqa: SLF001 - xdist asks for it just before

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> object:  # noqa: ANN401 - xdist's own
        """One cell is one unit of work."""
        from pytest_codeneedle.plugin.scheduling import (  # noqa: PLC0415 - xdist asks only under -n
            CellScheduling,
            PlacedReferences,
        )

        corpora, asked = references_left(self.session)
        references = PlacedReferences(corpora, self.fleet.place_named, asked)
        return CellScheduling(config, log, references)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController) -> None:
        """A worker that ended is none any more: its process id may be another's."""
        self._local_workers.pop(node.gateway.id, None)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, report: pytest.TestReport) -> None:
        """The item that a worker was at when it died is an ERROR with a row, as any other."""
        self.session.lose(report)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One item per (cell, function); one per cell where a test asks for no function."""
        plan = self.session.plan
        if "kv_function" in metafunc.fixturenames:
            asks = plan.items
            ids = [plan.item_label(ask) for ask in asks]
            values = [(ask.cell, ask) for ask in asks]
            metafunc.parametrize(("kv_cell", "kv_function"), values, indirect=True, scope="session", ids=ids)
        elif "kv_cell" in metafunc.fixturenames:
            labels = [plan.label(cell) for cell in plan.cells]
            metafunc.parametrize("kv_cell", plan.cells, indirect=True, scope="session", ids=labels)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Know how many items each cell has."""
        self.session.expect(session.items)
        self._places = {item: place for place, item in enumerate(session.items)}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Know what comes next. A worker of xdist's knows no more than the next item."""
        if self.session.is_worker:
            self.session.look_ahead.expect(() if nextitem is None else (nextitem,))
        else:
            self.session.look_ahead.expect(itertools.islice(item.session.items, self._places[item] + 1, None))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Start the item's row before anything can fail."""
        self.session.begin_item(item)

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # what other plugins put into it is seen
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Take out of the report what is private, and attach the row to the one that decides the outcome."""
        report = yield
        fit_report(report, self.session.plan.outward, own_message(item) if report.failed else None)
        attach_row(item, report, self._told)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self) -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
        """The whole answer goes from a worker to the controller, and into no file of another plugin."""
        data = yield
        if data is not None and not self.session.is_worker:
            for field in (REPORT_FIELD, ROWS_FIELD):
                data.pop(field, None)
        return data

    @pytest.hookimpl(trylast=True)  # the cell's line comes below its last item's
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """On the controller: say when a cell is complete."""
        if hasattr(report, REPORT_FIELD):
            self._say_complete()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self) -> None:
        """The same where no report decided the last item."""
        self._say_complete()

    def _say_complete(self) -> None:
        for cell in self.session.items.completed():
            terminal.write(self.session.config, [terminal.cell_line(self.session, cell)])

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
        """The line per cell stands for the dots of its items; -v shows the items."""
        if config.get_verbosity() > 0 or not hasattr(report, REPORT_FIELD):
            return None
        if report.outcome not in ("passed", "failed", "skipped"):  # another plugin's
            return None
        if hasattr(report, "wasxfail"):
            return ("xpassed", "", "XPASS") if report.passed else ("xfailed", "", "XFAIL")
        if report.skipped:
            return "skipped", "", "SKIPPED"
        if report.when == "call":
            return ("passed", "", "PASSED") if report.passed else ("failed", "", "FAILED")
        return "error", "", "ERROR"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_keyboard_interrupt(self) -> Generator[None, object, object]:
        """End the servers, those that xdist's workers hold too, before pytest writes up where it was."""
        end_workers(self._local_workers.values())
        for server in self.session.running_servers():
            server.terminate()
        result = yield
        self._signals.quieten_closed_terminals()  # pytest captures no more
        reporter = self.session.config.pluginmanager.get_plugin("terminalreporter")
        if self.session.config.getoption("fulltrace", default=False) and reporter is not None:  # with arguments, then
            fit(getattr(reporter, "_keyboardinterrupt_memo", None), self.session.plan.outward)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Take out of an error of a test's module what is private."""
        report = yield
        fit_report(report, self.session.plan.outward)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object) -> None:
        """Take out of a traceback of pytest's what is private, before anybody prints it."""
        fit(excrepr, self.session.plan.outward)

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Take out of a warning what is private."""
        fit_warning(warning_message, self.session.plan.outward)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """End the server that was started ahead; on the controller, note the end in run.json."""
        self.session.left.stopping(self.session.look_ahead.servers.stop)
        if not self.session.is_worker:
            if self._signals.received:
                end_workers(self._local_workers.values())  # once more: two signals at once may not wake one that waits
            self.session.finish()
            attachments.add_to_junit(self.session, {} if self._gate is None else self._gate.compare())

    def pytest_unconfigure(self) -> None:
        """Leave the signals as they were."""
        self._signals.restore()

    def pytest_terminal_summary(self, config: pytest.Config) -> None:
        """Both grids, the summary line and the run folder; with -q too."""
        if hasattr(config, "workerinput"):
            return
        for title, lines in terminal.summary(self.session):
            terminal.section(config, title)
            terminal.write(config, lines)
