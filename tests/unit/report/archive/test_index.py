"""Summaries -> the index: order of builds, runs that went on, histories of the same questions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.report.archive.index import build_order, index_data, short_build, superseded

Cells = dict[str, float | None]


def made(name: str = "a", build: str = "b1", day: int = 1, **more: Any) -> dict[str, Any]:
    """A summary as archive_summary makes it."""
    cells: Cells = more.pop("cells", {"bf16/bf16": 20.0, "q4_0/q4_0": 12.0})
    functions = more.pop("functions", 6)
    grids = [
        {
            "rotation": rotation,
            "title": "" if rotation == "default" else f"rotation {rotation}",
            "word": "WORSE",
            "sentences": ["Yes."],
            "mean": 16.0,
            "worst": {"pair": "q4_0/q4_0", "matched": 12.0, "difference": -8.0},
            "low": "q4_0/q4_0",
            "cells": {
                pair: {"matched": mean, "scored": functions, "passed": 6.0, "errors": 0, "margin": None}
                for pair, mean in cells.items()
            },
        }
        for rotation in more.pop("rotations", ["default"])
    ]
    return {
        "id": name,
        "started": f"2026-01-{day:02}T00:00:00+0000",
        "seconds": day * 86400.0,
        "ended": "",
        "model": "model",
        "model_sha256": "a" * 64,
        "corpus": "tiny",
        "corpus_sha256": "c" * 64,
        "build": build,
        "private": False,
        "answers": True,
        "lines": 20,
        "functions": functions,
        "functions_sha256": f"{functions:012}",
        "questions": {"lines": 20, "prompt": "quoted", "prompt_sha256": None, "indentation": "ignored"},
        "facts": {"rotation": "default"},
        "reference": "bf16/bf16",
        "items": 12,
        "answered": 12,
        "errors": 0,
        "calibration": "",
        "first_answers": {pair: [f"{name}{pair}", functions] for pair in cells},
        "grids": grids,
        **more,
    }


def ids(data: dict[str, Any], at: int = 0) -> list[str]:
    """The runs of a history, in its order."""
    return [data["runs"][place]["id"] for place, _ in data["tracks"][at]["runs"]]


def test_builds_are_in_the_order_of_their_numbers() -> None:
    """b999 is before b6123, however late it was asked; of one build the earlier run comes first."""
    runs = [made("new", "b6123-ab", 1), made("old", "b999-cd", 9), made("again", "b6123-ab", 5)]
    data = index_data(runs)

    assert ["old", "again", "new"] == [run["id"] for run in data["runs"]]
    assert ["old", "new", "again"] == ids(data)


def test_builds_of_several_names_are_in_the_order_of_their_first_runs() -> None:
    """Numbers of different programs say nothing about each other."""
    runs = [made("b", "b9000", 3), made("x1", "xllamacpp 2026.9.1", 1), made("x2", "xllamacpp 2026.10.1", 9)]

    assert ["x1", "x2", "b"] == ids(index_data(runs))


@pytest.mark.parametrize(
    ("build", "order", "short"),
    [
        ("b6123-0ab12cd", ("b", (6123,)), "b6123"),
        ("xllamacpp 2026.10.11549", ("xllamacpp ", (2026, 10, 11549)), "2026.10.11549"),
        ("custom", ("custom", ()), "custom"),
        ("", ("", ()), ""),
        *[(one, ("b", (5873,)), "b5873") for one in ("5873 (abc)", "version: 5873 (abc)", "b5873-abc", "b5873")],
        ("b0-unknown", ("", ()), "b0"),
        ("b" + "9" * 5000, ("b" + "9" * 5000, ()), "b" + "9" * 13),
        ("b1." + "9" * 5000, ("b", (1,)), "b1"),
        ("\u0663\u00b2", ("\u0663\u00b2", ()), "\u0663\u00b2"),
    ],
)
def test_how_a_build_is_read(build: str, order: tuple[str, tuple[int, ...]], short: str) -> None:
    """The first number counts, with its name; a commit's hash has digits too."""
    assert order == build_order(build)
    assert short == short_build(build)


def test_a_build_has_one_place_by_whichever_name() -> None:
    """Those that say none stand apart, by date; nor is anything broken by a number without end."""
    names = ["5874 (abc)", "b5873-abc", "", "version: 5875 (abc)", "b0-unknown", "b5873", "b" + "9" * 5000]
    runs = [made(f"r{at}", name, 9 - at) for at, name in enumerate(names)]

    assert ["r6", "r5", "r1", "r0", "r3", "r4", "r2"] == ids(index_data(runs))


