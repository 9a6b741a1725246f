"""Coloured tables of a grid."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from sweeps import LOW, PAIRS, REFERENCE, frame_of, grid_of, on_k, rows_of, sweep

from pytest_codeneedle.core.kv_types import AS_SERVED, KVPair
from pytest_codeneedle.report.heat.colours import Scale
from pytest_codeneedle.report.heat.tables import (
    depth_heat,
    depths,
    margins_heat,
    matched_heat,
    on_one_scale,
    passes_heat,
    rotation_heat,
)
from pytest_codeneedle.runs.grid import Cell, Grid, View, make_grid, matched_lines, pass_lines
from pytest_codeneedle.runs.margins import CellMargins

if TYPE_CHECKING:
    import random

    from pytest_codeneedle.report.heat.tables import Heat

SWEEP = sweep(on_k)
MIXED = KVPair("q8_0", "q4_0")

#: The reference's own, and what the low pair has more.
MARGINS = {
    REFERENCE: CellMargins(6.0, 0.5, 0.0125, 400, 1.0, own=True),
    LOW: CellMargins(-0.25, -1.0, 0.2375, 396, 0.99),
}


def texts(heat: Heat) -> list[list[str]]:
    """A heatmap as a table: header, then rows."""
    return [[heat.corner, *heat.columns], *([label, *(cell.text for cell in cells)] for label, cells in heat.rows)]


def placed(rows: list[dict[str, Any]], functions: int = 16) -> list[dict[str, Any]]:
    """The rows with depths, f0 at the top."""
    return [{**row, "depth": int(row["function"][1:]) / functions} for row in rows]


def test_figures_are_those_of_a_terminal() -> None:
    """The same tables, cell by cell."""
    grid = grid_of(SWEEP)
    assert [line.split() for line in matched_lines(grid)] == texts(matched_heat(grid, 20))
    assert [line.split() for line in pass_lines(grid)] == texts(passes_heat(grid, 16))


def test_fields_without_a_figure_say_why() -> None:
    """No answer, not asked, no part of the run, by the words of a terminal's grid: none has a colour."""
    rows = rows_of(sweep(on_k, pairs=(REFERENCE, LOW), functions=2))
    for row in rows[2:]:
        row |= {"outcome": "error", "primary_matched": None}
    grid = make_grid(rows, [REFERENCE, LOW, MIXED])
    heat = matched_heat(grid, 20)
    assert [line.split() for line in matched_lines(grid)] == texts(heat)
    found = {cell.told: (cell.text, cell.value) for _, cells in heat.rows for cell in cells}
    assert ("20.00", 20.0) == found["bf16/bf16: 20.00 of 20 lines on average over 2 functions"]
    assert ("err", None) == found["q4_0/q4_0: no answer to score, 2 errors"]
    assert ("err", None) == found["q8_0/q4_0: not asked"]
    assert ("-", None) == found["q8_0/bf16: not part of this run"]


def test_some_errors_are_told_beside_the_figure() -> None:
    """The mean is over the others."""
    rows = rows_of(sweep(on_k, pairs=(REFERENCE,), functions=3))
    rows[0] |= {"outcome": "error", "primary_matched": None}
    grid = make_grid(rows, [REFERENCE])
    told = [heat.rows[0][1][0].told for heat in (matched_heat(grid, 20), passes_heat(grid, 3))]
    assert [
        "bf16/bf16: 20.00 of 20 lines on average over 2 functions, 1 error",
        "bf16/bf16: 2 of 3 functions passed, 1 error",
    ] == told


def test_a_scale_does_not_dramatise_noise() -> None:
    """Two lines below the top at least, the lowest cell where that is lower, never below nothing."""
    flat, steep = sweep(lambda _pair, at: at == 0), SWEEP
    assert Scale(18, 20) == matched_heat(grid_of(flat), 20).scale
    assert "Colours run from 18 (dark) to 20 (light)." == matched_heat(grid_of(flat), 20).note
    assert Scale(14.5, 20) == matched_heat(grid_of(steep), 20).scale
    assert Scale(14, 16) == passes_heat(grid_of(flat), 16).scale
    assert Scale(0, 1) == matched_heat(Grid({}), 1).scale


