"""The verdict as a block of a terminal."""

from __future__ import annotations

from typing import Any

import pytest
from sweeps import LOW, PAIRS, REFERENCE, Lines, grid_of, judged, on_k, sweep

from pytest_codeneedle.core.kv_types import BITS, KVPair, grid_pairs
from pytest_codeneedle.report.text.verdict import verdict_lines

THREE = ("bf16", "q8_0", "q4_0")


def block(cells: Lines, *, verbose: bool = False, **more: Any) -> list[str]:
    """The block of these cells."""
    return verdict_lines(judged(cells, **more), grid_of(cells), ["What is said."], verbose=verbose)


def test_a_saturated_grid_is_short() -> None:
    """No grid of zeros, no table of equal means."""
    cells = sweep(lambda _pair, _at: 0)
    assert [
        "verdict against bf16/bf16 (delta 1 line, 16 functions)",
        "no line differs: all 35 cells NOT WORSE (saturated)",
        "",
        "trend over K: no trend, p = 1.000, all types equal",
        "trend over V: no trend, p = 1.000, all types equal",
        "",
        "A/A: bf16/bf16 again at the end: no line differs",
        "",
        "What is said.",
    ] == block(cells, again=cells[REFERENCE])
    decided = verdict_lines(judged(cells), grid_of(cells), [], beside=["What is said of margins."])
    assert decided[1].endswith("NOT WORSE (saturated: margins decide)")


def test_a_loss_on_one_side_is_a_trend_on_that_side() -> None:
    """With each cell's difference and mark, and the means of each type."""
    lines = block(sweep(on_k))
    assert "q4_0     -5.50!  -5.50!  -5.50!  -5.50!  -5.50!  -5.50!" == lines[7]
    assert "bf16       ref       =       =       =       =       =" == lines[2]
    assert "! WORSE  ? INCONCLUSIVE  = no line differs, NOT WORSE  else NOT WORSE" in lines
    assert "30 WORSE, 5 NOT WORSE: q4_0/q4_0 was declared, 34 other cells share one level" in lines
    assert any(line.startswith("trend over K: recall falls with its bits, p < 0.001; +0.5") for line in lines)
    assert "trend over V: no trend, p = 1.000, all types equal" in lines
    at = lines.index("K alone    bf16    q8_0    q5_1    q5_0    q4_1    q4_0")
    assert "diff        ref   -3.50   -5.50   -5.50   -5.50   -5.50" == lines[at + 2]
    assert ["95% low", "   high"] == [line[:7] for line in lines[at + 3 : at + 5]]


@pytest.mark.parametrize("verbose", [False, True])
def test_the_block_fits_80_columns(verbose: bool) -> None:
    """And leaves no space at the end of a line."""
    drifted = {f"f{at}": 13.0 + at % 3 for at in range(16)}
    for lost in (on_k, lambda pair, at: (at % 5) * (len(pair.ctv) % 3), lambda _pair, _at: 0):
        lines = block(sweep(lost), verbose=verbose, again=drifted)
        assert [] == [line for line in lines if len(line) > 80 or line != line.rstrip()]


def test_every_cell_has_a_line_when_asked_for() -> None:
    """Its interval, the p that was used, the share that stays open, and whether it was declared."""
    lines = block(sweep(on_k) | {KVPair("q8_0", "q8_0"): {}}, verbose=True)
    at = lines.index("cell         n   lines  95 % interval           p  open  verdict")
    cells = lines[at + 1 : at + 36]
    assert "bf16/q8_0   16    0.00  all tied            1.000  17 %  NOT WORSE" == cells[0]
    assert "q8_0/q8_0    0  not answered" in cells
    assert cells[-1].endswith("< 0.001 100 %  WORSE (declared)")


def test_a_server_that_drifted_is_pointed_out() -> None:
    """The last pass over the reference is lower than the first."""
    cells = sweep(lambda _pair, _at: 0)
    lines = block(cells, again=dict.fromkeys(cells[REFERENCE], 18.0))
    assert "A/A: bf16/bf16 again at the end: -2.00 lines (95 % -2.00 to -2.00, p < 0.001):" in lines
    assert "  the server DRIFTED: distrust the grid" in lines


