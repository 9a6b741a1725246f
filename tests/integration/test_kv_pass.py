"""--kv-pass N: the pass rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .lab import passed

if TYPE_CHECKING:
    from .lab import Lab

PAIR = ("--kv-pairs", "q8_0/q4_0")


def test_strictest(lab: Lab) -> None:
    """The rule is in run.json; 20 of 20 lines pass the strictest."""
    result = lab.grid(*PAIR, "--kv-pass", "20")
    assert {("q8_0", "q4_0"): "2"} == passed(result, 2)
    assert 20 == lab.about()["pass"]


@pytest.mark.parametrize("value", ["21", "-1"])
def test_out_of_range(lab: Lab, value: str) -> None:
    """More lines than are asked for cannot match."""
    message = lab.refused(*PAIR, "--corpus", "tiny", f"--kv-pass={value}")
    assert f"--kv-pass (ini: kv_pass) = {value} is out of range; give from 0 to 20" in message
