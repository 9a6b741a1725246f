"""Missing answers: what a grid's rows would say if each of them had been an answer without a line.

A cell that refuses, answers nothing or dies where it would have lost lines looks the better for it if these questions
are left out. So what is said of a grid is found twice, with its rows as they are (missing answers left out) and with
those of `counted_as_lost`, and holds where both say it.

Missing is an ERROR: a question that was asked, twice where that could help. One that was not asked, because a session
ended early or was asked for fewer functions, has no row and is not missing. A question that the reference gave no
answer to is left out of every cell, answered there or not: nothing is known of what the cache costs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_codeneedle.core.cells import ERROR, FAILED, place_of
from pytest_codeneedle.runs.grid import rows_by_pair
from pytest_codeneedle.runs.pairing import by_session, reference_rows
from pytest_codeneedle.runs.sessions import conditions_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.runs.grid import View
    from pytest_codeneedle.stats.paired import Contrast
    from pytest_codeneedle.stats.verdict import Word

    Row = Mapping[str, Any]
    Rows = Sequence[Row]


@dataclass(frozen=True)
class Missing:
    """The missing answers of one view, where the reference answered.

    `functions` are those that lack an answer, by pair: one in any pass is enough; pairs without any are not in it.
    `unknown` are the functions that the reference was asked for and gave no answer to, in no pass.
    """

    functions: Mapping[KVPair, frozenset[str]]
    unknown: frozenset[str]
    _counting: Mapping[KVPair, frozenset[_Question]]
    _view: View

    def counted_as_lost(self, rows: Rows) -> list[Row]:
        """These rows, each missing answer as one that has no line."""
        return [_lost(row) if self._counts(row) else row for row in rows]

    def _counts(self, row: Row) -> bool:
        counts = _question(row) in self._counting.get(place_of(row).pair, ())
        return counts and row["outcome"] == ERROR and self._view.shows(row)


@dataclass(frozen=True)
class Sensitivity:
    """What missing answers do to a cell: `functions` of the reference's lack one there.

    `left_out` is the verdict without these answers (None where no function is left); `lost`, `contrast` and `p_used`
    are as of a `CellVerdict`, each missing answer counted as one that has no line.
    """

    functions: int
    left_out: Word | None
    lost: Word | None
    contrast: Contrast
    p_used: float

    @property
    def agrees(self) -> bool:
        """Whether it makes no difference to the verdict."""
        return self.left_out == self.lost

    def facts(self) -> dict[str, Any]:
        """Plain, for JSON."""
        return {
            "functions": self.functions,
            "left_out": self.left_out,
            "counted_as_lost": self.lost,
            **{f"lost_{name}": value for name, value in self.contrast.facts().items()},
            "lost_p_used": self.p_used,
        }


def missing(rows: Rows, reference: KVPair, view: View) -> Missing:
    """Which answers of that view are missing where `reference` answered the same question in the same session.

    In a pass in which the reference gave no answer none is; in one that it was not asked, its other passes count.
    """
    cells = rows_by_pair(rows, (), view)
    cells.pop(reference, None)
    of_reference = reference_rows(rows, reference, view)
    silent, answered = _errors(of_reference), _answered(of_reference)
    counting = {pair: _lacking(of_pair, silent, answered) for pair, of_pair in cells.items()}
    unknown = frozenset(one.function for one in silent) - {function for _, function in answered}
    return _missing(counting, unknown, view)


def missing_beside(rows: Rows, view: View, other: View) -> Missing:
    """The same where each cell is held against itself in an `other` view, such as one of another rotation."""
    beside = rows_by_pair(rows, (), other)
    counting = {
        pair: _lacking(of_pair, _errors(beside.get(pair, ())), _answered(beside.get(pair, ())))
        for pair, of_pair in rows_by_pair(rows, (), view).items()
    }
    return _missing(counting, frozenset(), view)


def _missing(counting: Mapping[KVPair, frozenset[_Question]], unknown: frozenset[str], view: View) -> Missing:
    functions = {pair: frozenset(one.function for one in found) for pair, found in counting.items() if found}
    return Missing(functions=functions, unknown=unknown, _counting=counting, _view=view)


def _lacking(rows: Rows, silent: Collection[_Question], answered: Collection[tuple[str, str]]) -> frozenset[_Question]:
    """The errors among these rows of a cell, where what it is held against answered, and was not silent itself."""
    return frozenset(one for one in _errors(rows) - set(silent) if (one.session, one.function) in answered)


def _errors(rows: Iterable[Row]) -> set[_Question]:
    return {_question(row) for row in rows if row["outcome"] == ERROR}


def _answered(rows: Iterable[Row]) -> set[tuple[str, str]]:
    """(session, function)."""
    return {(session, function) for session, lines in by_session(rows).items() for function in lines}


class _Question(NamedTuple):
    session: str
    replicate: int
    function: str


def _question(row: Row) -> _Question:
    return _Question(conditions_of(row), place_of(row).replicate, row["function"])


def _lost(row: Row) -> Row:
    return {**row, "outcome": FAILED, "primary_matched": 0}
