"""Verdicts on small grids with a known answer, and on whatever grid may come about."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_codeneedle.core.kv_types import AS_SERVED, BITS, DEFAULT_TYPES, KVPair, grid_pairs, low_pair
from pytest_codeneedle.stats.verdict import Verdict, judge

ALL = grid_pairs(DEFAULT_TYPES, DEFAULT_TYPES)
BF16, Q8, Q4 = (KVPair(name, name) for name in ("bf16", "q8_0", "q4_0"))
K8V4, K4V8 = KVPair("q8_0", "q4_0"), KVPair("q4_0", "q8_0")
NAMES = [f"f{number}" for number in range(16)]
NOISE = [1, -1, 0, 0, 1, 0, -1, 0, 0, 0, 1, -1, 0, 0, 0, 0]


def lines(*values: float) -> dict[str, float]:
    """These lines for the first functions."""
    return dict(zip(NAMES, values, strict=False))


def less(by: float, n: int = 16) -> dict[str, float]:
    """Eighteen lines and some noise, less so many."""
    return lines(*(18 + noise - by for noise in NOISE[:n]))


def word(verdict: Verdict, pair: KVPair) -> str | None:
    """The verdict on one cell."""
    cell = verdict.cell(pair)
    assert cell is not None
    return cell.verdict


def swept(loss_k: float = 0, loss_v: float = 0) -> dict[KVPair, dict[str, float]]:
    """The default grid, so many lines lost with each step of precision on a side, and noise that differs by cell."""
    grid = {}
    for number, pair in enumerate(ALL):
        lost = loss_k * DEFAULT_TYPES.index(pair.ctk) + loss_v * DEFAULT_TYPES.index(pair.ctv)
        noise = NOISE[number % 16 :] + NOISE[: number % 16]
        grid[pair] = lines(*(18 + one - lost for one in noise))
    return grid


def test_a_fragile_k() -> None:
    """A trend on that side alone, the declared pair WORSE, and the smallest pair recommended that keeps K."""
    verdict = judge(swept(loss_k=2), BF16, planned=ALL)

    assert ("trend", "no trend") == (verdict.k.trend.verdict, verdict.v.trend.verdict)
    assert ("WORSE", "WORSE") == (word(verdict, Q4), word(verdict, KVPair("q4_0", "bf16")))
    assert "NOT WORSE" == word(verdict, KVPair("bf16", "q4_0"))
    assert (KVPair("bf16", "q4_0"), 35) == (verdict.recommended.pair, verdict.recommended.selected_from)  # type: ignore[union-attr]
    assert verdict.mixed is not None
    assert verdict.mixed.contrast.mean > 1
    assert verdict.mixed.contrast.p < 0.01
    assert verdict.cell(BF16) is None


def test_nothing_lost() -> None:
    """The declared low pair is recommended outright; mixed pairs buy nothing."""
    verdict = judge(swept(), BF16, planned=ALL)

    assert ("NOT WORSE", Q4) == (word(verdict, Q4), verdict.low)
    assert (Q4, None) == (verdict.recommended.pair, verdict.recommended.selected_from)  # type: ignore[union-attr]
    assert verdict.mixed is not None
    assert 10 == len(verdict.mixed.pairs)
    assert verdict.mixed.contrast.p > 0.05
    assert ["no trend"] * 2 == [side.trend.verdict for side in (verdict.k, verdict.v)]


def test_declared_contrasts_are_not_corrected() -> None:
    """Seven functions that lost a line are enough for the low pair, not for one of thirty-five others."""
    lost = lines(*([17] * 7 + [18] * 9))
    verdict = judge({pair: lost if pair != BF16 else lines(*[18] * 16) for pair in ALL}, BF16, planned=ALL)
    low, other = verdict.cell(Q4), verdict.cell(Q8)

    assert low is not None
    assert other is not None
    assert (True, False) == (low.declared, other.declared)
    assert ("WORSE", "NOT WORSE") == (low.verdict, other.verdict)
    assert low.contrast == other.contrast
    assert low.p_used == low.contrast.p
    assert min(1, 34 * other.contrast.p) == pytest.approx(other.p_used)


def test_worse_goes_before_not_worse() -> None:
    """A small loss that is certain is one, though it lies within delta."""
    verdict = judge({BF16: lines(*[18] * 16), Q4: lines(*[17.5] * 16)}, BF16, planned=[BF16, Q4])

    assert "WORSE" == word(verdict, Q4)


@pytest.mark.parametrize(("delta", "expected"), [(1.0, "INCONCLUSIVE"), (3.0, "NOT WORSE")])
def test_delta(delta: float, expected: str) -> None:
    """How much a mean may be lower is the user's."""
    ragged = lines(*(18 + 3 * noise for noise in NOISE))
    verdict = judge({BF16: lines(*[18] * 16), Q4: ragged}, BF16, planned=[BF16, Q4], delta=delta)

    assert (delta, expected) == (verdict.delta, word(verdict, Q4))


