"""What one pytest process knows of the grid, and what the controller collects from the items' reports."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.cell import cell_facts
from pytest_codeneedle.errors import ConfigurationError, RunFolderError
from pytest_codeneedle.grid import ERROR, FAILED, PASSED
from pytest_codeneedle.kvtypes import KVPair
from pytest_codeneedle.machine import cores
from pytest_codeneedle.plan import Ask, Cell, Plan, make_plan
from pytest_codeneedle.prepare import prepare, trim_alone
from pytest_codeneedle.prepared import Prepared, run_folders
from pytest_codeneedle.served_cell import prepare_served

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_codeneedle.launch import LlamaServer
    from pytest_codeneedle.settings import Settings

#: One item's result row as far as it is known, and what JUnit and HTML reports get of it.
ROW = pytest.StashKey[dict[str, Any]]()
SESSION = pytest.StashKey["GridSession"]()
#: The name under which a row travels in a TestReport from worker to controller.
REPORT_FIELD = "codeneedle_row"
_WORKER_INPUT = "codeneedle"
#: Kept out of `user_properties`: the response belongs into the run folder alone.
_NOT_PROPERTIES = ("response", "after")
#: The keys that every row has; an ERROR has no score.
_SCORED = ("primary_matched", "lcs_matched", "hallucinated", "bonus_matched")


class GridSession:
    """The plan, the settled facts, the servers of this process, and on the controller the rows that came in."""

    def __init__(self, settings: Settings, config: pytest.Config) -> None:
        self.config = config
        self.prepared: dict[str, Prepared] = {}
        worker = getattr(config, "workerinput", None)
        self.is_worker = worker is not None
        if worker is not None:
            self.prepared = {name: Prepared(**facts) for name, facts in worker[_WORKER_INPUT].items()}
            self.plan: Plan = make_plan(settings, {name: one.files for name, one in self.prepared.items()})
        else:
            self.plan = make_plan(settings)
            run_folders(self.plan, time.localtime())  # a folder in use is a usage error, told before anything starts
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in self.plan.corpora}
        self.servers: list[LlamaServer] = []
        self.began = time.monotonic()
        self._left: Counter[Cell] = Counter(ask.cell for ask in self.plan.items)

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
            self.plan, self.prepared = prepare(self.plan, self.workers)
        else:
            self.prepared = prepare_served(self.plan)
        self._left = Counter(ask.cell for ask in self.plan.items)

    def collect(self) -> None:
        """Where items are only listed: know which they are."""
        if self.plan.endpoint is None:
            self.plan = trim_alone(self.plan)

    def worker_input(self) -> dict[str, Any]:
        """What workers need of it, plain."""
        return {_WORKER_INPUT: {name: one.asdict() for name, one in self.prepared.items()}}

    def begin_item(self, item: pytest.Item) -> None:
        """Start the item's row, so that an item whose server fails says what it was all the same."""
        callspec = getattr(item, "callspec", None)
        if callspec is None or "recall" not in getattr(item, "fixturenames", ()):
            return
        ask = callspec.params.get("kv_function")
        if isinstance(ask, Ask):
            chosen = self.plan.corpora[ask.cell.corpus]
            item.stash[ROW] = {}
            add_to_row(item, cell_facts(ask.cell, chosen.question(ask.function).function, chosen.corpus.total_lines))

    def take(self, report: pytest.TestReport) -> tuple[Cell, bool] | None:
        """Record the row of a finished item; (its cell, whether the cell is complete), None for other reports.

        Only on the controller. A row that cannot be written ends the session, with those before it intact.
        """
        row = getattr(report, REPORT_FIELD, None)
        if row is None or self.is_worker:
            return None
        cell = Cell(row["corpus"], KVPair(row["ctk"], row["ctv"]), row["replicate"])
        self.rows[cell.corpus].append(row)
        try:
            self.prepared[cell.corpus].run.append(row)
        except OSError as error:
            msg = f"a result could not be written to {self.prepared[cell.corpus].folder}: {error.strerror}"
            raise pytest.exit.Exception(msg, returncode=pytest.ExitCode.INTERNAL_ERROR) from error
        self._left[cell] -= 1
        return cell, self._left[cell] == 0

    def lose(self, report: pytest.TestReport) -> None:
        """Give xdist's report of an item whose worker died the row that the worker cannot send any more: an ERROR."""
        name = report.nodeid.rpartition("::")[2]
        label = name.partition("[")[2].removesuffix("]")
        ask = next((ask for ask in self.plan.items if self.plan.item_label(ask) == label), None)
        if ask is None or any(_is_of(row, ask) for row in self.rows[ask.cell.corpus]):
            return
        chosen = self.plan.corpora[ask.cell.corpus]
        told = f"the worker that asked it was killed, and its server with it; it is not asked again ({report.longrepr})"
        report.when, report.longrepr = "setup", told  # an ERROR, as that of a server that died
        report.location = (*report.location[:2], name)
        facts = cell_facts(ask.cell, chosen.question(ask.function).function, chosen.corpus.total_lines)
        outcome = {**dict.fromkeys(_SCORED), "response": "", "outcome": ERROR, "error": told}
        setattr(report, REPORT_FIELD, {**facts, **outcome})

    def expect(self, items: Iterable[pytest.Item]) -> None:
        """Count what was collected, where this process collects: -k and -m may have left items out."""
        asks = [getattr(getattr(item, "callspec", None), "params", {}).get("kv_function") for item in items]
        self._left = Counter(ask.cell for ask in asks if isinstance(ask, Ask)) or self._left

    @property
    def cells_total(self) -> int:
        """Cells with items to ask."""
        return len(self._left)

    def cells_done(self) -> int:
        """Cells with no item left."""
        return sum(left <= 0 for left in self._left.values())

    def finish(self) -> None:
        """Note in run.json when the run ended and how many items it has."""
        for name, one in self.prepared.items():
            counts = Counter(row["outcome"] for row in self.rows[name])
            try:
                about = one.run.about()
                one.run.write_about(
                    {
                        **about,
                        "ended": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
                        "wall_seconds": round(time.monotonic() - self.began, 3),
                        "outcomes": {key: counts[key] for key in (PASSED, FAILED, ERROR)},
                    }
                )
            except (OSError, RunFolderError):  # the results are what counts, and they are there
                continue


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
