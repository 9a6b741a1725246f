"""How many servers may run at once, by GPUs or by cores and threads, and whether there is memory for one more."""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.core.devices import listed_devices
from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.machine import cores
from pytest_codeneedle.server.command.flags import flag_of, flag_of_variable
from pytest_codeneedle.server.model import file_mib
from pytest_codeneedle.server.probe import ask_devices

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_codeneedle.core.kv_types import KVPair, KVSize
    from pytest_codeneedle.server.model import Model
    from pytest_codeneedle.server.program import ServerArgs, ServerProgram

_THREADS, _BATCH_THREADS = "-t", "-tb"
_MIB = 2**20
#: Buffers of a computation, and what a backend needs for itself.
_BESIDE_MIB = 512.0
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")
_AVAILABLE = re.compile(r"^MemAvailable: +(\d+) kB", re.MULTILINE)
#: `  CUDA0: NVIDIA GeForce RTX 3090 (24268 MiB, 23862 MiB free)`
_FREE = re.compile(r"^\s*(?P<name>[A-Za-z]+\d+): .*\(\d+ MiB, (?P<free>\d+) MiB free\)\s*$", re.MULTILINE)


def gpus(program: ServerProgram) -> tuple[str, ...]:
    """The GPUs that this server would use, as ids for --kv-devices; none for one that knows no --list-devices."""
    return listed_devices(
        ask_devices(program.command, program.environment), {**os.environ, **dict(program.environment)}
    )


def own_threads(program: ServerProgram, extra: Sequence[str]) -> int | None:
    """Threads per server where the user says how many, in the command or in more arguments; None where they do not.

    llama.cpp takes 0 and less for all cores, and -t for batches too.
    """
    said: dict[str, str] = {}
    for name, value in program.environment:
        flag = flag_of_variable(name)
        if flag is not None:
            said[flag.name] = value
    words = [part for word in (*program.arguments, *extra) for part in _halves(word)]
    for word, value in itertools.pairwise(words):
        flag = flag_of(word)
        if flag is not None:
            said[flag.name] = value
    found = [_count(said[name]) for name in (_THREADS, _BATCH_THREADS) if name in said]
    if _THREADS not in said and program.own_threads:
        found.append(cores())
    return max(found, default=None)


def _halves(word: str) -> list[str]:
    """`--threads=4` as two words."""
    name, equals, value = word.partition("=")
    return [name, value] if equals and name.startswith("--") else [word]


def _count(value: str) -> int:
    try:
        threads = int(value)
    except ValueError:  # the server will say so
        return 1
    return threads if threads > 0 else cores()


def threads_each(program: ServerProgram, model: Model, extra: Sequence[str], share: int) -> int:
    """Threads of one server that has `share` of the cores."""
    return own_threads(program, extra) or model.threads(share)


def servers_at_once(program: ServerProgram, model: Model, extra: Sequence[str]) -> int:
    """How many servers the cores of this machine bear, each with the threads that it would have alone."""
    return max(1, cores() // threads_each(program, model, extra, cores()))


def check_cores(servers: int, there: int, threads: int | None, place: str = "") -> None:
    """Raise ConfigurationError for more servers, or threads of them, than the `there` cores of a machine.

    llama.cpp's threads spin while they wait. `threads` are those that the user set, for each server; `place` names
    another host. One server alone may have what its user gives it.
    """
    if servers > there:
        way = f"start {there} on it" if place else f"use -n {there}"
        msg = f"{place}{servers} servers at once would share {there} cores and be many times slower; {way}"
        raise ConfigurationError(msg)
    if servers > 1 and threads is not None and servers * threads > there:
        msg = (
            f"{place}{servers} servers at once with {threads} threads each would share {there} cores and be many times "
            f"slower; use -t {there // servers}, or leave -t out, or fewer workers"
        )
        raise ConfigurationError(msg)


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