def test_all_tied() -> None:
    """NOT WORSE, with the flag that margins decide; nothing drifted, and a share stays open."""
    perfect = lines(*[20] * 16)
    verdict = judge(dict.fromkeys(ALL, perfect), BF16, planned=ALL, again=perfect)
    cell = verdict.cell(Q4)

    assert cell is not None
    assert ("NOT WORSE", True, None) == (cell.verdict, cell.saturated, cell.contrast.interval)
    assert 0.17 == pytest.approx(cell.contrast.share_open, abs=0.005)
    assert verdict.again is not None
    assert not verdict.again.drifted
    assert 0.449 == pytest.approx(verdict.detectable.loss, abs=0.001)
    assert (Q4, None) == (verdict.recommended.pair, verdict.recommended.selected_from)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("n", "delta", "share"), [(16, 0.1, "0.17"), (8, 0.1, "0.31"), (8, 0.3, "0.31"), (6, 0.39, "0.39")]
)
def test_no_loss_leaves_a_small_delta_open(n: int, delta: float, share: str) -> None:
    """A loss is one line at least, and a share of functions may lose one: the reason says how large a mean that is."""
    for gained in (0, 1):
        grid = {BF16: lines(*[18] * n), Q4: lines(18 + gained, *[18] * (n - 1))}
        cell = judge(grid, BF16, planned=[BF16, Q4], delta=delta).cells[0]

        assert "INCONCLUSIVE" == cell.verdict
        least = f"a mean loss of up to {share} lines open: delta {delta} is below that"
        assert f"{n} functions without a loss leave {least}" == cell.reason


@pytest.mark.parametrize(("n", "delta"), [(16, 0.2), (8, 0.4), (6, 0.4), (6, 1.0)])
def test_no_loss_settles_a_larger_delta(n: int, delta: float) -> None:
    """All tied is NOT WORSE then, with no reason."""
    cell = judge(dict.fromkeys((BF16, Q4), less(0, n)), BF16, planned=[BF16, Q4], delta=delta).cells[0]

    assert ("NOT WORSE", None) == (cell.verdict, cell.reason)


def test_a_significant_gain_settles_every_delta() -> None:
    """Nothing was lost, whatever share may lose."""
    better = lines(*[19] * 7, *[18] * 9)
    cell = judge({BF16: lines(*[18] * 16), Q4: better}, BF16, planned=[BF16, Q4], delta=0.0).cells[0]

    assert ("NOT WORSE", None) == (cell.verdict, cell.reason)


def test_one_low_cell_is_a_trend_on_both_sides() -> None:
    """The lowest level of each side is lower than all others, which are equal: significant, and a small slope."""
    low = lines(*[19] * 5, *[20] * 11)
    verdict = judge({pair: low if pair == Q4 else lines(*[20] * 16) for pair in ALL}, BF16, planned=ALL)

    for side in (verdict.k, verdict.v):
        assert ("trend", False) == (side.trend.verdict, side.trend.rises)
        assert side.trend.p == pytest.approx(1 / 6**5)
        assert side.trend.slope is not None
        assert 0 < side.trend.slope.mean < 0.01
    assert "NOT WORSE" == word(verdict, Q4)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_functions_settle_nothing(n: int) -> None:
    """Tied or lost, INCONCLUSIVE, and it is said how many are needed."""
    verdict = judge({BF16: less(0, n), Q4: less(9, n), Q8: less(0, n)}, BF16, planned=[BF16, Q4, Q8])

    assert ["INCONCLUSIVE"] * 2 == [cell.verdict for cell in verdict.cells]
    assert {f"{n} function{'s' if n > 1 else ''} cannot settle it: 6 are needed"} == {
        *(cell.reason for cell in verdict.cells),
        verdict.detectable.reason,
    }
    assert (BF16, 2) == (verdict.recommended.pair, verdict.recommended.selected_from)  # type: ignore[union-attr]


