"""The coloured tables of a grid: matched lines, passes, margins, and lines by the depth at which a function lies."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ERROR
from pytest_codeneedle.core.kv_types import KVPair, by_precision, in_grid_order
from pytest_codeneedle.core.text import counted, percent, shown_line, signed
from pytest_codeneedle.report.heat.colours import Scale
from pytest_codeneedle.runs.grid import NO_ANSWER, NOT_PLANNED, PARTLY, by_function, mean_lines, passed_of, rows_by_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from pytest_codeneedle.runs.design import Frame
    from pytest_codeneedle.runs.grid import Cell, Grid, View
    from pytest_codeneedle.runs.margins import CellMargins

#: What a scale spans at least, below its top: lines or functions, and nats. Less would dramatise noise.
_LEAST_LINES, _LEAST_FUNCTIONS, _LEAST_NATS = 2, 2, 1.0
#: With more functions than these the text is parted into as many parts as `_PARTS`.
_MOST_COLUMNS, _PARTS = 20, 10
_CORNER = "ctk\\ctv"
#: What the figures are, where the unit has no room for it.
_EXPLAINED = {"margins": "The reference's mean; of the others what they have more on the same tokens."}
#: What a field of `-` lacks, where that is not the cell alone.
_EMPTY = {"margins": "not in this run, or no log-probabilities", "depth": "no function lies there"}


def matched_heat(grid: Grid, lines: int, functions: int | None = None) -> Heat:
    """The mean primary_matched of each cell; `lines` were asked for of each of `functions`.

    A figure of fewer answers than questions, or of fewer questions than `functions`, has a mark (`12.00*`), which the
    note explains.
    """
    means = [mean for cell in grid.answered if (mean := cell.mean_matched) is not None]
    scale = _up_to(lines, means, _LEAST_LINES)

    def field(cell: Cell) -> HeatCell:
        mean = cell.mean_matched or 0.0
        told = f"{cell.pair}: {mean:.2f} of {lines} lines on average over {_answered(cell, functions)}"
        return HeatCell(f"{mean:.2f}{cell.mark(functions or 0)}", mean, told + _errors(cell))

    return _of_grid(grid, ("matched", "matched lines", f"mean of {counted(lines, 'line')}"), scale, field)


def passes_heat(grid: Grid, functions: int) -> Heat:
    """How many functions passed in each cell, the mean over its passes; `functions` were asked for.

    Where fewer were the figure is `4/4`, coloured by its share of all functions: what was not asked is no loss. What
    gave no answer has not passed.
    """
    scale = _up_to(functions, [_passing(cell, functions) for cell in grid.answered], _LEAST_FUNCTIONS)

    def field(cell: Cell) -> HeatCell:
        told = f"{cell.pair}: {passed_of(cell)} of {counted(cell.asked, 'function')} passed"
        if cell.asked < functions:
            told = f"{told}, {cell.asked} of {functions} asked"
        return HeatCell(passed_of(cell, functions), _passing(cell, functions), told + _errors(cell))

    return _of_grid(grid, ("passes", "functions passed", f"of {counted(functions, 'function')}"), scale, field)


def margins_heat(grid: Grid, margins_by_pair: Mapping[KVPair, CellMargins], functions: int | None = None) -> Heat:
    """The mean log-probability margin of each cell in nats, minus the reference's on the same tokens; that has its own.

    Marked as `matched_heat`'s, and where so much is lost that the rest says little.
    """
    most = max([_LEAST_NATS, *(abs(one.mean) for one in margins_by_pair.values() if not one.own)])

    def field(cell: Cell) -> HeatCell:
        found = margins_by_pair.get(cell.pair)
        if found is None:
            return HeatCell(NOT_PLANNED, None, f"{cell.pair}: no log-probabilities")
        tokens = f"{counted(found.tokens, 'token')} of {_answered(cell, functions)}"
        mark = cell.mark(functions or 0) or (PARTLY if found.partly else "")
        if found.own:
            told = f"{cell.pair}: mean margin {found.mean:.2f} nats over {tokens}, 1st percentile {found.p1:.2f}"
            return HeatCell(f"{found.mean:.2f}{mark}", 0.0, f"{told}, {100 * found.under_1:.1f} % under 1 nat")
        told = f"{cell.pair}: {signed(found.mean)} nats on {tokens}, {percent(found.share)} of the reference's"
        more = f", 1st percentile {signed(found.p1)}, under 1 nat {signed(100 * found.under_1, 1)} %"
        return HeatCell(f"{signed(found.mean)}{mark}", found.mean, told + more)

    scale = Scale(-most, most, diverging=True)
    return _of_grid(grid, ("margins", "log-probability margins", "nats over ref"), scale, field)


def rotation_heat(grid: Grid) -> Heat:
    """What each cell has more with its rotation on than with it off, in lines; `grid` is `rotation_grid`'s."""
    most = max([_LEAST_LINES, *(abs(cell.mean_matched or 0.0) for cell in grid.answered)])

    def field(cell: Cell) -> HeatCell:
        mean = cell.mean_matched or 0.0
        functions = counted(len(cell.matched), "function")
        told = f"{cell.pair}: {signed(mean)} lines with rotation, {functions}"
        return HeatCell(f"{signed(mean)}{cell.mark()}", mean, f"{told}, answers are missing" if cell.errors else told)

    return _of_grid(
        grid, ("rotation", "rotation on - off", "mean difference in lines"), Scale(-most, most, diverging=True), field
    )


