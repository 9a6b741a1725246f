"""A run's frame out of its run.json."""

from __future__ import annotations

from typing import Any

from pytest_codeneedle.core.kv_types import KVPair, KVSize
from pytest_codeneedle.runs.design import Frame

REFERENCE = KVPair("bf16", "bf16")
ABOUT: dict[str, Any] = {
    "pairs": ["bf16/bf16", "q4_0/q4_0"],
    "reference": "bf16/bf16",
    "lines": 20,
    "functions": [{"name": "f"}, {"name": "g"}],
}


def test_a_run_of_an_older_version_says_less() -> None:
    """One pass, a delta of one line, no thinking, a cache of unknown size."""
    assert Frame((REFERENCE, KVPair("q4_0", "q4_0")), REFERENCE, 20, 2) == Frame.of(ABOUT)


def test_all_that_run_json_says_is_taken() -> None:
    """Passes, delta, thinking, the cache and the context."""
    more = {"repeat": 3, "delta": 0.5, "thinking": "on", "kv_per_token": {"k": 128, "v": 64}, "n_ctx": 2048}
    frame = Frame.of({**ABOUT, **more})
    assert (3, 0.5, True, KVSize(128, 64), 2048) == (
        frame.repeat,
        frame.delta,
        frame.thinks,
        frame.kv_size,
        frame.n_ctx,
    )


def test_functions_are_those_that_were_asked() -> None:
    """A run that was gone on with for fewer keeps the lines of all: what is said is said of those that count."""
    assert (2, 1) == (Frame.of(ABOUT).functions, Frame.of({**ABOUT, "asked": ["g"]}).functions)


def test_a_cache_that_no_server_told_has_no_size() -> None:
    """Zero is what is stored where the log did not show it."""
    assert Frame.of({**ABOUT, "kv_per_token": {"k": 0.0, "v": 0.0, "sliding": False}}).kv_size is None
