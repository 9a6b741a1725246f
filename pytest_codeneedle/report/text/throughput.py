"""Tokens per second of each cell, as plain text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import place_of
from pytest_codeneedle.runs.grid import ONE_PASS, View, make_grid, rows_by_pair, table
from pytest_codeneedle.runs.sessions import session_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair

_MILLISECONDS = 1000.0
#: Two passes over one cell whose speeds differ by more than this share had no machine to themselves.
_ALIKE = 0.1


@dataclass(frozen=True)
class Speeds:
    """Decoded tokens per second of each pair, None where no server told it; `unlike` says why they are not comparable.

    It is empty where nothing tells that they are not.
    """

    by_pair: Mapping[KVPair, float | None]
    unlike: str = ""


def speeds(
    rows: Iterable[Mapping[str, Any]], pairs: Iterable[KVPair], reference: KVPair, view: View = ONE_PASS
) -> Speeds:
    """The speeds of one grid. The reference is asked several times: where it differs from itself, so may all others."""
    rows = list(rows)
    shared = max((int(row.get("servers_on_device") or 1) for row in rows), default=1)
    unlike = f"{shared} servers shared a device" if shared > 1 else _unsteady(rows, reference, view)
    return Speeds(tokens_per_second(rows, pairs, view), unlike)


def _unsteady(rows: Sequence[Mapping[str, Any]], reference: KVPair, view: View) -> str:
    """The reference's slowest pass and its fastest, those that no grid shows too; nothing where they are alike."""
    passes: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        place = place_of(row)
        if (place.pair, place.rotation) == (reference, view.rotation):
            passes.setdefault((session_of(row), place.replicate), []).append(row)
    known = [speed for items in passes.values() if (speed := _speed(items)) is not None]
    if not known or max(known) <= (1 + _ALIKE) * min(known):
        return ""
    return f"{reference} itself had {min(known):.1f} to {max(known):.1f}"


def decode_lines(
    rows: Iterable[Mapping[str, Any]], pairs: Iterable[KVPair], reference: KVPair, view: View = ONE_PASS
) -> list[str]:
    """Decoded tokens per second of each cell, over all its answers: the title and the grid.

    The title says where the figures cannot be compared.
    """
    rows, pairs = list(rows), list(pairs)
    found = speeds(rows, pairs, reference, view)
    title = f"decode tokens/s{f' (not comparable: {found.unlike})' if found.unlike else ''}"
    return [title, *table(make_grid(rows, pairs, view), lambda cell: _shown(found.by_pair[cell.pair]))]


def tokens_per_second(
    rows: Iterable[Mapping[str, Any]], pairs: Iterable[KVPair], view: View = ONE_PASS
) -> dict[KVPair, float | None]:
    """Decoded tokens per second of each pair, over all its answers; None where no server told it."""
    return {pair: _speed(items) for pair, items in rows_by_pair(rows, pairs, view).items()}


def _speed(items: Sequence[Mapping[str, Any]]) -> float | None:
    """Tokens over the time they took."""
    timed = [item for item in items if item.get("tokens") and item.get("predicted_ms")]
    if not timed:
        return None
    tokens = sum(int(item["tokens"]) for item in timed)
    return _MILLISECONDS * tokens / sum(float(item["predicted_ms"]) for item in timed)


def _shown(speed: float | None) -> str:
    return "-" if speed is None else f"{speed:.1f}"
