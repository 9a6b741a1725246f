"""What is said of a run's rows: the grids, the summary, what became of misses. For the terminal and for the CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.grid import make_grid, render, rows_by_pair
from pytest_codeneedle.label_grid import flag_grids, label_lines
from pytest_codeneedle.throughput import decode_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.frame import Frame
    from pytest_codeneedle.grid import View
    from pytest_codeneedle.kvtypes import KVPair


def run_lines(rows: Sequence[Mapping[str, Any]], frame: Frame, *, verbose: bool = False) -> list[str]:
    """The report of one run as plain text; with `verbose` also where answers ran on or were confused, and the speed.

    Each rotation that was asked for has grids of its own. An answer that thought though it should not is pointed out.
    """
    pairs, report = frame.pairs, []
    for view in frame.views:
        grid = make_grid(rows, pairs, view)
        title = [] if view.rotation == "default" else [f"rotation {view.rotation}", ""]
        report += title + render(grid, lines=frame.lines, functions=frame.functions, reference=frame.reference)
        report += ["", *labels, ""] if (labels := label_lines(rows, pairs, view)) else []
        report += [*([] if labels else [""]), *flag_grids(rows, pairs, view), ""] if verbose else []
        report += [*decode_lines(rows, pairs, view), ""] if verbose else []
        report += [] if frame.thinks else _thoughts(rows, pairs, view)
        report += [""] if view != frame.views[-1] and report[-1] else []
    return report + _added(rows)


def _added(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Cells whose servers had other arguments than each other's, from a fixture, are no one grid."""
    added = sorted({str(row["added_args"]) for row in rows if row.get("added_args") is not None})
    return [f"not one grid, servers had other arguments: {' | '.join(map(repr, added))}"] if len(added) > 1 else []


def _thoughts(rows: Sequence[Mapping[str, Any]], pairs: Sequence[KVPair], view: View) -> list[str]:
    items = [item for cell in rows_by_pair(rows, pairs, view).values() for item in cell]
    thought = sum(bool(item.get("thought")) for item in items)
    if not thought:
        return []
    return [f"{thought} of {len(items)} answers thought all the same; try --kv-think prefill"]
