"""Hosts and devices of one session."""

from __future__ import annotations

from typing import Any

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.stats.several_places import several_places

BF16 = KVPair("bf16", "bf16")


def row(pair: str, function: str, lines: int, replicate: int = 0, **more: Any) -> dict[str, Any]:
    """A row of that pair on both sides."""
    facts = {"ctk": pair, "ctv": pair, "function": function, "replicate": replicate, "outcome": "passed"}
    return {**facts, "primary_matched": lines, "session": "a", **more}


def test_one_place_is_not_spoken_of() -> None:
    """Nor are several sessions that had one each."""
    rows = [row("bf16", "f", 20, device="0"), row("q4_0", "f", 20, device="0")]

    assert [] == several_places([], BF16) == several_places(rows, BF16)
    assert [] == several_places([*rows, row("q8_0", "f", 20, device="1", session="b")], BF16)


def test_the_share_of_the_cells_is_said() -> None:
    """What the reference differs by is told with the verdict: here only which place lacks it."""
    cells = [row("q8_0", "f", 20, device="1"), row("q4_0", "f", 20, device="0")]
    both = [row("bf16", "f", 20, device="0"), *cells, row("bf16", "f", 20, 1, device="1")]

    head = "one session, several places: 2 on device 0, 2 on device 1"
    assert [head] == several_places(both, BF16)


def test_a_place_without_the_reference() -> None:
    """Hosts count as well; this machine has no name."""
    rows = [row("bf16", "f", 20), row("q8_0", "f", 20, host="gpu1", device="0"), row("q4_0", "f", 20)]

    head = "one session, several places: 1 on gpu1 device 0, 2 on local"
    assert [f"{head}; bf16/bf16 has no answers on gpu1 device 0"] == several_places(rows, BF16)
