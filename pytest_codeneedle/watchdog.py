"""Ends a server when the process that started it is gone: `python -m pytest_codeneedle.watchdog PID MARK`.

For systems without Linux's parent-death signal, and for servers behind a wrapper, which that signal does not reach:
the process's group is ended where it leads one, and so is what carries the mark. Its standard input is a pipe whose
other end the parent holds; however the parent ends, the pipe closes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

#: The environment variable by which the descendants of a server's start are known, whatever group they went to.
MARK = "CODENEEDLE_SERVER"
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


def main(pid: int, mark: str) -> None:
    """Wait for the end of standard input, then kill `pid`, its group and what carries the mark."""
    while sys.stdin.buffer.read(4096):
        pass
    for end in (getattr(os, "killpg", os.kill), os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end(pid, _KILL)
    end_marked(mark)


def end_marked(mark: str) -> None:
    """Kill every process of this user that was started with this mark: a wrapper's, which went a way of its own.

    Only where there is /proc; elsewhere nothing is done.
    """
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        # One that ends meanwhile, or another user's, is none of ours.
        with contextlib.suppress(OSError):
            if wanted in entry.read_bytes().split(b"\0"):
                os.kill(int(entry.parent.name), _KILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
