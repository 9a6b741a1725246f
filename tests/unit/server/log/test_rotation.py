"""How a server is asked for the rotation of its cache, and whether its log shows it: real lines of three builds."""

from __future__ import annotations

import pytest

from pytest_codeneedle.core.cells import ROTATIONS, Rotation
from pytest_codeneedle.core.errors import ConfigurationError, InvalidCellError
from pytest_codeneedle.core.kv_types import BITS, KVPair, is_quantized
from pytest_codeneedle.server.log.rotation import check, environment, logged, refuse_two, said_by

Q4, Q4_V, PLAIN = KVPair("q4_0", "q4_0"), KVPair("bf16", "q4_0"), KVPair("bf16", "f16")
#: xllamacpp 2026.10 with heads of 128.
HEAD = "print_info: n_rot                 = 128\nprint_info: n_embd_head_k         = 128\n"
ROTATED = (
    "llama_kv_cache: n_rot_k = 128, n_embd_head_k_all = 128\nllama_kv_cache: n_rot_v = 64, n_embd_head_k_all = 128\n"
)
BOTH = HEAD + ROTATED
V_ALONE = BOTH.replace("n_rot_k = 128", "n_rot_k = 0")
NONE = (
    f"{HEAD}llama_kv_cache: attention rotation force disabled (LLAMA_ATTN_ROT_DISABLE)\n"
    "llama_kv_cache: n_rot_k = 0, n_embd_head_k_all = 128\nllama_kv_cache: n_rot_v = 0, n_embd_head_k_all = 128\n"
)
#: llama-cpp-python 0.3.36.
OTHER_SPELLING = "llama_kv_cache: attn_rot_k = 1\nllama_kv_cache: attn_rot_v = 1\n"
HEADS_OF_80 = (
    "print_info: n_embd_head_k = 80\nprint_info: n_embd_head_v = 80\nllama_kv_cache: n_rot_k = 0\nn_rot_v = 0\n"
)
#: A model with sliding-window layers has two caches.
TWO_CACHES = OTHER_SPELLING + OTHER_SPELLING.replace("= 1", "= 0")


def test_what_a_server_is_told() -> None:
    """Only a rotation that was asked for is said; 0 undoes what the user's environment has."""
    assert [{}, {"LLAMA_ATTN_ROT_DISABLE": "0"}, {"LLAMA_ATTN_ROT_DISABLE": "1"}] == [
        environment(rotation) for rotation in ("default", "on", "off")
    ]


@pytest.mark.parametrize(
    ("value", "off"),
    [("", False), ("0", False), (" 00", False), ("1", True), ("-1", True), ("on", False)],
)
def test_rotation_is_off_where_the_server_takes_it_for_off(value: str, off: bool) -> None:
    """llama.cpp reads a number, and 0 is on. Where cells are asked with their own, it makes no difference."""
    there = {"LLAMA_ATTN_ROT_DISABLE": value}

    assert ("off" if off else "default") == said_by(there, ROTATIONS["default"])
    assert {"default"} == {said_by(there, ROTATIONS[name]) for name in ("on", "off", "both")}
    assert "default" == said_by({}, ROTATIONS["default"])


def test_said_twice() -> None:
    """A command that says it is refused beside the option, and is well without."""
    command = (("HOME", "/"), ("LLAMA_ATTN_ROT_DISABLE", "1"))
    refuse_two(ROTATIONS["default"], command)
    refuse_two(ROTATIONS["both"], command[:1])

    with pytest.raises(ConfigurationError, match="--kv-rotation and LLAMA_ATTN_ROT_DISABLE=1 in the command"):
        refuse_two(ROTATIONS["both"], command)


def test_quantized() -> None:
    """Types with a scale for each block."""
    assert {"f32", "f16", "bf16"} == {name for name in BITS if not is_quantized(name)}


def test_all_caches_of_a_log() -> None:
    """In their order."""
    assert {"k": [1, 0], "v": [1, 0]} == logged(TWO_CACHES)
    assert {"k": [128], "v": [64]} == logged(BOTH)


@pytest.mark.parametrize(
    ("log", "pair", "asked"),
    [
        (BOTH, Q4, "on"),
        (V_ALONE, Q4_V, "on"),
        (NONE, Q4, "off"),
        (NONE, PLAIN, "on"),
        ("", PLAIN, "off"),
        (OTHER_SPELLING, Q4, "on"),
        (TWO_CACHES, Q4, "on"),
        ("", Q4, "default"),
        (BOTH, Q4, "default"),
    ],
)
def test_obeyed(log: str, pair: KVPair, asked: Rotation) -> None:
    """A side that is not quantized is never rotated, and nobody asks about `default`."""
    check(log, pair, asked)


@pytest.mark.parametrize(
    ("log", "pair", "asked", "said"),
    [
        (BOTH, Q4, "off", "K is rotated: this build does not honour LLAMA_ATTN_ROT_DISABLE"),
        (V_ALONE, Q4_V, "off", "V is rotated: this build does not honour"),
        (TWO_CACHES, Q4, "off", "K is rotated"),
        (NONE, Q4_V, "on", "V is not rotated: llama.cpp rotates only heads whose size is a multiple of 64; leave"),
        (HEADS_OF_80, Q4, "on", "K is not rotated: this model's head size 80 is not a multiple of 64"),
        ("", Q4, "on", "does not say whether K is rotated"),
        ("", Q4_V, "off", "does not say whether V is rotated: this build has no such rotation, or does not tell"),
    ],
)
def test_not_obeyed(log: str, pair: KVPair, asked: Rotation, said: str) -> None:
    """The cell is not what it says: which side, why, and the way out."""
    with pytest.raises(InvalidCellError) as raised:
        check(log, pair, asked)

    assert said in str(raised.value)
    assert f"rotation {asked} was asked for" in str(raised.value)
    assert "leave --kv-rotation out" in str(raised.value)
