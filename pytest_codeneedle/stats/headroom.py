"""What a reference leaves room for: no cell loses lines that the reference does not have, nor has more than were asked.

Tests know nothing of that: an interval of few and ragged differences reaches beyond what can be. It is cut there; a
reference that recalls little shows no loss, whatever is lost, and so rules none out.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_codeneedle.core.text import Interval, signed
from pytest_codeneedle.runs.calibration import leaves_little
from pytest_codeneedle.stats.power import LEAST_ONE_WAY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.stats.paired import Contrast


@dataclass(frozen=True)
class Headroom:
    """What functions can lose and gain that have `base` lines each, of `lines`; None where that is not known."""

    base: tuple[float, ...]
    lines: float | None = None

    @property
    def loss(self) -> float:
        """The greatest mean loss there can be, in lines: all that there is."""
        return statistics.fmean(self.base) if self.base else 0.0

    @property
    def losing(self) -> int:
        """How many functions have anything to lose."""
        return sum(lines > 0 for lines in self.base)

    def cut(self, found: Contrast) -> Contrast:
        """The same with no end of its interval beyond what can be; an end that the data leave open stays open.

        What was seen can be: in one of several sessions the reference may have more to lose than on average.
        """
        if self.lines is None or found.interval is None:
            return found
        least, most = min(-self.loss, found.mean), max(self.lines - self.loss, found.mean)
        return replace(found, interval=cut(found.interval, least, most))


def cut(interval: Interval, least: float, most: float) -> Interval:
    """The interval without what lies below `least` and above `most`; infinite ends stay, for they say `open`."""
    low, high = (end if math.isinf(end) else min(max(end, least), most) for end in (interval.low, interval.high))
    return Interval(low, high)


def nothing_to_lose(room: Headroom, delta: float) -> str | None:
    """Why these functions cannot show a mean loss of `delta` lines, whatever is lost; None where they can."""
    if room.lines is None or not room.base:
        return None
    if room.losing < LEAST_ONE_WAY <= len(room.base):
        told = f"the reference has lines to lose in {room.losing} of {len(room.base)} functions"
        return f"{told}: {LEAST_ONE_WAY} are needed"
    if room.loss <= delta:
        return f"the reference recalls {room.loss:.2g} lines, and no more can be lost: delta is {delta:g}"
    return None


def little_to_lose(base: Mapping[str, float], reference: KVPair, lines: float | None) -> str | None:
    """Why a reference with these lines by function recommends nothing, however low the minimum was set; None if so."""
    if lines is None or not base:
        return None
    mean = statistics.fmean(base.values())
    if not leaves_little(mean, lines):
        return None
    return f"the reference {reference} recalls {mean:.1f} of {lines:g} lines, which leaves little to lose"


@dataclass(frozen=True)
class Grounds:
    """What the verdicts of one grid are held to beside their tests: what its reference is good for.

    They are about `delta`, of `lines` that were asked for. `little` says why the reference rules no loss out, None
    where it can; `aa` is by how many lines it differs from itself, the last pass from the first, 0 where one is known.
    """

    delta: float
    lines: float | None
    little: str | None
    aa: float

    def withheld(self, found: Contrast, room: Headroom, *, worse: bool) -> str | None:
        """Why what the tests say of a cell is not said; None where it is.

        What lost more than the reference differs from itself is WORSE, however little there was to lose.
        """
        if worse:
            return self._unsteady(-found.mean)
        if found.n < LEAST_ONE_WAY:
            return None  # that is reason enough
        return self.little or nothing_to_lose(room, self.delta) or self._unsteady(self.delta)

    def _unsteady(self, by: float) -> str | None:
        """Why a difference of `by` lines says nothing: the reference has it with itself; None where it has not."""
        if not self.aa or abs(self.aa) < by:
            return None
        return f"the reference differs by {signed(self.aa)} lines from itself, first to last"


def rooms(cells: Sequence[Mapping[str, float]], base: Mapping[str, float], lines: float | None) -> list[Headroom]:
    """Of each of `cells` what the reference has in those functions that both answered."""
    return [Headroom(tuple(mine for name, mine in base.items() if name in cell), lines) for cell in cells]
