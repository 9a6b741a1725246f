"""The grids that the control models should show: compared with what was measured, and what is said of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, KVPair
from pytest_codeneedle.corpus.corpus import load_corpus
from pytest_codeneedle.server.command.user_command import parse_command
from pytest_codeneedle.server.control_model.model import REVISIONS
from pytest_codeneedle.server.program import ServerProgram
from pytest_codeneedle.sweep.calibrate import asking as calibrating
from pytest_codeneedle.sweep.calibrate.asking import CORPUS, calibration, expected_grids
from pytest_codeneedle.sweep.calibrate.expected import (
    PAIRS,
    REFERENCE,
    TRENDS,
    Compared,
    Expected,
    Measured,
    is_unrotated,
    table,
    verdict,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_codeneedle.sweep.calibrate.expected import Calibration

SHIPPED = expected_grids()
FUNCTIONS = SHIPPED.functions[:: calibrating.EVERY]


def measured(changed: Mapping[tuple[str, str], float] | None = None, **facts: object) -> list[Measured]:
    """What ships, as if it had just been measured; `changed` adds so many lines to every function of a cell."""
    cells = []
    for model in TRENDS:
        for pair in PAIRS:
            of_function = dict(zip(SHIPPED.functions, SHIPPED.lines[model][pair], strict=True))
            more = (changed or {}).get((model, str(pair)))
            lines = {name: of_function[name] + (more or 0.0) for name in FUNCTIONS}
            one = Measured(model, pair, lines)
            cells.append(one if more is None else replace(one, **facts))  # type: ignore[arg-type]
    return cells


def compared(changed: Mapping[tuple[str, str], float] | None = None, **facts: object) -> Calibration:
    """These cells, held against what ships."""
    return calibration(measured(changed, **facts), SHIPPED, FUNCTIONS)


def test_what_ships_is_of_these_models_and_this_corpus(tmp_path: Path) -> None:
    """Whoever changes a control model or the corpus records the grids anew: codeneedle calibrate --record."""
    corpus = load_corpus(CORPUS, tmp_path)

    assert REVISIONS == SHIPPED.revisions
    assert corpus.sha256 == SHIPPED.corpus_sha256
    assert tuple(function.name for function in corpus.sample()) == SHIPPED.functions
    assert set(TRENDS) == set(SHIPPED.lines)
    assert all(set(PAIRS) == set(cells) for cells in SHIPPED.lines.values())


def test_what_ships_is_what_the_models_are_made_for() -> None:
    """Bf16 at 19.5 or more, q8_0 above the q5 types, those above the q4 types, 5 lines in all, the other side flat."""
    for model, (over_k, over_v) in TRENDS.items():
        mean = {pair: SHIPPED.mean(model, pair, SHIPPED.functions) for pair in PAIRS}
        for falls, pairs in (
            (over_k, {name: KVPair(name, "bf16") for name in DEFAULT_TYPES}),
            (over_v, {name: KVPair("bf16", name) for name in DEFAULT_TYPES}),
        ):
            of = {name: mean[pair] for name, pair in pairs.items()}
            if not falls:
                assert max(of.values()) - min(of.values()) <= 1.0
                continue
            five, four = (of["q5_1"] + of["q5_0"]) / 2, (of["q4_1"] + of["q4_0"]) / 2
            assert of["bf16"] >= 19.5
            assert of["q8_0"] > five > four
            assert of["bf16"] - of["q4_0"] >= 5.0


def test_what_ships_can_be_stored() -> None:
    """It is the same after a way through JSON."""
    assert Expected.read(json.loads(json.dumps(SHIPPED.facts()))) == SHIPPED


def test_what_ships_reproduces_itself() -> None:
    """One sentence, and trends on the side named alone."""
    found = compared()

    assert found.reproduced
    assert verdict(found) == [
        "this build and device reproduce the expected grids: what it shows of your model can be believed"
    ]
    assert {model: found.falls(model) for model in TRENDS} == TRENDS


def test_the_table_is_aligned_and_fits_80_columns() -> None:
    """A line for each cell and each model's trends."""
    lines = table(compared({("fragile-k", "q4_0/bf16"): 2.5}))

    assert "model      pair       expected lines    got" == lines[0]
    assert "fragile-k  q4_0/bf16   11.00 +- 1.00  13.50  OFF" in lines
    assert "fragile-v  no trend  falls     ok" in lines
    assert "fragile-k  q8_0/bf16   19.00 +- 0.50  19.00  ok" in lines
    assert "fragile-k  over K: q8_0 > mean of q5 > mean of q4  19.00, 16.62, 13.38  ok" in lines
    assert len(lines) == 1 + 3 * 11 + 1 + 1 + 11 + 1 + 1 + 3
    assert max(map(len, lines)) <= 80


