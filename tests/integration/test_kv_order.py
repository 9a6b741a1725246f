"""--kv-order shuffled|grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .lab import Lab

GRID = [f"{ctk}/{ctv}" for ctk in ("f16", "q8_0", "q4_0") for ctv in ("f16", "q8_0", "q4_0")]


def cells(lab: Lab, *arguments: str) -> list[str]:
    """The cells in the order in which they are asked."""
    ids = lab.ids("--kv-types", "f16,q8_0,q4_0", "--kv-functions", "1", *arguments)
    return [name.partition("[")[2].rpartition("-")[0] for name in ids]


def test_order(lab: Lab) -> None:
    """Cells are shuffled by default, the same way each time; `grid` asks them row by row."""
    assert GRID == cells(lab, "--kv-order", "grid")
    shuffled = cells(lab)
    assert GRID != shuffled
    assert sorted(GRID) == sorted(shuffled)
    assert shuffled == cells(lab, "--kv-order", "shuffled")


def test_results_come_in_that_order(lab: Lab) -> None:
    """Servers start in the order that was asked for, and run.json keeps it."""
    pairs = ["q4_0/q4_0", "f16/q8_0"]
    lab.grid("--kv-pairs", ",".join(pairs), "--kv-order", "grid", "--kv-functions", "1")
    assert pairs == [f"{row['ctk']}/{row['ctv']}" for row in lab.rows()]
    assert pairs == lab.about()["cells"]


def test_unknown(lab: Lab) -> None:
    """Another word is refused, on the command line and in the ini file."""
    result = lab.pytester.runpytest_inprocess("--kv-grid", "--kv-order", "random")
    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines(["*--kv-order*random*"])
    lab.pytester.makeini("[pytest]\nkv_order = random\n")
    assert "kv_order = 'random': give shuffled or grid" in lab.refused()
