"""The margins of one run against another's on the same text: of functions that came back whole in both.

A stored run has a mean margin for each function, over the tokens that its answer had. Where a line is lost these are
fewer, and the sure ones of them: such means are of other tokens, and whatever lost most would look best.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.text import counted, few, signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_codeneedle.core.cells import Place
    from pytest_codeneedle.runs.stored_run import StoredCell

_DIGITS = 4
_NAMED = 3


@dataclass(frozen=True)
class RunMargins:
    """One cell in two runs: mean margins, `old` and `new`, in nats over `functions` that are whole in both.

    `of` have margins in both; where none of them is whole, there is no mean.
    """

    old: float | None
    new: float | None
    functions: int
    of: int

    @property
    def difference(self) -> float | None:
        """New - old."""
        return None if self.old is None or self.new is None else self.new - self.old

    def facts(self) -> dict[str, Any]:
        """Flat and plain."""
        old, new = (None if one is None else round(one, _DIGITS) for one in (self.old, self.new))
        return {"old": old, "new": new, "functions": self.functions, "of": self.of}


def run_margins(old: StoredCell, new: StoredCell, lines: int) -> RunMargins | None:
    """The margins of one cell; None where either run has none. `lines` were asked for of each function."""
    then, now = old.margins or {}, new.margins or {}
    both = [name for name in now if name in then]
    if not both:
        return None
    whole = [name for name in both if all(cell.matched.get(name) == lines for cell in (old, new))]
    before, after = (statistics.fmean(of[name] for name in whole) if whole else None for of in (then, now))
    return RunMargins(before, after, functions=len(whole), of=len(both))


def margins_sentence(margins: Mapping[Place, RunMargins]) -> str:
    """The mean over cells, the cell that lost most, and which have functions that could not be compared."""
    known = {cell: one for cell, one in margins.items() if one.old is not None and one.new is not None}
    partly = sorted(
        (cell for cell, one in margins.items() if one.functions < one.of), key=lambda cell: _left_out(margins[cell])
    )
    lost = [f"{cell} ({margins[cell].of - margins[cell].functions} of {margins[cell].of})" for cell in partly]
    left_out = f"; not compared, for lines are lost: functions of {few(lost, _NAMED)}" if lost else ""
    if not known:
        return f"margins of no function can be compared{left_out}"
    old, new = (
        statistics.fmean(found)
        for found in zip(*((one.old or 0.0, one.new or 0.0) for one in known.values()), strict=True)
    )
    cell = min(known, key=lambda cell: known[cell].difference or 0.0)
    change = signed(known[cell].difference or 0.0)
    most = f", {'of these ' if lost else ''}most in {cell} ({change})" if change.startswith("-") else ""
    mean = f"mean margin of whole answers over {counted(len(known), 'cell')}: {old:.2f} -> {new:.2f} nats"
    return f"{mean} ({signed(new - old)}){most}{left_out}; margins decide nothing"


def _left_out(one: RunMargins) -> float:
    return one.functions / one.of