@given(st.floats(-20, 20))
def test_a_cell_is_off_beyond_the_tolerance(more: float) -> None:
    """Within it is ok, at both ends."""
    one = Compared(Measured("robust", REFERENCE, {"f": 20.0 + more}), 20.0, 1.0)

    assert (abs(20.0 + more - 20.0) <= 1.0) == one.reproduced


def test_lines_that_should_not_be_there_are_named() -> None:
    """A cache that is finer than its type says, and one that loses more."""
    more = "\n".join(verdict(compared({("fragile-k", "q4_0/bf16"): 3.0})))
    less = "\n".join(verdict(compared({("robust", "bf16/q4_0"): -3.0})))

    assert "1 of 33 cells are OFF: fragile-k q4_0/bf16\n" in more
    assert "finer than its type says" in more
    assert "robust bf16/q4_0" in less
    assert "loses what the type's rounding does not explain" in less
    assert more.endswith("do not believe what this build and device show of your model")


def test_a_cell_without_an_answer_is_off_and_says_why() -> None:
    """It is neither a loss nor a gain."""
    found = calibration(
        [
            replace(one, lines={}, problem="it ended") if one.pair == KVPair("q8_0", "bf16") else one
            for one in measured()
        ],
        SHIPPED,
        FUNCTIONS,
    )
    said = verdict(found)

    assert ["robust", "fragile-k", "fragile-v"] == [cell.measured.model for cell in found.off]
    assert "fragile-k q8_0/bf16: it ended" in said
    assert "fragile-k  q8_0/bf16   19.00 +- 0.50    err  OFF" in table(found)
    assert json.loads(json.dumps(found.facts(), allow_nan=False))["cells"][1]["got"] is None


@pytest.mark.parametrize(
    ("model", "pair", "lines"),
    [
        *(("robust", str(pair), 0.5) for pair in PAIRS),
        *((model, "bf16/bf16", 0.5) for model in TRENDS),
        ("fragile-k", "q8_0/bf16", 0.5),
        ("fragile-v", "bf16/q8_0", 0.5),
        ("fragile-k", "q5_1/bf16", 1.0),
        ("fragile-v", "bf16/q4_0", 1.0),
    ],
)
def test_little_is_let_pass_where_little_is_lost(model: str, pair: str, lines: float) -> None:
    """The reference, q8_0 and robust have half a line; up to there it is ok, and beyond it is OFF."""
    assert () == compared({(model, pair): -lines}).off
    assert [f"{model} {pair}"] == [cell.name for cell in compared({(model, pair): -lines - 0.25}).off]


