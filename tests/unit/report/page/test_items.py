"""The items of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.shareable import shown_text
from pytest_codeneedle.core.text import printable
from pytest_codeneedle.recall.scoring import DiffLine
from pytest_codeneedle.report.page.items import page_items
from pytest_codeneedle.report.page.model import ShownDiff

if TYPE_CHECKING:
    import random

    from pytest_codeneedle.recall.scoring import Tag
    from pytest_codeneedle.report.page.model import PageItem

FUNCTIONS = [{"name": f"f{at}", "primary": [f"line {at}", "end"], "bonus": ["more"]} for at in range(3)]
ABOUT = {"functions": FUNCTIONS, "relax_indent": True}
ROTATIONS = ("default",)


def row(pair: str, function: str, outcome: str = "passed", **more: Any) -> dict[str, Any]:
    """A row as it is stored."""
    ctk, ctv = pair.split("/")
    scored = {"primary_matched": 2, "hallucinated": 1, "run_on": False, "label": None}
    if outcome == "error":
        scored |= {"primary_matched": None, "hallucinated": None}
    facts = {"ctk": ctk, "ctv": ctv, "replicate": 0, "rotation": "default", "function": function, "outcome": outcome}
    return {**facts, **scored, "depth": int(function[1:]) / 4, "response": "wrong", **more}


def one(given_row: dict[str, Any], hidden: tuple[Tag, ...] | None = (), **about: Any) -> PageItem:
    """The item of that row."""
    (item,) = page_items({**ABOUT, **about}, [given_row], ROTATIONS, hidden)
    return item


EVERY = [
    row(pair, function, replicate=replicate, rotation=rotation)
    for pair in ("q4_0/q8_0", "bf16/q4_0", "q8_0/bf16")
    for function in ("f2", "f0", "f1")
    for replicate in (1, 0)
    for rotation in ("off", "on")
]


@given(st.randoms(use_true_random=False))
def test_items_come_in_the_order_of_the_grid(shuffled: random.Random) -> None:
    """Whatever the order in which they arrived: rotation, cell, pass, and the place in the text."""
    rows = list(EVERY)
    shuffled.shuffle(rows)
    found = page_items(ABOUT, rows, ("on", "off"), ())
    places = list(dict.fromkeys(item.place for item in found))
    assert [
        f"{pair}:rot-{rotation}{number}"
        for rotation in ("on", "off")
        for pair in ("bf16/q4_0", "q8_0/bf16", "q4_0/q8_0")
        for number in ("", "#2")
    ] == places
    assert ["f0", "f1", "f2"] * len(places) == [item.function for item in found]


def test_rotation_and_pass_stand_by_themselves() -> None:
    """Not within the name of a type."""
    found = page_items(ABOUT, EVERY, ("on", "off"), ())
    turns = [f"rotation {rotation}, pass {number}" for rotation in ("on", "off") for number in (1, 2)]
    assert {"bf16", "q8_0", "q4_0"} == {item.ctv for item in found}
    assert turns == sorted({item.turn for item in found}, key=turns.index)
    assert "pass 1" == one(row("q8_0/q4_0", "f1")).turn


def test_a_failed_item_has_a_diff() -> None:
    """And no other."""
    failed = one(row("q8_0/q4_0", "f1", "failed", label="garbled", response="line 1\nwrong", predicted_ms=1500.0))
    assert failed.diff is not None
    assert [
        DiffLine("matched", "line 1"),
        DiffLine("missing", "end"),
        DiffLine("hallucinated", "wrong"),
    ] == list(failed.diff.lines)
    assert ("failed", "q8_0", "q4_0", "q8_0/q4_0", "f1", 0.25, 2, 1, False, "garbled", 1.5, "") == (
        *(failed.outcome, failed.ctk, failed.ctv, failed.place, failed.function, failed.depth),
        *(failed.matched, failed.hallucinated, failed.run_on, failed.label, failed.seconds, failed.error),
    )
    assert one(row("q8_0/q4_0", "f1")).diff is None
    assert one(row("q8_0/q4_0", "f1", "error", error="broken")).diff is None


def test_what_is_hidden_is_in_no_diff() -> None:
    """Of private code; redacted there is no line at all, and it says why."""
    failed = row("q8_0/q4_0", "f1", "failed", response="line 1\nsecret")
    hidden = one(failed, ("hallucinated", "bonus"))
    assert hidden.diff is not None
    assert "secret" not in str(hidden.diff)
    assert "1 hallucinated line not shown" in hidden.diff.left_out
    assert ShownDiff((), "lines are not shown: --kv-redact") == one(failed, None).diff
    assert ShownDiff((), "lines are not shown: --redact") == one(failed, None, redacted_by="--redact").diff


@pytest.mark.parametrize(
    ("about", "more"),
    [
        ({"functions": []}, {}),
        ({"functions": [{"name": "f1"}]}, {}),
        ({"functions": None}, {}),
        ({}, {"response": None}),
    ],
)
def test_what_was_not_kept_cannot_be_shown(about: dict[str, Any], more: dict[str, Any]) -> None:
    """The lines of an archived private run, or its answers."""
    assert one(row("q8_0/q4_0", "f1", "failed", **more), **about).diff is None


def test_an_error_says_what_went_wrong() -> None:
    """Without a score; its paths by their last names, its codes as text."""
    broken = one(row("q8_0/q4_0", "f1", "error", error="no server: /home/me/bin/x\n\x1b[31mred <b>"))
    assert "no server: x\n\\x1b[31mred <b>" == broken.error
    assert (None, None, None, None) == (broken.matched, broken.hallucinated, broken.run_on, broken.seconds)
    assert "" == one(row("q8_0/q4_0", "f1", "error")).error


@pytest.mark.parametrize("hidden", [None, ("hallucinated", "bonus")])
def test_the_error_of_private_code_is_its_first_line(hidden: tuple[Tag, ...] | None) -> None:
    """A log may quote a prompt, a traceback the values that it holds."""
    text = "q8_0/q4_0: the server ended. The last lines of a.log:\nprompt: secret()"
    assert "q8_0/q4_0: the server ended" == one(row("q8_0/q4_0", "f1", "error", error=text), hidden).error
    assert "secret()" in one(row("q8_0/q4_0", "f1", "error", error=text)).error


def test_the_last_row_about_a_question_counts() -> None:
    """As in the grid."""
    rows = [row("q8_0/q4_0", "f1", "failed"), row("q8_0/q4_0", "f1")]
    assert ["passed"] == [item.outcome for item in page_items(ABOUT, rows, ROTATIONS, ())]


def test_rows_of_other_programs_and_older_versions() -> None:
    """No depth is last, a run-on that was not recorded is seen in the answer, a time that nobody took is none."""
    bare = {"ctk": "served", "ctv": "served", "outcome": "passed", "primary_matched": 2}
    rows = [
        {**bare, "function": "unknown", "response": ""},
        {**bare, "function": "f0", "response": "line 0\nend", "depth": 0.9},
        {**bare, "function": "f1", "response": "line 1\nend\nmore and more\n", "depth": 0.1},
        {**bare, "function": "f2"},
    ]
    found = page_items(ABOUT, rows, ROTATIONS, ())
    assert ["f1", "f0", "f2", "unknown"] == [item.function for item in found]
    assert [True, False, None, None] == [item.run_on for item in found]
    assert {("as-served", None, "", None)} == {
        (item.place, item.seconds, item.label, item.hallucinated) for item in found
    }


@given(st.text())
def test_names_of_functions_are_text(name: str) -> None:
    """A file of another program may name what it likes."""
    assert printable(name) == one({**row("q8_0/q4_0", "f0"), "function": name}).function


def test_a_long_error_keeps_both_ends() -> None:
    """What it says, and the end of the log."""
    text = "\n".join(f"line {at}" for at in range(1000))
    lines = shown_text(text).split("\n")
    assert ("line 0", "line 999", "... 900 more lines", 101) == (lines[0], lines[-1], lines[50], len(lines))
    assert text[:300] == shown_text(text[:300])
    assert "" == shown_text("")


def test_a_line_of_a_megabyte_is_cut() -> None:
    """Before anything is looked for in it."""
    assert "x" * 400 + " ... 999600 more characters" == shown_text("x" * 1_000_000)
    assert "no server: x\\x00" == shown_text("no server: /home/me/x\0")


def test_each_session_that_asked_has_an_item() -> None:
    """The reference is asked in each; an ERROR that a later one made good is none."""
    rows = [
        row("bf16/bf16", "f0", primary_matched=20, session="a"),
        row("q8_0/q8_0", "f0", "error", session="a"),
        row("q8_0/q8_0", "f0", primary_matched=12, session="b"),
        row("bf16/bf16", "f0", primary_matched=19, session="b"),
    ]

    items = page_items(ABOUT, rows, ROTATIONS, ())
    assert [
        ("bf16/bf16 in session 1", "pass 1, session 1", 20),
        ("bf16/bf16", "pass 1, session 2", 19),
        ("q8_0/q8_0", "pass 1, session 2", 12),
    ] == [(item.place, item.turn, item.matched) for item in items]
