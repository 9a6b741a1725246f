"""What a person reads of a comparison: the verdict first, in 80 columns."""

from __future__ import annotations

from dataclasses import replace

from stored_runs import run_of

from pytest_codeneedle.core.cells import parse_place
from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, grid_pairs
from pytest_codeneedle.report.text.comparison import comparison_lines, verdict
from pytest_codeneedle.stats.comparison import compare
from pytest_codeneedle.stats.run_margins import RunMargins, margins_sentence

PAIRS = [str(pair) for pair in grid_pairs(DEFAULT_TYPES, DEFAULT_TYPES)]
FULL = [20] * 12
SMALL = {"bf16/bf16": FULL, "q4_0/q4_0": FULL}


def said(new: dict[str, list[int | None]], old: dict[str, list[int | None]]) -> list[str]:
    """The lines about these cells."""
    return comparison_lines(compare(run_of(old, "old"), run_of(new, "new", server_build="b2")))


def test_nothing_is_worse() -> None:
    """What would have been seen, what differs, the declared contrasts; no grid where nothing changed."""
    assert [
        "nothing is worse: a mean loss of 0.66 lines would have been seen",
        "",
        "build was b1, is b2",
        "",
        "lines of 20               old     new    diff  p (Holm)",
        "mean of all cells       20.00   20.00    0.00  1.000",
        "reference bf16/bf16     20.00   20.00    0.00  1.000",
        "lowest pair q4_0/q4_0   20.00   20.00    0.00  1.000",
        "",
        "2 cells: each function's lines are the same",
    ] == said(SMALL, SMALL)


def test_worse() -> None:
    """The contrasts with their p-values; a cell that is declared is named once, few that changed are a list."""
    old = {**SMALL, "q8_0/q8_0": FULL, "q4_0/q8_0": FULL}
    lines = said({**old, "q4_0/q4_0": [18] * 12, "q4_0/q8_0": [17, 21, *FULL[2:]]}, old)

    assert [
        "worse: mean of all cells -0.54 lines (p < 0.001); lowest pair q4_0/q4_0 -2.00",
        "  lines (p < 0.001)",
    ] == lines[:2]
    assert "lowest pair q4_0/q4_0   20.00   18.00   -2.00  < 0.001  worse" in lines
    assert "q4_0/q8_0               20.00   19.83   -0.17  1.000" in lines
    assert "2 other cells: each function's lines are the same" == lines[-1]


def test_grids() -> None:
    """Of many cells that changed: old, new and difference, each as the grid of a run."""
    old = dict.fromkeys(PAIRS, FULL)
    new = {pair: [19] * 12 if pair.startswith("q4_0") else FULL for pair in PAIRS}
    new["q4_0/bf16"] = [None] * 12
    del new["bf16/q8_0"]
    new["q5_1/bf16"] = new["q5_1/q8_0"] = [20, 21, *FULL[2:]]
    lines = said(new, old)

    at = lines.index("new - old, over the functions of both")
    assert ["ctk\\ctv    bf16    q8_0    q5_1    q5_0    q4_1    q4_0"] == lines[at + 1 : at + 2]
    assert "bf16       0.00       -    0.00    0.00    0.00    0.00" == lines[at + 2]
    assert "q4_0          -   -1.00   -1.00   -1.00   -1.00   -1.00" == lines[at + 7]
    now = lines.index("new: mean primary_matched /20")
    assert "q4_0        err   19.00   19.00   19.00   19.00   19.00" == lines[now + 7]
    assert "q4_0      20.00   20.00   20.00   20.00   20.00   20.00" == lines[now - 2]
    assert "not compared: 1 cell not asked now: bf16/q8_0" in lines
    assert "no answer any more: q4_0/bf16: all of its questions" in lines
    assert lines[0].startswith("worse: mean of all cells -0.14 lines")
    assert "and 4 more" in " ".join(lines[:4])
    assert max(map(len, lines)) <= 80


def test_few_functions() -> None:
    """Where no loss could have been shown, that is said instead, whatever was lost."""
    old, new = ({"bf16/bf16": [lines] * 2, "q4_0/q4_0": [lines] * 2} for lines in (20, 0))

    assert [
        "nothing is shown to be worse: 2 functions cannot show a loss, 7 are needed",
        "  (--kv-functions)",
    ] == said(new, old)[:2]


