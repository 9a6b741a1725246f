"""`python -m benchmarks.verdicts`: what it costs to judge a grid of 36 cells. Four figures, with bounds.

Each is measured in a process of its own, from its start to the last fact, with all that it imports.
"""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.extraction import Figure

#: Whole lines, and means over three replicates; what differs from cell to cell is noise.
_JUDGE = """
import json, random
from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, grid_pairs
from pytest_codeneedle.stats.verdict import judge
draws = random.Random(1)
pairs = grid_pairs(DEFAULT_TYPES, DEFAULT_TYPES)
cells = {{
    pair: {{f"f{{number}}": sum(draws.randint(14, 20) for _ in range({replicates})) / {replicates}
           for number in range({functions})}}
    for pair in pairs
}}
json.dumps(judge(cells, pairs[0], planned=pairs, again=cells[pairs[0]]).facts(), allow_nan=False)
"""
_ROUNDS = 3


def seconds(functions: int, replicates: int) -> float:
    """The fastest of three processes."""
    rounds = []
    for _ in range(_ROUNDS):
        began = time.monotonic()
        program = _JUDGE.format(functions=functions, replicates=replicates)
        subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - the program above
        rounds.append(time.monotonic() - began)
    return min(rounds)


def main() -> int:
    """Print the figures; 1 where one is too high."""
    figures = [
        Figure(f"36 cells x {functions} functions x {replicates} replicates, seconds", value, bound, "s")
        for functions, bound in ((16, 3.0), (200, 20.0))
        for replicates in (1, 3)
        for value in [seconds(functions, replicates)]
    ]
    for figure in figures:
        print(figure)
    return int(any(figure.value > figure.bound for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
