"""Margins per cell, and their differences to the reference on the same text."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_codeneedle.grid import View
from pytest_codeneedle.kvtypes import KVPair
from pytest_codeneedle.margin_grid import CellMargins, Difference, cell_margins, differences, margin_lines

HIGH, LOW = KVPair("bf16", "bf16"), KVPair("bf16", "q4_0")


def row(pair: KVPair, function: str, margins: str | None, **more: Any) -> dict[str, Any]:
    """A scored row."""
    usual = {"ctk": pair.ctk, "ctv": pair.ctv, "replicate": 0, "outcome": "passed", "primary_matched": 20}
    return {**usual, "function": function, "margins": margins, **more}


def test_a_cell_has_the_margins_of_all_its_tokens() -> None:
    """Over all functions; cells without margins are left out."""
    rows = [row(HIGH, "f", "0:2 3:0.5"), row(HIGH, "g", "0:6 4:<-1.5"), row(LOW, "f", None), row(LOW, "g", "")]
    assert {HIGH: CellMargins(1.75, pytest.approx(-1.44), 0.5, 4)} == cell_margins(rows, [HIGH, LOW])


def test_the_grid() -> None:
    """Means, with -v two more; a cell without margins has none, one without an answer erred."""
    erred = row(KVPair("q4_0", "q4_0"), "f", None, outcome="error", primary_matched=None)
    rows = [row(HIGH, "f", "0:2 3:0.5"), row(LOW, "f", None), erred]
    mean = [
        "mean log-probability margin, nats",
        "ctk\\ctv    bf16    q4_0",
        "bf16       1.25       -",
        "q4_0          -     err",
    ]
    assert mean == margin_lines(rows, [HIGH, LOW])
    assert [*mean, "", "1st percentile of the margins, nats"] == margin_lines(rows, [HIGH, LOW], verbose=True)[:6]
    assert "bf16       0.52       -" == margin_lines(rows, [HIGH, LOW], verbose=True)[7]
    under = ["tokens with a margin under 1 nat, %", "ctk\\ctv    bf16    q4_0", "bf16      50.00       -"]
    assert under == margin_lines(rows, [HIGH, LOW], verbose=True)[10:13]


def test_without_margins_there_is_no_grid() -> None:
    """Endpoints, imported runs, runs of older versions."""
    rows = [row(HIGH, "f", None), {key: value for key, value in row(LOW, "f", "").items() if key != "margins"}]
    assert ([], {}, {}) == (margin_lines(rows, [HIGH]), cell_margins(rows, [HIGH]), differences(rows, [HIGH], HIGH))


def test_differences_are_those_of_common_places() -> None:
    """The token that left the text is held against the reference's token there; the rest of that line has no pair."""
    rows = [row(HIGH, "f", "0:4 5:6 3:2 4:1"), row(LOW, "f", "0:3 5:5.5 3:-2")]
    found = differences(rows, [HIGH, LOW], HIGH)
    assert Difference(pytest.approx((-1 - 0.5 - 4) / 3), pytest.approx(-3.94), 3) == found[LOW]["f"]
    assert Difference(0.0, 0.0, 4) == found[HIGH]["f"]


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
    assert Difference(pytest.approx((-1 - 3 - 3) / 3), pytest.approx((-1 - 3 - 3) / 3), 3) == found[LOW]["f"]
