"""The noise floor: by how much the reference differs from itself, first to last in a session (A/A)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.headroom import Headroom, rooms
from pytest_codeneedle.paired import ALPHA, Contrast, contrast
from pytest_codeneedle.power import Detectable, detectable
from pytest_codeneedle.together import differences

if TYPE_CHECKING:
    from pytest_codeneedle.marginals import Values


@dataclass(frozen=True)
class Again:
    """The reference asked twice: its last pass minus its first, the mean over `sessions`; `drifted` where significant.

    `outermost` says that no other cell was asked before the first or after the last of them; `lacking` sessions tell
    nothing. `silent` functions gave no answer in the last pass alone: `contrast` leaves them out, `lost` counts each as
    an answer without a line (None where there are none). `late` ones gave none in the first. `detectable` is what drift
    would have been.
    """

    contrast: Contrast
    detectable: Detectable
    outermost: bool = True
    sessions: int = 1
    lacking: int = 0
    lost: Contrast | None = None
    silent: int = 0
    late: int = 0

    @property
    def telling(self) -> Contrast:
        """Missing answers left out or counted as lost: the significant one, of two such that with the larger mean."""
        ways = [self.contrast] if self.lost is None else [self.contrast, self.lost]
        return max(ways, key=lambda way: (way.n > 0, way.p <= ALPHA, abs(way.mean)))

    @property
    def size(self) -> float:
        """By how many lines the reference differs from itself: the larger of both ways."""
        return max((self.contrast.mean, self.lost.mean if self.lost else 0.0), key=abs)

    @property
    def drifted(self) -> bool:
        """Whether the server was another one at the end, as far as its answers tell."""
        return self.telling.p <= ALPHA

    @property
    def when(self) -> str:
        """`again at the end` where it was so, else `asked again`, and in how many sessions."""
        told = "again at the end" if self.outermost else "asked again"
        if self.lacking:
            return f"{told} in {self.sessions} of {self.sessions + self.lacking} sessions"
        return told if self.sessions == 1 else f"{told}, mean of {self.sessions} sessions"

    def facts(self) -> dict[str, Any]:
        """Flat and plain, for JSON."""
        seen = {"detectable": self.detectable.facts(), "outermost": self.outermost, "sessions": self.sessions}
        lost = None if self.lost is None else self.lost.facts()
        missing = {"sessions_lacking": self.lacking, "silent": self.silent, "late": self.late, "counted_as_lost": lost}
        return {**self.contrast.facts(), "drifted": self.drifted, **missing, **seen}


def asked_again(again: Values, first: Values, lost: tuple[Values, Values] | None, lines: float | None) -> Again:
    """What its last pass `again` has more than its `first`, each of `lines` at most.

    `lost` are both with answers that are missing in the last as ones without a line; None where none is.
    """
    (room,) = rooms([again], first, lines)
    found = room.cut(contrast(differences(again, first)))
    told = Again(found, detectable_in(found.n, found.sd, room))
    if lost is None:
        return told
    counted = asked_again(lost[1], lost[0], None, lines)
    told = replace(told, lost=counted.contrast)
    return replace(told, detectable=counted.detectable) if told.telling is told.lost else told


def detectable_in(functions: int, sd: float | None, room: Headroom) -> Detectable:
    """What these functions would have shown, where the room that they leave is known no more than there is."""
    known = room.lines is not None and len(room.base) == functions
    return detectable(functions, sd, there=room.loss, losing=room.losing) if known else detectable(functions, sd)
