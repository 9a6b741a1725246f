"""Seeded synthetic corpora: code that no language prior can reconstruct, so every line must come from the cache.

`random-bodies` is N Python functions of `identifier = "literal"` lines. The same knobs give the same bytes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.corpus.lexicon import FIRST_HALVES, SECOND_HALVES, lexicon, pick

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
