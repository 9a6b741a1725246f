"""The rows that a session knows: those recorded before it and those that it takes, of each item the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import place_of
from pytest_codeneedle.core.text import counted
from pytest_codeneedle.runs.sessions import session_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_ERROR = "error"
#: The packaged test in rows, those of earlier versions too; those of imported runs name none.
_PACKAGED = ("test_recall", "::test_recall", None)
#: What of a row depends on how an answer is judged, and may differ when it is judged anew.
_JUDGED = ("outcome", "primary_matched", "lcs_matched", "hallucinated", "bonus_matched", "label", "confused_with")

#: A row's mark while it travels: its answer was not asked for now.
RECORDED = "recorded"

Item = tuple[str, str, str, str, int, str]


class Record:
    """What is known of each item. `recorded` are the answers that are not asked for again.

    `silent` are rows of earlier sessions without an answer, which nothing that is asked now makes good.
    """

    def __init__(self, recorded: Iterable[dict[str, Any]], silent: Iterable[dict[str, Any]] = ()) -> None:
        self.recorded = [dict(row) for row in recorded]
        self._answers: dict[Item, list[dict[str, Any]]] = {}
        self._rows: dict[tuple[Item, str | None, str], dict[str, Any]] = {}
        self._taken: set[Item] = set()
        for row in self.recorded:
            self._answers.setdefault(item_of(row), []).append(row)
            self._rows[_place(row)] = row
        for row in silent:
            self._rows.setdefault(_place(row), dict(row))

    def answer(self, item: Item, test: str | None) -> dict[str, Any] | None:
        """The recorded answer to (corpus, ctk, ctv, rotation, replicate, function): that of this test, else of another.

        Of several sessions the last one's. None where it has to be asked for.
        """
        rows = self._answers.get(item, [])
        return next((row for row in reversed(rows) if row.get("test") == test), rows[-1] if rows else None)

    def ask_anew(self, is_asked: Callable[[Mapping[str, Any]], bool]) -> None:
        """Have these recorded rows answer nothing any more: this session asks the same. They stay known."""
        self.recorded = [row for row in self.recorded if not is_asked(row)]
        for rows in self._answers.values():
            rows[:] = [row for row in rows if not is_asked(row)]

    def past(self) -> list[dict[str, Any]]:
        """The answers that are none to this session's items: another session's stands for them, or will."""
        answers = {id(self.answer(item, row.get("test"))) for item, rows in self._answers.items() for row in rows}
        return [row for row in self._rows.values() if id(row) not in answers and row["outcome"] != _ERROR]

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Answers that were taken by now, and are not asked for again."""
        for row in rows:
            self.recorded.append(row)
            self._answers.setdefault(item_of(row), []).append(row)

    def take(self, row: dict[str, Any]) -> bool:
        """Know this row from now on; whether it has to be written.

        One that came out of the record (`RECORDED` in it, which is taken out) has not, unless it is judged otherwise.
        """
        recorded = row.pop(RECORDED, False)
        self._taken.add(item_of(row))
        judged_otherwise = self.judge_anew(row)
        return not recorded or judged_otherwise

    def judge_anew(self, row: dict[str, Any]) -> bool:
        """Know this row in the place of the one that it is about; whether it is judged otherwise."""
        known = self._rows.get(_place(row), {})
        self._rows[_place(row)] = row
        return any(known.get(name) != row.get(name) for name in _JUDGED)

    def is_taken(self, item: Item) -> bool:
        """Whether this session has a row of that item, asked or recalled."""
        return item in self._taken

    def rows(self, corpus: str) -> list[dict[str, Any]]:
        """The last row of every item and session of a corpus, an answer behind an ERROR of the same item."""
        rows = decisive([row for row in self._rows.values() if row["corpus"] == corpus])
        return sorted(rows, key=lambda row: (session_of(row), row["outcome"] != _ERROR))


def is_packaged(row: Mapping[str, Any]) -> bool:
    """Whether it is of the packaged test, or of an imported run, which names none."""
    return row.get("test") in _PACKAGED


def decisive(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without those of other tests about what the packaged one has an answer to in the same session.

    A user's own test asks for more, or less, than the measurement does.
    """
    rows = list(rows)
    answered = {_asked(row) for row in rows if is_packaged(row) and row.get("outcome", _ERROR) != _ERROR}
    return [row for row in rows if is_packaged(row) or _asked(row) not in answered]


def lost_answers(about: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> str:
    """What is said where `about`, a run.json, counts more answers than there are; nothing where all are there.

    `rows` are all that results.jsonl has: a file that was cut at a line's end, emptied or lost looks whole by itself.
    """
    counts = about.get("outcomes") or {}
    recorded = sum(count for outcome, count in counts.items() if outcome != _ERROR)
    answers = (row for row in rows if row["outcome"] != _ERROR and row.get("key") == about.get("key"))
    lost = recorded - len({(place_of(row), row["function"], row.get("test"), session_of(row)) for row in answers})
    if lost <= 0:
        return ""
    were, way = ("was", "asks it again") if lost == 1 else ("were", "asks them again")
    what = f"{counted(lost, 'answer')} of {recorded} that {were} recorded {'is' if lost == 1 else 'are'} not there"
    return f"{what}: results.jsonl is cut or lost; bring it back from a copy, or go on (--kv-resume), which {way}"


def _asked(row: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("corpus", "ctk", "ctv", "function")
    return (*map(row.get, names), row.get("rotation", "default"), row.get("replicate", 0), session_of(row))


def item_of(row: Mapping[str, Any]) -> Item:
    """What a row is about: (corpus, ctk, ctv, rotation, replicate, function). Rows of older runs have no rotation."""
    rotation = row.get("rotation", "default")
    return row["corpus"], row["ctk"], row["ctv"], rotation, row["replicate"], row["function"]


def _place(row: Mapping[str, Any]) -> tuple[Item, str | None, str]:
    return item_of(row), row.get("test"), session_of(row)
