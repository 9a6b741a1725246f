"""Is a cell what it says? Read from the server's own log at verbosity 4, never from what was asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import InvalidCellError
from pytest_codeneedle.server.log.rotation import check, logged

if TYPE_CHECKING:
    from pytest_codeneedle.core.cells import Rotation
    from pytest_codeneedle.core.kv_types import KVPair

#: A line for each cache; `kv_size` reads it too. `llama_kv_cache_unified` in builds of 2025, and without the sequences
#: at first.
CACHE_LINE = re.compile(
    r"llama_kv_cache(?:_unified)?: size = +(?P<mib>[\d.]+) MiB \( *(?P<cells>\d+) cells, +(?P<layers>\d+) layers\b.*?"
    r"K \((?P<k>\w+)\): +(?P<k_mib>[\d.]+) MiB, V \((?P<v>\w+)\): +(?P<v_mib>[\d.]+) MiB"
)
#: Before that, by functions of several names; cells and layers stand in a line before, if at all.
_OLDER_CACHE = re.compile(
    r"\bKV self size += +(?P<mib>[\d.]+) MiB, K \((?P<k>\w+)\): +[\d.]+ MiB, V \((?P<v>\w+)\): +[\d.]+ MiB"
)
_OLDER_SHAPE = re.compile(r"\bkv_size = (?P<cells>\d+), .*\bn_layer = (?P<layers>\d+)")
#: Every context begins with such a line, and its caches follow: in builds since March 2025, and in those before.
_CONTEXT = re.compile(
    r"llama_context: constructing llama_context|llama_(?:init_from_model|new_context_with_model): n_(?:seq_max|ctx) +="
)
_ANNOUNCED = ": creating "
_FLASH = re.compile(r"\bflash_attn *= *(?P<value>\w+)")
_FALLBACK = re.compile(r"no FlashAttention vector kernel compiled")


@dataclass(frozen=True)
class Validity:
    """What a server's log says of its KV cache.

    `ctk` and `ctv` are the types in use, `kv_mib` the size of all the model's own caches together, `kv_layers` the
    layers that hold one (the oldest builds print neither cells nor layers: None). `attn_rot_k` / `attn_rot_v` is the
    Hadamard rotation's number as printed (0 is off), None where the log has no such line. `fallbacks` are lines that
    say a kernel for this pair is missing and another format is used: the cell's figures are not those of its types.
    `other_caches` are those of further contexts, such as a draft's: their types and sizes, in no other figure here.
    """

    ctk: str
    ctv: str
    kv_mib: float
    kv_cells: int | None
    kv_layers: int | None
    attn_rot_k: int | None
    attn_rot_v: int | None
    flash_attn: str | None
    fallbacks: tuple[str, ...] = ()
    other_caches: tuple[str, ...] = ()

    def facts(self) -> dict[str, str | int | float | None]:
        """Flat and plain, for a result row and for `user_properties`."""
        return {
            "log_ctk": self.ctk,
            "log_ctv": self.ctv,
            "kv_mib": self.kv_mib,
            "kv_cells": self.kv_cells,
            "kv_layers": self.kv_layers,
            "attn_rot_k": self.attn_rot_k,
            "attn_rot_v": self.attn_rot_v,
            "flash_attn": self.flash_attn,
            "fallbacks": "; ".join(self.fallbacks) or None,
            "other_caches": "; ".join(self.other_caches) or None,
        }


def of_model(log: str) -> str:
    """The part of a log that is of the model itself: up to where another context begins after its caches.

    That is a draft's, or an MTP head's; or the model's own once more, of a server that slept and woke.
    """
    cache = CACHE_LINE.search(log) or _OLDER_CACHE.search(log)
    another = None if cache is None else _CONTEXT.search(log, cache.end())
    return log if another is None else log[: another.start()]


def _is_indexer(log: str, at: int) -> bool:
    """Whether the cache at that place was announced as an indexer's; what has several caches announces each."""
    begin = log.rfind(_ANNOUNCED, 0, at)
    return begin >= 0 and "indexer" in log[begin:at].partition("\n")[0]


def read_validity(log: str, asked: KVPair, rotation: Rotation = "default") -> Validity:
    """The cache that the log shows.

    Models with sliding-window layers have two caches; sizes and layers are summed. So are those of an indexer's cache
    (sparse attention), which some builds keep in a type of its own: it only picks what is looked at.
    Raises InvalidCellError where the log shows other types than `asked` or another rotation, or no cache at all.
    """
    own = of_model(log)
    caches = shapes = list(CACHE_LINE.finditer(own))
    if not caches:
        caches, shapes = list(_OLDER_CACHE.finditer(own)), list(_OLDER_SHAPE.finditer(own))
    if not caches:
        msg = "the server's log shows no 'llama_kv_cache: size' line: its cache types cannot be verified"
        raise InvalidCellError(msg)
    types = {(found["k"], found["v"]) for found in caches if not _is_indexer(own, found.start())}
    if types != {(asked.ctk, asked.ctv)}:
        shown = ", ".join(f"{k}/{v}" for k, v in sorted(types))
        msg = f"the server was asked for KV cache types {asked} and its log shows {shown}"
        raise InvalidCellError(msg)
    check(own, asked, rotation)
    rotated = logged(own)
    flash = _FLASH.search(own)
    others = [*CACHE_LINE.finditer(log, len(own)), *_OLDER_CACHE.finditer(log, len(own))]
    return Validity(
        ctk=asked.ctk,
        ctv=asked.ctv,
        kv_mib=round(sum(float(found["mib"]) for found in caches), 2),
        kv_cells=max((int(found["cells"]) for found in shapes), default=None),
        kv_layers=sum(int(found["layers"]) for found in shapes) if shapes else None,
        attn_rot_k=rotated["k"][-1] if rotated["k"] else None,
        attn_rot_v=rotated["v"][-1] if rotated["v"] else None,
        flash_attn=flash["value"] if flash else None,
        fallbacks=tuple(dict.fromkeys(line.strip() for line in log.splitlines() if _FALLBACK.search(line))),
        other_caches=tuple(f"{found['k']}/{found['v']} {found['mib']} MiB" for found in others),
    )
