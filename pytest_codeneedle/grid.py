"""Result rows -> the 6x6 grids and the summary line, as plain text."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.cells import place_of
from pytest_codeneedle.figures import counted
from pytest_codeneedle.kvtypes import KVPair, by_precision
from pytest_codeneedle.sessions import session_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_codeneedle.cells import Rotation

PASSED, FAILED, ERROR = "passed", "failed", "error"
NO_ANSWER = "err"
NOT_PLANNED = "-"
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

    Of a function that was asked in several passes both are the mean over those that were scored, so that `passed`
    need not be whole.
    """

    pair: KVPair
    matched: tuple[float, ...]
    passed: float
    errors: int

    @property
    def mean_matched(self) -> float | None:
        """Mean primary_matched over the scored functions; None where none was."""
        return statistics.fmean(self.matched) if self.matched else None


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

    An item is a function in one of the passes of one session: each session asks the reference. An ERROR counts unless
    a later session has the answer.
    """
    items: dict[KVPair, dict[tuple[int, str], dict[str, Mapping[str, Any]]]] = {pair: {} for pair in pairs}
    for row in rows:
        if view.shows(row):
            place = place_of(row)
            of_item = items.setdefault(place.pair, {}).setdefault((place.replicate, row["function"]), {})
            of_item.pop(session_of(row), None)
            of_item[session_of(row)] = row
    return {pair: [row for item in of_pair.values() for row in _counting(item)] for pair, of_pair in items.items()}


def _counting(item: Mapping[str, Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """One item's rows by session, without the errors that a later session made good."""
    rows = list(item.values())
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
    scored = by_function(rows)
    return Cell(
        pair=pair,
        matched=tuple(mean_lines(items) for items in scored.values()),
        passed=math.fsum(statistics.fmean(row["outcome"] == PASSED for row in items) for items in scored.values()),
        errors=sum(row["outcome"] == ERROR for row in rows),
    )


def matched_lines(grid: Grid) -> list[str]:
    """Mean primary_matched: a header, then one row per ctk."""
    return table(grid, lambda cell: f"{cell.mean_matched:.2f}")


def pass_lines(grid: Grid) -> list[str]:
    """Functions passed, the mean over the passes: a header, then one row per ctk."""
    return table(grid, lambda cell: passed_text(cell.passed))


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


def summary_line(grid: Grid) -> str:
    """Combos, pass mean +/- sd, matched mean +/- sd, range; sd is that of the population of cells, as published."""
    cells = grid.answered
    if not cells:
        return f"combos 0/{len(grid.cells)}: no cell has an answer"
    means = [mean for cell in cells if (mean := cell.mean_matched) is not None]
    passes = [cell.passed for cell in cells]
    combos = str(len(cells)) if len(cells) == len(grid.cells) else f"{len(cells)}/{len(grid.cells)}"
    return (
        f"combos {combos} | pass {_mean_sd(passes)} | matched {_mean_sd(means)}"
        f" | range {min(means):.2f} - {max(means):.2f}"
    )


def reference_line(grid: Grid, reference: KVPair) -> str | None:
    """The reference cell beside the lowest one; None where the reference has no answer."""
    base = grid.cells.get(reference)
    if base is None or base.mean_matched is None:
        return None
    others = [cell for cell in grid.answered if cell.pair != reference]
    if not others:
        return f"reference {reference} {base.mean_matched:.2f}"
    lowest = min(others, key=lambda cell: cell.mean_matched or 0.0)
    difference = (lowest.mean_matched or 0.0) - base.mean_matched
    said = "no cell is lower" if difference > -_ROUNDS_TO_ZERO else f"lowest {lowest.pair} {difference:+.2f}"
    return f"reference {reference} {base.mean_matched:.2f} | {said}"


def error_line(grid: Grid) -> str | None:
    """How many items gave no answer to score, and in how many cells; None where all did."""
    erring = [cell for cell in grid.cells.values() if cell.errors]
    unasked = sum(not cell.matched and not cell.errors for cell in grid.cells.values())
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
    has the closed form 1 - 0.05 ** (1 / n). None where a line was lost, or where nothing was scored.
    """
    functions = min((len(cell.matched) for cell in grid.answered), default=0)
    if not functions or any(count < lines for cell in grid.answered for count in cell.matched):
        return None
    share = 1 - (1 - CONFIDENCE) ** (1 / functions)
    left = f"{counted(functions, 'function')} leave{'s' * (functions == 1)} open"
    return f"no line was lost; {left} up to {100 * share:.0f} % that lose some (95 %)"


def _mean_sd(values: Sequence[float]) -> str:
    return f"{statistics.fmean(values):.2f} +/- {statistics.pstdev(values):.2f}"


def render(grid: Grid, *, lines: int, functions: int, reference: KVPair | None) -> list[str]:
    """Both grids and the summary: what the terminal and `codeneedle grid` print.

    With a `reference` also the cell below it and what a flawless grid leaves open; a verdict says that better.
    """
    parts = [
        f"mean primary_matched /{lines}",
        *matched_lines(grid),
        "",
        f"functions passed /{functions}",
        *pass_lines(grid),
        "",
    ]
    return parts + below(grid, lines=lines, reference=reference)


def below(grid: Grid, *, lines: int, reference: KVPair | None) -> list[str]:
    """What stands below both grids: the summary, with a `reference` what `render` says of it, what gave no answer."""
    beside = () if reference is None else (reference_line(grid, reference), limit_line(grid, lines=lines))
    return [line for line in (summary_line(grid), *beside, error_line(grid)) if line]
