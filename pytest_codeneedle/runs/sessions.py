"""Which session asked a row, and where: servers, devices and builds drift, so a value is held against one of its own.

Each row has the id of its session and its turn in it, counted from 1: the order in which answers really came. Rows of
older versions have neither; their time and the times of run.json say which session they are of.
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: The keys of a row.
SESSION, TURN = "session", "turn"
#: The session of rows of which nothing tells when they were asked.
_UNKNOWN = ""
#: What tells an answer from another, however it was judged.
_OF_AN_ANSWER = ("ctk", "ctv", "rotation", "replicate", "function", "response", "prompt_ms", "predicted_ms")
#: Between a session and a place, and how a place without a name is called beside others.
_AT, HERE = " on ", "local"
_STAMP = "%Y%m%dT%H%M%SZ"
_RANDOM_BYTES = 3


def new_session() -> str:
    """An id of its own: later sessions sort behind earlier ones, also where machines merge their runs."""
    return f"{dt.datetime.now(dt.UTC):{_STAMP}}-{secrets.token_hex(_RANDOM_BYTES)}"


def is_unique(session: str) -> bool:
    """Whether an id is that of one session alone; what the time of an older version's run stands for may be several."""
    return "-" in session


def session_of(row: Mapping[str, Any]) -> str:
    """The id of the session that asked it; nothing where that is not known."""
    return str(row.get(SESSION) or _UNKNOWN)


def conditions_of(row: Mapping[str, Any]) -> str:
    """The session that asked it and its place in that: what is asked under the same conditions can be compared."""
    place = place_named(row)
    return f"{session_of(row)}{_AT}{place}" if place else session_of(row)


def place_named(row: Mapping[str, Any]) -> str:
    """The host and the device that it was asked on: `gpu1 device 0`; nothing for this machine and all its devices."""
    device = f"device {row['device']}" if row.get("device") else ""
    return " ".join(filter(None, (str(row.get("host") or ""), device)))


def parted(conditions: str) -> tuple[str, str]:
    """The session and the place that `conditions_of` gave."""
    session, _, place = conditions.partition(_AT)
    return session, place


def with_sessions(about: Mapping[str, Any], rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, each with its session where that is known; `about` is run.json, which says when sessions began.

    A row of an older version belongs to the last session that had begun at its time. Where its answer was only judged
    anew then, it belongs to the one that asked it.
    """
    began: list[tuple[dt.datetime, str]] | None = None
    known: dict[tuple[Any, ...], str] = {}
    told = []
    for row in rows:
        if SESSION in row:
            told.append(row)
            continue
        began = _began(about) if began is None else began
        answer = tuple(row.get(key) for key in _OF_AN_ANSWER)
        session = known.setdefault(answer, _by_time(row, began))
        told.append({**row, SESSION: session} if session else row)
    return told


def of_last_session(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of the newest session among them."""
    last = max(map(session_of, rows), default=_UNKNOWN)
    return [row for row in rows if session_of(row) == last]


def _began(about: Mapping[str, Any]) -> list[tuple[dt.datetime, str]]:
    """When each session began, in order, and its id: the time itself."""
    moments = [moment for one in (about.get("started"), *about.get("resumed", ())) if (moment := _moment(one))]
    return [(moment, f"{moment:{_STAMP}}") for moment in sorted(moments)]


def _by_time(row: Mapping[str, Any], began: Sequence[tuple[dt.datetime, str]]) -> str:
    moment = _moment(row.get("at"))
    if len(began) < 2 or moment is None:  # noqa: PLR2004 - it can be of one alone
        return began[0][1] if len(began) == 1 else _UNKNOWN
    return max((one for one in began if one[0] <= moment), default=began[0])[1]


def _moment(text: object) -> dt.datetime | None:
    """A time as run.json has it, in UTC; one without a zone is taken as that."""
    try:
        moment = dt.datetime.fromisoformat(str(text))
        return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None
