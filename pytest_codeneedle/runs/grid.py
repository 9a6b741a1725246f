"""Result rows -> the 6x6 grids and the summary line, as plain text."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ERROR, PASSED, place_of
from pytest_codeneedle.core.kv_types import KVPair, by_precision
from pytest_codeneedle.core.text import counted, wrapped
from pytest_codeneedle.runs.sessions import session_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_codeneedle.core.cells import Place, Rotation

NO_ANSWER = "err"
NOT_PLANNED = "-"
#: Behind the figure of a cell that has fewer answers than questions.
PARTLY = "*"
_ROUNDS_TO_ZERO = 0.005
CONFIDENCE = 0.95


@dataclass(frozen=True)
class View:
    """Which rows of a run one grid is made of: those of one rotation, and of the first `repeat` passes.

    The further pass over the reference, which tells drift, is in no view.
    """

    repeat: int = 1
    rotation: Rotation = "default"

    def shows(self, row: Mapping[str, Any]) -> bool:
        """Whether the row belongs to it."""
        place = place_of(row)
        return place.rotation == self.rotation and place.replicate < self.repeat


#: A run as most are: one pass, the rotation as the environment has it.
ONE_PASS = View()


@dataclass(frozen=True)
class Cell:
    """The answers of one pair: `matched` primary lines of each scored function, how many passed, how many items erred.

    Of a function that was asked in several passes `matched` is the mean over those that were scored, `passed` the share
    of those that were asked, so that it need not be whole: what gave no answer has not passed. `asked` functions were
    asked for. `as_none` is the mean with each missing answer as one of no line; None where none is missing.
    """

    pair: KVPair
    matched: tuple[float, ...]
    passed: float
    errors: int
    asked: int
    as_none: float | None = None

    @property
    def mean_matched(self) -> float | None:
        """Mean primary_matched over the scored functions; None where none was."""
        return statistics.fmean(self.matched) if self.matched else None

    def mark(self, functions: int = 0) -> str:
        """`PARTLY` where an answer is missing, or fewer functions than these were asked for; else nothing."""
        return PARTLY if self.errors or self.asked < functions else ""


@dataclass(frozen=True)
class Grid:
    """All cells that were planned, answered or not."""

    cells: Mapping[KVPair, Cell]

    @property
    def answered(self) -> list[Cell]:
        """Cells with at least one scored item."""
        return [cell for cell in self.cells.values() if cell.matched]


def make_grid(rows: Iterable[Mapping[str, Any]], pairs: Iterable[KVPair], view: View = ONE_PASS) -> Grid:
    """The grid of that view; of several rows for one item the last counts."""
    found = rows_by_pair(rows, pairs, view)
    return Grid({pair: _cell(pair, items) for pair, items in found.items()})


def rows_by_pair(
    rows: Iterable[Mapping[str, Any]], pairs: Iterable[KVPair], view: View = ONE_PASS
) -> dict[KVPair, list[Mapping[str, Any]]]:
    """The rows that a grid is made of, one for each item: those of `pairs` and of any other pair that has some.

    An item is as `items_of` has them.
    """
    found: dict[KVPair, list[Mapping[str, Any]]] = {pair: [] for pair in pairs}
    for row in items_of(row for row in rows if view.shows(row)):
        found.setdefault(place_of(row).pair, []).append(row)
    return found


def items_of(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One row for each item, the last: a function in one of the passes of one session, for each asks the reference.

    An ERROR counts unless a later session has the answer.
    """
    return [row for item in _by_item(rows) for row in _counting(item)]


