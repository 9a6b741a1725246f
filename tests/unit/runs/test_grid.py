"""Grids and the lines under them, held against published tables."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaincinv

from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, KVPair, grid_pairs, parse_pair
from pytest_codeneedle.runs.grid import (
    Grid,
    View,
    error_line,
    items_by_session,
    items_of,
    limit_line,
    make_grid,
    matched_lines,
    pass_lines,
    reference_line,
    render,
    summary_line,
)
from pytest_codeneedle.runs.pairing import mean_differences, paired

PAIRS = grid_pairs(DEFAULT_TYPES, DEFAULT_TYPES)
BF16, Q8, Q4 = (KVPair(name, name) for name in ("bf16", "q8_0", "q4_0"))

#: The report that this benchmark comes from, "Run 3 detail": 122K tokens of private code, 16 functions a cell.
PROPRIETARY_FULL = """\
ctk\\ctv bf16 q8_0 q5_1 q5_0 q4_1 q4_0
bf16 19.25 19.38 19.44 18.38 19.19 19.44
q8_0 19.19 19.56 19.56 19.44 19.44 19.56
q5_1 19.44 19.31 19.62 19.38 19.56 19.12
q5_0 19.50 19.38 19.56 19.50 19.50 19.50
q4_1 19.31 19.56 19.56 19.44 19.06 19.25
q4_0 19.56 19.56 19.44 19.56 19.44 19.56
"""
#: "Run 4 detail": 140K tokens of generated code.
RANDOM_BODIES = """\
ctk\\ctv bf16 q8_0 q5_1 q5_0 q4_1 q4_0
bf16 20.00 20.00 20.00 20.00 20.00 20.00
q8_0 20.00 19.94 19.94 20.00 20.00 20.00
q5_1 20.00 20.00 20.00 20.00 20.00 20.00
q5_0 20.00 20.00 20.00 20.00 20.00 20.00
q4_1 20.00 20.00 20.00 20.00 20.00 20.00
q4_0 20.00 20.00 20.00 20.00 19.94 20.00
"""


def row(pair: KVPair, function: str, matched: int, **more: object) -> dict[str, Any]:
    """A result as it is stored; eight lines pass."""
    outcome = "passed" if matched >= 8 else "failed"
    return {
        "ctk": pair.ctk,
        "ctv": pair.ctv,
        "function": function,
        "primary_matched": matched,
        "outcome": outcome,
        **more,
    }


def error(pair: KVPair, function: str) -> dict[str, Any]:
    """A result without an answer, as it is stored."""
    return {"ctk": pair.ctk, "ctv": pair.ctv, "function": function, "outcome": "error", "error": "HTTP 500"}


def rows_of(table: str, functions: int = 16) -> list[dict[str, Any]]:
    """Results whose means are those of a published table: lines missed are spread over the functions."""
    header, *lines = table.splitlines()
    rows = []
    for line in lines:
        ctk, *figures = line.split()
        for ctv, figure in zip(header.split()[1:], figures, strict=True):
            lines_matched = round(float(figure) * functions)
            each, over = divmod(lines_matched, functions)
            rows += [row(KVPair(ctk, ctv), f"f{i}", each + (i < over)) for i in range(functions)]
    return rows


@pytest.mark.parametrize(
    ("table", "summary"),
    [
        (
            PROPRIETARY_FULL,
            "combos 36 | pass 16.00 +/- 0.00 | matched 19.40 +/- 0.22 | range 18.38 - 19.62",
        ),
        (RANDOM_BODIES, "combos 36 | pass 16.00 +/- 0.00 | matched 19.99 +/- 0.02 | range 19.94 - 20.00"),
    ],
    ids=["proprietary-full", "random-bodies"],
)
def test_published_grids_come_out_as_published(table: str, summary: str) -> None:
    """From 16 answers a cell: the same figures in the same places, the same mean, deviation and range."""
    grid = make_grid(rows_of(table), PAIRS)

    assert [line.split() for line in table.splitlines()] == [line.split() for line in matched_lines(grid)]
    assert summary == summary_line(grid)


def test_the_deviation_of_passes_is_that_of_the_cells() -> None:
    """Published for jquery: 32 cells with 16 passes and 4 with 15 give 15.89 +/- 0.31."""
    rows = [row(pair, f"f{i}", 0 if at < 4 and i == 0 else 20) for at, pair in enumerate(PAIRS) for i in range(16)]

    assert "pass 15.89 +/- 0.31" in summary_line(make_grid(rows, PAIRS))


@given(
    st.lists(st.sampled_from(PAIRS), min_size=1, unique=True),
    st.lists(st.tuples(st.sampled_from(PAIRS), st.integers(0, 20), st.booleans()), max_size=30),
)
def test_a_row_is_a_name_and_one_figure_for_each_ctv(
    pairs: list[KVPair], results: list[tuple[KVPair, int, bool]]
) -> None:
    """Whatever was planned and answered, both tables are rectangles that a script can split at blanks."""
    rows = [error(pair, "f") if erred else row(pair, "f", matched) for pair, matched, erred in results]
    grid = make_grid(rows, pairs)

    for table, figure in ((matched_lines(grid), r"\d+\.\d\d|err|-"), (pass_lines(grid), r"\d+|err|-")):
        header, *lines = (line.split() for line in table)
        assert "ctk\\ctv" == header[0]
        assert [name for name in DEFAULT_TYPES if name in {pair.ctk for pair in grid.cells}] == [
            line[0] for line in lines
        ]
        for ctk, *figures in lines:
            assert len(header) - 1 == len(figures)
            assert all(re.fullmatch(figure, text) for text in figures)
            assert [KVPair(ctk, ctv) in grid.cells for ctv in header[1:]] == [text != "-" for text in figures]


def test_columns_stand_under_each_other() -> None:
    """All lines of a table have the same width."""
    grid = make_grid([row(BF16, "f", 20), row(Q4, "f", 3)], PAIRS)

    assert 1 == len({len(line) for line in matched_lines(grid)})
    assert 1 == len({len(line) for line in pass_lines(grid)})


def test_a_cell_without_answers_is_err() -> None:
    """Neither a zero nor a gap: asked or not, it has no figure."""
    grid = make_grid([error(Q4, "f"), error(Q4, "g"), row(BF16, "f", 0)], [BF16, Q4, KVPair("bf16", "q4_0")])

    assert [["ctk\\ctv", "bf16", "q4_0"], ["bf16", "0.00", "err"], ["q4_0", "-", "err"]] == [
        line.split() for line in matched_lines(grid)
    ]
    assert [["bf16", "0", "err"], ["q4_0", "-", "err"]] == [line.split() for line in pass_lines(grid)[1:]]
    assert grid.cells[Q4].mean_matched is None


def test_an_error_is_no_zero_in_a_mean() -> None:
    """Items without an answer are counted apart, and do not pull the mean down."""
    cell = make_grid([row(Q8, "f", 20), row(Q8, "g", 7), error(Q8, "h")], [Q8]).cells[Q8]

    assert (13.5, 1, 1, (20, 7)) == (cell.mean_matched, cell.passed, cell.errors, cell.matched)


def test_of_several_rows_for_one_item_the_last_counts() -> None:
    """An item that was asked again replaces what it said before, an error too."""
    rows = [row(Q8, "f", 3), row(Q8, "g", 20), error(Q8, "f"), row(Q8, "f", 18), error(Q8, "g")]
    cell = make_grid(rows, [Q8]).cells[Q8]

    assert ((18,), 1, 1) == (cell.matched, cell.passed, cell.errors)


def test_passes_that_were_not_asked_for_do_not_enter_the_grid() -> None:
    """A further pass measures noise; the grid is made of the first, which rows may leave unsaid."""
    rows = [row(Q8, "f", 20, replicate=0), row(Q8, "f", 1, replicate=1), row(Q8, "g", 10)]

    assert (20, 10) == make_grid(rows, [Q8]).cells[Q8].matched


def test_figures_are_means_over_the_passes() -> None:
    """Each function is one figure, from the passes that answered; what gave no answer has not passed."""
    rows = [
        *(row(Q8, "f", 20), row(Q8, "g", 6), row(Q8, "h", 9), error(Q8, "i")),
        *(row(Q8, "f", 18, replicate=1), row(Q8, "g", 9, replicate=1), {**error(Q8, "h"), "replicate": 1}),
        *(
            row(Q8, "f", 1, replicate=2),
            row(Q8, "f", 1, rotation="on"),
            row(Q4, "f", 20),
            row(Q4, "f", 20, replicate=1),
        ),
    ]
    grid = make_grid(rows, [Q8, Q4], View(repeat=2))

    assert ((19.0, 7.5, 9.0), 2.0, 2) == (grid.cells[Q8].matched, grid.cells[Q8].passed, grid.cells[Q8].errors)
    assert ["q8_0     11.83*       -", "q4_0          -   20.00"] == matched_lines(grid)[1:]
    assert ["q8_0          2       -", "q4_0          -       1"] == pass_lines(grid)[1:]
    assert "combos 2 | pass 1.50 +/- 0.50 | matched 15.92* +/- 4.08 | range 11.83* - 20.00*" == summary_line(grid)
    assert error_line(grid) == "err: 2 items in 1 cell gave no answer to score"


def test_a_view_is_of_one_rotation() -> None:
    """Rows of older runs are those of the environment."""
    rows = [row(Q8, "f", 1), row(Q8, "f", 2, rotation="on"), row(Q8, "f", 3, rotation="off"), row(Q8, "g", 4)]

    assert [(1, 4), (2,), (3,)] == [
        make_grid(rows, [Q8], View(rotation=name)).cells[Q8].matched for name in ("default", "on", "off")
    ]


@given(st.lists(st.lists(st.integers(0, 20), min_size=3, max_size=3), min_size=1, max_size=9))
def test_equal_passes_are_as_one(passes: list[list[int]]) -> None:
    """A deterministic model has the same grid however often it is asked; else the means of the passes lie around it."""
    once = make_grid([row(Q8, name, count) for name, count in zip("fgh", passes[0], strict=True)], [Q8])
    same = [
        row(Q8, name, count, replicate=number)
        for number in range(len(passes))
        for name, count in zip("fgh", passes[0], strict=True)
    ]
    other = [
        row(Q8, name, count, replicate=number)
        for number, counts in enumerate(passes)
        for name, count in zip("fgh", counts, strict=True)
    ]

    assert matched_lines(once) == matched_lines(make_grid(same, [Q8], View(len(passes))))
    assert pass_lines(once) == pass_lines(make_grid(same, [Q8], View(len(passes))))
    mean = make_grid(other, [Q8], View(len(passes))).cells[Q8].mean_matched
    assert pytest.approx(sum(map(sum, passes)) / len(passes) / 3) == mean


def test_results_that_were_not_planned_are_shown() -> None:
    """A stored run is shown whole, whatever pairs are asked for."""
    grid = make_grid([row(Q4, "f", 20)], [BF16])

    assert [BF16, Q4] == list(grid.cells)
    assert [Q4] == [cell.pair for cell in grid.answered]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "combos 0/2: no cell has an answer"),
        ([error(Q8, "f")], "combos 0/2: no cell has an answer"),
        ([row(Q8, "f", 19)], "combos 1/2 | pass 1.00 +/- 0.00 | matched 19.00 +/- 0.00 | range 19.00 - 19.00"),
        (
            [row(Q8, "f", 20), row(Q4, "f", 1)],
            "combos 2 | pass 0.50 +/- 0.50 | matched 10.50 +/- 9.50 | range 1.00 - 20.00",
        ),
    ],
)
def test_the_summary_counts_answered_cells(rows: list[dict[str, Any]], expected: str) -> None:
    """A partial run says of how many; figures are those of the cells that have some."""
    assert expected == summary_line(make_grid(rows, [Q8, Q4]))


@pytest.mark.parametrize(
    ("matched", "expected"),
    [
        ({}, None),
        ({"q4_0/q4_0": [20]}, None),
        ({"bf16/bf16": [20]}, "reference bf16/bf16 20.00"),
        ({"bf16/bf16": [20], "q4_0/q4_0": [20]}, "reference bf16/bf16 20.00 | no cell is lower"),
        ({"bf16/bf16": [18], "q4_0/q4_0": [20]}, "reference bf16/bf16 18.00 | no cell is lower"),
        (
            {"bf16/bf16": [20, 20], "q8_0/q8_0": [20, 19], "q4_0/q4_0": [17, 18]},
            "reference bf16/bf16 20.00 | lowest q4_0/q4_0 -2.50",
        ),
        ({"bf16/bf16": [20], "q4_0/q4_0": [0]}, "reference bf16/bf16 20.00 | lowest q4_0/q4_0 -20.00"),
    ],
)
def test_the_reference_is_held_against_the_lowest_cell(matched: dict[str, list[int]], expected: str | None) -> None:
    """One line that says how deep the grid falls; without an answer of the reference there is none."""
    rows = [row(parse_pair(pair), f"f{i}", n) for pair, found in matched.items() for i, n in enumerate(found)]

    differences = mean_differences(paired(rows, [BF16], BF16, View()), BF16)
    assert expected == reference_line(make_grid(rows, [BF16]), BF16, differences)


def test_a_reference_that_was_not_planned_has_no_line() -> None:
    """`codeneedle grid` may be asked for a pair that a run does not have."""
    assert reference_line(make_grid([row(Q8, "f", 20)], [Q8]), BF16, {}) is None


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(Q8, "f", 20), row(Q4, "f", 0)], None),
        (
            [row(Q8, "f", 20), error(Q8, "g"), error(Q4, "f"), error(Q4, "g")],
            "err: 3 items in 2 cells gave no answer to score",
        ),
        ([row(Q8, "f", 20)], "err: 1 cell was not asked"),
        (
            [error(Q8, "f")],
            "err: 1 item in 1 cell gave no answer to score; 1 cell was not asked",
        ),
    ],
)
def test_what_has_no_answer_is_said(rows: list[dict[str, Any]], expected: str | None) -> None:
    """Errors and cells that were not asked are told apart; a whole grid has no such line."""
    assert expected == error_line(make_grid(rows, [Q8, Q4]))


@pytest.mark.parametrize(("functions", "share"), [(1, 95), (8, 31), (16, 17), (59, 5)])
def test_a_flawless_grid_says_what_it_leaves_open(functions: int, share: int) -> None:
    """The exact upper limit for no loss in n functions, 1 - 0.05 ** (1 / n)."""
    rows = [row(pair, f"f{i}", 20) for pair in (Q8, Q4) for i in range(functions)]
    open_to = "1 function leaves" if functions == 1 else f"{functions} functions leave"
    expected = f"no line was lost; {open_to} open up to {share} % that lose some (95 %)"

    assert share == round(100 * (1 - 0.05 ** (1 / functions)))
    assert expected == limit_line(make_grid(rows, [Q8, Q4]), lines=20)


@pytest.mark.parametrize("functions", [1, 2, 8, 16, 200])
def test_the_limit_is_that_of_the_exact_interval(functions: int) -> None:
    """Clopper and Pearson's, as scipy computes it from the beta distribution."""
    rows = [row(Q8, f"f{i}", 20) for i in range(functions)]
    share = 100 * betaincinv(1, functions, 0.95)

    assert f"leave{'s' * (functions == 1)} open up to {share:.0f} % that" in str(
        limit_line(make_grid(rows, []), lines=20)
    )


