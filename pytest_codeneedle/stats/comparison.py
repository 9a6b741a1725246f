"""A new run held against a stored one, cell by cell and function by function, and whether anything is worse.

What decides are paired contrasts NEW - OLD over functions, one-sided, in two families: those that are declared before
any run is seen (the mean of all cells, the reference, the matched low pair) and all cells. Each has half of ALPHA under
Holm (1979), so that two runs which differ by chance alone are called worse in at most 5 % of cases. Single items that
passed then and fail now decide nothing. A question that was answered then and gives no answer now decides, and so does
one that is answered in fewer of its passes: each was asked twice before it became an ERROR, and is no matter of chance.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.errors import BaselineError
from pytest_codeneedle.core.kv_types import low_pair
from pytest_codeneedle.core.shareable import last_name
from pytest_codeneedle.runs.calibration import leaves_little
from pytest_codeneedle.stats.comparable import (
    differences,
    not_compared,
    part_compared,
    refuse_other_questions,
    under_one_rotation,
)
from pytest_codeneedle.stats.paired import ALPHA, holm, sign_flip
from pytest_codeneedle.stats.power import detectable, least_one_way
from pytest_codeneedle.stats.run_margins import RunMargins, run_margins

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_codeneedle.core.cells import Place
    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.runs.stored_run import StoredCell, StoredRun

_DIGITS = 4


@dataclass(frozen=True)
class Change:
    """What became of one cell, or of the mean of several: over `n` functions that have a figure in both runs.

    `old`, `new` and `difference` are mean lines; `sd` is that of the functions' differences, None for one. `p` is
    one-sided (fewer lines now), `adjusted` within its family. `cell` is None for the mean of several.
    """

    name: str
    n: int
    old: float
    new: float
    difference: float
    sd: float | None
    p: float
    cell: Place | None
    adjusted: float = 1.0
    worse: bool = False

    def facts(self) -> dict[str, Any]:
        """Flat and plain."""
        return {
            "name": self.name,
            "functions": self.n,
            **{key: _rounded(getattr(self, key)) for key in ("old", "new", "difference", "sd")},
            "p": self.p,
            "adjusted_p": self.adjusted,
            "worse": self.worse,
        }


@dataclass(frozen=True)
class Flip:
    """One item that passed and fails, or the other way; its lines then and now."""

    cell: Place
    function: str
    fails: bool
    old: float
    new: float

    def facts(self) -> dict[str, Any]:
        """Flat and plain."""
        figures = {"old": _rounded(self.old), "new": _rounded(self.new)}
        return {"cell": str(self.cell), "function": self.function, "fails": self.fails, **figures}


@dataclass(frozen=True)
class Comparison:
    """`new` against `old`. `differing` is what differs between the runs, `missing` what was not compared.

    `part` is how much of the old run was asked again, as `in 2 of 5 cells`; nothing where all of it was.
    `declared` and `cells` are the two families, each at `level`. `silent` are the questions, by cell, that had an
    answer and have none now, or in fewer passes; `cells_silent` the cells in which nothing is answered any more,
    `cells_mute` those in which no function has a figure in both, for want of one then. `margins` are those of cells
    where both runs have some: they decide nothing.
    """

    old: StoredRun
    new: StoredRun
    differing: tuple[str, ...]
    missing: tuple[str, ...]
    part: str
    functions: int
    level: float
    declared: tuple[Change, ...]
    cells: tuple[Change, ...]
    silent: Mapping[Place, tuple[str, ...]]
    cells_silent: tuple[Place, ...]
    cells_mute: tuple[Place, ...]
    flips: tuple[Flip, ...]
    margins: Mapping[Place, RunMargins]

    @property
    def worse_changes(self) -> list[Change]:
        """What is significantly worse: the declared ones first, then the other cells, the greatest loss first."""
        declared = [change for change in self.declared if change.worse]
        told = {change.cell for change in declared}
        others = [change for change in self.cells if change.worse and change.cell not in told]
        return declared + sorted(others, key=lambda change: change.difference)

    @property
    def worse(self) -> bool:
        """Whether anything is worse: a figure, or questions that have no answer any more."""
        return bool(self.worse_changes or self.silent)

    @property
    def undecided(self) -> bool:
        """Whether nothing is worse and part of it could not have been: few functions, cells without answers then."""
        return not self.worse and (bool(self.cells_mute) or self.functions < self.functions_needed[0])

    @property
    def floored(self) -> float | None:
        """What the old run's reference recalled, in lines, where that is so little that there is little to lose."""
        scored = [lines for lines in self.old.reference_figures.values() if lines is not None]
        mean = statistics.fmean(scored) if scored else None
        return mean if mean is not None and leaves_little(mean, self.old.lines) else None

    @property
    def functions_needed(self) -> tuple[int, int]:
        """How many functions a declared contrast, and one cell, need to be called worse at all."""
        declared, cell = (least_one_way(self.level / max(1, len(one))) for one in (self._first_family, self.cells))
        return declared, cell

    @property
    def seen_loss(self) -> float | None:
        """The mean loss, in lines, that the first contrast would have shown four times of five; None where it can none.

        That is the mean of all cells, at the level that is left to it when Holm looks at it first; more than the old
        run recalled cannot be lost.
        """
        family = self._first_family
        if not family:
            return None
        first = family[0]
        return detectable(first.n, first.sd, level=self.level / len(family), there=first.old).loss

    @property
    def _first_family(self) -> tuple[Change, ...]:
        return self.declared or self.cells

    def facts(self) -> dict[str, Any]:
        """Plain, for JSON."""
        return {
            "format": 1,
            "worse": self.worse,
            "undecided": self.undecided,
            "part": self.part,
            "old": last_name(self.old.name),
            "new": last_name(self.new.name),
            "corpus": self.new.corpus,
            "corpus_sha256": self.new.corpus_sha256,
            "differing": list(self.differing),
            "not_compared": list(self.missing),
            "lines": self.new.lines,
            "functions": self.functions,
            "functions_needed": list(self.functions_needed),
            "level_of_a_family": self.level,
            "seen_loss": _rounded(self.seen_loss),
            "floored": self.floored is not None,
            "calibration": {"old": self.old.caution or None, "new": self.new.caution or None},
            "lost": {"old": self.old.lost or None, "new": self.new.lost or None},
            "declared": [change.facts() for change in self.declared],
            "cells": [change.facts() for change in self.cells],
            "no_answer": {str(cell): list(names) for cell, names in self.silent.items()},
            "cells_without_answer": list(map(str, self.cells_silent)),
            "cells_never_answered": list(map(str, self.cells_mute)),
            "flips": [flip.facts() for flip in self.flips],
            "margins": {str(cell): one.facts() for cell, one in self.margins.items()},
        }


