"""What ends a session: the first signal by an exception, the second, if it is a later one, at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.signals import Stopped, StopSignals, end_workers

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Python's own handlers before and after, whatever pytest was started from."""
    before = [signal.signal(one, signal.SIG_DFL) for one in ALL]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for one, handler in zip(ALL, before, strict=True):
        signal.signal(one, handler)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGINT, "Ctrl-C (SIGINT)"),
        (signal.SIGTERM, "told to end (SIGTERM)"),
        (signal.SIGHUP, "the terminal was closed (SIGHUP)"),
    ],
)
def test_a_signal_is_a_ctrl_c_with_its_reason(number: int, said: str) -> None:
    """Raised in the main thread, and noted."""
    signals = StopSignals(worker=False)
    signals.install()
    with pytest.raises(KeyboardInterrupt) as caught:
        signal.raise_signal(number)
    assert isinstance(caught.value, Stopped)
    assert said == str(caught.value)
    assert signal.Signals(number).name == signals.received
    signals.restore()
    assert [signal.default_int_handler, signal.SIG_DFL, signal.SIG_DFL] == list(map(signal.getsignal, ALL))


def test_the_second_signal() -> None:
    """Two at once are one, and a terminal may say twice that it closes; a later one ends the process at once."""
    signals = StopSignals(worker=False)
    signals.install()
    with pytest.raises(Stopped):
        signal.raise_signal(signal.SIGHUP)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.raise_signal(number)
    signals.restore()
    done = subprocess.run([sys.executable, "-c", LATER], check=False, capture_output=True, text=True)
    assert (128 + signal.SIGTERM, "stopped\n") == (done.returncode, done.stdout)
    assert "ended at once: there is no summary; codeneedle grid RUN prints it" == done.stderr.strip()


LATER = """
import signal
from pytest_codeneedle.core import signals

signals._PATIENCE_SECONDS = 0
signals.StopSignals(worker=False).install()
try:
    signal.raise_signal(signal.SIGTERM)
except KeyboardInterrupt:
    print("stopped", flush=True)
signal.raise_signal(signal.SIGTERM)
"""


def test_a_worker_ends_once() -> None:
    """The terminal's word and the controller's are one; even after its session."""
    signals = StopSignals(worker=True)
    signals.install()
    assert signal.SIG_DFL == signal.getsignal(signal.SIGHUP)
    with pytest.raises(Stopped):
        end_workers([os.getpid()])
    end_workers([os.getpid()])
    signal.raise_signal(signal.SIGINT)
    signals.restore()
    signal.raise_signal(signal.SIGTERM)


def test_what_is_ignored_stays_ignored() -> None:
    """As under nohup, or of a program in the background; a handler of someone else's stays, too."""
    own = lambda *_: None  # noqa: E731 - a handler
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, own)
    signals = StopSignals(worker=False, full_trace=True)
    signals.install()
    assert [signal.default_int_handler, own, signal.SIG_IGN] == list(map(signal.getsignal, ALL))
    signals.restore()
    signals.quieten_closed_terminals()  # nothing was received


def test_another_thread_takes_no_signals() -> None:
    """Python does not let it, and that is no error."""
    signals = StopSignals(worker=False)
    thread = threading.Thread(target=signals.install)
    thread.start()
    thread.join()
    assert signal.SIG_DFL == signal.getsignal(signal.SIGTERM)
    signals.restore()


def test_a_worker_that_is_gone() -> None:
    """There is nothing to end."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    end_workers([process.pid])
