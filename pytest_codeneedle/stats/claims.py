"""What a verdict claims, each at a level of its own, and what of it would stand if all of it shared one.

Contrasts are declared, and each is an answer to a question of its own; so each has its 5 %. But a person who reads all
of them meets a false one more often: where no cache differs, in about one sweep of `ONE_IN` (simulated; see
docs/explanation/verdicts.md). A claim that would stand under Holm over all of them is no such accident, to the level of
one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.text import few
from pytest_codeneedle.stats.paired import ALPHA, holm
from pytest_codeneedle.stats.verdict import WORSE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_codeneedle.stats.by_type import Side
    from pytest_codeneedle.stats.drift import SessionDrift
    from pytest_codeneedle.stats.verdict import Verdict

#: Where no cache differs, about one sweep of so many makes any claim at all: 16 to 20 % of 9 and 36 cells.
ONE_IN = 5


@dataclass(frozen=True)
class Claim:
    """One test whose outcome is told as a fact: `made` where it is. `p` is at its own level, `shared_p` at that of all.

    Of cells that share a level `p` is the least after Holm.
    """

    name: str
    p: float
    made: bool
    shared_p: float = 1.0

    @property
    def stands(self) -> bool:
        """Whether it would be made if all claims shared one level."""
        return self.made and self.shared_p <= ALPHA

    def facts(self) -> dict[str, Any]:
        """Flat and plain, for JSON."""
        return {"name": self.name, "made": self.made, "p": self.p, "shared_p": self.shared_p, "stands": self.stands}


def claims(verdict: Verdict, drifts: Sequence[SessionDrift] = ()) -> tuple[Claim, ...]:
    """All that was tested and would be told as a fact, whether it is or not.

    `drifts` are what the references of later sessions differ from the first one's.
    """
    tested = [*_of_side(verdict.k), *_of_side(verdict.v), *_of_cells(verdict)]
    if verdict.mixed is not None and verdict.mixed.contrast.n:
        ways = [one for one in (verdict.mixed.contrast, verdict.mixed.lost, verdict.mixed.stood_in) if one is not None]
        made = all(one.p <= ALPHA and one.mean > 0 for one in ways)
        tested.append(Claim(f"mixed pairs over {verdict.low}", max(one.p for one in ways), made))
    steady = [one.adjusted for one in drifts if one.contrast.n]  # within sessions and between them: one family
    if verdict.again is not None and verdict.again.telling.n:
        steady.append(verdict.again.telling.p)
    if steady:
        tested.append(Claim("drift", min(steady), min(steady) <= ALPHA))
    shared = holm([claim.p for claim in tested])
    return tuple(Claim(claim.name, claim.p, claim.made, p) for claim, p in zip(tested, shared, strict=True))


def _of_side(side: Side) -> Iterable[Claim]:
    """That recall falls with the bits, and that it rises: two tests, each one-sided."""
    if side.trend.p is None:
        return
    yield Claim(f"a fall over {side.name}", side.trend.p, side.trend.verdict == "trend")
    if side.trend.slope is not None and not side.trend.tied:
        yield Claim(f"a rise over {side.name}", side.trend.slope.p, side.trend.rises)


def _of_cells(verdict: Verdict) -> Iterable[Claim]:
    """The declared cell, and the others as one."""
    judged = [cell for cell in verdict.cells if cell.contrast.n]
    for cell in judged:
        if cell.declared:
            yield Claim(f"{cell.pair} {WORSE}", cell.p_used, cell.verdict == WORSE)
    others = [cell for cell in judged if not cell.declared]
    if others:
        worse = [str(cell.pair) for cell in others if cell.verdict == WORSE]
        name = f"{few(worse, 1)} {WORSE}" if worse else "another cell"
        yield Claim(name, min(cell.p_used for cell in others), bool(worse))


def claims_sentence(found: Sequence[Claim]) -> str:
    """How often chance makes any claim, and which of those made here would stand; nothing where none is made."""
    made = [claim for claim in found if claim.made]
    if not made:
        return ""
    chance = (
        f"Each claim has a level of its own: where no cache differs, about 1 sweep in {ONE_IN} makes one (simulated)"
    )
    standing, falling = ([claim.name for claim in made if claim.stands == stands] for stands in (True, False))
    if not falling:
        told = "all that is claimed here" if len(made) > 1 else standing[0]
        return f"{chance}. If all shared one level, {told} would stand."
    if not standing:
        told = "none of what is claimed here would stand" if len(made) > 1 else "it would not stand"
        return f"{chance}. If all shared one level, {told}: {', '.join(falling)}."
    return f"{chance}. If all shared one level, {', '.join(standing)} would stand; {', '.join(falling)} would not."
