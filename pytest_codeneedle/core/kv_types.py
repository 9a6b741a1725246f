"""KV cache types, pairs of them, and the order in which a grid is drawn and asked."""

from __future__ import annotations

import difflib
import math
import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pytest_codeneedle.core.errors import CacheTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_T = TypeVar("_T")

#: Bits per element with the block's scale (and minimum) counted in; ggml's block formats of 32 elements.
BITS = {
    "f32": 32.0,
    "f16": 16.0,
    "bf16": 16.0,
    "q8_0": 8.5,
    "q5_1": 6.0,
    "q5_0": 5.5,
    "q4_1": 5.0,
    "q4_0": 4.5,
}
#: The default grid, most precise first.
DEFAULT_TYPES = ("bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")

_REFUSED = {"iq4_nl": "no flash-attention kernel on CUDA: it loads and then wedges; q4_0 is as small"}
#: How people call a type that llama.cpp calls otherwise.
_MEANT = {
    "fp32": "f32",
    "float32": "f32",
    "float": "f32",
    "fp16": "f16",
    "float16": "f16",
    "half": "f16",
    "bfloat16": "bf16",
    "int8": "q8_0",
    "fp8": "q8_0",
    "int4": "q4_0",
    "q4_nl": "q4_0",
}
#: llama.cpp rounds every context up to this many tokens.
CONTEXT_STEP = 256
_BITS_PER_MIB = 8 * 2**20


@dataclass(frozen=True, order=True)
class KVPair:
    """The cache types of one cell: `ctk` for K, `ctv` for V. Printed as `q8_0/q4_0`, `AS_SERVED` as `as-served`."""

    ctk: str
    ctv: str

    def __str__(self) -> str:
        return _AS_SERVED if self == AS_SERVED else f"{self.ctk}/{self.ctv}"

    @property
    def bits(self) -> float:
        """Bits per element of K and V together; 0 where they are not known."""
        return BITS.get(self.ctk, 0.0) + BITS.get(self.ctv, 0.0)


_AS_SERVED = "as-served"
#: The one cell of an endpoint whose cache types nobody tells.
AS_SERVED = KVPair("served", "served")


def is_quantized(name: str) -> bool:
    """Whether elements of this type share a scale in blocks; f32, f16 and bf16 do not."""
    return name.startswith("q")


def parse_types(text: str, *, adding: bool = False) -> tuple[str, ...]:
    """`bf16,q8_0` -> ('bf16', 'q8_0'); raises CacheTypeError for a name that llama-server's grid cannot take.

    With `adding`, `+f16,f32` are the default types and these, in the order of `by_precision`.
    """
    added = _added(text, adding=adding)
    if added is not None:
        return by_precision((*DEFAULT_TYPES, *parse_types(added)))
    types = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    if not types:
        msg = f"no KV cache type in {text!r}; give some of {', '.join(BITS)}"
        raise CacheTypeError(msg)
    for name in types:
        if name in _REFUSED:
            msg = f"KV cache type {name} is not supported: {_REFUSED[name]}"
            raise CacheTypeError(msg)
        if name not in BITS:
            msg = f"unknown KV cache type {name!r}{_meant(name)}; the grid takes {', '.join(BITS)}"
            raise CacheTypeError(msg)
    return types


def _meant(name: str) -> str:
    """`: did you mean q8_0?` for a name that is near one; a list that has no commas is shown with them."""
    words = re.split(r"[\s:;|]+", name)
    if len(words) > 1 and all(word in BITS for word in words):
        pair = f", or {words[0]}/{words[1]} for the pair" if len(words) == 2 else ""  # noqa: PLR2004 - K and V
        return f": did you mean {','.join(words)}{pair}?"
    of_a_size = re.match(r"i?q(?P<bits>[458])(?![0-9])", name)
    near = difflib.get_close_matches(name, BITS, n=1)
    meant = _MEANT.get(name) or (f"q{of_a_size['bits']}_0" if of_a_size else next(iter(near), None))
    return f": did you mean {meant}?" if meant else ""


def _added(text: str, *, adding: bool) -> str | None:
    """The types behind a `+`, as a list of their own; None where there is no `+`."""
    names = [part.strip() for part in text.split(",") if part.strip()]
    plus = [name.startswith("+") for name in names]
    if not any(plus):
        return None
    if not adding:
        msg = f"{text!r}: + adds to the default types, which only --kv-types has; name all types here"
        raise CacheTypeError(msg)
    bare = [name.lower() for name, added in zip(names, plus, strict=True) if not added]
    if not plus[0] or set(bare) & set(DEFAULT_TYPES):
        every = ",".join(dict.fromkeys(name.lstrip("+").strip().lower() for name in names))
        msg = f"{text!r}: write +f16,+f32 for the default types and these, or {every} for these alone"
        raise CacheTypeError(msg)
    return ",".join(name.lstrip("+") for name in names)


