"""What is said of a run's rows: the grids, the summary, what became of misses. For the terminal and for the CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.grid import View, make_grid, render, rows_by_pair
from pytest_codeneedle.label_grid import flag_grids, label_lines
from pytest_codeneedle.throughput import decode_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.cells import Rotation
    from pytest_codeneedle.kvtypes import KVPair


def run_lines(  # noqa: PLR0913 - the rows, and what run.json says of them
    rows: Sequence[Mapping[str, Any]],
    pairs: Sequence[KVPair],
    *,
    lines: int,
    functions: int,
    reference: KVPair,
    verbose: bool = False,
    thinks: bool = False,
    repeat: int = 1,
    rotations: Sequence[Rotation] = ("default",),
) -> list[str]:
    """The report of one run as plain text; with `verbose` also where answers ran on or were confused, and the speed.

    `thinks` says that thinking is let: else an answer that thought all the same is pointed out. The figures are means
    over `repeat` passes; each of the `rotations` has grids of its own.
    """
    report = []
    for rotation in rotations:
        view = View(repeat, rotation)
        title = [] if rotation == "default" else [f"rotation {rotation}", ""]
        report += title + render(make_grid(rows, pairs, view), lines=lines, functions=functions, reference=reference)
        report += ["", *labels, ""] if (labels := label_lines(rows, pairs, view)) else []
        report += [*([] if labels else [""]), *flag_grids(rows, pairs, view), ""] if verbose else []
        report += [*decode_lines(rows, pairs, view), ""] if verbose else []
        report += [] if thinks else _thoughts(rows, pairs, view)
        report += [""] if rotation != rotations[-1] and report[-1] else []
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
