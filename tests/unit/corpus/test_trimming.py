"""How many files fit: the same as counting every beginning, and without looking at what is far behind."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_codeneedle.corpus.trimming import fitting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Tokens as somebody may count them; runs of line ends are one token in most vocabularies.
COUNTERS: dict[str, Callable[[str], int]] = {
    "characters": len,
    "lines": lambda text: text.count("\n"),
    "a third": lambda text: len(text) // 3,
    "words": lambda text: len(re.findall(r"\w+|\n+|\s", text)),
    "more than characters": lambda text: 3 * len(text),
}
TEXTS = st.lists(st.text("ab (\nä", max_size=200).map(lambda text: f"{text}\n"))


def one_after_the_other(texts: list[str], count: Callable[[str], int], limit: int) -> int:
    """The definition: the most texts from the beginning that have no more tokens together."""
    beginnings = ("".join(texts[:files]) for files in range(1, len(texts) + 1))
    return sum(1 for _ in itertools.takewhile(lambda text: count(text) <= limit, beginnings))


@pytest.mark.parametrize("name", COUNTERS)
@given(TEXTS, st.sampled_from([1, 5, 50, 100, 300, 1000]))
@example(["a\n"] * 100, 50)
@example(["a" * 5000 + "\n", "a\n"], 100)
@example([], 5)
def test_as_many_fit_as_are_counted_one_after_the_other(name: str, texts: list[str], limit: int) -> None:
    """Whatever a token is, as long as more text has more of them."""
    assert one_after_the_other(texts, COUNTERS[name], limit) == fitting(texts, COUNTERS[name], limit)


def test_what_is_far_behind_is_not_looked_at() -> None:
    """Neither taken nor counted: the tree may have any number of files."""
    taken, counted = [], []

    def tree() -> Iterator[str]:
        for number in itertools.count():
            taken.append(number)
            yield "abc def\n" * 100

    def count(text: str) -> int:
        counted.append(len(text))
        return len(text) // 4

    assert 40 == fitting(tree(), count, 8000)
    assert len(taken) <= 2 * 40 + 1
    assert max(counted) <= 2 * 4 * 8000 + 800


def test_of_a_file_that_is_too_long_the_beginning_is_counted() -> None:
    """Be it of lines, or one line."""
    for long in ("a b\n" * 10**6, "a b " * 10**6):
        counted: list[int] = []

        def count(text: str, counted: list[int] = counted) -> int:
            counted.append(len(text))
            return len(text) // 4

        assert 1 == fitting(["a\n", long, "b\n"], count, 1000)
        assert max(counted) < 20_000
