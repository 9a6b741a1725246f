"""--ctk and --ctv: rows and columns on their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .lab import matched

if TYPE_CHECKING:
    from .lab import Lab


@pytest.mark.slow
def test_rows_and_columns(lab: Lab) -> None:
    """--ctk gives the rows and --ctv the columns."""
    result = lab.grid("--ctk", "q4_0", "--ctv", "bf16,q8_0", "--kv-functions", "1")
    assert {("q4_0", "bf16"): "20.00", ("q4_0", "q8_0"): "20.00"} == matched(result)


def test_one_of_them(lab: Lab) -> None:
    """The other one is --kv-types, or all six."""
    ids = lab.ids("--ctv", "q4_0")
    assert 2 * 6 == len(ids)
    assert all("/q4_0-" in line for line in ids)
    ids = lab.ids("--ctk", "q4_0", "--kv-types", "f16")
    assert 2 == len(ids)
    assert all("[q4_0/f16-" in line for line in ids)
