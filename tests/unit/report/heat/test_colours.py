"""The scale of heatmaps, and ink that is read on it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.report.heat.colours import Scale, contrast, ink

FINITE = st.floats(-1e6, 1e6)
BLACK, WHITE = "#000000", "#ffffff"


@pytest.mark.parametrize(
    ("place", "colour"),
    # matplotlib.colormaps["cividis"] at these of its 256 places
    [(0, "#00224e"), (32, "#1a386f"), (64, "#434e6c"), (128, "#7d7c78"), (200, "#c4b468"), (253, "#fee535")],
)
def test_colours_are_those_of_cividis(place: int, colour: str) -> None:
    """As matplotlib has them, but for a shade or two between the anchors."""
    found = Scale(0, 255).colour(place)
    for at in (1, 3, 5):
        assert abs(int(found[at : at + 2], 16) - int(colour[at : at + 2], 16)) <= 2


@given(FINITE, FINITE, FINITE)
def test_every_figure_can_be_read(low: float, high: float, value: float) -> None:
    """WCAG 2.2 asks text for a contrast of 4.5 to what is behind it."""
    for diverging in (False, True):
        colour = Scale(low, high, diverging).colour(value)
        full = {"#000": BLACK, "#fff": WHITE}[ink(colour)]
        assert 4.5 <= contrast(colour, full)


@given(st.integers(0, 0xFFFFFF))
def test_ink_is_readable_on_any_colour(colour: int) -> None:
    """Not only on those of the scale."""
    background = f"#{colour:06x}"
    assert 4.5 <= contrast(background, {"#000": BLACK, "#fff": WHITE}[ink(background)])


def test_differences_diverge_from_a_neutral_zero() -> None:
    """Less has more red than blue, more has more blue than red: no colour-blind eye takes one for the other."""
    scale = Scale(-4, 4, diverging=True)
    assert ("#f7f7f7", "#b35806", "#542788") == tuple(map(scale.colour, (0, -4, 4)))
    for size in (0.5, 1, 2, 4):
        less, more = scale.colour(-size), scale.colour(size)
        assert int(less[1:3], 16) > int(less[5:], 16) + 10
        assert int(more[5:], 16) > int(more[1:3], 16) + 5


@given(FINITE, st.floats(0.001, 1e6), FINITE, FINITE)
def test_more_is_lighter(low: float, span: float, one: float, other: float) -> None:
    """So that the order can be seen in grey, too; what is beyond an end has that end's colour."""
    scale = Scale(low, low + span)
    less, more = sorted((one, other))
    assert 0 <= scale.share(less) <= scale.share(more) <= 1
    # A channel is rounded: by so little two neighbours may be out of order.
    assert contrast(scale.colour(less), BLACK) <= contrast(scale.colour(more), BLACK) * 1.02
    assert scale.colour(low) == scale.colour(min(less, low))
    assert scale.colour(scale.high) == scale.colour(max(more, scale.high))


def test_a_scale_of_one_value_is_in_the_middle() -> None:
    """There is neither more nor less."""
    assert 0.5 == Scale(3, 3).share(3)


def test_contrast_is_that_of_wcag() -> None:
    """Black on white is 21, and #767676 on white the well-known grey that just passes."""
    assert 21 == pytest.approx(contrast(BLACK, WHITE))
    assert 4.54 == pytest.approx(contrast("#767676", WHITE), abs=0.005)
    assert ("#fff", "#000") == (ink(BLACK), ink(WHITE))
