"""The log-probability margins of a run's cells, beside those of the reference on the same tokens."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.recall.logprob_margins import percentile, read, under
from pytest_codeneedle.runs.grid import ONE_PASS, by_function, rows_by_pair
from pytest_codeneedle.runs.pairing import reference_rows
from pytest_codeneedle.runs.sessions import conditions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.runs.grid import View

    Rows = Iterable[Mapping[str, Any]]
    #: Of each pass of each session: place -> margin.
    Passes = Mapping[tuple[str, int], Mapping[int, float]]


#: Of fewer of the reference's tokens a margin says little, and has a mark.
ENOUGH_TOKENS = 0.9


@dataclass(frozen=True)
class CellMargins:
    """What a cell's margins have more than the reference's on the same text: the mean over functions.

    `mean` and `p1`, the 1st percentile, are in nats, `under_1` is a share of tokens: over those `tokens` that both have
    at the same places, which are `share` of the reference's. What was lost is in none of them. Of the reference they
    are its `own` figures.
    """

    mean: float
    p1: float
    under_1: float
    tokens: int
    share: float
    own: bool = False

    @property
    def partly(self) -> bool:
        """Whether so much is lost that the rest says little."""
        return self.share < ENOUGH_TOKENS


@dataclass(frozen=True)
class Difference:
    """One function in a cell minus in the reference, over the `tokens` that both have at the same places of its text.

    `mean` of the margins, of their 1st percentile (nats), and of the share under 1 nat; the mean over passes. They are
    `share` of the reference's tokens.
    """

    mean: float
    p1: float
    under_1: float
    tokens: int
    share: float


def cell_margins(
    rows: Rows, pairs: Iterable[KVPair], reference: KVPair, view: View = ONE_PASS
) -> dict[KVPair, CellMargins]:
    """The margins of each pair; those without any are left out, and all where the reference has none."""
    rows = list(rows)
    own = _by_function(reference_rows(rows, reference, view))
    expected = {name: statistics.fmean(map(len, passes.values())) for name, passes in own.items()}
    found = {}
    for pair, of_pair in differences(rows, pairs, reference, view).items():
        compared = list(of_pair.values())
        if pair == reference and own:
            tokens = sum(len(one) for passes in own.values() for one in passes.values())
            found[pair] = CellMargins(*_own(own), tokens=tokens, share=1.0, own=True)
        elif compared:
            there = math.fsum(one.share * expected[name] for name, one in of_pair.items())
            found[pair] = CellMargins(
                mean=statistics.fmean(one.mean for one in compared),
                p1=statistics.fmean(one.p1 for one in compared),
                under_1=statistics.fmean(one.under_1 for one in compared),
                tokens=sum(one.tokens for one in compared),
                share=there / math.fsum(expected.values()),
            )
    return found


def _own(functions: Mapping[str, Passes]) -> tuple[float, float, float]:
    """The mean margin, the 1st percentile, the share under 1 nat: each the mean over functions and their passes."""
    figures: tuple[Callable[[Sequence[float]], float], ...] = (statistics.fmean, percentile, under)
    mean, p1, under_1 = (
        statistics.fmean(
            statistics.fmean(figure(list(one.values())) for one in passes.values()) for passes in functions.values()
        )
        for figure in figures
    )
    return mean, p1, under_1


def differences(
    rows: Rows, pairs: Iterable[KVPair], reference: KVPair, view: View = ONE_PASS
) -> dict[KVPair, dict[str, Difference]]:
    """Function -> difference of each pair to the reference, whose own are zero; empty where it has no margins.

    Functions without common tokens are left out, and answers of a session without the reference's.
    """
    rows = list(rows)
    found = rows_by_pair(rows, pairs, view)
    base = _by_function(reference_rows(rows, reference, view))
    against: dict[KVPair, dict[str, Difference]] = {}
    for pair, items in found.items():
        mine = _by_function(items)
        compared = {name: _difference(passes, base[name]) for name, passes in mine.items() if name in base}
        against[pair] = {name: one for name, one in compared.items() if one is not None}
    return against if any(against.values()) else {}


def _by_function(items: Rows) -> dict[str, Passes]:
    """Function -> its passes, of those that have margins."""
    found = {name: _passes(of_one) for name, of_one in by_function(items).items()}
    return {name: passes for name, passes in found.items() if passes}


def _passes(rows: Rows) -> Passes:
    """Of each pass of each session with margins: place -> margin."""
    return {(conditions_of(row), row.get("replicate") or 0): read(row["margins"]) for row in rows if row.get("margins")}


def _difference(passes: Passes, base: Passes) -> Difference | None:
    """Pass by pass within a session; a pass that its reference lacks is held against the first that it has."""
    first: dict[str, Mapping[int, float]] = {}
    for (session, _), margins in base.items():
        first.setdefault(session, margins)
    found = [
        _of_pass(mine, base.get((session, number)) or first[session])
        for (session, number), mine in passes.items()
        if session in first
    ]
    told = [one for one in found if one is not None]
    if not told:
        return None
    return Difference(
        statistics.fmean(one.mean for one in told),
        statistics.fmean(one.p1 for one in told),
        statistics.fmean(one.under_1 for one in told),
        sum(one.tokens for one in told),
        math.fsum(one.share for one in told) / len(found),
    )


def _of_pass(mine: Mapping[int, float], its: Mapping[int, float]) -> Difference | None:
    common = mine.keys() & its.keys()
    if not common:
        return None
    values, base = ([one[place] for place in common] for one in (mine, its))
    return Difference(
        statistics.fmean(a - b for a, b in zip(values, base, strict=True)),
        percentile(values) - percentile(base),
        under(values) - under(base),
        len(common),
        len(common) / len(its),
    )
