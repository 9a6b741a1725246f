"""The session that runs among those of its runs: its id, the order of its answers, what it asks and judges anew."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import FAILED, PASSED
from pytest_codeneedle.core.errors import CellError
from pytest_codeneedle.core.machine import describe
from pytest_codeneedle.plugin.rows import PACKAGED, cell_of, error_facts
from pytest_codeneedle.recall.answer import Answer
from pytest_codeneedle.runs.sessions import SESSION, TURN, new_session, place_named, session_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pytest_codeneedle.core.cells import Cell
    from pytest_codeneedle.plugin.session import GridSession


def now() -> str:
    """The time as run.json and rows have it: local, with its zone."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


class OwnSession:
    """Its id, and how many answers have come."""

    def __init__(self) -> None:
        self.id = new_session()
        self._began = now()
        self._turn = 0

    def stamp(self, row: dict[str, Any]) -> None:
        """Say in a row that was asked now which session asked it, as which, and when."""
        self._turn += 1
        row.update({SESSION: self.id, TURN: self._turn, "at": now()})

    def facts(self) -> dict[str, Any]:
        """What run.json says of it."""
        return {"id": self.id, "began": self._began, "machine": describe()}

    def ended(self, sessions: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The sessions of a run.json, with the time in this one."""
        return [{**one, "ended": now()} if one["id"] == self.id else one for one in sessions]


def begin(grid: GridSession, spared: Collection[Cell] = ()) -> None:
    """Have the reference asked of each corpus of which anything is; the cells of `spared` are not asked after all.

    What other sessions have on record beside the answers that count here is judged as this session judges.
    """
    wanted = {ask.cell.corpus for ask in grid.plan.items if ask.cell not in spared and grid.has_to_ask(ask)}
    references = {cell for name in wanted for cell in grid.plan.references(name)}
    grid.record.ask_anew(lambda row: cell_of(row) in references)
    grid.count(grid.plan.items)
    for name in wanted:
        run = grid.prepared[name].run
        about = run.about()
        run.write_about({**about, "sessions": [*about.get("sessions", ()), grid.own.facts()]})
    for row in grid.record.past():
        _judge_anew(grid, row)


def references_left(grid: GridSession) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """The passes over references that are still to be asked, label -> corpus, and where this session asked one.

    That as (place, corpus): the controller may have asked before there are workers.
    """
    plan = grid.plan
    cells = {ask.cell for ask in plan.items if grid.has_to_ask(ask)}
    left = {plan.label(cell): name for name in plan.corpora for cell in plan.references(name) if cell in cells}
    asked = {
        (place_named(row), name)
        for name in plan.corpora
        for row in grid.record.rows(name)
        if session_of(row) == grid.own.id and cell_of(row) in plan.references(name)
    }
    return left, asked


def _judge_anew(grid: GridSession, row: Mapping[str, Any]) -> None:
    asked = grid.plan.corpora[row["corpus"]].asked
    if row["function"] not in {question.function.name for question in asked}:
        return
    try:
        found = grid.judge(row["corpus"]).judge(row["function"], Answer.recorded(row), row["prompt_cache"])
    except CellError as error:
        facts = error_facts(str(error), row.get("response") or "")
    else:
        facts = found.facts()
        if row.get("test") == PACKAGED:
            facts["outcome"] = PASSED if found.passed else FAILED
    judged = {**row, **facts}
    if grid.record.judge_anew(judged):
        grid.write(row["corpus"], judged)
