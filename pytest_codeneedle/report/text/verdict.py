"""The verdict block under a grid: differences, trends, marginal means, the noise floor, and the sentences last."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_codeneedle.core.text import counted, few, lines_of, p_is, p_value, signed, span, wrapped
from pytest_codeneedle.report.text.sentences import SATURATED, undecided
from pytest_codeneedle.runs.grid import PARTLY, table
from pytest_codeneedle.stats.power import least_for_family
from pytest_codeneedle.stats.verdict import INCONCLUSIVE, NOT_WORSE, WORSE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_codeneedle.runs.grid import Grid
    from pytest_codeneedle.stats.by_type import Side
    from pytest_codeneedle.stats.missing import Sensitivity
    from pytest_codeneedle.stats.noise_floor import Again
    from pytest_codeneedle.stats.paired import Contrast
    from pytest_codeneedle.stats.trend import Trend
    from pytest_codeneedle.stats.verdict import CellVerdict, Verdict

#: The mark behind a difference. NOT WORSE has none: it is what one hopes to see, and most of what there is.
_MARKS = {WORSE: "!", INCONCLUSIVE: "?", NOT_WORSE: " "}
_EQUAL = "="
#: Behind the head of what rests on a server that changed, or may have.
DISTRUSTED = " (of a grid to distrust)"
_LABEL, _FIGURE = 7, 8


def verdict_lines(
    verdict: Verdict, grid: Grid, said: Iterable[str], *, beside: Sequence[str] = (), verbose: bool = False
) -> list[str]:
    """The block, at 80 columns: `said` are its sentences, `beside` what is said of margins.

    With `verbose` each cell has a line.
    """
    lines: list[str] = []
    if verdict.reason is None and verdict.cells:
        lines += [*_differences(verdict, grid, margins=bool(beside)), *_sides(verdict)]
        lines += ["", *wrapped(again)] if (again := again_sentence(verdict)) else []
        lines += ["", *beside] if beside else []
        lines += ["", *_cells(verdict)] if verbose else []
        lines.append("")
    return lines + [line for sentence in said for line in wrapped(sentence)]


def _differences(verdict: Verdict, grid: Grid, *, margins: bool) -> list[str]:
    """Each cell minus the reference, with its mark; one line where no cell differs in any line."""
    judged = [cell for cell in verdict.cells if cell.verdict is not None]
    head = f"verdict against {verdict.reference} (delta {lines_of(verdict.delta)}, {_functions(judged)})"
    lacking = wrapped(missing_sentence(verdict))
    if judged and all(cell.saturated for cell in judged) and len({(cell.verdict, cell.reason) for cell in judged}) == 1:
        which = f"{judged[0].pair}" if len(judged) == 1 else f"all {len(judged)} cells"
        why = judged[0].reason or (SATURATED if margins else undecided(SATURATED))
        return [head, *wrapped(f"no line differs: {which} {judged[0].verdict} ({why})"), *lacking]
    figures = {cell.pair: _difference(cell) for cell in judged}
    shown = table(grid, lambda cell: "ref " if cell.pair == verdict.reference else figures.get(cell.pair, "- "))
    legend = "! WORSE  ? INCONCLUSIVE  = no line differs, NOT WORSE  else NOT WORSE"
    return [head, *(line.rstrip() for line in shown), legend, *wrapped(_counted(judged, verdict)), *lacking]


def _difference(cell: CellVerdict) -> str:
    mark = _MARKS[cell.verdict] if cell.verdict is not None else " "
    return f"{_EQUAL if cell.saturated and cell.verdict == NOT_WORSE else signed(cell.contrast.mean)}{mark}"


def missing_sentence(verdict: Verdict) -> str:
    """Which cells lack answers, the lowest first: to how many functions, and what they are with these as lost."""
    found = [(cell.pair, cell.missing) for cell in verdict.cells if cell.missing is not None]
    found.sort(key=lambda one: one[1].contrast.mean)
    told = [
        f"{pair} {one.functions} of {one.contrast.n} ({signed(one.contrast.mean)} {one.lost})" for pair, one in found
    ]
    return f"no answer to (counted as lost): {few(told)}" if told else ""


def _functions(judged: Sequence[CellVerdict]) -> str:
    counts = sorted({cell.contrast.n for cell in judged}) or [0]
    return counted(counts[0], "function") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} functions"


def _counted(judged: Sequence[CellVerdict], verdict: Verdict) -> str:
    """How many cells have which verdict, and by which test."""
    words = [cell.verdict for cell in judged]
    counts = ", ".join(f"{words.count(word)} {word}" for word in (WORSE, NOT_WORSE, INCONCLUSIVE) if word in words)
    told = family_sentence(verdict)
    return f"{counts or 'no cell has a verdict'}: {told}" if told else counts


def family_sentence(verdict: Verdict) -> str:
    """`q4_0/q4_0 was declared, 34 other cells share one level (Holm)`: what the p of each cell is adjusted for."""
    judged = [cell for cell in verdict.cells if cell.verdict is not None]
    others = [cell for cell in judged if not cell.declared]
    told = [f"{verdict.low} was declared"] if len(others) < len(judged) else []
    if others:
        told.append(f"{counted(len(others), 'other cell')} share{'s' * (len(others) == 1)} one level (Holm)")
        needed = least_for_family(len(others))
        # What 8 functions lose in each of 34 cells cannot be significant, whatever it is: that is no doubt.
        if max(cell.contrast.n for cell in others) < needed:
            told[-1] += f", for which {needed} functions are needed"
    return ", ".join(told)


def _sides(verdict: Verdict) -> list[str]:
    """The trend and the marginal means of K and of V."""
    lines: list[str] = []
    for side in (verdict.k, verdict.v):
        if len(side.types) > 1:
            marginals = _marginals(side)
            lines += [
                *([""] if marginals or not lines else []),
                *wrapped(trend_sentence(side, distrusted=verdict.distrusted)),
                *marginals,
            ]
    return lines


def trend_sentence(side: Side, *, distrusted: bool = False) -> str:
    """Whether recall falls with the bits of K (or V), or why that was not tested; marked on a `distrusted` grid."""
    found = side.trend
    head = f"trend over {side.name}{DISTRUSTED if distrusted and found.p is not None else ''}"
    settled = "not settled by its answers, " if found.verdict == "unsettled" else ""
    ways = (("missing answers counted as lost", found.lost), ("other sessions' references too", found.stood_in))
    told = [(way, other) for way, other in ways if other is not None and (other.p is not None or found.p is not None)]
    others = [f"; with {way} {_trend(side, other)}" for way, other in told]
    return f"{head}: {settled}{_trend(side, found)}{''.join(others)}"


def _trend(side: Side, found: Trend) -> str:
    if found.p is None or found.slope is None:
        crossed = side.across or len(side.types) == 1
        other = "V" if side.name == "K" else "K"
        why = found.reason if crossed else f"no type of {other} was answered with every type of {side.name}"
        return f"not tested, {why}"
    return trend_words(found, "recall", "lines")


def trend_words(found: Trend, what: str, unit: str, decimals: int = 3) -> str:
    """`recall falls with its bits, p < 0.001; +0.050 lines per bit (95 % ...)`, of a trend that was tested.

    What is not significant is said to be that, not to be none; the p is that of a fall, whatever else is seen.
    """
    if found.p is None or found.slope is None:
        return ""
    if found.tied:
        return f"no trend, {p_is(found.p)}, all types equal"
    mean = found.slope.mean
    if found.falls and mean > 0:
        told = f"{what} falls with its bits, {p_is(found.p)}"
    elif found.falls:
        told = f"{what} falls with its bits in most functions, {p_is(found.p)}, but not on average"
    elif found.rises:
        told = f"{what} rises as its bits fall ({p_is(found.p)} for a fall)"
    elif found.slope.interval is not None and found.slope.interval.low > 0:
        told = f"{what} falls on average, but in no significant order, {p_is(found.p)}"
    else:
        told = f"no significant trend, {p_is(found.p)}"
    interval = span(found.slope.interval, decimals)
    return f"{told}; {signed(mean, decimals)} {unit} per bit{interval and f' ({interval})'}"


def _marginals(side: Side) -> list[str]:
    """The mean of each type over the other side's, its difference to the reference's type, and the interval of that."""
    if not side.marginals or (side.trend.tied and side.trend.lost is None):
        return []
    rows = [
        (f"{side.name} alone", [marginal.cache_type for marginal in side.marginals]),
        ("mean", [f"{marginal.mean:.2f}{PARTLY if marginal.lost else ''}" for marginal in side.marginals]),
    ]
    found = [marginal.contrast for marginal in side.marginals]
    if any(found):
        rows.append(("diff", ["ref" if one is None else signed(one.mean) for one in found]))
        intervals = [None if one is None else one.interval for one in found]
        if all(one is None or math.isfinite(one.low) for one in intervals) and any(intervals):
            rows.append(("95% low", ["" if one is None else signed(one.low) for one in intervals]))
            rows.append(("   high", ["" if one is None else signed(one.high) for one in intervals]))
    if any(marginal.lost for marginal in side.marginals):
        lost = [marginal.lost or marginal.contrast for marginal in side.marginals]
        rows.append(("as lost", ["" if one is None else signed(one.mean) for one in lost]))
    lines = [f"{name:<{_LABEL}}" + "".join(f"{text:>{_FIGURE}}" for text in texts) for name, texts in rows]
    return [line.rstrip() for line in lines]


def again_sentence(verdict: Verdict) -> str:
    """The noise floor: the same cell asked twice; nothing where it was asked once."""
    again = verdict.again
    if again is None or not (again.telling.n or again.late):
        return ""
    told = f"A/A: {verdict.reference}: no function was answered twice"
    if again.telling.n:
        told = f"A/A: {verdict.reference} {again.in_all}: {_again(verdict, again)}"
    return f"{told}; {counted(again.late, 'function')} answered in the last pass alone" if again.late else told


def _again(verdict: Verdict, again: Again) -> str:
    """What differs, with missing answers left out and counted as lost, and what that says of the server."""
    ways = [_differs(again.contrast, on_average=again.most is not None)] if again.contrast.n else []
    if again.lost is not None:
        silent = f"no answer to {again.silent} of {counted(again.lost.n, 'function')} in the last pass"
        ways.append(f"{silent}, counted as lost {_differs(again.lost)}")
    if again.most is not None:
        ways.append(f"most in session {again.most.number}: {_differs(again.most.contrast)}")
    told = "; ".join(ways)
    if again.telling.tied:
        return told
    if again.drifted:
        return f"{told}: the server DRIFTED: distrust the grid"
    if verdict.unsteady:
        return f"{told}: not significant, and yet as much as the loss that is looked for: distrust the grid"
    seen = again.detectable
    if seen.loss is None:
        return f"{told}: not significant, but no drift could have been: {seen.reason}"
    return f"{told}: no significant drift; one of {_two_digits(seen.loss)} would have been seen"


def _differs(found: Contrast, *, on_average: bool = False) -> str:
    if found.tied:
        return "0.00 lines" if on_average else "no line differs"
    told = ", ".join(part for part in (span(found.interval), p_is(found.p)) if part)
    return f"{signed(found.mean)} lines ({told})"


def _two_digits(lines: float) -> str:
    return lines_of(float(f"{lines:.2g}"))


def _cells(verdict: Verdict) -> list[str]:
    """Every cell: its difference, interval, p (Holm's unless declared), what may lose lines all the same."""
    head = f"{'cell':<10}{'n':>4}{'lines':>8}  {'95 % interval':<17}{'p':>8}{'open':>6}  verdict"
    lines = [head]
    for cell in verdict.cells:
        found = cell.contrast
        if cell.verdict is None:
            lines.append(f"{cell.pair!s:<10}{found.n:>4}  {cell.reason}")
            lines += [_as_lost(cell.missing)] if cell.missing else []
            continue
        interval = "all tied" if found.tied else span(found.interval).removeprefix("95 % ")
        declared = " (declared)" if cell.declared else ""
        lines.append(
            f"{cell.pair!s:<10}{found.n:>4}{signed(found.mean):>8}  {interval:<17}{p_value(cell.p_used):>8}"
            f"{100 * found.share_open:>4.0f} %  {cell.verdict}{declared}"
        )
        lines += [_as_lost(cell.missing)] if cell.missing else []
    return lines


def _as_lost(missing: Sensitivity) -> str:
    """The line below a cell's: the same with missing answers counted as lost."""
    found = missing.contrast
    return (
        f"{'  as lost':<10}{found.n:>4}{signed(found.mean):>8}  "
        f"{span(found.interval).removeprefix('95 % '):<17}{p_value(missing.p_used):>8}"
        f"{100 * found.share_open:>4.0f} %  {missing.lost}"
    )
