"""--kv-lines N: how many lines are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lab import matched

if TYPE_CHECKING:
    from .lab import Lab

PAIR = ("--kv-pairs", "q8_0/q4_0")


def test_fewer(lab: Lab) -> None:
    """Five lines are asked for and counted; those after them are bonus."""
    result = lab.grid(*PAIR, "--kv-lines", "5")
    assert {("q8_0", "q4_0"): "5.00"} == matched(result, 5)
    rows = lab.rows()
    assert [(5, 5)] * 2 == [(row["primary_matched"], row["primary_total"]) for row in rows]
    assert [5, 5] == [len(function["primary"]) for function in lab.about()["functions"]]


def test_default_pass_rule_follows(lab: Lab) -> None:
    """Where fewer than 8 lines are asked for, all of them must match by default."""
    lab.grid(*PAIR, "--kv-lines", "5", "--kv-functions", "1")
    assert 5 == lab.about()["pass"]


def test_more_than_any_function_has(lab: Lab) -> None:
    """Functions must be long enough for what is asked for."""
    assert "21 body lines or more" in lab.refused(*PAIR, "--corpus", "tiny", "--kv-lines", "21")
