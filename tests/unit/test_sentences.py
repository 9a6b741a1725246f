"""A verdict in plain sentences."""

from __future__ import annotations

from typing import Any

import pytest
from sweeps import LOW, PAIRS, REFERENCE, frame_of, judged, on_k, sweep

from pytest_codeneedle.kvtypes import KVPair
from pytest_codeneedle.sentences import sentences


def said(cells: dict[KVPair, dict[str, float]], **more: Any) -> list[str]:
    """The sentences about these cells; every pair decodes 40 tokens per second, the reference 50."""
    speeds: dict[KVPair, float | None] = dict.fromkeys(cells, 40.0) | {REFERENCE: 50.0}
    return sentences(judged(cells, **more), frame_of(cells), speeds)


def seen(cells: dict[KVPair, dict[str, float]]) -> str:
    """The loss that these could have shown."""
    return f"This run could have seen a mean loss of {judged(cells).detectable.loss:.2g} lines"


def test_a_flawless_grid_says_what_it_could_have_seen_and_what_it_leaves_open() -> None:
    """A null result names both, and the smallest pair is taken."""
    cells = sweep(lambda _pair, _at: 0)
    assert [
        (
            "Does q4_0 cost recall here? No: q4_0/q4_0 is NOT WORSE than bf16/bf16 by 1 line or more, no line differs "
            f"(saturated: margins decide). {seen(cells)}; it saw none. Left open: up to 17 % of functions may lose "
            "lines (none of 16 did; 95 %)."
        ),
        "Do mixed pairs buy anything over q4_0/q4_0? No: no line differs, mean of 10 mixed pairs.",
        (
            "Take q4_0/q4_0: the smallest pair that is NOT WORSE; 46.0 MiB less than f16 at 16384 tokens (18.0 of "
            "64.0); 40.0 tokens/s beside 50.0 of bf16/bf16."
        ),
    ] == said(cells)


def test_a_loss_is_said_with_its_size() -> None:
    """Mixed pairs then buy what the better side keeps, and a pair that was looked for is to be confirmed."""
    cost, mixed, take = said(sweep(on_k))
    assert cost.startswith("Does q4_0 cost recall here? Yes: q4_0/q4_0 is WORSE than bf16/bf16, -5.50 lines (95 % ")
    assert cost.endswith(f"p < 0.001). {seen(sweep(on_k))}; it saw 5.50.")
    assert mixed.startswith("Do mixed pairs buy anything over q4_0/q4_0? Yes: +")
    assert take.startswith("Take bf16/q4_0: the smallest pair that is NOT WORSE; 23.0 MiB less than f16")
    assert "Left open: up to 17 % of functions may lose lines" in take
    assert take.endswith(
        "It was found among 35: confirm it on other functions (--kv-pairs bf16/bf16,bf16/q4_0 --kv-seed N)."
    )


def test_an_open_question_stays_open() -> None:
    """With what could have been seen."""
    cells = sweep(lambda pair, at: (4 if at % 4 else -4) * (pair.ctk == pair.ctv == "q4_0"))
    cost, mixed, take = said(cells)
    assert "Not settled: q4_0/q4_0 is INCONCLUSIVE, -2.00 lines (95 % " in cost
    assert cost.endswith(f"More functions may settle it (--kv-functions). {seen(cells)}.")
    assert "? Not settled: +2.00 lines" in mixed
    assert take.startswith("Take q4_1/q4_0: ")


def test_missing_answers_are_said() -> None:
    """Of a pair with ERRORs the others are spoken of."""
    cells = sweep(lambda _pair, _at: 0)
    cells[LOW] = dict(list(cells[LOW].items())[:7])
    assert said(cells)[0].endswith("Only 7 functions of 16 were answered there and in bf16/bf16.")


def test_a_server_that_drifted_is_said_first() -> None:
    """Whatever else is said rests on it."""
    cells = sweep(lambda _pair, _at: 0)
    first, *_ = said(cells, again=dict.fromkeys(cells[REFERENCE], 18.0))
    assert first.startswith("Distrust this grid: the server drifted, bf16/bf16 again at the end: -2.00 lines (95 % ")


def test_too_few_functions_settle_nothing() -> None:
    """Whatever they lose: six are needed, and no pair is taken."""
    cost, _, take = said(sweep(on_k, functions=5))
    assert cost.endswith("(95 % open, p = 0.062). 5 functions cannot settle it: 6 are needed (--kv-functions).")
    assert "Stay with bf16/bf16: of 35 smaller pairs none is NOT WORSE." == take


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ((REFERENCE,), "No verdict: bf16/bf16 is the only cell, and there is nothing to hold it against."),
        ((LOW,), "No verdict: the reference bf16/bf16 has no answer."),
    ],
)
def test_nothing_to_compare_is_one_sentence(pairs: tuple[KVPair, ...], expected: str) -> None:
    """With its reason."""
    assert [expected] == said(sweep(lambda _pair, _at: 0, pairs=pairs))


def test_a_pair_without_an_answer_is_not_known() -> None:
    """A server that did not come up says nothing of its pair."""
    cells = sweep(lambda _pair, _at: 0) | {LOW: {}}
    cost, take = said(cells)
    assert "Does q4_0 cost recall here? Not known, q4_0/q4_0 has no verdict: not answered." == cost
    assert take.startswith("Take q4_1/q4_0: ")


def test_without_a_matched_pair_nothing_is_declared() -> None:
    """All cells share one level then."""
    cost, take = said(sweep(lambda _pair, _at: 0, pairs=(REFERENCE, KVPair("bf16", "q8_0"))))
    assert cost.startswith("No smaller pair of one type was asked: none is declared")
    assert take.startswith("Take bf16/q8_0: ")


def test_what_is_not_known_is_left_out() -> None:
    """The cache's size, and speeds."""
    cells = sweep(lambda _pair, _at: 0)
    *_, take = sentences(judged(cells), frame_of(cells, kv_size=None), {})
    assert "Take q4_0/q4_0: the smallest pair that is NOT WORSE." == take


def test_no_sentence_has_a_figure_that_is_none() -> None:
    """For sweeps of few functions and cells, with answers missing."""
    for functions in (1, 2, 6, 7):
        for pairs in (PAIRS, PAIRS[::7], PAIRS[:2]):
            cells = sweep(on_k, functions=functions, pairs=pairs)
            cells[pairs[-1]] = dict(list(cells[pairs[-1]].items())[1:])
            assert not [one for one in said(cells) if "nan" in one.split() or "inf" in one.split() or "None" in one]