def test_a_cell_that_was_partly_asked_is_no_failure() -> None:
    """All of the functions that answered passed: the field has the colour of all, and says of how many it is."""
    rows = rows_of(sweep(lambda _pair, _at: 0, pairs=(REFERENCE, LOW), functions=8))
    grid = make_grid(rows[:12], [REFERENCE, LOW])
    passes, matched = passes_heat(grid, 8), matched_heat(grid, 20, 8)
    full, part = passes.rows[0][1][0], passes.rows[1][1][1]
    assert ("8", 8, "4/4", 8) == (full.text, full.value, part.text, part.value)
    assert Scale(6, 8) == passes.scale
    assert "q4_0/q4_0: 4 of 4 functions passed, 4 of 8 asked" == part.told
    assert "n/m: passed of those asked, where not all were." in passes.note
    assert ["20.00", "20.00*"] == [matched.rows[at][1][at].text for at in (0, 1)]
    assert "q4_0/q4_0: 20.00 of 20 lines on average over 4 of 8 functions" == matched.rows[1][1][1].told
    margins = margins_heat(grid, MARGINS, 8)
    assert ["6.00", "-0.25*"] == [margins.rows[at][1][at].text for at in (0, 1)]
    assert margins.rows[1][1][1].told.startswith("q4_0/q4_0: -0.25 nats on 396 tokens of 4 of 8 functions, 99 % of")
    assert all(
        "* not all questions were asked and answered" in heat.note
        for heat in (matched, margins, *on_one_scale([matched]))
    )
    assert "*" not in matched_heat(make_grid(rows, [REFERENCE, LOW]), 20, 8).note


def test_notes_explain_the_signs_that_are_there() -> None:
    """And no others; with fewer than two figures there is nothing that a colour could tell."""
    rows = placed(rows_of(sweep(on_k, pairs=(REFERENCE, LOW), functions=2)), 2)
    for row in rows[2:]:
        row |= {"outcome": "error", "primary_matched": None}
    grid = make_grid(rows, [REFERENCE, LOW])
    assert "err: no answer. -: not in this run." == matched_heat(grid, 20).note
    assert (
        "-: not in this run, or no log-probabilities." == margins_heat(grid, {}).note.partition("err: no answer. ")[2]
    )
    assert not matched_heat(grid, 20).is_scaled
    deep = depth_heat(rows, frame_of({REFERENCE: {}, LOW: {}}), View())
    assert "Colours run from 18 (dark) to 20 (light). err: no answer." == deep.note
    many = [
        {**one, "depth": at / 50} for at, one in enumerate(rows_of({REFERENCE: {f"f{at}": 20 for at in range(25)}}))
    ]
    assert depth_heat(many, frame_of({REFERENCE: {}}), View()).note.endswith("-: no function lies there.")


def test_margins_span_a_nat_at_least() -> None:
    """On either side of the reference, which has its own; cells without any have no figure."""
    heat = margins_heat(grid_of(sweep(on_k, pairs=(REFERENCE, LOW, MIXED))), MARGINS)
    assert Scale(-1.0, 1.0, diverging=True) == heat.scale
    assert [["ctk\\ctv", "bf16", "q4_0"], ["bf16", "6.00", "-"], ["q8_0", "-", "-"], ["q4_0", "-", "-0.25"]] == texts(
        heat
    )
    assert heat.note.startswith("The reference's mean; of the others what they have more on the same tokens. Colours")
    told = [cell.told for _, cells in heat.rows for cell in cells]
    assert (
        told[0]
        == "bf16/bf16: mean margin 6.00 nats over 400 tokens of 16 functions, 1st percentile 0.50, 1.2 % under 1 nat"
    )
    assert "q8_0/q4_0: no log-probabilities" in told
    assert (
        "q4_0/q4_0: -0.25 nats on 396 tokens of 16 functions, 99 % of the reference's, 1st percentile -1.00, under 1 "
        "nat +23.8 %"
    ) in told


def test_margins_of_what_is_left_have_a_mark() -> None:
    """Where a tenth of the reference's tokens is lost: the rest looks the better, the more is lost."""
    left = {**MARGINS, LOW: replace(MARGINS[LOW], mean=0.5, share=0.6)}
    heat = margins_heat(grid_of(sweep(on_k, pairs=(REFERENCE, LOW))), left)
    assert "+0.50*" == heat.rows[1][1][1].text
    assert "* not all questions were asked and answered, or many tokens of the reference are not there." in heat.note


def test_an_endpoint_is_one_field() -> None:
    """Its types are not known."""
    heat = matched_heat(Grid({AS_SERVED: Cell(AS_SERVED, (19.0,), 1, 0, 1)}), 20)
    assert [["ctk\\ctv", "served"], ["served", "19.00"]] == texts(heat)
    assert heat.rows[0][1][0].told.startswith("as-served: ")


def test_the_rotation_is_coloured_around_zero() -> None:
    """What it takes away is brown, what it adds is purple, nothing is white."""
    grid = Grid({REFERENCE: Cell(REFERENCE, (0.0, 0.0), 0, 0, 2), LOW: Cell(LOW, (-6.0, -7.0), 0, 0, 2)})
    heat = rotation_heat(grid)
    assert [["ctk\\ctv", "bf16", "q4_0"], ["bf16", "0.00", "-"], ["q4_0", "-", "-6.50"]] == texts(heat)
    assert Scale(-6.5, 6.5, diverging=True) == heat.scale
    assert "Colours run from -6.5 (brown: less) over 0 (white) to 6.5 (purple: more)." in heat.note
    assert Scale(-2, 2, diverging=True) == rotation_heat(Grid({REFERENCE: Cell(REFERENCE, (0.5,), 0, 0, 1)})).scale