def test_the_smallest_cell_sets_the_limit() -> None:
    """A cell with fewer answers says less."""
    rows = [row(Q8, f"f{i}", 20) for i in range(16)] + [row(Q4, f"f{i}", 20) for i in range(8)]

    assert "no line was lost; 8 functions leave open up to 31 %" in str(limit_line(make_grid(rows, []), lines=20))


@pytest.mark.parametrize("rows", [[], [error(Q8, "f")], [row(Q8, "f", 20), row(Q4, "f", 19)]])
def test_a_grid_that_lost_a_line_or_has_none_makes_no_such_claim(rows: list[dict[str, Any]]) -> None:
    """One lost line, or no answer at all, and the limit is not given."""
    assert limit_line(make_grid(rows, [Q8]), lines=20) is None


def test_everything_in_its_order() -> None:
    """Both tables under their titles, the summary, the reference, and what is missing."""
    grid = make_grid([row(BF16, "f", 20), row(Q4, "f", 5), error(Q4, "g")], [BF16, Q4])

    assert [
        "mean primary_matched /20",
        "ctk\\ctv    bf16    q4_0",
        "bf16     20.00*       -",
        "q4_0          -   5.00*",
        "",
        "functions passed /2",
        "ctk\\ctv    bf16    q4_0",
        "bf16        1/1       -",
        "q4_0          -       0",
        "",
        "combos 2 | pass 0.50* +/- 0.50 | matched 12.50* +/- 7.50 | range 5.00* - 20.00*",
        "reference so and so",
        "* of what was answered; as no line of what was not: matched 11.25 +/- 8.75, 2.50",
        "  at least; 1 cell asked 1 of 2 functions",
        "err: 1 item in 1 cell gave no answer to score",
    ] == render(grid, lines=20, functions=2, reference="reference so and so")


