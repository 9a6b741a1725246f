"""--kv-types: the types of rows and columns."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from .lab import matched

if TYPE_CHECKING:
    from .lab import Lab

DEFAULT = ("bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")


def test_default_is_six_by_six(lab: Lab) -> None:
    """Without any option the grid has all pairs of the six types."""
    cells = [name.partition("[")[2].rpartition("-")[0] for name in lab.ids("--kv-functions", "1")]
    assert 36 == len(cells)
    assert {f"{ctk}/{ctv}" for ctk, ctv in itertools.product(DEFAULT, DEFAULT)} == set(cells)


def test_plus_adds_to_the_default(lab: Lab) -> None:
    """+f16 asks the default types and f16: seven by seven cells. Where there is no default it is refused."""
    cells = {name.partition("[")[2].rpartition("-")[0] for name in lab.ids("--kv-functions", "1", "--kv-types", "+f16")}
    types = (*DEFAULT, "f16")
    assert {f"{ctk}/{ctv}" for ctk, ctv in itertools.product(types, types)} == cells
    assert "only --kv-types has" in lab.refused("--corpus", "tiny", "--ctk", "+f16")


@pytest.mark.slow
def test_order_of_rows(lab: Lab) -> None:
    """Rows and columns stand in the order of precision, however they are named; f16 and f32 are taken too."""
    result = lab.grid("--kv-types", "f16,f32", "--kv-functions", "1")
    pairs = [("f32", "f32"), ("f32", "f16"), ("f16", "f32"), ("f16", "f16")]
    assert pairs == list(matched(result))
    assert {"20.00"} == set(matched(result).values())


@pytest.mark.parametrize(
    ("option", "value"),
    [("--kv-types", "q8_0,iq4_nl"), ("--ctk", "iq4_nl"), ("--ctv", "iq4_nl"), ("--kv-pairs", "q8_0/iq4_nl")],
)
def test_iq4_nl(lab: Lab, option: str, value: str) -> None:
    """iq4_nl is refused with the reason, in whichever option it stands."""
    message = lab.refused("--corpus", "tiny", option, value)
    assert "KV cache type iq4_nl is not supported: no flash-attention kernel on CUDA" in message


@pytest.mark.parametrize(
    ("option", "value"),
    [("--kv-types", "q8_0,q3_k"), ("--ctk", "q3_k"), ("--ctv", "q3_k"), ("--kv-pairs", "q3_k/q8_0")],
)
def test_unknown(lab: Lab, option: str, value: str) -> None:
    """An unknown type is refused with those that llama-server takes, in whichever option it stands."""
    message = lab.refused("--corpus", "tiny", option, value)
    assert "unknown KV cache type 'q3_k'" in message
    assert [] == [name for name in ("f32", "f16", *DEFAULT) if name not in message]


def test_none(lab: Lab) -> None:
    """A list without a type in it is refused."""
    assert "no KV cache type in ','" in lab.refused("--corpus", "tiny", "--kv-types", ",")
