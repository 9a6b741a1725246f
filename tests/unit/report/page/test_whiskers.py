"""Where dots and whiskers stand."""

from __future__ import annotations

import pages_made
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.report.page.model import Mark, SidePicture
from pytest_codeneedle.report.page.whiskers import LEFT, RIGHT, WIDTH, whiskers

FIGURES = st.floats(-1e4, 1e4).map(lambda value: round(value, 4))


@given(differences=st.lists(st.tuples(FIGURES, FIGURES, FIGURES).map(sorted), max_size=8))
def test_all_is_on_the_picture(differences: list[list[float]]) -> None:
    """Whatever the figures, and in their order."""
    marks = [Mark("bf16", 20.0, None, None, None)]
    marks += [Mark("q8_0", 20 + mean, mean, low, high) for low, mean, high in differences]
    drawn = whiskers(SidePicture("K", "", tuple(marks)))

    for row in drawn.rows:
        assert row.x is not None
        assert LEFT <= row.low <= row.x <= row.high <= WIDTH - RIGHT
    assert 2 <= len(drawn.ticks) <= 9
    assert sorted(tick.x for tick in drawn.ticks) == [tick.x for tick in drawn.ticks]
    assert drawn.zero in [tick.x for tick in drawn.ticks]


def test_the_reference_is_a_ring_on_zero() -> None:
    """It is the one type without a difference; an open end has no cap and goes to the edge."""
    reference, *_, last = whiskers(pages_made.side("K")).rows

    assert reference.is_reference
    assert not reference.has_interval
    assert last.low_open
    assert not last.high_open
    assert last.low == LEFT


def test_types_that_cannot_be_compared_have_no_dot() -> None:
    """Where two have no difference nobody knows which of them the others are held against."""
    marks = (Mark("bf16", 20.0, None, None, None), Mark("q8_0", 20.0, None, None, None))

    assert [None, None] == [row.x for row in whiskers(SidePicture("V", "", marks)).rows]


def test_sides_share_an_axis() -> None:
    """A side that costs nothing looks like it."""
    flat = SidePicture("V", "", (Mark("bf16", 20, None, None, None), Mark("q8_0", 20, 0.0, -0.1, 0.1)))
    steep = pages_made.side("K")

    assert whiskers(steep, (steep, flat)).ticks == whiskers(flat, (steep, flat)).ticks
