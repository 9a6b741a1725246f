"""`--kv-baseline`: the session is held against a stored run; and what the exit status of a grid session is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.core.cells import ERROR, FAILED, place_of
from pytest_codeneedle.core.errors import BaselineError, ConfigurationError
from pytest_codeneedle.core.text import counted, few, wrapped
from pytest_codeneedle.plugin import terminal
from pytest_codeneedle.plugin.rows import PACKAGED, REPORT_FIELD, SETTLED
from pytest_codeneedle.plugin.session import FAILED_THEN
from pytest_codeneedle.runs.baseline_file import read_folder
from pytest_codeneedle.sweep.baselines import baselines_of, refuse_other_cut

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from xdist.workermanage import WorkerController

    from pytest_codeneedle.plugin.session import GridSession
    from pytest_codeneedle.runs.stored_run import StoredRun
    from pytest_codeneedle.stats.comparison import Comparison

_EXPECTED = "failed in the baseline too"

#: A question, whatever the pass: corpus, cell, function.
Question = tuple[str, str, str]


class Gate:
    """On every process: which failures are expected. On the controller: the comparison, and the exit status.

    It judges the packaged test's items that the baseline has. Tests of your own, and items that it has not, count as
    without it.
    """

    def __init__(self, session: GridSession) -> None:
        """Find the baselines. Raises BaselineError and RunFolderError."""
        self._session = session
        self._baselines: dict[str, StoredRun] = {}
        self._compared: dict[str, Comparison | str] = {}
        self._judged_failures = 0
        self.told: dict[str, tuple[str, dict[str, Any]]] = {}
        self._said: list[str] = []
        if session.is_worker:
            sent: list[list[str]] = session.config.workerinput[FAILED_THEN]  # type: ignore[attr-defined]  # xdist's
            self._failed_then = {(corpus, cell, function) for corpus, cell, function in sent}
        else:
            self._baselines = baselines_of(session.plan, session.plan.settings.baselines)
            self._failed_then = {
                (name, str(cell), function)
                for name, run in self._baselines.items()
                for cell, figures in run.cells.items()
                for function in figures.failed
            }

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Send a worker the failures that are expected: it may be on a host without the file."""
        node.workerinput[FAILED_THEN] = sorted(map(list, self._failed_then))

    def refuse_other_cuts(self) -> None:
        """Once a tokenizer has cut the corpora: raise BaselineError where too little of the baseline's is left."""
        try:
            for name in self._baselines:
                refuse_other_cut(self._session.plan, name, self._baselines[name])
        except BaselineError:
            self._session.abandon()
            raise

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """An item that failed in the baseline and fails now is an expected failure."""
        report = yield
        row = item.stash.get(SETTLED, None)  # settled before any report is made
        if row is None or not (report.when == "call" and report.failed) or item.config.option.runxfail:
            return report
        if row["outcome"] == FAILED and row.get("test") == PACKAGED and _question(row) in self._failed_then:
            report.outcome = "skipped"
            report.wasxfail = _EXPECTED
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count the failures that the comparison decides about."""
        row = getattr(report, REPORT_FIELD, None)
        if row is not None and report.failed and self._is_judged(row):
            self._judged_failures += 1

    def _is_judged(self, row: Mapping[str, Any]) -> bool:
        """Whether the comparison has this question: the packaged test's, asked then, in a pass that counts."""
        run, place = self._baselines.get(row["corpus"]), place_of(row)
        cell = run and run.cells.get(place._replace(replicate=0))
        if not cell or row.get("test") != PACKAGED or row["function"] not in cell.matched:
            return False
        return row["outcome"] != ERROR or place.replicate < self._session.plan.settings.repeat

    def compare(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Hold each corpus against its baseline: the verdict as a sentence, and as facts, by corpus.

        Once the run is written, and before pytest's own reports are.
        """
        from pytest_codeneedle.report.text.comparison import verdict  # noqa: PLC0415 - scipy is loaded when all is answered

        if not self._session.prepared:
            return {}
        self._compared = {name: self._compare(name, run) for name, run in self._baselines.items()}
        self.told = {
            name: (f"not compared: {one}", {"worse": None, "why_not": one})
            if isinstance(one, str)
            else (verdict(one), one.facts())
            for name, one in self._compared.items()
        }
        return self.told

    @pytest.hookimpl(trylast=True)  # known to be calibrated or not
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Decide the exit status. A session that was broken off keeps its own, which is none of success."""
        if not self._compared:
            return
        if (session.shouldfail or session.shouldstop) and session.exitstatus != pytest.ExitCode.OK:
            return
        session.exitstatus, self._said = gate_decision(
            int(session.exitstatus),
            self._compared,
            judged_failures=self._judged_failures,
            other_failures=session.testsfailed - self._judged_failures,
        )

    def _compare(self, name: str, run: StoredRun) -> Comparison | str:
        """The comparison, or why there is none."""
        from pytest_codeneedle.stats.comparison import compare  # noqa: PLC0415 - scipy is loaded when all is answered

        try:
            folder = self._session.prepared[name].run
            return compare(run, read_folder(folder, "this run", self._session.rows(name)))
        except ConfigurationError as error:
            return str(error)

    def pytest_terminal_summary(self, config: pytest.Config) -> None:
        """Under the grids: what is worse, what differs, the table of old, new and difference."""
        from pytest_codeneedle.report.text.comparison import comparison_lines  # noqa: PLC0415 - as above

        for name, compared in self._compared.items():
            terminal.section(config, f"KV-cache gate: {name} against {self._baselines[name].name}")
            lines = wrapped(f"not compared: {compared}") if isinstance(compared, str) else comparison_lines(compared)
            terminal.write(config, lines)
        terminal.write(config, ["", *self._said] if self._said else [])


def _question(row: Mapping[str, Any]) -> Question:
    return row["corpus"], str(place_of(row)._replace(replicate=0)), row["function"]


def gate_status(found: int, *, worse: bool, other_failures: int, undecided: bool = False) -> int:
    """With a baseline: 0 where nothing is worse, 1 where something is, whatever single items did.

    `found` is what the session came to without it. Only passed and failed tests are judged: an interruption, an error
    of use or of collection, a model that is not calibrated keep their status. `other_failures` are failed tests that
    are none of the baseline's questions, which fail the session as ever. `undecided` is a comparison that could not be
    made, or that could show no loss: what was not held against the baseline has not passed.
    """
    if found not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return found
    return int(pytest.ExitCode.TESTS_FAILED if worse or undecided or other_failures else pytest.ExitCode.OK)


def gate_decision(
    found: int, compared: Mapping[str, Comparison | str], *, judged_failures: int, other_failures: int
) -> tuple[int, list[str]]:
    """The exit status, and lines that say why it is not what a person expects of the items.

    `compared` is by corpus: the comparison, or why there is none. `judged_failures` are the comparison's own questions.
    """
    worse = any(not isinstance(one, str) and one.worse for one in compared.values())
    undecided = [name for name, one in compared.items() if isinstance(one, str) or one.undecided]
    status = gate_status(found, worse=worse, undecided=bool(undecided), other_failures=other_failures)
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return status, []
    said = []
    if undecided and not worse:
        said.append(f"exit status {status}: {few(undecided)} could not be held against the baseline")
    elif found != status:
        items = f"not by {counted(judged_failures, 'failed item')}" if judged_failures else "though no item failed"
        said.append(f"exit status {status}: decided by the comparison, {items}")
    elif other_failures and not worse:
        other = "1 failure is" if other_failures == 1 else f"{other_failures} failures are"
        said.append(f"exit status {status}: {other} none of the comparison's")
    return status, said
