"""The report of a run: grids, labels where there are any, and answers that thought."""

from __future__ import annotations

import itertools
from typing import Any

from pytest_codeneedle.core.kv_types import AS_SERVED, KVPair
from pytest_codeneedle.report.text.run import run_lines
from pytest_codeneedle.runs.design import Frame

PAIR = KVPair("q8_0", "q4_0")


def row(function: str, matched: int = 20, **more: Any) -> dict[str, Any]:
    """A scored row."""
    usual = {"ctk": "q8_0", "ctv": "q4_0", "replicate": 0, "outcome": "passed", "label": None}
    return {**usual, "function": function, "primary_matched": matched, **more}


def report(*rows: dict[str, Any], **more: Any) -> list[str]:
    """The report of these rows."""
    verbose = more.pop("verbose", False)
    return run_lines(rows, Frame((PAIR,), PAIR, 20, len(rows), **more), verbose=verbose)


def test_a_flawless_run_has_its_grids_and_nothing_more() -> None:
    """No labels, no flags."""
    lines = report(row("f"), row("g"))
    assert "mean primary_matched /20" == lines[0]
    assert not any("labels" in line or "thought" in line or "ran on" in line for line in lines)


def test_labels_stand_under_the_grids() -> None:
    """Between blank lines, one line a cell."""
    lines = report(row("f", 5, label="truncated"), row("g", 9, label="confused", confused_with="other"))
    at = lines.index("labels")
    assert ["", "labels", "q8_0/q4_0    1 truncated, 1 confused (with other)", ""] == lines[at - 1 : at + 3]


def test_margins_stand_under_the_grids_and_above_labels() -> None:
    """Between blank lines, with two grids for -v; without them nothing is said of margins."""
    rows = (row("f", 5, label="truncated", margins="0:2 4:-1"), row("g", margins="0:6 4:3"))
    lines = report(*rows)
    at = lines.index("mean log-probability margin, nats")
    assert ["", "ctk\\ctv    q4_0", "q8_0       2.50", "", "labels"] == [lines[at - 1], *lines[at + 1 : at + 5]]
    assert "1st percentile of the margins, nats" in report(*rows, verbose=True)
    for verbose in (False, True):
        assert ("", "") not in set(itertools.pairwise(report(*rows, verbose=verbose)))
    assert not any("margin" in line for line in report(row("f", margins=None), row("g"), verbose=True))


def test_flags_have_grids_when_asked_for() -> None:
    """How many answers ran on, and how many were confused."""
    lines = report(row("f", run_on=True), row("g", 3, confused_with="f"), verbose=True)
    assert ["answers that ran on", "ctk\\ctv    q4_0", "q8_0          1"] == lines[
        lines.index("answers that ran on") :
    ][:3]
    assert "answers confused with another function" in lines


def test_answers_that_thought_are_counted() -> None:
    """Unless they were let."""
    said = "1 of 2 answers thought all the same; try --kv-think prefill"
    rows = (row("f", thought=True), row("g"))
    assert said in report(*rows)
    assert said not in report(*rows, thinks=True)


def test_the_one_cell_of_an_endpoint() -> None:
    """Its types are not known."""
    served = [{**row("f"), "ctk": "served", "ctv": "served"}]
    lines = run_lines(served, Frame((AS_SERVED,), AS_SERVED, lines=20, functions=1))
    assert ["ctk\\ctv  served", "served    20.00"] == lines[1:3]
    assert "reference as-served 20.00" in lines


def test_each_rotation_has_its_grids() -> None:
    """With its title, over all passes; then their difference. One that was asked for alone has its title too."""
    rows = [
        row("f", matched, rotation=rotation, replicate=replicate)
        for rotation, matched in (("on", 18), ("off", 12), ("default", 3))
        for replicate in range(2)
    ]
    rows[0]["primary_matched"] = 15
    both = run_lines(rows, Frame((PAIR,), PAIR, 20, 1, repeat=2, rotations=("on", "off")))

    assert ["rotation on", "rotation off", "rotation on - off"] == [x for x in both if x.startswith("rotation o")]
    assert ["q8_0      16.50", "q8_0          1", "q8_0      12.00", "q8_0          1", "q8_0      +4.50"] == [
        line for line in both if line.startswith("q8_0 ")
    ]
    alone = run_lines(rows, Frame((PAIR,), PAIR, 20, 1, rotations=("off",)))
    assert ["rotation off", "", "mean primary_matched /20"] == alone[:3]
    assert not any("rotation on" in line for line in alone)
    mixed = run_lines(rows, Frame((PAIR,), PAIR, 20, 1, rotations=("default", "off")))
    assert "rotation as the environment has it" == mixed[0]
    assert "mean primary_matched /20" == run_lines(rows, Frame((PAIR,), PAIR, 20, 1))[0]


def test_few_functions_hide_no_drift() -> None:
    """Where no test could show anything: what the reference has otherwise at the end, or in a later session."""
    low, names = KVPair("q4_0", "q4_0"), "fghij"
    flat = [row(name, ctk=pair.ctk, ctv=pair.ctv, session="a") for pair in (PAIR, low) for name in names]
    frame = Frame((PAIR, low), PAIR, 20, 5)
    last = [row(name, 16, ctk="q8_0", ctv="q4_0", session="a", replicate=1) for name in names]
    later = [row(name, 16, ctk="q8_0", ctv="q4_0", session="b") for name in names]

    def told(more: list[dict[str, Any]]) -> str:
        return " ".join(" ".join(run_lines([*flat, *more], frame)).split())

    assert "No verdict: 5 functions cannot settle it, 6 are needed" in told([])
    assert "No verdict: 5 functions" in told([{**one, "primary_matched": 20} for one in last])
    assert "Distrust this grid: the server may have drifted, q8_0/q4_0 again at the end: -4.00 lines" in told(last)
    assert "in session 2 -4.00 lines" in told(later)
