"""Sweeps with known figures, for tests of what is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.kv_types import BITS, DEFAULT_TYPES, KVPair, KVSize, grid_pairs
from pytest_codeneedle.runs.design import Frame
from pytest_codeneedle.runs.grid import make_grid
from pytest_codeneedle.stats.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_codeneedle.runs.grid import Grid
    from pytest_codeneedle.stats.verdict import Verdict

PAIRS = grid_pairs(DEFAULT_TYPES, DEFAULT_TYPES)
REFERENCE, LOW = KVPair("bf16", "bf16"), KVPair("q4_0", "q4_0")

Lines = dict[KVPair, dict[str, float]]


def sweep(lost: Callable[[KVPair, int], float], *, functions: int = 16, pairs: Sequence[KVPair] = PAIRS) -> Lines:
    """20 lines of each function but what `lost(pair, number of the function)` says."""
    return {pair: {f"f{at}": 20.0 - lost(pair, at) for at in range(functions)} for pair in pairs}


def on_k(pair: KVPair, at: int) -> float:
    """A loss of half a line per bit of K, and one more for every other function where anything is lost."""
    bits = 16 - BITS[pair.ctk]
    return bits // 2 + (at % 2 if bits else 0)


def judged(cells: Lines, **more: Any) -> Verdict:
    """The verdict on all pairs of these."""
    return judge(cells, REFERENCE, planned=list(cells), **more)


def frame_of(cells: Lines, **more: Any) -> Frame:
    """The frame of these cells, with a cache of 64 MiB at f16 and 16384 tokens."""
    functions = max(len(of_cell) for of_cell in cells.values())
    usual = {"kv_size": KVSize(1024, 1024), "n_ctx": 16384}
    return Frame(tuple(cells), REFERENCE, 20, functions, **{**usual, **more})


def rows_of(cells: Lines, **more: Any) -> list[dict[str, Any]]:
    """Result rows of these cells."""
    return [
        {
            "ctk": pair.ctk,
            "ctv": pair.ctv,
            "replicate": 0,
            "function": function,
            "outcome": "passed" if lines >= 8 else "failed",
            "primary_matched": int(lines),
            "label": None,
            "tokens": 100,
            "predicted_ms": 1000.0,
            **more,
        }
        for pair, of_cell in cells.items()
        for function, lines in of_cell.items()
    ]


def grid_of(cells: Lines) -> Grid:
    """The grid of these cells."""
    return make_grid(rows_of(cells), list(cells))
