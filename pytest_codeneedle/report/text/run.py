"""What is said of a run's rows: the grids, the summary, what became of misses. For the terminal and for the CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ROTATIONS
from pytest_codeneedle.core.text import counted, wrapped
from pytest_codeneedle.report.text.cautions import added_args, thoughts
from pytest_codeneedle.report.text.grids import decode_lines, flag_grids, label_lines, margin_lines, rotation_lines
from pytest_codeneedle.runs.grid import View, make_grid, reference_line, render
from pytest_codeneedle.runs.pairing import both_ways, mean_differences, paired
from pytest_codeneedle.stats.missing import missing_beside
from pytest_codeneedle.stats.several_places import several_places

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.report.text.grids import BothWays
    from pytest_codeneedle.report.text.judged import Judged
    from pytest_codeneedle.runs.design import Frame
    from pytest_codeneedle.runs.grid import Grid
    from pytest_codeneedle.stats.rotation import Figures

#: With fewer of all of these nothing is ever significant: cells; functions, or types of one side.
_CELLS, _FUNCTIONS, _TYPES = 2, 6, 3


def run_lines(
    rows: Sequence[Mapping[str, Any]],
    frame: Frame,
    *,
    verbose: bool = False,
    judged: Mapping[View, Judged] | None = None,
) -> list[str]:
    """The report of one run as plain text; with `verbose` also where answers ran on or were confused, and the speed.

    Each rotation that was asked for has grids of its own. An answer that thought though it should not is pointed out.
    `judged` is what `run_verdicts` has found before.
    """
    pairs, report = frame.pairs, []
    judged = run_verdicts(rows, frame) if judged is None else judged
    for view in frame.views:
        grid = make_grid(rows, pairs, view)
        block = judged[view].lines(grid, verbose=verbose) if view in judged else []
        no_verdict = "" if block else why_not_judged(grid)
        title = [told, ""] if (told := frame.title(view)) else []
        beside = None if block else beside_reference(rows, frame, view)
        report += title + render(grid, lines=frame.lines, functions=frame.functions, reference=beside)
        margins = margin_lines(rows, pairs, frame.reference, view, verbose=verbose)
        report += ["", *margins, ""] if margins else []
        report += [*([""] if report[-1] else []), *labels, ""] if (labels := label_lines(rows, pairs, view)) else []
        report += [*([""] if report[-1] else []), *flag_grids(rows, pairs, view), ""] if verbose else []
        report += [*decode_lines(rows, pairs, frame.reference, view), ""] if verbose else []
        report += [] if frame.thinks else thoughts(rows, pairs, view)
        report += ["", *block] if block and report[-1] else block
        report += [no_verdict] if no_verdict else []
        report += [""] if view != frame.views[-1] and report[-1] else []
    unlike = [line for sentence in several_places(rows, frame.reference) for line in wrapped(sentence)]
    return report + _rotated(rows, frame) + added_args(rows) + unlike


def beside_reference(rows: Sequence[Mapping[str, Any]], frame: Frame, view: View) -> str:
    """The reference beside the cell that lost most, where no verdict says it; nothing where it has no answer."""
    differences = mean_differences(paired(rows, frame.pairs, frame.reference, view), frame.reference)
    grid = make_grid(rows, frame.pairs, view)
    return reference_line(grid, frame.reference, differences, frame.functions) or ""


def can_be_judged(grid: Grid) -> bool:
    """Whether any test could show anything: a session whose grid shows nothing is spared the loading of scipy.

    A cell that was asked and gave no answer is one of those of which something is said.
    """
    asked = [cell.pair for cell in grid.cells.values() if cell.asked]
    types = max(len({pair.ctk for pair in asked}), len({pair.ctv for pair in asked}))
    functions = max((len(cell.matched) for cell in grid.answered), default=0)
    return bool(grid.answered) and len(asked) >= _CELLS and (functions >= _FUNCTIONS or types >= _TYPES)


def _reference_differs(rows: Sequence[Mapping[str, Any]], frame: Frame, view: View) -> bool:
    """Whether the reference was not the same in all sessions and passes: figures are not what they seem beside it."""
    found = paired(rows, frame.pairs, frame.reference, view)
    if not found.apart and not any(lines for pair, lines in found.cells.items() if pair != frame.reference):
        return False
    again = found.twice is not None and found.twice.differ
    return again or len(found.references) > 1 or bool(found.apart or found.unpaired)


def why_not_judged(grid: Grid) -> str:
    """What is said where no test could show anything; nothing of a grid that has but one cell."""
    functions = max((len(cell.matched) for cell in grid.answered), default=0)
    if len(grid.answered) < _CELLS or can_be_judged(grid):
        return ""
    return f"No verdict: {counted(functions, 'function')} cannot settle it, {_FUNCTIONS} are needed (--kv-functions)"


def run_verdicts(rows: Sequence[Mapping[str, Any]], frame: Frame) -> dict[View, Judged]:
    """What is said of each grid of a run of which anything can be said."""
    views = [
        view
        for view in frame.views
        if can_be_judged(make_grid(rows, frame.pairs, view)) or _reference_differs(rows, frame, view)
    ]
    if not views:
        return {}
    from pytest_codeneedle.report.text.judged import judged  # noqa: PLC0415 - with scipy

    return {view: judged(rows, frame, view) for view in views}


def rotation_figures(
    rows: Sequence[Mapping[str, Any]], frame: Frame
) -> tuple[Figures, Figures, BothWays | None] | None:
    """The lines of all cells with the rotation on, and off, as far as they pair; None where none is asked both ways.

    Beside them the same with answers that are missing one way alone counted as lost; None where none is.
    """
    if not {"on", "off"} <= set(frame.rotations):
        return None
    on, off = (View(frame.repeat, rotation) for rotation in ROTATIONS["both"])
    lacking = [missing_beside(rows, on, off), missing_beside(rows, off, on)]
    lost = None
    if any(one.functions for one in lacking):
        counted = lacking[1].counted_as_lost(lacking[0].counted_as_lost(rows))
        lost = both_ways(counted, frame.pairs, frame.reference, on, off)
    return *both_ways(rows, frame.pairs, frame.reference, on, off), lost


def _rotated(rows: Sequence[Mapping[str, Any]], frame: Frame) -> list[str]:
    figures = rotation_figures(rows, frame)
    return ["", *rotation_lines(*figures, lines=frame.lines), ""] if figures else []