def test_cells_with_errors_are_judged_on_what_both_answered() -> None:
    """Their number is said; a cell without an answer has no verdict."""
    some = {name: value for name, value in less(0).items() if name not in {"f0", "f7"}}
    verdict = judge({BF16: less(0), Q4: some, Q8: {}}, BF16, planned=[BF16, Q8, Q4, K8V4])
    cells = {cell.pair: cell for cell in verdict.cells}

    assert [Q8, Q4, K8V4] == list(cells)
    assert (14, "NOT WORSE", None) == (cells[Q4].contrast.n, cells[Q4].verdict, cells[Q4].reason)
    assert [(None, "not answered")] * 2 == [(cells[pair].verdict, cells[pair].reason) for pair in (Q8, K8V4)]
    assert 14 == verdict.detectable.n


def test_what_the_reference_has_no_answer_to_decides_nothing() -> None:
    """Not in the mixed pairs and the trends either: they stand on the functions that the cells are judged on."""
    cells = {pair: less(0, 8) for pair in ALL}
    cells[BF16] = less(0, 5)
    verdict = judge(cells, BF16, planned=ALL)

    assert verdict.mixed is not None
    assert {5} == {verdict.mixed.contrast.n, *(cell.contrast.n for cell in verdict.cells)}
    assert 5 == verdict.k.trend.n == verdict.v.trend.n


def test_without_the_reference() -> None:
    """A shard: its cells cannot be judged, the trends need no reference."""
    grid = {pair: values for pair, values in swept(loss_k=2).items() if pair.ctk != "bf16"}
    verdict = judge(grid, BF16, planned=[BF16, *grid], again=less(0))

    assert "the reference bf16/bf16 has no answer" == verdict.reason
    assert {(None, verdict.reason)} == {(cell.verdict, cell.reason) for cell in verdict.cells}
    assert (None, None) == (verdict.recommended, verdict.again)
    assert "trend" == verdict.k.trend.verdict
    assert all(marginal.contrast is None for marginal in verdict.k.marginals)
    assert verdict.v.marginals[1].contrast is not None


def test_the_reference_alone() -> None:
    """As an endpoint is: nothing to compare."""
    for pair in (BF16, AS_SERVED):
        verdict = judge({pair: less(0)}, pair, planned=[pair])

        assert ((), None, None) == (verdict.cells, verdict.low, verdict.mixed)
        assert ["only one level was asked"] * 2 == [side.trend.reason for side in (verdict.k, verdict.v)]
        assert (pair, 0) == (verdict.recommended.pair, verdict.recommended.selected_from)  # type: ignore[union-attr]


def test_drift() -> None:
    """The last pass minus the first, over what both answered."""
    verdict = judge({BF16: less(0)}, BF16, planned=[BF16], again=less(1, 12))

    assert verdict.again is not None
    assert (12, -1.0, True) == (verdict.again.contrast.n, verdict.again.contrast.mean, verdict.again.drifted)


@pytest.mark.parametrize(
    ("planned", "expected"),
    [
        (ALL, Q4),
        ([BF16, Q8], Q8),
        ([BF16, KVPair("q5_1", "q5_1"), Q8, K8V4], KVPair("q5_1", "q5_1")),
        ([BF16, K8V4, K4V8], None),
        ([BF16, KVPair("f16", "f16")], None),
        ([AS_SERVED], None),
    ],
)
def test_the_declared_pair(planned: list[KVPair], expected: KVPair | None) -> None:
    """The smallest with one type on both sides; none that is as large as the reference."""
    assert expected == low_pair(planned, BF16)


def test_of_equal_sizes_the_one_that_keeps_k() -> None:
    """It is settled before any data are seen."""
    verdict = judge({BF16: less(0), K4V8: less(0), K8V4: less(0)}, BF16, planned=[BF16, K4V8, K8V4])

    assert (K8V4, 2) == (verdict.recommended.pair, verdict.recommended.selected_from)  # type: ignore[union-attr]


