"""The figures of a run as statistics take them: of each cell beside its own session's reference."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.runs.grid import View
from pytest_codeneedle.runs.pairing import both_ways, paired, reference_rows, with_unpaired

BF16, Q8, Q4 = KVPair("bf16", "bf16"), KVPair("q8_0", "q8_0"), KVPair("q4_0", "q4_0")


def row(pair: KVPair, function: str, matched: int | None, replicate: int = 0, **more: Any) -> dict[str, Any]:
    """One item; without lines it is an ERROR."""
    outcome = "error" if matched is None else "passed"
    facts = {"function": function, "primary_matched": matched, "replicate": replicate, "outcome": outcome, **more}
    return {"ctk": pair.ctk, "ctv": pair.ctv, **facts}


def test_means_over_the_passes_that_answered() -> None:
    """An ERROR is left out of a function's mean, and a function without a score of the cell; the last row counts."""
    rows = [
        *(row(Q8, "f", 0), row(Q8, "f", 20)),
        *(row(Q8, "f", 19, 1), row(Q8, "g", 7), row(Q8, "g", None, 1), row(Q8, "h", None)),
        row(Q8, "f", 0, 2),
    ]

    assert {Q8: {"f": 19.5, "g": 7.0}, Q4: {}} == paired(rows, [Q8, Q4], Q8, View(2)).cells
    assert {Q8: {"f": 20.0, "g": 7.0}} == paired(rows, [Q8], Q8, View()).cells


def test_one_rotation_at_a_time() -> None:
    """Rows that say none are those of the environment."""
    rows = [row(Q8, "f", 1), row(Q8, "f", 2, rotation="default"), row(Q8, "f", 3, rotation="on")]

    assert 2.0 == paired(rows, [Q8], Q8, View()).cells[Q8]["f"]
    assert 3.0 == paired(rows, [Q8], Q8, View(1, "on")).cells[Q8]["f"]
    assert {Q8: {}} == paired(rows, [Q8], Q8, View(1, "off")).cells


def test_a_cell_is_held_against_its_own_session() -> None:
    """The reference fell between the sessions, and so did all else: no cell lost anything."""
    first = [row(pair, "f", 20, session="a") for pair in (BF16, Q8)]
    second = [row(pair, "f", 10, 1, session="b") for pair in (Q8, Q4)] + [row(BF16, "f", 10, session="b")]

    found = paired([*first, *second], [BF16, Q8, Q4], BF16, View(2))
    assert {BF16: {"f": 15.0}, Q8: {"f": 15.0}, Q4: {"f": 15.0}} == found.cells
    assert {"a": {"f": 20.0}, "b": {"f": 10.0}} == found.references
    assert ("a", "b") == found.counted
    assert frozenset() == found.apart


def test_a_session_without_the_reference_pairs_with_nothing() -> None:
    """What it asked is apart, and said to be; a function without the reference's answer is left out."""
    first = [row(BF16, "f", 20, session="a"), row(Q8, "f", 19, session="a"), row(Q8, "g", 3, session="a")]
    second = [row(Q4, "f", 20, session="b"), row(BF16, "f", None, session="b")]

    found = paired([*first, *second], [BF16, Q8, Q4], BF16, View())
    assert {BF16: {"f": 20.0}, Q8: {"f": 19.0}, Q4: {}} == found.cells
    assert {Q4} == found.apart
    assert {"f": 19.0, "g": 3.0} == paired(first, [BF16, Q8], BF16, View()).cells[Q8]  # one session: for trends


def test_answers_that_pair_with_nothing_are_counted() -> None:
    """Of pairs that have others; held against the other sessions' reference they are in the figures."""
    first = [row(pair, name, 20, session="a") for pair in (BF16, Q8) for name in "fg"]
    second = [row(Q8, "f", 18, 1, session="b"), row(Q8, "h", 3, 1, session="b"), row(BF16, "g", 16, 1, session="b")]
    rows = [*first, *second, row(Q8, "g", 16, 1, session="b"), row(Q4, "f", 9, 1, session="b")]

    found = paired(rows, [BF16, Q8, Q4], BF16, View(2))
    assert {Q8: 1} == found.unpaired
    assert ({"f": 20.0, "g": 18.0}, {Q4}) == (found.cells[Q8], found.apart)
    every = with_unpaired(found, rows, [BF16, Q8, Q4], BF16, View(2))
    assert {BF16: {"f": 20.0, "g": 18.0}, Q8: {"f": 19.0, "g": 18.0}, Q4: {}} == every.cells


