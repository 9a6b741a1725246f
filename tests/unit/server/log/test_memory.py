"""A server that died for want of memory, by the words of its log."""

from __future__ import annotations

import pytest

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.server.log.memory import memory_fault

PAIR = KVPair("q8_0", "q4_0")
CPU = """\
0.00.254.853 E ggml_aligned_malloc: insufficient memory (attempted to allocate 1586.91 MB)
0.00.254.905 E ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 1664000000
0.00.254.921 E ggml_backend_buft_alloc_buffer_n_default: failed to allocate CPU buffer of size 1664000000
"""
CUDA = """\
llama_kv_cache:      CUDA0 KV buffer size =  1000.00 MiB
llama_kv_cache: size = 1000.00 MiB ( 16384 cells,  24 layers,  1/1 seqs), K (q8_0): 600.00 MiB, V (q4_0): 400.00 MiB
llama_kv_cache: size =  500.00 MiB ( 16384 cells,  24 layers,  1/1 seqs), K (q8_0): 300.00 MiB, V (q4_0): 200.00 MiB
ggml_backend_cuda_buffer_type_alloc_buffer: allocating 900.25 MiB on device 0: cudaMalloc failed: out of memory
"""


def test_a_buffer_that_could_not_be_had() -> None:
    """The types and the context that were asked for, the buffer, and the way out."""
    said = memory_fault(CPU, PAIR, 4_000_000) or ""

    assert said.startswith(
        "out of memory: a q8_0/q4_0 KV cache of 4000000 tokens was asked for; a buffer of 1587 MiB could not be had. "
    )
    assert [] == [way for way in ("--kv-n-ctx", "-ngl", "-ub", "smaller corpus") if way not in said]


def test_the_size_of_the_caches_that_were_made() -> None:
    """Those of both kinds of layers, together; the same megabytes in another line are not counted again."""
    said = memory_fault(CUDA, PAIR, 16384) or ""

    assert "KV cache of 16384 tokens (1500 MiB) was asked for; a buffer of 900 MiB could not be had" in said
    assert "(1000 MiB)" in (memory_fault(CUDA.splitlines()[0] + "\nout of memory", PAIR, 16384) or "")


@pytest.mark.parametrize(
    "line",
    [
        "E llama_init_from_model: failed to initialize the context: std::bad_alloc",
        "E unable to allocate CUDA0 buffer",
        "ggml_vulkan: Device memory allocation of size 1 failed.\nvk::Device::allocateMemory: ErrorOutOfDeviceMemory",
        "ggml_gallocr_reserve_n: failed to allocate CUDA0 buffer of size 1024",
    ],
)
def test_words_for_it(line: str) -> None:
    """Those of the CPU, of CUDA, of Vulkan and of C++."""
    assert "out of memory" in (memory_fault(line, PAIR, 512) or "")


@pytest.mark.parametrize("status", [-9, 137])
def test_killed_by_the_system(status: int) -> None:
    """Then the log says nothing, and the exit status has to do."""
    assert "perhaps by the system" in (memory_fault("loading", PAIR, 512, status) or "")


@pytest.mark.parametrize("status", [None, 1, -11])
def test_other_deaths(status: int | None) -> None:
    """Nothing is said of memory."""
    assert memory_fault("failed to load model", PAIR, 512, status) is None
