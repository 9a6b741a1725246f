"""--kv-n-ctx N."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from .lab import matched, passed

if TYPE_CHECKING:
    from .lab import Lab

PAIRS = ("--kv-pairs", "q8_0/q8_0,q4_0/q4_0")
CELLS = (("q8_0", "q8_0"), ("q4_0", "q4_0"))


def test_same_in_every_cell(lab: Lab) -> None:
    """Every server gets the context that was asked for."""
    lab.grid(*PAIRS, "--kv-n-ctx", "3072")
    assert 3072 == lab.about()["n_ctx"]
    assert [3072] * 4 == [row["n_ctx"] for row in lab.rows()]
    assert [3072] * 4 == [row["kv_cells"] for row in lab.rows()]


@pytest.mark.parametrize("n_ctx", [256, 768])
def test_too_small(lab: Lab, n_ctx: int) -> None:
    """A context that prompt and answer cannot fit is an ERROR of each cell with both numbers, and never a FAIL."""
    result = lab.grid(*PAIRS, "--kv-n-ctx", str(n_ctx))
    assert pytest.ExitCode.TESTS_FAILED == result.ret
    assert {"errors": 4} == result.parseoutcomes()
    rows = lab.rows()
    assert ["error"] * 4 == [row["outcome"] for row in rows]
    assert {None} == {row["primary_matched"] for row in rows}
    for row in rows:
        said = re.search(
            r"the longest prompt \((\d+) tokens\) and its answer \((\d+)\).* context of (\d+)", row["error"]
        )
        assert said is not None
        assert n_ctx == int(said[3])
        assert n_ctx < int(said[1]) + int(said[2])
    for figures in (matched(result), passed(result, 2)):
        assert {"err"} == {figures[cell] for cell in CELLS}
    assert "err: 4 items in 2 cells gave no answer to score" in result.outlines


def test_not_a_number(lab: Lab) -> None:
    """Zero is refused."""
    assert "--kv-n-ctx (ini: kv_n_ctx) = 0 is out of range" in lab.refused("--kv-n-ctx", "0")
