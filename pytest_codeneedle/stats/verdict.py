"""What the data of one grid allow to say: WORSE, NOT WORSE or INCONCLUSIVE, trends, noise floor, a recommendation.

Declared before any data are seen are three contrasts: the trend over K, the trend over V, and the smallest matched pair
against the reference. They are tested as they are; all other cells share one level (Holm). A cell is

- WORSE where its p-value is at most ALPHA and its mean difference below zero, else
- NOT WORSE where the 95 % interval of its mean difference lies above -delta, or where not one line differs, and, if no
  function lost any, so many were asked that one line lost by the share left open would be less than delta; else
- INCONCLUSIVE.

NOT WORSE needs a reference that has something to lose, delta at least, and that is steady: where it recalls less than
80 % of its lines, or differs by delta from itself, first to last, nothing is NOT WORSE. Nor is a cell WORSE by what the
reference differs from itself. No limit lies beyond what the reference leaves room for (`headroom`).

At a true loss of delta 16 functions are called NOT WORSE at most one time in twenty where many share the loss, however
it is spread (tests/simulation). Where few do, no function may lose: NOT WORSE is then said as often as that, with eight
functions far more often than one time in twenty. No rule helps: such a sample is the one of a cache that loses nothing.
So each contrast says how large a share it leaves open.

No sentence is made here, and nothing in `facts` is NaN or infinite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pytest_codeneedle.core.kv_types import BITS, low_pair
from pytest_codeneedle.runs.design import DEFAULT_DELTA
from pytest_codeneedle.runs.pairing import SessionEnds
from pytest_codeneedle.stats.by_type import Side, side
from pytest_codeneedle.stats.headroom import Grounds, little_to_lose, rooms
from pytest_codeneedle.stats.noise_floor import Again, asked_again, detectable_in
from pytest_codeneedle.stats.paired import ALPHA, Contrast, contrasts, holm
from pytest_codeneedle.stats.power import LEAST_ONE_WAY, Detectable, pooled_sd, too_few
from pytest_codeneedle.stats.together import Mixed, differences, mixed, others, shared_with

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.stats.by_type import Cells, Values
    from pytest_codeneedle.stats.missing import Sensitivity

Word = Literal["WORSE", "NOT WORSE", "INCONCLUSIVE"]
WORSE: Word = "WORSE"
NOT_WORSE: Word = "NOT WORSE"
INCONCLUSIVE: Word = "INCONCLUSIVE"


@dataclass(frozen=True)
class CellVerdict:
    """One cell against the reference, over the functions that both answered.

    `verdict` is None where there is no such function; `reason` then says why, and why what was asked settles nothing.
    `p_used` is what was held against ALPHA: the p-value of a declared contrast, else the one adjusted after Holm.
    `saturated` cells differ in no line at all, which only margins can tell apart. Where the reference is why, not the
    cell, the verdict is `withheld`: more functions would not help. `missing` says what missing answers do to the
    verdict, which is INCONCLUSIVE where they decide; None where there are none.
    """

    pair: KVPair
    verdict: Word | None
    contrast: Contrast
    p_used: float
    declared: bool
    saturated: bool
    reason: str | None
    withheld: bool = False
    missing: Sensitivity | None = None

    def facts(self) -> dict[str, Any]:
        """Flat and plain, for JSON."""
        return {
            "pair": str(self.pair),
            "verdict": self.verdict,
            **self.contrast.facts(),
            "p_used": self.p_used,
            "declared": self.declared,
            "saturated": self.saturated,
            "reason": self.reason,
            "withheld": self.withheld,
            "missing": self.missing.facts() if self.missing else None,
        }


@dataclass(frozen=True)
class Recommendation:
    """The pair of fewest bits that is NOT WORSE; the reference where none is.

    `selected_from` counts the pairs that could have been it, None for the declared low pair: one that was looked for
    among many is NOT WORSE by chance more easily than one that was named before.
    """

    pair: KVPair
    selected_from: int | None

    def facts(self) -> dict[str, Any]:
        """Flat and plain, for JSON."""
        return {"pair": str(self.pair), "selected_from": self.selected_from}


@dataclass(frozen=True)
class Verdict:
    """All that is said of one grid. `cells` are all but the reference, in the order planned.

    `low` is the declared matched pair, None where none was planned; `mixed`, `again` and `recommended` are None where
    there is nothing to compare. `others` is what all cells together have more than the reference. `reason` says why
    nothing can be: the reference has no answer. `little_to_lose` says why nothing is recommended: it recalls too
    little. `unknown` functions were asked of the reference without an answer, and are left out of every cell.
    """

    reference: KVPair
    delta: float
    low: KVPair | None
    cells: tuple[CellVerdict, ...]
    k: Side
    v: Side
    mixed: Mixed | None
    again: Again | None
    detectable: Detectable
    recommended: Recommendation | None
    reason: str | None
    others: Contrast | None
    little_to_lose: str | None
    unknown: int = 0

    @property
    def unsteady(self) -> bool:
        """Whether the reference differs from itself by as much as the loss that is looked for, by chance or not."""
        return self.again is not None and abs(self.again.size) >= self.delta > 0

    @property
    def distrusted(self) -> bool:
        """Whether its reference is no steady one, so that whatever else is said rests on a server that changed."""
        return self.unsteady or (self.again is not None and self.again.drifted)

    def cell(self, pair: KVPair) -> CellVerdict | None:
        """What is said of that pair; None of the reference and of what was not planned."""
        return next((cell for cell in self.cells if cell.pair == pair), None)

    def facts(self) -> dict[str, Any]:
        """Plain, for JSON."""
        return {
            "alpha": ALPHA,
            "delta": self.delta,
            "reference": str(self.reference),
            "low": str(self.low) if self.low else None,
            "cells": [cell.facts() for cell in self.cells],
            "k": self.k.facts(),
            "v": self.v.facts(),
            "mixed": self.mixed.facts() if self.mixed else None,
            "again": self.again.facts() if self.again else None,
            "detectable": self.detectable.facts(),
            "recommended": self.recommended.facts() if self.recommended else None,
            "reason": self.reason,
            "others": self.others.facts() if self.others else None,
            "little_to_lose": self.little_to_lose,
            "unknown": self.unknown,
        }


def judge(  # noqa: PLR0913 - the cells, what they are held against, and nine facts of the run
    cells: Mapping[KVPair, Values],
    reference: KVPair,
    *,
    delta: float = DEFAULT_DELTA,
    lines: float | None = None,
    weakest: Values | None = None,
    again: Values | None = None,
    first: Values | None = None,
    lost: tuple[Values, Values] | None = None,
    apart: Sequence[SessionEnds] = (),
    between: Sequence[float] = (),
    planned: Sequence[KVPair],
) -> Verdict:
    """The verdict on `cells`, each with the lines of its scored functions, against `reference`.

    `planned` pairs without an answer are named as such. `lines` were asked for of each function; without that nothing
    is known of what can be lost and gained. `weakest` are the reference's lines in the session in which it recalled
    least; None where one is known. `again` is the reference's last pass and `first` its first; None where it had but
    one before that. `lost` are both with answers that are missing in the last as ones without a line, `apart` those of
    each of several sessions, `between` the p-values of their references against each other.
    """
    pairs = list(dict.fromkeys((*planned, *cells)))
    low = low_pair(pairs, reference)
    base = cells.get(reference) or {}
    aa = None
    if again is not None and base:
        whole = [(first or base, again), *([lost] if lost else [])]
        aa = asked_again([*(SessionEnds(0, 0, *ends) for ends in whole), *apart], lines, between)
    grounds = Grounds(delta, lines, little_to_lose(weakest or base, reference, lines), aa.size if aa else 0.0)
    judged = _judge_cells(cells, reference, [pair for pair in pairs if pair != reference], low, grounds)
    functions = next((cell.contrast.n for cell in judged if cell.pair == low and cell.contrast.n), len(base))
    room = next(iter(rooms([cells.get(low) or base if low else base], base, lines)))
    recommends = base and grounds.little is None
    known = shared_with(base, cells)
    return Verdict(
        reference=reference,
        delta=delta,
        low=low,
        cells=judged,
        k=side(known, "K", reference, lines),
        v=side(known, "V", reference, lines),
        mixed=mixed(known, low, lines) if low else None,
        again=aa,
        detectable=detectable_in(functions, pooled_sd(cell.contrast for cell in judged), room),
        recommended=recommendation(judged, reference, low) if recommends else None,
        reason=None if base else f"the reference {reference} has no answer",
        others=others(cells, reference, lines),
        little_to_lose=grounds.little,
    )


def _judge_cells(
    cells: Cells, reference: KVPair, pairs: Sequence[KVPair], low: KVPair | None, grounds: Grounds
) -> tuple[CellVerdict, ...]:
    base = cells.get(reference) or {}
    answered = [cells.get(pair) or {} for pair in pairs]
    room = dict(zip(pairs, rooms(answered, base, grounds.lines), strict=True))
    uncut = contrasts([differences(values, base) for values in answered])
    found = {pair: room[pair].cut(one) for pair, one in zip(pairs, uncut, strict=True)}
    family = [pair for pair in pairs if pair != low and found[pair].n]
    used = {pair: found[pair].p for pair in pairs}
    used |= dict(zip(family, holm([used[pair] for pair in family]), strict=True))
    verdicts = []
    for pair in pairs:
        by_tests = word(found[pair], used[pair], grounds.delta)
        reason = _reason(cells, reference, pair, found[pair], grounds.delta)
        withheld = None if by_tests is None else grounds.withheld(found[pair], room[pair], worse=by_tests == WORSE)
        verdicts.append(
            CellVerdict(
                pair=pair,
                verdict=INCONCLUSIVE if withheld else by_tests,
                contrast=found[pair],
                p_used=used[pair],
                declared=pair == low,
                saturated=found[pair].tied,
                reason=reason or withheld,
                withheld=not reason and withheld is not None,
            )
        )
    return tuple(verdicts)


def word(found: Contrast, p_used: float, delta: float) -> Word | None:
    """The rule at the top of this module; None of no function. `p_used` is held against ALPHA."""
    if not found.n:
        return None
    if p_used <= ALPHA and found.mean < 0:
        return WORSE
    if found.n < LEAST_ONE_WAY or _leaves_delta_open(found, delta):
        return INCONCLUSIVE
    return NOT_WORSE if found.tied or (found.interval and found.interval.low > -delta) else INCONCLUSIVE


def _leaves_delta_open(found: Contrast, delta: float) -> bool:
    """Whether no function lost, and yet so many may that a mean loss of delta is open: a loss is at least one line.

    Matters where delta is under 0.4 (6 functions) or 0.17 (16). Not where there is a gain, and significant.
    """
    gained = found.p <= ALPHA and found.mean > 0
    return not found.lost and not gained and found.share_open >= delta


def _reason(cells: Cells, reference: KVPair, pair: KVPair, found: Contrast, delta: float) -> str | None:
    """Why there is no verdict, or why there can be none but INCONCLUSIVE."""
    n = found.n
    if not cells.get(pair):
        return "not answered"
    if not cells.get(reference):
        return f"the reference {reference} has no answer"
    if not n:
        return "no function has an answer here and in the reference"
    if n < LEAST_ONE_WAY:
        return too_few(n)
    if _leaves_delta_open(found, delta):
        least = f"a mean loss of up to {found.share_open:.2g} lines open: delta {delta:g} is below that"
        return f"{n} functions without a loss leave {least}"
    return None


def recommendation(judged: Sequence[CellVerdict], reference: KVPair, low: KVPair | None) -> Recommendation:
    """The pair to take, of these cells."""
    smaller = [cell for cell in judged if cell.verdict and 0 < cell.pair.bits < reference.bits]
    fit = [cell.pair for cell in smaller if cell.verdict == NOT_WORSE]
    if not fit:
        return Recommendation(reference, len(smaller))
    # Of equal sizes the one with more bits for K: the data have no say in it.
    smallest = min(fit, key=lambda pair: (pair.bits, -BITS[pair.ctk], pair))
    return Recommendation(smallest, None if smallest == low else len(smaller))
