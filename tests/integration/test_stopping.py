"""Ctrl-C, SIGTERM and a closed terminal: the servers end, what was answered is kept and summed up, exit status 2."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .lab import GRID, PATIENCE_SECONDS, read_rows, survivors, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .lab import Lab

PAIRS = ("q8_0/q8_0", "q4_0/q4_0")
COMMAND = [
    *GRID,
    *("--corpus", "tiny", "--kv-pairs", ",".join(PAIRS)),
]
#: A fake: no real server takes for ever to load on demand.
SLEEPER = f"""#!{sys.executable}
import sys
import time

if "--help" in sys.argv:
    print("--cache-type-k")
elif "--version" not in sys.argv and "--list-devices" not in sys.argv:
    time.sleep(1000)
"""


@pytest.fixture
def hanging(lab: Lab) -> Iterator[Lab]:
    """A lab whose servers answer the first question of a cell and hang at the second; none is left at the end."""
    lab.faults(dict.fromkeys(PAIRS, ("hang@3",)))
    yield lab
    wait_until(lambda: not survivors(lab.path))


def answered(lab: Lab, count: int) -> bool:
    """Whether so many questions were answered."""
    return any(count <= len(read_rows(folder)) for folder in lab.folders() if (folder / "results.jsonl").exists())


def check_stopped(lab: Lab, count: int) -> None:
    """What was answered is there, and run.json says when it ended."""
    assert [] == survivors(lab.path)
    assert ["passed"] * count == [row["outcome"] for row in lab.rows()]
    about = lab.about()
    assert "ended" in about
    assert {"passed": count, "failed": 0, "error": 0} == about["outcomes"]


@pytest.mark.parametrize(
    ("name", "group", "workers", "said"),
    [
        ("SIGINT", False, 1, "Ctrl-C (SIGINT)"),
        pytest.param("SIGTERM", False, 1, "told to end (SIGTERM)", marks=pytest.mark.slow),
        pytest.param("SIGINT", False, 2, "Ctrl-C (SIGINT)", marks=pytest.mark.slow),
        ("SIGINT", True, 2, "Ctrl-C (SIGINT)"),
        pytest.param("SIGTERM", True, 2, "told to end (SIGTERM)", marks=pytest.mark.slow),
        pytest.param("SIGHUP", False, 2, "the terminal was closed (SIGHUP)", marks=pytest.mark.slow),
    ],
)
def test_signal(hanging: Lab, name: str, group: bool, workers: int, said: str) -> None:
    """To pytest alone, as `kill` sends it, and to xdist's workers too, as a terminal does; without any traceback."""
    command = [*COMMAND, *(() if workers == 1 else ("-n", str(workers)))]
    with subprocess.Popen(
        command, cwd=hanging.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            wait_until(lambda: answered(hanging, workers))
            wait_until(lambda: len(survivors(hanging.path)) == 2)  # one of them loads ahead, where there is one worker
            (os.killpg if group else os.kill)(process.pid, getattr(signal, name))
            wait_until(lambda: not survivors(hanging.path))
            output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    assert pytest.ExitCode.INTERRUPTED == process.returncode
    check_stopped(hanging, workers)
    assert f"pytest_codeneedle.core.signals.Stopped: {said}" in output
    assert "mean primary_matched /20" in output
    assert "Traceback" not in output
    assert "httpcore" not in output


@pytest.mark.slow
def test_closed_terminal(hanging: Lab) -> None:
    """Nobody reads any more, and the session ends in order all the same: JUnit's file is there, too."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(hanging.path)
        os.execv(COMMAND[0], [*COMMAND, "--junitxml", "junit.xml"])
    try:
        wait_until(lambda: answered(hanging, 1))
        wait_until(lambda: len(survivors(hanging.path)) == 2)  # the next one loads ahead
        os.close(terminal)
        _, status = os.waitpid(process, 0)
    except BaseException:
        os.kill(process, signal.SIGKILL)
        raise
    assert pytest.ExitCode.INTERRUPTED == os.waitstatus_to_exitcode(status)
    check_stopped(hanging, 1)
    assert (hanging.path / "junit.xml").is_file()


def test_while_it_loads(lab: Lab) -> None:
    """Before the first cell there is nothing to keep: no run folder, and no server."""
    sleeper = lab.write("sleeper", SLEEPER)
    sleeper.chmod(0o755)
    command = [*COMMAND, "--kv-server", str(sleeper)]
    with subprocess.Popen(command, cwd=lab.path, stdout=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: bool(survivors(lab.path)))
            process.terminate()
            output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    assert pytest.ExitCode.INTERRUPTED == process.returncode
    assert "Stopped: told to end (SIGTERM)" in output
    # A signal in the midst of the fork leaves the server to the parent-death signal.
    wait_until(lambda: not survivors(lab.path))
    assert [] == lab.folders()
