"""What is left of a run, and lines that fit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.runs.progress import duration, eta_seconds, fitted, speed

LOAD, READ, PROMPT, WRITE = 2.0, 30.0, 0.5, 3.5


def row(pair: str = "q8_0/q4_0", **facts: Any) -> dict[str, Any]:
    """A row with its cell's facts and the answer's."""
    ctk, ctv = pair.split("/")
    cell = {"corpus": "mini", "ctk": ctk, "ctv": ctv, "replicate": 0}
    times = {"load_seconds": LOAD, "warm_up_ms": 1e3 * READ, "prompt_ms": 1e3 * PROMPT, "predicted_ms": 1e3 * WRITE}
    return {**cell, **times, "tokens": 70, **facts}


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (129, "2:09"), (3599.4, "59:59"), (3729, "1:02:09")]
)
def test_duration(seconds: float, text: str) -> None:
    """Minutes and seconds; hours where there are some."""
    assert text == duration(seconds)


@given(
    cells=st.integers(1, 36),
    functions=st.integers(1, 16),
    asked=st.integers(1, 36 * 16),
    overhead=st.floats(1, 3),
    servers=st.integers(1, 4),
)
def test_what_is_left_is_known_from_the_first_answer(
    cells: int, functions: int, asked: int, overhead: float, servers: int
) -> None:
    """Where cells cost the same, what is left comes out at every point, whatever comes on top of the servers' time."""
    asked = min(asked, cells * functions)
    begun = -(-asked // functions)
    rows = [row(f"k{at // functions}/v") for at in range(asked)]

    def clock(of_cells: int, of_items: int) -> float:
        return overhead * (of_cells * (LOAD + READ) + of_items * (PROMPT + WRITE)) / servers

    left = cells - begun, cells * functions - asked

    eta = eta_seconds(rows, clock(begun, asked), cells_left=left[0], items_left=left[1])
    assert eta == pytest.approx(clock(*left))


def test_nothing_asked_tells_nothing() -> None:
    """Before the first answer there is no telling."""
    assert eta_seconds([], 100.0, cells_left=1, items_left=5) is None


def test_without_times_items_count() -> None:
    """Rows of an endpoint that tells no times, or of errors: the mean over items."""
    rows = [row(load_seconds=None, warm_up_ms=None, prompt_ms=0, predicted_ms=None)] * 2

    assert 25.0 == eta_seconds(rows, 10.0, cells_left=1, items_left=5)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([row(tokens=150, predicted_ms=250), row(tokens=156, predicted_ms=250)], " 612 tok/s"),
        ([row(tokens=10, predicted_ms=4000)], " 2.5 tok/s"),
        ([row(tokens=None, predicted_ms=None), row(tokens=0, predicted_ms=0)], None),
        ([], None),
    ],
)
def test_speed(rows: list[dict[str, Any]], text: str | None) -> None:
    """Tokens of the answers over the time that they took; none where nothing tells."""
    assert text == speed(rows)


@given(
    parts=st.lists(st.one_of(st.none(), st.text("abc ", max_size=30)), max_size=6),
    columns=st.integers(0, 100),
    data=st.data(),
)
def test_a_line_never_wraps(parts: list[str | None], columns: int, data: st.DataObject) -> None:
    """Whatever goes, the last column stays free."""
    first_to_go = data.draw(st.permutations(range(len(parts))))

    assert len(fitted(parts, columns, first_to_go=first_to_go)) < max(1, columns)


def test_parts_go_whole_and_in_their_order() -> None:
    """The first to go goes first; where all have gone the rest is cut."""
    parts = ["cell 1/2", "item 3/8", None, "hit", "0:09 left"]

    assert [
        "cell 1/2  item 3/8  hit  0:09 left",
        "cell 1/2  item 3/8  0:09 left",
        "cell 1/2  0:09 left",
        "cell 1/2  0:0",
    ] == [fitted(parts, columns, first_to_go=(3, 1)) for columns in (35, 34, 28, 14)]