def compare(old: StoredRun, new: StoredRun) -> Comparison:
    """Hold `new` against `old`. Raises BaselineError where they are not comparable, with what differs."""
    refuse_other_questions(old, new)
    old = under_one_rotation(old, {cell.rotation for cell in new.cells})
    common = sorted(cell for cell in new.cells if cell in old.cells)
    asked = {cell: _common(old.cells[cell].matched, new.cells[cell].matched) for cell in common}
    if not any(asked.values()):
        what = "cell" if not common else "function"
        msg = f"{old.name} and {new.name} have no {what} in common: there is nothing to compare"
        raise BaselineError(msg)
    scored = {cell: _common(old.cells[cell].scored, new.cells[cell].scored) for cell in common}
    declared, cells = _families(old, new, scored)
    level = ALPHA / 2 if declared else ALPHA
    silent = {cell: lost for cell in common if (lost := new.cells[cell].silent_since(old.cells[cell]))}
    return Comparison(
        old=old,
        new=new,
        differing=tuple(differences(old, new, common)),
        missing=tuple(not_compared(old, new, asked)),
        part=part_compared(old, asked),
        functions=len({name for names in scored.values() for name in names}),
        level=level,
        declared=tuple(_judged(declared, level)),
        cells=tuple(_judged(cells, level)),
        silent=silent,
        cells_silent=tuple(cell for cell in silent if old.cells[cell].scored and not _answers(new.cells[cell])),
        cells_mute=tuple(cell for cell in common if asked[cell] and not scored[cell] and cell not in silent),
        flips=tuple(_flips(old, new, scored)),
        margins={cell: both for cell in common if (both := run_margins(old.cells[cell], new.cells[cell], new.lines))},
    )


