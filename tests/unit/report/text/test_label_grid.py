"""Labels under the grid, and grids of what ran on or was confused."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, KVPair, grid_pairs, parse_pair
from pytest_codeneedle.recall.labels import LABELS
from pytest_codeneedle.report.text.grids import FLAGS, flag_grids, flag_lines, label_lines
from pytest_codeneedle.runs.grid import make_grid, matched_lines

PAIRS = grid_pairs(DEFAULT_TYPES, DEFAULT_TYPES)
Q8, Q4 = KVPair("q8_0", "q8_0"), KVPair("q4_0", "q4_0")


def row(pair: str, function: str, label: str | None = None, **more: object) -> dict[str, Any]:
    """A result as it is stored."""
    ctk, ctv = pair.split("/")
    outcome = "error" if label in LABELS[-3:] else "passed"
    facts = {"ctk": ctk, "ctv": ctv, "function": function, "label": label, "outcome": outcome, "primary_matched": 20}
    return {**facts, **more}


def counted(lines: list[str]) -> dict[str, Counter[str]]:
    """What label lines say, read back."""
    cells: dict[str, list[str]] = {}
    for line in lines[1:]:
        if not line.startswith(" "):
            name, line = line.split(maxsplit=1)  # noqa: PLW2901 - the name stands before the first of its lines
            cells[name] = []
        cells[name].append(line.strip())
    pattern = rf"(\d+) ({'|'.join(LABELS)})\b(?!-)"
    return {
        name: Counter({label: int(count) for count, label in re.findall(pattern, " ".join(said))})
        for name, said in cells.items()
    }


def test_labels_are_counted_per_cell_in_the_order_of_the_grid() -> None:
    """Rows from the most precise K down, V across; within a cell the labels have their own order."""
    rows = [
        row("q4_0/bf16", "a", "garbled"),
        row("bf16/q4_0", "a", "run-on"),
        row("q8_0/q4_0", "a", "confused", confused_with="parse_request"),
        row("q8_0/q4_0", "b", "shifted"),
        row("q8_0/q4_0", "c", "shifted"),
        row("q8_0/q4_0", "d"),
        row("q8_0/bf16", "a", "empty"),
        row("bf16/bf16", "a"),
    ]

    assert [
        "labels",
        "bf16/q4_0    1 run-on",
        "q8_0/bf16    1 empty",
        "q8_0/q4_0    2 shifted, 1 confused (with parse_request)",
        "q4_0/bf16    1 garbled",
    ] == label_lines(rows, PAIRS)


@pytest.mark.parametrize("pairs", [[], PAIRS])
def test_without_a_label_there_is_nothing(pairs: list[KVPair]) -> None:
    """Also where rows are older than labels, or there are no rows."""
    old = row("bf16/bf16", "b")
    del old["label"]

    assert [] == label_lines([], pairs)
    assert [] == label_lines([row("bf16/bf16", "a"), old], pairs)


def test_the_last_row_of_an_item_counts_and_replicates_do_not() -> None:
    """As in the grid above."""
    rows = [
        row("q8_0/q8_0", "a", "empty"),
        row("q8_0/q8_0", "a", "shifted"),
        row("q8_0/q8_0", "b", "shifted"),
        row("q8_0/q8_0", "b"),
        row("q8_0/q8_0", "c", "garbled", replicate=1),
    ]

    assert ["labels", "q8_0/q8_0    1 shifted"] == label_lines(rows, [Q8])


def test_results_that_were_not_planned_are_shown() -> None:
    """A stored run is shown whole; pairs of the widest name set the column."""
    rows = [row("f16/f16", "a", "shifted"), row("q4_0/q4_0", "a", "shifted")]

    assert ["labels", "f16/f16      1 shifted", "q4_0/q4_0    1 shifted"] == label_lines(rows, [Q8])
    assert ["labels", "f16/f16    1 shifted"] == label_lines(rows[:1], [])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([None], "1 confused"),
        (["a"], "1 confused (with a)"),
        (["b", "a", "b"], "3 confused (with b, a)"),
        (["a", "b", "c"], "3 confused (with a, b, c)"),
        (["a", "b", "c", "d", "e"], "5 confused (with a, b, c and 2 more)"),
        (["n" * 40], f"1 confused (with {'n' * 40})"),
        (["n" * 41], f"1 confused (with {'n' * 37}...)"),
    ],
)
def test_functions_that_answers_were_confused_with_are_named(names: list[str | None], said: str) -> None:
    """Each once, the first three of them, and none at more than 40 characters."""
    rows = [row("q8_0/q8_0", str(at), "confused", confused_with=name) for at, name in enumerate(names)]
    # It reads like another function, too, but that is not what happened to it.
    rows.append(row("q4_0/q4_0", "other", "re-indented", confused_with="z"))

    assert ["labels", f"q8_0/q8_0    {said}", "q4_0/q4_0    1 re-indented"] == label_lines(rows, [Q8])


def test_a_cell_with_much_to_say_takes_more_lines() -> None:
    """They stand under each other, and no count is parted from its label."""
    rows = [row("q8_0/q8_0", f"{label}{at}", label) for label in LABELS for at in range(11)]
    rows += [row("q8_0/q8_0", f"c{at}", "confused", confused_with=letter * 50) for at, letter in enumerate("abcd")]
    a, b, c = (f"{letter * 37}..." for letter in "abc")

    assert [
        "labels",
        "q8_0/q8_0    11 truncated, 11 run-on, 11 re-indented, 11 shifted, 15 confused",
        f"             (with {a},",
        f"             {b},",
        f"             {c} and 1 more),",
        "             11 paraphrased, 11 garbled, 11 refused, 11 empty, 11 thinking-only",
    ] == label_lines(rows, [Q8])


def test_a_label_of_a_later_version_is_shown_last() -> None:
    """It is no perfect answer, whatever it means."""
    rows = [row("q8_0/q8_0", name, name) for name in ("zapped", "empty", "asleep")]

    assert ["labels", "q8_0/q8_0    1 empty, 1 asleep, 1 zapped"] == label_lines(rows, [Q8])


names = st.text(st.characters(codec="ascii", categories=["L", "N", "Pc"]), min_size=1, max_size=90)
labelled = st.tuples(st.sampled_from(PAIRS), st.sampled_from("abcdefgh"), st.sampled_from([None, *LABELS]), names)


@given(st.lists(labelled, max_size=120))
def test_no_line_is_too_wide_and_all_is_counted(results: list[tuple[KVPair, str, str | None, str]]) -> None:
    """At most 80 columns, one entry for each cell that has a label, and the counts are those of the rows."""
    rows = [row(str(pair), name, label, confused_with=other) for pair, name, label, other in results]
    lines = label_lines(rows, PAIRS)
    last = {(str(pair), name): label for pair, name, label, _ in results}
    expected: dict[str, Counter[str]] = {}
    for (pair, _), label in last.items():
        if label:
            expected.setdefault(pair, Counter())[label] += 1
    said = counted(lines)

    assert all(len(line) <= 80 and line == line.rstrip() for line in lines)
    assert expected == said
    assert sorted(said, key=lambda name: PAIRS.index(parse_pair(name))) == list(said)


def test_flags_are_counted_in_grids() -> None:
    """The table of the other grids: how many answers of each cell ran on, and were confused."""
    rows = [
        row("q8_0/q8_0", "a", run_on=True, confused_with=None),
        row("q8_0/q8_0", "b", run_on=True, confused_with="a"),
        row("q8_0/q8_0", "c", run_on=False, confused_with=None),
        row("q4_0/q4_0", "a", "empty"),
    ]

    assert [
        "answers that ran on",
        "ctk\\ctv    q8_0    q5_0    q4_0",
        "q8_0          2       -       -",
        "q5_0          -     err       -",
        "q4_0          -       -     err",
        "",
        "answers confused with another function",
        "ctk\\ctv    q8_0    q5_0    q4_0",
        "q8_0          1       -       -",
        "q5_0          -     err       -",
        "q4_0          -       -     err",
    ] == flag_grids(iter(rows), iter([Q8, KVPair("q5_0", "q5_0"), Q4]))


def test_a_flag_is_that_of_the_last_row_of_an_item() -> None:
    """Rows that lack it have it not."""
    rows = [row("q8_0/q8_0", "a", run_on=True), row("q8_0/q8_0", "a"), row("q8_0/q8_0", "b", run_on=True, replicate=1)]

    assert ["q8_0          0"] == flag_lines(rows, [Q8], "run_on")[2:]


@pytest.mark.parametrize("key", FLAGS)
@given(st.lists(st.tuples(st.sampled_from(PAIRS), st.sampled_from("abcd"), st.sampled_from([None, "", "f"]))))
def test_flag_grids_have_the_shape_of_the_grid(key: str, results: list[tuple[KVPair, str, str | None]]) -> None:
    """The same rows, columns and gaps, whatever was asked."""
    rows = [row(str(pair), name, **{key: flag}) for pair, name, flag in results]
    title, *lines = flag_lines(rows, PAIRS[:3], key)
    grid = matched_lines(make_grid(rows, PAIRS[:3]))

    assert FLAGS[key] == title
    assert [re.sub(r"\d+\.\d\d$|\d+\.\d\d(?= )", "#", line).split() for line in grid[1:]] == [
        re.sub(r"(?<= )\d+(?= |$)", "#", line).split() for line in lines[1:]
    ]
    assert grid[0] == lines[0]
    flagged = {(pair, name): bool(flag) for pair, name, flag in results}
    assert sum(flagged.values()) == sum(int(text) for text in " ".join(lines[1:]).split() if text.isdigit())
