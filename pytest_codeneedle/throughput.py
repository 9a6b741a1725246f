"""Tokens per second of each cell, as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.grid import ONE_PASS, View, make_grid, rows_by_pair, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_codeneedle.kvtypes import KVPair

_MILLISECONDS = 1000.0


def decode_lines(rows: Iterable[Mapping[str, Any]], pairs: Iterable[KVPair], view: View = ONE_PASS) -> list[str]:
    """Decoded tokens per second of each cell, over all its answers: the title and the grid.

    The title says where the figures cannot be compared, since several servers shared a device.
    """
    rows, pairs = list(rows), list(pairs)
    speeds = tokens_per_second(rows, pairs, view)
    shared = max((int(row.get("servers_on_device") or 1) for row in rows), default=1)
    title = "decode tokens/s"
    title += f" (not comparable: {shared} servers shared a device)" if shared > 1 else ""
    return [title, *table(make_grid(rows, pairs, view), lambda cell: _shown(speeds[cell.pair]))]


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
