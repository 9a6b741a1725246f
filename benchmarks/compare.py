"""`python -m benchmarks.sweep --compare`: the same work in other ways, as ratios measured in one run.

Each pair of ways is run in turn, several times, and the medians are compared: what else the machine does falls on both.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.running import Sweep, run_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

#: One function, so that loading is a good part of a cell.
_SHORT = """
[generate]
kind = "random-bodies"
functions = 1
body_lines = 20
"""
#: Sixteen functions: 36 cells of it are 576 items.
_LONG = """
[generate]
kind = "random-bodies"
functions = 16
body_lines = 20

[sample]
k = 16
"""
_ROUNDS = 3
_TYPES = "bf16,q8_0,q4_0"
_LEAST_LOAD_SHARE = 0.2


@dataclass(frozen=True)
class Ratio:
    """How much faster one way is than another, with the bound that it should keep; None where there is none."""

    name: str
    value: float
    at_least: float | None

    @property
    def kept(self) -> bool:
        """Whether the bound is kept."""
        return self.at_least is None or self.value >= self.at_least

    def __str__(self) -> str:
        bound = "" if self.at_least is None else f">= {self.at_least:g}  {'ok' if self.kept else 'TOO LOW'}"
        return f"{self.name:<58}{self.value:>9.3f}  {bound}".rstrip()


def in_turn(folder: Path, ways: dict[str, Sequence[str]], *arguments: str) -> dict[str, list[Sweep]]:
    """Each way's sweeps, `_ROUNDS` of each, one after the other in turn."""
    sweeps: dict[str, list[Sweep]] = {name: [] for name in ways}
    for number in range(_ROUNDS):
        for name, extra in ways.items():
            out = folder / f"{name}-{number}"
            sweeps[name].append(run_grid(folder, out, *arguments, *extra))
    return sweeps


def seconds(sweeps: Sequence[Sweep]) -> float:
    """The median of their wall times."""
    return statistics.median(sweep.wall_seconds for sweep in sweeps)


def load_share(sweeps: Sequence[Sweep]) -> float:
    """The share of the wall time that servers load, where they are waited for."""
    return statistics.median(sweep.load_seconds / sweep.wall_seconds for sweep in sweeps)


def compare() -> tuple[list[str], bool]:
    """What to print, and whether all bounds are kept."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "corpora").mkdir()
        (folder / "corpora" / "short.toml").write_text(_SHORT, encoding="utf-8")
        (folder / "corpora" / "long.toml").write_text(_LONG, encoding="utf-8")
        short = ("--corpus", "short")
        overlap = in_turn(folder, {"off": ("--kv-overlap", "off"), "on": ("--kv-overlap", "on")}, *short)
        plain = ("--corpus", "long", "--kv-types", _TYPES, "--kv-functions", "4")
        workers = in_turn(folder, {"n1": ("-n", "1"), "n2": ("-n", "2")}, *plain)
        finished = folder / "finished"
        whole = run_grid(folder, finished, "--corpus", "long")
        resumed = [run_grid(folder, finished, "--corpus", "long", "--kv-resume") for _ in range(_ROUNDS)]
    share = load_share(overlap["off"])
    wanted = 1.15 if share >= _LEAST_LOAD_SHARE else None
    ratios = [
        Ratio("without overlap / with it", seconds(overlap["off"]) / seconds(overlap["on"]), wanted),
        Ratio("-n 1 / -n 2", seconds(workers["n1"]) / seconds(workers["n2"]), None),
        Ratio(f"a run of {len(whole.rows)} items / resuming it", whole.wall_seconds / seconds(resumed), None),
    ]
    again = seconds(resumed)
    lines = [
        f"loading is {100 * share:.0f} % of a run of short cells",
        *map(str, ratios),
        f"resuming {len(whole.rows)} recorded items takes {again:.2f} s  <= 5  {'ok' if again <= 5 else 'TOO HIGH'}",  # noqa: PLR2004 - the bound
    ]
    return lines, all(ratio.kept for ratio in ratios) and again <= 5  # noqa: PLR2004 - the bound
