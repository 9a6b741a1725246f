"""How many servers may run at once: by the GPUs that a server lists, else by cores and threads."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

from pytest_codeneedle.core.devices import listed_devices
from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.machine import cores
from pytest_codeneedle.server.command.flags import flag_of, flag_of_variable
from pytest_codeneedle.server.probe import ask_devices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_codeneedle.server.model import Model
    from pytest_codeneedle.server.program import ServerProgram

_THREADS, _BATCH_THREADS = "-t", "-tb"


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
