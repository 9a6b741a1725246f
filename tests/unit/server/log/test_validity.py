"""What a server's log says of its cache: real lines of llama.cpp, of both builds that this is used with and older."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_codeneedle.core.errors import InvalidCellError
from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.server.log.kv_size import read_kv_size
from pytest_codeneedle.server.log.validity import Validity, read_validity

Q8 = KVPair("q8_0", "q8_0")
SIZE = "llama_kv_cache: size = 68.00 MiB ( 16384 cells, 2 layers, 1/1 seqs), K (q8_0): 34.00 MiB, V (q8_0): 34.00 MiB\n"
#: llama.cpp pads its figures.
PADDED = (
    "0.00.010.641 I llama_kv_cache: size =    0.66 MiB (  1280 cells,   2 layers,  1/1 seqs), "
    "K (q8_0):    0.33 MiB, V (q8_0):    0.33 MiB\n"
)
DIMENSION = "print_info: n_rot                 = 64\n"
FLASH = "llama_context: flash_attn    = enabled\n"
FALLBACK = "ggml_cuda: no FlashAttention vector kernel compiled for K=q8_0 V=q4_0, converting to f16\n"


def test_all_that_a_log_says() -> None:
    """Types, size, cells, layers, rotation and flash attention of one cache."""
    log = f"loading\n{DIMENSION}{FLASH}{SIZE}llama_kv_cache: attn_rot_k = 1\nllama_kv_cache: attn_rot_v = 0\nready\n"

    assert Validity(
        ctk="q8_0",
        ctv="q8_0",
        kv_mib=68.0,
        kv_cells=16384,
        kv_layers=2,
        attn_rot_k=1,
        attn_rot_v=0,
        flash_attn="enabled",
    ) == read_validity(log, Q8)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("llama_kv_cache: attn_rot_k = 1\nllama_kv_cache: attn_rot_v = 1\n", (1, 1)),
        ("llama_kv_cache: n_rot_k = 64\nllama_kv_cache: n_rot_v = 0\n", (64, 0)),
        (
            "llama_kv_cache: n_rot_k = 128, n_embd_head_k_all = 128\nllama_kv_cache: n_rot_v = 64, n_embd = 1\n",
            (128, 64),
        ),
        ("llama_kv_cache: attn_rot_k = 0, n_embd_head_k_all = 128\n", (0, None)),
        ("n_rot_v=32", (None, 32)),
        ("", (None, None)),
        (DIMENSION, (None, None)),
        ("print_info: n_rot = 64\n", (None, None)),
    ],
)
def test_rotation_is_read_in_both_spellings(lines: str, expected: tuple[int | None, int | None]) -> None:
    """The number is kept as printed; the rotary dimension is something else, and no line is no number."""
    validity = read_validity(SIZE + lines, Q8)

    assert expected == (validity.attn_rot_k, validity.attn_rot_v)


def test_the_rotary_dimension_does_not_hide_the_rotation() -> None:
    """Where both are printed, the one of the cache counts, in either order."""
    rotated = "llama_kv_cache: n_rot_k = 64\n"

    assert 64 == read_validity("print_info: n_rot = 128\n" + SIZE + rotated, Q8).attn_rot_k
    assert 64 == read_validity(rotated + SIZE + "print_info: n_rot = 128\n", Q8).attn_rot_k


def test_padded_figures_are_read() -> None:
    """A prefix and several blanks change nothing."""
    validity = read_validity(PADDED, Q8)

    assert (0.66, 1280, 2) == (validity.kv_mib, validity.kv_cells, validity.kv_layers)
    assert validity.flash_attn is None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            (
                "llama_kv_cache_unified: size =  112.00 MiB (  1024 cells,  28 layers,  1/1 seqs), "
                "K (q8_0):   56.00 MiB, V (q8_0):   56.00 MiB\n"
            ),
            (112.0, 1024, 28),
        ),
        (
            (
                "llama_kv_cache_unified: size = 2016.00 MiB (  4096 cells, 126 layers,  1/ 1 seqs), "
                "K (q8_0): 1008.00 MiB, V (q8_0): 1008.00 MiB\n"
            ),
            (2016.0, 4096, 126),
        ),
        (
            (
                "llama_kv_cache_unified: size = 1024.00 MiB (  8192 cells,  32 layers), "
                "K (q8_0):  512.00 MiB, V (q8_0):  512.00 MiB\n"
            ),
            (1024.0, 8192, 32),
        ),
        (
            (
                "llama_kv_cache_unified: kv_size = 8192, type_k = 'q8_0', type_v = 'q8_0', n_layer = 32, "
                "can_shift = 1, padding = 32\n"
                "llama_kv_cache_unified:      Metal KV buffer size =  4096.00 MiB\n"
                "llama_kv_cache_unified: KV self size  = 4096.00 MiB, K (q8_0): 2048.00 MiB, V (q8_0): 2048.00 MiB\n"
            ),
            (4096.0, 8192, 32),
        ),
        (
            (
                "0.00.038.833 I init: kv_size = 512, offload = 1, type_k = 'q8_0', type_v = 'q8_0', n_layer = 12, "
                "can_shift = 1\n"
                "0.00.041.995 I llama_context_kv_self: KV self size  =    9.00 MiB, K (q8_0):    4.50 MiB, "
                "V (q8_0):    4.50 MiB\n"
            ),
            (9.0, 512, 12),
        ),
        (
            (
                "0.00.055.302 I llama_kv_cache_init:      Metal KV buffer size =     9.00 MiB\n"
                "0.00.055.304 I llama_new_context_with_model: KV self size  =    9.00 MiB, K (q8_0):    4.50 MiB, "
                "V (q8_0):    4.50 MiB\n"
            ),
            (9.0, None, None),
        ),
    ],
    ids=["unified", "blank", "no-sequences", "self-size", "init", "no-shape"],
)
def test_the_lines_of_older_builds(lines: str, expected: tuple[float, int | None, int | None]) -> None:
    """Types and MiB are read from every spelling; the oldest has no cells and layers."""
    validity = read_validity(lines, Q8)

    assert expected == (validity.kv_mib, validity.kv_cells, validity.kv_layers)
    with pytest.raises(InvalidCellError, match=r"types q4_0/q8_0 and its log shows q8_0/q8_0$"):
        read_validity(lines, KVPair("q4_0", "q8_0"))


def test_two_caches_are_summed() -> None:
    """A model with sliding-window layers has two: sizes and layers add up, cells are those of the larger."""
    validity = read_validity(PADDED + SIZE, Q8)

    assert (68.66, 16384, 4) == (validity.kv_mib, validity.kv_cells, validity.kv_layers)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (KVPair("q4_0", "q8_0"), "the server was asked for KV cache types q4_0/q8_0 and its log shows q8_0/q8_0"),
        (KVPair("q8_0", "q4_0"), "the server was asked for KV cache types q8_0/q4_0 and its log shows q8_0/q8_0"),
    ],
)
def test_other_types_than_asked_for_make_a_cell_invalid(asked: KVPair, shown: str) -> None:
    """Either side counts, and the message has both pairs."""
    with pytest.raises(InvalidCellError, match=rf"^{shown}$"):
        read_validity(SIZE, asked)


def test_caches_of_different_types_make_a_cell_invalid() -> None:
    """Where one of two caches is what was asked for and the other is not, both are shown."""
    other = SIZE.replace("V (q8_0)", "V (f16)")

    with pytest.raises(InvalidCellError, match=r"types q8_0/q8_0 and its log shows q8_0/f16, q8_0/q8_0$"):
        read_validity(SIZE + other, Q8)


@pytest.mark.parametrize("log", ["", "llama_kv_cache: size = unknown\n", FLASH + DIMENSION])
def test_a_log_without_a_cache_line_cannot_be_verified(log: str) -> None:
    """No line is no proof."""
    reason = "^the server's log shows no 'llama_kv_cache: size' line: its cache types cannot be verified$"

    with pytest.raises(InvalidCellError, match=reason):
        read_validity(log, Q8)


def test_fallbacks_are_kept_once_each() -> None:
    """Lines that say a kernel is missing flag the cell; a line for every layer is one fact."""
    other = FALLBACK.replace("V=q4_0", "V=q5_1")
    validity = read_validity(FALLBACK + SIZE + f"  {FALLBACK}" + other, Q8)

    assert (FALLBACK.strip(), other.strip()) == validity.fallbacks
    assert f"{FALLBACK.strip()}; {other.strip()}" == validity.facts()["fallbacks"]


def test_facts_are_flat_and_plain() -> None:
    """What goes into a row; without fallbacks there is none to report."""
    assert {
        "log_ctk": "q8_0",
        "log_ctv": "q8_0",
        "kv_mib": 68.0,
        "kv_cells": 16384,
        "kv_layers": 2,
        "attn_rot_k": None,
        "attn_rot_v": None,
        "flash_attn": "enabled",
        "fallbacks": None,
        "other_caches": None,
    } == read_validity(SIZE + FLASH, Q8).facts()


#: Lines of a real server with a draft model: the cell's caches, then the draft's at llama.cpp's default type.
TARGET = (
    "0.00.017.964 I llama_context: constructing llama_context\n"
    "0.00.018.639 I llama_kv_cache: size =    0.56 MiB (  2048 cells,   2 layers,  1/1 seqs), K (q4_0):    0.28 MiB, "
    "V (q4_0):    0.28 MiB\nllama_kv_cache: n_rot_k = 64\n"
)
DRAFT = (
    "0.00.020.959 I common_speculative_init_result: loading draft model 'M.gguf'\n"
    "0.00.025.906 I llama_context: constructing llama_context\n"
    "0.00.027.246 I llama_kv_cache: size =    2.00 MiB (  2048 cells,   2 layers,  1/1 seqs), K (f16):    1.00 MiB, "
    "V (f16):    1.00 MiB\nllama_kv_cache: n_rot_k = 0\n"
)
Q4 = KVPair("q4_0", "q4_0")
#: Before March 2025 contexts began otherwise.
OLDER = (
    "llama_new_context_with_model: n_ctx         = 512\nllama_new_context_with_model: KV self size  =    2.00 MiB, "
    "K (q4_0):    1.00 MiB, V (q4_0):    1.00 MiB\nllama_new_context_with_model: graph nodes  = 846\n"
)


@pytest.mark.parametrize("more", ["", DRAFT, DRAFT + DRAFT, TARGET])
def test_a_second_context_is_none_of_the_cells(more: str) -> None:
    """A draft's cache has types of its own, and its size and rotation are not the cell's; nor is a model's reloaded."""
    alone, found = read_validity(TARGET, Q4), read_validity(TARGET + more, Q4)

    assert (0.56, 2, 64) == (found.kv_mib, found.kv_layers, found.attn_rot_k)
    assert alone == replace(found, other_caches=())
    assert more.count("llama_kv_cache: size") == len(found.other_caches)
    assert read_kv_size(TARGET) == read_kv_size(TARGET + more)


