"""What goes wrong while it runs: every server ends, every cell says why, nothing recorded is lost.

The server is the llama-server on PATH, or else the embedded one: both have to fail well.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.errors import ServerStartError
from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.core.machine import cache_folder
from pytest_codeneedle.server import process as launch
from pytest_codeneedle.server.control_model.model import Control
from pytest_codeneedle.server.program import ServerArgs, find_program
from pytest_codeneedle.server.watchdog import WATCHED_KEY

from .lab import GRID, PATIENCE_SECONDS, matched, runs, said_folder, survivors, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .lab import Lab

PAIRS = ("--kv-pairs", "q8_0/q8_0,q4_0/q4_0", "--kv-order", "grid")
#: The server that is the default here, and how a shell starts it.
SERVER = find_program(None).command
COMMAND = shlex.join(SERVER)
#: A fake: no llama-server takes another cache type than it is asked for, or none would be used. This one is a real
#: server, told q5_0 where q8_0 was asked for.
LIAR = f"""#!{sys.executable}
import os
import sys

words = ["q5_0" if word == "q8_0" else word for word in sys.argv[1:]]
os.execv({SERVER[0]!r}, [*{SERVER!r}, *words])
"""
HOLD = """
    import pathlib
    import time

    def test_hold(llama_server):
        path = pathlib.Path(__file__).with_name(f"{llama_server.process.pid}.pid")
        path.touch()
        time.sleep(1000)
"""


@pytest.fixture
def liar(lab: Lab) -> str:
    """The path of a server that uses other types than it was asked for."""
    path = lab.write("liar", LIAR)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def args() -> ServerArgs:
    """What a small server is started with."""
    model = Control().cached(cache_folder())
    return ServerArgs(find_program(None), model, KVPair("q8_0", "q4_0"), 512, threads=1)


@pytest.fixture
def started(lab: Lab) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that end with the test, however it ends."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def hold(lab: Lab, started: list[subprocess.Popen[str]], *arguments: str) -> tuple[subprocess.Popen[str], int]:
    """A pytest that holds a server for ever, and the server's process."""
    test = lab.pytester.makepyfile(test_hold=HOLD)
    command = [
        *GRID,
        "--corpus",
        "tiny",
        *PAIRS,
        *arguments,
        str(test),
    ]
    process = subprocess.Popen(command, cwd=lab.path, stdout=subprocess.PIPE, text=True, start_new_session=True)
    started.append(process)
    wait_until(lambda: any(lab.path.glob("[0-9]*.pid")))
    return process, int(next(lab.path.glob("[0-9]*.pid")).stem)


