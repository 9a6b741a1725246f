"""A cell that lost lines in one session and gained them in another: its mean over sessions says neither.

Each later session's difference to its own reference is held against the first one's, function by function.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.text import few, p_is, signed
from pytest_codeneedle.runs.sessions import HERE, parted
from pytest_codeneedle.stats.paired import ALPHA, holm, sign_flip
from pytest_codeneedle.stats.together import differences
from pytest_codeneedle.stats.verdict import INCONCLUSIVE, NOT_WORSE, recommendation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.runs.pairing import Paired
    from pytest_codeneedle.stats.verdict import CellVerdict, Verdict

_NAMED = 3


@dataclass(frozen=True)
class UnlikeSessions:
    """What one cell has more than the reference in its `first` session and in a `later` one: mean lines in each.

    Both are over the `n` functions that have a difference in both; `adjusted` is p after Holm over all such pairs of
    sessions of all cells but the declared one, of which it is over its own.
    """

    pair: KVPair
    first: str
    later: str
    means: tuple[float, float]
    n: int
    adjusted: float

    @property
    def significant(self) -> bool:
        """Whether the two sessions disagree by more than chance."""
        return self.adjusted <= ALPHA

    @property
    def told(self) -> str:
        """`-3.00 lines in session 1, +3.00 in session 2 (p = 0.008)`."""
        before, after = map(signed, self.means)
        return f"{before} lines {self.first}, {after} {self.later} ({p_is(self.adjusted)})"

    def facts(self) -> dict[str, Any]:
        """Flat and plain, for JSON."""
        means = dict(zip(("first_mean", "later_mean"), self.means, strict=True))
        names = {"pair": str(self.pair), "first": self.first, "later": self.later}
        return {**names, **means, "n": self.n, "adjusted_p": self.adjusted, "significant": self.significant}


def unlike_sessions(found: Paired, low: KVPair | None) -> tuple[UnlikeSessions, ...]:
    """Each cell's sessions in which any function's difference to the reference is another; `low` is declared."""
    every = [one for pair in found.within for one in _of_cell(found, pair)]
    adjusted: list[UnlikeSessions] = []
    for declared in (True, False):
        family = [one for one in every if (one.pair == low) == declared]
        ps = holm([one.adjusted for one in family])
        adjusted += [replace(one, adjusted=p) for one, p in zip(family, ps, strict=True)]
    return tuple(one for one in adjusted if one.adjusted < 1 or one.means[0] != one.means[1])


def _of_cell(found: Paired, pair: KVPair) -> list[UnlikeSessions]:
    """Before Holm."""
    (first, base), *later = found.within[pair].items()
    compared = []
    for session, lines in later:
        moved = differences(lines, base)
        if moved:
            common = [name for name in base if name in lines]
            means = (statistics.fmean(base[name] for name in common), statistics.fmean(lines[name] for name in common))
            names = (_name(found, first), _name(found, session))
            compared.append(UnlikeSessions(pair, *names, means, len(moved), sign_flip(moved)))
    return compared


def _name(found: Paired, conditions: str) -> str:
    """`in session 2`, `on gpu1`, `in session 2 on gpu1`."""
    session, place = parted(conditions)
    sessions = list(dict.fromkeys(parted(one)[0] for one in found.references))
    several = len(sessions) < len(found.references)
    named = [f"in session {sessions.index(session) + 1}"] if len(sessions) > 1 else []
    return " ".join([*named, *([f"on {place or HERE}"] if several else [])])


def settled_by_all(verdict: Verdict, found: Paired, unlike: Sequence[UnlikeSessions]) -> Verdict:
    """The verdict without a NOT WORSE on which sessions disagree; equal is a cell only that is so in each of them."""
    why = {one.pair: f"its sessions disagree: {one.told}" for one in reversed(unlike) if one.significant}
    differing = {pair for pair, of in found.within.items() if any(any(lines.values()) for lines in of.values())}

    def cell(judged: CellVerdict) -> CellVerdict:
        if judged.contrast.tied and judged.pair in differing:
            judged = replace(judged, saturated=False, contrast=replace(judged.contrast, tied=False))
        if judged.verdict != NOT_WORSE or judged.pair not in why:
            return judged
        return replace(judged, verdict=INCONCLUSIVE, saturated=False, reason=why[judged.pair], withheld=True)

    cells = tuple(map(cell, verdict.cells))
    recommended = verdict.recommended and recommendation(cells, verdict.reference, verdict.low)
    return replace(verdict, cells=cells, recommended=recommended)


def unlike_sentence(unlike: Sequence[UnlikeSessions]) -> str:
    """Which cells' sessions disagree; nothing where none do by more than chance."""
    named = [f"{one.pair} {one.told}" for one in unlike if one.significant]
    return (
        f"Caution: between sessions these differ from their reference unlike: {few(named, _NAMED, '; ')}."
        if named
        else ""
    )