def test_the_further_pass_stands_for_a_reference_that_was_asked_before() -> None:
    """An older version went on without asking first: the pass at the end is of its session."""
    rows = [row(BF16, "f", 20, session="a"), row(Q8, "f", 12, session="b"), row(BF16, "f", 12, 1, session="b")]

    found = paired(rows, [BF16, Q8], BF16, View())
    assert {"f": 12.0} == found.cells[Q8] == found.cells[BF16]
    assert [rows[0], rows[2]] == reference_rows(rows, BF16, View())


def test_a_session_that_asked_the_reference_alone_moves_nothing() -> None:
    """It tells drift, and is in no cell's figures."""
    rows = [row(BF16, "f", 20, session="a"), row(Q8, "f", 18, session="a"), row(BF16, "f", 4, session="b")]

    found = paired(rows, [BF16, Q8], BF16, View())
    assert {BF16: {"f": 20.0}, Q8: {"f": 18.0}} == found.cells
    assert {"a": {"f": 20.0}, "b": {"f": 4.0}} == found.references


LINES = st.integers(0, 20)


@given(
    st.lists(st.tuples(LINES, LINES, LINES), min_size=1, max_size=6),
    st.lists(st.integers(-20, 20), min_size=6, max_size=6),
)
def test_law_drift_between_sessions_changes_no_difference(
    figures: list[tuple[int, int, int]], drift: list[int]
) -> None:
    """Whatever all cells of a session gain or lose together."""
    rows = [
        row(pair, f"f{at}", lines + drift[at] * number, session=session)
        for number, session in enumerate("ab")
        for at, of_function in enumerate(figures)
        for pair, lines in zip((BF16, Q8, Q4), of_function, strict=True)
        if session == "a" or pair != Q4
    ]

    cells = paired(rows, [BF16, Q8, Q4], BF16, View()).cells
    for at, (base, q8, q4) in enumerate(figures):
        name = f"f{at}"
        assert [q8 - base, q4 - base] == pytest.approx([cells[pair][name] - cells[BF16][name] for pair in (Q8, Q4)])


def test_the_reference_asked_twice() -> None:
    """With one pass the last is a further one, which is in no figure; of several passes the first and the last."""
    rows = [row(BF16, "f", 20), row(Q8, "f", 3), row(BF16, "f", 18, 1), row(BF16, "g", None, 1), row(BF16, "f", 17, 2)]

    twice = paired(rows[:4], [BF16, Q8], BF16, View()).twice
    assert twice is not None
    assert ({"f": 20.0}, {"f": 18.0}, 1, True) == (twice.first, twice.last, twice.sessions, twice.outermost)
    last = paired(rows, [BF16, Q8], BF16, View(3)).twice
    assert last is not None
    assert {"f": 17.0} == last.last
    assert paired(rows[:2], [BF16, Q8], BF16, View()).twice is None
    assert paired(rows, [BF16, Q8], BF16, View(3, "on")).twice is None


def test_again_is_said_of_each_session() -> None:
    """Not of the last session's last against the first session's first."""
    rows = [
        *(row(BF16, "f", 20, 0, session="a"), row(Q8, "f", 20, session="a"), row(BF16, "f", 20, 1, session="a")),
        *(row(BF16, "f", 10, 0, session="b"), row(Q4, "f", 10, session="b"), row(BF16, "f", 10, 1, session="b")),
    ]

    twice = paired(rows, [BF16, Q8, Q4], BF16, View()).twice
    assert twice is not None
    assert ({"f": 15.0}, {"f": 15.0}, 2) == (twice.first, twice.last, twice.sessions)


def test_an_answer_that_is_missing_in_the_last_pass() -> None:
    """Left out, and counted as one without a line; what was not asked, or not answered at first, is neither."""
    rows = [
        *(row(BF16, "f", 20), row(BF16, "g", 10), row(BF16, "h", None), row(BF16, "i", 20), row(Q8, "f", 20)),
        *(row(BF16, "f", 20, 1), row(BF16, "g", None, 1), row(BF16, "h", 20, 1)),
    ]

    twice = paired(rows, [BF16, Q8], BF16, View()).twice
    assert twice is not None
    assert ({"f": 20.0}, {"f": 20.0}) == (twice.first, twice.last)
    assert ({"f": 20.0, "g": 10.0}, {"f": 20.0, "g": 0.0}) == twice.lost
    assert ({"g"}, {"h"}, 1, 0) == (twice.silent, twice.late, twice.sessions, twice.lacking)


