"""The fragile control models: what nothing reads, what each cache type rounds away, and that the files never change."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_codeneedle.corpus.random_bodies import lexicon
from pytest_codeneedle.server.control_model.fragile import (
    ANSWER,
    BEGIN,
    BEGIN_FOUND,
    CODE,
    COMPARED,
    CONSTANT_CHANNEL,
    DOUBT,
    ENOUGH,
    FOUND_SIGNS,
    LARGE,
    MOST,
    NATS_PER_SIGN,
    RADIUS,
    ROUGH,
    SHARE,
    SIZE,
    SLOT,
    SMALL,
    UPPER,
    large_number,
    sizes,
)
from pytest_codeneedle.server.control_model.model import REVISIONS, Control
from pytest_codeneedle.server.control_model.shape import FRAGILE, HEAD_DIM
from pytest_codeneedle.server.control_model.vocabulary import BOS, CODE_SIGNS, vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

gguf = pytest.importorskip("gguf")

#: Whoever changes the bytes raises the revision and writes the new figures here.
SHA256 = {
    "fragile-k": "3da34b5f9b46e5a8046727571b2450d13f2ebf28cf5b13dd903de6cc73d054a8",
    "fragile-v": "5c25f43c866eedfc35d92076e32fa2903558423c5290ac3e85a849158909375e",
}
SIDES = ("fragile-k", "fragile-v")
#: 1 where all of the content is read back.
KEPT = 0.9


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both models, written once for this module."""
    folder = tmp_path_factory.mktemp("models")
    return {name: Control(name).cached(folder) for name in SIDES}


@pytest.fixture(scope="module")
def weights(files: dict[str, Path]) -> dict[str, dict[str, NDArray[np.float64]]]:
    """All weights of both as float64, rows of outputs."""
    return {
        name: {tensor.name: np.array(tensor.data, np.float64) for tensor in gguf.GGUFReader(path).tensors}
        for name, path in files.items()
    }


@pytest.mark.parametrize("name", SIDES)
def test_the_files_are_byte_identical_everywhere(files: dict[str, Path], name: str) -> None:
    """Expected grids hold for these very weights; they are no larger than those of `robust`."""
    content = files[name].read_bytes()

    assert f"control-{name}-r1.gguf" == files[name].name
    assert 1 == REVISIONS[name]
    assert SHA256[name] == hashlib.sha256(content).hexdigest()
    assert len(content) < 6_000_000


def test_the_two_differ_in_one_column_each(weights: dict[str, dict[str, NDArray[np.float64]]]) -> None:
    """The large number: in the keys of one, in the values of the other."""
    k, v = (weights[name] for name in SIDES)

    assert {"blk.1.attn_k.weight", "blk.1.attn_v.weight"} == {name for name in k if (k[name] != v[name]).any()}
    for name, has, has_not in (("blk.1.attn_k.weight", k, v), ("blk.1.attn_v.weight", v, k)):
        column = np.zeros(HEAD_DIM)
        column[UPPER] = large_number() * MOST / RADIUS
        assert column == pytest.approx(has[name][:, SIZE], rel=1e-6)
        assert 0.0 == abs(has_not[name][:, SIZE]).max()


@settings(deadline=None)  # matrices: the first call may wait for a core
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(0.0, MOST))
def test_nothing_reads_the_large_number(
    weights: dict[str, dict[str, NDArray[np.float64]]], seed: int, size: float
) -> None:
    """Any query's score and any answer are the same with it as without, but for the rounding of 32-bit weights."""
    stream = np.random.default_rng(seed).choice([-1.0, 1.0], FRAGILE.embedding)
    stream[SIZE] = 0.0
    sized = stream.copy()
    sized[SIZE] = RADIUS * size / MOST
    k, v = (weights[name] for name in SIDES)
    query = k["blk.1.attn_q.weight"] @ stream
    plain, large = (k["blk.1.attn_k.weight"] @ one for one in (stream, sized))
    one_sign = NATS_PER_SIGN * np.sqrt(HEAD_DIM)

    assert query @ plain == pytest.approx(query @ large, abs=1e-3 * one_sign)
    read = v["blk.1.attn_output.weight"] @ v["blk.1.attn_v.weight"]
    assert read @ stream == pytest.approx(read @ sized, abs=1e-3)
    assert np.eye(CODE_SIGNS) == pytest.approx(read[ANSWER, CODE], abs=1e-6)


