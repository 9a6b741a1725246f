"""Shards of one sweep become one run; runs of different sweeps do not."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.core.kv_types import grid_pairs
from pytest_codeneedle.runs.merging import merged
from pytest_codeneedle.sweep.shards import Shard

IDENTITY = {"corpus_sha256": "c" * 64, "model_sha256": "m" * 64, "server_version": "embedded 1", "lines": 20}


ADDED = [("q8_0", ""), ("q4_0", "--rope-scale 8")]


def about(*pairs: str, **more: Any) -> dict[str, Any]:
    """run.json of a shard with these pairs."""
    facts: dict[str, Any] = {
        "corpus": "tiny",
        "corpus_sha256": "c" * 64,
        "server_build": "b1",
        "pass": 8,
        "relax_indent": True,
        "asked": ["f", "g"],
        "key": "k",
        "identity": IDENTITY,
        "started": "2026-01-02",
        "ended": "2026-01-03",
        "wall_seconds": 1.5,
        "shard": "1/2",
        "pairs": list(pairs),
        "cells": list(pairs),
        "functions": [{"name": "f"}, {"name": "g"}],
        "machine": {"cores": 2},
    }
    return {**facts, **more}


def row(pair: str, function: str, outcome: str = "passed", **more: Any) -> dict[str, Any]:
    """A row of a shard."""
    ctk, ctv = pair.split("/")
    return {"ctk": ctk, "ctv": ctv, "replicate": 0, "function": function, "outcome": outcome, **more}


def without_sessions(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows but for the sessions that they got."""
    return [{key: value for key, value in one.items() if key != "session"} for one in rows]


def test_each_session_keeps_its_answers() -> None:
    """Two machines asked the reference, and one cell each; sessions of older versions, named by their time, are two."""
    reference, named = {"reference": "bf16/bf16"}, "20260101T000000Z-aaaaaa"
    runs = [
        ("s1", about("q4_0/q4_0", **reference), [row("bf16/bf16", "f", session=named), row("q4_0/q4_0", "f")]),
        ("s2", about("q8_0/q4_0", **reference), [row("bf16/bf16", "f"), row("q8_0/q4_0", "f", n=1)]),
        ("s3", about("q8_0/q4_0", **reference), [row("bf16/bf16", "f"), row("q8_0/q4_0", "f", n=2)]),
    ]

    assert [
        ("bf16", named, None),
        ("q4_0", "unknown-run-1", None),
        ("bf16", "unknown-run-2", None),
        ("q8_0", "unknown-run-2", 1),
        ("bf16", "unknown-run-3", None),
        ("q8_0", "unknown-run-3", 2),
    ] == [(one["ctk"], one["session"], one.get("n")) for one in merged(runs)[1]]


def test_the_calibration_that_recalled_least_counts() -> None:
    """Each shard has its own: one that was floored is not hidden by the others."""
    found = [{"passed": True, "share": 1.0}, {"passed": False, "share": 0.4}, {"passed": True, "share": 0.9}]
    runs = [(f"s{at}", about("q8_0/q4_0", calibration=one), []) for at, one in enumerate(found)]

    assert found[1] == merged(runs)[0]["calibration"]


def test_shards_are_joined() -> None:
    """All pairs in grid order, all rows, the times together; each shard is named."""
    first = ("s1", about("q4_0/q4_0"), [row("q4_0/q4_0", "f"), row("q4_0/q4_0", "g")])
    second = ("s2", about("q8_0/q4_0", started="2026-01-01", shard="2/2"), [row("q8_0/q4_0", "f", "failed")])
    joined, rows = merged([first, second])

    assert ["q8_0/q4_0", "q4_0/q4_0"] == joined["pairs"]
    assert [*first[2], *second[2]] == without_sessions(rows)
    assert {"passed": 2, "failed": 1, "error": 0} == joined["outcomes"]
    assert ("2026-01-01", "2026-01-03", 3.0, None) == tuple(
        joined[key] for key in ("started", "ended", "wall_seconds", "shard")
    )
    assert [("s1", "1/2"), ("s2", "2/2")] == [(one["run"], one["shard"]) for one in joined["merged"]]


