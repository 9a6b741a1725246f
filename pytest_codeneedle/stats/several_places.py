"""Where one session asked on several hosts or devices: how the cells were shared out, and who lacks the reference.

A worker takes the next cell that nobody has, in an order that is shuffled, so no place stands for a type. That is not
known of each sweep, so each cell is held against its own place's reference (see `pairing`), and this is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ERROR, place_of
from pytest_codeneedle.core.text import few
from pytest_codeneedle.runs.grid import items_of
from pytest_codeneedle.runs.sessions import HERE, place_named, session_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair

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
        place = place_named(row)
        if place or row["outcome"] != ERROR:
            places.setdefault(place or HERE, []).append(row)
    if len(places) < 2:  # noqa: PLR2004 - all in one place
        return ""
    shares = few([f"{len({place_of(row) for row in of_place})} on {name}" for name, of_place in sorted(places.items())])
    told = f"one session, several places: {shares}"
    without = few([name for name, of_place in sorted(places.items()) if not _answered(of_place, reference)])
    return f"{told}; {reference} has no answers on {without}" if without else told


def _answered(rows: Rows, reference: KVPair) -> bool:
    return any(row["outcome"] != ERROR for row in rows if place_of(row).pair == reference)
