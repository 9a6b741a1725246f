"""How large the KV cache of any pair is going to be, from the log of one server that ran with some pair.

A cache of n tokens takes n x (elements of K x bits of its type + elements of V x bits of its type). The elements
per token are the model's alone: the sum over its layers of key-value heads x head dimension, the same at every pair.
"""

from __future__ import annotations

import re

from pytest_codeneedle.core.kv_types import _BITS_PER_MIB, BITS, KVSize
from pytest_codeneedle.server.log.validity import CACHE_LINE, of_model

#: A log has MiB with two decimals; a hair more, for 0.125 is 0.12 there.
_ROUNDED_MIB = 0.005001
#: A row of a quantized cache is made of whole blocks of so many elements.
_BLOCK = 32
_SLIDING = re.compile(r"llama_kv_cache_iswa: creating +SWA KV cache")


def read_kv_size(log: str) -> KVSize | None:
    """The elements per token that a server's log shows; None where it shows no cache, or a type nobody knows.

    Several caches of the model (one with a sliding window has two) sum up. The MiB of a log are rounded; where that
    leaves one whole number of blocks open, it is taken, and the figure is exact.
    """
    k = v = 0.0
    caches = list(CACHE_LINE.finditer(of_model(log)))
    for found in caches:
        if found["k"] not in BITS or found["v"] not in BITS:
            return None
        cells = int(found["cells"])
        k += _per_token(float(found["k_mib"]), BITS[found["k"]], cells)
        v += _per_token(float(found["v_mib"]), BITS[found["v"]], cells)
    return KVSize(k, v, sliding=_SLIDING.search(log) is not None) if caches else None


def _per_token(mib: float, bits: float, cells: int) -> float:
    exact, slack = (value * _BITS_PER_MIB / bits / cells for value in (mib, _ROUNDED_MIB))
    whole = float(_BLOCK * round(exact / _BLOCK))
    return whole if 2 * slack < _BLOCK and abs(whole - exact) <= slack else exact