def test_passes_and_rotations_are_joined() -> None:
    """The most passes and all rotations; an item differs by both. An older run does not say: once, by default."""
    rows = [row("q8_0/q4_0", "f"), row("q8_0/q4_0", "f", replicate=1), row("q8_0/q4_0", "f", rotation="off")]
    runs = [
        ("s1", about("q8_0/q4_0"), rows[:1]),
        ("s2", about("q8_0/q4_0", repeat=2, rotations=["off"], cells=["q8_0/q4_0:rot-off"]), rows[1:]),
    ]
    joined, all_rows = merged(runs)

    assert (2, ["default", "off"]) == (joined["repeat"], joined["rotations"])
    assert ["q8_0/q4_0", "q8_0/q4_0:rot-off"] == joined["cells"]
    assert rows == without_sessions(all_rows)


@pytest.mark.parametrize(
    ("part", "other", "said"),
    [
        pytest.param("identity", {**IDENTITY, "model_sha256": "n" * 64}, "model_sha256 was mmmmmmmm", id="model"),
        pytest.param(
            "identity", {**IDENTITY, "server_version": "embedded 2"}, "server_version was embedded 1", id="version"
        ),
        pytest.param("identity", {**IDENTITY, "lines": 10}, "lines was 20, is 10", id="questions"),
        pytest.param("corpus_sha256", "d" * 64, "corpus_sha256 was", id="corpus"),
        pytest.param("server_build", "b2", "server_build was b1, is b2", id="build"),
        pytest.param("pass", 16, "pass was 8, is 16", id="judgement"),
        pytest.param("asked", ["f"], "asked was f g, is f", id="functions"),
    ],
)
def test_runs_that_differ_are_refused(part: str, other: object, said: str) -> None:
    """The message names both runs and the part that differs."""
    with pytest.raises(RunFolderError, match=f"^s2 cannot be joined with s1: .*{said}"):
        merged([("s1", about("q8_0/q4_0"), []), ("s2", about("q4_0/q4_0", **{part: other}), [])])


def test_other_added_arguments_are_refused() -> None:
    """A fixture of the user's added them on one machine, and run.json does not know."""
    runs = [(name, about(f"{name}/q4_0"), [row(f"{name}/q4_0", "f", added_args=added)]) for name, added in ADDED]
    with pytest.raises(RunFolderError, match="q4_0 cannot be joined with q8_0: added_args was none, is --rope-scale 8"):
        merged(runs)


def test_what_one_part_hides_the_whole_hides() -> None:
    """Redacted where one is, embedded where all are; older runs say nothing of it."""
    said = about("q4_0/q4_0", redact=True, embed_source=True)
    joined, _ = merged([("s1", said, []), ("s2", about("q8_0/q4_0", shard="2/2"), [])])
    assert (True, False) == (joined["redact"], joined["embed_source"])
    both, _ = merged([("s1", said, []), ("s2", {**said, "shard": "2/2"}, [])])
    assert (True, True) == (both["redact"], both["embed_source"])


def test_the_calibration_is_that_of_the_shard_with_the_reference() -> None:
    """Whichever shard comes first; where no shard has it, nobody knows; older runs say nothing."""
    passed, unknown = {"passed": True, "share": 1.0}, {"passed": None, "reason": "in another shard"}

    def joined(*found: dict[str, Any] | None) -> Any:
        runs = [
            (f"s{at}", about(f"{pair}/q4_0", **({"calibration": one} if one else {})), [row(f"{pair}/q4_0", "f")])
            for at, (pair, one) in enumerate(zip(("q4_0", "q8_0"), found, strict=True))
        ]
        return merged(runs)[0].get("calibration")

    assert passed == joined(unknown, passed) == joined(passed, unknown)
    assert unknown == joined(unknown, unknown)
    assert joined(None, None) is None


