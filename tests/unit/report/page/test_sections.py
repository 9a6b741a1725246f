"""From a run's rows to the section of a page."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_runs import about
from sweeps import LOW, REFERENCE, frame_of, on_k, rows_of, sweep

from pytest_codeneedle.core.kv_types import AS_SERVED, KVPair
from pytest_codeneedle.report.page.model import CellLine, Mark, Section
from pytest_codeneedle.report.page.sections import hidden_of, page_title, section
from pytest_codeneedle.report.text.run import run_verdicts
from pytest_codeneedle.runs.design import Frame
from pytest_codeneedle.runs.grid import make_grid, matched_lines

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from pytest_codeneedle.report.page.model import GridPart

MIXED = KVPair("bf16", "q4_0")
FOUR = sweep(on_k, pairs=(REFERENCE, MIXED, KVPair("q4_0", "bf16"), LOW))


def facts_of(frame: Frame, **more: Any) -> dict[str, Any]:
    """run.json of that frame."""
    names = [f"f{at}" for at in range(frame.functions)]
    return about(
        pairs=list(map(str, frame.pairs)),
        functions=[{"name": name, "primary": ["line"], "bonus": []} for name in names],
        **more,
    )


def drawn(rows: Sequence[dict[str, Any]], frame: Frame, **more: Any) -> Section:
    """The section of these rows; `more` is of run.json."""
    return section(facts_of(frame, **more), rows, frame, run_verdicts(rows, frame), hidden=())


def part(rows: Sequence[dict[str, Any]], frame: Frame, **more: Any) -> GridPart:
    """Its one grid."""
    (only,) = drawn(rows, frame, **more).parts
    return only


def placed(rows: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    """The rows with depths and a server's log, as those of a session."""
    return [{**row, "depth": int(row["function"][1:]) / 16, "log_ctk": row["ctk"], **more} for row in rows]


def test_a_whole_run() -> None:
    """The verdict on the low pair, its sentences, four pictures, both sides, every cell; figures as printed."""
    rows, frame = placed(rows_of(FOUR)), frame_of(FOUR)
    found = drawn(rows, frame)
    (only,) = found.parts
    judged = run_verdicts(rows, frame)[frame.views[0]]
    assert ("tiny", "model", 20, "", "WORSE") == (found.corpus, found.model, found.lines, only.title, only.word)
    assert judged.said == only.sentences
    assert ["matched", "passes", "depth"] == [heat.key for heat in only.heats]
    assert ("combos 4 | pass 16.00 +/- 0.00 | matched 17.25 +/- 2.75 | range 14.50 - 20.00",) == only.summary[:1]
    k, v = only.sides
    assert ("K", Mark("bf16", 20.0, None, None, None)) == (k.name, k.marks[0])
    assert ("q4_0", 14.5, -5.5) == (k.marks[1].cache_type, k.marks[1].mean, k.marks[1].difference)
    assert (
        "trend over K: recall falls with its bits, p < 0.001; +0.478 lines per bit (95 % +0.454 to +0.502)" == k.trend
    )
    assert Mark("q4_0", 17.25, 0.0, None, None) == v.marks[1]
    assert CellLine("bf16/q4_0", "NOT WORSE", "0.00", "all tied", "1.000") == only.cells[0]
    assert CellLine("q4_0/q4_0", "WORSE", "-5.50", "-5.78 to -5.22", "< 0.001 (declared)") == only.cells[2]
    assert "q4_0/q4_0 was declared, 2 other cells share one level (Holm)" == only.family
    assert 64 == len(found.items)
    assert ("corpus", "tiny, sha256 cccccccccccc") == found.facts[0]
    assert ("", "", ()) == (found.calibration, found.gate, found.cautions)


def test_a_title_tells_corpora_from_models() -> None:
    """Several are joined by another word than the two kinds."""
    assert "KV-cache recall: a and b, model" == page_title(["a", "b", "a"], ["model", "model"])
    assert r"KV-cache recall: a\x1b[31m, m\u202e" == page_title(["a\x1b[31m"], ["m\u202e"])


def test_what_the_session_knows_besides() -> None:
    """The gate's sentence, and what else is to be distrusted, behind what the rows tell."""
    rows, frame = placed(rows_of(FOUR), fallbacks="no kernel"), frame_of(FOUR)
    facts = facts_of(frame)
    found = section(facts, rows, frame, {}, hidden=(), gate="worse than \x1b main", cautions=["a server\x00died"])
    assert "worse than \\x1b main" == found.gate
    assert "not what it says: bf16/bf16: no kernel" == found.cautions[0]
    assert "a server\\x00died" == found.cautions[-1]


