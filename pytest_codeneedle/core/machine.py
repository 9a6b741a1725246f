"""What machine this is: the cores that a server may use, and what a run's record says of it."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from pathlib import Path

_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
_SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
_CPU_INFO = Path("/proc/cpuinfo")
_CPU_FACT = re.compile(r"^(model name|flags|Features)\s*: (.*)$", re.MULTILINE)
#: x86's and ARM's vectors, dot products and half floats.
_COMPUTES = re.compile(r"ssse3|avx\w*|amx\w*|fma4?|f16c|asimd\w*|sve\w*|sme\d*|i8mm|bf16|fphp")
_MODULES = "/sys/module/{}/version"
_DRIVERS = ("nvidia", "amdgpu", "xe", "i915")


def cores() -> int:
    """Physical cores that this process may use, at least 1.

    llama.cpp's threads spin while they wait: a thread more than there are cores costs a factor, so the
    process's affinity, hyper-threads and a container's quota all count.
    """
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    physical = {_siblings(cpu) for cpu in allowed}
    return max(1, min(len(physical), _quota()))


def _siblings(cpu: int) -> str:
    try:
        return Path(_SIBLINGS.format(cpu)).read_text(encoding="ascii").strip()
    except OSError:
        return str(cpu)


def _quota() -> int:
    """Whole cores of the control group's quota; a large number where there is none."""
    try:
        limit, period = _CPU_MAX.read_text(encoding="ascii").split()
        return max(1, int(limit) // int(period))
    except (OSError, ValueError):
        return 1 << 16


def describe() -> dict[str, str | int]:
    """Facts for run.json: system, processor architecture, cores, Python."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cores": cores(),
        "python": platform.python_version(),
    }


def processor() -> dict[str, str | None]:
    """The processor's name, and those of its instructions that llama.cpp computes with; None for what is not told.

    Other instructions round otherwise: sums of products are made in other steps.
    """
    try:
        text = _CPU_INFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {"cpu": platform.processor() or None, "instructions": None}
    told = {name.lower(): value for name, value in reversed(_CPU_FACT.findall(text))}
    flags = (told.get("flags") or told.get("features") or "").split()
    return {
        "cpu": told.get("model name") or platform.processor() or None,
        "instructions": " ".join(sorted(flag for flag in flags if _COMPUTES.fullmatch(flag))) or None,
    }


def drivers() -> str | None:
    """The graphics drivers that the kernel has loaded, as `nvidia 550.54.15`; None where none is told of."""
    found = []
    for name in _DRIVERS:
        with contextlib.suppress(OSError):
            version = Path(_MODULES.format(name)).read_text(encoding="ascii", errors="replace").strip()
            found.append(f"{name} {version}")
    return ", ".join(found) or None


def expanded(path: str) -> Path:
    """The path with `~` as the user's home; as it is where there is no such user, which then is not there."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def cache_folder() -> Path:
    """Where computed models are kept: XDG_CACHE_HOME, %LOCALAPPDATA% or ~/.cache, in `pytest-codeneedle`."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or str(Path.home() / ".cache")
    return Path(base) / "pytest-codeneedle"
