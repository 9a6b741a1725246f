"""--kv-seed N: the sample and the order of the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .lab import Lab


def ids(lab: Lab, *arguments: str) -> list[str]:
    """The test ids, in order."""
    return lab.ids("--kv-functions", "3", *arguments, corpus="many")


def test_seed(lab: Lab) -> None:
    """The same seed gives the same functions and the same order of cells, another seed others; 42 is the default."""
    lab.corpus("many", functions=40)
    default = ids(lab)
    assert default == ids(lab, "--kv-seed", "42")
    other = ids(lab, "--kv-seed", "7")
    assert sorted(default) != sorted(other)
    cells, others = ([name.partition("-")[0] for name in found] for found in (default, other))
    assert sorted(cells) == sorted(others)
    assert cells != others


def test_zero_is_a_seed(lab: Lab) -> None:
    """0 is taken, and what is below it is not."""
    lab.corpus("many", functions=40)
    assert ids(lab) != ids(lab, "--kv-seed", "0")
    assert "--kv-seed (ini: kv_seed) = -1 is out of range; give 0 or more" in lab.refused("--kv-seed=-1")
