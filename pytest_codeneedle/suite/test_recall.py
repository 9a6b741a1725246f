"""The grid's one test function: one item per (KV cache pair, function)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_codeneedle.sweep.judge import Recall


def test_recall(recall: Recall) -> None:
    """The model recalls enough of the first lines of the function's body."""
    if not recall.passed:
        pytest.fail(recall.explain(), pytrace=False)
