"""The processes of a server's start, whatever became of them on the way: a wrapper's, a chain of forks, a daemon.

Known by what they carry (a mark and a key in their environment, which forks hand on) or by what they hold: the port
that was chosen for them. Another program may have taken that port, so who listens on it is one of them only where it
was started after the server and nothing speaks against it. All of this is /proc's; without one, nothing is found.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The environment variable by which the descendants of a server's start are known, whatever group they went to.
MARK = "CODENEEDLE_SERVER"
#: Where a server reads its key from: other users may read its arguments, but not its environment.
KEY = "LLAMA_API_KEY"
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
#: So long they are looked for and killed: a chain of forks may be quicker than one look.
_SECONDS = 5.0
#: A socket may stay open for a moment after its process was killed.
_CLOSING_SECONDS = 1.0
_PAUSE_SECONDS = 0.01
#: For so long none may be found: one that forks again and again is found by one of many looks.
_QUIET_SECONDS = 0.3
_PROC = Path("/proc")
_LISTENS = "0A"
_MARK_BYTES, _KEY_BYTES = 8, 32
_PR_SET_PDEATHSIG = 1
#: Fields of /proc/PID/stat behind the name: the state, and when it was started, in ticks since the machine was.
_STATE, _STARTED = 0, 19


@dataclass(frozen=True)
class Traces:
    """What the processes of one start are known by; `since` is a moment before its first one was started."""

    mark: str
    key: str = field(repr=False)
    port: int
    since: int

    @classmethod
    def new(cls, port: int) -> Traces:
        """Those of a start that is about to be."""
        return cls(secrets.token_hex(_MARK_BYTES), secrets.token_urlsafe(_KEY_BYTES), port, now())

    @property
    def environment(self) -> dict[str, str]:
        """What its first process is started with, whatever is there already."""
        return {MARK: self.mark, KEY: self.key}

    def processes(self) -> list[Path]:
        """Those that carry the traces now, as their folders in /proc."""
        return [_PROC / str(pid) for pid in self._carriers({os.getpid()})]

    def server(self, sockets: set[str]) -> Path | None:
        """The process that listens, as its folder in /proc; `sockets` as `end` has them."""
        held = sockets & listening(self.port)
        carriers = (pid for pid in self._carriers({os.getpid()}) if held & _sockets(pid))
        return next((_PROC / str(pid) for pid in (*carriers, *self._listeners(sockets))), None)

    def end(self, sockets: set[str], *, astray: bool = False) -> str:
        """Kill its processes until none is left; what cannot be ended, for a message, as it is another user's.

        `sockets` are those that listened on the port once the server was ready. `astray` says that its first process
        ended by itself before that: what it forked may fork again while it is looked for, and is looked for longer.
        """
        left = self._kill(sockets, astray=astray)
        until = time.monotonic() + _CLOSING_SECONDS
        while not left and (held := sockets & listening(self.port)):
            if time.monotonic() > until:
                return f"port {self.port} is still listened on (socket {', '.join(sorted(held))})"
            time.sleep(_PAUSE_SECONDS)
        return ", ".join(map(_named, left))

    def _kill(self, sockets: set[str], *, astray: bool) -> list[int]:
        """Kill them; those that are left after all patience."""
        strangers: set[int] = {os.getpid()}
        until = time.monotonic() + _SECONDS
        quiet_until = time.monotonic() + (_QUIET_SECONDS if astray else _PAUSE_SECONDS)
        while True:
            last_look = time.monotonic() >= quiet_until
            left = [*self._carriers(strangers), *self._listeners(sockets)]
            if not left and last_look:
                return []
            if left and time.monotonic() > until:
                return left
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, KILL)
            if left:
                quiet_until = time.monotonic() + _QUIET_SECONDS

    def _carriers(self, strangers: set[int]) -> list[int]:
        """Processes with the mark or the key; `strangers` have neither, are not looked at, and grow."""
        own = {f"{MARK}={self.mark}".encode(), f"{KEY}={self.key}".encode()}
        found = []
        for pid in _pids():
            if pid not in strangers and (words := _words(pid, "environ")):
                if own.isdisjoint(words):
                    strangers.add(pid)
                else:
                    found.append(pid)
        return found

    def _listeners(self, sockets: set[str]) -> list[int]:
        """Processes that listen on the port, as far as they are the server's.

        These are its sockets once it was ready; any other only of a process with the port's number as an argument.
        """
        held = listening(self.port)
        later = (pid for pid in _pids() if self._is_later(pid)) if held else ()
        holding = ((pid, held & _sockets(pid)) for pid in later)
        return [pid for pid, own in holding if own & sockets or (own and self._is_told(pid))]

    def _is_later(self, pid: int) -> bool:
        """Whether it was started after the server, and is none of another start's."""
        begun, other = started(pid), f"{MARK}=".encode()
        if pid == os.getpid() or begun is None or begun < self.since:
            return False
        return not any(word.startswith(other) for word in _words(pid, "environ"))

    def _is_told(self, pid: int) -> bool:
        number = str(self.port).encode()
        return any(word == number or word.endswith(b"=" + number) for word in _words(pid, "cmdline"))


def die_with_parent() -> Callable[[], None] | None:
    """To be called between fork and exec, on Linux: the kernel kills the child when this process ends, in any way."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_for_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, KILL)
        if os.getppid() != parent:  # it ended before the call
            os._exit(1)

    return ask_for_signal


def now() -> int:
    """The present moment, as `started` has it; 0 where the system does not say."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(float((_PROC / "uptime").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_CLK_TCK"))
    return 0


def started(pid: int) -> int | None:
    """When a process was started, in the kernel's ticks since the machine was; None where it does not run."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[_STATE] in ("Z", "X") else int(fields[_STARTED])
    except (OSError, ValueError, IndexError):
        return None


def listening(port: int) -> set[str]:
    """The sockets that listen on a TCP port of this machine, by their inodes."""
    found = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (_PROC / "net" / name).read_text(encoding="ascii").splitlines()[1:]:
                columns = line.split()
                if columns[3] == _LISTENS and int(columns[1].rpartition(":")[2], 16) == port:
                    found.add(columns[9])
    return found


def _named(pid: int) -> str:
    """A process for a message: `process 123 (llama-server)`."""
    with contextlib.suppress(OSError):
        return f"process {pid} ({(_PROC / str(pid) / 'comm').read_text(encoding='utf-8', errors='replace').strip()})"
    return f"process {pid}"


def _pids() -> Iterator[int]:
    with contextlib.suppress(OSError):
        yield from (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal())


def _words(pid: int, name: str) -> list[bytes]:
    """A process's environment or command line; nothing of one that ended meanwhile, or is another user's."""
    with contextlib.suppress(OSError):
        return (_PROC / str(pid) / name).read_bytes().split(b"\0")
    return []


def _sockets(pid: int) -> set[str]:
    """The sockets that a process holds, by their inodes."""
    found = set()
    with contextlib.suppress(OSError):
        for entry in (_PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                kind, _, inode = str(entry.readlink()).partition(":")
                if kind == "socket":
                    found.add(inode.strip("[]"))
    return found
