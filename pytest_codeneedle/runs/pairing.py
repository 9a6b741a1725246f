"""The figures of a run as statistics take them, rightly paired: a cell is held against its own session's reference.

A session that asks anything asks the reference. What a cell has more or less than the reference is therefore known in
each session by itself, function by function; of several sessions these differences are averaged. Each host or device of
one session counts as a session. This is the only place where figures of different cells meet: whoever judges takes what
comes from here.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_codeneedle.core.cells import place_of
from pytest_codeneedle.core.kv_types import is_quantized
from pytest_codeneedle.runs.grid import View, by_function, items_by_session, mean_lines, rows_by_pair
from pytest_codeneedle.runs.sessions import TURN, conditions_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair

    Lines = Mapping[str, float]
    #: Session -> function -> lines.
    BySession = Mapping[str, Lines]
    Rows = Sequence[Mapping[str, Any]]


class SessionEnds(NamedTuple):
    """The reference's first pass and last in the session of this `number`, the earliest is 1, function by function.

    `silent` ones gave no answer in the last, which counts as one without a line; with 0 such functions are left out.
    """

    number: int
    silent: int
    first: Lines
    last: Lines


@dataclass(frozen=True)
class AskedTwice:
    """The reference's first pass in a session and its last, function by function: lines, averaged over `sessions`.

    `first` and `last` have what was answered both times. `silent` functions were answered in the first pass, and asked
    in the last without an answer; `lost` are the two passes with each of these as a last answer that has no line.
    `late` ones were answered in the last alone: of what the reference cannot do at first nothing is known.
    `apart` has each of several sessions: what rises in one and falls in another is nothing on average.

    `outermost` says that in each of them no other cell was asked before the first or after the last: the order in
    which the answers came, not the one that was planned. `lacking` of the sessions that asked other cells tell nothing.
    """

    first: Lines
    last: Lines
    sessions: int
    outermost: bool
    lost: tuple[Lines, Lines]
    silent: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()
    lacking: int = 0
    apart: tuple[SessionEnds, ...] = ()

    @property
    def differ(self) -> bool:
        """Whether the two are not the same, in any session."""
        return bool(self.silent) or self.first != self.last or any(one.first != one.last for one in self.apart)


@dataclass(frozen=True)
class Paired:
    """Function -> lines of each cell, such that a cell's difference to the reference is that within its sessions.

    Of one session they are the lines as they are: the mean over the passes that gave a score. Of several sessions a
    function without the reference's answer in its own session is left out, and `apart` are the pairs that have no
    other. `references` are the reference's own lines in each session that has some, the earliest first; `counted` are
    the sessions that asked other cells. `twice` is None where the reference was asked once. `borrowed` are pairs that
    are held against the mean of the other sessions' references. `unpaired` are the answers that were left out of the
    pairs that have others: how many came in a session without the reference's, which another session has.
    `within` are the differences of pairs that several sessions asked, in each of these, the earliest first.
    """

    cells: Mapping[KVPair, Lines]
    apart: frozenset[KVPair]
    references: BySession
    counted: tuple[str, ...]
    twice: AskedTwice | None
    borrowed: frozenset[KVPair] = frozenset()
    unpaired: Mapping[KVPair, int] = field(default_factory=dict)
    within: Mapping[KVPair, BySession] = field(default_factory=dict)

    @property
    def weakest(self) -> Lines | None:
        """The reference's lines where it recalled least, of the sessions that asked other cells."""
        known = [lines for session, lines in self.references.items() if session in self.counted]
        return min(known, key=lambda lines: statistics.fmean(lines.values()), default=None)


def borrowing(found: Paired, rows: Rows, pairs: Iterable[KVPair], reference: KVPair, view: View) -> Paired:
    """The same with the pairs that are apart held against the mean of the references that there are.

    Only where these are known to be alike.
    """
    cells = _stood_in(found, _in_view(rows, pairs, view), found.apart, reference)
    borrowed = frozenset(pair for pair in found.apart if cells[pair])
    return replace(found, cells=cells, apart=found.apart - borrowed, borrowed=borrowed)


def with_unpaired(found: Paired, rows: Rows, pairs: Iterable[KVPair], reference: KVPair, view: View) -> Paired:
    """The same with the unpaired answers too, each against the mean of the references that there are.

    Alike or not: a second way to look at these pairs, not one to take the place of the first.
    """
    return replace(found, cells=_stood_in(found, _in_view(rows, pairs, view), found.unpaired, reference), unpaired={})