def test_another_machine_is_said() -> None:
    """Shards are what several machines asked: they are joined, their rows count, and what differs is kept."""
    machines = [{**IDENTITY, "machine": {"cpu": cpu}} for cpu in "AB"]
    runs = [
        (f"s{at}", about(pair, key=f"k{at}", identity=machines[at]), [row(pair, "f", key=f"k{at}")])
        for at, pair in enumerate(("q8_0/q4_0", "q4_0/q4_0"))
    ]
    joined, rows = merged(runs)

    assert [None, ["machine cpu was A, is B"]] == [one.get("differs") for one in joined["merged"]]
    assert ["k0", "k0"] == [one["key"] for one in rows]


def test_one_run_is_not_merged() -> None:
    """It is merged already."""
    with pytest.raises(RunFolderError, match="two runs or more"):
        merged([("s1", about("q8_0/q4_0"), [])])


def test_runs_without_an_identity_are_refused() -> None:
    """Imported ones do not say what their answers depend on."""
    plain = about("q8_0/q4_0")
    del plain["identity"]
    with pytest.raises(RunFolderError, match="has no identity"):
        merged([("s1", plain, []), ("s2", plain, [])])


def test_an_answer_counts_before_an_error() -> None:
    """Of one item of a session that several runs have: the last answer, in whichever; an ERROR where there is none."""
    session = {"session": "20260101T000000Z-aaaaaa"}
    runs = [
        (
            "s1",
            about("q8_0/q4_0"),
            [row("q8_0/q4_0", "f", **session, n=1), row("q8_0/q4_0", "g", "error", **session, n=1)],
        ),
        (
            "s2",
            about("q8_0/q4_0"),
            [row("q8_0/q4_0", "f", "error", **session, n=2), row("q8_0/q4_0", "g", "error", **session, n=2)],
        ),
        ("s3", about("q8_0/q4_0"), [row("q8_0/q4_0", "f", **session, n=3)]),
    ]

    assert {("f", "passed", 3), ("g", "error", 2)} == {(r["function"], r["outcome"], r["n"]) for r in merged(runs)[1]}


def test_answers_that_contradict_each_other_all_count() -> None:
    """In whichever order the runs are given: each beside the reference of its own session."""
    facts = about("bf16/bf16", "q4_0/q4_0", reference="bf16/bf16")
    runs = [
        (name, facts, [row(pair, "f", session=f"2026010{at}T000000Z-aaaaaa") for pair in ("bf16/bf16", "q4_0/q4_0")])
        for at, name in enumerate(("s1", "s2"))
    ]
    first, second = (merged(of)[1] for of in (runs, runs[::-1]))
    assert 4 == len(first)
    assert sorted(first, key=str) == sorted(second, key=str)


@given(st.integers(1, 6), st.integers(0, 1000))
def test_merging_shards_in_any_order_is_the_whole(count: int, seed: int) -> None:
    """The pairs, their order and the rows are those of a run that was never cut up."""
    pairs = grid_pairs(("q8_0", "q4_0"), ("bf16", "q8_0", "q4_0"))
    shards = [Shard(number, count).of(pairs) for number in range(1, count + 1)]
    runs = [
        (f"s{at}", about(*map(str, part)), [row(str(pair), name) for pair in part for name in "fg"])
        for at, part in enumerate(shards)
    ]
    random.Random(seed).shuffle(runs)
    joined, rows = merged([*runs, runs[0]] if count == 1 else runs)

    assert [str(pair) for pair in grid_pairs(("q8_0", "q4_0"), ("bf16", "q8_0", "q4_0"))] == sorted(
        joined["pairs"], key=[str(pair) for pair in pairs].index
    )
    assert {(str(pair), name) for pair in pairs for name in "fg"} == {
        (f"{r['ctk']}/{r['ctv']}", r["function"]) for r in rows
    }