def test_marginals_are_means_over_whole_columns() -> None:
    """What was not asked at every type of a side does not shift the mean of some."""
    quick = {
        pair: values
        for pair, values in swept(loss_k=1).items()
        if "bf16" in (pair.ctk, pair.ctv) or pair.ctk == pair.ctv
    }
    verdict = judge(quick, BF16, planned=list(quick))

    assert (DEFAULT_TYPES, ("bf16",)) == (verdict.k.types, verdict.k.across)
    assert [18, 17, 16, 15, 14, 13] == [marginal.mean for marginal in verdict.k.marginals]
    assert [None, -1, -2, -3, -4, -5] == [
        marginal.contrast and marginal.contrast.mean for marginal in verdict.k.marginals
    ]


def test_a_function_that_one_cell_lacks_keeps_its_other_columns() -> None:
    """Its mean is over those; a function without a whole column is left out."""
    pairs = grid_pairs(("bf16", "q4_0"), ("bf16", "q4_0"))
    grid = {pair: lines(20, 10, 5) for pair in pairs}
    del grid[Q4]["f0"]
    for pair in (BF16, Q4):
        del grid[pair]["f1"]
    verdict = judge(grid, BF16, planned=pairs)

    assert ("f0", "f2") == verdict.k.functions
    assert [12.5, 12.5] == [marginal.mean for marginal in verdict.k.marginals]


def test_scattered_pairs_have_no_marginals() -> None:
    """And the trend says why."""
    verdict = judge({BF16: less(0), Q8: less(0), Q4: less(0)}, BF16, planned=[BF16, Q8, Q4])

    assert ((), "nothing was answered at every level") == (verdict.k.marginals, verdict.k.trend.reason)


PAIRS = st.sampled_from([*grid_pairs(("bf16", "f16", "q8_0", "q4_0"), ("bf16", "q8_0", "q4_0")), AS_SERVED])
VALUES = st.dictionaries(st.sampled_from(NAMES[:8]), st.integers(0, 60).map(lambda third: third / 3))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(PAIRS, VALUES), PAIRS, st.none() | VALUES)
def test_no_limit_lies_beyond_what_can_be(
    cells: dict[KVPair, dict[str, float]], reference: KVPair, again: dict[str, float] | None
) -> None:
    """Of 20 lines nobody loses more than the reference has, nor has more than 20; and no more is called detectable."""
    verdict = judge(cells, reference, planned=(), again=again, lines=20)
    base = cells.get(reference) or {}

    for cell in verdict.cells:
        common = [base[name] for name in base if name in cells[cell.pair]]
        interval = cell.contrast.interval
        if common and interval is not None and math.isfinite(interval.low):
            mean = math.fsum(common) / len(common)
            assert -mean - 1e-9 <= interval.low <= interval.high <= 20 - mean + 1e-9
            assert "NOT WORSE" != cell.verdict or math.fsum(base.values()) >= 16 * len(base)
    for side in (verdict.k, verdict.v):
        slope = side.trend.slope
        if slope is not None and slope.interval is not None and math.isfinite(slope.interval.low):
            steepest = max(BITS.values()) * 20
            assert -steepest <= slope.interval.low <= slope.interval.high <= steepest
    assert (verdict.detectable.loss or 0) <= 20


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(PAIRS, VALUES), PAIRS, st.lists(PAIRS), st.none() | VALUES, st.sampled_from([0.0, 0.5, 1.0]))
def test_whatever_was_answered_has_a_stated_result(
    cells: dict[KVPair, dict[str, float]],
    reference: KVPair,
    planned: list[KVPair],
    again: dict[str, float] | None,
    delta: float,
) -> None:
    """Never NaN, never infinite, never an exception; what has no verdict or no trend has a reason."""
    verdict = judge(cells, reference, planned=planned, again=again, delta=delta)
    facts: dict[str, Any] = json.loads(json.dumps(verdict.facts(), allow_nan=False))

    assert {str(pair) for pair in (*cells, *planned)} - {str(reference)} == {cell["pair"] for cell in facts["cells"]}
    for cell in facts["cells"]:
        assert (cell["verdict"] is None) == (cell["n"] == 0)
        assert cell["reason"] is not None or cell["n"] >= 6
        assert (cell["low"] is None) == (cell["n"] < 6 or cell["tied"])
    for side in (facts["k"]["trend"], facts["v"]["trend"]):
        assert (side["verdict"] is None) == (side["reason"] is not None)
    assert (facts["detectable"]["loss"] is None) == (facts["detectable"]["reason"] is not None)
    assert (facts["recommended"] is None) == (facts["reason"] is not None)