def test_a_flawless_grid_ends_with_its_limit() -> None:
    """Then there is nothing missing to report."""
    *_, limit = render(make_grid([row(BF16, "f", 20)], [BF16]), lines=20, functions=1, reference="")

    assert limit.startswith("no line was lost; 1 function leaves")


def test_an_empty_grid_can_be_drawn() -> None:
    """Nothing planned, nothing answered: a header and a summary that says so."""
    grid = make_grid([], [])

    assert Grid({}) == grid
    assert ["ctk\\ctv"] == matched_lines(grid)
    assert "combos 0/0: no cell has an answer" == summary_line(grid)


def test_a_later_session_is_later_whenever_its_answers_were_judged() -> None:
    """An earlier answer that is judged anew is written last, and makes no ERROR of a later session good."""
    q8 = KVPair("q8_0", "q8_0")
    known = {"ctk": "q8_0", "ctv": "q8_0", "replicate": 0, "function": "f"}
    answer = {**known, "session": "a", "outcome": "passed", "primary_matched": 20}
    error = {**known, "session": "b", "outcome": "error", "primary_matched": None}

    for rows in ([answer, error], [error, answer]):
        assert [answer, error] == items_of(rows)
        assert 1 == make_grid(rows, [q8]).cells[q8].errors
    assert [answer] == items_of([{**error, "session": ""}, answer])
    assert [{**error, "session": ""}, answer] == items_by_session([answer, {**error, "session": ""}])
