"""What the reference of one session recalled beside that of another: judged before anything else is said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.figures import counted, few, p_is, signed, span
from pytest_codeneedle.headroom import rooms
from pytest_codeneedle.paired import ALPHA, Contrast, contrasts, holm
from pytest_codeneedle.power import LEAST_ONE_WAY
from pytest_codeneedle.together import differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_codeneedle.kvtypes import KVPair
    from pytest_codeneedle.pairing import Paired


@dataclass(frozen=True)
class SessionDrift:
    """The reference in a later session minus in the first, function by function; `adjusted` is p after Holm.

    `session` is its id and `number` its place among those with a reference, from 2 on. `once` functions were answered
    in one of the two alone.
    """

    session: str
    number: int
    contrast: Contrast
    adjusted: float
    once: int

    @property
    def drifted(self) -> bool:
        """Whether it is significant: the two sessions had no like servers, as far as their answers tell."""
        return bool(self.contrast.n) and self.adjusted <= ALPHA

    def facts(self) -> dict[str, Any]:
        """Flat and plain, for JSON."""
        return {
            "session": self.session,
            **self.contrast.facts(),
            "adjusted_p": self.adjusted,
            "drifted": self.drifted,
            "once": self.once,
        }


def session_drifts(found: Paired, lines: float | None = None) -> tuple[SessionDrift, ...]:
    """Each later session's reference against the first one's; none where one session has answers of it.

    `lines` were asked for of each function: no interval lies beyond what the first one's leaves room for.
    """
    (_, first), *later = [*found.references.items()] or [("", {})]
    references = [reference for _, reference in later]
    uncut = contrasts([differences(reference, first) for reference in references])
    tested = [room.cut(one) for room, one in zip(rooms(references, first, lines), uncut, strict=True)]
    adjusted = holm([one.p for one in tested])
    return tuple(
        SessionDrift(session, number, one, p, len(reference.keys() ^ first.keys()))
        for number, ((session, reference), one, p) in enumerate(zip(later, tested, adjusted, strict=True), 2)
    )


def are_alike(drifts: Sequence[SessionDrift], delta: float) -> bool:
    """Whether all later sessions' references are known to differ from the first by less than `delta` lines (95 %)."""
    return bool(drifts) and all(_is_small(one.contrast, delta) for one in drifts)


def _is_small(found: Contrast, delta: float) -> bool:
    if found.n < LEAST_ONE_WAY:
        return False
    return found.tied or (found.interval is not None and -delta < found.interval.low <= found.interval.high < delta)


def drift_sentences(drifts: Sequence[SessionDrift], found: Paired, reference: KVPair) -> list[str]:
    """What is said of a grid that several sessions asked; nothing of one session's."""
    said = []
    if drifts:
        differing = [one for one in drifts if one.once or not one.contrast.tied]
        told = "; ".join(f"in session {one.number} {_lines(one)}" for one in differing)
        head = "The reference drifted between sessions" if any(one.drifted for one in drifts) else "Several sessions"
        same = f"no line of {reference} differs between {len(drifts) + 1} sessions"
        told = f"{reference} against its first session: {told}" if told else same
        said.append(f"{head}: {told}. Each cell is held against the reference of its own session.")
    if found.borrowed:
        pairs = few([str(pair) for pair in sorted(found.borrowed)])
        held = "held against that of other sessions, which are alike"
        said.append(f"Caution: the session that asked {pairs} has no answer of {reference}: {held}.")
    if found.unpaired:
        answers = few([f"{counted(found.unpaired[pair], 'answer')} of {pair}" for pair in sorted(found.unpaired)])
        were = "was" if sum(found.unpaired.values()) == 1 else "were"
        said.append(f"{answers} {were} asked without an answer of {reference} in that session: left out.")
    if found.apart:
        pairs = few([str(pair) for pair in sorted(found.apart)])
        why = f"asked in a session without an answer of {reference}, and sessions drift"
        said.append(f"No verdict on {pairs}: {why}. Ask them in one session with it.")
    return said


def _lines(one: SessionDrift) -> str:
    found = one.contrast
    if not found.n:
        return "no function in common"
    told = ", ".join(part for part in (span(found.interval), p_is(one.adjusted)) if part)
    few = "" if found.n >= LEAST_ONE_WAY else f"; {counted(found.n, 'function')} can show no drift"
    figures = "no line differs" if found.tied else f"{signed(found.mean)} lines ({told}{few})"
    if not one.once:
        return figures
    return f"{figures} of the {counted(found.n, 'function')} that both answered, {one.once} in one alone"
