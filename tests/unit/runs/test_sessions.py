"""Which session a row is of, also where an older version has not said it."""

from __future__ import annotations

from typing import Any

from pytest_codeneedle.runs.sessions import new_session, of_last_session, session_of, with_sessions

STARTED, RESUMED = "2026-11-25T21:19:40+0000", "2026-11-26T08:00:00+0100"


def row(at: str | None, function: str = "f", response: str = "answer", **more: Any) -> dict[str, Any]:
    """A row of q8_0/q8_0."""
    facts = {"ctk": "q8_0", "ctv": "q8_0", "replicate": 0, "function": function, "response": response, "at": at}
    return {**facts, **more}


def test_later_sessions_sort_behind_earlier_ones() -> None:
    """Each has an id of its own, also within a second."""
    ids = [new_session() for _ in range(20)]

    assert 20 == len(set(ids))
    assert sorted(one[:16] for one in ids) == [one[:16] for one in ids]


def test_a_row_that_says_it_keeps_it() -> None:
    """And is the same object: nothing is copied for nothing."""
    known = row(STARTED, session="20260101T000000Z-abcdef")

    assert with_sessions({"started": STARTED}, [known])[0] is known


def test_rows_of_an_older_version_belong_to_the_session_of_their_time() -> None:
    """The times of run.json have zones; a run of one session has all rows in it, whatever they say."""
    rows = [row("2026-11-25T21:20:00+0000"), row("2026-11-26T07:00:01+0000", "g"), row(None, "h")]

    two = with_sessions({"started": STARTED, "resumed": [RESUMED]}, rows)
    assert ["20261125T211940Z", "20261126T070000Z", ""] == [session_of(one) for one in two]
    assert {"20261125T211940Z"} == {session_of(one) for one in with_sessions({"started": STARTED}, rows)}
    assert {""} == {session_of(one) for one in with_sessions({}, rows)}


def test_an_answer_that_was_judged_anew_is_still_of_its_own_session() -> None:
    """It was written again then, with another time; an answer that was asked again is another one."""
    first, later = "2026-11-25T21:20:00+0000", "2026-11-26T09:00:00+0000"
    rows = [row(first), row(later), row(later, response="another")]

    found = with_sessions({"started": STARTED, "resumed": [RESUMED]}, rows)
    assert ["20261125T211940Z", "20261125T211940Z", "20261126T070000Z"] == [session_of(one) for one in found]


def test_the_last_session_of_some_rows() -> None:
    """Rows that say none are of the earliest."""
    rows = [row(None), row(None, session="a"), row(None, session="b"), row(None, "g", session="b")]

    assert rows[2:] == of_last_session(rows)
    assert rows[:1] == of_last_session(rows[:1])
    assert [] == of_last_session([])
