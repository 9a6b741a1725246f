from __future__ import annotations

from typing import Any

import pytest

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.report.text.grids import Speeds, decode_lines, speeds

PAIRS = [KVPair("q8_0", "q8_0"), KVPair("q8_0", "q4_0"), KVPair("q4_0", "q4_0")]


def row(ctv: str, function: str, **facts: Any) -> dict[str, Any]:
    """An answer of q8_0/ctv."""
    return {
        "ctk": "q8_0",
        "ctv": ctv,
        "function": function,
        "outcome": "passed",
        "primary_matched": 20,
        **facts,
    }


def test_tokens_over_time() -> None:
    """The tokens of a cell over the time of all its answers; `-` where no time was told, `err` without an answer."""
    rows = [
        row("q8_0", "one", tokens=100, predicted_ms=1000.0),
        row("q8_0", "two", tokens=200, predicted_ms=4000.0),
        row("q4_0", "one", tokens=100, predicted_ms=0.0),
    ]
    assert [
        "decode tokens/s",
        "ctk\\ctv    q8_0    q4_0",
        "q8_0       60.0       -",
        "q4_0          -     err",
    ] == decode_lines(rows, PAIRS, PAIRS[0])


def test_shared_device() -> None:
    """Figures of servers that shared a device are not compared."""
    rows = [row("q8_0", "one", tokens=1, predicted_ms=1.0, servers_on_device=count) for count in (1, 2)]
    assert "decode tokens/s (not comparable: 2 servers shared a device)" == decode_lines(rows, PAIRS, PAIRS[0])[0]


@pytest.mark.parametrize(
    ("again", "unlike"), [(1000.0, ""), (1080.0, ""), (2000.0, "q8_0/q8_0 itself had 50.0 to 100.0")]
)
def test_a_reference_that_differs_from_itself(again: float, unlike: str) -> None:
    """Its further pass, which no grid shows, says whether the machine was the same for all."""
    rows = [
        row("q8_0", "one", tokens=100, predicted_ms=1000.0),
        row("q4_0", "one", tokens=100, predicted_ms=500.0),
        row("q8_0", "one", tokens=100, predicted_ms=again, replicate=1),
    ]
    assert Speeds({PAIRS[0]: 100.0, PAIRS[1]: 200.0}, unlike) == speeds(rows, PAIRS[:2], PAIRS[0])
    title = f"decode tokens/s{f' (not comparable: {unlike})' if unlike else ''}"
    assert title == decode_lines(rows, PAIRS, PAIRS[0])[0]
