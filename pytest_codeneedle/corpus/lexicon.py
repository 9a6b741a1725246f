"""The made-up words of the generated corpora.

A word is two four-letter halves of the form consonant-vowel-consonant-vowel, for instance `badu` + `kimo`.
The first halves and the second halves are two sets without a common member, so any run of words can be cut
into its words in one way only. The control model's vocabulary holds every word as one token: a line of a
generated corpus is then six tokens, and the time of the default grid hangs on that.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CONSONANTS = "bdfgklmnprstvz"
VOWELS = "aeiou"
#: 62 x 64 = 3,968 words: 12 bits each, and room for the other tokens among the 4,096 words of the Golay code.
FIRST_HALVES, SECOND_HALVES = 62, 64
_LEXICON_SEED = 1


@dataclass(frozen=True)
class Lexicon:
    """All syllables, half words and words; the same in every process and on every machine."""

    syllables: tuple[str, ...]
    first_halves: tuple[str, ...]
    second_halves: tuple[str, ...]

    @property
    def halves(self) -> tuple[str, ...]:
        """First halves, then second halves."""
        return self.first_halves + self.second_halves

    @property
    def words(self) -> tuple[str, ...]:
        """Every first half followed by every second half: 3,968 words of eight letters."""
        return tuple(a + b for a in self.first_halves for b in self.second_halves)


def lexicon() -> Lexicon:
    """The one lexicon there is."""
    syllables = tuple(c + v for c in CONSONANTS for v in VOWELS)
    pairs = [a + b for a in syllables for b in syllables]
    rng = random.Random(_LEXICON_SEED)  # noqa: S311 - reproducible words, not secrets
    halves = [pairs.pop(below(rng, len(pairs))) for _ in range(FIRST_HALVES + SECOND_HALVES)]
    return Lexicon(syllables, tuple(halves[:FIRST_HALVES]), tuple(halves[FIRST_HALVES:]))


def below(rng: random.Random, n: int) -> int:
    """A whole number from 0 to n - 1.

    Only `Random.random` is promised to give the same numbers in every Python version.
    """
    return int(rng.random() * n)


def pick(rng: random.Random, items: Sequence[str]) -> str:
    """One of the items."""
    return items[below(rng, len(items))]
