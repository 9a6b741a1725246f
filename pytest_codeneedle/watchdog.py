"""Ends a server when the process that started it is gone: `python -m pytest_codeneedle.watchdog PID`.

For systems without Linux's parent-death signal, and for servers behind a wrapper, which that signal does not reach:
the process's group is ended where it leads one. Its standard input is a pipe whose other end the parent holds;
however the parent ends, the pipe closes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main(pid: int) -> None:
    """Wait for the end of standard input, then kill `pid`."""
    while sys.stdin.buffer.read(4096):
        pass
    number = getattr(signal, "SIGKILL", signal.SIGTERM)
    for end in (getattr(os, "killpg", os.kill), os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end(pid, number)


if __name__ == "__main__":
    main(int(sys.argv[1]))
