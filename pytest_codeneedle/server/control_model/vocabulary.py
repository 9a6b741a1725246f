"""The control model's vocabulary, and the code of 24 signs that stands for each token.

**Tokens.** llama.cpp's SPM tokenizer joins neighbours whose union is a token, best score first and leftmost
among equals. The scores below make it build syllables, then half words, then words (see `lexicon`), then the
joints of a generated line such as ` = "`. A line `    word = "wordwordword"` is six tokens. All other text
falls back to characters and bytes.

**Codes.** The extended binary Golay code has 4,096 words of 24 bits, any two of which differ in at least 8
places (M. Golay, 1949). Written as signs, the product of two different codes is at most 8 where that of a code
with itself is 24. Words, joints and printable characters take a code each. The few hundred tokens that a
generated corpus never shows (bytes, syllables, halves) take a code with four signs turned: these differ from
every Golay word in at least 4 places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.corpus.random_bodies import lexicon

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CODE_SIGNS = 24
UNKNOWN, BOS, EOS = range(3)
#: A copy that arrives here would begin the next function or leave the file: the model ends its answer instead.
#: The two share a code, whose row of the unembedding belongs to the end of the answer.
ENDS_ANSWER = ("def▁", "---")

_JOINTS = (
    "\n",
    "▁",
    "▁▁",
    "▁▁▁▁",
    '"\n',
    '"\n▁▁▁▁',
    "▁=",
    "▁=▁",
    '▁=▁"',
    "def",
    "def▁",
    "()",
    "():",
    "():\n",
    "--",
    "---",
)


@dataclass(frozen=True)
class Vocabulary:
    """Pieces with their scores and GGUF token types, and `codes`: one row of 24 signs (+1.0 / -1.0) a token."""

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    types: tuple[int, ...]
    codes: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.pieces)


def vocabulary() -> Vocabulary:
    """The one vocabulary there is. Needs the package gguf (extra `embedded`)."""
    from gguf import TokenType  # noqa: PLC0415 - an extra: imported where it is used

    words = lexicon()
    control = [("<unk>", 0.0, TokenType.UNKNOWN), ("<s>", 0.0, TokenType.CONTROL), ("</s>", 0.0, TokenType.CONTROL)]
    byte = [(f"<0x{value:02X}>", 0.0, TokenType.BYTE) for value in range(256)]
    characters = [chr(value) for value in range(33, 127)]
    scored = [
        *((piece, -1.0) for piece in words.syllables),
        *((piece, -2.0) for piece in words.halves),
        *((piece, -3.0) for piece in words.words),
        *((piece, -4.0 - place) for place, piece in enumerate(_JOINTS)),
        *((piece, -100.0) for piece in characters),
    ]
    entries = control + byte + [(piece, score, TokenType.NORMAL) for piece, score in scored]
    pieces = tuple(piece for piece, _, _ in entries)
    return Vocabulary(
        pieces,
        tuple(score for _, score, _ in entries),
        tuple(int(kind) for _, _, kind in entries),
        _codes(pieces, own=("<s>", "</s>", *_JOINTS, *characters, *words.words)),
    )


def golay_signs() -> NDArray[np.float64]:
    """All 4,096 words of the extended Golay code as rows of 24 signs.

    The first 23 places are the multiples of x^11+x^9+x^7+x^6+x^5+x+1 (the code of quadratic residues modulo
    23), the last is the parity.
    """
    import numpy as np  # noqa: PLC0415 - only where the model is written

    generator = 0b101011100011
    basis = np.array([[generator << shift >> place & 1 for place in range(23)] for shift in range(12)])
    basis = np.hstack([basis, basis.sum(axis=1, keepdims=True) % 2])
    messages = np.arange(4096)[:, None] >> np.arange(12) & 1
    signs: NDArray[np.float64] = 1.0 - 2.0 * (messages @ basis % 2)
    return signs


def _codes(pieces: tuple[str, ...], own: tuple[str, ...]) -> NDArray[np.float64]:
    import numpy as np  # noqa: PLC0415 - as above

    golay = golay_signs()
    place = {piece: row for row, piece in enumerate(own)}
    turned = np.ones(CODE_SIGNS)
    turned[:4] = -1.0
    rare = iter(range(len(golay)))
    codes = np.array([golay[place[p]] if p in place else golay[next(rare)] * turned for p in pieces])
    first, *others = (pieces.index(piece) for piece in ENDS_ANSWER)
    codes[others] = codes[first]
    return codes
