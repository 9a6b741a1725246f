"""Margins per cell, and their differences to the reference on the same text."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.report.text.grids import margin_lines
from pytest_codeneedle.runs.grid import View
from pytest_codeneedle.runs.margins import CellMargins, Difference, cell_margins, differences
from pytest_codeneedle.stats.margin_verdict import judge_margins

HIGH, LOW, BOTH = KVPair("bf16", "bf16"), KVPair("bf16", "q4_0"), KVPair("q4_0", "q4_0")


def row(pair: KVPair, function: str, margins: str | None, **more: Any) -> dict[str, Any]:
    """A scored row."""
    usual = {"ctk": pair.ctk, "ctv": pair.ctv, "replicate": 0, "outcome": "passed", "primary_matched": 20}
    return {**usual, "function": function, "margins": margins, **more}


def test_a_cell_has_what_its_margins_have_more_than_the_references() -> None:
    """On the same tokens, the mean over functions; the reference has its own, a cell without margins has none."""
    rows = [
        *(row(HIGH, "f", "0:2 3:0.5"), row(HIGH, "g", "0:6 4:<-1.5")),
        *(row(LOW, "f", "0:1 3:0.5"), row(LOW, "g", "0:8"), row(BOTH, "f", None), row(BOTH, "g", "")),
    ]
    found = cell_margins(rows, [HIGH, LOW, BOTH], HIGH)
    assert {HIGH, LOW} == set(found)
    assert CellMargins(1.75, pytest.approx(-0.455), 0.5, 4, 1.0, own=True) == found[HIGH]
    assert CellMargins(0.75, pytest.approx(0.995), 0.0, 3, 0.75) == found[LOW]
    assert (False, True) == (found[HIGH].partly, found[LOW].partly)


def test_what_lost_more_does_not_look_better() -> None:
    """The grid has the figure that the tests are made on, whatever is left of a cell's answers."""
    sure, unsure = "0:9 9:9", " 9:1 9:1"
    rows = [row(HIGH, name, sure + unsure) for name in "fg"] + [row(LOW, name, "0:8.5 9:8.5") for name in "fg"]
    (low,) = [one for pair, one in cell_margins(rows, [HIGH, LOW], HIGH).items() if pair == LOW]
    found = judge_margins(rows, [HIGH, LOW], HIGH)
    assert found is not None
    assert -0.5 == low.mean == found.cells[0].mean.mean
    assert 0.5 == low.share == found.cells[0].share
    grid = margin_lines(rows, [HIGH, LOW], HIGH)
    assert "bf16       5.00  -0.50*" == grid[2]
    assert "* under 90 % of its tokens are there: what is lost is in no margin" == grid[3]


def test_a_function_that_is_lost_altogether_is_in_no_mean_but_in_the_share() -> None:
    """None of its tokens is there."""
    rows = [*(row(HIGH, name, "0:4 4:4") for name in "fg"), row(LOW, "f", "0:4 4:4"), row(LOW, "g", None)]
    low = cell_margins(rows, [HIGH, LOW], HIGH)[LOW]
    assert (0.0, 2, 0.5) == (low.mean, low.tokens, low.share)


def test_the_grid() -> None:
    """Means, with -v two more; a cell without margins has none, one without an answer erred."""
    erred = row(BOTH, "f", None, outcome="error", primary_matched=None)
    rows = [row(HIGH, "f", "0:2 3:0.5"), row(LOW, "f", "0:1 3:0.5"), erred]
    mean = [
        "mean log-probability margin, nats: bf16/bf16, and the others minus it",
        "ctk\\ctv    bf16    q4_0",
        "bf16       1.25   -0.50",
        "q4_0          -     err",
    ]
    assert mean == margin_lines(rows, [HIGH, LOW], HIGH)
    verbose = margin_lines(rows, [HIGH, LOW], HIGH, verbose=True)
    assert [*mean, "", "1st percentile of the margins, nats: bf16/bf16, and the others minus it"] == verbose[:6]
    assert "bf16       0.52   -0.01" == verbose[7]
    assert "bf16      50.00    0.00" == verbose[12]
    assert "mean log-probability margin, nats" == margin_lines([rows[0]], [HIGH], HIGH)[0]


def test_without_margins_there_is_no_grid() -> None:
    """Endpoints, imported runs, runs of older versions, a shard without the reference."""
    rows = [row(HIGH, "f", None), {key: value for key, value in row(LOW, "f", "").items() if key != "margins"}]
    for some in (rows, [row(LOW, "f", "0:4")]):
        assert ([], {}, {}) == (
            margin_lines(some, [HIGH], HIGH),
            cell_margins(some, [HIGH], HIGH),
            differences(some, [HIGH], HIGH),
        )


def test_differences_are_those_of_common_places() -> None:
    """The token that left the text is held against the reference's token there; the rest of that line has no pair."""
    rows = [row(HIGH, "f", "0:4 5:6 3:2 4:1"), row(LOW, "f", "0:3 5:5.5 3:-2")]
    found = differences(rows, [HIGH, LOW], HIGH)
    assert (
        Difference(pytest.approx((-1 - 0.5 - 4) / 3), pytest.approx(-3.94), pytest.approx(1 / 3), 3, 0.75)
        == found[LOW]["f"]
    )
    assert Difference(0.0, 0.0, 0.0, 4, 1.0) == found[HIGH]["f"]


def test_functions_without_a_pair_are_left_out() -> None:
    """No answer on either side, no margins, or no common place."""
    rows = [
        *(row(HIGH, name, text) for name, text in {"f": "0:4", "g": "0:4", "h": None, "i": "0:1"}.items()),
        *(row(LOW, name, text) for name, text in {"f": "0:3", "g": "7:4", "h": "0:1", "j": "0:1"}.items()),
        row(LOW, "i", "0:1", outcome="error"),
    ]
    assert ["f"] == list(differences(rows, [HIGH, LOW], HIGH)[LOW])
    assert {} == differences([one for one in rows if one["ctv"] == "q4_0"], [HIGH, LOW], HIGH)


def test_passes_are_held_against_each_other() -> None:
    """The second against the second, or against the first where there is no second; then the mean over passes."""
    rows = [
        *(row(HIGH, "f", text, replicate=number) for number, text in enumerate(("0:4", "0:8"))),
        *(row(LOW, "f", text, replicate=number) for number, text in enumerate(("0:3", "0:5", "0:1"))),
    ]
    found = differences(rows, [HIGH, LOW], HIGH, View(repeat=3))
    assert Difference(pytest.approx((-1 - 3 - 3) / 3), pytest.approx((-1 - 3 - 3) / 3), 0.0, 3, 1.0) == found[LOW]["f"]
