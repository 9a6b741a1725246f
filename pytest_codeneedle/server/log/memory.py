"""A server that died for want of memory: how much its KV cache was to take, and the way out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_codeneedle.core.kv_types import KVPair

_MIB = 1 << 20
#: llama.cpp's words on the CPU, CUDA's, Vulkan's and C++'s own.
_SHORT = re.compile(
    r"(?:failed|unable) to allocate|insufficient memory|out of memory|cudaMalloc failed|OutOf\w*Memory|bad_alloc",
    re.IGNORECASE,
)
_CACHE = re.compile(r"llama_kv_cache: size = +(?P<mib>[\d.]+) MiB|KV buffer size = +(?P<buffer>[\d.]+) MiB")
#: What could not be had: `failed to allocate CPU buffer of size 1664000000` (bytes), `allocating 900.00 MiB on device`.
_REFUSED = re.compile(r"allocate (?:\S+ )?buffer of size (?P<bytes>\d+)|allocating (?P<mib>[\d.]+) MiB on device")


def memory_fault(log: str, pair: KVPair, n_ctx: int, status: int | None = None) -> str | None:
    """What a server's log says of memory that it did not get, with the KV cache asked for; None where it says nothing.

    `n_ctx` is in tokens; `status` the exit status of the process, which tells when the system itself killed it.
    """
    if _SHORT.search(log):
        head = "out of memory"
    elif status is not None and status in (-9, 137):  # by subprocess, and by a shell between
        head = "killed, perhaps by the system for want of memory"
    else:
        return None
    size = _cache_mib(log)
    said = "" if size is None else f" ({size:.0f} MiB)"
    refused = _refused_mib(log)
    buffer = "" if refused is None else f"; a buffer of {refused:.0f} MiB could not be had"
    return (
        f"{head}: a {pair} KV cache of {n_ctx} tokens{said} was asked for{buffer}. Less is needed with a smaller "
        "--kv-n-ctx, a smaller corpus or [trim], fewer layers on the GPU (-ngl) or a smaller -ub"
    )


def _cache_mib(log: str) -> float | None:
    """The size of all caches that the log shows; its two ways of saying it are not summed."""
    found = list(_CACHE.finditer(log))
    whole = [float(one["mib"]) for one in found if one["mib"]]
    buffers = [float(one["buffer"]) for one in found if one["buffer"]]
    return sum(whole or buffers) or None


def _refused_mib(log: str) -> float | None:
    """The last request for memory that failed."""
    found = list(_REFUSED.finditer(log))
    if not found:
        return None
    return float(found[-1]["mib"]) if found[-1]["mib"] else int(found[-1]["bytes"]) / _MIB