def test_floored() -> None:
    """A model that recalled little has little to lose: green says nothing then."""
    old = {**SMALL, "bf16/bf16": [3] * 12}

    assert [
        "nothing is shown to be worse: the old run's reference recalled 3.00 of 20 lines,",
        "  which leaves little to lose",
    ] == said(old, old)[:2]


def test_significantly() -> None:
    """Where lines were lost, `nothing is worse` would be too much; flips are named, and decide nothing."""
    lines = said({**SMALL, "q4_0/q4_0": [0, *FULL[1:]]}, {**SMALL, "bf16/bf16": [7, *FULL[1:]]})

    assert lines[0].startswith("nothing is significantly worse: a mean loss of ")
    assert [
        "passed then, fails now (1): q4_0/q4_0 f0 20 -> 0",
        "failed then, passes now (1): bf16/bf16 f0 7 -> 20",
        "single flips decide nothing",
    ] == lines[-3:]


def test_cells_need_more_functions_than_the_declared() -> None:
    """Said where it is so: no single cell of a whole grid can be called worse with eight functions."""
    whole = dict.fromkeys(PAIRS, [20] * 8)

    assert "with 8 functions no cell alone can be called worse, which takes 11" == said(whole, whole)[-1]


def test_margins() -> None:
    """The mean, and the cell that lost most; that they decide nothing."""
    run = run_of(SMALL)
    low, reference = sorted(run.cells, reverse=True)
    old, new = (
        replace(
            run,
            cells={
                low: replace(run.cells[low], margins={"f0": lowest}),
                reference: replace(run.cells[reference], margins={"f0": 5.0}),
            },
        )
        for lowest in (4.0, 1.5)
    )

    assert [
        "mean margin of whole answers over 2 cells: 4.50 -> 3.25 nats (-1.25), most in",
        f"  {low} (-2.50); margins decide nothing",
    ] == comparison_lines(compare(old, new))[-2:]
    same = comparison_lines(compare(old, old))[-2]
    assert "mean margin of whole answers over 2 cells: 4.50 -> 4.50 nats (0.00); margins" == same


def test_margins_of_lost_lines_are_not_compared() -> None:
    """A cell that lost lines is named as that, and no other as the one that lost most of all."""
    low, reference = parse_place("q4_0/q4_0"), parse_place("bf16/bf16")
    lost = {low: RunMargins(None, None, 0, 3), reference: RunMargins(5.0, 4.0, 3, 3)}
    assert (
        "mean margin of whole answers over 1 cell: 5.00 -> 4.00 nats (-1.00), of these most in bf16/bf16 (-1.00); not "
        "compared, for lines are lost: functions of q4_0/q4_0 (3 of 3); margins decide nothing"
    ) == margins_sentence(lost)
    none = "margins of no function can be compared; not compared, for lines are lost: functions of q4_0/q4_0 (3 of 3)"
    assert none == margins_sentence({low: lost[low]})


def test_part() -> None:
    """Where not all of the old run was asked again, the verdict itself says how much was."""
    old = {**SMALL, "q8_0/q8_0": FULL}
    assert "nothing is worse in 2 of 3 cells: a mean loss of 0.66 lines would have been seen" == said(SMALL, old)[0]
    some = dict.fromkeys(SMALL, FULL[:8])
    assert said(some, SMALL)[0].startswith("nothing is worse for 8 of 12 functions: a mean loss of 0.90 lines")
    assert said({**SMALL, "q4_0/q4_0": FULL[:11]}, SMALL)[0].startswith("nothing is worse for 23 of 24 questions: ")
    assert said(some, old)[0].startswith("nothing is worse in 2 of 3 cells for 8 of 12 functions: ")
    assert said({"q4_0/q4_0": [20] * 2}, old)[0].startswith("nothing is shown to be worse in 1 of 3 cells for 2 of 12")


def test_no_more_can_be_seen_than_there_is() -> None:
    """Where lines come and go by more than the old run recalled, no loss of theirs could have been seen."""
    ragged = compare(run_of({"bf16/bf16": [20] * 8, "q4_0/q4_0": [0, 12] * 4}), run_of({"q4_0/q4_0": [12, 0] * 4}))
    assert ragged.seen_loss is None
    assert verdict(ragged).endswith(": no loss could have been")
