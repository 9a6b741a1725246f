"""Where one session asked on several hosts or devices: how the cells were shared out, and how alike these are.

A worker takes the next cell that nobody has, in an order that is shuffled, so no place stands for a type. That is not
known of each sweep, and the reference is asked twice only: what can be compared is compared, and the rest is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.cells import place_of
from pytest_codeneedle.figures import few, p_is, signed
from pytest_codeneedle.grid import items_of
from pytest_codeneedle.pairing import lines_of_rows
from pytest_codeneedle.sessions import session_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.kvtypes import KVPair

    Rows = Sequence[Mapping[str, Any]]


def several_places(rows: Rows, reference: KVPair) -> list[str]:
    """A sentence for each session whose cells ran in several places; nothing where each had one host and device."""
    sessions: dict[str, list[Mapping[str, Any]]] = {}
    for row in items_of(rows):
        sessions.setdefault(session_of(row), []).append(row)
    found = [_told(of_session, reference) for _, of_session in sorted(sessions.items())]
    return list(dict.fromkeys(one for one in found if one))


def _told(rows: Rows, reference: KVPair) -> str:
    places: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row.get("host") or row.get("device"):
            places.setdefault(_name(row), []).append(row)
        elif row["outcome"] != "error":
            places.setdefault("local", []).append(row)
    if len(places) < 2:  # noqa: PLR2004 - all in one place
        return ""
    shares = few([f"{len({place_of(row) for row in of_place})} on {name}" for name, of_place in sorted(places.items())])
    return f"one session, several places: {shares}; {_compared(places, reference)}"


def _name(row: Mapping[str, Any]) -> str:
    parts = [str(row["host"])] if row.get("host") else []
    return " ".join([*parts, *([f"device {row['device']}"] if row.get("device") else [])])


def _compared(places: Mapping[str, Rows], reference: KVPair) -> str:
    """The reference of each further place against that of the first, function by function."""
    lines = {
        name: of_reference
        for name, rows in sorted(places.items())
        if (of_reference := lines_of_rows(row for row in rows if place_of(row).pair == reference))
    }
    if len(lines) < 2:  # noqa: PLR2004 - nothing to hold against it
        where = f"on {next(iter(lines))} alone" if lines else "nowhere"
        return f"{reference} has answers {where}: what a place does cannot be told from what its cells do"
    from pytest_codeneedle.paired import contrast  # noqa: PLC0415 - scipy loads where a test is made

    (first, base), *others = lines.items()
    told = []
    for name, mine in others:
        found = contrast([mine[function] - base[function] for function in base if function in mine])
        differs = "no line differs" if found.tied else f"{signed(found.mean)} lines ({p_is(found.p)})"
        told.append(f"on {name} against {first}: {differs if found.n else 'no function in common'}")
    return f"{reference} {'; '.join(told)}"