def parse_pair(text: str) -> KVPair:
    """`q8_0/q4_0` -> KVPair, `as-served` -> AS_SERVED; raises CacheTypeError."""
    if text == _AS_SERVED:
        return AS_SERVED
    halves = text.split("/")
    if len(halves) != 2 or not all(half.strip() for half in halves):  # noqa: PLR2004 - K and V
        several = text.split()
        meant = (
            f": did you mean {','.join(several)}?" if len(several) > 1 and all("/" in one for one in several) else ""
        )
        other = re.fullmatch(r"(\w+)[:,;+x -](\w+)", text.strip())
        if other and {other[1], other[2]} <= BITS.keys():
            meant = f": did you mean {other[1]}/{other[2]}?"
        msg = f"{text!r} is not a pair of KV cache types{meant}; write K/V, for instance q8_0/q4_0"
        raise CacheTypeError(msg)
    (ctk,), (ctv,) = (parse_types(half) for half in halves)
    return KVPair(ctk, ctv)


def parse_pairs(text: str) -> tuple[KVPair, ...]:
    """`q8_0/q8_0,q8_0/q4_0` -> pairs, each once, in the order given; raises CacheTypeError."""
    pairs = tuple(dict.fromkeys(parse_pair(part.strip()) for part in text.split(",") if part.strip()))
    if not pairs:
        msg = f"no pair of KV cache types in {text!r}; write K/V, for instance q8_0/q4_0"
        raise CacheTypeError(msg)
    return pairs


def grid_pairs(ctks: Iterable[str], ctvs: Sequence[str]) -> tuple[KVPair, ...]:
    """Every ctk with every ctv, row by row."""
    return tuple(KVPair(ctk, ctv) for ctk in ctks for ctv in ctvs)


def by_precision(types: Iterable[str]) -> tuple[str, ...]:
    """Types in the order of a grid's rows and columns: most bits first, names of equal bits in BITS's order."""
    places = {name: place for place, name in enumerate(BITS)} | {"bf16": -1}
    return tuple(sorted(set(types), key=lambda name: (-BITS.get(name, 0.0), places.get(name, len(places)), name)))


def in_grid_order(pairs: Iterable[KVPair]) -> list[KVPair]:
    """The pairs row by row as a grid is drawn, each once."""
    pairs = set(pairs)
    types = by_precision(name for pair in pairs for name in (pair.ctk, pair.ctv))
    return [pair for ctk in types for ctv in types if (pair := KVPair(ctk, ctv)) in pairs]


def shuffled(cells: Sequence[_T], seed: int) -> tuple[_T, ...]:
    """The cells in a random order that depends on the seed alone, so that drift does not look like a gradient."""
    order = list(cells)
    random.Random(seed).shuffle(order)  # noqa: S311 - a reproducible order, not a secret
    return tuple(order)


def default_reference(pairs: Sequence[KVPair]) -> KVPair:
    """bf16/bf16 where it is asked for, else the pair of most bits."""
    matched = KVPair("bf16", "bf16")
    return matched if matched in pairs else max(pairs, key=lambda pair: pair.bits)


def low_pair(planned: Sequence[KVPair], reference: KVPair) -> KVPair | None:
    """The declared contrast: of the pairs with one type on both sides the smallest, if it is below the reference."""
    matched = [pair for pair in planned if pair.ctk == pair.ctv and 0 < pair.bits < reference.bits]
    return min(matched, key=lambda pair: pair.bits, default=None)


@dataclass(frozen=True)
class KVSize:
    """Elements of K and of V that a model keeps per token of context, over all its layers.

    With `sliding` some layers keep a window of the context only: what `mib` says is then an upper bound, for their
    part does not grow with the context.
    """

    k_per_token: float
    v_per_token: float
    sliding: bool = False

    def mib(self, pair: KVPair, n_ctx: int) -> float:
        """MiB of the cache of that pair in a context of `n_ctx` tokens, which llama.cpp rounds up to 256."""
        bits = self.k_per_token * BITS[pair.ctk] + self.v_per_token * BITS[pair.ctv]
        return bits * CONTEXT_STEP * math.ceil(n_ctx / CONTEXT_STEP) / _BITS_PER_MIB