def on_one_scale(heats: Sequence[Heat]) -> list[Heat]:
    """The same heatmaps, those of one key with one scale: a colour then means the same in all of them."""
    scales: dict[str, Scale] = {}
    for heat in heats:
        known = scales.get(heat.key, heat.scale)
        low, high = min(known.low, heat.scale.low), max(known.high, heat.scale.high)
        scales[heat.key] = replace(known, low=low, high=high)
    return [_noted(replace(heat, scale=scales[heat.key])) for heat in heats]


@dataclass(frozen=True)
class _Column:
    """Functions that share a column of the depth heatmap."""

    head: str
    told: str
    functions: frozenset[str]


def depth_heat(rows: Sequence[Mapping[str, Any]], frame: Frame, view: View) -> Heat:
    """Mean lines of each cell by depth: a column for each function, or for each tenth of the text where they are many.

    Functions whose depth nobody recorded have no column; without any there is no column at all.
    """
    items = rows_by_pair(rows, frame.pairs, view)
    errors = {pair: {row["function"] for row in of_pair if row["outcome"] == ERROR} for pair, of_pair in items.items()}
    lines = {
        pair: {name: mean_lines(scored) for name, scored in by_function(of_pair).items()}
        for pair, of_pair in items.items()
    }
    columns = _columns(depths(rows))
    means = {pair: [_mean(of_pair, column) for column in columns] for pair, of_pair in lines.items()}
    scale = _up_to(frame.lines, [one for row in means.values() for one in row if one is not None], _LEAST_LINES)
    return _noted(
        Heat(
            key="depth",
            title="lines by depth",
            unit=f"of {counted(frame.lines, 'line')}",
            corner="ctk/ctv",
            columns=tuple(column.head for column in columns),
            rows=tuple(
                (
                    str(pair),
                    tuple(
                        _deep(pair, one, mean, frame.lines, errors[pair])
                        for one, mean in zip(columns, means[pair], strict=True)
                    ),
                )
                for pair in in_grid_order(lines)
            ),
            scale=scale,
            note="",
        )
    )