def test_a_side_that_cannot_be_tested_says_why() -> None:
    """On the diagonal alone no type of one side has another's answers beside it."""
    lines = block(sweep(on_k, pairs=PAIRS[::7]))
    assert "trend over K: not tested, no type of V was answered with every type of K" in lines


def test_one_pair_and_few_functions() -> None:
    """Singular words, and no interval that is open at both ends."""
    lines = block(sweep(lambda _pair, at: at % 2, functions=1, pairs=(REFERENCE, LOW)))
    assert "verdict against bf16/bf16 (delta 1 line, 1 function)" == lines[0]
    assert "no line differs: q4_0/q4_0 INCONCLUSIVE (1 function cannot settle it: 6 are" in lines
    five = block(sweep(lambda pair, at: at % 2 * (pair.ctk == "q4_0"), functions=5))
    assert "95% low" not in {line[:7] for line in five}


def test_one_pair_with_errors_does_not_speak_for_the_others() -> None:
    """Its verdict is another, though no line differs anywhere."""
    cells = sweep(lambda _pair, _at: 0)
    cells[KVPair("bf16", "q8_0")] = {"f0": 20.0}
    lines = block(cells)
    assert "bf16       ref    0.00?      =       =       =       =" == lines[2]
    assert "34 NOT WORSE, 1 INCONCLUSIVE: q4_0/q4_0 was declared, 34 other cells share one" in lines


def test_recall_that_rises_is_no_mere_absence_of_a_trend() -> None:
    """The test is one-sided, the slope is not: its p is called that of a fall."""
    lines = block(sweep(lambda pair, at: on_k(KVPair("q4_0", "q4_0"), at) - on_k(pair, at)))
    assert "trend over K: recall rises as its bits fall (p = 1.000 for a fall); -0.508 lines" in lines


def test_what_falls_in_most_functions_and_not_on_average_is_not_said_to_fall() -> None:
    """Page's test counts functions, the slope counts lines: where they disagree both are said."""
    lost = sweep(lambda pair, at: -90.0 * (pair.ctk == "q4_0") if at == 0 else 0.5 * (16 - BITS[pair.ctk]) / 11.5)
    (said,) = [line for line in block(lost) if line.startswith("trend over K")]
    assert said.startswith("trend over K: recall falls with its bits in most functions, p < 0.001, but not")


def test_a_slope_without_an_order_is_no_mere_absence_of_a_trend() -> None:
    """One type between others loses all: the slope's interval is above zero, Page's test sees no order."""
    lost = sweep(lambda pair, _at: 20.0 * (str(pair) == "q8_0/q4_0"), functions=8, pairs=grid_pairs(THREE, THREE))
    said = " ".join(" ".join(block(lost, lines=20)).split())
    assert "trend over K: recall falls on average, but in no significant order, p = 0.584; +0.114 lines per bit" in said


@pytest.mark.parametrize(
    ("drifts", "expected"),
    [
        ((-1, 1, 0, 0, 1, 0, -1, 0), "no significant drift; one of 1 line would have been seen"),
        ((-20, -20, -20, -20, -20, 0, 0, 0), "and yet as much as the loss that is looked for: distrust the grid"),
        ((-1, 1, 0), "not significant, but no drift could have been: 3 functions cannot settle it"),
    ],
)
def test_what_is_not_significant_is_not_absent(drifts: tuple[float, ...], expected: str) -> None:
    """The noise floor is said with its size, and with what would have been seen."""
    cells = sweep(lambda _pair, _at: 0, functions=len(drifts))
    again = {f"f{at}": 20.0 + drift for at, drift in enumerate(drifts)}
    said = " ".join(" ".join(block(cells, again=again, lines=40)).split())
    assert "A/A: bf16/bf16 again at the end: " in said
    assert expected in said


def test_nothing_to_compare_is_what_is_said_alone() -> None:
    """No empty tables."""
    assert ["What is said."] == block(sweep(on_k, pairs=(REFERENCE,)))
