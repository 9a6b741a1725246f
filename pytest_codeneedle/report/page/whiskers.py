"""Where the dots, whiskers and ticks of one side's picture stand: differences to the reference's type, in lines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.core.text import signed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_codeneedle.report.page.model import Mark, SidePicture

#: In units of the picture; one is a pixel at full size.
WIDTH, ROW, LEFT, RIGHT, TOP, BOTTOM = 440, 26, 52, 18, 8, 40
_TICKS = 6
_PADDING = 0.06  # of the span, so that no whisker ends on the frame


@dataclass(frozen=True)
class Tick:
    """A value on the axis."""

    x: float
    text: str


@dataclass(frozen=True)
class Whisker:
    """One type: its dot, and the ends of its interval; an open end is drawn to the edge, without a cap.

    `is_reference` is the type that the others are held against: a ring on zero. Nothing is drawn where x is None.
    """

    cache_type: str
    y: float
    x: float | None
    low: float
    high: float
    has_interval: bool
    low_open: bool
    high_open: bool
    is_reference: bool


@dataclass(frozen=True)
class Whiskers:
    """The picture of one side."""

    height: float
    zero: float
    ticks: tuple[Tick, ...]
    rows: tuple[Whisker, ...]


def whiskers(side: SidePicture, beside: Sequence[SidePicture] = ()) -> Whiskers:
    """The picture; its axis holds zero, every difference and every end that is not open, those `beside` it as well.

    So the pictures of K and V have one axis, and a side that costs nothing looks like it.
    """
    marks = [mark for one in (side, *beside) for mark in one.marks]
    ends = [one for mark in marks for one in (mark.difference, mark.low, mark.high) if one is not None]
    low, high = _span([0.0, *ends])
    step = _step(high - low)
    first, last = math.ceil(low / step), math.floor(high / step)

    def at(value: float) -> float:
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    decimals = max(0, -math.floor(math.log10(step)))
    ticks = tuple(Tick(at(number * step), signed(number * step, decimals)) for number in range(first, last + 1))
    alone = sum(mark.difference is None for mark in side.marks) == 1
    rows = []
    for number, mark in enumerate(side.marks):
        y = TOP + ROW * (number + 0.5)
        rows.append(_whisker(mark, y, alone=alone, edges=(LEFT, WIDTH - RIGHT), at=at))
    return Whiskers(TOP + ROW * len(rows) + BOTTOM, at(0.0), ticks, tuple(rows))


def _whisker(mark: Mark, y: float, *, alone: bool, edges: tuple[float, float], at: Callable[[float], float]) -> Whisker:
    shown = mark.difference if mark.difference is not None else 0.0 if alone else None
    x = None if shown is None else at(shown)
    return Whisker(
        cache_type=mark.cache_type,
        y=y,
        x=x,
        low=edges[0] if mark.low is None else at(mark.low),
        high=edges[1] if mark.high is None else at(mark.high),
        has_interval=mark.difference is not None and (mark.low is not None or mark.high is not None),
        low_open=mark.low is None,
        high_open=mark.high is None,
        is_reference=mark.difference is None and alone,
    )


def _span(values: Sequence[float]) -> tuple[float, float]:
    """From the lowest to the highest, with room at both ends; a line at each side where all are equal."""
    low, high = min(values), max(values)
    if low == high:
        return low - 1, high + 1
    room = _PADDING * (high - low)
    return low - room, high + room


def _step(span: float) -> float:
    """A round step of which a handful go into the span: 1, 2 or 5 of some power of ten."""
    rough = span / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * one for one in (1, 2, 5, 10) if power * one >= rough)