def test_sessions_without_an_end_are_counted() -> None:
    """What is known of one of two sessions is not said of both."""
    first = [row(BF16, "f", 20, session="a"), row(Q8, "f", 20, session="a"), row(BF16, "f", 20, 1, session="a")]
    second = [row(BF16, "f", 20, session="b"), row(Q4, "f", 20, session="b")]

    twice = paired([*first, *second], [BF16, Q8, Q4], BF16, View()).twice
    assert twice is not None
    assert (1, 1) == (twice.sessions, twice.lacking)


@pytest.mark.parametrize(
    ("turns", "outermost"),
    [
        pytest.param((1, 2, 3), True, id="first and last"),
        pytest.param((1, 3, 2), False, id="a cell came after it"),
        pytest.param((2, 1, 3), False, id="a cell came before it"),
        pytest.param((3, 2, 1), True, id="its passes the other way round"),
    ],
)
def test_the_order_is_the_one_that_was(turns: tuple[int, int, int], *, outermost: bool) -> None:
    """Not the planned one, nor that of the rows."""
    first, between, last = turns
    rows = [row(BF16, "f", 20, turn=first), row(BF16, "f", 20, 1, turn=last), row(Q8, "f", 20, turn=between)]

    twice = paired(rows, [BF16, Q8], BF16, View()).twice
    assert twice is not None
    assert outermost == twice.outermost


def test_both_ways_within_one_session() -> None:
    """What was asked with its rotation on in one session and off in another is not held together as it is."""
    rows = [
        *(row(Q8, "f", 20, rotation="on", session="a"), row(Q8, "f", 17, rotation="off", session="a")),
        *(row(Q4, "f", 20, rotation="on", session="a"), row(Q4, "f", 5, rotation="off", session="b")),
    ]

    on, off = both_ways(rows, [Q8, Q4], BF16, View(1, "on"), View(1, "off"))
    assert {Q8: {"f": 20.0}, Q4: {}} == on
    assert {Q8: {"f": 17.0}, Q4: {}} == off


def test_both_ways_beside_a_reference_that_is_not_rotated() -> None:
    """Each way stands by its own session's reference; a quantized one is another with its rotation off."""
    rows = [
        *(row(BF16, "f", 20, rotation="on", session="a"), row(Q4, "f", 19, rotation="on", session="a")),
        *(row(BF16, "f", 10, rotation="off", session="b"), row(Q4, "f", 7, rotation="off", session="b")),
        *(row(Q8, "f", 20, rotation="on", session="a"), row(Q8, "f", 10, rotation="off", session="b")),
    ]

    on, off = both_ways(rows, [BF16, Q4], BF16, View(1, "on"), View(1, "off"))
    assert {"f": 2.0} == {name: lines - off[Q4][name] for name, lines in on[Q4].items()}
    assert {} == both_ways(rows, [BF16, Q4, Q8], Q8, View(1, "on"), View(1, "off"))[0][Q4]


def test_what_the_reference_did_not_answer_in_one_session_no_other_makes_good() -> None:
    """Each session's silence at its end counts, whenever its answers were judged."""
    first = [row(BF16, "f", 20, session="a"), row(Q8, "f", 20, session="a"), row(BF16, "f", None, 1, session="a")]
    second = [row(BF16, "f", 20, session="b"), row(Q4, "f", 20, session="b"), row(BF16, "f", 20, 1, session="b")]

    for rows in ([*first, *second], [*second, *first]):
        twice = paired(rows, [BF16, Q8, Q4], BF16, View()).twice
        assert twice is not None
        assert (2, 0, {"f"}) == (twice.sessions, twice.lacking, twice.silent)
        assert ({"f": 20.0}, {"f": 10.0}) == twice.lost
        assert [(1, 0, {}, {}), (1, 1, {"f": 20.0}, {"f": 0.0}), (2, 0, {"f": 20.0}, {"f": 20.0})] == list(twice.apart)


def test_the_session_in_which_the_reference_recalled_least() -> None:
    """Of those that asked other cells: what they asked is held against it."""
    first = [row(BF16, "f", 20, session="a"), row(Q8, "f", 20, session="a"), row(BF16, "f", 3, session="c")]
    second = [row(BF16, "f", 12, session="b"), row(Q4, "f", 12, session="b")]

    assert {"f": 12.0} == paired([*first, *second], [BF16, Q8, Q4], BF16, View()).weakest
    assert None is paired([], [BF16, Q8], BF16, View()).weakest