def test_server_dies_while_loading(lab: Lab) -> None:
    """A model file that was cut off passes the check of its header: every item is an ERROR with the log's end."""
    Control().write(lab.path / "whole.gguf")
    content = (lab.path / "whole.gguf").read_bytes()
    (lab.path / "cut.gguf").write_bytes(content[: len(content) // 2])
    result = lab.grid(*PAIRS, "--kv-model", "cut.gguf")
    assert pytest.ExitCode.TESTS_FAILED == result.ret
    assert {"errors": 4} == result.parseoutcomes()
    figures = matched(result)
    assert {"err"} == {figures["q8_0", "q8_0"], figures["q4_0", "q4_0"]}
    rows = lab.rows()
    assert ["error"] * 4 == [row["outcome"] for row in rows]
    assert "data is not within the file bounds" in rows[0]["error"]
    assert "failed to load model" in rows[0]["error"]


@pytest.mark.slow
def test_server_without_memory(lab: Lab) -> None:
    """A cache that does not fit is an ERROR that says how much was asked for, and what to do."""
    command = f"prlimit --as=1000000000 {sys.executable} -m pytest_codeneedle.embedded"
    result = lab.grid("--kv-pairs", "q8_0/q4_0", "--kv-server", command, "--kv-n-ctx", "4000000")
    assert {"errors": 2} == result.parseoutcomes()
    error = lab.rows()[0]["error"]
    assert "while it loaded: out of memory: a q8_0/q4_0 KV cache of 4000000 tokens was asked for" in error
    assert "a smaller --kv-n-ctx" in error
    assert [] == survivors(lab.path)


def test_server_refuses_its_arguments(lab: Lab) -> None:
    """A cell's own server that ends at once is an ERROR of its items, with what it said; the next cell is tried."""
    lab.pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def llama_server_args(llama_server_args):
            return llama_server_args.with_extra("--no-such-flag")
        """
    )
    result = lab.grid(*PAIRS)
    assert {"errors": 4} == result.parseoutcomes()
    errors = [row["error"] for row in lab.rows()]
    assert 4 == len(errors)
    for error in errors:
        assert re.search(r"the server ended with exit status [12] while it loaded", error)  # embedded 2, llama-server 1
        assert re.search(r"(unrecognized arguments|invalid argument): --no-such-flag", error)


@pytest.mark.slow
def test_other_types_than_asked(lab: Lab, liar: str) -> None:
    """A server whose log shows other types than asked is an ERROR of its cell; the other cells count."""
    result = lab.grid(*PAIRS, "--kv-server", liar)
    assert {"errors": 2, "passed": 2} == result.parseoutcomes()
    figures = matched(result)
    assert ("err", "20.00") == (figures["q8_0", "q8_0"], figures["q4_0", "q4_0"])
    said = "the server was asked for KV cache types q8_0/q8_0 and its log shows q5_0/q5_0"
    errors = [row["error"] for row in lab.rows() if row["outcome"] == "error"]
    assert 2 == len(errors)
    assert said in errors[0]
    assert said in errors[1]


@pytest.mark.slow
def test_exit_first(lab: Lab, liar: str) -> None:
    """-x stops after the first item that is not passed, and the grid is printed all the same."""
    result = lab.grid(*PAIRS, "--kv-server", liar, "-x")
    assert {"errors": 1} == result.parseoutcomes()
    figures = matched(result)
    assert ("err", "err") == (figures["q8_0", "q8_0"], figures["q4_0", "q4_0"])
    assert lab.folder == said_folder(result.outlines, lab.path)
    assert ["error"] == [row["outcome"] for row in lab.rows()]
    assert ["q8_0-q8_0.log"] == [log.name for log in (lab.folder / "servers").iterdir()]


@pytest.mark.parametrize("workers", [(), pytest.param(("-n", "1"), marks=pytest.mark.slow)], ids=["plain", "n1"])
def test_sigkill(lab: Lab, started: list[subprocess.Popen[str]], workers: tuple[str, ...]) -> None:
    """SIGKILL of pytest leaves no server behind."""
    process, server = hold(lab, started, *workers)
    assert runs(server)
    process.kill()
    process.wait()
    wait_until(lambda: not runs(server))
    assert not runs(server)


def test_port_taken(args: ServerArgs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that another program took between the choice and the start is tried anew, with a log of its own."""
    free = launch.free_port
    with socket.socket() as other:
        other.bind((launch.HOST, 0))
        ports = iter([other.getsockname()[1]])
        monkeypatch.setattr(launch, "free_port", lambda: next(ports, None) or free())
        with launch.launched(args, tmp_path / "server.log") as server:
            assert server.client.healthy()
            assert tmp_path / "server.2.log" == server.log
    assert "couldn't bind" in (tmp_path / "server.log").read_text(encoding="utf-8")


def test_port_taken_for_ever(args: ServerArgs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After three attempts it is an error with the server's own words."""
    with socket.socket() as other:
        other.bind((launch.HOST, 0))
        port = other.getsockname()[1]
        monkeypatch.setattr(launch, "free_port", lambda: port)
        with pytest.raises(ServerStartError, match="couldn't bind"), launch.launched(args, tmp_path / "server.log"):
            pass
    assert ["server.2.log", "server.3.log", "server.log"] == sorted(path.name for path in tmp_path.iterdir())


def test_deadline(args: ServerArgs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is not ready in time is ended, and the error says how long was waited."""
    spawned = []
    spawn = launch._spawn
    monkeypatch.setattr(launch, "_LISTENING", "what no server says")  # one that is faster than the deadline is ready
    monkeypatch.setattr(launch, "_spawn", lambda *given: spawned.append(spawn(*given)) or spawned[-1])
    with (
        pytest.raises(ServerStartError, match=r"q8_0/q4_0: the server was not ready after 0 s"),
        launch.launched(args, tmp_path / "server.log", deadline_seconds=0.0),
    ):
        pass
    (server,) = spawned
    assert not server.alive()


def test_program_that_cannot_be_started(args: ServerArgs, tmp_path: Path) -> None:
    """A program that the system refuses to start is an error of the cell, with its path."""
    gone = replace(args, program=replace(args.program, command=(str(tmp_path / "gone"),)))
    with pytest.raises(ServerStartError, match="gone could not be started"), launch.launched(gone, tmp_path / "log"):
        pass


def test_stops_at_the_end(args: ServerArgs, tmp_path: Path) -> None:
    """A server ends with its context, also where the test in it failed, and its log is kept."""

    def fails() -> None:
        with launch.launched(args, tmp_path / "server.log") as server:
            servers.append(server)
            assert runs(server.process.pid)
            raise ZeroDivisionError

    servers: list[launch.LlamaServer] = []
    with pytest.raises(ZeroDivisionError):
        fails()
    (server,) = servers
    assert not runs(server.process.pid)
    assert "llama_kv_cache: size" in server.log_text


def test_second_start_has_a_log_of_its_own(args: ServerArgs, tmp_path: Path) -> None:
    """No log is overwritten."""
    logs = []
    for _ in range(2):
        with launch.launched(args, tmp_path / "q8_0-q4_0.log") as server:
            logs.append(server.log)
    assert [tmp_path / "q8_0-q4_0.log", tmp_path / "q8_0-q4_0.2.log"] == logs
    assert all(log.stat().st_size for log in logs)


#: As `time`, `strace` or a person's own script: it starts the server and stays beside it.
BESIDE = f"""#!{sys.executable}
import pathlib
import subprocess
import sys

server = subprocess.Popen(sys.argv[1:])
pathlib.Path(__file__).with_suffix(".pid").write_text(str(server.pid))
server.wait()
"""


def beside(folder: Path) -> Path:
    """A wrapper that does not turn into the server. It writes the server's process id into `beside.pid`."""
    path = folder / "beside"
    path.write_text(BESIDE, encoding="utf-8")
    path.chmod(0o755)
    return path


def test_server_behind_a_wrapper(args: ServerArgs, tmp_path: Path) -> None:
    """The server ends with its context also where a wrapper of the user's command stands between."""
    program = replace(args.program, command=(str(beside(tmp_path)), *args.program.command))
    with launch.launched(replace(args, program=program), tmp_path / "server.log") as server:
        child = int((tmp_path / "beside.pid").read_text(encoding="ascii"))
        assert child != server.process.pid
        assert runs(child)
    wait_until(lambda: not runs(child))


def test_sigkill_behind_a_wrapper(lab: Lab, started: list[subprocess.Popen[str]]) -> None:
    """SIGKILL of pytest leaves no server behind there either: the kernel ends the wrapper alone."""
    command = f"{beside(lab.path)} {COMMAND}"
    process, wrapper = hold(lab, started, "--kv-server", command)
    child = int((lab.path / "beside.pid").read_text(encoding="ascii"))
    assert runs(wrapper)
    assert runs(child)
    process.kill()
    process.wait()
    wait_until(lambda: not runs(child))


@pytest.mark.slow
def test_sigkill_behind_a_script(lab: Lab, started: list[subprocess.Popen[str]]) -> None:
    """A script that is named like a server is a wrapper, too."""
    script = lab.write("server.sh", f'#!/bin/sh\n{beside(lab.path)} {COMMAND} "$@"\n')
    script.chmod(0o755)
    process, _ = hold(lab, started, "--kv-server", str(script))
    child = int((lab.path / "beside.pid").read_text(encoding="ascii"))
    assert runs(child)
    process.terminate()
    process.wait()
    wait_until(lambda: not runs(child))


@pytest.mark.slow
def test_server_that_left_its_group(lab: Lab) -> None:
    """A wrapper may start a session of its own: its server ends with its cell all the same."""
    script = lab.write("apart.sh", f'#!/bin/sh\nsetsid {beside(lab.path)} {COMMAND} "$@"\n')
    script.chmod(0o755)
    result = lab.grid("--kv-pairs", "q8_0/q4_0", "--kv-server", str(script))
    assert {("q8_0", "q4_0"): "20.00"} == matched(result)
    assert not runs(int((lab.path / "beside.pid").read_text(encoding="ascii")))


@pytest.mark.slow
def test_server_whose_environment_was_cleared(lab: Lab) -> None:
    """It has neither mark nor key then, and is known by the port that it listens on."""
    kept = 'PATH="$PATH" HOME="$HOME"'
    script = lab.write("clean.sh", f'#!/bin/sh\nsetsid env -i {kept} {beside(lab.path)} {COMMAND} "$@"\n')
    script.chmod(0o755)
    result = lab.grid("--kv-pairs", "q8_0/q4_0", "--kv-server", str(script))
    assert {("q8_0", "q4_0"): "20.00"} == matched(result)
    wait_until(lambda: not runs(int((lab.path / "beside.pid").read_text(encoding="ascii"))))


@pytest.mark.slow
def test_server_that_cannot_be_ended(lab: Lab) -> None:
    """It is said, and no success, though every item passed. A fake: whoever runs these tests may end all."""
    lab.write(
        "conftest.py",
        "from pytest_codeneedle.server.leftovers import Traces\n"
        "kill, left = Traces.end, iter(['', 'process 1 (init)'])  # the server that counts ends\n"
        "Traces.end = lambda *what, **more: kill(*what, **more) or next(left, '')\n",
    )
    result = lab.grid("--kv-pairs", "q8_0/q4_0", "--kv-server", str(beside(lab.path)) + f" {COMMAND}")
    assert pytest.ExitCode.TESTS_FAILED == result.ret
    said = "q8_0/q4_0: the server could not be ended: process 1 (init); end it by hand, as its user"
    assert f"kv-grid: {said}" in result.outlines


def test_watchdog() -> None:
    """Where the kernel does not end orphans: the watchdog kills its process once its standard input closes."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]) as sleeper:
        command = [sys.executable, "-m", "pytest_codeneedle.server.watchdog", str(sleeper.pid), "no-mark", "1", "0"]
        environment = {**os.environ, WATCHED_KEY: "no-key"}
        with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as watchdog:
            assert watchdog.stdin is not None
            assert sleeper.poll() is None
            watchdog.stdin.close()
            assert 0 == watchdog.wait(PATIENCE_SECONDS)
        assert -signal.SIGKILL == sleeper.wait(PATIENCE_SECONDS)


def test_guarded(args: ServerArgs, tmp_path: Path) -> None:
    """A guarded server that is stopped takes its watchdog along."""
    unguarded = replace(args, program=replace(args.program, may_wrap=False))
    with launch.launched(unguarded, tmp_path / "server.log") as server:
        server.guard()
        watchdog = server._watchdog
        assert watchdog is not None
        assert watchdog.poll() is None
    assert watchdog.poll() is not None
    assert not server.alive()