def paired(rows: Rows, pairs: Iterable[KVPair], reference: KVPair, view: View) -> Paired:
    """The figures of one grid. As in `rows_by_pair`, pairs that were not planned and have rows are among them."""
    found = _in_view(rows, pairs, view)
    references = by_session(reference_rows(rows, reference, view))
    others = {session for pair, cell in found.items() if pair != reference for session in cell}
    counted = tuple(sorted(others or set(references)))
    known: set[str] = set().union(*references.values())
    cells: dict[KVPair, Lines] = {}
    centre = _means(figure for session in counted for figure in references.get(session, {}).items())
    for pair, cell in found.items():
        its = references if pair == reference else cell
        cells[pair] = its.get(counted[0], {}) if len(counted) == 1 else _placed(its, references, counted, centre)
    apart = frozenset(pair for pair, cell in found.items() if any(cell.values()) and not cells[pair])
    unpaired = {
        pair: sum(len(lines.keys() & known - references.get(session, {}).keys()) for session, lines in cell.items())
        for pair, cell in found.items()
        if pair != reference and pair not in apart
    }
    return Paired(
        cells=cells,
        apart=apart,
        references=references,
        counted=counted,
        twice=_twice(rows, reference, view, counted, [*references]),
        unpaired={pair: answers for pair, answers in unpaired.items() if answers},
        within={
            pair: differences
            for pair, cell in found.items()
            if pair != reference and len(differences := _differences(cell, references)) > 1
        },
    )


def _differences(cell: BySession, references: BySession) -> dict[str, Lines]:
    """Session -> function -> what the cell has more than that session's reference, where both have any."""
    every = {
        session: {name: lines - base[name] for name, lines in cell[session].items() if name in base}
        for session, base in references.items()
        if session in cell
    }
    return {session: found for session, found in every.items() if found}


def mean_differences(found: Paired, reference: KVPair) -> dict[KVPair, float]:
    """How many lines each other cell has more than the reference, the mean over the functions that both answered."""
    base = found.cells.get(reference, {})
    differences = {
        pair: [lines - base[name] for name, lines in cell.items() if name in base]
        for pair, cell in found.cells.items()
        if pair != reference
    }
    return {pair: statistics.fmean(of_cell) for pair, of_cell in differences.items() if of_cell}


def reference_rows(rows: Rows, reference: KVPair, view: View) -> list[Mapping[str, Any]]:
    """What stands for the reference in each session: the passes that a grid shows, else the further one at the end."""
    found: list[Mapping[str, Any]] = []
    for items in _of_reference(rows, reference, view).values():
        shown = [row for row in items if view.shows(row)]
        found += shown if by_function(shown) else items
    return found


