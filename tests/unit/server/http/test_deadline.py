"""How long an answer may take: from what was measured, never less than the least, never from nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.recall.answer import Answer
from pytest_codeneedle.server.http.deadline import LEAST_SECONDS, READ_PER_WRITTEN, Pace, Speeds

TOKENS = st.integers(1, 200_000)
SPEED = st.floats(0.1, 100_000)


def answer(*, prompt_n: int = 0, prompt_ms: float = 0.0, tokens: int = 0, predicted_ms: float = 0.0) -> Answer:
    """An answer with these counts."""
    return Answer("", "eos", False, tokens, 0, prompt_n, prompt_ms, predicted_ms, False)


def test_the_rule() -> None:
    """The least, twice the whole prompt, ten times the whole budget."""
    speeds = Speeds().warmed_up(answer(prompt_n=1000, prompt_ms=2000)).answered(answer(tokens=50, predicted_ms=1000))

    assert Speeds(500.0, 50.0) == speeds
    assert 60 + 2 * 4000 / 500 + 10 * 300 / 50 == speeds.deadline_seconds(4000, 300)
    assert "read 500 tokens/s and wrote 50 tokens/s" == str(speeds)


def test_before_the_first_answer() -> None:
    """A written token is taken for a hundred read ones."""
    assert 60 + 2 * 4000 / 500 + 10 * 300 / 5 == Speeds(500.0).deadline_seconds(4000, 300)
    assert "read 500 tokens/s" == str(Speeds(500.0))


def test_the_slowest_answer_counts() -> None:
    """A fast one after a slow one changes nothing."""
    slow = Speeds(1.0).answered(answer(tokens=10, predicted_ms=1000))

    assert 10.0 == slow.writing
    assert slow == slow.answered(answer(tokens=1000, predicted_ms=1000))
    assert 5.0 == slow.answered(answer(tokens=10, predicted_ms=2000)).writing


@pytest.mark.parametrize("counts", [{}, {"prompt_n": 7, "prompt_ms": 1}, {"prompt_n": 50}])
def test_what_says_nothing_of_reading(counts: dict[str, int]) -> None:
    """A few tokens, or a build that counts none: there is no deadline."""
    speeds = Speeds().warmed_up(answer(**counts))

    assert Speeds() == speeds
    assert speeds.deadline_seconds(1000, 100) is None
    assert "no speed was measured" == str(speeds)


@pytest.mark.parametrize("counts", [{}, {"tokens": 1, "predicted_ms": 1}, {"tokens": 50}])
def test_what_says_nothing_of_writing(counts: dict[str, int]) -> None:
    """Likewise; the time of a single token is none."""
    assert Speeds(5.0) == Speeds(5.0).answered(answer(**counts))


@given(SPEED, SPEED, TOKENS, TOKENS)
def test_what_takes_as_long_as_was_measured_is_in_time(
    reading: float, writing: float, prompt: int, budget: int
) -> None:
    """Also where the cache missed and the whole budget is used."""
    limit = Speeds(reading, writing).deadline_seconds(prompt, budget)

    assert limit is not None
    assert limit >= LEAST_SECONDS + prompt / reading + budget / writing
    first = Speeds(reading).deadline_seconds(prompt, budget)
    assert first is not None
    assert first >= LEAST_SECONDS + prompt / reading + budget * READ_PER_WRITTEN / reading


def test_the_pace_of_an_endpoint() -> None:
    """Ten times what it needed, and two minutes; a minute of silence and ten times the longest wait."""
    pace = Pace().answered(answer(prompt_ms=3000, tokens=16), 3.0, 16, 1.5)

    assert Pace(3.0, 0.1, streams=True) == pace
    assert 120 + 10 * (3 + 700 * 0.1) == pace.deadline_seconds(700)
    assert 60 + 10 * 3 == pace.silent_seconds()
    assert pace == pace.answered(answer(prompt_ms=10, tokens=99), 0.01, 99, 1.0)


def test_nothing_is_known_before_an_answer() -> None:
    """Neither how long it may take nor how long it may be silent."""
    assert (None, None) == (Pace().deadline_seconds(700), Pace().silent_seconds())


@pytest.mark.parametrize(("pieces", "spread"), [(1, 0.0), (16, 0.002), (3, 2.0)], ids=["whole", "gathered", "few"])
def test_an_endpoint_that_does_not_show_its_tokens_may_be_silent(pieces: int, spread: float) -> None:
    """A whole answer, or one that a proxy gathered: the time for a token is that of the wait for them."""
    pace = Pace().answered(answer(prompt_ms=4000, tokens=16), 4.0, pieces, spread)

    assert pace.silent_seconds() is None
    assert (4.0 + spread) / 16 == pace.piece_seconds


def test_a_prompt_that_was_cached_may_have_to_be_read() -> None:
    """What was read of it says how long all of it takes."""
    warm = Answer("", "eos", False, 16, 30_000, 100, 1000.0, 0.0, False)

    assert 301.0 == Pace().answered(warm, 1.0, 16, 1.6).first_seconds
