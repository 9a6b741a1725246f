"""The words of the generated corpora: how many, of what form, and that runs of them come apart in one way."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_codeneedle.corpus.random_bodies import CONSONANTS, FIRST_HALVES, SECOND_HALVES, VOWELS, below, lexicon, pick

WORDS = lexicon()


def test_there_are_as_many_of_each_kind_as_is_said() -> None:
    """70 syllables, 62 and 64 halves, 3,968 words; none stands twice."""
    assert len(CONSONANTS) * len(VOWELS) == len(set(WORDS.syllables)) == 70
    assert FIRST_HALVES == len(WORDS.first_halves) == 62
    assert SECOND_HALVES == len(WORDS.second_halves) == 64
    assert 126 == len(set(WORDS.halves))
    assert 3968 == len(set(WORDS.words)) == len(WORDS.words)


def test_the_halves_are_disjoint() -> None:
    """No first half is a second half, so that a run of words has one reading only."""
    assert set() == set(WORDS.first_halves) & set(WORDS.second_halves)


def test_a_half_is_two_syllables() -> None:
    """Four letters: consonant, vowel, consonant, vowel."""
    assert {4} == {len(half) for half in WORDS.halves}
    assert {True} == {half[:2] in WORDS.syllables and half[2:] in WORDS.syllables for half in WORDS.halves}


def test_a_word_is_a_first_and_a_second_half() -> None:
    """Every combination is a word."""
    assert {(a, b) for a in WORDS.first_halves for b in WORDS.second_halves} == {
        (word[:4], word[4:]) for word in WORDS.words
    }


def test_it_is_the_same_each_time() -> None:
    """The lexicon has no seed to choose: the control model's vocabulary is made of it."""
    assert WORDS == lexicon()
    assert ("dulo", "tuki", "some") == WORDS.first_halves[:3]
    assert ("dulorufu", "nomebebe") == (WORDS.words[0], WORDS.words[-1])


@given(st.lists(st.sampled_from(WORDS.words), min_size=1, max_size=6), st.data())
def test_a_word_begins_only_where_it_was_put(words: list[str], data: st.DataObject) -> None:
    """In a run of words, no place between the joints reads as a word: at half a word it is the wrong half."""
    run = "".join(words)
    at = data.draw(st.integers(0, len(run) // 4 - 2)) * 4

    assert (at % 8 == 0) == (run[at : at + 8] in set(WORDS.words))


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 10_000))
def test_numbers_lie_below_the_limit(seed: int, n: int) -> None:
    """`below` gives whole numbers from 0 up to, and not including, the limit."""
    rng = random.Random(seed)

    assert set(range(n)) >= {below(rng, n) for _ in range(20)}


def test_each_item_can_be_picked() -> None:
    """`pick` reaches the first and the last item."""
    rng = random.Random(1)

    assert {"a", "b", "c"} == {pick(rng, "abc") for _ in range(100)}
