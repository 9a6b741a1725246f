"""The shape of the control models: heads, channels, and the constants that their weights are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_codeneedle.server.control_model.vocabulary import CODE_SIGNS

OFFSETS = 5


#: Heads of each layer: one per offset, then the one that copies.
HEADS = (OFFSETS, 1)


HEAD_DIM = 128


ROTARY_PAIRS = 8


#: Turns per token of pair i: 3.1 * 0.51**i radians. Found by search over both numbers for the largest margin.
ROTARY_TOP, ROTARY_RATIO = 3.1, 0.51


#: How far the sum of the 8 cosines at the right offset (8.0) stands above that at any other of 65,536.
ROTARY_MARGIN = 1.3175


OFFSET_NATS = 40.0


NATS_PER_SIGN = 2.5


#: Puts a copied token at a probability of about 0.99 against 4,530 others.
LOGIT_SCALE = 0.75


CONSTANT = 8.0


FEED_FORWARD = 32  # unused, but llama.cpp wants one: its weights are zero


ANSWER_SLOT = OFFSETS + 1


CONSTANT_CHANNEL = CODE_SIGNS * (ANSWER_SLOT + 1)


EMBEDDING = 32 * math.ceil((CONSTANT_CHANNEL + 1) / 32)


@dataclass(frozen=True)
class Shape:
    """In what the control models differ: the channels of the residual stream, and the heads of each layer."""

    embedding: int
    heads: tuple[int, int]


ROBUST = Shape(EMBEDDING, HEADS)


FRAGILE = Shape(160, (8, 1))