def by_session(items: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Session -> function -> lines of these rows of one cell: sessions with a score, the mean over passes."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in items:
        rows.setdefault(conditions_of(row), []).append(row)
    lines = {session: lines_of_rows(of_session) for session, of_session in sorted(rows.items())}
    return {session: found for session, found in lines.items() if found}


def both_ways(
    rows: Rows, pairs: Iterable[KVPair], reference: KVPair, one: View, other: View
) -> tuple[dict[KVPair, dict[str, float]], dict[KVPair, dict[str, float]]]:
    """The lines of each cell in either view, of those functions that can be held together.

    Those are the ones that a session asked both ways; each figure is the mean over such sessions. Where one session
    asked the one and another the other, each stands by its difference to its session's reference: that is only so of
    a reference to which the views are the same, since it is not quantized.
    """
    pairs = list(pairs)
    found = [_in_view(rows, pairs, view) for view in (one, other)]
    bases = [by_session(reference_rows(rows, reference, view)) for view in (one, other)]
    steady = not (is_quantized(reference.ctk) or is_quantized(reference.ctv))
    figures: tuple[dict[KVPair, dict[str, float]], ...] = ({}, {})
    for pair in dict.fromkeys((*found[0], *found[1])):
        ours, theirs = (of_view.get(pair, {}) for of_view in found)
        common = [
            (function, ours[session][function], theirs[session][function])
            for session in ours.keys() & theirs.keys()
            for function in ours[session]
            if function in theirs[session]
        ]
        together = [_means((entry[0], float(entry[at])) for entry in common) for at in (1, 2)]
        apart = _by_reference((ours, theirs), bases) if steady else ({}, {})
        for of_view, same, by_base in zip(figures, together, apart, strict=True):
            of_view[pair] = {**by_base, **same}
    return figures[0], figures[1]


def _in_view(rows: Rows, pairs: Iterable[KVPair], view: View) -> dict[KVPair, dict[str, dict[str, float]]]:
    return {pair: by_session(items) for pair, items in rows_by_pair(rows, pairs, view).items()}


def _by_reference(
    cell: tuple[BySession, BySession], bases: Sequence[BySession]
) -> tuple[dict[str, float], dict[str, float]]:
    """One cell in two views, each as if its sessions had had the mean reference of both."""
    centre = _means(figure for base in bases for lines in base.values() for figure in lines.items())
    ours, theirs = (_placed(of_view, base, [*of_view], centre) for of_view, base in zip(cell, bases, strict=True))
    names = ours.keys() & theirs.keys()
    return {name: ours[name] for name in names}, {name: theirs[name] for name in names}


def lines_of_rows(items: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Function -> lines of these rows, the mean over those that were scored."""
    return {name: mean_lines(scored) for name, scored in by_function(items).items()}


def _means(figures: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The mean of each name's figures."""
    found: dict[str, list[float]] = {}
    for name, figure in figures:
        found.setdefault(name, []).append(figure)
    return {name: statistics.fmean(of_name) for name, of_name in found.items()}


def _stood_in(
    found: Paired, cells: Mapping[KVPair, BySession], pairs: Iterable[KVPair], reference: KVPair
) -> dict[KVPair, Lines]:
    """All cells, those of `pairs` with the mean of the references that there are where their session has none."""
    every = _means(figure for lines in found.references.values() for figure in lines.items())
    references = {session: {**every, **found.references.get(session, {})} for session in found.counted}
    centre = {**every, **found.cells[reference]}
    placed = {pair: _placed(cells[pair], references, found.counted, centre) for pair in pairs}
    return {**found.cells, reference: centre, **placed}


def _placed(cell: BySession, references: BySession, counted: Sequence[str], centre: Lines) -> dict[str, float]:
    """The cell's lines as if the reference had been the same in all sessions: `centre`, its mean over them."""
    differences = _means(
        (name, lines - references[session][name])
        for session, its in cell.items()
        for name, lines in its.items()
        if session in counted and name in references.get(session, {})
    )
    return {name: centre[name] + difference for name, difference in differences.items() if name in centre}


def _of_reference(rows: Rows, reference: KVPair, view: View) -> dict[str, list[Mapping[str, Any]]]:
    """All that each session asked of it, the further pass too, with what it gave no answer to."""
    every = replace(view, repeat=sys.maxsize)
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in items_by_session(row for row in rows if place_of(row).pair == reference and every.shows(row)):
        found.setdefault(conditions_of(row), []).append(row)
    return dict(sorted(found.items()))


def _twice(
    rows: Rows, reference: KVPair, view: View, counted: Iterable[str], sessions: Sequence[str]
) -> AskedTwice | None:
    turns = {id(row): (row.get(TURN) or 0, at) for at, row in enumerate(rows)}
    figures: dict[str, list[tuple[str, float, float | None]]] = {}
    late: set[str] = set()
    outermost: dict[str, bool] = {}
    for session, items in _of_reference(rows, reference, view).items():
        passes: dict[int, list[Mapping[str, Any]]] = {}
        for row in items:
            passes.setdefault(place_of(row).replicate, []).append(row)
        in_order = sorted(passes.values(), key=lambda one: min(turns[id(row)] for row in one))
        if len(in_order) < 2:  # noqa: PLR2004 - first and last
            continue
        begun, ended = lines_of_rows(in_order[0]), lines_of_rows(in_order[-1])
        asked_first, asked_last = ({row["function"] for row in one} for one in (in_order[0], in_order[-1]))
        late |= (ended.keys() & asked_first) - begun.keys()
        both = [(name, lines, ended.get(name)) for name, lines in begun.items() if name in asked_last]
        if both:
            figures[session] = both
            beside = [row for row in rows if conditions_of(row) == session]
            others = [turns[id(row)] for row in beside if place_of(row).pair != reference]
            before, after = (max(turns[id(row)] for row in in_order[0]), min(turns[id(row)] for row in in_order[-1]))
            outermost[session] = all(before < turn < after for turn in others)
    if not outermost and not late:
        return None
    every = [figure for of_session in figures.values() for figure in of_session]
    (first, last), lost = _ends(every), _ends(every, missing=0.0)
    apart = figures.items() if len(figures) > 1 else ()  # one is all there is
    return AskedTwice(
        first=first,
        last=last,
        sessions=len(outermost),
        outermost=all(outermost.values()),
        lost=lost,
        silent=frozenset(name for name, _, end in every if end is None),
        late=frozenset(late),
        lacking=sum(session not in outermost for session in counted),
        apart=tuple(ends for session, found in apart for ends in _of_session(sessions.index(session) + 1, found)),
    )


def _of_session(number: int, figures: Sequence[tuple[str, float, float | None]]) -> Iterator[SessionEnds]:
    """Missing answers left out, and, where there are some, counted as lost."""
    silent = sum(end is None for _, _, end in figures)
    yield SessionEnds(number, 0, *_ends(figures))
    if silent:
        yield SessionEnds(number, silent, *_ends(figures, missing=0.0))


def _ends(
    figures: Iterable[tuple[str, float, float | None]], missing: float | None = None
) -> tuple[dict[str, float], dict[str, float]]:
    """The first lines of each function and the last; where there are none `missing`, and without it left out."""
    known = [(name, lines, missing if end is None else end) for name, lines, end in figures]
    return (
        _means((name, lines) for name, lines, end in known if end is not None),
        _means((name, end) for name, _, end in known if end is not None),
    )
