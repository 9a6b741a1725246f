"""What one pytest process knows of the grid, and what the controller collects from the items' reports."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.core.cells import ERROR, FAILED, PASSED, Ask, Cell
from pytest_codeneedle.core.errors import RunFolderError, naming_paths
from pytest_codeneedle.core.kv_types import parse_pair
from pytest_codeneedle.core.long_work import on_stderr
from pytest_codeneedle.core.machine import cores
from pytest_codeneedle.core.private_files import folder_of_its_own
from pytest_codeneedle.plugin.hosts import LOCAL, workers_by_host
from pytest_codeneedle.plugin.item_rows import ROWS_FIELD, ItemRows
from pytest_codeneedle.plugin.left_running import LeftRunning
from pytest_codeneedle.plugin.lookahead import LookAhead
from pytest_codeneedle.plugin.own_session import OwnSession, now
from pytest_codeneedle.plugin.remaining import Tally
from pytest_codeneedle.plugin.rows import (
    REPORT_FIELD,
    ROW,
    SETTLED,
    add_to_row,
    cell_of,
    error_facts,
    item_key,
    params_of,
    test_of,
)
from pytest_codeneedle.report.text.run import run_verdicts
from pytest_codeneedle.runs.design import Frame
from pytest_codeneedle.runs.folder import RunFolder
from pytest_codeneedle.runs.grid import items_of
from pytest_codeneedle.runs.identity import Identity
from pytest_codeneedle.runs.ledger import RECORDED, Record
from pytest_codeneedle.runs.rows import cell_facts
from pytest_codeneedle.server.capacity import check_cores, own_threads
from pytest_codeneedle.server.http.deadline import Speeds
from pytest_codeneedle.server.program import ServerArgs
from pytest_codeneedle.sweep.corpus_facts import Prepared, placed
from pytest_codeneedle.sweep.endpoint_cell import prepare_served
from pytest_codeneedle.sweep.judge import Judge
from pytest_codeneedle.sweep.plan import Plan, make_plan
from pytest_codeneedle.sweep.preflight import prepare, trim_alone
from pytest_codeneedle.sweep.resume import Target, release, run_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.report.text.judged import Judged
    from pytest_codeneedle.runs.grid import View
    from pytest_codeneedle.server.process import LlamaServer
    from pytest_codeneedle.sweep.settings import Settings

SESSION = pytest.StashKey["GridSession"]()
#: The names under which the settled facts, the answers on record, and what failed in the baseline travel to a worker.
WORKER_INPUT, FAILED_THEN = "codeneedle", "codeneedle_failed_then"
_PAIRS, _RECORDED = "codeneedle_pairs", "codeneedle_recorded"


class GridSession:
    """The plan, the settled facts, the answers on record, the servers of this process; on the controller all rows."""

    def __init__(self, settings: Settings, config: pytest.Config) -> None:
        self.config = config
        self.prepared: dict[str, Prepared] = {}
        self._targets: dict[str, Target] = {}
        self._judges: dict[str, Judge] = {}
        self._judged: dict[str, dict[View, Judged]] = {}
        self.notes: list[str] = []
        self.folders: dict[str, Path] = {}  # of a worker on another host
        worker = getattr(config, "workerinput", None)
        self.is_worker = worker is not None
        if worker is not None:
            self.prepared = {name: Prepared(**facts) for name, facts in worker[WORKER_INPUT].items()}
            self._settle_as_guest()
            settings = replace(settings, pairs=tuple(map(parse_pair, worker[_PAIRS])))
            self.plan: Plan = make_plan(settings, {name: one.files for name, one in self.prepared.items()})
            self.record = Record(worker[_RECORDED])
        else:
            self.plan = make_plan(settings, progress=on_stderr("kv-grid"))
            self.record = Record(())
            if not settings.resume:  # a folder in use is a usage error, told before anything starts
                for name in self.plan.corpora:
                    RunFolder(run_path(settings, name, self.plan.model.name, time.localtime())).refuse_existing()
        self.own = OwnSession()
        self.began = time.monotonic()
        self.tally = Tally(self.plan.items, self.record)
        self.servers: list[LlamaServer] = []
        self.left = LeftRunning(config)
        self.reading = Speeds()
        self.look_ahead = LookAhead(self)
        self.items = ItemRows(self)
        self.dropped: set[Cell] = set()  # what is not asked after all
        self.trendless: set[str] = set()  # corpora that were settled before a trend could be tested
        self.said: dict[str, list[str]] = {}  # below the grids of a corpus
        self.calibration: dict[str, str] = {}  # a sentence on each corpus, where the session is calibrated

    @property
    def workers(self) -> int:
        """How many servers run at once; an endpoint is none of them.

        Raises ConfigurationError for more of them on this machine than it has cores: llama.cpp's threads spin.
        """
        local = workers_by_host(self.config)[LOCAL]
        if self.plan.endpoint is not None:
            return 1
        check_cores(local, cores(), own_threads(self.plan.program, self.plan.settings.server_args))
        return max(1, local)

    def _settle_as_guest(self) -> None:
        """Where this is another host than the controller's: have folders here, for the servers' logs."""
        for name, one in self.prepared.items():
            if one.host is not None:
                self.folders[name] = folder_of_its_own()
                self.prepared[name] = replace(one, folder=str(self.folders[name]))

    @naming_paths()
    def prepare(self) -> None:
        """On the controller, before the first item: run folders, trimming, token counts, the context size."""
        if self.plan.endpoint is None:
            self.plan, self.prepared, self._targets = prepare(self.plan, self.workers)
        else:
            self.prepared, self._targets = prepare_served(self.plan)
        recorded, silent = [], []
        for name, target in self._targets.items():
            identity = Identity(self.prepared[name].identity)
            recorded += target.answers(identity)
            silent += target.silent(identity, self.plan.settings.reference)
            self.notes += [f"{name}: {note}" for note in (*target.notes, *target.changes(identity))]
        self.record = Record(recorded, silent)
        self.tally = Tally(self.plan.items, self.record)

    def abandon(self) -> None:
        """Take back the runs of a session that will ask nothing."""
        for target in self._targets.values():
            if target.stored is None:
                target.folder.discard()
        release(self._targets)

    def collect(self) -> None:
        """Where items are only listed: know which they are."""
        if self.plan.endpoint is None:
            self.plan = trim_alone(self.plan)

    def worker_input(self) -> dict[str, Any]:
        """What workers need of it, plain."""
        return {
            WORKER_INPUT: {name: one.asdict() for name, one in self.prepared.items()},
            _PAIRS: [str(pair) for pair in self.plan.settings.pairs],
            _RECORDED: self.record.recorded,
        }

    def begin_item(self, item: pytest.Item) -> None:
        """Start the item's row, so that an item whose server fails says what it was all the same."""
        ask = params_of(item).get("kv_function")
        if isinstance(ask, Ask) and "recall" in getattr(item, "fixturenames", ()):
            item.stash[ROW] = {"test": test_of(item.nodeid)}
            item.stash.setdefault(SETTLED, {})
            del item.stash[SETTLED]  # of an item that runs again
            add_to_row(item, self.facts_before(ask))

    def facts_before(self, ask: Ask) -> dict[str, Any]:
        """What a row says of an item before it is asked."""
        chosen = self.plan.corpora[ask.cell.corpus]
        facts = cell_facts(ask.cell, chosen.question(ask.function).function, chosen.corpus.total_lines)
        return {**facts, **placed(self.prepared[ask.cell.corpus].asdict())}

    def recorded(self, item: pytest.Item, cell: Cell, function: str) -> dict[str, Any] | None:
        """The recorded row of an item that need not be asked for, None for one that has to be."""
        key, test = item_key(cell, function), item.stash[ROW]["test"]
        return self.items.answer(key, test) or self.record.answer(key, test)

    def running_servers(self) -> list[LlamaServer]:
        """The servers of this process, the one that was started ahead too."""
        ahead = self.look_ahead.servers.loading
        return self.servers if ahead is None else [*self.servers, ahead]

    def has_to_ask(self, ask: Ask) -> bool:
        """Whether this item's answer is wanted and not on record."""
        return ask.cell not in self.dropped and self.record.answer(item_key(ask.cell, ask.function), None) is None

    def server_args(self, cell: Cell) -> ServerArgs:
        """What the cell's server is started with, unless a fixture of the user's changes it."""
        one = self.prepared[cell.corpus]
        extra = self.plan.settings.server_args
        more = (one.n_ctx, one.threads, extra, one.device, cell.rotation)
        return ServerArgs(self.plan.program, one.model_path, cell.pair, *more)

    def judge(self, corpus: str) -> Judge:
        """Judges recorded answers to this corpus's questions."""
        if corpus not in self._judges:
            self._judges[corpus] = Judge(self.plan.corpora[corpus], self.plan.settings)
        return self._judges[corpus]

    def keep(self, row: dict[str, Any]) -> tuple[Cell, bool]:
        """Record a row; its cell, and whether to say that it is complete.

        A row that cannot be written ends the session, with those before it intact.
        """
        self._judged.pop(row["corpus"], None)
        cell = cell_of(row)
        row.update(self.plan.outward.facts(row))
        row["key"] = self.prepared[cell.corpus].key
        if not row.get(RECORDED):
            self.own.stamp(row)
        complete = self.tally.take(cell, row)
        if self.record.take(row):
            self.write(cell.corpus, row)
        return cell, complete

    def write(self, corpus: str, row: Mapping[str, Any]) -> None:
        """Put the row on the disk, or end the session."""
        try:
            self.prepared[corpus].run.append(row)
        except OSError as error:
            msg = (
                f"a result could not be written to {self.prepared[corpus].folder}: {error.strerror}; "
                "what was recorded before is there: go on with --kv-resume"
            )
            # Interrupted: the only status of a broken-off session for which pytest prints its summary.
            raise pytest.exit.Exception(msg, returncode=pytest.ExitCode.INTERRUPTED) from error

    def rows(self, corpus: str) -> list[dict[str, Any]]:
        """All rows of what this session asks of a corpus: recorded before, and taken since."""
        asked = {(ask.cell, ask.function) for ask in self.plan.items if ask.cell.corpus == corpus}
        rows = self.record.rows(corpus)
        return [row for row in rows if (cell_of(row), row["function"]) in asked]

    def frame(self, corpus: str) -> Frame:
        """What reports need to know of this session's run of a corpus."""
        settings, one = self.plan.settings, self.prepared[corpus]
        return Frame(
            pairs=self.shown_pairs(corpus),
            reference=settings.reference,
            lines=settings.lines,
            functions=len(self.plan.corpora[corpus].asked),
            repeat=settings.repeat,
            rotations=settings.rotations,
            delta=settings.delta,
            minimum=settings.calibrate_min,
            trends=corpus not in self.trendless,
            thinks=one.thinking.technique == "on",
            kv_size=one.kv_size,
            n_ctx=one.n_ctx,
        )

    def judged(self, corpus: str) -> dict[View, Judged]:
        """What is said of each grid of a corpus, found once: it goes to the terminal and into several files."""
        if corpus not in self._judged:
            self._judged[corpus] = run_verdicts(self.rows(corpus), self.frame(corpus))
        return self._judged[corpus]

    def drop(self, cells: Iterable[Cell]) -> None:
        """Ask these no more; no server that was started ahead waits for them."""
        self.dropped |= set(cells)
        self.tally.drop(self.dropped)
        self.left.stopping(self.look_ahead.servers.stop)

    def shown_pairs(self, corpus: str) -> tuple[KVPair, ...]:
        """The pairs of a corpus's grid: all but those that were dropped and have no row."""
        dropped = {cell.pair for cell in self.dropped if cell.corpus == corpus}
        gone = dropped - {cell_of(row).pair for row in self.rows(corpus)} if dropped else dropped
        return tuple(pair for pair in self.plan.settings.pairs if pair not in gone)

    def lose(self, report: pytest.TestReport) -> None:
        """Give xdist's report of an item whose worker died the row that the worker cannot send any more: an ERROR."""
        name = report.nodeid.rpartition("::")[2]
        label = name.removesuffix("]").partition("[")[2]
        ask = next((ask for ask in self.plan.items if self.plan.item_label(ask) == label), None)
        if ask is None or self.record.is_taken(item_key(ask.cell, ask.function)):
            return
        told = f"the worker that asked it was killed, and its server with it; it is not asked again ({report.longrepr})"
        report.when, report.longrepr = "setup", told  # an ERROR, as that of a server that died
        report.location = (*report.location[:2], name)
        there = placed(report.node.workerinput[WORKER_INPUT][ask.cell.corpus])
        row = {"test": test_of(report.nodeid), **self.facts_before(ask), **there, **error_facts(told)}
        setattr(report, REPORT_FIELD, row)
        setattr(report, ROWS_FIELD, [dict(row)])

    def expect(self, items: Iterable[pytest.Item]) -> None:
        """Count what was collected, where this process collects: -k and -m may have left items out."""
        found = {(test_of(item.nodeid), params_of(item).get("kv_function")): item for item in items}  # each once
        self.count([ask for _, ask in found if isinstance(ask, Ask)])

    def count(self, asks: Sequence[Ask]) -> None:
        """Count these items from now on, and what is on record of them; none at all are not known."""
        if asks:
            self.tally = Tally(asks, self.record)

    def put_on_record(self, rows: Iterable[dict[str, Any]]) -> None:
        """Have these answers asked of nobody else: of no worker, and not in this process."""
        self.record.add(row for row in rows if row["outcome"] != ERROR)
        self.count(self.plan.items)

    def finish(self) -> None:
        """Note in run.json when the run ended, how many items it has, and the verdict."""
        for name, one in self.prepared.items():
            counts = Counter(row["outcome"] for row in items_of(self.record.rows(name)))
            try:
                about = one.run.about()
                one.run.write_about(
                    {
                        **about,
                        "ended": now(),
                        "sessions": self.own.ended(about.get("sessions", ())),
                        "wall_seconds": round(about.get("wall_seconds", 0.0) + time.monotonic() - self.began, 3),
                        "verdicts": [one.facts() for one in self.judged(name).values()],
                        "outcomes": {key: counts[key] for key in (PASSED, FAILED, ERROR)},
                    }
                )
            except (OSError, RunFolderError):  # the results are what counts, and they are there
                continue
        release(self._targets)