def items_by_session(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The same with each ERROR: what the reference did not answer in one session no other session makes good."""
    return [row for item in _by_item(rows) for row in item]


def _by_item(rows: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """The rows of each item, the last of each session, the earliest session first: whenever they were judged."""
    items: dict[tuple[Place, str], dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        items.setdefault((place_of(row), row["function"]), {})[session_of(row)] = row
    return [[item[session] for session in sorted(item)] for item in items.values()]


def _counting(rows: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """One item's rows by session, without the errors that a later session made good."""
    answered = max((at for at, row in enumerate(rows) if row["outcome"] != ERROR), default=-1)
    return (row for at, row in enumerate(rows) if row["outcome"] != ERROR or at > answered)


def by_function(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The scored ones of these rows, as `rows_by_pair` has them, by function: one for each pass that answered."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["outcome"] != ERROR:
            found.setdefault(row["function"], []).append(row)
    return found


def mean_lines(rows: Iterable[Mapping[str, Any]]) -> float:
    """Mean primary_matched of these scored rows."""
    return statistics.fmean(int(row["primary_matched"]) for row in rows)


def _cell(pair: KVPair, rows: Sequence[Mapping[str, Any]]) -> Cell:
    asked: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        asked.setdefault(row["function"], []).append(row)
    errors = sum(row["outcome"] == ERROR for row in rows)
    lines = [[0 if row["outcome"] == ERROR else int(row["primary_matched"]) for row in of] for of in asked.values()]
    return Cell(
        pair=pair,
        matched=tuple(mean_lines(items) for items in by_function(rows).values()),
        passed=math.fsum(statistics.fmean(row["outcome"] == PASSED for row in items) for items in asked.values()),
        errors=errors,
        asked=len(asked),
        as_none=statistics.fmean(map(statistics.fmean, lines)) if errors else None,
    )


def matched_lines(grid: Grid, functions: int = 0) -> list[str]:
    """Mean primary_matched: a header, then one row per ctk; of fewer answers than `functions` with a mark."""
    return table(grid, lambda cell: f"{cell.mean_matched:.2f}{cell.mark(functions)}")


def pass_lines(grid: Grid, functions: int = 0) -> list[str]:
    """How many of `functions` passed, the mean over the passes: a header, then one row per ctk.

    `6/6` where fewer were asked for; what gave no answer has not passed.
    """
    return table(grid, lambda cell: passed_of(cell, functions))


def passed_of(cell: Cell, functions: int = 0) -> str:
    """`7`; `6/6` where fewer than `functions` were asked for."""
    return passed_text(cell.passed) + (f"/{cell.asked}" if cell.asked < functions else "")


def passed_text(passed: float) -> str:
    """`7`, or with two decimals where a function passed in some passes and not in others."""
    return f"{passed:.0f}" if math.isclose(passed, round(passed), abs_tol=1e-6) else f"{passed:.2f}"


def table(grid: Grid, figure: Callable[[Cell], str]) -> list[str]:
    """A header, then one row per ctk with the `figure` of each cell that has an answer."""
    ctks = by_precision(pair.ctk for pair in grid.cells)
    ctvs = by_precision(pair.ctv for pair in grid.cells)
    lines = ["ctk\\ctv" + "".join(f"{ctv:>8}" for ctv in ctvs)]
    for ctk in ctks:
        figures = []
        for ctv in ctvs:
            cell = grid.cells.get(KVPair(ctk, ctv))
            if cell is None:
                figures.append(NOT_PLANNED)
            else:
                figures.append(figure(cell) if cell.matched else NO_ANSWER)
        lines.append(f"{ctk:<7}" + "".join(f"{text:>8}" for text in figures))
    return lines


def summary_line(grid: Grid, functions: int = 0) -> str:
    """Combos, pass mean +/- sd, matched mean +/- sd, range; sd is that of the population of cells, as published.

    Figures have a mark where a cell has fewer answers than `functions`.
    """
    cells = grid.answered
    if not cells:
        return f"combos 0/{len(grid.cells)}: no cell has an answer"
    means = [mean for cell in cells if (mean := cell.mean_matched) is not None]
    fewer = PARTLY if any(cell.asked < functions for cell in cells) else ""
    mark = PARTLY if any(cell.mark(functions) for cell in cells) else ""
    combos = str(len(cells)) if len(cells) == len(grid.cells) else f"{len(cells)}/{len(grid.cells)}"
    return (
        f"combos {combos} | pass {_mean_sd([cell.passed for cell in cells], fewer)} | matched {_mean_sd(means, mark)}"
        f" | range {min(means):.2f}{mark} - {max(means):.2f}{mark}"
    )


def reference_line(
    grid: Grid, reference: KVPair, differences: Mapping[KVPair, float], functions: int = 0
) -> str | None:
    """The reference cell beside the one that differs most from it; None where the reference has no answer.

    `differences` are those of `pairing.mean_differences`: figures of two sessions cannot be held together as they are.
    """
    base = grid.cells.get(reference)
    if base is None or base.mean_matched is None:
        return None
    told = f"reference {reference} {base.mean_matched:.2f}{base.mark(functions)}"
    if not differences:
        return told
    lowest, difference = min(differences.items(), key=lambda one: one[1])
    mark = PARTLY if any(cell.mark(functions) for cell in grid.answered if cell.pair != reference) else ""
    said = "no cell is lower" if difference > -_ROUNDS_TO_ZERO else f"lowest {lowest} {difference:+.2f}"
    return f"{told} | {said}{mark}"


def partly_line(grid: Grid, functions: int) -> str | None:
    """What the mark stands for: means without missing answers, and with them; cells that were asked less."""
    lacking = [cell for cell in grid.answered if cell.errors]
    fewer = [cell for cell in grid.answered if cell.asked < functions]
    parts = []
    if lacking:
        means = [cell.mean_matched if cell.as_none is None else cell.as_none for cell in grid.answered]
        lines = [mean for mean in means if mean is not None]
        spread = f"matched {_mean_sd(lines)}, {min(lines):.2f} at least"
        parts.append(f"of what was answered; as no line of what was not: {spread}")
    if fewer:
        counts = sorted({cell.asked for cell in fewer})
        spread = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        parts.append(f"{counted(len(fewer), 'cell')} asked {spread} of {counted(functions, 'function')}")
    return f"{PARTLY} {'; '.join(parts)}" if parts else None


def error_line(grid: Grid) -> str | None:
    """How many items gave no answer to score, and in how many cells; None where all did."""
    erring = [cell for cell in grid.cells.values() if cell.errors]
    unasked = sum(not cell.asked for cell in grid.cells.values())
    parts = []
    if erring:
        items = counted(sum(cell.errors for cell in erring), "item")
        parts.append(f"{items} in {counted(len(erring), 'cell')} gave no answer to score")
    if unasked:
        parts.append(f"{counted(unasked, 'cell')} {'was' if unasked == 1 else 'were'} not asked")
    return f"{NO_ANSWER}: {'; '.join(parts)}" if parts else None


def limit_line(grid: Grid, *, lines: int) -> str | None:
    """What a flawless grid leaves open: the share of functions that may lose lines all the same.

    The upper limit of an exact interval (Clopper and Pearson 1934), one-sided at 95 %: for no loss in n functions it
    has the closed form 1 - 0.05 ** (1 / n). None where a line was lost, an answer is missing, or nothing was scored.
    """
    functions = min((len(cell.matched) for cell in grid.answered), default=0)
    if not functions or any(cell.errors for cell in grid.cells.values()):
        return None
    if any(count < lines for cell in grid.answered for count in cell.matched):
        return None
    share = 1 - (1 - CONFIDENCE) ** (1 / functions)
    left = f"{counted(functions, 'function')} leave{'s' * (functions == 1)} open"
    return f"no line was lost; {left} up to {100 * share:.0f} % that lose some (95 %)"


def _mean_sd(values: Sequence[float], mark: str = "") -> str:
    return f"{statistics.fmean(values):.2f}{mark} +/- {statistics.pstdev(values):.2f}"


def render(grid: Grid, *, lines: int, functions: int, reference: str | None) -> list[str]:
    """Both grids and the summary: what the terminal and `codeneedle grid` print.

    With a `reference` (`reference_line`) also what a flawless grid leaves open; a verdict says both better.
    """
    parts = [
        f"mean primary_matched /{lines}",
        *matched_lines(grid, functions),
        "",
        f"functions passed /{functions}",
        *pass_lines(grid, functions),
        "",
    ]
    return parts + below(grid, lines=lines, functions=functions, reference=reference)


def below(grid: Grid, *, lines: int, functions: int, reference: str | None) -> list[str]:
    """What stands below both grids: the summary, with a `reference` what `render` says of it, what gave no answer."""
    beside: list[str | None] = []
    if reference is not None:
        beside = [reference, limit_line(grid, lines=lines)]
    said = [*beside, partly_line(grid, functions), error_line(grid)]
    return [summary_line(grid, functions), *(line for one in said if one for line in wrapped(one))]
