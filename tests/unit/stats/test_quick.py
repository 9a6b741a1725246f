"""--kv-quick: which cells are asked in which stage, and what settles the question."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.kv_types import BITS, DEFAULT_TYPES, KVPair, grid_pairs, low_pair, parse_pair
from pytest_codeneedle.runs.grid import View
from pytest_codeneedle.stats.quick import settled, settled_by_rows, stages

if TYPE_CHECKING:
    from collections.abc import Mapping

GRID = grid_pairs(DEFAULT_TYPES, DEFAULT_TYPES)
REFERENCE = KVPair("bf16", "bf16")
LINES = 20.0
FUNCTIONS = 16


def cells(
    lost: Mapping[str, float], *, functions: int = FUNCTIONS, spread: float = 0.0
) -> dict[KVPair, dict[str, float]]:
    """Sixteen pairs whose functions have so many lines less (by pair, else none); every other one `spread` more."""
    return {
        pair: {f"f{n}": LINES - lost.get(str(pair), 0.0) + spread * (-1) ** n for n in range(functions)}
        if pair != REFERENCE
        else dict.fromkeys((f"f{n}" for n in range(functions)), LINES)
        for pair in stages(GRID, REFERENCE).pairs
    }


def judged(lost: Mapping[str, float], stage: int, *, functions: int = FUNCTIONS, spread: float = 0.0) -> str | None:
    """What settles it after that stage."""
    return settled(cells(lost, functions=functions, spread=spread), GRID, REFERENCE, stage, delta=1.0)


def falling(side: str) -> dict[str, float]:
    """Lines lost on one side alone, a quarter for each bit below 16."""
    pairs = stages(GRID, REFERENCE).pairs
    return {str(pair): (16 - BITS[pair.ctk if side == "K" else pair.ctv]) / 4 for pair in pairs}


def test_default_grid() -> None:
    """Sixteen of 36: four say most, then seven, and the diagonal last."""
    found = stages(GRID, REFERENCE)
    assert [parse_pair(pair) for pair in ("bf16/bf16", "q4_0/q4_0", "q4_0/bf16", "bf16/q4_0")] == list(found.first)
    assert (8, 4) == (len(found.second), len(found.third))
    assert all("bf16" in (pair.ctk, pair.ctv) for pair in found.second)
    assert all(pair.ctk == pair.ctv for pair in found.third)


@given(
    st.lists(st.sampled_from(sorted(BITS)), min_size=1, unique=True),
    st.lists(st.sampled_from(sorted(BITS)), min_size=1, unique=True),
    st.data(),
)
def test_row_column_and_diagonal(ctks: list[str], ctvs: list[str], data: st.DataObject) -> None:
    """Of any grid these are asked, each once; of them alone the stages are the same."""
    pairs = grid_pairs(ctks, ctvs)
    reference = data.draw(st.sampled_from(pairs))
    found = stages(pairs, reference)
    wanted = {pair for pair in pairs if pair.ctk == reference.ctk or pair.ctv in {reference.ctv, pair.ctk}}
    assert wanted == set(found.pairs)
    assert len(wanted) == len(found.pairs)
    assert reference == found.first[0]
    kept = [pair for pair in pairs if pair in wanted]
    assert found == stages(kept, reference)
    low = low_pair(kept, reference)
    assert low is None or low == found.first[1]


def test_nothing_lost() -> None:
    """The first stage settles it; no trend is tested then."""
    assert "q4_0/q4_0, q4_0/bf16, bf16/q4_0 NOT WORSE" == judged({}, 1)
    assert "q4_0/q4_0, q4_0/bf16, bf16/q4_0 NOT WORSE" == judged({}, 1, functions=6)


def test_too_few_functions() -> None:
    """Five settle nothing, whatever they say."""
    lost = {"q4_0/q4_0": 9.0}
    assert [None] * 4 == [judged(which, stage, functions=5) for which, stage in itertools.product(({}, lost), (1, 2))]


def test_loss_of_one_side() -> None:
    """It is no matter of the first stage; the second has the trend of that side, and the other is NOT WORSE."""
    lost = falling("K")
    assert judged(lost, 1) is None
    assert "q4_0/q4_0 WORSE, a trend over K, bf16/q4_0 NOT WORSE" == judged(lost, 2)
    assert "q4_0/q4_0 WORSE, q4_0/bf16 NOT WORSE, a trend over V" == judged(falling("V"), 2)


def test_loss_without_trend() -> None:
    """One bad type, neither the smallest alone nor in line: the rest is asked."""
    lost = {"q4_0/bf16": 2.0, "q4_0/q4_0": 2.0, **{f"{ctk}/bf16": 3.0 for ctk in ("q8_0", "q5_1")}}
    assert judged(lost, 2) is None


def test_low_pair_open() -> None:
    """Where the matched pair itself is INCONCLUSIVE no trend settles it."""
    assert judged({**falling("K"), "q4_0/q4_0": 0.5}, 2, spread=3.0) is None


def test_small_loss_is_open_in_the_first_stage() -> None:
    """A loss that is significant is no NOT WORSE, be it smaller than delta."""
    lost = {"q4_0/q4_0": 0.5}
    assert judged(lost, 1) is None
    assert "q4_0/q4_0 WORSE, q4_0/bf16 NOT WORSE, bf16/q4_0 NOT WORSE" == judged(lost, 2)


def test_not_answered() -> None:
    """A reference, or a pair, without an answer settles nothing."""
    every = cells({})
    assert settled({**every, REFERENCE: {}}, GRID, REFERENCE, 1, delta=1.0) is None
    assert settled({**every, KVPair("q4_0", "q4_0"): {}}, GRID, REFERENCE, 1, delta=1.0) is None
    assert settled({}, GRID, REFERENCE, 2, delta=1.0) is None


@pytest.mark.parametrize("stage", [1, 2])
def test_later_cells_are_not_looked_at(stage: int) -> None:
    """What happens to be asked beyond a stage has no part in its look."""
    beyond = {str(pair): 15.0 for later in stages(GRID, REFERENCE)[stage:] for pair in later}
    assert judged({}, stage) == judged(beyond, stage)
    assert judged({}, stage) is not None


def rows_of(session: str, replicate: int, matched: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """One pass over the first stage: all lines, but where `matched` says otherwise by pair (None is no answer)."""
    found = []
    for pair in stages(GRID, REFERENCE).first:
        lines = matched.get(str(pair), LINES)
        outcome = "error" if lines is None else "passed"
        common = {"ctk": pair.ctk, "ctv": pair.ctv, "session": session, "replicate": replicate, "outcome": outcome}
        found += [{**common, "function": f"f{n}", "primary_matched": lines} for n in range(FUNCTIONS)]
    return found


def by_rows(rows: list[dict[str, Any]]) -> str | None:
    """What settles it after the first stage."""
    return settled_by_rows(rows, GRID, REFERENCE, 1, view=View(2), delta=1.0)


def test_answers_without_their_sessions_reference_settle_nothing_alone() -> None:
    """The second session's reference was silent: what q4_0/q4_0 lost there is left out, and may be its loss."""
    first = rows_of("a", 0, {})
    settles = "q4_0/q4_0, q4_0/bf16, bf16/q4_0 NOT WORSE"
    assert by_rows(first) == settles
    assert by_rows([*first, *rows_of("b", 1, {"bf16/bf16": None})]) == settles
    assert by_rows([*first, *rows_of("b", 1, {"bf16/bf16": None, "q4_0/q4_0": 10.0})]) is None


def test_missing_answers_settle_nothing_alone() -> None:
    """What q4_0/q4_0 did not answer may be lost, whatever its other answers say."""
    rows = rows_of("a", 0, {})
    silent = [dict(row) for row in rows if row["ctk"] == row["ctv"] == "q4_0"][:4]
    rows = [row for row in rows if row not in silent]
    assert by_rows([*rows, *({**row, "outcome": "error", "primary_matched": None} for row in silent)]) is None
