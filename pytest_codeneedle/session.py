"""What one pytest process knows of the grid, and what the controller collects from the items' reports."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.cell import cell_facts
from pytest_codeneedle.errors import ConfigurationError, RunFolderError
from pytest_codeneedle.grid import ERROR, FAILED, PASSED
from pytest_codeneedle.identity import Identity
from pytest_codeneedle.kvtypes import KVPair
from pytest_codeneedle.machine import cores
from pytest_codeneedle.plan import Ask, Cell, Plan, make_plan
from pytest_codeneedle.prepare import prepare, trim_alone
from pytest_codeneedle.prepared import Prepared
from pytest_codeneedle.progress import eta_seconds
from pytest_codeneedle.recall import Judge
from pytest_codeneedle.record import RECORDED, Item, Record
from pytest_codeneedle.resume import Target, release, run_path
from pytest_codeneedle.served_cell import prepare_served
from pytest_codeneedle.store import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_codeneedle.launch import LlamaServer
    from pytest_codeneedle.settings import Settings

#: One item's result row as far as it is known, and what JUnit and HTML reports get of it.
ROW = pytest.StashKey[dict[str, Any]]()
SESSION = pytest.StashKey["GridSession"]()
#: The name under which a row travels in a TestReport from worker to controller.
REPORT_FIELD = "codeneedle_row"
_WORKER_INPUT, _RECORDED = "codeneedle", "codeneedle_recorded"
#: Kept out of `user_properties`: the response belongs into the run folder alone.
_NOT_PROPERTIES = ("response", "after")
#: The keys that every row has; an ERROR has no score.
_SCORED = ("primary_matched", "lcs_matched", "hallucinated", "bonus_matched")


class GridSession:
    """The plan, the settled facts, the answers on record, the servers of this process; on the controller all rows."""

    def __init__(self, settings: Settings, config: pytest.Config) -> None:
        self.config = config
        self.prepared: dict[str, Prepared] = {}
        self._targets: dict[str, Target] = {}
        self._judges: dict[str, Judge] = {}
        self.notes: list[str] = []
        worker = getattr(config, "workerinput", None)
        self.is_worker = worker is not None
        if worker is not None:
            self.prepared = {name: Prepared(**facts) for name, facts in worker[_WORKER_INPUT].items()}
            self.plan: Plan = make_plan(settings, {name: one.files for name, one in self.prepared.items()})
            self.record = Record(worker[_RECORDED])
        else:
            self.plan = make_plan(settings)
            self.record = Record(())
            if not settings.resume:  # a folder in use is a usage error, told before anything starts
                for name in self.plan.corpora:
                    RunFolder(run_path(settings, name, self.plan.model.name, time.localtime())).refuse_existing()
        self.began = self._asking = self._answered = time.monotonic()
        self._asked: list[dict[str, Any]] = []
        self._count(self.plan.items)
        self.servers: list[LlamaServer] = []

    @property
    def workers(self) -> int:
        """How many servers run at once; an endpoint is none of them.

        Raises ConfigurationError for more of them on this machine than it has cores: llama.cpp's threads spin.
        """
        if getattr(self.config.option, "dist", "no") == "no" or self.plan.endpoint is not None:
            return 1
        local = local_workers(getattr(self.config.option, "tx", None) or ())
        if local > cores():
            msg = f"{local} servers at once would share {cores()} cores and be many times slower; use -n {cores()}"
            raise ConfigurationError(msg)
        return max(1, local)

    def prepare(self) -> None:
        """On the controller, before the first item: run folders, trimming, token counts, the context size."""
        if self.plan.endpoint is None:
            self.plan, self.prepared, self._targets = prepare(self.plan, self.workers)
        else:
            self.prepared, self._targets = prepare_served(self.plan)
        recorded = []
        for name, target in self._targets.items():
            identity = Identity(self.prepared[name].identity)
            recorded += target.answers(identity)
            self.notes += [f"{name}: {note}" for note in (*target.notes, *target.changes(identity))]
        self.record = Record(recorded)
        self._count(self.plan.items)
        self._asking = time.monotonic()  # a model may have been fetched up to now

    def collect(self) -> None:
        """Where items are only listed: know which they are."""
        if self.plan.endpoint is None:
            self.plan = trim_alone(self.plan)

    def worker_input(self) -> dict[str, Any]:
        """What workers need of it, plain."""
        return {
            _WORKER_INPUT: {name: one.asdict() for name, one in self.prepared.items()},
            _RECORDED: self.record.recorded,
        }

    def begin_item(self, item: pytest.Item) -> None:
        """Start the item's row, so that an item whose server fails says what it was all the same."""
        callspec = getattr(item, "callspec", None)
        if callspec is None or "recall" not in getattr(item, "fixturenames", ()):
            return
        ask = callspec.params.get("kv_function")
        if isinstance(ask, Ask):
            chosen = self.plan.corpora[ask.cell.corpus]
            item.stash[ROW] = {"test": getattr(item, "originalname", item.name)}
            add_to_row(item, cell_facts(ask.cell, chosen.question(ask.function).function, chosen.corpus.total_lines))

    def recorded(self, item: pytest.Item, cell: Cell, function: str) -> dict[str, Any] | None:
        """The recorded row of an item that need not be asked for, None for one that has to be."""
        return self.record.answer(_key(cell, function), item.stash[ROW]["test"])

    def judge(self, corpus: str) -> Judge:
        """Judges recorded answers to this corpus's questions."""
        if corpus not in self._judges:
            self._judges[corpus] = Judge(self.plan.corpora[corpus], self.plan.settings)
        return self._judges[corpus]

    def take(self, report: pytest.TestReport) -> tuple[Cell, bool] | None:
        """Record the row of a finished item; (its cell, whether to say that it is complete), None for other reports.

        Of a cell that was on record as a whole nothing is said.
        Only on the controller. A row that cannot be written ends the session, with those before it intact.
        """
        row = getattr(report, REPORT_FIELD, None)
        if row is None or self.is_worker:
            return None
        cell = cell_of(row)
        row["key"] = self.prepared[cell.corpus].key
        if not row.get(RECORDED):
            self._asked.append(row)
            self._answered = time.monotonic()
            self._to_ask[cell] -= 1
        if self.record.take(row):
            self._write(cell.corpus, {**row, "at": time.strftime("%Y-%m-%dT%H:%M:%S%z")})
        self._left[cell] -= 1
        return cell, self._left[cell] == 0 and cell in map(cell_of, self._asked)

    def _write(self, corpus: str, row: Mapping[str, Any]) -> None:
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

    def lose(self, report: pytest.TestReport) -> None:
        """Give xdist's report of an item whose worker died the row that the worker cannot send any more: an ERROR."""
        test, _, label = report.nodeid.rpartition("::")[2].removesuffix("]").partition("[")
        ask = next((ask for ask in self.plan.items if self.plan.item_label(ask) == label), None)
        if ask is None or any(_is_of(row, ask) for row in self.rows(ask.cell.corpus)):
            return
        chosen = self.plan.corpora[ask.cell.corpus]
        told = f"the worker that asked it was killed, and its server with it; it is not asked again ({report.longrepr})"
        report.when, report.longrepr = "setup", told  # an ERROR, as that of a server that died
        facts = cell_facts(ask.cell, chosen.question(ask.function).function, chosen.corpus.total_lines)
        outcome = {**dict.fromkeys(_SCORED), "response": "", "outcome": ERROR, "error": told}
        setattr(report, REPORT_FIELD, {"test": test, **facts, **outcome})

    def expect(self, items: Iterable[pytest.Item]) -> None:
        """Count what was collected, where this process collects: -k and -m may have left items out."""
        asks = [getattr(getattr(item, "callspec", None), "params", {}).get("kv_function") for item in items]
        if collected := [ask for ask in asks if isinstance(ask, Ask)]:
            self._count(collected)

    def _count(self, asks: Iterable[Ask]) -> None:
        """Know what is to come: items by cell, and those of them that are not on record."""
        asks = list(asks)
        self._items = Counter(ask.cell for ask in asks)
        self._left = self._items.copy()
        self._to_ask = Counter(
            ask.cell for ask in asks if self.record.answer(_key(ask.cell, ask.function), None) is None
        )

    @property
    def cells_total(self) -> int:
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

    def left_seconds(self) -> float | None:
        """How long the rest is going to take, as it went up to the last answer; None before the first."""
        begun = set(map(cell_of, self._asked))
        cells_left = sum(count > 0 and cell not in begun for cell, count in self._to_ask.items())
        elapsed = self._answered - self._asking
        left = eta_seconds(self._asked, elapsed, cells_left=cells_left, items_left=self.items_left())
        return None if left is None else max(0.0, left - (time.monotonic() - self._answered))

    def finish(self) -> None:
        """Note in run.json when the run ended and how many items it has."""
        for name, one in self.prepared.items():
            counts = Counter(row["outcome"] for row in self.record.rows(name))
            try:
                about = one.run.about()
                one.run.write_about(
                    {
                        **about,
                        "ended": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
                        "wall_seconds": round(about.get("wall_seconds", 0.0) + time.monotonic() - self.began, 3),
                        "outcomes": {key: counts[key] for key in (PASSED, FAILED, ERROR)},
                    }
                )
            except (OSError, RunFolderError):  # the results are what counts, and they are there
                continue
        release(self._targets)


