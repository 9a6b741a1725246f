"""What to distrust in a run."""

from __future__ import annotations

from typing import Any

from stored_runs import about, row

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.report.text.cautions import added_args, cautions, distrusted, thoughts
from pytest_codeneedle.runs.design import Frame
from pytest_codeneedle.runs.grid import View

FUNCTIONS = [{"name": "f0", "primary": [], "bonus": []}, {"name": "f1", "primary": [], "bonus": []}]
CELLS = ["bf16/bf16", "q4_0/q4_0"]


def run(**more: Any) -> dict[str, Any]:
    """run.json of two cells of two functions."""
    return about(**{"pairs": CELLS, "cells": CELLS, "functions": FUNCTIONS, **more})


def rows(**more: Any) -> list[dict[str, Any]]:
    """All answered; `more` is in every row of q4_0/q4_0."""
    verified = {"log_ctk": "as asked"}
    return [
        row(cell, name, 20, **verified, **(more if cell == CELLS[1] else {})) for cell in CELLS for name in ("f0", "f1")
    ]


def said(of_rows: list[dict[str, Any]], **more: Any) -> list[str]:
    """All cautions of that run."""
    facts = run(**more)
    return cautions(facts, of_rows, Frame.of(facts))


def test_nothing_is_said_of_a_clean_run() -> None:
    """A page has no empty warning."""
    assert [] == said(rows())


def test_cells_that_are_not_what_they_say() -> None:
    """Each with what its server's log says."""
    assert ["not what it says: q4_0/q4_0: no kernel"] == distrusted(rows(fallbacks="no kernel"))


def test_trouble_of_servers_is_named_by_cell() -> None:
    """Whatever the order of the rows."""
    found = [*rows(asked_again=1, prompt_cache="missed"), row("bf16/bf16", "f1", 20, replicate=1, relaunches=2)]
    told = [
        "asked again after a fault (asked_again, relaunches in the rows): bf16/bf16#2, q4_0/q4_0",
        "prompt cache missed, the corpus was read again: q4_0/q4_0",
    ]
    assert told == distrusted(found) == distrusted(found[::-1])


def test_speculation_of_a_fixture_is_named() -> None:
    """Once: what a command or the arguments ask for is known before, and said then."""
    told = ["speculation is off, though a fixture asks for it: --spec-default"]
    assert told == distrusted(rows(speculation_off="--spec-default"))


def test_margins_that_are_left_out_say_why() -> None:
    """With how little told a probability; an answer that told of none at all had nothing to leave out."""
    assert [] == distrusted(rows(margins_told=0.9)) == distrusted(rows(margins_told=None))
    told = "no margins of 2 answers, too little of the expected text told a probability (down to 2%; 90% are needed)"
    assert [f"{told}: q4_0/q4_0"] == distrusted(rows(margins_told=0.02))


def test_drafts_that_came_all_the_same() -> None:
    """A server that a script starts may have them."""
    assert [
        "a second KV cache, as of a draft, is in the log and not counted: q4_0/q4_0 (f16/f16 2.00 MiB)",
        "tokens were drafted, though nothing here asks for it; see how the server starts: q4_0/q4_0",
    ] == distrusted(rows(other_caches="f16/f16 2.00 MiB", drafted=3))


def test_errors_and_what_was_not_asked_are_counted() -> None:
    """Of several rows about one question the last counts, as in the grid."""
    found = [row("bf16/bf16", "f1", None), *rows()[:2], row("q4_0/q4_0", "f0", None)]
    assert [
        "1 question gave no answer to score: q4_0/q4_0",
        "1 of 4 questions were not asked: q4_0/q4_0",
    ] == said(found)
    assert ["2 questions gave no answer to score: bf16/bf16, q4_0/q4_0"] == said(
        [*rows(), row("bf16/bf16", "f1", None, error="f1: empty"), row("q4_0/q4_0", "of another corpus", None)]
    )
    assert ["4 of 4 questions were not asked: bf16/bf16, q4_0/q4_0"] == said([])


def test_a_cell_that_has_no_answer_says_why() -> None:
    """Once for all cells that say the same, without the log."""
    log = ". The last lines of a.log:\nout of memory"
    broken = [row(cell, name, None, error=f"{cell}: it ended{log}") for cell in CELLS for name in ("f0", "f1")]
    assert ["bf16/bf16, q4_0/q4_0: 4 questions without an answer: it ended"] == said(broken)
    many = [row("q4_0/q4_0", f"f{at}", None, error=f"message {at // 2}") for at in range(20)]
    told = said(many, functions=[{"name": f"f{at}"} for at in range(20)], cells=["q4_0/q4_0"])
    assert [f"q4_0/q4_0: 2 questions without an answer: message {at}" for at in range(6)] == told[:6]
    assert ["8 questions gave no answer to score: q4_0/q4_0"] == told[6:]


def test_other_arguments_are_no_one_grid() -> None:
    """From a fixture of the user's."""
    assert ["not one grid, servers had other arguments: '' | '-b 64'"] == said(
        [{**one, "added_args": "-b 64" if one["ctk"] == "q4_0" else ""} for one in rows()]
    )
    assert [] == added_args(rows(added_args="-b 64"))


def test_thinking_that_was_not_let() -> None:
    """Told where it was not; with each rotation by itself."""
    assert ["2 of 4 answers thought all the same; try --kv-think prefill"] == said(rows(thought=True))
    assert [] == said(rows(thought=True), thinking="on")
    assert [] == thoughts(rows(), [KVPair("bf16", "bf16")], View())
    turned = [{**one, "rotation": turn} for turn in ("on", "off") for one in rows(thought=turn == "on")]
    cells = [f"{cell}:rot-{turn}" for turn in ("on", "off") for cell in CELLS]
    assert ["rotation on: 2 of 4 answers thought all the same; try --kv-think prefill"] == said(
        turned, rotations=["on", "off"], cells=cells
    )


def test_types_that_no_log_confirms() -> None:
    """Those of an import, and of an endpoint whose types were told; of one as served none are claimed."""
    bare = [{**one, "log_ctk": None} for one in rows()]
    told = ["no server log confirms these cache types, they are as named: bf16/bf16, q4_0/q4_0"]
    assert told == said(bare)
    served = [{**one, "ctk": "served", "ctv": "served"} for one in bare[:2]]
    assert [] == said(served, pairs=["as-served"], cells=["as-served"], reference="as-served")


def test_parts_of_a_sweep() -> None:
    """A shard, and a quick run that was settled."""
    assert ["part 2/4 of a sweep: codeneedle merge joins it with the others"] == said(rows(), shard="2/4")
    told = "settled after 2 of 7 cells: q4_0/q4_0 WORSE"
    quick = {"stage": 1, "settled": "q4_0/q4_0 WORSE", "said": told}
    assert [f"--kv-quick: {told}"] == said(rows(), quick=quick)
    assert ["--kv-quick: settled after 2 cells: q4_0/q4_0 WORSE"] == said(rows(), quick={**quick, "said": None})
    assert [] == said(rows(), quick={"stage": 3, "settled": None})


def test_a_server_that_did_not_come_up() -> None:
    """Its first line; the log is in the run folder."""
    told = said([], problem="llama-server ended with 1\nlog: ...")
    assert "no server came up: llama-server ended with 1" in told
