"""The margins of each cell, and their paired differences to the reference on the same text; grids as plain text."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.grid import ONE_PASS, by_function, make_grid, rows_by_pair, table
from pytest_codeneedle.margins import percentile, read, under
from pytest_codeneedle.pairing import reference_rows
from pytest_codeneedle.sessions import session_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_codeneedle.grid import Cell, View
    from pytest_codeneedle.kvtypes import KVPair

    Rows = Iterable[Mapping[str, Any]]
    #: Of each pass of each session: place -> margin.
    Passes = Mapping[tuple[str, int], Mapping[int, float]]

_NONE = "-"
_PERCENT = 100.0


@dataclass(frozen=True)
class CellMargins:
    """Over all tokens that count (see `margins`) in a cell's answers: nats, nats, the share under 1 nat, how many."""

    mean: float
    p1: float
    under_1: float
    tokens: int


@dataclass(frozen=True)
class Difference:
    """One function in a cell minus in the reference, over the `tokens` that both have at the same places of its text.

    `mean` of the margins, and of their 1st percentile (nats); the mean over passes.
    """

    mean: float
    p1: float
    tokens: int


def cell_margins(rows: Rows, pairs: Iterable[KVPair], view: View = ONE_PASS) -> dict[KVPair, CellMargins]:
    """The margins of each pair; pairs without any are left out."""
    found = {}
    for pair, items in rows_by_pair(rows, pairs, view).items():
        values = [value for item in items if item.get("margins") for value in read(item["margins"]).values()]
        if values:
            found[pair] = CellMargins(statistics.fmean(values), percentile(values), under(values), len(values))
    return found


def margin_lines(rows: Rows, pairs: Iterable[KVPair], view: View = ONE_PASS, *, verbose: bool = False) -> list[str]:
    """The grid of mean margins, title first; Nothing without margins.

    With `verbose` also those of 1st percentiles and of the tokens under 1 nat.
    """
    rows, pairs = list(rows), list(pairs)
    found = cell_margins(rows, pairs, view)
    if not found:
        return []
    grids: dict[str, Callable[[CellMargins], float]] = {"mean log-probability margin, nats": lambda cell: cell.mean}
    if verbose:
        grids["1st percentile of the margins, nats"] = lambda cell: cell.p1
        grids["tokens with a margin under 1 nat, %"] = lambda cell: _PERCENT * cell.under_1
    grid = make_grid(rows, pairs, view)
    lines: list[str] = []
    for title, figure in grids.items():

        def shown(cell: Cell, figure: Callable[[CellMargins], float] = figure) -> str:
            return f"{figure(found[cell.pair]):.2f}" if cell.pair in found else _NONE

        lines += [*([""] if lines else []), title, *table(grid, shown)]
    return lines


def differences(
    rows: Rows, pairs: Iterable[KVPair], reference: KVPair, view: View = ONE_PASS
) -> dict[KVPair, dict[str, Difference]]:
    """Function -> difference of each pair to the reference, whose own are zero; empty where it has no margins.

    Functions without common tokens are left out, and answers of a session without the reference's.
    """
    rows = list(rows)
    found = rows_by_pair(rows, pairs, view)
    base = {name: _passes(items) for name, items in by_function(reference_rows(rows, reference, view)).items()}
    against: dict[KVPair, dict[str, Difference]] = {}
    for pair, items in found.items():
        mine = {name: _passes(of_one) for name, of_one in by_function(items).items() if base.get(name)}
        compared = {name: _difference(passes, base[name]) for name, passes in mine.items()}
        against[pair] = {name: one for name, one in compared.items() if one is not None}
    return against if any(against.values()) else {}


def _passes(rows: Rows) -> Passes:
    """Of each pass of each session with margins: place -> margin."""
    return {(session_of(row), row.get("replicate") or 0): read(row["margins"]) for row in rows if row.get("margins")}


def _difference(passes: Passes, base: Passes) -> Difference | None:
    """Pass by pass within a session; a pass that its reference lacks is held against the first that it has."""
    first: dict[str, Mapping[int, float]] = {}
    for (session, _), margins in base.items():
        first.setdefault(session, margins)
    found = [
        _of_pass(mine, base.get((session, number)) or first[session])
        for (session, number), mine in passes.items()
        if session in first
    ]
    told = [one for one in found if one is not None]
    if not told:
        return None
    return Difference(
        statistics.fmean(one.mean for one in told),
        statistics.fmean(one.p1 for one in told),
        sum(one.tokens for one in told),
    )


def _of_pass(mine: Mapping[int, float], its: Mapping[int, float]) -> Difference | None:
    common = mine.keys() & its.keys()
    if not common:
        return None
    values, base = ([one[place] for place in common] for one in (mine, its))
    return Difference(
        statistics.fmean(a - b for a, b in zip(values, base, strict=True)),
        percentile(values) - percentile(base),
        len(common),
    )
