"""Whose processes are whose: real ones, started here, in the ways in which servers go astray."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.server import leftovers
from pytest_codeneedle.server.leftovers import KEY, MARK, Traces, listening, now, started
from pytest_codeneedle.server.process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no /proc")

#: Listens on the port that its last argument, or the variable PORT, names, and says so.
LISTENER = """
import os, socket, sys, time
with socket.create_server(("127.0.0.1", int(os.environ.get("PORT") or sys.argv[-1].rpartition("=")[2]))):
    print("listening", flush=True)
    time.sleep(1000)
"""
#: Forks for so many seconds, each process ending after the next one began, and stays.
CHAIN = """
import os, sys, time
until = time.monotonic() + float(sys.argv[1])
print("forking", flush=True)
while time.monotonic() < until:
    if os.fork():
        os._exit(0)
    os.setsid()
time.sleep(1000)
"""


@pytest.fixture
def traces() -> Traces:
    """Those of a start that is about to be."""
    return Traces.new(free_port())


@pytest.fixture
def begun() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that a test has started; none is left."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def begin(begun: list[subprocess.Popen[str]], program: str, *words: str, **environment: str) -> subprocess.Popen[str]:
    """Start a program with these variables alone, and wait until it says something."""
    command = [sys.executable, "-S", "-c", program, *words]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    begun.append(process)
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def ended(process: subprocess.Popen[str]) -> bool:
    """Whether it was killed, now or in a moment."""
    try:
        return process.wait(0.2) < 0
    except subprocess.TimeoutExpired:
        return False


@pytest.mark.parametrize("name", [MARK, KEY])
def test_what_carries_a_trace_is_ended(traces: Traces, begun: list[subprocess.Popen[str]], name: str) -> None:
    """In whatever session it is; another start's is not."""
    other = Traces.new(traces.port)
    own, foreign = (
        begin(begun, LISTENER, PORT=str(free_port()), **{name: one.environment[name]}) for one in (traces, other)
    )
    assert "" == traces.end(set())
    assert (True, False) == (ended(own), ended(foreign))


@pytest.mark.parametrize("word", ["{}", "--port={}"])
def test_who_listens_on_the_port_is_ended(traces: Traces, begun: list[subprocess.Popen[str]], word: str) -> None:
    """Though its environment was cleared: it was told the port."""
    server = begin(begun, LISTENER, "--port", word.format(traces.port))
    assert listening(traces.port)
    assert "" == traces.end(set())
    assert ended(server)
    assert set() == listening(traces.port)


def test_who_served_is_ended(traces: Traces, begun: list[subprocess.Popen[str]]) -> None:
    """Whatever its arguments are, where its socket is the one that was asked."""
    server = begin(begun, LISTENER, PORT=str(traces.port))
    assert "" == traces.end(listening(traces.port))
    assert ended(server)


def test_who_took_the_port_is_left_alone(traces: Traces, begun: list[subprocess.Popen[str]]) -> None:
    """A program that was there before, one that was not told the port, and another session's server."""
    port = str(traces.port)
    before = begin(begun, LISTENER, port)
    time.sleep(0.03)  # the kernel counts hundredths of a second
    assert "" == Traces(traces.mark, traces.key, traces.port, now()).end(set())
    assert not ended(before)
    before.kill()
    before.wait()

    for environment, words in (({"PORT": port}, ()), ({MARK: "another"}, (port,))):
        other = begin(begun, LISTENER, *words, **environment)
        assert "" == traces.end(set())
        assert not ended(other)
        other.kill()
        other.wait()


def test_a_chain_of_forks_is_ended(traces: Traces, begun: list[subprocess.Popen[str]]) -> None:
    """One look at all processes is slower than a fork: they are looked for until none is found for a while."""
    for seconds in (0.0, 0.05, 0.2):
        begin(begun, CHAIN, str(seconds), **traces.environment)
        assert "" == traces.end(set(), astray=True)
        time.sleep(0.3)
        assert [] == traces._carriers(set())


def test_what_cannot_be_ended_is_said(
    traces: Traces, begun: list[subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fake refuses the signal: whoever runs these tests may be allowed to end all."""

    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    server = begin(begun, LISTENER, PORT=str(traces.port), **{MARK: traces.mark})
    monkeypatch.setattr(os, "kill", refuse)
    monkeypatch.setattr(leftovers, "_SECONDS", 0.1)
    monkeypatch.setattr(leftovers, "_CLOSING_SECONDS", 0.1)
    assert f"process {server.pid} (" in traces.end(set())

    sockets = listening(traces.port)
    monkeypatch.setattr(leftovers, "_sockets", lambda _pid: set())  # as of another user's process
    other = Traces("x", "y", traces.port, traces.since)
    assert f"port {traces.port} is still listened on (socket {sockets.pop()})" == other.end(listening(traces.port))


def test_a_key_is_not_shown(traces: Traces) -> None:
    """It is the server's secret."""
    assert traces.key not in repr(traces)


def test_moments_are_the_kernels_own(begun: list[subprocess.Popen[str]]) -> None:
    """A process is started between two looks at the clock; one that is gone, never."""
    before = now()
    process = begin(begun, CHAIN, "0")
    moment = started(process.pid)
    assert moment is not None
    assert before <= moment <= now()
    process.kill()
    process.wait()
    assert started(process.pid) is None
