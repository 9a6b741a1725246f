"""The control models `fragile-k` and `fragile-v`: recall falls step by step with the precision of one side alone.

They copy as `robust` does (see `model`), and each has one more number in the layer that copies: `fragile-k`
in its keys, `fragile-v` in its values. ggml's cache types round 32 numbers together, in steps of their largest. One
number of each 32 is made large, and nothing reads it: queries and the output are orthogonal to it, so with exact
arithmetic the answers are those of `robust`. What a coarse step does is round the other 31 to nothing.

**Step by step.** How large the number is hangs on the word. Of the words, a share of 2/S has one above S (the content
being 1), and most have none. So the share of the words that a type loses is proportional to its rounding step, and a
line is lost with any of its four words.

**Under the rotation.** llama.cpp multiplies keys and values by a Hadamard matrix before it rounds them, to spread
such numbers, 64 channels at a time or all 128 of a key. Its inverse is itself: the number is laid into 64 channels as
two columns of that matrix, which the server's rotation turns back into one number in each 32. Content and number stand
in the upper 64 of 128 channels: the larger matrix makes two halves of these that are equal but for signs, so builds
that differ in the size of the rotation do not differ in recall.

**Both signs.** q4_1 and q5_1 count their steps from the least of the 32. A second number, -1/14 of the first, puts
zero on a step of theirs, so that they round to nothing too, as types without a minimum do.

**No confusion.** A key that is rounded away must not send the copier to another place, for then one word would cost
all lines that follow. So a position is copied from only where three quarters of the last words agree: else attention
falls on the begin of the text, whose value is nothing. And from nothing, whether no key was found or a value is lost,
comes a `?`. It is no word and is not compared: the next word is found by the others. Eight tokens back are compared,
the nearest by ten signs, joints such as ` = "` not at all.

**Measured**: lines of 20, the mean of the 8 functions of random-bodies-mini, the other side at bf16. The same in every
function with xllamacpp 2026.10 and with the llama-server of llama-cpp-python 0.3.36 (x86 with AVX-512):

| | bf16 | q8_0 | q5_1 | q5_0 | q4_1 | q4_0 |
|---|---|---|---|---|---|---|
| fragile-k, K | 20.00 | 19.25 | 17.88 | 16.00 | 14.25 | 12.12 |
| fragile-v, V | 20.00 | 19.38 | 18.00 | 16.62 | 16.38 | 13.00 |

With the side named at bf16, all are 20.00 whatever the other is. They are made against the rotation: without it
(LLAMA_ATTN_ROT_DISABLE=1) the content spreads over channels that are not large, and q4_0 loses 1.25 and 1.00 lines.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import numpy as np

from pytest_codeneedle.corpus.random_bodies import below, lexicon
from pytest_codeneedle.server.control_model.robust import (
    empty_heads,
    layer_tensors,
    offset_query,
    rotary_factors,
    steady,
)
from pytest_codeneedle.server.control_model.shape import CONSTANT, FRAGILE, HEAD_DIM, ROTARY_PAIRS
from pytest_codeneedle.server.control_model.vocabulary import BOS, CODE_SIGNS, ENDS_ANSWER, EOS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Literal

    from numpy.typing import NDArray

    from pytest_codeneedle.server.control_model.vocabulary import Vocabulary

#: Signs by which a token is found again: the most, and how many are compared of the token 0, 1, ... back. Together 60.
FOUND_SIGNS = 10
COMPARED = (10, 10, 9, 8, 7, 6, 5, 5)
#: Any twelve neighbours of a Golay word's first 23 signs tell all words apart; the first few depend on half a word.
_FOUND_AT = 12
NATS_PER_SIGN = 4.0
LOGIT_SCALE = 1.0
#: So much of what is compared has to agree, and of a code to be read: else there is doubt, which is written `?`.
ENOUGH = 0.75
DOUBT = "?"

#: A share of SHARE / S of the words has a number of S or more, from ROUGH to MOST.
SHARE, ROUGH, MOST = 2.0, 22.0, 600.0
_SIZES_SEED = 1

#: llama.cpp rotates 64 channels at a time, or more; ggml rounds 32 together.
ROTATED, BLOCK = 64, 32
#: What of each 32 is the large number, and the other that puts zero on a step of types with a minimum.
LARGE, SMALL = 1.0, -1 / 14
#: The upper channels of a head hold all that is compared and copied; one of the lower ones finds the begin.
UPPER = slice(HEAD_DIM - ROTATED, HEAD_DIM)
BEGIN_FOUND = 2 * ROTARY_PAIRS

# The residual stream: slots for the token and the eight before it (signs, whether there are any, what is missing to
# a norm of all the same), the token's own code, the answer, and single channels.
SLOT = FOUND_SIGNS + 2
CODE = slice(SLOT * (len(COMPARED) + 1), SLOT * (len(COMPARED) + 1) + CODE_SIGNS)
ANSWER = slice(CODE.stop, CODE.stop + CODE_SIGNS)
CONSTANT_CHANNEL, SIZE, SIZE_REST, BEGIN = range(ANSWER.stop, ANSWER.stop + 4)
#: The size stands on a circle of this radius, so that it does not change the norm.
RADIUS = 8.0


def tensors(words: Vocabulary, side: Literal["k", "v"]) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Every tensor of the file that is fragile on that side, under llama.cpp's name for it."""
    half, single = np.float16, np.float32
    yield "token_embd.weight", _embedding(words).astype(half)
    yield "output.weight", _unembedding(words).astype(half)
    scale = LOGIT_SCALE * _rms(slots=len(COMPARED) + 1, codes=2)
    yield "output_norm.weight", np.full(FRAGILE.embedding, scale, single)
    yield "rope_freqs.weight", np.array(rotary_factors(), single)
    yield from layer_tensors(0, _rms(slots=1, codes=1), _offset_heads())
    yield from layer_tensors(1, _rms(slots=len(COMPARED) + 1, codes=1), _copying_head(side))


