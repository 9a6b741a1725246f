"""Several runs as one table, held against the published one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sweeps import judged, sweep

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.report.text.table_of_runs import RunRow, gradient, notes, run_row, table_lines
from pytest_codeneedle.runs.grid import Cell, Grid
from pytest_codeneedle.stats.trend import Trend

JQUERY = RunRow("jquery", 36, 16, (15.89, 0.31), (19.49, 0.30), 18.50, 19.88, "none")


def grid(*matched: tuple[int, ...]) -> Grid:
    """A cell for each of these, q4_0 and upwards."""
    pairs = [KVPair("q4_0", ctv) for ctv in ("q4_0", "q5_0", "q8_0")][: len(matched)]
    return Grid(
        {
            pair: Cell(pair, counts, sum(count >= 8 for count in counts), errors=0, asked=len(counts))
            for pair, counts in zip(pairs, matched, strict=True)
        }
    )


def test_a_run_is_summed_up_over_its_cells() -> None:
    """Means and the population's deviation, as the published table has them; cells without an answer left out."""
    row = run_row("mine", grid((20, 20), (10, 2), ()), functions=2, gradient="K")
    assert ("mine", 2, 2, (1.5, 0.5), (13.0, 7.0), 6.0, 20.0, "K") == (
        row.name,
        row.combos,
        row.functions,
        row.passed,
        row.matched,
        row.lowest,
        row.highest,
        row.gradient,
    )


def test_the_published_row_is_drawn_as_it_was_published() -> None:
    """Aligned; a name that is too long has a line of its own, and none is wider than 80 columns."""
    long = RunRow("a" * 70, 36, 16, (16.0, 0.0), (19.06, 0.11), 18.81, 19.31, "K and V")
    lines = table_lines([JQUERY, long])
    assert [
        "run                  combos            pass         matched        range  gradient",
        "jquery                36x16  15.89 +/- 0.31  19.49 +/- 0.30  18.50-19.88  none",
        "a" * 70,
        "                      36x16  16.00 +/- 0.00  19.06 +/- 0.11  18.81-19.31  K and V",
    ] == lines


def test_a_run_without_an_answer_has_no_figures() -> None:
    """Dashes, and nothing for JSON."""
    row = run_row("none", grid(()), functions=3, gradient="?")
    assert "none     0x3     -        -      -  ?" == table_lines([row])[1]
    assert row.facts()["matched_mean"] is None
    assert row.facts()["combos"] == 0


@pytest.mark.parametrize("name", ["\x1b[31mred", "\u202eright to left"])
def test_codes_in_a_name_stay_text(name: str) -> None:
    """A folder's name is another's text."""
    row = RunRow(name, 1, 1, (1.0, 0.0), (20.0, 0.0), 20.0, 20.0, "none")
    assert not set("\x1b\u202e") & set("".join(table_lines([row])))


def test_a_run_that_lacks_answers_is_marked() -> None:
    """Its figures are of fewer than were asked for, and its trend may be open."""
    row = run_row("partly", grid((20, 20)), functions=3, gradient="none")
    assert row.partly
    assert row.facts()["partly"]
    assert "20.00-20.00*" in table_lines([row])[1]
    assert not run_row("whole", grid((20, 20)), functions=2, gradient="none").partly


@pytest.mark.parametrize(
    ("k", "v", "little", "expected"),
    [
        ("trend", "no trend", None, "K"),
        ("trend", "unsettled", None, "K, V not settled"),
        ("no trend", "unsettled", None, "none, V not settled"),
        ("unsettled", "unsettled", None, "none, K not settled, V not settled"),
        ("no trend", "no trend", "it recalls little", "not settled"),
        ("trend", "no trend", "it recalls little", "K"),
        ("no trend", None, None, "none, V not tested"),
        (None, None, "it recalls little", "not tested"),
    ],
)
def test_the_gradient_says_no_more_than_was_settled(k: Any, v: Any, little: str | None, expected: str) -> None:
    """What missing answers decide is open, and so is what a reference that has little to lose could not show."""
    base = judged(sweep(lambda _pair, _at: 0))
    sides = {}
    for name, word in (("k", k), ("v", v)):
        p = {"trend": 0.01, "no trend": 0.5, "unsettled": 0.01, None: None}[word]
        lost = Trend(16, p=0.5) if word == "unsettled" else None
        sides[name] = replace(getattr(base, name), trend=Trend(16, p=p, lost=lost))
    assert expected == gradient(replace(base, little_to_lose=little, **sides))


def test_what_is_to_be_distrusted_stands_below() -> None:
    """Each reason once, with the run's name; in JSON too."""
    row = run_row("sweep", Grid({}), 8, "none", distrust=["Distrust this grid: the server drifted."])
    assert ["sweep: Distrust this grid: the server drifted."] == notes([row, row])
    assert ["Distrust this grid: the server drifted."] == row.facts()["distrust"]
