"""The noise floor: by how much the reference differs from itself, first to last in a session (A/A)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.stats.headroom import Headroom, rooms
from pytest_codeneedle.stats.paired import ALPHA, Contrast, contrast, holm, sign_flip
from pytest_codeneedle.stats.power import Detectable, detectable
from pytest_codeneedle.stats.together import differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_codeneedle.runs.pairing import AskedTwice, SessionEnds


@dataclass(frozen=True)
class SessionAgain:
    """One of several sessions, by its number: `contrast` counts `silent` functions as lost."""

    number: int
    silent: int
    contrast: Contrast


@dataclass(frozen=True)
class Again:
    """The reference asked twice: its last pass minus its first, the mean over `sessions`; `drifted` where significant.

    `outermost` says that no other cell was asked before the first or after the last of them; `lacking` sessions tell
    nothing. `silent` functions gave no answer in the last pass alone: `contrast` leaves them out, `lost` counts each as
    an answer without a line (None where there are none). `late` ones gave none in the first. `detectable` is what drift
    would have been. `apart` are the differences of each of several sessions. All of these, and the references of
    several sessions against each other, answer one question, whether the reference is the same one throughout: each p
    is that after Holm over all of them.
    """

    contrast: Contrast
    detectable: Detectable
    outermost: bool = True
    sessions: int = 1
    lacking: int = 0
    lost: Contrast | None = None
    silent: int = 0
    late: int = 0
    apart: tuple[SessionAgain, ...] = ()

    @property
    def _ways(self) -> list[Contrast]:
        """Missing answers left out and counted as lost, over all sessions and in each."""
        return [self.contrast, *([self.lost] if self.lost else []), *(one.contrast for one in self.apart)]

    @property
    def telling(self) -> Contrast:
        """The significant one of all ways, of several such that with the largest mean; the first of equal ones."""
        return max(self._ways, key=lambda way: (way.n > 0, way.p <= ALPHA, abs(way.mean)))

    @property
    def size(self) -> float:
        """By how many lines the reference differs from itself: the largest of all ways."""
        return max((way.mean for way in self._ways), key=abs)

    @property
    def most(self) -> SessionAgain | None:
        """Of several sessions that which differs most; None where no line does in any."""
        differing = [one for one in self.apart if one.contrast.n and not one.contrast.tied]
        return max(differing, key=lambda one: (one.contrast.p <= ALPHA, abs(one.contrast.mean)), default=None)

    @property
    def drifted(self) -> bool:
        """Whether the server was another one at the end, as far as its answers tell."""
        return self.telling.p <= ALPHA

    @property
    def when(self) -> str:
        """`again at the end` where it was so, else `asked again`; in how many sessions, or in the one that tells."""
        told = "again at the end" if self.outermost else "asked again"
        number = next((one.number for one in self.apart if one.contrast is self.telling), None)
        return self.in_all if number is None else f"{told} in session {number}"

    @property
    def counted_as_lost(self) -> int:
        """How many missing answers the difference that tells counts as lost."""
        silent = self.silent if self.telling is self.lost else 0
        return next((one.silent for one in self.apart if one.contrast is self.telling), silent)

    @property
    def in_all(self) -> str:
        """The same of all sessions."""
        told = "again at the end" if self.outermost else "asked again"
        if self.lacking:
            return f"{told} in {self.sessions} of {self.sessions + self.lacking} sessions"
        return told if self.sessions == 1 else f"{told}, mean of {self.sessions} sessions"

    def facts(self) -> dict[str, Any]:
        """Flat and plain, for JSON."""
        seen = {"detectable": self.detectable.facts(), "outermost": self.outermost, "sessions": self.sessions}
        lost = None if self.lost is None else self.lost.facts()
        missing = {"sessions_lacking": self.lacking, "silent": self.silent, "late": self.late, "counted_as_lost": lost}
        apart = [{"session": one.number, "silent": one.silent, **one.contrast.facts()} for one in self.apart]
        return {**self.contrast.facts(), "drifted": self.drifted, **missing, **seen, "apart": apart}


def asked_again(ends: Sequence[SessionEnds], lines: float | None, between: Sequence[float] = ()) -> Again:
    """What the last pass has more than the first, each of `lines` at most.

    The first of `ends` is over all sessions (number 0); the next one too where answers are missing in the last pass,
    which then count as lost; the others are those of each of several sessions. `between` are the p-values of their
    references against each other, which share the level.
    """
    room = [rooms([one.last], one.first, lines)[0] for one in ends]
    uncut = [contrast(differences(one.last, one.first)) for one in ends]
    tests = sum(one.n > 0 for one in uncut) + len(between)
    adjusted = iter(holm([*(one.p for one in uncut if one.n), *between]))
    ways = [of.cut(replace(one, p=next(adjusted)) if one.n else one) for of, one in zip(room, uncut, strict=True)]
    apart = [SessionAgain(one.number, one.silent, way) for one, way in zip(ends, ways, strict=True) if one.number]
    found, *lost = ways[: len(ways) - len(apart)]
    told = Again(found, Detectable(found.n), lost=lost[0] if lost else None, apart=tuple(apart))
    at = int(told.telling is told.lost)
    seen = detectable_in(ways[at].n, ways[at].sd, room[at], level=ALPHA / 2 / max(1, tests))
    return replace(told, detectable=seen)


def within_ps(twice: AskedTwice | None) -> list[float]:
    """The p-value of each way in which the reference is held against itself within sessions, before Holm."""
    if twice is None:
        return []
    lost = [twice.lost] if twice.silent else []
    ends = [(twice.first, twice.last), *lost, *((one.first, one.last) for one in twice.apart)]
    return [sign_flip(found) for first, last in ends if (found := differences(last, first))]


def detectable_in(functions: int, sd: float | None, room: Headroom, level: float = ALPHA / 2) -> Detectable:
    """What these functions would have shown, where the room that they leave is known no more than there is.

    `level` is that of a loss.
    """
    if room.lines is None or len(room.base) != functions:
        return detectable(functions, sd, level=level)
    return detectable(functions, sd, level=level, there=room.loss, losing=room.losing)
