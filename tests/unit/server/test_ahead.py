"""When the next server has to be started to be ready in time; whose life it is, integration tests say."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.server.ahead import Ahead, Pace


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that is set by hand."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def due_at(clock: list[float], pace: Pace, answer_seconds: float, items: int = 16) -> int:
    """How many items of a cell are left when the next server is due, that item included."""
    for left in range(items, 0, -1):
        if pace.due("cell", left):
            return left
        clock[0] += answer_seconds
    raise AssertionError


@pytest.mark.parametrize(
    ("load", "answer", "left"),
    [
        pytest.param(20.0, 7.0, 4, id="20 s of loading are 3 answers, and half as much again"),
        pytest.param(0.1, 7.0, 1, id="a fast load waits for the last answer"),
        pytest.param(1000.0, 1.0, 15, id="a slow one begins once an answer was timed"),
    ],
)
def test_the_next_server_is_due_when_it_takes_as_long_as_what_is_left(
    clock: list[float], load: float, answer: float, left: int
) -> None:
    """Half as much again, for answers differ."""
    pace = Pace()
    pace.loads(load)

    assert left == due_at(clock, pace, answer)


def test_a_server_that_loaded_ahead_says_little_of_loading(clock: list[float]) -> None:
    """It was waited for a moment only: the longest wait is what loading takes."""
    pace = Pace()
    pace.loads(20.0)
    pace.loads(0.0)

    assert 4 == due_at(clock, pace, 7.0)


@given(st.integers(1, 50))
def test_the_last_item_is_always_due(cells: int) -> None:
    """Also of cells of one item, and before anything was timed."""
    pace = Pace()

    assert all(pace.due(cell, 1) for cell in range(cells))


def test_nothing_is_due_where_it_is_off() -> None:
    """And stopping what never began does nothing."""
    ahead = Ahead(on=False)

    assert not ahead.due("cell", 1)
    ahead.stop()
    assert ahead.loading is None
