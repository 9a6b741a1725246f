"""Which cells a sweep has, in which order, and what they are called."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.cells import Place, Rotation, calibrated, ordered, parse_place, place_of
from pytest_codeneedle.core.errors import CacheTypeError
from pytest_codeneedle.core.kv_types import AS_SERVED, BITS, KVPair, shuffled

TYPES = st.sampled_from(sorted(BITS))
PAIRS = st.lists(st.builds(KVPair, TYPES, TYPES), min_size=1, max_size=8, unique=True)
ROTATIONS: list[tuple[Rotation, ...]] = [("default",), ("on",), ("off",), ("on", "off")]
PLACES = st.builds(
    Place, st.builds(KVPair, TYPES, TYPES), st.sampled_from(["default", "on", "off"]), st.integers(0, 200)
)
Q8, Q4 = KVPair("q8_0", "q8_0"), KVPair("q4_0", "q4_0")


@pytest.mark.parametrize(
    ("expected", "place"),
    [
        ("q8_0/q8_0", Place(Q8)),
        ("q8_0/q8_0#2", Place(Q8, replicate=1)),
        ("q8_0/q8_0:rot-on", Place(Q8, "on")),
        ("q8_0/q8_0:rot-off#12", Place(Q8, "off", 11)),
        ("as-served#3", Place(AS_SERVED, replicate=2)),
    ],
)
def test_names(expected: str, place: Place) -> None:
    """A first pass is called by its pair alone; else the rotation, and the pass counted from 1."""
    assert expected == str(place)
    assert place == parse_place(expected)


@given(PLACES)
def test_a_name_is_read_back(place: Place) -> None:
    """run.json holds names."""
    assert place == parse_place(str(place))


@pytest.mark.parametrize("text", ["", "q8_0", "q8_0/q8_0#1", "q8_0/q8_0#0", "q8_0/q8_0:rot-up", "q8_0/q8_0#2:rot-on"])
def test_no_name(text: str) -> None:
    """What no cell is called is an error."""
    with pytest.raises(CacheTypeError):
        parse_place(text)


def test_rows_of_older_runs() -> None:
    """They have no rotation, and may have no replicate."""
    assert Place(Q8) == place_of({"ctk": "q8_0", "ctv": "q8_0"})
    assert Place(Q8, "off", 1) == place_of({"ctk": "q8_0", "ctv": "q8_0", "rotation": "off", "replicate": 1})


@given(PAIRS, st.sampled_from(ROTATIONS), st.integers(1, 3), st.none() | st.integers(0, 9))
def test_order(pairs: list[KVPair], rotations: tuple[Rotation, ...], repeat: int, seed: int | None) -> None:
    """Every cell once in each pass, one pass after the other; the first in the order that it had alone."""
    places = ordered(pairs, rotations, repeat, seed)

    assert len(pairs) * len(rotations) * repeat == len(set(places)) == len(places)
    assert sorted(place.replicate for place in places) == [place.replicate for place in places]
    assert places == ordered(pairs, rotations, repeat, seed)
    assert ordered(pairs, rotations, 1, seed) == places[: len(pairs) * len(rotations)]
    if seed is None:
        assert pairs == list(dict.fromkeys(place.pair for place in places))
    elif rotations == ("default",):
        assert list(shuffled(pairs, seed)) == [place.pair for place in places[: len(pairs)]]


def test_each_pass_has_its_own_order() -> None:
    """What drifts within a pass does not meet the same cells each time; rotations are shuffled with the pairs."""
    pairs = [KVPair(ctk, ctv) for ctk in ("bf16", "q8_0", "q4_0") for ctv in ("bf16", "q8_0", "q4_0")]
    places = ordered(pairs, ("on", "off"), 2, 42)

    first, second = places[:18], places[18:]
    assert [place[:2] for place in first] != [place[:2] for place in second]
    assert {"on", "off"} == {place.rotation for place in first[:9]}


@given(PAIRS, st.data(), st.sampled_from(ROTATIONS), st.integers(1, 3), st.none() | st.integers(0, 9))
def test_the_reference_is_first_and_last(
    pairs: list[KVPair], data: st.DataObject, rotations: tuple[Rotation, ...], repeat: int, seed: int | None
) -> None:
    """It is asked twice at least, where there is something between; the others keep their order."""
    reference = data.draw(st.sampled_from(pairs))
    places = ordered(pairs, rotations, repeat, seed)
    first, then = calibrated(places, reference, repeat)

    assert {Place(reference, rotation) for rotation in rotations} == set(first)
    others = [place for place in places if place.pair != reference]
    assert others == [place for place in then if place.pair != reference]
    if not others:
        assert Counter(places) == Counter([*first, *then])
        return
    last = {Place(reference, rotation, max(1, repeat - 1)) for rotation in rotations}
    assert last == set(then[-len(rotations) :])
    assert Counter({*places, *last}) == Counter([*first, *then])


def test_without_the_reference() -> None:
    """A shard that does not hold it asks no more than its own cells."""
    places = [Place(Q4), Place(KVPair("q4_0", "q8_0"))]

    assert ([], places) == calibrated(places, Q8)
