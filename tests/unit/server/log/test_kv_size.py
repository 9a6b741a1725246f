"""The size of any pair's cache, from the log of one server: real lines of llama.cpp, and the arithmetic as a law."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_codeneedle.core.kv_types import BITS, KVPair, KVSize, parse_pair
from pytest_codeneedle.server.log.kv_size import read_kv_size
from pytest_codeneedle.server.log.validity import read_validity

#: Of the embedded server with the control model: 512 tokens at f16, as the server that counts tokens has it.
COUNTING = (
    "0.00.014.992 I llama_kv_cache: size =    0.50 MiB (   512 cells,   2 layers,  1/1 seqs), "
    "K (f16):    0.25 MiB, V (f16):    0.25 MiB\n"
)
#: The same model at other pairs, with the context that it was asked for.
CELLS = {
    ("q4_0/q4_0", 2048): "size =    0.56 MiB (  2048 cells,   2 layers,  1/1 seqs), "
    "K (q4_0):    0.28 MiB, V (q4_0):    0.28 MiB",
    ("q8_0/q4_0", 2048): "size =    0.81 MiB (  2048 cells,   2 layers,  1/1 seqs), "
    "K (q8_0):    0.53 MiB, V (q4_0):    0.28 MiB",
    ("bf16/q5_1", 3000): "size =    2.06 MiB (  3072 cells,   2 layers,  1/1 seqs), "
    "K (bf16):    1.50 MiB, V (q5_1):    0.56 MiB",
    ("f32/q4_1", 3000): "size =    3.47 MiB (  3072 cells,   2 layers,  1/1 seqs), "
    "K (f32):    3.00 MiB, V (q4_1):    0.47 MiB",
    ("q5_0/bf16", 3000): "size =    2.02 MiB (  3072 cells,   2 layers,  1/1 seqs), "
    "K (q5_0):    0.52 MiB, V (bf16):    1.50 MiB",
}
#: A log's MiB have two decimals; a hair for 1.015 and the like, which no float holds exactly.
ROUNDED = pytest.approx(0, abs=0.005 + 1e-6)

pairs = st.builds(KVPair, st.sampled_from(sorted(BITS)), st.sampled_from(sorted(BITS)))


def line(size: KVSize, pair: KVPair, cells: int) -> str:
    """What llama.cpp says of such a cache."""
    k = size.k_per_token * BITS[pair.ctk] * cells / 2**23
    v = size.v_per_token * BITS[pair.ctv] * cells / 2**23
    return (
        f"llama_kv_cache: size = {k + v:7.2f} MiB ({cells:6d} cells,  28 layers,  1/1 seqs), "
        f"K ({pair.ctk}): {k:7.2f} MiB, V ({pair.ctv}): {v:7.2f} MiB\n"
    )


@pytest.mark.parametrize(("pair", "n_ctx"), CELLS)
def test_one_log_tells_the_size_of_every_pair(pair: str, n_ctx: int) -> None:
    """What the counting server's log says gives the MiB that the other cells' logs say."""
    asked = parse_pair(pair)
    size = read_kv_size(COUNTING)
    assert size is not None

    assert KVSize(256.0, 256.0) == size
    said = read_validity(f"llama_kv_cache: {CELLS[pair, n_ctx]}\n", asked).kv_mib
    assert size.mib(asked, n_ctx) - said == ROUNDED


@given(k=st.integers(1, 2000), v=st.integers(1, 2000), pair=pairs, n_ctx=st.integers(1, 1 << 20))
def test_the_counting_server_tells_the_elements_exactly(k: int, v: int, pair: KVPair, n_ctx: int) -> None:
    """Rows of whole blocks are found exactly from 512 tokens at f16, so that any context's size is right."""
    real = KVSize(32.0 * k, 32.0 * v)
    read = read_kv_size(line(real, KVPair("f16", "f16"), 512))

    assert real == read
    cells = -(-n_ctx // 256) * 256
    said = read_validity(line(real, pair, cells), pair).kv_mib
    assert real.mib(pair, n_ctx) - said == ROUNDED


@given(elements=st.integers(1, 64000), pair=pairs, blocks=st.integers(1, 4096))
def test_what_is_no_whole_block_is_right_within_the_log(elements: int, pair: KVPair, blocks: int) -> None:
    """Whatever the log says, the size it was read from comes out as it stands there."""
    real, cells = KVSize(float(elements), float(elements)), 256 * blocks
    said = line(real, pair, cells)
    assume(float(said.split("K (")[1].split()[1]) > 0)
    read = read_kv_size(said)
    assert read is not None

    assert read.mib(pair, cells) == pytest.approx(real.mib(pair, cells), abs=0.02)


def test_caches_sum_up_and_a_window_is_said() -> None:
    """A sliding-window model has two caches; its size at a longer context is an upper bound."""
    f16 = KVPair("f16", "f16")
    two = (
        "llama_kv_cache_iswa: creating non-SWA KV cache, size = 512 cells\n"
        + line(KVSize(1024.0, 1024.0), f16, 512)
        + "llama_kv_cache_iswa: creating     SWA KV cache, size = 512 cells\n"
        + line(KVSize(5120.0, 5120.0), f16, 512)
    )

    assert KVSize(6144.0, 6144.0, sliding=True) == read_kv_size(two)


@pytest.mark.parametrize(
    "log", ["", "loading\n", line(KVSize(64.0, 64.0), KVPair("f16", "f16"), 512).replace("f16", "tq3")]
)
def test_nothing_known(log: str) -> None:
    """No cache in the log, or one of a type whose bits nobody knows: no size is claimed."""
    assert read_kv_size(log) is None