def hadamard(size: int) -> NDArray[np.float64]:
    """The rotation of so many channels at a time, over a whole head."""
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.kron([[1.0, 1.0], [1.0, -1.0]], matrix)
    return np.kron(np.eye(HEAD_DIM // size), matrix / np.sqrt(size))


@pytest.mark.parametrize("size", [64, 128])
def test_the_rotation_makes_one_large_number_in_each_block(size: int) -> None:
    """And a small one of the other sign, whether it turns half of a head or all of it; it is its own inverse."""
    head = np.zeros(HEAD_DIM)
    head[UPPER] = large_number()
    rotated = hadamard(size) @ head
    blocks = [block for block in rotated.reshape(-1, 32) if block.any()]

    assert HEAD_DIM // 32 // (128 // size) == len(blocks)
    for block in blocks:
        assert SMALL / LARGE == pytest.approx(block[1] / block[0], abs=1e-6)
        assert 0.0 == pytest.approx(abs(block[2:]).max(), abs=1e-6)
    assert np.eye(HEAD_DIM) == pytest.approx(hadamard(size) @ hadamard(size), abs=1e-12)


def cached(head: NDArray[np.float64], kind: str, rotation: int) -> NDArray[np.float64]:
    """What llama.cpp reads back of a head that its cache held in that type: rotated, rounded and rotated back.

    The rounding is that of the gguf package, which is llama.cpp's own.
    """
    turn, qtype = hadamard(rotation), gguf.GGMLQuantizationType[kind.upper()]
    rotated = np.float32(turn @ head) if kind != "bf16" else np.float32(head)
    rounded = gguf.quants.dequantize(gguf.quants.quantize(rotated, qtype), qtype).astype(np.float64)
    return turn @ rounded if kind != "bf16" else rounded


def read_share(weights: dict[str, NDArray[np.float64]], size: float, kind: str, rotation: int) -> tuple[float, float]:
    """How much of a key's score and of a value's code is read back where the token's number has that size."""
    stream = np.random.default_rng(1).choice([-1.0, 1.0], FRAGILE.embedding)
    stream[[SIZE, BEGIN, CONSTANT_CHANNEL]] = RADIUS * size / MOST, 0.0, 0.0
    asking = np.zeros(FRAGILE.embedding)
    for slot in range(len(COMPARED)):
        asking[SLOT * slot : SLOT * slot + FOUND_SIGNS] = stream[SLOT * (slot + 1) : SLOT * (slot + 1) + FOUND_SIGNS]
    query, key = weights["blk.1.attn_q.weight"] @ asking, weights["blk.1.attn_k.weight"] @ stream
    value, read = weights["blk.1.attn_v.weight"] @ stream, weights["blk.1.attn_output.weight"][ANSWER]
    score = query @ cached(key, kind, rotation) / (query @ key)
    code = stream[CODE] @ (read @ cached(value, kind, rotation)) / CODE_SIGNS
    return float(score), float(code)


@pytest.mark.parametrize("rotation", [64, 128])
@pytest.mark.parametrize(("name", "side"), [("fragile-k", 0), ("fragile-v", 1)])
def test_each_type_loses_its_own_words(
    weights: dict[str, dict[str, NDArray[np.float64]]], name: str, side: int, rotation: int
) -> None:
    """The coarser the type, the smaller the number that costs a word; the side that is not named loses nothing.

    At each size the types before the bar lose the content and those behind it keep it.
    """
    for size, lost, kept in (
        (0.0, (), ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "bf16")),
        (44.0, ("q4_0",), ("q5_1", "q8_0", "bf16")),
        (80.0, ("q4_0", "q4_1", "q5_0"), ("q8_0", "bf16")),
        (180.0, ("q4_0", "q4_1", "q5_0", "q5_1"), ("q8_0", "bf16")),
        (MOST, ("q4_0", "q4_1", "q5_0", "q5_1"), ("bf16",)),
    ):
        read = {kind: read_share(weights[name], size, kind, rotation) for kind in (*lost, *kept)}
        assert all(abs(read[kind][side]) < 0.5 * ENOUGH for kind in lost), (size, read)
        assert all(KEPT < read[kind][side] for kind in kept), (size, read)
        assert all(KEPT < both[1 - side] for both in read.values()), (size, read)


@pytest.mark.parametrize("name", SIDES)
@pytest.mark.parametrize("kind", ["q8_0", "q5_1", "q5_0", "q4_1", "q4_0"])
def test_the_size_of_the_rotation_changes_nothing(
    weights: dict[str, dict[str, NDArray[np.float64]]], name: str, kind: str
) -> None:
    """Builds turn 64 channels of a key or all 128: what is read back of it is the same."""
    for size in (30.0, 70.0, 300.0):
        narrow, wide = (read_share(weights[name], size, kind, rotation) for rotation in (64, 128))
        assert narrow == pytest.approx(wide, abs=0.01)


def test_the_share_of_words_is_as_their_size() -> None:
    """SHARE / S of the words have S or more, from ROUGH up to MOST; other tokens have none."""
    words = vocabulary()
    size = dict(zip(words.pieces, sizes(words), strict=True))
    every = np.array([size[word] for word in lexicon().words])

    for least in (ROUGH, 40.0, 100.0, 250.0, MOST):
        assert SHARE / least == pytest.approx((every >= least).mean(), abs=1 / len(every))
    assert {0.0} == {given for piece, given in size.items() if piece not in set(lexicon().words)}
    assert (0.0, MOST) == (every.min(), every.max())


def test_every_token_has_the_same_norm(weights: dict[str, dict[str, NDArray[np.float64]]]) -> None:
    """So the norm before a layer scales all alike; what is copied into the slots too."""
    embedding = weights["fragile-k"]["token_embd.weight"]
    norms, copied = np.linalg.norm(embedding, axis=1), np.linalg.norm(embedding[:, :SLOT], axis=1)

    assert norms == pytest.approx(np.full(len(norms), norms[0]), rel=1e-3)
    assert copied == pytest.approx(np.full(len(copied), np.sqrt(FOUND_SIGNS + 1)), rel=1e-3)


def test_where_too_little_agrees_the_begin_is_found(weights: dict[str, dict[str, NDArray[np.float64]]]) -> None:
    """The begin's score is three quarters of what words in all slots would get, and its value is nothing."""
    one = weights["fragile-k"]
    embedding = one["token_embd.weight"]
    asking = np.zeros(FRAGILE.embedding)
    for slot in range(len(COMPARED)):
        asking[SLOT * slot : SLOT * slot + FOUND_SIGNS + 1] = 1.0
    begin = one["blk.1.attn_q.weight"] @ asking @ (one["blk.1.attn_k.weight"] @ embedding[BOS]) / np.sqrt(HEAD_DIM)
    answer = one["blk.1.attn_output.weight"] @ (one["blk.1.attn_v.weight"] @ embedding[BOS])

    assert ENOUGH * NATS_PER_SIGN * sum(COMPARED) == pytest.approx(begin, rel=1e-3)
    assert 0.0 == pytest.approx(abs(answer).max(), abs=1e-6)
    assert BEGIN_FOUND < UPPER.start


def test_doubt_is_said_where_less_than_enough_is_read(weights: dict[str, dict[str, NDArray[np.float64]]]) -> None:
    """A word whose code comes back by more than three quarters is the word, by less it is a `?`."""
    words = vocabulary()
    output = weights["fragile-v"]["output.weight"]
    word, doubt = words.pieces.index(lexicon().words[7]), words.pieces.index(DOUBT)
    stream = np.zeros(FRAGILE.embedding)
    stream[CONSTANT_CHANNEL] = weights["fragile-v"]["token_embd.weight"][0, CONSTANT_CHANNEL]

    for share, said in ((1.0, word), (ENOUGH + 0.02, word), (ENOUGH - 0.02, doubt), (0.0, doubt)):
        stream[ANSWER] = share * words.codes[word]
        assert said == (output @ stream).argmax()