def sizes(words: Vocabulary) -> NDArray[np.float64]:
    """How large the large number of each token is; 0 for most words, and for all that is no word."""
    order = list(lexicon().words)
    rng = random.Random(_SIZES_SEED)  # noqa: S311 - reproducible weights, not secrets
    for last in range(len(order) - 1, 0, -1):
        other = below(rng, last + 1)
        order[last], order[other] = order[other], order[last]
    size = {word: SHARE * len(order) / (rank + 0.5) for rank, word in enumerate(order)}
    return np.array([min(MOST, size[piece]) if size.get(piece, 0.0) >= ROUGH else 0.0 for piece in words.pieces])


def _embedding(words: Vocabulary) -> NDArray[np.float64]:
    embedding = np.zeros((len(words), FRAGILE.embedding))
    compared = {*lexicon().words, *lexicon().halves}
    for at, piece in enumerate(words.pieces):
        if piece in compared:
            embedding[at, :FOUND_SIGNS] = words.codes[at, _FOUND_AT : _FOUND_AT + FOUND_SIGNS]
            embedding[at, FOUND_SIGNS] = 1.0
        else:
            embedding[at, FOUND_SIGNS + 1] = math.sqrt(FOUND_SIGNS + 1)
    embedding[:, CODE] = words.codes
    embedding[BOS, CODE] = 0.0
    embedding[BOS, BEGIN] = math.sqrt(CODE_SIGNS)
    embedding[:, CONSTANT_CHANNEL] = CONSTANT
    share = sizes(words) / MOST
    embedding[:, SIZE], embedding[:, SIZE_REST] = RADIUS * share, RADIUS * np.sqrt(1 - share * share)
    return embedding


def _unembedding(words: Vocabulary) -> NDArray[np.float64]:
    """As that of `robust`; doubt has no code, and a logit that a code which is read well enough stands above."""
    output = np.zeros((len(words), FRAGILE.embedding))
    output[:, ANSWER] = words.codes
    ends = [words.pieces.index(piece) for piece in ENDS_ANSWER]
    output[EOS] = output[ends[0]]
    output[ends] = 0.0
    doubt = words.pieces.index(DOUBT)
    output[doubt] = 0.0
    output[doubt, CONSTANT_CHANNEL] = ENOUGH * CODE_SIGNS / CONSTANT
    return output