def test_the_noise_floor_and_margins_are_said() -> None:
    """The reference's last pass, and the verdict on margins, whose heatmap is there too."""
    rows = placed(rows_of(FOUR), margins="0:6 8:6.5", response="line", margin_mean=6.25)
    again = placed(rows_of({REFERENCE: FOUR[REFERENCE]}), replicate=1)
    only = part([*rows, *again], frame_of(FOUR))
    assert ["matched", "passes", "margins", "depth"] == [heat.key for heat in only.heats]
    assert "A/A: bf16/bf16 again at the end: no line differs" == only.summary[1]
    assert only.summary[2].startswith(
        "margins against bf16/bf16, on the same text of 16 functions: significantly lower in"
    )


def test_each_rotation_has_a_part() -> None:
    """The two share their scales; what the rotation is worth is part of neither."""
    flat = sweep(lambda _pair, _at: 1, pairs=tuple(FOUR))
    rows = placed(rows_of(flat, rotation="on")) + placed(rows_of(FOUR, rotation="off"))
    found = drawn(rows, frame_of(FOUR, rotations=("on", "off")))
    on, off = found.parts
    assert ("rotation on", "rotation off") == (on.title, off.title)
    assert on.heats[0].scale == off.heats[0].scale
    assert ["matched", "passes", "depth"] == [heat.key for heat in on.heats]
    assert ["matched", "passes", "depth"] == [heat.key for heat in off.heats]
    both = found.rotation
    assert both is not None
    (heat,) = both.heats
    assert ("rotation: on - off", "rotation", "+4.50") == (both.title, heat.key, heat.rows[1][1][1].text)
    assert both.sentences[0].startswith("rotation: 3 of 3 cells differ, on - off (paired by function,")
    assert both.sentences[-1].startswith("q4_0/q4_0 +4.50 lines (95 %")
    assert drawn(rows_of(FOUR), frame_of(FOUR)).rotation is None


def test_too_few_functions_for_many_cells_are_said_at_their_table() -> None:
    """As at a terminal: what 8 functions lose in each of 34 cells cannot be significant."""
    cells = sweep(on_k, functions=8)
    only = part(rows_of(cells), frame_of(cells))
    told = "q4_0/q4_0 was declared, 34 other cells share one level (Holm), for which 11 functions are needed"
    assert told == only.family
    two = sweep(on_k, pairs=(REFERENCE, LOW))
    assert "q4_0/q4_0 was declared" == part(rows_of(two), frame_of(two)).family


def test_of_a_floored_model_nothing_else_is_said() -> None:
    """Its figures are drawn all the same."""
    cells = sweep(lambda pair, at: 12 + on_k(pair, at) / 2, pairs=(REFERENCE, LOW))
    only = part(rows_of(cells), frame_of(cells))
    assert ("floored", (), ()) == (only.word, only.sides, only.cells)
    assert only.sentences[0].startswith("No verdict: bf16/bf16 recalls 40 % of the lines, 80 % are needed")
    assert matched_lines(make_grid(rows_of(cells), cells))[1].split() == [
        only.heats[0].rows[0][0],
        *(cell.text for cell in only.heats[0].rows[0][1]),
    ]


def test_a_session_that_stopped_at_the_reference_is_floored() -> None:
    """Its one cell says so: first among what is to be distrusted; one whose reference hardly answered is not."""
    rows = [{**row, "primary_matched": 2} for row in placed(rows_of(FOUR)) if row["ctk"] == row["ctv"] == "bf16"]
    few = [{**row, "outcome": "error", "primary_matched": None} if at else row for at, row in enumerate(rows)]
    facts = {"calibration": {"passed": False, "minimum": 0.8}}
    found, hardly = (drawn(some, frame_of(FOUR), **facts) for some in (rows, few))

    assert "floored" == found.parts[0].word
    assert "a floored model says nothing about its cache." in found.parts[0].sentences[0]
    assert found.cautions[0] == found.calibration != ""
    assert "not calibrated (exit status 10): bf16/bf16 recalls 10 % of the lines" in found.cautions[0]
    assert "" == hardly.parts[0].word
    assert "answered 1 of 16 questions: there is too little" in hardly.parts[0].sentences[0]


def test_a_reference_that_hardly_answered_is_not_floored() -> None:
    """Too little is known of it; there is no word."""
    rows = rows_of(FOUR)
    for row in rows[:12]:
        row |= {"outcome": "error", "primary_matched": None}
    only = part(rows, frame_of(FOUR))
    assert ("", ()) == (only.word, only.cells)
    assert "No verdict: bf16/bf16 answered 4 of 16 questions: there is too little to hold other cells against." in (
        only.sentences
    )


