"""Ends a server when the process that started it is gone: `python -m ... PID MARK PORT SINCE`.

For systems without Linux's parent-death signal, and for servers behind a wrapper, which that signal does not reach:
the process's group is ended where it leads one, and so is what is known by its traces. The server's key is in the
environment. Its standard input is a pipe whose other end the parent holds; however the parent ends, the pipe closes.
"""

from __future__ import annotations

import contextlib
import os
import sys

from pytest_codeneedle.server.leftovers import KILL, Traces

#: The variable with the server's key: not the server's own, or the watchdog would be taken for one of its processes.
WATCHED_KEY = "CODENEEDLE_WATCHED_KEY"


def main(pid: int, traces: Traces) -> None:
    """Wait for the end of standard input, then kill `pid`, its group and what has these traces."""
    while sys.stdin.buffer.read(4096):
        pass
    for end in (getattr(os, "killpg", os.kill), os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end(pid, KILL)
    traces.end(set())


if __name__ == "__main__":
    main(int(sys.argv[1]), Traces(sys.argv[2], os.environ[WATCHED_KEY], int(sys.argv[3]), int(sys.argv[4])))