@pytest.mark.parametrize(
    ("changed", "broken"),
    [
        ({"q5_0/bf16": 4.0, "q5_1/bf16": 2.0}, "over K: q8_0 > mean of q5 > mean of q4"),
        ({"q4_0/bf16": 4.25, "q4_1/bf16": 2.0}, "over K: bf16 - q4_0 is 5 lines or more"),
        ({"bf16/q4_0": -1.25}, "over V: flat within 1 line"),
    ],
)
def test_each_check_has_a_name(changed: dict[str, float], broken: str) -> None:
    """It is OFF in the table, in JSON and in the verdict."""
    found = compared({("fragile-k", pair): lines for pair, lines in changed.items()})

    assert [("fragile-k", broken)] == [(check.model, check.name) for check in found.broken]
    assert f"checks are OFF: fragile-k {broken}" in verdict(found)
    assert any(broken in line and line.endswith("OFF") for line in table(found))
    assert [broken] == [check["name"] for check in found.facts()["checks"] if not check["held"]]


def test_a_low_reference_breaks_a_check() -> None:
    """It is 19.5 lines, of each model."""
    found = compared({("robust", "bf16/bf16"): -0.75})

    assert [("robust", "bf16/bf16: 19.5 lines or more", "19.25")] == [
        (check.model, check.name, check.got) for check in found.broken
    ]


def test_what_is_not_rotated_is_no_finer_cache() -> None:
    """The rotation explains the cells that lack it, in either direction; another cell that is off is still told."""
    for lines in (3.0, -3.0):
        said = "\n".join(verdict(compared({("fragile-k", "q4_0/bf16"): lines}, unrotated=True)))
        assert "no rotation" in said
        assert not any(other in said for other in ("finer than its type", "does not explain", "do not believe"))
    cells = [
        replace(one, unrotated=True) if one.pair == KVPair("q4_0", "bf16") else one
        for one in measured({("fragile-k", "q4_0/bf16"): 3.0, ("robust", "bf16/bf16"): -3.0})
    ]
    said = "\n".join(verdict(calibration(cells, SHIPPED, FUNCTIONS)))
    assert "no rotation" in said
    assert "lines are missing" in said
    assert "finer than its type" not in said


def test_what_the_log_says_is_said() -> None:
    """No rotation, a kernel that is missing."""
    unrotated = verdict(compared({("fragile-k", "q4_0/bf16"): 3.0}, unrotated=True))
    fallback = verdict(compared({("fragile-k", "q4_0/bf16"): 3.0}, fallbacks=("no kernel compiled",)))

    assert "hold what this build shows of your model against no grid of a build that rotates" in unrotated[-1]
    assert "no kernel compiled" in fallback


def test_a_trend_on_the_wrong_side_is_off() -> None:
    """Also where each cell is within its tolerance."""
    sinking = {("fragile-k", f"bf16/{name}"): -0.2 * place for place, name in enumerate(DEFAULT_TYPES)}
    found = compared(sinking)

    assert () == found.off
    assert () == found.broken
    assert ("fragile-k",) == found.wrong_trends
    assert not found.reproduced
    assert "trends are not on the side where they should be: fragile-k" in verdict(found)


@pytest.mark.parametrize(
    ("pair", "rotated", "expected"),
    [
        (KVPair("bf16", "bf16"), (0, 0), False),
        (KVPair("q8_0", "bf16"), (64, 0), False),
        (KVPair("q8_0", "bf16"), (0, 0), True),
        (KVPair("bf16", "q4_0"), (0, 0), True),
        (KVPair("q8_0", "q4_0"), (1, None), True),
    ],
)
def test_rotation_is_missed_where_a_side_is_quantized(
    pair: KVPair, rotated: tuple[int | None, int | None], expected: bool
) -> None:
    """A cache of 16 bits is never rotated; a log without the line shows none."""
    assert expected == is_unrotated(pair, rotated)


def test_a_command_that_fetches_its_model_is_refused() -> None:
    """The way out stands in the message."""
    user = parse_command("llama-server -hf org/repo")
    program = ServerProgram(user.program, "x", (), arguments=user.arguments, remote_model=user.remote_model)

    with pytest.raises(ConfigurationError, match=r"leave org/repo out of the command of --server"):
        calibrating.check_program(program)