def depths(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Function -> share of the text above it, 0 to 1, in the order of the text; those that no row places are left out.

    Of one that rows place differently the least counts.
    """
    found: dict[str, float] = {}
    for row in rows:
        if row.get("depth") is not None:
            depth = float(row["depth"])
            found[row["function"]] = min(depth, found.get(row["function"], depth))
    return dict(sorted(found.items(), key=lambda one: (one[1], one[0])))


def _columns(placed: Mapping[str, float]) -> list[_Column]:
    if len(placed) <= _MOST_COLUMNS:
        heads = _heads(list(placed.values()))
        return [
            _Column(head, f"{shown_line(name)} at {head}", frozenset({name}))
            for head, name in zip(heads, placed, strict=True)
        ]
    columns = []
    for part in range(_PARTS):
        inside = frozenset(name for name, depth in placed.items() if min(int(depth * _PARTS), _PARTS - 1) == part)
        head = f"{100 * part // _PARTS}-{100 * (part + 1) // _PARTS} %"
        columns.append(_Column(head, f"{counted(len(inside), 'function')} at {head}", inside))
    return columns


def _heads(placed: Sequence[float]) -> list[str]:
    """Percents; with a decimal where two would be the same without."""
    whole = [f"{100 * depth:.0f} %" for depth in placed]
    return whole if len(set(whole)) == len(whole) else [f"{100 * depth:.1f} %" for depth in placed]


def _mean(of_pair: Mapping[str, float], column: _Column) -> float | None:
    values = [lines for name, lines in of_pair.items() if name in column.functions]
    return statistics.fmean(values) if values else None


def _deep(pair: KVPair, column: _Column, mean: float | None, lines: int, errors: Collection[str]) -> HeatCell:
    if mean is None:
        text = NO_ANSWER if column.functions else NOT_PLANNED
        return HeatCell(text, None, f"{pair}, {column.told}: no score")
    shown = f"{mean:.1f}".removesuffix(".0")
    mark = "" if column.functions.isdisjoint(errors) else PARTLY
    return HeatCell(f"{shown}{mark}", mean, f"{pair}, {column.told}: {shown} of {lines} lines")


def _of_grid(grid: Grid, names: tuple[str, str, str], scale: Scale, field: Callable[[Cell], HeatCell]) -> Heat:
    """`names` are key, title and unit."""
    ctks, ctvs = by_precision(pair.ctk for pair in grid.cells), by_precision(pair.ctv for pair in grid.cells)
    return _noted(
        Heat(
            *names,
            corner=_CORNER,
            columns=ctvs,
            rows=tuple((ctk, tuple(_field(grid, KVPair(ctk, ctv), field) for ctv in ctvs)) for ctk in ctks),
            scale=scale,
            note="",
        )
    )


def _field(grid: Grid, pair: KVPair, field: Callable[[Cell], HeatCell]) -> HeatCell:
    cell = grid.cells.get(pair)
    if cell is None:
        return HeatCell(NOT_PLANNED, None, f"{pair}: not part of this run")
    if cell.matched:
        return field(cell)
    if cell.errors:
        return HeatCell(NO_ANSWER, None, f"{pair}: no answer to score, {counted(cell.errors, 'error')}")
    return HeatCell(NO_ANSWER, None, f"{pair}: not asked")


def _errors(cell: Cell) -> str:
    return f", {counted(cell.errors, 'error')}" if cell.errors else ""


def _answered(cell: Cell, functions: int | None) -> str:
    """`8 functions`; `4 of 8 functions` where fewer have a score than were asked for."""
    scored = len(cell.matched)
    if functions is None or scored >= functions:
        return counted(scored, "function")
    return f"{scored} of {counted(functions, 'function')}"


def _passing(cell: Cell, functions: int) -> float:
    """On the scale of all functions, what those say that were asked."""
    return cell.passed * functions / cell.asked if cell.asked < functions else cell.passed


def _up_to(top: float, values: Iterable[float], least: float) -> Scale:
    """From the lowest value, but not too near to the top, up to it."""
    return Scale(min([*values, max(0.0, top - least)]), top)


def _noted(heat: Heat) -> Heat:
    """With a note of what its colours and its signs mean, as far as it has them."""
    texts = {cell.text for _, cells in heat.rows for cell in cells}
    said = [_EXPLAINED[heat.key]] if heat.key in _EXPLAINED and heat.is_scaled else []
    if heat.is_scaled:
        low, high = (f"{end:.2f}".rstrip("0").removesuffix(".") for end in (heat.scale.low, heat.scale.high))
        if heat.scale.diverging:
            said.append(f"Colours run from {low} (brown: less) over 0 (white) to {high} (purple: more).")
        else:
            said.append(f"Colours run from {low} (dark) to {high} (light).")
    if any(text.endswith(PARTLY) for text in texts):
        lost = ", or many tokens of the reference are not there" if heat.key == "margins" else ""
        said.append(f"{PARTLY} not all questions were asked and answered{lost}.")
    if any("/" in text for text in texts):
        said.append("n/m: passed of those asked, where not all were.")
    if NO_ANSWER in texts:
        said.append(f"{NO_ANSWER}: no answer.")
    if NOT_PLANNED in texts:
        said.append(f"{NOT_PLANNED}: {_EMPTY.get(heat.key, 'not in this run')}.")
    return replace(heat, note=" ".join(said))


@dataclass(frozen=True)
class HeatCell:
    """One field: the figure as printed (`err` and `-` too), its value on the scale, what is told to whoever asks.

    `value` is None where there is none to colour.
    """

    text: str
    value: float | None
    told: str


@dataclass(frozen=True)
class Heat:
    """A table whose fields are coloured: `rows` are (label, one field for each of `columns`).

    `key` tells it from the others of a page: `matched`, `passes`, `margins`, `depth`, `rotation`. `unit` is that of its
    figures, `note` what the colours mean.
    """

    key: str
    title: str
    unit: str
    corner: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[HeatCell, ...]], ...]
    scale: Scale
    note: str

    @property
    def is_scaled(self) -> bool:
        """Whether there are two figures or more for colours to compare."""
        return sum(cell.value is not None for _, cells in self.rows for cell in cells) > 1