def test_a_run_that_went_on_replaces_what_was_kept_before() -> None:
    """It has the first answers of every cell, and more of them: the older one is in no history."""
    old = made("old", answered=6, first_answers={"bf16/bf16": ["x", 6]})
    new = made("new", first_answers={"bf16/bf16": ["x", 6], "q4_0/q4_0": ["y", 6]})
    data = index_data([old, new])

    assert {"old": "new"} == superseded([new, old]) == superseded([old, new])
    assert ["new"] == ids(data)
    assert {"old": "new", "new": None} == {run["id"]: run["superseded"] for run in data["runs"]}


def test_two_runs_that_began_in_the_same_second_are_two() -> None:
    """Two builds that CI asks side by side; two shards of one sweep."""
    first, second = made("one"), made("two", "b2")
    shards = [made("s1", cells={"bf16/bf16": 20.0}), made("s2", cells={"q4_0/q4_0": 12.0})]

    assert {} == superseded([first, second, *shards])


def test_shards_that_were_joined_are_replaced() -> None:
    """The run that has the answers of all of them counts."""
    shards = [made(f"s{at}", answered=6, first_answers={pair: [f"{at}", 6]}) for at, pair in enumerate("ab")]
    joined = made("joined", first_answers={"a": ["0", 6], "b": ["1", 6]})

    assert {"s0": "joined", "s1": "joined"} == superseded([*shards, joined])


def test_kept_with_and_without_answers_it_is_one_run() -> None:
    """The one with answers to show counts."""
    bare, whole = made("z", answers=False), made("a")
    whole["first_answers"] = {cell: [f"{one}:words" for one in said] for cell, said in bare["first_answers"].items()}

    assert {"z": "a"} == superseded([bare, whole])


def test_runs_with_different_answers_are_two() -> None:
    """Though the first answers are the same: with imported ones nothing else tells them apart. More of them went on."""
    one, other, grown = (
        made(name, answered=len(answers), first_answers={"bf16/bf16": answers})
        for name, answers in (("one", ["a:x", "b:y"]), ("other", ["a:x", "c:z", "d:z"]), ("grown", ["a:x", "b:y", "c"]))
    )
    words = made("words", first_answers={"bf16/bf16": ["a:x", "b:other", "c"]})

    assert {"one": "grown"} == superseded([one, other, grown])
    assert {} == superseded([one, other, words])


def test_a_run_without_an_answer_is_replaced_by_one_that_has_some() -> None:
    """That began when it began."""
    none = made("none", answered=0, first_answers={})

    assert {"none": "some"} == superseded([none, made("some")])
    assert {} == superseded([none, made("later", day=2)])


def test_histories_hold_the_same_questions_alone() -> None:
    """Another text, other lines, other functions: figures that say nothing about each other; each is named apart."""
    runs = [
        *(made("a", day=1), made("b", "b2", day=2)),
        made("text", corpus_sha256="d" * 64, day=3),
        made("fewer", functions=3, day=4),
        made("other", model="other", day=5),
    ]
    data = index_data(runs)

    assert [["a", "b"], ["other"], ["fewer"], ["text"]] == [ids(data, at) for at in range(4)]
    labels = [track["label"] for track in data["tracks"]]
    assert ["tiny, corpus cccccccc, 6 functions", "tiny", "tiny, corpus cccccccc, 3 functions"] == labels[:3]


def test_each_rotation_has_a_history() -> None:
    """Two grids of one run are two things."""
    data = index_data([made("a", rotations=["on", "off"]), made("b", "b2", day=2, rotations=["off"])])

    assert ["tiny, rotation off", "tiny, rotation on"] == [track["label"] for track in data["tracks"]]
    assert [[[1, 1], [0, 0]], [[1, 0]]] == [track["runs"] for track in data["tracks"]]


def test_the_reference_the_low_pair_and_the_worst_cell_are_drawn_first() -> None:
    """Those of the newest run."""
    (track,) = index_data([made("a")])["tracks"]

    assert ["bf16/bf16", "q4_0/q4_0"] == track["pairs"]


def test_text_of_others_is_fit_to_be_seen() -> None:
    """Names with control and bidirectional characters are told apart, and are no commands."""
    run = index_data([made("a", model="\x1b[31m\u202egpj", corpus="</script>")])["runs"][0]

    assert ("\\x1b[31m\\u202egpj", "</script>") == (run["model"], run["corpus"])


@given(st.permutations([made(f"r{at}", f"b{at % 3}", 1 + at % 4) for at in range(6)]))
def test_the_index_does_not_depend_on_the_order_of_adding(runs: list[dict[str, Any]]) -> None:
    """A law: the same runs are the same page."""
    assert json.dumps(index_data(sorted(runs, key=lambda run: run["id"]))) == json.dumps(index_data(runs))
