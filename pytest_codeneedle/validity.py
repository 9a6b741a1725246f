"""Is a cell what it says? Read from the server's own log at verbosity 4, never from what was asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.errors import InvalidCellError
from pytest_codeneedle.rotation import check, logged

if TYPE_CHECKING:
    from pytest_codeneedle.cells import Rotation
    from pytest_codeneedle.kvtypes import KVPair

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
_FLASH = re.compile(r"\bflash_attn *= *(?P<value>\w+)")
_FALLBACK = re.compile(r"no FlashAttention vector kernel compiled")


@dataclass(frozen=True)
class Validity:
    """What a server's log says of its KV cache.

    `ctk` and `ctv` are the types in use, `kv_mib` the size of all caches together, `kv_layers` the layers that
    hold one (the oldest builds print neither cells nor layers: None). `attn_rot_k` / `attn_rot_v` is the Hadamard
    rotation's number as printed (0 is off), None where the log has no such line. `fallbacks` are lines that say a
    kernel for this pair is missing and another format is used: the cell's figures are then not those of its types.
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
        }


def read_validity(log: str, asked: KVPair, rotation: Rotation = "default") -> Validity:
    """The cache that the log shows.

    Models with sliding-window layers have two caches; sizes and layers are summed. Raises InvalidCellError where
    the log shows other types than `asked` or another rotation, or no cache at all.
    """
    caches = shapes = list(CACHE_LINE.finditer(log))
    if not caches:
        caches, shapes = list(_OLDER_CACHE.finditer(log)), list(_OLDER_SHAPE.finditer(log))
    if not caches:
        msg = "the server's log shows no 'llama_kv_cache: size' line: its cache types cannot be verified"
        raise InvalidCellError(msg)
    types = {(found["k"], found["v"]) for found in caches}
    if types != {(asked.ctk, asked.ctv)}:
        shown = ", ".join(f"{k}/{v}" for k, v in sorted(types))
        msg = f"the server was asked for KV cache types {asked} and its log shows {shown}"
        raise InvalidCellError(msg)
    check(log, asked, rotation)
    rotated = logged(log)
    flash = _FLASH.search(log)
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
    )
