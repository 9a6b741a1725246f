"""The control model's file and the figures that its construction rests on."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np
import pytest

from pytest_codeneedle.core.errors import ModelError
from pytest_codeneedle.server.control_model import model as reference_model
from pytest_codeneedle.server.control_model import robust as reference_weights
from pytest_codeneedle.server.control_model.model import CHAT_TEMPLATE, CONTEXT_TRAIN, REVISIONS, Control
from pytest_codeneedle.server.control_model.shape import (
    CONSTANT,
    CONSTANT_CHANNEL,
    EMBEDDING,
    HEAD_DIM,
    LOGIT_SCALE,
    NATS_PER_SIGN,
    OFFSET_NATS,
    OFFSETS,
    ROTARY_MARGIN,
    ROTARY_PAIRS,
)
from pytest_codeneedle.server.control_model.vocabulary import CODE_SIGNS, ENDS_ANSWER, EOS, vocabulary

if TYPE_CHECKING:
    from pathlib import Path

gguf = pytest.importorskip("gguf")

#: Whoever changes the bytes raises the revision and writes the new figure here.
SHA256 = "dc899e5d65bfaebf713a7a9803a585af6e7f585cac53412f3b227c721565e874"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The control model, written once for this module."""
    return Control().cached(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def tensors(model: Path) -> dict[str, Any]:
    """All weights as float64, rows of outputs."""
    found = gguf.GGUFReader(model).tensors
    return {tensor.name: np.array(tensor.data, np.float64) for tensor in found}


def test_the_file_is_byte_identical_everywhere(model: Path) -> None:
    """Results can be compared only if every machine computes these very weights."""
    assert 1 == REVISIONS["robust"]
    assert "control-robust-r1.gguf" == model.name
    assert SHA256 == hashlib.sha256(model.read_bytes()).hexdigest()


def test_the_file_is_small(model: Path) -> None:
    """Under 40 MB, so that it can be written in a moment and kept."""
    assert model.stat().st_size < 40_000_000


def test_what_is_written_is_what_llama_cpp_reads(model: Path, tensors: dict[str, Any]) -> None:
    """Architecture, dimensions, tokenizer and template stand in the file."""
    fields = gguf.GGUFReader(model).fields
    read = {name: fields[name].contents() for name in fields}

    assert ("deci", 2, [OFFSETS, 1], [1, 1]) == (
        read["general.architecture"],
        read["deci.block_count"],
        read["deci.attention.head_count"],
        read["deci.attention.head_count_kv"],
    )
    assert (CONTEXT_TRAIN, EMBEDDING, HEAD_DIM) == (
        read["deci.context_length"],
        read["deci.embedding_length"],
        read["deci.attention.key_length"],
    )
    assert CHAT_TEMPLATE == read["tokenizer.chat_template"]
    assert list(vocabulary().pieces) == read["tokenizer.ggml.tokens"]
    assert (True, False) == (read["tokenizer.ggml.add_bos_token"], read["tokenizer.ggml.add_space_prefix"])
    assert (4533, EMBEDDING) == tensors["token_embd.weight"].shape
    assert 0 == HEAD_DIM % 64  # quantized caches are rotated then, as those of real models are


def test_the_rotary_margin_is_that_of_all_offsets() -> None:
    """At the right offset the 8 cosines sum to 8; recomputed over 65,536 offsets, no other comes nearer."""
    turns = np.array(reference_weights.turns())
    offsets = np.arange(1, 65536 + 1)
    sums = np.cos(offsets[:, None] * turns).sum(axis=1)

    assert ROTARY_PAIRS == len(turns)
    assert CONTEXT_TRAIN == len(offsets)
    assert ROTARY_MARGIN == pytest.approx(ROTARY_PAIRS - sums.max(), abs=1e-4)


def test_offset_heads_look_their_number_of_tokens_back(tensors: dict[str, Any]) -> None:
    """From the written weights: the score at the right token stands 40 nats above that of any other."""
    query, key = tensors["blk.0.attn_q.weight"], tensors["blk.0.attn_k.weight"]
    constant = np.zeros(EMBEDDING)
    constant[CONSTANT_CHANNEL] = CONSTANT
    own = 10000.0 ** (-2 * np.arange(HEAD_DIM // 2) / HEAD_DIM)
    turns = own / tensors["rope_freqs.weight"]
    distance = np.arange(0, 65536)[:, None]
    rotated = (key @ constant)[0::2] + 1j * (key @ constant)[1::2]

    for back in range(1, OFFSETS + 1):
        head = (query @ constant)[(back - 1) * HEAD_DIM : back * HEAD_DIM]
        asked = head[0::2] + 1j * head[1::2]
        active = slice(0, ROTARY_PAIRS)
        phases = np.exp(1j * distance * turns[active])
        scores = (asked[active] * np.conj(rotated[active]) * phases).real.sum(axis=1) / np.sqrt(HEAD_DIM)

        assert back == scores.argmax()
        others = np.delete(scores, back)
        assert scores[back] - others.max() > OFFSET_NATS - 0.5


def test_the_copying_head_counts_signs(tensors: dict[str, Any]) -> None:
    """Each of the 112 signs compared is worth 2.5 nats whether it agrees or not, at every position alike."""
    query = tensors["blk.1.attn_q.weight"]
    key = tensors["blk.1.attn_k.weight"]
    generator = np.random.default_rng(1)
    here, there = np.zeros((2, EMBEDDING))
    codes = generator.choice([-1.0, 1.0], (OFFSETS, CODE_SIGNS))
    here[: OFFSETS * CODE_SIGNS] = codes.ravel()
    there[CODE_SIGNS : (OFFSETS + 1) * CODE_SIGNS] = codes.ravel()
    score = (query @ here) @ (key @ there) / np.sqrt(HEAD_DIM)

    assert 0.0 == abs((query @ here)[: 2 * ROTARY_PAIRS]).max()
    assert 4 * CODE_SIGNS + 16 == HEAD_DIM - 2 * ROTARY_PAIRS
    assert NATS_PER_SIGN * 112 == pytest.approx(score, rel=1e-5)
    there[CODE_SIGNS] *= -1
    assert NATS_PER_SIGN * 110 == pytest.approx((query @ here) @ (key @ there) / np.sqrt(HEAD_DIM), rel=1e-5)
    assert (HEAD_DIM, EMBEDDING) == query.shape


def test_a_copied_token_has_a_probability_of_real_models(tensors: dict[str, Any]) -> None:
    """About 0.99 for every ordinary token, with the others' share spread over the whole vocabulary."""
    words = vocabulary()
    output = tensors["output.weight"][:, CODE_SIGNS * OFFSETS + CODE_SIGNS : CODE_SIGNS * (OFFSETS + 2)]
    copied = [at for at, piece in enumerate(words.pieces) if len(piece) == 8 and piece.isalpha()][::200]
    logits = LOGIT_SCALE * words.codes[copied] @ output.T
    chosen = np.exp(logits)[np.arange(len(copied)), copied] / np.exp(logits).sum(axis=1)

    assert copied == logits.argmax(axis=1).tolist()
    assert 0.98 < chosen.min() <= chosen.max() < 0.999


def test_the_head_of_the_next_function_ends_the_answer(tensors: dict[str, Any]) -> None:
    """Its code speaks for the end of the text, and for nothing else."""
    words = vocabulary()
    output = tensors["output.weight"]
    first = words.pieces.index(ENDS_ANSWER[0])
    logits = output[:, CODE_SIGNS * (OFFSETS + 1) : CODE_SIGNS * (OFFSETS + 2)] @ words.codes[first]

    assert EOS == logits.argmax()
    assert [0.0, 0.0] == [abs(output[words.pieces.index(piece)]).max() for piece in ENDS_ANSWER]


def rendered(*contents: str) -> str:
    """The prompt that the model's template makes of user messages."""
    template = jinja2.Environment().from_string(CHAT_TEMPLATE)
    return template.render(messages=[{"role": "user", "content": content} for content in contents])


def test_the_template_leaves_messages_as_they_are() -> None:
    """One line end comes after, where the body follows the quoted signature."""
    assert "text\ndef f():\n" == rendered("text\ndef f():")
    assert "one\ntwo\n" == rendered("one", "two")


def test_the_template_finds_the_function_that_a_public_harness_names() -> None:
    """Its signature line is looked up in the text and ends the prompt, whatever comes before and after it."""
    text = "def one():\n    a = 1\n\ndef two(x, y):\n    b = 2\n"
    task = "Reproduce the function named `two` from the source, please."

    assert f"{text}{task}\ndef two(x, y):\n" == rendered(text + task)


def test_the_template_passes_over_a_function_that_is_not_there() -> None:
    """The prompt is then the message alone."""
    task = "def one():\nthe function named `three`"

    assert f"{task}\n" == rendered(task)


def test_a_cached_model_is_not_written_again(tmp_path: Path) -> None:
    """What lies under its name is taken where it is whole."""
    path = Control().cached(tmp_path)
    written = (path.stat().st_ino, path.stat().st_mtime_ns)

    assert path == Control().cached(tmp_path)
    assert written == (path.stat().st_ino, path.stat().st_mtime_ns)


@pytest.mark.parametrize("fault", ["empty", "torn", "altered", "a pipe"])
def test_a_cached_model_that_is_not_whole_is_written_again(tmp_path: Path, fault: str) -> None:
    """A disk was full, or somebody's program wrote into it: it would be another model."""
    path = Control().cached(tmp_path)
    content = path.read_bytes()
    path.unlink()
    if fault == "a pipe":
        os.mkfifo(path)
    else:
        faults = {"empty": b"", "torn": content[:-1], "altered": content[:-1] + b"x"}
        path.write_bytes(faults[fault])

    assert content == Control().cached(tmp_path).read_bytes()


def test_processes_may_race_for_the_first_write(tmp_path: Path) -> None:
    """Each of three real processes gets a whole file, and nothing else is left in the folder."""
    folder = tmp_path / "cache"
    program = (
        "import hashlib, pathlib, sys\n"
        "from pytest_codeneedle.server.control_model.model import Control\n"
        "import gguf\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "path = Control().cached(pathlib.Path(sys.argv[1]))\n"
        "print(hashlib.sha256(path.read_bytes()).hexdigest())\n"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert "ready\n" == racer.stdout.readline()
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    outputs = [racer.communicate(timeout=60)[0] for racer in racers]

    assert [f"{SHA256}\n"] * 3 == outputs
    assert ["control-robust-r1.gguf"] == [path.name for path in folder.iterdir()]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither half a model nor a file of its own. The failure is a fake: a full disk cannot be had here."""

    def fail(_path: Path, _name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reference_model, "_write_gguf", fail)

    with pytest.raises(KeyboardInterrupt):
        Control().cached(tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With the reason and the variable that names another."""
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "cache"
    reason = f"the control model cannot be written to {folder}: Not a directory; set XDG_CACHE_HOME"

    with pytest.raises(ModelError, match=rf"^{re.escape(reason)}$"):
        Control().cached(folder)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("1024 requested and 0 written"), "1024 requested and 0 written"),  # so says numpy
    ],
)
def test_a_disk_that_is_full_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    """An error while the file is written is told like one before. It is a fake: no disk is full here."""

    def fail(_path: Path, _name: str) -> None:
        raise error

    monkeypatch.setattr(reference_model, "_write_gguf", fail)
    reason = f"the control model cannot be written to {tmp_path}: {said}; set XDG_CACHE_HOME"

    with pytest.raises(ModelError, match=rf"^{re.escape(reason)}$"):
        Control().cached(tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_without_gguf_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is part of what the embedded server needs."""
    monkeypatch.setitem(sys.modules, "gguf", None)
    reason = "writing the control model needs the package gguf: pip install 'pytest-codeneedle[embedded]'"

    with pytest.raises(ModelError, match=rf"^{re.escape(reason)}$"):
        Control().cached(tmp_path)


def test_there_are_three_control_models() -> None:
    """Their names are checked where they are made."""
    known = "control:robust, control:fragile-k, control:fragile-v"
    assert Control("robust") == Control()
    with pytest.raises(ModelError, match=rf"^control:weak: no such control model; there are {known}$"):
        Control("weak")