def _rms(*, slots: int, codes: int) -> float:
    """The root mean square of a stream with so many slots and codes filled: as a norm's weight it undoes the norm."""
    square = (FOUND_SIGNS + 1) * slots + CODE_SIGNS * codes + CONSTANT**2 + RADIUS**2
    return steady(math.sqrt(square / FRAGILE.embedding))


def _offset_heads() -> Mapping[str, NDArray[np.float64]]:
    """Layer 0: head t - 1 attends to the token t steps back and writes what it is found by into slot t."""
    weights = empty_heads(FRAGILE, layer=0)
    weights["attn_k"][0 : 2 * ROTARY_PAIRS : 2, CONSTANT_CHANNEL] = 1 / CONSTANT
    weights["attn_v"][:SLOT, :SLOT] = np.eye(SLOT)
    for back in range(1, len(COMPARED) + 1):
        first = (back - 1) * HEAD_DIM
        weights["attn_q"][first : first + 2 * ROTARY_PAIRS, CONSTANT_CHANNEL] = offset_query(back)
        weights["attn_output"][SLOT * back : SLOT * (back + 1), first : first + SLOT] = np.eye(SLOT)
    return weights


def _copying_head(side: Literal["k", "v"]) -> Mapping[str, NDArray[np.float64]]:
    """Layer 1: compares slots 0..7 with slots 1..8 of all positions, and copies the code found where enough agrees."""
    weights = empty_heads(FRAGILE, layer=1)
    scale = steady(NATS_PER_SIGN * math.sqrt(HEAD_DIM))
    carrier = _carrier(sum(COMPARED))
    first = 0
    for slot, compared in enumerate(COMPARED):
        columns = carrier[:, first : first + compared]
        here, there = SLOT * slot, SLOT * (slot + 1)
        weights["attn_q"][UPPER, here : here + compared] = scale * columns
        weights["attn_k"][UPPER, there : there + compared] = columns
        weights["attn_q"][BEGIN_FOUND, here + FOUND_SIGNS] = scale * ENOUGH * compared
        first += compared
    weights["attn_k"][BEGIN_FOUND, BEGIN] = 1 / math.sqrt(CODE_SIGNS)
    # As large as what is compared: 24 signs on 60 channels would be less than 1 each.
    stretch = steady(math.sqrt(sum(COMPARED) / CODE_SIGNS))
    carrier = _carrier(CODE_SIGNS)
    weights["attn_v"][UPPER, CODE] = stretch * carrier
    weights["attn_output"][ANSWER, UPPER] = carrier.T / stretch
    weights[f"attn_{side}"][UPPER, SIZE] = large_number() * MOST / RADIUS
    return weights


def _hadamard() -> NDArray[np.float64]:
    """The matrix that llama.cpp rotates 64 channels by (`ggml_gen_hadamard`): symmetric, and its own inverse."""
    matrix = np.ones((1, 1))
    while len(matrix) < ROTATED:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix / math.sqrt(ROTATED)


def large_number() -> NDArray[np.float64]:
    """The 64 channels that the server's rotation turns into LARGE and SMALL at the head of each 32, and zeros."""
    rotated = np.zeros(ROTATED)
    rotated[0::BLOCK], rotated[1::BLOCK] = LARGE, SMALL
    return np.round(_hadamard() @ rotated, 9)


def _carrier(width: int) -> NDArray[np.float64]:
    """Orthonormal columns that carry `width` numbers in 64 channels, orthogonal to the large number.

    After the server's rotation they are cosines (the discrete cosine transform) on the channels that the large number
    leaves, so that each of these holds a little of every number: what is rounded away takes from all alike.
    """
    free = [channel for channel in range(ROTATED) if channel % BLOCK > 1]
    rotated = np.zeros((ROTATED, width))
    for place, channel in enumerate(free):
        for wave in range(width):
            share = math.sqrt((2 if wave else 1) / len(free))
            rotated[channel, wave] = share * math.cos(math.pi * (2 * place + 1) * wave / (2 * len(free)))
    return np.round(_hadamard() @ rotated, 9)