def test_heatmaps_of_one_key_share_a_scale() -> None:
    """With each rotation, a colour means the same."""
    one, other = (matched_heat(grid_of(cells), 20) for cells in (SWEEP, sweep(lambda _pair, _at: 1)))
    passes = passes_heat(grid_of(SWEEP), 16)
    shared = on_one_scale([one, passes, other])
    assert [one.scale, passes.scale, one.scale] == [heat.scale for heat in shared]
    assert [one.rows, passes.rows, other.rows] == [heat.rows for heat in shared]
    assert one.note == shared[2].note


def test_scales_of_differences_stay_so() -> None:
    """Zero is in the middle of a shared scale as it is in that of each."""
    smaller, larger = (rotation_heat(Grid({REFERENCE: Cell(REFERENCE, (most,), 0, 0, 1)})) for most in (3.0, 6.5))
    assert [Scale(-6.5, 6.5, diverging=True)] * 2 == [heat.scale for heat in on_one_scale([smaller, larger])]


def test_depth_has_a_column_for_each_function() -> None:
    """In the order of the text, cells in that of the grid; a field without a score says so."""
    rows = placed(rows_of(sweep(on_k, pairs=(LOW, REFERENCE), functions=4)), 4)[::-1]
    rows[0] |= {"outcome": "error", "primary_matched": None}
    heat = depth_heat(rows, frame_of(SWEEP), View())
    assert ["ctk/ctv", "0 %", "25 %", "50 %", "75 %"] == texts(heat)[0]
    assert ["bf16/bf16", "20", "20", "20", "err"] == texts(heat)[1]
    assert ["q4_0/q4_0", "15", "14", "15", "14"] == texts(heat)[-1]
    assert "bf16/bf16, f1 at 25 %: 20 of 20 lines" == heat.rows[0][1][1].told
    assert "bf16/bf16, f3 at 75 %: no score" == heat.rows[0][1][3].told


def test_functions_that_lie_close_are_told_apart() -> None:
    """By a decimal of their depth; passes are averaged."""
    cells = {REFERENCE: {"a": 20.0, "b": 11.0}}
    rows = rows_of(cells) + rows_of({REFERENCE: {"a": 19.0, "b": 12.0}}, replicate=1)
    rows = [{**row, "depth": {"a": 0.101, "b": 0.104}[row["function"]]} for row in rows]
    heat = depth_heat(rows, frame_of(cells, repeat=2), View(2))
    assert [["ctk/ctv", "10.1 %", "10.4 %"], ["bf16/bf16", "19.5", "11.5"]] == texts(heat)


def test_many_functions_are_told_by_tenths_of_the_text() -> None:
    """The last function may lie at the very end; where none lies there is none to be lost."""
    cells = {REFERENCE: {f"f{at}": 20.0 - (at < 10) for at in range(40)}}
    rows = [{**row, "depth": int(row["function"][1:]) / 39} for row in rows_of(cells) if row["function"] != "f20"]
    heat = depth_heat(rows, frame_of(cells), View())
    assert ("0-10 %", "90-100 %", 10) == (heat.columns[0], heat.columns[-1], len(heat.columns))
    assert ["19", "19", "19.5", "20", "20", "20", "20", "20", "20", "20"] == texts(heat)[1][1:]
    assert "bf16/bf16, 4 functions at 0-10 %: 19 of 20 lines" == heat.rows[0][1][0].told
    few = [row for row in rows if not 0.3 <= row["depth"] < 0.4]
    assert "bf16/bf16, 0 functions at 30-40 %: no score" == depth_heat(few, frame_of(cells), View()).rows[0][1][3].told


def test_without_depths_there_is_no_column() -> None:
    """Another program's results about a function that the corpus has not; results of an older version."""
    assert () == depth_heat(rows_of(SWEEP), frame_of(SWEEP), View()).columns
    assert {} == depths(rows_of(SWEEP))


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(shuffled: random.Random) -> None:
    """With workers they arrive as they come."""
    cells = sweep(on_k, pairs=(REFERENCE, LOW, MIXED), functions=5)
    rows = placed(rows_of(cells), 5)
    frame = frame_of(cells)
    mixed = list(rows)
    shuffled.shuffle(mixed)
    assert depth_heat(rows, frame, View()) == depth_heat(mixed, frame, View())
    assert matched_heat(make_grid(rows, frame.pairs), 20) == matched_heat(make_grid(mixed, frame.pairs), 20)


def test_every_grid_has_all_fields() -> None:
    """As many in each row as there are columns."""
    grid = grid_of(sweep(on_k, pairs=PAIRS[:7]))
    for heat in (matched_heat(grid, 20), passes_heat(grid, 16), margins_heat(grid, {})):
        assert {len(heat.columns)} == {len(cells) for _, cells in heat.rows}
