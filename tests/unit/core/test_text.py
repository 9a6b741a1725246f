"""Figures as a person reads them."""

from __future__ import annotations

import math

import pytest

from pytest_codeneedle.core.text import Interval, lines_of, p_is, p_value, percent, signed, span


@pytest.mark.parametrize(
    ("value", "said"), [(0.3125, "+0.31"), (-6.5, "-6.50"), (0.0, "0.00"), (-0.004, "0.00"), (0.006, "+0.01")]
)
def test_a_difference_has_its_sign(value: float, said: str) -> None:
    """And none where it rounds to nothing."""
    assert said == signed(value)


@pytest.mark.parametrize(
    ("p", "said"),
    [
        *((0.0321, "p = 0.032"), (0.0009, "p < 0.001"), (1.0, "p = 1.000"), (0.05, "p = 0.050")),
        *((0.0503, "p = 0.0503"), (0.0499, "p = 0.0499"), (0.05000001, "p = 0.050")),
    ],
)
def test_a_p_value(p: float, said: str) -> None:
    """Three digits, more where they would hide on which side of the level it is; what is smaller is said to be."""
    assert said == p_is(p)
    assert said.removeprefix("p ").removeprefix("= ") == p_value(p)


def test_an_interval_may_be_open() -> None:
    """Fewer than six functions settle nothing."""
    assert "95 % -0.30 to +0.12" == span(Interval(-0.3, 0.12))
    assert "95 % -0.300 to 0.000" == span(Interval(-0.3, 0.0), decimals=3)
    assert "95 % open" == span(Interval(-math.inf, math.inf))
    assert "" == span(None)


@pytest.mark.parametrize(("count", "said"), [(1, "1 line"), (1.0, "1 line"), (0.375, "0.375 lines"), (2, "2 lines")])
def test_lines(count: float, said: str) -> None:
    """One line, several lines."""
    assert said == lines_of(count)


@pytest.mark.parametrize(("share", "said"), [(0.171, "17 %"), (0.002, "under 1 %"), (0.999, "99 %"), (1.0, "100 %")])
def test_a_share(share: float, said: str) -> None:
    """Rounded, but neither to nothing nor to all."""
    assert said == percent(share)
