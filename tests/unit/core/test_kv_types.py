"""Cache types and pairs: what is taken, what is refused and why, and the orders of a grid."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import CacheTypeError
from pytest_codeneedle.core.kv_types import (
    BITS,
    DEFAULT_TYPES,
    KVPair,
    by_precision,
    default_reference,
    grid_pairs,
    in_grid_order,
    parse_pair,
    parse_pairs,
    parse_types,
    shuffled,
)

names = st.sampled_from(sorted(BITS))
some_pairs = st.lists(st.builds(KVPair, names, names), min_size=1, max_size=40, unique=True)


def refused(text: str) -> str:
    """A pattern that matches just this message."""
    return f"^{re.escape(text)}$"


def test_the_default_grid_has_the_six_published_types() -> None:
    """The six types of the published grids, most precise first, none of them refused."""
    assert ("bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0") == DEFAULT_TYPES
    assert parse_types(",".join(DEFAULT_TYPES)) == DEFAULT_TYPES


@pytest.mark.parametrize(
    ("name", "bits"),
    [("bf16", 16.0), ("q8_0", 8.5), ("q5_1", 6.0), ("q5_0", 5.5), ("q4_1", 5.0), ("q4_0", 4.5)],
)
def test_bits_count_the_scale_of_a_block(name: str, bits: float) -> None:
    """A block of 32 elements carries its scale, and a `_1` type its minimum: half a bit an element each."""
    assert bits == BITS[name]


@given(st.lists(names, min_size=1, max_size=12))
def test_types_are_read_once_each_in_the_order_given(types: list[str]) -> None:
    """Repeated names count once; white space and capitals do not matter; empty places are passed over."""
    expected = tuple(dict.fromkeys(types))

    assert expected == parse_types(",".join(types))
    assert expected == parse_types(" , ".join(f" {name.upper()}" for name in types) + ",,")


@pytest.mark.parametrize("text", ["", " ", ",", " , ,"])
def test_no_type_at_all_is_refused_with_those_there_are(text: str) -> None:
    """An empty list is an error that shows what could have been in it."""
    reason = f"no KV cache type in {text!r}; give some of f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0"

    with pytest.raises(CacheTypeError, match=refused(reason)):
        parse_types(text)


def test_an_unknown_type_is_named_with_those_there_are() -> None:
    """The message holds the wrong name and every right one."""
    reason = "unknown KV cache type 'q3_k'; the grid takes f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0"

    with pytest.raises(CacheTypeError, match=refused(reason)):
        parse_types("bf16,Q3_K")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("fp16", "f16"),
        ("FP32", "f32"),
        ("q8", "q8_0"),
        ("q4_K", "q4_0"),
        ("q5_k_m", "q5_0"),
        ("bfloat16", "bf16"),
        ("q80", "q8_0"),
        ("f16 q8_0", "f16,q8_0, or f16/q8_0 for the pair"),
        ("f16:q8_0", "f16,q8_0, or f16/q8_0 for the pair"),
        ("f16 q8_0 q4_0", "f16,q8_0,q4_0"),
    ],
)
def test_what_was_meant_is_asked(text: str, meant: str) -> None:
    """Other names of a type, and lists without commas."""
    with pytest.raises(
        CacheTypeError, match=rf"^unknown KV cache type '{text.lower()}': did you mean {meant}\?; the grid"
    ):
        parse_types(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("f16/f16 q8_0/q8_0", "f16/f16,q8_0/q8_0"),
        ("f16:q8_0", "f16/q8_0"),
        ("f16 q8_0", "f16/q8_0"),
        ("f16-q8_0", "f16/q8_0"),
    ],
)
def test_what_pair_was_meant_is_asked(text: str, meant: str) -> None:
    """Pairs without commas, and halves without a slash."""
    with pytest.raises(CacheTypeError, match=rf"is not a pair of KV cache types: did you mean {meant}\?; write K/V"):
        parse_pair(text)


def test_iq4_nl_is_refused_and_it_is_said_why() -> None:
    """llama-server takes the name and then hangs: that is what the message says."""
    reason = (
        "KV cache type iq4_nl is not supported: no flash-attention kernel on CUDA: it loads and then wedges; "
        "q4_0 is as small"
    )

    with pytest.raises(CacheTypeError, match=refused(reason)):
        parse_types("bf16,iq4_nl")


@pytest.mark.parametrize("text", ["+f16,+f32", "+f16,f32", " +F16 , F32,", "+f32,+f16,+q8_0"])
def test_a_plus_adds_to_the_default_types(text: str) -> None:
    """In the order of the grid."""
    assert ("f32", "bf16", "f16", *DEFAULT_TYPES[1:]) == parse_types(text, adding=True)


@given(st.lists(names, min_size=1))
def test_adding_takes_nothing_away(types: list[str]) -> None:
    """All default types and all that were added are there once, by precision."""
    expected = by_precision({*DEFAULT_TYPES, *types})

    assert expected == parse_types(",".join(f"+{name}" for name in types), adding=True)


@pytest.mark.parametrize("text", ["+f16,q8_0", "f16,+q8_0", "f32,+f16", "+f16,Q8_0"])
def test_naming_and_adding_are_not_mixed(text: str) -> None:
    """It could mean either; the message shows both."""
    alone = text.lower().replace("+", "")

    with pytest.raises(
        CacheTypeError, match=rf"^{re.escape(repr(text))}: write \+f16,\+f32 for .*, or {alone} for these"
    ):
        parse_types(text, adding=True)


@pytest.mark.parametrize("text", ["+", "+,+"])
def test_adding_nothing_is_refused(text: str) -> None:
    """There is no type in it."""
    with pytest.raises(CacheTypeError, match="no KV cache type in"):
        parse_types(text, adding=True)


def test_unknown_types_cannot_be_added() -> None:
    """They are refused by name."""
    with pytest.raises(CacheTypeError, match="unknown KV cache type 'q3_k'"):
        parse_types("+q3_k", adding=True)


def test_a_plus_has_no_meaning_elsewhere() -> None:
    """Rows, columns and pairs have no default to add to; the option that has is named."""
    with pytest.raises(CacheTypeError, match=r"'\+f16': \+ adds to the default types, which only --kv-types has"):
        parse_types("+f16")
    with pytest.raises(CacheTypeError, match="only --kv-types has"):
        parse_pair("q8_0/+f16")


@given(names, names)
def test_a_pair_is_written_as_it_is_read(ctk: str, ctv: str) -> None:
    """`str` and `parse_pair` undo each other."""
    pair = KVPair(ctk, ctv)

    assert f"{ctk}/{ctv}" == str(pair)
    assert pair == parse_pair(str(pair))
    assert pair == parse_pair(f" {ctk.upper()} / {ctv} ")


@pytest.mark.parametrize("text", ["q8_0", "q8_0/", "/q8_0", "/", "", "q8_0/q8_0/q8_0", "q8_0/ "])
def test_what_is_no_pair_is_shown_how_to_write_one(text: str) -> None:
    """Anything but two halves is refused with an example."""
    reason = f"{text!r} is not a pair of KV cache types; write K/V, for instance q8_0/q4_0"

    with pytest.raises(CacheTypeError, match=refused(reason)):
        parse_pair(text)


@pytest.mark.parametrize("text", ["q8_0/q9_9", "q9_9/q8_0"])
def test_either_half_of_a_pair_is_checked(text: str) -> None:
    """An unknown type is named, whichever half it stands in."""
    with pytest.raises(CacheTypeError, match=r"^unknown KV cache type 'q9_9'; "):
        parse_pair(text)


@given(some_pairs)
def test_pairs_are_read_once_each_in_the_order_given(pairs: list[KVPair]) -> None:
    """A list of pairs survives being written and read; repeated ones count once."""
    text = ",".join(map(str, pairs))

    assert tuple(pairs) == parse_pairs(text)
    assert tuple(pairs) == parse_pairs(f"{text}, ,{text}")


@pytest.mark.parametrize("text", ["", " , "])
def test_no_pair_at_all_is_refused(text: str) -> None:
    """An empty list of pairs is an error that shows how to write one."""
    reason = f"no pair of KV cache types in {text!r}; write K/V, for instance q8_0/q4_0"

    with pytest.raises(CacheTypeError, match=refused(reason)):
        parse_pairs(text)


def test_the_grid_goes_row_by_row() -> None:
    """Every ctk comes with every ctv, the first ctk first."""
    pairs = grid_pairs(["bf16", "q4_0"], ["q8_0", "q5_0"])

    assert ["bf16/q8_0", "bf16/q5_0", "q4_0/q8_0", "q4_0/q5_0"] == [str(pair) for pair in pairs]


def test_the_default_grid_has_36_different_cells() -> None:
    """Six types with six types."""
    assert 36 == len(set(grid_pairs(DEFAULT_TYPES, DEFAULT_TYPES)))


@given(st.permutations(sorted(BITS)))
def test_precision_orders_all_types_in_one_way(types: list[str]) -> None:
    """Most bits first; of those with 16 bits bf16, the reference, is first. The order given does not matter."""
    assert ("f32", "bf16", "f16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0") == by_precision(types)


@given(st.lists(names, max_size=20))
def test_precision_never_increases_along_a_row(types: list[str]) -> None:
    """Each type stands once, and none has more bits than the one before it."""
    ordered = by_precision(types)

    assert set(types) == set(ordered)
    assert len(set(types)) == len(ordered)
    assert sorted((BITS[name] for name in ordered), reverse=True) == [BITS[name] for name in ordered]


@given(some_pairs, st.integers(0, 2**32))
def test_shuffling_only_changes_the_order(pairs: list[KVPair], seed: int) -> None:
    """All pairs are there once, the same seed gives the same order, and what was given stays as it was."""
    before = list(pairs)
    order = shuffled(pairs, seed)

    assert sorted(pairs) == sorted(order)
    assert order == shuffled(pairs, seed)
    assert before == pairs


def test_seeds_give_orders_of_their_own() -> None:
    """Ten seeds do not agree on one order of the grid, and none of them leaves it unshuffled."""
    pairs = grid_pairs(DEFAULT_TYPES, DEFAULT_TYPES)
    orders = {shuffled(pairs, seed) for seed in range(10)}

    assert 10 == len(orders)
    assert pairs not in orders


@given(some_pairs)
def test_the_reference_is_bf16_or_else_the_pair_of_most_bits(pairs: list[KVPair]) -> None:
    """bf16/bf16 wins where it is asked for, even over f32; else no pair has more bits."""
    reference = default_reference(pairs)

    assert reference in pairs
    if KVPair("bf16", "bf16") in pairs:
        assert KVPair("bf16", "bf16") == reference
    else:
        assert max(pair.bits for pair in pairs) == reference.bits


def test_the_reference_without_bf16() -> None:
    """K and V count alike: the sum of their bits decides."""
    pairs = parse_pairs("q4_0/q4_0,q8_0/q4_0,q5_1/q5_1")

    assert 13.0 == KVPair("q8_0", "q4_0").bits
    assert KVPair("q8_0", "q4_0") == default_reference(pairs)


@given(some_pairs)
def test_pairs_are_put_in_the_order_of_a_grid(pairs: list[KVPair]) -> None:
    """Row by row, most bits first, whatever their order was; each once."""
    found = in_grid_order([*pairs, *pairs[::-1]])
    assert set(pairs) == set(found)
    assert len(pairs) == len(found)
    every = grid_pairs(by_precision(BITS), by_precision(BITS))
    assert [pair for pair in every if pair in found] == found