def test_a_second_context_verifies_nothing() -> None:
    """The model's own cache has to have the types."""
    with pytest.raises(InvalidCellError, match=r"asked for KV cache types f16/f16 and its log shows q4_0/q4_0$"):
        read_validity(TARGET + DRAFT, KVPair("f16", "f16"))
    assert "f16/f16 2.00 MiB" == read_validity(TARGET + DRAFT, Q4).facts()["other_caches"]


def test_an_indexer_has_a_type_of_its_own() -> None:
    """Of sparse attention: its cache is part of the model's memory, and its type is not the cell's to choose."""
    announced = "llama_kv_cache_dsa: creating main KV cache, size = 9 cells\n"
    main = TARGET.replace("0.00.018", f"{announced}0.00.018")
    indexer = DRAFT.splitlines(keepends=True)[2]
    log = f"{main}llama_kv_cache_dsa: creating DSV4 lightning-indexer KV cache, size = 9\n{indexer}"

    assert (2.56, ()) == (read_validity(log, Q4).kv_mib, read_validity(log, Q4).other_caches)
    with pytest.raises(InvalidCellError, match="its log shows f16/f16, q4_0/q4_0"):
        read_validity(log.replace("lightning-indexer", "raw"), Q4)


def test_older_contexts_are_told_apart_too() -> None:
    """By their own first line."""
    found = read_validity(OLDER + OLDER.replace("q4_0", "f16"), Q4)

    assert (2.0, ("f16/f16 2.00 MiB",)) == (found.kv_mib, found.other_caches)
