"""Parts of a sweep: each type of K and of V is in all of them alike."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.kv_types import BITS, DEFAULT_TYPES, KVPair, grid_pairs
from pytest_codeneedle.sweep.shards import Shard, parse_shard

if TYPE_CHECKING:
    from random import Random

GRID = grid_pairs(DEFAULT_TYPES, DEFAULT_TYPES)
EVERY = grid_pairs(tuple(BITS), tuple(BITS))
PAIRS = st.lists(st.sampled_from(EVERY), min_size=1, unique=True)


def shards(pairs: list[KVPair] | tuple[KVPair, ...], count: int) -> list[tuple[KVPair, ...]]:
    """All parts."""
    return [Shard(number, count).of(pairs) for number in range(1, count + 1)]


def test_a_latin_square() -> None:
    """Six parts of the default grid have each type of K and each of V once."""
    for part in shards(GRID, 6):
        assert sorted(DEFAULT_TYPES) == sorted(pair.ctk for pair in part) == sorted(pair.ctv for pair in part)


@settings(max_examples=40)
@given(PAIRS, st.integers(1, 70), st.randoms())
def test_law_balanced_over_both_sides(pairs: list[KVPair], count: int, random: Random) -> None:
    """All pairs, none twice; parts, and a type's counts in them, differ by one at most; the order given is nothing."""
    parts = shards(pairs, count)

    assert sorted(pairs) == sorted(pair for part in parts for pair in part)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for side in ("ctk", "ctv"):
        counts = [Counter(getattr(pair, side) for pair in part) for part in parts]
        for one in {getattr(pair, side) for pair in pairs}:
            assert max(found[one] for found in counts) - min(found[one] for found in counts) <= 1
    mixed = list(pairs)
    random.shuffle(mixed)
    assert parts == shards(mixed, count)


def test_what_an_older_version_asked() -> None:
    """Every sixth pair: a column, all of one type of V."""
    assert {"q8_0"} == {pair.ctv for pair in Shard(2, 6).of_older_version(GRID)}


@pytest.mark.parametrize("text", ["3/8", " 3 / 8 "])
def test_parsed(text: str) -> None:
    """As it is printed."""
    assert "3/8" == str(parse_shard(text, GRID))


@pytest.mark.parametrize("text", ["37/37", "1/37"])
def test_more_shards_than_pairs(text: str) -> None:
    """One of them would ask nothing."""
    with pytest.raises(ConfigurationError, match="only 36 pairs; give at most 36 shards"):
        parse_shard(text, GRID)
