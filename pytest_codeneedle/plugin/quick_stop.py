"""`--kv-quick` on the controller: looks after each stage, and has nothing more asked once the answer is settled."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.core.text import wrapped
from pytest_codeneedle.plugin.rows import REPORT_FIELD, cell_of
from pytest_codeneedle.runs.grid import View
from pytest_codeneedle.stats.quick import LOOKS, settled_by_rows, stages

if TYPE_CHECKING:
    from pytest_codeneedle.core.cells import Cell
    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.plugin.session import GridSession

_REASON = "settled: --kv-quick"


def start(session: pytest.Session, grid: GridSession) -> None:
    """Look after each stage, where --kv-quick is given."""
    if grid.plan.settings.quick:
        session.config.pluginmanager.register(QuickStop(session.config, grid), "codeneedle-quick")


def spared_by_record(grid: GridSession) -> set[Cell]:
    """The cells that a resumed session will not ask, since what is on record settles it."""
    if not grid.plan.settings.quick:
        return set()
    spared: set[Cell] = set()
    for name in grid.plan.corpora:
        staged = _Staged(grid, name)
        for stage in LOOKS:
            asked = staged.up_to(stage)
            if any(grid.has_to_ask(ask) for ask in grid.plan.items if ask.cell in asked):
                break
            if staged.reason(stage) is not None:
                spared |= set(staged.beyond(stage))
                break
    return spared


def is_spared(report: pytest.TestReport) -> bool:
    """Whether it is of an item that need not be asked."""
    return report.skipped and isinstance(report.longrepr, tuple) and report.longrepr[2].endswith(_REASON)


class _Staged:
    """The cells of one corpus by stage, and what their answers settle.

    `cells` are without the last pass over the reference, which is for the noise floor.
    """

    def __init__(self, grid: GridSession, name: str) -> None:
        settings = grid.plan.settings
        self._grid, self._name, self._settings = grid, name, settings
        self.cells = [cell for cell in grid.plan.cells if cell.corpus == name]
        while (
            settings.calibrate and self.cells and self.cells[-1].pair == settings.reference and self.cells[-1].replicate
        ):
            self.cells.pop()

    def up_to(self, stage: int) -> list[Cell]:
        """Those of that stage and of the ones before it."""
        pairs = self._pairs(stage)
        return [cell for cell in self.cells if cell.pair in pairs]

    def beyond(self, stage: int) -> list[Cell]:
        """Those of later stages."""
        pairs = self._pairs(stage)
        return [cell for cell in self.cells if cell.pair not in pairs]

    def _pairs(self, stage: int) -> set[KVPair]:
        return {pair for group in stages(self._settings.pairs, self._settings.reference)[:stage] for pair in group}

    def reason(self, stage: int) -> str | None:
        """What settles it, with each rotation that is asked for; None where anything is open."""
        settings, told = self._settings, []
        if self._pairs(stage) == set(settings.pairs):
            return None  # nothing is left that could be spared
        for rotation in settings.rotations:
            view = View(settings.repeat, rotation)
            reason = settled_by_rows(
                self._grid.rows(self._name),
                settings.pairs,
                settings.reference,
                stage,
                view=view,
                delta=settings.delta,
                lines=settings.lines,
            )
            if reason is None:
                return None
            told.append(reason if rotation == "default" else f"rotation {rotation}: {reason}")
        return "; ".join(told)


class QuickStop:
    """The controller's hooks. Without xdist what need not be asked is skipped; xdist's workers are not sent it."""

    def __init__(self, config: pytest.Config, grid: GridSession) -> None:
        self._config = config
        self._grid = grid
        self._stages = {name: _Staged(grid, name) for name in grid.plan.corpora}
        self._looks = {name: list(LOOKS) for name in grid.plan.corpora}
        self._settled: dict[str, tuple[int, str]] = {}

    @pytest.hookimpl(trylast=True)  # the row is recorded, and the cell's line is there
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Look where a stage may be complete."""
        if row := getattr(report, REPORT_FIELD, None):
            self.look(row["corpus"])

    def look(self, name: str) -> None:
        """Take each look that is due, once."""
        looks = self._looks[name]
        while looks and name not in self._settled and self._complete(name, looks[0]):
            stage = looks.pop(0)
            reason = self._stages[name].reason(stage)
            if reason is not None:
                self._settled[name] = stage, reason
                self._drop(name, stage)

    def _complete(self, name: str, stage: int) -> bool:
        return not any(self._grid.tally.left_of(cell) for cell in self._stages[name].up_to(stage))

    def _drop(self, name: str, stage: int) -> None:
        if stage == LOOKS[0]:
            self._grid.trendless.add(name)
        spared = self._stages[name].beyond(stage)
        xdist = self._config.pluginmanager.get_plugin("dsession")
        if xdist is not None:
            labels = xdist.sched.drop(map(self._grid.plan.label, spared))
            spared = [cell for cell in spared if self._grid.plan.label(cell) in labels]
        self._grid.drop(spared)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip an item before anything is started for it."""
        if getattr(getattr(item, "callspec", None), "params", {}).get("kv_cell") in self._grid.dropped:
            pytest.skip(_REASON)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
        """The line below the grid stands for the letters of what was spared; -v shows the items."""
        return ("skipped", "", "SKIPPED") if is_spared(report) and config.get_verbosity() <= 0 else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Say why it stopped, or that all was asked; in run.json, too, whose cells are those that were not spared."""
        for name in self._grid.prepared:
            pairs = self._grid.shown_pairs(name)
            stage, reason = self._settled.get(name, (len(LOOKS) + 1, None))
            if reason is not None:
                trend = "; no trend was tested" if stage == LOOKS[0] else ""
                cells = f"{len(pairs)} of {len(self._grid.plan.settings.pairs)} cells"
                said = f"settled after {cells}: {reason}{trend}"
                if any(one.verdict.distrusted for one in self._grid.judged(name).values()):
                    since = "what the reference did at the end unsettles that: ask all cells"
                    said = f"stopped after {cells}, for it seemed settled: {reason}; {since}"
            elif any(self._grid.tally.left_of(cell) for cell in self._stages[name].cells):
                continue  # it was broken off
            else:
                said = f"all {len(pairs)} cells were asked"
            self._grid.said.setdefault(name, []).extend(wrapped(f"--kv-quick: {said}"))
            self._note(name, pairs, {"stage": stage, "settled": reason, "said": said})

    def _note(self, name: str, pairs: tuple[KVPair, ...], facts: dict[str, object]) -> None:
        run, gone = (
            self._grid.prepared[name].run,
            {str(cell.place) for cell in self._grid.dropped if cell.corpus == name},
        )
        with contextlib.suppress(OSError, RunFolderError):  # the results are what counts, and they are there
            about = run.about()
            asked = {str(cell_of(row).place) for row in self._grid.rows(name)}
            cells = [cell for cell in about["cells"] if cell in asked or cell not in gone]
            spared = {str(pair) for pair in self._grid.plan.settings.pairs} - {str(pair) for pair in pairs}
            kept = [pair for pair in about["pairs"] if pair not in spared]
            run.write_about({**about, "pairs": kept, "cells": cells, "quick": facts})
