"""A verdict in plain sentences."""

from __future__ import annotations

from typing import Any

import pytest
from sweeps import LOW, PAIRS, REFERENCE, frame_of, judged, on_k, sweep

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.report.text.grids import Speeds
from pytest_codeneedle.report.text.sentences import sentences


def said(cells: dict[KVPair, dict[str, float]], **more: Any) -> list[str]:
    """The sentences about these cells; every pair decodes 40 tokens per second, the reference 50."""
    speeds: dict[KVPair, float | None] = dict.fromkeys(cells, 40.0) | {REFERENCE: 50.0}
    return sentences(judged(cells, **more), frame_of(cells), Speeds(speeds))


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
    cost, others, mixed, take, chance = said(sweep(on_k))
    assert chance == (
        "Each claim has a level of its own: where no cache differs, about 1 sweep in 5 makes one (simulated). If "
        "all shared one level, all that is claimed here would stand."
    )
    assert "WORSE as well: q5_1/bf16 -5.50, q5_1/q8_0 -5.50, q5_1/q5_1 -5.50 and 26 more lines." == others
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
    cost, mixed, take, chance = said(cells)
    assert "all that is claimed here would stand" in chance  # the trends
    assert "Not settled: q4_0/q4_0 is INCONCLUSIVE, -2.00 lines (95 % " in cost
    assert cost.endswith(f"More functions may settle it (--kv-functions). {seen(cells)}.")
    assert "? Not settled: +2.00 lines" in mixed
    assert take.startswith("Take q4_1/q4_0: ")


def test_missing_answers_are_said() -> None:
    """Of a pair with ERRORs the others are spoken of."""
    cells = sweep(lambda _pair, _at: 0)
    cells[LOW] = dict(list(cells[LOW].items())[:7])
    assert said(cells)[0].endswith("Only 7 functions of 16 were answered there and in bf16/bf16 in one session.")


def test_a_server_that_drifted_is_said_first() -> None:
    """Whatever else is said rests on it."""
    cells = sweep(lambda _pair, _at: 0)
    first, *_ = said(cells, again=dict.fromkeys(cells[REFERENCE], 18.0))
    assert first.startswith("Distrust this grid: the server drifted, bf16/bf16 again at the end: -2.00 lines (95 % ")


def test_too_few_functions_settle_nothing() -> None:
    """Whatever they lose: six are needed, and no pair is taken."""
    cost, others, _, take, _ = said(sweep(on_k, functions=5))
    assert others.startswith("Lower by 1 line or more, and not settled: q5_1/bf16 -5.40 lines (p = 1.000), ")
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
    *_, take = sentences(judged(cells), frame_of(cells, kv_size=None), Speeds({}))
    assert "Take q4_0/q4_0: the smallest pair that is NOT WORSE." == take


def test_speeds_of_a_machine_that_was_shared_are_not_held_against_each_other() -> None:
    """The reference's passes tell, or the number of servers."""
    cells = sweep(lambda _pair, _at: 0)
    speeds = Speeds({LOW: 18.9, REFERENCE: 8.8}, "bf16/bf16 itself had 8.8 to 17.9")
    *_, take = sentences(judged(cells), frame_of(cells, kv_size=None), speeds)
    assert take.endswith("; tokens/s are not comparable (bf16/bf16 itself had 8.8 to 17.9).")


#: Seven functions of which five have 3 lines or fewer in the reference: what a small model recalled of them.
FEW_LINES = {
    REFERENCE: (2, 3, 0, 20, 1, 4, 3),
    KVPair("q8_0", "q8_0"): (2, 4, 0, 20, 2, 6, 3),
    LOW: (3, 4, 2, 1, 2, 3, 3),
}


def test_no_limit_lies_outside_of_what_can_be() -> None:
    """A reference with 4.7 lines cannot lose 27, and 20 is all there is: neither in a sentence nor in any figure."""
    cells = {pair: {f"f{at}": float(one) for at, one in enumerate(lines)} for pair, lines in FEW_LINES.items()}
    verdict = judged(cells, lines=20, again=cells[LOW])
    ends = [cell.contrast.interval for cell in verdict.cells] + [
        one.contrast.interval for one in (*verdict.k.marginals, verdict.again) if one and one.contrast
    ]
    mean = sum(FEW_LINES[REFERENCE]) / 7
    assert len(ends) > 2
    assert all(-mean <= end.low <= end.high <= 20 - mean for end in ends if end is not None)
    cost, *_, take = said(cells, lines=20)
    assert "q4_0/q4_0 is INCONCLUSIVE, -2.14 lines (95 % -4.71 to +2.05, p = " in cost
    assert cost.endswith("This run could not have seen any loss: its reference recalls 4.7 lines.")
    why = "the reference bf16/bf16 recalls 4.7 of 20 lines, which leaves little to lose"
    assert f"No pair is recommended: {why}." == take
    assert {why} == {cell.reason for cell in verdict.cells}


