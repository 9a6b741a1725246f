"""--kv-pairs: single cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .lab import matched, passed

if TYPE_CHECKING:
    from .lab import Lab


@pytest.mark.slow
def test_cells_not_planned(lab: Lab) -> None:
    """Only the named pairs run; `-` stands where a cell was not planned, in both grids."""
    result = lab.grid("--kv-pairs", "q8_0/q8_0,q4_0/bf16,q8_0/q8_0")
    figures = {
        ("q8_0", "bf16"): "-",
        ("q8_0", "q8_0"): "20.00",
        ("q4_0", "bf16"): "20.00",
        ("q4_0", "q8_0"): "-",
    }
    assert figures == matched(result)
    assert {pair: figure.replace("20.00", "2") for pair, figure in figures.items()} == passed(result, 2)
    assert ["q4_0-bf16.log", "q8_0-q8_0.log"] == sorted(log.name for log in (lab.folder / "servers").iterdir())


@pytest.mark.parametrize("value", ["q8_0", "q8_0/", "q8_0/q8_0/q8_0", "q8_0-q4_0"])
def test_not_a_pair(lab: Lab, value: str) -> None:
    """What is not a pair is refused with an example of one."""
    message = lab.refused("--corpus", "tiny", "--kv-pairs", value)
    assert f"'{value}' is not a pair" in message
    assert "q8_0/q4_0" in message


def test_none(lab: Lab) -> None:
    """A list without a pair in it is refused."""
    assert "no pair of KV cache types" in lab.refused("--corpus", "tiny", "--kv-pairs", ",")


@pytest.mark.parametrize("option", ["--kv-types", "--ctk", "--ctv"])
def test_contradiction(lab: Lab, option: str) -> None:
    """Pairs and rows or columns together are refused."""
    message = lab.refused("--corpus", "tiny", "--kv-pairs", "q8_0/q8_0", option, "q4_0")
    assert f"--kv-pairs names the cells; leave out {option}" in message


def test_types_on_the_command_line_win_over_pairs_of_the_ini_file(lab: Lab) -> None:
    """What is typed now counts more than what the project usually asks."""
    lab.pytester.makeini("[pytest]\nkv_pairs = q8_0/q4_0\n")
    assert 2 == len(lab.ids())
    assert all("[bf16/bf16-" in name for name in lab.ids("--kv-types", "bf16"))
