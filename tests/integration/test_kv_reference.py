"""--kv-reference PAIR."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .lab import Lab

PAIRS = ("--kv-pairs", "q8_0/q4_0,q4_0/q4_0", "--kv-functions", "1")


@pytest.mark.slow
def test_default(lab: Lab) -> None:
    """Without bf16/bf16 in the grid the pair of most bits is the reference."""
    result = lab.grid(*PAIRS)
    assert "q8_0/q4_0" == lab.about()["reference"]
    assert any(line.startswith("reference q8_0/q4_0 20.00") for line in result.outlines)


@pytest.mark.slow
def test_named(lab: Lab) -> None:
    """The named cell is what the others are held against."""
    result = lab.grid(*PAIRS, "--kv-reference", "q4_0/q4_0")
    assert "q4_0/q4_0" == lab.about()["reference"]
    assert any(line.startswith("reference q4_0/q4_0 20.00") for line in result.outlines)


def test_not_in_the_grid(lab: Lab) -> None:
    """A reference that is not among the cells is refused with those that are."""
    message = lab.refused("--corpus", "tiny", *PAIRS, "--kv-reference", "bf16/bf16")
    assert "--kv-reference bf16/bf16 is not among the" in message
    assert "q8_0/q4_0" in message
    assert "q4_0/q4_0" in message
