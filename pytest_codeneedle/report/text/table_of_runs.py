"""Several runs as one table, a row each: the table over corpora that sweeps are published with."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.text import printable, wrapped
from pytest_codeneedle.runs.calibration import NOTHING_SAID
from pytest_codeneedle.runs.grid import PARTLY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_codeneedle.runs.calibration import Calibrated
    from pytest_codeneedle.runs.grid import Grid
    from pytest_codeneedle.stats.verdict import Verdict

_HEADER = ("run", "combos", "pass", "matched", "range", "gradient")
#: What is left of 80 columns for a run's name; a longer one has a line of its own.
_NAME_WIDTH = 19
_GAP = "  "
#: What stands under the table.
LEGEND = (
    "combos: cells x functions; +/-: standard deviation over cells; gradient: sides on",
    "which recall falls with the bits (Page's test, p <= 0.05); * answers are missing",
)


@dataclass(frozen=True)
class RunRow:
    """One run: means and standard deviations over its cells, the deviation that of the population, as published.

    `functions` were asked for in each cell; `passed` is (mean, deviation) of the functions that passed, `matched` of
    the mean matched lines, `lowest` and `highest` their range over cells; None without an answered cell. `gradient`
    says which sides have a trend. `calibration` is what is known of its reference. `partly` says that cells have fewer
    answers than functions, `distrust` why the cells are not to be held together as they are.
    """

    name: str
    combos: int
    functions: int
    passed: tuple[float, float] | None
    matched: tuple[float, float] | None
    lowest: float | None
    highest: float | None
    gradient: str
    calibration: Calibrated = NOTHING_SAID
    partly: bool = False
    distrust: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Plain, for JSON."""
        passed, matched = self.passed or (None, None), self.matched or (None, None)
        return {
            "run": self.name,
            "combos": self.combos,
            "functions": self.functions,
            "pass_mean": passed[0],
            "pass_sd": passed[1],
            "matched_mean": matched[0],
            "matched_sd": matched[1],
            "matched_lowest": self.lowest,
            "matched_highest": self.highest,
            "gradient": self.gradient,
            "calibration": self.calibration.facts(),
            "partly": self.partly,
            "distrust": list(self.distrust),
        }


def run_row(  # noqa: PLR0913 - what a row has
    name: str,
    grid: Grid,
    functions: int,
    gradient: str,
    calibration: Calibrated = NOTHING_SAID,
    *,
    distrust: Iterable[str] = (),
) -> RunRow:
    """The row of a run with this grid."""
    means = [mean for cell in grid.answered if (mean := cell.mean_matched) is not None]
    return RunRow(
        name=name,
        combos=len(means),
        functions=functions,
        passed=_mean_sd([float(cell.passed) for cell in grid.answered]),
        matched=_mean_sd(means),
        lowest=min(means, default=None),
        highest=max(means, default=None),
        gradient=gradient,
        calibration=calibration,
        partly=bool(means) and any(cell.mark(functions) for cell in grid.cells.values()),
        distrust=tuple(distrust),
    )


def gradient(verdict: Verdict) -> str:
    """The sides on which recall falls as bits fall: `none`, `K`, `V`, `K and V`; `not tested` without the data.

    What missing answers decide, or a reference that has little to lose, is `not settled`; on a server that changed, or
    may have, `distrust` stands behind it.
    """
    trends = {side.name: side.trend.verdict for side in (verdict.k, verdict.v)}
    if not any(trends.values()):
        return "not tested"
    falls = " and ".join(name for name, found in trends.items() if found == "trend")
    told = [f"{name} not tested" for name, found in trends.items() if found is None]
    told += [f"{name} not settled" for name, found in trends.items() if found == "unsettled"]
    if not falls and verdict.little_to_lose is not None:
        return "not settled"
    return ", ".join([falls or "none", *told, *(["distrust"] if verdict.distrusted else [])])


def table_lines(rows: Sequence[RunRow]) -> list[str]:
    """A header, then a row for each run, at 80 columns; combos are cells x functions."""
    cells = [_HEADER, *(_cells(row) for row in rows)]
    widths = [max(len(cell[at]) for cell in cells) for at in range(1, len(_HEADER))]
    name_width = min(_NAME_WIDTH, max(len(cell[0]) for cell in cells))
    lines = []
    for name, *figures in cells:
        told = _GAP.join(_aligned(figures, widths))
        fits = len(name) <= name_width
        lines += [] if fits else [name]
        lines.append(f"{name if fits else '':<{name_width}}{_GAP}{told}".rstrip())
    return lines


def notes(rows: Iterable[RunRow]) -> list[str]:
    """What stands below the table: of each run why it is not calibrated, or to be distrusted, at 80 columns."""
    told = [(row.name, why) for row in rows for why in (row.calibration.caution, *row.distrust) if why]
    said = [f"{printable(name)}: {why}" for name, why in told]
    return [line for one in dict.fromkeys(said) for line in wrapped(one)]


def _aligned(figures: Iterable[str], widths: Iterable[int]) -> list[str]:
    *numbers, gradient = (f"{text:>{width}}" for text, width in zip(figures, widths, strict=True))
    return [*numbers, gradient.strip()]


def _cells(row: RunRow) -> tuple[str, ...]:
    mark = PARTLY if row.partly else ""
    spread = "-" if row.lowest is None else f"{row.lowest:.2f}-{row.highest:.2f}{mark}"
    figures = (f"{row.combos}x{row.functions}{mark}", _shown(row.passed), _shown(row.matched), spread, row.gradient)
    return (printable(row.name), *figures)


def _shown(mean_sd: tuple[float, float] | None) -> str:
    return "-" if mean_sd is None else f"{mean_sd[0]:.2f} +/- {mean_sd[1]:.2f}"


def _mean_sd(values: Sequence[float]) -> tuple[float, float] | None:
    return (statistics.fmean(values), statistics.pstdev(values)) if values else None
