"""What the reference of one session, or of one host or device in it, recalled beside that of another.

It is judged before anything else is said of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.text import counted, few, p_is, signed, span
from pytest_codeneedle.runs.sessions import HERE, parted
from pytest_codeneedle.stats.headroom import rooms
from pytest_codeneedle.stats.noise_floor import within_ps
from pytest_codeneedle.stats.paired import ALPHA, Contrast, contrasts, holm, sign_flip
from pytest_codeneedle.stats.power import LEAST_ONE_WAY
from pytest_codeneedle.stats.together import differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.runs.pairing import Paired


@dataclass(frozen=True)
class SessionDrift:
    """The reference in a later session minus in the first, function by function.

    `adjusted` is p after Holm over these and over what the reference differs from itself within sessions.

    A host or device of a session counts as a session. `session` is its id with that, and `name` how it is called among
    those with a reference, beside the first, `base`. `once` functions were answered in one of the two alone.
    """

    session: str
    name: str
    base: str
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
    base, *names = _names([*found.references]) or ("",)
    references = [reference for _, reference in later]
    uncut = contrasts([differences(reference, first) for reference in references])
    tested = [room.cut(one) for room, one in zip(rooms(references, first, lines), uncut, strict=True)]
    shared = iter(holm([*(one.p for one in tested if one.n), *within_ps(found.twice)]))
    adjusted = [next(shared) if one.n else one.p for one in tested]
    return tuple(
        SessionDrift(session, name, base, one, p, len(reference.keys() ^ first.keys()))
        for (session, reference), name, one, p in zip(later, names, tested, adjusted, strict=True)
    )


def between_ps(found: Paired) -> list[float]:
    """The p-value of each later session's reference against the first one's, before Holm."""
    first, *later = [*found.references.values()] or [{}]
    return [sign_flip(lines) for reference in later if (lines := differences(reference, first))]


def _names(found: Sequence[str]) -> tuple[str, ...]:
    """What the sessions and places with a reference are called: the first of them, then each later one."""
    sessions = list(dict.fromkeys(parted(one)[0] for one in found))
    named: list[str] = []
    for one in found:
        session, place = parted(one)
        several = sum(parted(other)[0] == session for other in found) > 1
        where = f" on {place or HERE}" * several
        if len(sessions) > 1:
            number = sessions.index(session) + 1
            where = f"{f'in session {number}' if named else 'its first session'}{where}"
        named.append(where.strip())
    return tuple(named)


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
        told = "; ".join(f"{one.name} {_lines(one)}" for one in differing)
        what, own = _compared(found)
        head = f"The reference drifted between {what}" if any(one.drifted for one in drifts) else f"Several {what}"
        same = f"no line of {reference} differs between {len(drifts) + 1} {what}"
        told = f"{reference} against {drifts[0].base.removeprefix('on ')}: {told}" if told else same
        said.append(f"{head}: {told}. Each cell is held against the reference of its own {own}.")
    if found.borrowed:
        pairs = few([str(pair) for pair in sorted(found.borrowed)])
        held = "held against that of other sessions, which are alike"
        where = "session, host or device" if any(parted(one)[1] for one in found.counted) else "session"
        said.append(f"Caution: the {where} that asked {pairs} has no answer of {reference}: {held}.")
    if found.unpaired:
        answers = few([f"{counted(found.unpaired[pair], 'answer')} of {pair}" for pair in sorted(found.unpaired)])
        were = "was" if sum(found.unpaired.values()) == 1 else "were"
        said.append(f"{answers} {were} asked without an answer of {reference} in that session: left out.")
    if found.apart:
        pairs = few([str(pair) for pair in sorted(found.apart)])
        why = f"asked in a session without an answer of {reference}, and sessions drift"
        way = "Ask them in one session with it"
        if any(parted(one)[1] for one in found.counted):
            why = f"asked on a host or device without an answer of {reference}, and these differ"
            way = "Give each a part (--kv-shard) and join the runs (codeneedle merge)"
        said.append(f"No verdict on {pairs}: {why}. {way}.")
    return said


def _compared(found: Paired) -> tuple[str, str]:
    """What the references are of, many and one."""
    sessions = {parted(one)[0] for one in found.references}
    if len(sessions) == len(found.references):
        return "sessions", "session"
    return ("places", "place") if len(sessions) == 1 else ("sessions and places", "session and place")


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
