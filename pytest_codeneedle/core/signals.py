"""Ctrl-C, SIGTERM and a closed terminal end a session in the same way: servers stopped, records and summary written.

pytest itself knows Ctrl-C alone; the others would end it in the midst of things.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

#: What each means to a person.
_MEANING = {
    "SIGINT": "Ctrl-C (SIGINT)",
    "SIGTERM": "told to end (SIGTERM)",
    "SIGHUP": "the terminal was closed (SIGHUP)",
}


#: Servers are stopped within this time.
_PATIENCE_SECONDS = 2.0
_LAST_WORDS = "ended at once: there is no summary; codeneedle grid RUN prints it"


class Stopped(KeyboardInterrupt):
    """A signal that ends the session: pytest takes it for a Ctrl-C, with exit status 2, and prints its words."""


class StopSignals:
    """The handlers of one session. A signal that is ignored, as under nohup, stays ignored.

    Whoever presses Ctrl-C twice means one; after two seconds another ends the process at once, so that an impatient
    person is not kept. A terminal that is closed may say so twice. To xdist's workers (`worker`) the controller's word
    may come after the terminal's own: there only the first counts. When the terminal is closed they just end, for they
    have nothing to write.
    """

    def __init__(self, *, worker: bool, full_trace: bool = False, last_words: str = _LAST_WORDS) -> None:
        self.received: str | None = None
        self._since = 0.0
        self._worker = worker
        self._last_words = last_words
        # A person who asks for the traceback of a Ctrl-C gets pytest's own.
        names = {"SIGINT": not full_trace or worker, "SIGTERM": True, "SIGHUP": not worker}
        self._names = [name for name, wanted in names.items() if wanted]
        self._before: dict[int, Any] = {}
        self._terminals: list[int] = []

    def install(self) -> None:
        """Take the signals. Only a process's main thread can; elsewhere nothing is done."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (getattr(signal, name) for name in self._names if hasattr(signal, name)):
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                self._before[number] = signal.signal(number, self._take)
        self._terminals = [fd for fd in (1, 2) if _is_terminal(fd)]

    def restore(self) -> None:
        """Give the signals back; a worker that was stopped keeps them, for the controller's word may still come."""
        if not (self._worker and self.received):
            for number, handler in self._before.items():
                signal.signal(number, handler)
            self._before.clear()

    def _take(self, number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self.received is None:
            self.received = name
            self._since = time.monotonic()
            raise Stopped(_MEANING[name])
        if self._worker or name == "SIGHUP" or time.monotonic() - self._since < _PATIENCE_SECONDS:
            return
        # Servers end with this process, and what is recorded is on the disk.
        with contextlib.suppress(OSError):
            os.write(2, f"\n{self._last_words}\n".encode())
        os._exit(128 + number)

    def quieten_closed_terminals(self) -> None:
        """Let what is still printed go nowhere where the terminal is gone: else pytest would end in the midst of it."""
        gone = [fd for fd in self._terminals if not _is_terminal(fd)] if self.received else []
        if gone:
            with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a Path has no descriptor of its own
                for fd in gone:
                    os.dup2(nowhere.fileno(), fd)


def _is_terminal(fd: int) -> bool:
    with contextlib.suppress(OSError):
        return os.isatty(fd)
    return False


def end_workers(pids: Iterable[int]) -> None:
    """Tell these processes to end: xdist's own word reaches a worker that waits for an answer after 5 s only.

    Not by a Ctrl-C, which they ignore where a shell started pytest in the background.
    """
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
