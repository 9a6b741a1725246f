"""The noise floor: by how much the reference differs from itself, first to last in a session (A/A)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.stats.headroom import Headroom, rooms
from pytest_codeneedle.stats.paired import ALPHA, Contrast, contrast, holm
from pytest_codeneedle.stats.power import Detectable, detectable
from pytest_codeneedle.stats.together import differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_codeneedle.runs.pairing import SessionEnds
    from pytest_codeneedle.stats.by_type import Values


@dataclass(frozen=True)
class SessionAgain:
    """One of several sessions, by its number: `contrast` counts `silent` functions as lost; its p is Holm's."""

    number: int
    silent: int
    contrast: Contrast


@dataclass(frozen=True)
class Again:
    """The reference asked twice: its last pass minus its first, the mean over `sessions`; `drifted` where significant.

    `outermost` says that no other cell was asked before the first or after the last of them; `lacking` sessions tell
    nothing. `silent` functions gave no answer in the last pass alone: `contrast` leaves them out, `lost` counts each as
    an answer without a line (None where there are none). `late` ones gave none in the first. `detectable` is what drift
    would have been. `apart` are the differences of each of several sessions.
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


def asked_again(
    again: Values,
    first: Values,
    lost: tuple[Values, Values] | None,
    lines: float | None,
    apart: Sequence[SessionEnds] = (),
) -> Again:
    """What its last pass `again` has more than its `first`, each of `lines` at most.

    `lost` are both with answers that are missing in the last as ones without a line; None where none is. `apart` are
    those of each of several sessions.
    """
    (room,) = rooms([again], first, lines)
    found = room.cut(contrast(differences(again, first)))
    told = Again(found, detectable_in(found.n, found.sd, room), apart=_apart(apart, lines))
    if lost is None:
        return told
    counted = asked_again(lost[1], lost[0], None, lines)
    told = replace(told, lost=counted.contrast)
    return replace(told, detectable=counted.detectable) if told.telling is told.lost else told


def _apart(sessions: Sequence[SessionEnds], lines: float | None) -> tuple[SessionAgain, ...]:
    found = [rooms([one.last], one.first, lines)[0].cut(contrast(differences(one.last, one.first))) for one in sessions]
    adjusted = holm([one.p for one in found])
    return tuple(
        SessionAgain(one.number, one.silent, replace(of_one, p=p))
        for one, of_one, p in zip(sessions, found, adjusted, strict=True)
    )


def detectable_in(functions: int, sd: float | None, room: Headroom) -> Detectable:
    """What these functions would have shown, where the room that they leave is known no more than there is."""
    known = room.lines is not None and len(room.base) == functions
    return detectable(functions, sd, there=room.loss, losing=room.losing) if known else detectable(functions, sd)
