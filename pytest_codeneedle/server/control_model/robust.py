"""The weights of the control model `robust`, computed. See `control_model.model` for what they do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_codeneedle.server.control_model.shape import (
    ANSWER_SLOT,
    CONSTANT,
    CONSTANT_CHANNEL,
    EMBEDDING,
    FEED_FORWARD,
    HEAD_DIM,
    LOGIT_SCALE,
    NATS_PER_SIGN,
    OFFSET_NATS,
    OFFSETS,
    ROBUST,
    ROTARY_MARGIN,
    ROTARY_PAIRS,
    ROTARY_RATIO,
    ROTARY_TOP,
)
from pytest_codeneedle.server.control_model.vocabulary import CODE_SIGNS, ENDS_ANSWER, EOS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from pytest_codeneedle.server.control_model.shape import Shape
    from pytest_codeneedle.server.control_model.vocabulary import Vocabulary


def tensors(words: Vocabulary) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Every tensor of the file, under llama.cpp's name for it."""
    half, single = np.float16, np.float32
    embedding = np.zeros((len(words), EMBEDDING))
    embedding[:, _slot(0)] = words.codes
    embedding[:, CONSTANT_CHANNEL] = CONSTANT
    unembedding = np.zeros_like(embedding)
    unembedding[:, _slot(ANSWER_SLOT)] = words.codes
    ends = [words.pieces.index(piece) for piece in ENDS_ANSWER]
    unembedding[EOS] = unembedding[ends[0]]
    unembedding[ends] = 0.0
    yield "token_embd.weight", embedding.astype(half)
    yield "output.weight", unembedding.astype(half)
    yield "output_norm.weight", np.full(EMBEDDING, LOGIT_SCALE * _rms(slots=ANSWER_SLOT + 1), single)
    yield "rope_freqs.weight", np.array(rotary_factors(), single)
    yield from layer_tensors(0, _rms(slots=1), _offset_heads())
    yield from layer_tensors(1, _rms(slots=ANSWER_SLOT), _copying_head())


def _slot(number: int) -> slice:
    return slice(CODE_SIGNS * number, CODE_SIGNS * (number + 1))


def _rms(*, slots: int) -> float:
    """The root mean square of a stream with so many slots filled: as a norm's weight it undoes the norm."""
    return steady(math.sqrt((CODE_SIGNS * slots + CONSTANT**2) / EMBEDDING))


def steady(value: float) -> float:
    """Seven digits: math libraries differ in the sixteenth, and the file must be the same everywhere."""
    return float(f"{value:.6e}")


def turns() -> list[float]:
    """Radians per token of each pair that turns."""
    return [ROTARY_TOP * ROTARY_RATIO**pair for pair in range(ROTARY_PAIRS)]


def rotary_factors() -> list[float]:
    """llama.cpp divides its own frequency of a pair by these; a huge factor stops the pair."""
    own = [10000.0 ** (-2 * pair / HEAD_DIM) for pair in range(HEAD_DIM // 2)]
    turning = [steady(own[pair] / turn) for pair, turn in enumerate(turns())]
    return turning + [1e20] * (HEAD_DIM // 2 - ROTARY_PAIRS)


def offset_query(back: int) -> list[float]:
    """What a head asks the constant channel for that looks `back` tokens back: the phases of that offset."""
    # llama.cpp divides scores by the root of the head's dimension; the constant channel carries CONSTANT.
    sharp = OFFSET_NATS / ROTARY_MARGIN * math.sqrt(HEAD_DIM) / CONSTANT
    return [steady(sharp * part) for turn in turns() for part in (math.cos(-back * turn), math.sin(-back * turn))]


def empty_heads(shape: Shape, *, layer: int) -> dict[str, NDArray[np.float64]]:
    """Zero weights of one attention layer."""
    channels = HEAD_DIM * shape.heads[layer]
    return {
        "attn_q": np.zeros((channels, shape.embedding)),
        "attn_k": np.zeros((HEAD_DIM, shape.embedding)),
        "attn_v": np.zeros((HEAD_DIM, shape.embedding)),
        "attn_output": np.zeros((shape.embedding, channels)),
    }


def layer_tensors(
    layer: int, norm: float, weights: Mapping[str, NDArray[np.float64]]
) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """The tensors of one layer: a norm, the attention, and a feed-forward network that adds nothing."""
    single = np.float32
    embedding = len(weights["attn_output"])
    yield f"blk.{layer}.attn_norm.weight", np.full(embedding, norm, single)
    for name, matrix in weights.items():
        yield f"blk.{layer}.{name}.weight", matrix.astype(single)
    yield f"blk.{layer}.ffn_norm.weight", np.ones(embedding, single)
    yield f"blk.{layer}.ffn_gate.weight", np.zeros((FEED_FORWARD, embedding), single)
    yield f"blk.{layer}.ffn_up.weight", np.zeros((FEED_FORWARD, embedding), single)
    yield f"blk.{layer}.ffn_down.weight", np.zeros((embedding, FEED_FORWARD), single)


def _offset_heads() -> Mapping[str, NDArray[np.float64]]:
    """Layer 0: head t - 1 attends to the token t steps back and writes its code into slot t."""
    weights = empty_heads(ROBUST, layer=0)
    weights["attn_v"][:CODE_SIGNS, _slot(0)] = np.eye(CODE_SIGNS)
    weights["attn_k"][0 : 2 * ROTARY_PAIRS : 2, CONSTANT_CHANNEL] = 1 / CONSTANT
    for back in range(1, OFFSETS + 1):
        first = (back - 1) * HEAD_DIM
        weights["attn_q"][first : first + 2 * ROTARY_PAIRS, CONSTANT_CHANNEL] = offset_query(back)
        weights["attn_output"][_slot(back), first : first + CODE_SIGNS] = np.eye(CODE_SIGNS)
    return weights


def _copying_head() -> Mapping[str, NDArray[np.float64]]:
    """Layer 1: compares slots 0..4 with slots 1..5 of all positions and copies the code found there."""
    weights = empty_heads(ROBUST, layer=1)
    weights["attn_v"][:CODE_SIGNS, _slot(0)] = np.eye(CODE_SIGNS)
    scale = steady(NATS_PER_SIGN * math.sqrt(HEAD_DIM))
    at = 2 * ROTARY_PAIRS  # behind the pairs that turn
    for slot in range(OFFSETS):
        width = min(CODE_SIGNS, HEAD_DIM - at)
        here, there = CODE_SIGNS * slot, CODE_SIGNS * (slot + 1)
        weights["attn_q"][at : at + width, here : here + width] = scale * np.eye(width)
        weights["attn_k"][at : at + width, there : there + width] = np.eye(width)
        at += width
    weights["attn_output"][_slot(ANSWER_SLOT), :CODE_SIGNS] = np.eye(CODE_SIGNS)
    return weights
