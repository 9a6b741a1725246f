"""Seeded synthetic corpora: code that no language prior can reconstruct, so every line must come from the cache.

`random-bodies` is N Python functions of `identifier = "literal"` lines. The same knobs give the same bytes.

Its words:
A word is two four-letter halves of the form consonant-vowel-consonant-vowel, for instance `badu` + `kimo`.
The first halves and the second halves are two sets without a common member, so any run of words can be cut
into its words in one way only. The control model's vocabulary holds every word as one token: a line of a
generated corpus is then six tokens, and the time of the default grid hangs on that.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import CorpusError

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


#: Every word with every first half behind it: how many function names there are.
MAX_FUNCTIONS = FIRST_HALVES * SECOND_HALVES * FIRST_HALVES


@dataclass(frozen=True)
class RandomBodies:
    """The knobs of a `random-bodies` corpus.

    With the defaults the text has 205,998 bytes. A literal of 24 characters holds three words of 12 bits, an
    identifier one: 48 bits a line.
    """

    functions: int = 200
    value_len: int = 24
    seed: int = 42
    body_lines: int = 24

    def __post_init__(self) -> None:
        for knob, low, high in (
            ("functions", 1, MAX_FUNCTIONS),
            ("value_len", 1, 10_000),
            ("body_lines", 1, 10_000),
        ):
            value = getattr(self, knob)
            if not low <= value <= high:
                msg = f"random-bodies: {knob} = {value} is out of range; give a number from {low} to {high}"
                raise CorpusError(msg)

    def text(self) -> str:
        """The corpus: valid Python, pure ASCII, two blank lines between functions, a line end at its end."""
        words = lexicon()
        rng = random.Random(self.seed)  # noqa: S311 - reproducible text, not secrets
        names: dict[str, None] = {}  # a dict keeps the order and refuses a name twice
        while len(names) < self.functions:
            names[pick(rng, words.words) + pick(rng, words.first_halves)] = None
        vocabulary = words.words
        return "\n\n".join(self._function(name, rng, vocabulary) for name in names)

    def _function(self, name: str, rng: random.Random, words: tuple[str, ...]) -> str:
        lines = [f'    {pick(rng, words)} = "{self._literal(rng, words)}"\n' for _ in range(self.body_lines)]
        return f"def {name}():\n" + "".join(lines)

    def _literal(self, rng: random.Random, words: tuple[str, ...]) -> str:
        count = -(-self.value_len // len(words[0]))
        return "".join(pick(rng, words) for _ in range(count))[: self.value_len]


#: What `[generate] kind` in a corpus file and `codeneedle generate KIND` may name.
KINDS = {"random-bodies": RandomBodies}
