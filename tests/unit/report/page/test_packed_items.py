"""What a page's script is given: laws of the packing, and what becomes of text that is no friend."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pages_made
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.text import printable
from pytest_codeneedle.recall.scoring import aligned_diff
from pytest_codeneedle.report.page.model import ShownDiff
from pytest_codeneedle.report.page.packed_items import (
    MARKS,
    NO_ROOM,
    as_script,
    expected_lines,
    key,
    packed,
    packed_diff,
)

TEXTS = st.text(max_size=8)
LINES = st.lists(st.sampled_from(["a", "b", " b", "c", "", "</script>"]), min_size=1, max_size=8)


def unpacked(lines: list[Any], expected: list[str]) -> list[tuple[str, str]]:
    """What the script makes of a packed diff."""
    told = []
    for line in lines:
        mark, what = (0, line) if isinstance(line, int) else line
        told.append((MARKS[mark], expected[what] if isinstance(what, int) else what))
    return told


@given(primary=LINES, answers=st.lists(LINES, min_size=1, max_size=4), relax=st.booleans())
def test_a_diff_is_what_it_was(primary: list[str], answers: list[list[str]], relax: bool) -> None:
    """However many answers share the lines that were expected, and whatever their indentation."""
    diffs = [
        ShownDiff(tuple(aligned_diff(primary, ["bonus"], "\n".join(one), relax_indent=relax)), "") for one in answers
    ]
    items = [pages_made.item(1, pages_made.PAIRS[at], "failed", diff=diff) for at, diff in enumerate(diffs)]
    (expected,) = expected_lines(items).values()

    for diff in diffs:
        seen = [(line.tag, printable(line.text)) for line in diff.lines]
        assert seen == unpacked(packed_diff(diff, expected), expected)


@given(value=st.recursive(TEXTS, lambda inside: st.lists(inside) | st.dictionaries(TEXTS, inside), max_leaves=9))
def test_json_within_a_script_is_only_json(value: object) -> None:
    """Nothing in it ends or begins an element, and it reads back as it was."""
    written = as_script(value)

    assert not set("<>&\u2028\u2029") & set(written)
    assert value == json.loads(written)


def test_items_point_into_lists() -> None:
    """Columns are as long as the items, and each number finds what it stands for."""
    section = pages_made.section()
    (pack,) = packed([section])
    columns = pack["columns"]

    assert {len(section.items)} == {len(column) for column in columns.values()}
    at = next(at for at, item in enumerate(section.items) if item.outcome == "failed")
    item = section.items[at]
    assert [item.ctk, item.ctv, item.place, item.turn] == pack["cells"][columns["cell"][at]]
    assert [item.function, item.depth] == pack["functions"][columns["function"][at]]
    assert "wrong-lines" == pack["texts"][columns["label"][at]]
    lines, left_out = pack["diffs"][columns["diff"][at]]
    assert item.diff is not None
    assert left_out == item.diff.left_out
    assert [(line.tag, line.text) for line in item.diff.lines] == unpacked(lines, pack["expected"][item.function])
    assert ["bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"] == pack["types"]


def test_every_cell_has_its_first_diffs() -> None:
    """Where there is no room for all, none is left without while another has many; with no budget all are there."""
    items = tuple(pages_made.item(at, pair, "failed") for pair in pages_made.PAIRS for at in range(16))
    section = pages_made.section(items=items)
    (all_of_them,) = packed([section], budget=None)
    (some,) = packed([section], budget=40_000)

    assert list(range(len(items))) == sorted(all_of_them["columns"]["diff"])
    there = dict.fromkeys(range(36), 0)
    for cell, diff in zip(some["columns"]["cell"], some["columns"]["diff"], strict=True):
        there[cell] += diff != NO_ROOM
    assert 1 <= min(there.values()) <= max(there.values()) <= min(there.values()) + 1
    assert len(as_script(some["diffs"])) < 40_000


def test_the_budget_is_that_of_the_page() -> None:
    """What one corpus takes the next one does not have."""
    section = pages_made.section()
    _, second = packed([section, section], budget=len(as_script(packed([section], budget=None)[0]["diffs"])) + 20_000)

    assert NO_ROOM in second["columns"]["diff"]


def test_text_is_printable() -> None:
    """Names, labels, errors and lines have no control and no bidirectional character left; errors keep their lines."""
    (pack,) = packed([pages_made.hostile_section()])
    written = json.dumps(pack, ensure_ascii=False)

    assert not set("\x1b\x00\u202e\u2066\u2028") & set(written)
    error = next(text for text in pack["texts"] if text.startswith("ServerStartError"))
    assert r"log: \x1b[31mred\x1b[0m \x00 \u202e" in error.split("\n")[1]


def test_a_key_is_that_of_the_page() -> None:
    """Of the same characters that the script sees."""
    item = replace(pages_made.item(1, ("q8_0", "q4_0")), function="a\x1b|b", place="q8_0/q4_0#2")

    assert r"tiny|q8_0/q4_0#2|a\x1b|b" == key("tiny", item)
