"""`python -m benchmarks.pages`: what the page of a run costs beside printing the same run's grids. Four figures.

A small real sweep, its rows copied to all 36 pairs and so many passes that there are 576 and 20,160 questions; with a
pass at 20 lines, so that every answer that lost one has a diff. Each figure is made of whole processes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.extraction import Figure
from benchmarks.running import run_grid
from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, grid_pairs
from pytest_codeneedle.runs.folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ROUNDS = 3
_MB = 1e6
_ASKED = (*("--corpus", "random-bodies-mini", "--kv-model", "control:fragile-k"), *("--kv-types", "bf16,q4_0"))


def widened(folder: Path, about: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], passes: int) -> Path:
    """A run of 36 pairs: each has the answers of one of the cells that were asked, in so many passes."""
    pairs = grid_pairs(DEFAULT_TYPES, DEFAULT_TYPES)
    RunFolder.create(folder, {**about, "pairs": list(map(str, pairs)), "repeat": passes}).extend(
        {**row, "ctk": pair.ctk, "ctv": pair.ctv, "replicate": replicate}
        for replicate in range(passes)
        for pair in pairs
        for row in rows
        if (row["ctk"] == "bf16", row["ctv"] == "bf16") == (pair.ctk == "bf16", pair.ctv == "bf16")
    )
    return folder


def seconds(*arguments: str) -> float:
    """The fastest of three processes of `codeneedle`."""
    rounds = []
    for _ in range(_ROUNDS):
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest_codeneedle.cli", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
        rounds.append(time.monotonic() - began)
    return min(rounds)


def figures(folder: Path, run: Path, questions: int, most_mb: float) -> list[Figure]:
    """Of one run: the page's time over the grids' time, and its size."""
    page = folder / f"page-{questions}"
    slower = seconds("report", str(run), "-o", str(page)) / seconds("grid", str(run))
    size = (page / "index.html").stat().st_size / _MB
    return [
        Figure(f"{questions} questions, page / grids, time", slower, 3.0, "x"),
        Figure(f"{questions} questions, page", size, most_mb, "MB"),
    ]


def main() -> int:
    """Print the figures; 1 where one is too high."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        sweep = run_grid(folder, folder / "asked", *_ASKED)
        about = {**sweep.about, "pass": 20}
        rows = [{**row, "outcome": "passed" if row["primary_matched"] == 20 else "failed"} for row in sweep.rows]  # noqa: PLR2004 - its lines
        found = []
        for passes, most_mb in ((2, 2.0), (70, 20.0)):
            questions = 36 * 8 * passes
            run = widened(folder / f"run-{questions}", about, rows, passes)
            found += figures(folder, run, questions, most_mb)
    for figure in found:
        print(figure)
    return int(any(figure.value > figure.bound for figure in found))


if __name__ == "__main__":
    sys.exit(main())