def _answers(cell: StoredCell) -> bool:
    return any(map(cell.answers, cell.matched))


def _common(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(name for name in new if name in old)


def _families(
    old: StoredRun, new: StoredRun, scored: Mapping[Place, Sequence[str]]
) -> tuple[list[Change], list[Change]]:
    """The declared contrasts and all cells."""
    cells = [cell for cell in scored if scored[cell]]
    every = [_change(str(cell), [cell], old, new, scored) for cell in cells]
    contrasts = _declared(cells, old.reference, new.reference)
    return [_change(name, over, old, new, scored) for name, over in contrasts], every


def _declared(cells: Sequence[Place], before: KVPair, now: KVPair) -> list[tuple[str, Sequence[Place]]]:
    """The declared contrasts, each with its cells; where there is one cell, nothing is declared beside it."""
    if len(cells) < 2:  # noqa: PLR2004 - its mean is the cell
        return []
    declared: list[tuple[str, Sequence[Place]]] = [("mean of all cells", cells)]
    reference = _of_pair(cells, now) or _of_pair(cells, before)
    if reference is not None:
        declared.append((f"reference {reference}", [reference]))
    low = _of_pair(cells, low_pair([cell.pair for cell in cells], reference.pair if reference else now))
    if low is not None:
        declared.append((f"lowest pair {low}", [low]))
    return declared


def least_functions(cells: Sequence[Place], before: KVPair, now: KVPair) -> int:
    """How many functions it takes in these cells to show any loss; `before` and `now` are the reference pairs."""
    declared = _declared(cells, before, now)
    return least_one_way(ALPHA / 2 / len(declared) if declared else ALPHA)


def _of_pair(cells: Iterable[Place], pair: KVPair | None) -> Place | None:
    """The cell of that pair; of several that with its rotation on."""
    return min((cell for cell in cells if cell.pair == pair), key=lambda cell: cell.rotation == "off", default=None)


def _change(
    name: str,
    cells: Sequence[Place],
    old: StoredRun,
    new: StoredRun,
    scored: Mapping[Place, Sequence[str]],
) -> Change:
    """The mean over these cells, function by function."""
    then, now = (_by_function([(run.cells[cell].scored, scored[cell]) for cell in cells]) for run in (old, new))
    differences = [now[function] - then[function] for function in now]
    cell = cells[0] if len(cells) == 1 else None
    return Change(
        name=name,
        n=len(differences),
        old=statistics.fmean(then.values()),
        new=statistics.fmean(now.values()),
        difference=statistics.fmean(differences),
        sd=statistics.stdev(differences) if len(differences) > 1 else None,
        p=sign_flip(sorted(differences), alternative="less"),
        cell=cell,
    )


def _by_function(cells: Iterable[tuple[Mapping[str, float], Sequence[str]]]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for figures, functions in cells:
        for function in functions:
            found.setdefault(function, []).append(figures[function])
    return {function: statistics.fmean(figures) for function, figures in sorted(found.items())}


def _judged(family: Sequence[Change], level: float) -> list[Change]:
    adjusted = holm([change.p for change in family])
    return [
        replace(change, adjusted=p, worse=p <= level and change.difference < 0)
        for change, p in zip(family, adjusted, strict=True)
    ]


def _flips(old: StoredRun, new: StoredRun, scored: Mapping[Place, Sequence[str]]) -> Iterable[Flip]:
    for cell, functions in scored.items():
        then, now = old.cells[cell], new.cells[cell]
        for function in sorted(functions):
            fails = function in now.failed
            if fails != (function in then.failed):
                yield Flip(cell, function, fails, then.scored[function], now.scored[function])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS) + 0.0  # no negative zero
