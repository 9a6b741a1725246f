"""--kv-quick stops early: how often what it stopped with, or went on to, is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_codeneedle.stats.by_type import side
from pytest_codeneedle.stats.paired import ALPHA
from pytest_codeneedle.stats.quick import settled, stages

from .worlds import ALL, FEW, LOW, NOISE, REFERENCE, above, cells, count, lines, null_sweeps, random

pytestmark = pytest.mark.simulation

SWEEPS = 300


def looks(sweep: dict) -> tuple[int, str | None]:
    """The stage that ended it, and what settled it; the third ends what is not settled."""
    for stage in (1, 2):
        reason = settled(sweep, ALL, REFERENCE, stage, delta=1.0)
        if reason is not None:
            return stage, reason
    return 3, None


def test_false_alarms() -> None:
    """Where the cache makes no difference: a trend is tested once or not at all, the low pair once."""
    sweeps = [cells(one) for one in null_sweeps(random(11), SWEEPS, FEW)]
    ended = [looks(sweep) for sweep in sweeps]
    later = [sweep for sweep, (stage, _) in zip(sweeps, ended, strict=True) if stage > 1]
    column = [{pair: sweep[pair] for pair in stages(ALL, REFERENCE).pairs if pair.ctv == "bf16"} for sweep in later]
    trends = count(side(line, "K", REFERENCE).trend.verdict == "trend" for line in column)

    assert not above(trends, SWEEPS, ALPHA)
    assert not above(count(f"{LOW} WORSE" in (reason or "") for _, reason in ended), SWEEPS, ALPHA / 2)
    assert {1, 3} <= {stage for stage, _ in ended}


def test_a_loss_of_delta_is_not_settled_as_none() -> None:
    """Where the low pair loses one line on average, NOT WORSE of it is as rare as with one look."""
    draws = random(12)
    able = draws.uniform(8, 17, size=(SWEEPS, 1, FEW))
    lost = np.array([float(pair == LOW) for pair in ALL])[:, np.newaxis]
    ended = [looks(cells(one)) for one in lines(able - lost + draws.normal(0, NOISE, size=(SWEEPS, len(ALL), FEW)))]
    wrong = count(f"{LOW} NOT WORSE" in (reason or "") or stage == 1 for stage, reason in ended)

    assert not above(wrong, SWEEPS, ALPHA / 2)