def test_a_run_without_its_reference() -> None:
    """A shard: no verdict, and the reason."""
    rows, cells = rows_of({LOW: FOUR[LOW], MIXED: FOUR[MIXED]}), {MIXED: FOUR[MIXED], LOW: FOUR[LOW]}
    only = part(rows, frame_of(cells), shard="2/8")
    assert ("", ("No verdict: the reference bf16/bf16 has no answer.",), ()) == (only.word, only.sentences, only.cells)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            {AS_SERVED: FOUR[REFERENCE]},
            "No verdict: as-served is the only cell with an answer, and nothing is there to",
        ),
        ({REFERENCE: {}, LOW: {}}, "No verdict: no cell has an answer."),
        (sweep(on_k, pairs=(REFERENCE, LOW), functions=3), "No verdict: 3 functions cannot settle it, 6 are needed"),
    ],
)
def test_what_cannot_be_judged_says_why(cells: dict[KVPair, dict[str, float]], said: str) -> None:
    """An endpoint, a run that has no answer yet, too few functions."""
    frame = Frame(tuple(cells), next(iter(cells)), 20, 16)
    only = part(rows_of(cells), frame)
    assert ("", (), ()) == (only.word, only.sides, only.cells)
    assert only.sentences[0].startswith(said)
    assert {"matched", "passes"} == {heat.key for heat in only.heats}


def test_cells_without_a_verdict_say_why() -> None:
    """In its place."""
    only = part(rows_of({**FOUR, LOW: {}}), frame_of(FOUR))
    assert CellLine("q4_0/q4_0", "not answered", "", "", "") == only.cells[-1]
    assert "" == only.word


@pytest.mark.parametrize(
    ("calibration", "said"),
    [
        (None, ""),
        ({"passed": None, "reason": "the reference bf16/bf16 is in another shard"}, "not calibrated: the reference"),
        ({"passed": True, "share": 1.0, "minimum": 0.8}, "calibrated: bf16/bf16 recalls 100 % of the lines, 80 %"),
        ({"passed": False, "share": 1.0, "minimum": 1.1}, "not calibrated (exit status 10): bf16/bf16 recalls 100 %"),
    ],
)
def test_the_calibration_is_said(calibration: dict[str, Any] | None, said: str) -> None:
    """As the session said it; nothing where it was not asked for."""
    rows = rows_of(FOUR) if calibration is None or calibration["passed"] is not None else rows_of(FOUR)[1:]
    found = drawn(rows, frame_of(FOUR), calibration=calibration).calibration
    assert found.startswith(said)
    assert bool(found) == bool(said)


@pytest.mark.parametrize("asked", [0, 6, 15])
def test_a_reference_that_was_not_asked_completely_is_not_calibrated(asked: int) -> None:
    """Nothing was measured that an exit status could stand for, whatever run.json says; nor where a rotation lacks."""
    rows, passed = rows_of(FOUR), {"passed": True, "share": 1.0, "minimum": 0.8}
    rows = [row for row in rows if row["ctk"] + row["ctv"] != "bf16bf16" or int(row["function"][1:]) < asked]
    told = "not calibrated: the reference was not asked completely"
    assert told == drawn(rows, frame_of(FOUR), calibration=passed).calibration
    one_way = placed(rows_of(FOUR, rotation="on"))
    assert told == drawn(one_way, frame_of(FOUR, rotations=("on", "off")), calibration=passed).calibration


@pytest.mark.parametrize(
    ("facts", "hidden"),
    [
        ({}, ()),
        ({"private": True}, ("hallucinated", "bonus")),
        ({"private": True, "embed_source": True}, ()),
        ({"private": True, "redact": True}, None),
    ],
)
def test_a_run_says_what_may_be_seen(facts: dict[str, Any], hidden: tuple[str, ...] | None) -> None:
    """Older ones say nothing of it: then as by default."""
    assert hidden == hidden_of(facts)


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_the_same_page_in_any_order(shuffled: random.Random) -> None:
    """Whole cells arrive as their workers finish; the reference and its functions in the order asked."""
    cells = [placed(rows_of({pair: lines}), fallbacks=f"{pair}", thought=True) for pair, lines in FOUR.items()]
    cells[1][3] |= {"outcome": "error", "primary_matched": None, "error": "broken"}
    cells[2][:2] = []
    frame = frame_of(FOUR)
    mixed = list(cells)
    shuffled.shuffle(mixed)
    assert drawn(list(chain(*cells)), frame) == drawn(list(chain(*mixed)), frame)


def test_all_of_it_is_plain() -> None:
    """Nothing that JSON does not know: no NaN, no infinity."""
    few = sweep(on_k, pairs=(REFERENCE, LOW, KVPair("q8_0", "bf16")), functions=4)
    rows = rows_of(few)
    rows[0] |= {"outcome": "error", "primary_matched": None, "error": "\ud800"}
    found = drawn(rows, frame_of(few))
    assert json.dumps(asdict(found), allow_nan=False)