def _key(cell: Cell, function: str) -> Item:
    return cell.corpus, cell.pair.ctk, cell.pair.ctv, cell.replicate, function


def cell_of(row: Mapping[str, Any]) -> Cell:
    """The cell that a row belongs to."""
    return Cell(row["corpus"], KVPair(row["ctk"], row["ctv"]), row["replicate"])


def _is_of(row: Mapping[str, Any], ask: Ask) -> bool:
    """Whether that is the row of this item."""
    cell = ask.cell
    asked = (cell.pair.ctk, cell.pair.ctv, cell.replicate, ask.function)
    return (row["ctk"], row["ctv"], row["replicate"], row["function"]) == asked


def local_workers(specs: Iterable[str]) -> int:
    """How many of xdist's `--tx` workers run on this machine: `popen`, `3*popen`, `popen//python=...`."""
    count = 0
    for spec in specs:
        times, star, rest = spec.partition("*")
        kind = rest if star else spec
        if kind.startswith("popen"):
            count += int(times) if star else 1
    return count


def add_to_row(item: pytest.Item, facts: Mapping[str, Any]) -> None:
    """Add to an item's row, and to its `user_properties` (plain values only: they travel and are printed)."""
    item.stash[ROW].update(facts)
    item.user_properties.extend((key, value) for key, value in facts.items() if key not in _NOT_PROPERTIES)


def attach_row(item: pytest.Item, report: pytest.TestReport, told: set[str]) -> None:
    """Give the item's row to the report that decides its outcome: a failed set-up (ERROR), else the call.

    A cell's ERROR is all its items' error: after the first only its first line is shown. `told` holds the ones
    that were shown whole.
    """
    row = item.stash.get(ROW, None)
    if row is None or report.skipped:
        return
    if report.when == "setup" and report.failed:
        text = report.longreprtext
        outcome = {**dict.fromkeys(_SCORED), "response": row.get("response", ""), "outcome": ERROR, "error": text}
        if text in told:
            report.longrepr = f"{text.splitlines()[0]} (as above)"
        told.add(text)
    elif report.when == "call":
        outcome = {"outcome": PASSED if report.passed else FAILED}
    else:
        return
    setattr(report, REPORT_FIELD, {**row, **outcome})
