"""What margins say of a grid, and how it is said."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, KVPair
from pytest_codeneedle.recall.logprob_margins import Margin, written
from pytest_codeneedle.report.text.margins import margin_block_lines
from pytest_codeneedle.stats.margin_verdict import MarginVerdict, judge_margins

HIGH, LOW = KVPair("bf16", "bf16"), KVPair("q4_0", "q4_0")
PAIRS = [KVPair(ctk, ctv) for ctk in DEFAULT_TYPES for ctv in DEFAULT_TYPES]
#: What a type costs, in nats.
COST = {"bf16": 0.0, "q8_0": 0.01, "q5_1": 0.1, "q5_0": 0.12, "q4_1": 0.2, "q4_0": 0.3}


def rows(*, functions: int = 16, k: float = 0.0, v: float = 1.0, noise: float = 0.02, seed: int = 1) -> list[Any]:
    """A grid whose margins fall by `k` and `v` times what each side's type costs."""
    chance = random.Random(seed)
    texts = [[chance.uniform(2, 12) for _ in range(30)] for _ in range(functions)]
    return [
        {
            "ctk": pair.ctk,
            "ctv": pair.ctv,
            "replicate": 0,
            "outcome": "passed",
            "primary_matched": 20,
            "function": f"f{number}",
            "margins": written(
                Margin(4 * at, base - k * COST[pair.ctk] - v * COST[pair.ctv] + chance.gauss(0, noise), -0.01)
                for at, base in enumerate(text)
            ),
        }
        for pair in PAIRS
        for number, text in enumerate(texts)
    ]


def judged(found: list[Any], pairs: list[KVPair] | None = None) -> MarginVerdict:
    """The verdict, which there is."""
    verdict = judge_margins(found, pairs or PAIRS, HIGH)
    assert verdict is not None
    return verdict


def test_a_side_that_costs_margin() -> None:
    """Its cells are lower, all others are not; its trend is one, and the other side's is none."""
    verdict = judged(rows())
    assert {pair for pair in PAIRS if COST[pair.ctv] > 0.05} <= {cell.pair for cell in verdict.lower}
    assert not any(COST[cell.pair.ctv] == 0 for cell in verdict.lower)
    assert ("no trend", "trend") == (verdict.k.trend.verdict, verdict.v.trend.verdict)
    (low,) = [cell for cell in verdict.cells if cell.declared]
    assert (LOW, 16, 480) == (low.pair, low.mean.n, low.tokens)
    assert pytest.approx(-0.3, abs=0.02) == low.mean.mean
    assert low.p_used == low.mean.p
    assert all(cell.p_used >= cell.mean.p for cell in verdict.cells)


def test_no_cost_is_no_verdict() -> None:
    """Noise alone is lower nowhere, for this seed."""
    verdict = judged(rows(v=0.0, seed=3))
    assert () == verdict.lower
    assert ("no trend", "no trend") == (verdict.k.trend.verdict, verdict.v.trend.verdict)


def test_facts_are_plain() -> None:
    """For JSON, without NaN and infinity, however few functions there are."""
    for functions in (1, 3, 16):
        facts = judged(rows(functions=functions)).facts()
        assert facts == json.loads(json.dumps(facts, allow_nan=False))
        assert (35, "bf16/bf16", "q4_0/q4_0") == (len(facts["cells"]), facts["reference"], facts["low"])


def test_nothing_to_compare() -> None:
    """The reference alone, or no margins."""
    found = rows(functions=2)
    assert judge_margins([row for row in found if row["ctk"] == row["ctv"] == "bf16"], [HIGH], HIGH) is None
    assert judge_margins([{**row, "margins": None} for row in found], PAIRS, HIGH) is None
    assert judge_margins([], PAIRS, HIGH) is None


@pytest.mark.parametrize("functions", [1, 8, 16])
@pytest.mark.parametrize("k", [0.0, 1.0])
def test_the_block_is_short(functions: int, k: float) -> None:
    """Eight lines of 80 columns at most."""
    lines = margin_block_lines(judged(rows(functions=functions, k=k)))
    assert 8 >= len(lines)
    assert 80 >= max(map(len, lines))


def test_what_the_block_says() -> None:
    """How many cells are lower and which most, the declared pair, the trends."""
    said = "\n".join(margin_block_lines(judged(rows(noise=0.0))))
    assert (
        "margins against bf16/bf16, on the same text of 16 functions: significantly lower\n"
        "  in 30 of 35 cells: bf16/q4_0 -0.30, "
    ) in said
    assert "q4_0/q4_0 (declared): -0.300 nats, p < 0.001 (95 %" in said
    assert "trend of margins over K: no trend, p = 1.000, all types equal" in said
    assert "trend of margins over V: the mean falls with its bits, p < 0.001; +0.0" in said


def test_too_few_functions_for_so_many_cells() -> None:
    """Holm cannot reject at 8 functions and 34 cells, and that is said."""
    said = " ".join(" ".join(margin_block_lines(judged(rows(functions=8)))).split())
    assert "11 functions are needed for 34 cells (Holm)" in said
    assert "too few" not in " ".join(margin_block_lines(judged(rows(functions=16))))
