"""Is there memory for one more server? The model's file and the KV cache beside what is free, on the device or here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.server.model import file_mib
from pytest_codeneedle.server.probe import ask_devices

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_codeneedle.core.kv_types import KVPair, KVSize
    from pytest_codeneedle.server.program import ServerArgs

_MIB = 2**20
#: Buffers of a computation, and what a backend needs for itself.
_BESIDE_MIB = 512.0
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")
_AVAILABLE = re.compile(r"^MemAvailable: +(\d+) kB", re.MULTILINE)
#: `  CUDA0: NVIDIA GeForce RTX 3090 (24268 MiB, 23862 MiB free)`
_FREE = re.compile(r"^\s*(?P<name>[A-Za-z]+\d+): .*\(\d+ MiB, (?P<free>\d+) MiB free\)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Room:
    """MiB that one more server wants, and MiB that are free; None where one of them is not known."""

    wanted_mib: float | None
    free_mib: float | None

    @property
    def enough(self) -> bool:
        """Whether it fits; what is not known does not."""
        return self.wanted_mib is not None and self.free_mib is not None and self.wanted_mib <= self.free_mib

    def __str__(self) -> str:
        wanted = "an unknown amount" if self.wanted_mib is None else f"{self.wanted_mib:.0f} MiB"
        free = "it is not known what is free" if self.free_mib is None else f"{self.free_mib:.0f} MiB are free"
        return f"one more server wants {wanted}, and {free}"


def wanted_mib(model: Path | None, size: KVSize | None, pairs: Iterable[KVPair], n_ctx: int) -> float | None:
    """MiB of the model's file and of the largest KV cache among these pairs; None where one of them is not known."""
    file = None if model is None else file_mib(model)
    if file is None or size is None:
        return None
    return file + max(size.mib(pair, n_ctx) for pair in pairs) + _BESIDE_MIB


def free_mib(args: ServerArgs) -> float | None:
    """MiB that are free now on the GPU that has the least of those the server would use, else in this machine."""
    program = args.program
    # The embedded server has no GPU of its own memory, and would take a second to say so.
    devices = free_on_devices(ask_devices(program.command, tuple(args.environment.items()))) if program.may_wrap else []
    return min(devices) if devices else free_here()


def free_on_devices(said: str) -> list[float]:
    """MiB that are free on each device of a server's `--list-devices`."""
    return [float(found["free"]) for found in _FREE.finditer(said)]


def free_here() -> float | None:
    """MiB that this process may still use: what the system says is available, or less in a control group.

    None on systems that do not say.
    """
    try:
        found = _AVAILABLE.search(_MEMINFO.read_text(encoding="ascii"))
    except OSError:
        return None
    if found is None:
        return None
    free = int(found[1]) / 1024
    try:
        limit = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return free
    return min(free, (int(limit) - used) / _MIB) if limit.isdecimal() else free
