"""`python -m benchmarks.sweep`: what a sweep costs beyond what its servers must do. Five figures, with bounds.

Run it on an otherwise idle machine. Takes about three minutes on two cores with the embedded server. With `--compare`
the same work is done in other ways (see `compare`), which takes some six minutes.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.compare import compare
from benchmarks.running import run_grid

_CORPUS = """
[generate]
kind = "random-bodies"
functions = 60
body_lines = 24

[sample]
k = 16
"""
_CORPUS_PAIRS = "bf16/bf16,q8_0/q8_0,q8_0/q4_0,q4_0/q4_0"
_CORPUS_TOKENS_AT_LEAST = 8000
_IDLE_ROUNDS = 25


@dataclass(frozen=True)
class Figure:
    """One measured figure and the bound that it should keep."""

    name: str
    value: float
    bound: float
    unit: str = ""

    def __str__(self) -> str:
        verdict = "ok" if self.value <= self.bound else "TOO HIGH"
        return f"{self.name:<58}{self.value:>9.3f}  <= {self.bound:g}{self.unit:<4} {verdict}"


def idle_milliseconds(folder: Path) -> float:
    """What the plugin adds to a plain pytest run: the median difference of paired runs with and without it.

    Other plugins are left out on both sides: their noise is larger than the figure.
    """
    (folder / "test_nothing.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_nothing.py"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

    def seconds(*extra: str) -> float:
        began = time.perf_counter()
        subprocess.run([*command, *extra], cwd=folder, env=alone, capture_output=True, check=True)  # noqa: S603 - pytest
        return time.perf_counter() - began

    pairs = [(seconds("-p", "pytest_codeneedle.plugin"), seconds()) for _ in range(_IDLE_ROUNDS)]
    return 1000 * statistics.median(with_plugin - without for with_plugin, without in pairs)


def measure() -> list[Figure]:
    """All five figures."""
    with tempfile.TemporaryDirectory() as name:
        big, default, plain = (Path(name) / part for part in ("big", "default", "plain"))
        for folder in (big / "corpora", default, plain):
            folder.mkdir(parents=True)
        idle = idle_milliseconds(plain)
        grid = run_grid(default, default / "run")
        (big / "corpora" / "big.toml").write_text(_CORPUS, encoding="utf-8")
        sweep = run_grid(big, big / "run", "--corpus", "big", "--kv-pairs", _CORPUS_PAIRS)
    tokens = sweep.about["tokens"]["file"]
    if tokens < _CORPUS_TOKENS_AT_LEAST:
        sys.exit(f"the corpus has {tokens} tokens only")
    overhead = grid.wall_seconds / (grid.busy_seconds + grid.load_seconds)
    return [
        Figure(f"prompt tokens ingested / (file tokens x cells), {tokens} tokens", sweep.ingested, 1.10),
        Figure("tokens decoded / tokens of the expected lines", sweep.decoded, 1.10),
        Figure("wall time / (server busy + load time), default grid", overhead, 1.10),
        Figure("idle cost in a plain pytest run", idle, 20, " ms"),
        Figure(f"default grid, {grid.about['machine']['cores']} cores", grid.wall_seconds, 180, " s"),
    ]


def main() -> int:
    """Print the figures; 1 where one breaks its bound."""
    if "--compare" in sys.argv[1:]:
        lines, kept = compare()
        print(*lines, sep="\n")
        return int(not kept)
    figures = measure()
    for figure in figures:
        print(figure)
    return int(any(figure.value > figure.bound for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