@pytest.mark.parametrize("lines", [15, 16])
def test_a_reference_under_80_percent_recommends_nothing(lines: int) -> None:
    """Though nothing is lost. What is lost all the same is WORSE."""
    cells = sweep(lambda pair, at: 20 - lines + on_k(pair, at) * (pair.ctk == "q8_0"))
    words = judged(cells, lines=20)
    told = " ".join(said(cells, lines=20))
    assert ("INCONCLUSIVE" if lines == 15 else "NOT WORSE") == words.cell(LOW).verdict  # type: ignore[union-attr]
    assert "WORSE" == words.cell(KVPair("q8_0", "bf16")).verdict  # type: ignore[union-attr]
    assert (lines == 15) == ("Take " not in told) == ("? No: " not in told)


def test_a_loss_of_more_than_there_is_is_not_ruled_out() -> None:
    """A delta that the reference does not have, or functions that have nothing to lose."""
    two = sweep(lambda _pair, at: 20 * (at < 2), functions=7)
    assert "the reference has lines to lose in 5 of 7 functions: 6 are needed" in judged(two, lines=16).cells[0].reason
    most = sweep(lambda _pair, _at: 2)
    assert judged(most, lines=20, delta=18.5).cells[0].reason == (
        "the reference recalls 18 lines, and no more can be lost: delta is 18.5"
    )


def test_a_cell_that_lost_everything_is_named() -> None:
    """Though eight functions cannot be significant among 34 cells, and the declared pair lost nothing."""
    cells = sweep(lambda pair, _at: 20 * (pair == KVPair("q8_0", "q5_0")), functions=8)
    assert (
        "Lower by 1 line or more, and not settled: q8_0/q5_0 -20.00 lines (p = 0.266). 11 functions are needed where "
        "34 cells share one level (Holm)."
    ) in said(cells)


def test_a_reference_that_differs_from_itself_as_much_decides_nothing() -> None:
    """By chance or not: neither is a loss of that size WORSE, nor is one of delta ruled out. A greater one is WORSE."""
    cells = sweep(lambda pair, _at: 14 * (pair == LOW) + 2 * (pair == KVPair("q8_0", "q8_0")), functions=16)
    again = {f"f{at}": 20.0 - 12.5 * (at < 5) for at in range(16)}  # -3.9
    verdict = judged(cells, lines=20, again=again)
    words = {cell.pair: cell.verdict for cell in verdict.cells}
    assert not verdict.again.drifted  # type: ignore[union-attr]
    assert ("WORSE", {"INCONCLUSIVE"}) == (words.pop(LOW), set(words.values()))
    first, *others = said(cells, lines=20, again=again)
    assert first.startswith("Distrust this grid: the server may have drifted, bf16/bf16 again at the end: -3.91 lines")
    assert not [sentence for sentence in others if sentence.startswith("Take") or "? No: " in sentence]
    assert "The reference differs by -3.91 lines from itself, first to last." in " ".join(others)


def test_a_reference_below_the_others_gets_a_caution() -> None:
    """What is held against it looks better than it is."""
    cells = sweep(lambda pair, _at: 2 * (pair == REFERENCE))
    caution, *_ = said(cells)
    assert caution.startswith("Caution: bf16/bf16 recalls less than 35 of 35 other cells, most in bf16/q8_0: +2.00")
    assert not [one for one in said(sweep(lambda pair, _at: 2 * (pair == LOW))) if one.startswith("Caution")]


def test_no_sentence_has_a_figure_that_is_none() -> None:
    """For sweeps of few functions and cells, with answers missing."""
    for functions in (1, 2, 6, 7):
        for pairs in (PAIRS, PAIRS[::7], PAIRS[:2]):
            cells = sweep(on_k, functions=functions, pairs=pairs)
            cells[pairs[-1]] = dict(list(cells[pairs[-1]].items())[1:])
            assert not [one for one in said(cells) if "nan" in one.split() or "inf" in one.split() or "None" in one]
