"""What a run could have seen: the least mean loss that its declared contrast calls significant four times of five."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scipy.special import betaincinv, nctdtrinc, stdtrit

from pytest_codeneedle.stats.paired import ALPHA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_codeneedle.stats.paired import Contrast

POWER = 0.8
#: So few functions that lose a line, when all others keep theirs, are significant: 2 / 2^6 <= ALPHA.
LEAST_ONE_WAY = math.ceil(1 - math.log2(ALPHA))


@dataclass(frozen=True)
class Detectable:
    """The mean `loss` of lines that `n` functions would have shown; None, with the `reason`, where they can show none.

    Where it is more than there is to lose, they can show none either.

    The larger of two figures, both for a power of 0.8. `floor`: without any noise, where each function loses one line
    with this chance, the six that are needed lose one (with 16 functions: 0.45). `noise`: at the paired `sd` of this
    run; None where there is no sd. It is the figure of the t test and half a step of the sum (Yates), for lines are
    whole and ties count against significance. Simulated, the exact test has a power of 0.75 to 0.81 there from 12
    functions on; 0.6 to 0.77 with 8.
    """

    n: int
    loss: float | None = None
    floor: float | None = None
    noise: float | None = None
    sd: float | None = None
    reason: str | None = None

    def facts(self) -> dict[str, Any]:
        """Flat and plain, for JSON."""
        return {
            "n": self.n,
            "loss": self.loss,
            "floor": self.floor,
            "noise": self.noise,
            "sd": self.sd,
            "power": POWER,
            "reason": self.reason,
        }


def detectable(
    n: int, sd: float | None, *, level: float = ALPHA / 2, there: float = math.inf, losing: int | None = None
) -> Detectable:
    """What a contrast of `n` functions sees, whose differences have this `sd` in lines.

    `level` is that of a loss: half of ALPHA where the contrast is two-sided and the only one. They have `there` lines
    on average to lose, and `losing` of them have any; None for all.
    """
    needed = least_one_way(level)
    if n < needed:
        return Detectable(n, sd=sd, reason=too_few(n, needed))
    able = n if losing is None else losing
    if able < needed:
        return Detectable(n, sd=sd, reason=f"its reference has lines to lose in {able} of {n} functions")
    # The q with P(Binomial(able, q) >= needed) = POWER, as a mean over all n.
    floor = float(betaincinv(needed, able - needed + 1, POWER)) * able / n
    noise = None if sd is None else sd * _standardised(n, level) + 1 / n
    loss = max(floor, noise or 0.0)
    if loss > there:
        return Detectable(n, None, floor, noise, sd, f"its reference recalls {there:.1f} lines")
    return Detectable(n, loss, floor, noise, sd)


def least_one_way(level: float) -> int:
    """So few functions that lose a line, when all others keep theirs, are significant at that level of a loss."""
    return math.ceil(-math.log2(level))


def least_for_family(cells: int) -> int:
    """So few functions that all lose a line are significant in one of `cells` that share their level (Holm).

    2 / 2^n times `cells` is the least p-value that they can have.
    """
    return max(LEAST_ONE_WAY, math.ceil(math.log2(2 * max(1, cells) / ALPHA)))


def too_few(n: int, needed: int = LEAST_ONE_WAY) -> str:
    """Why that many functions settle nothing."""
    return f"{n} {'function' if n == 1 else 'functions'} cannot settle it: {needed} are needed"


def pooled_sd(contrasts: Iterable[Contrast]) -> float | None:
    """The paired sd of all contrasts together, each with its degrees of freedom; None where there are none."""
    known = [(one.n - 1, one.sd) for one in contrasts if one.sd is not None]
    freedom = sum(df for df, _ in known)
    return math.sqrt(sum(df * sd**2 for df, sd in known) / freedom) if freedom else None


def _standardised(n: int, level: float) -> float:
    """Loss / sd at which the t test with n - 1 degrees of freedom has its power; the far tail adds nothing to it."""
    critical = stdtrit(n - 1, 1 - level)
    return float(nctdtrinc(n - 1, 1 - POWER, critical)) / math.sqrt(n)
