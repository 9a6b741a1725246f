"""One session at a time on one run folder: a lock that the kernel takes back when its owner ends, however it ends."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import sys
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.core.regular_files import open_regular, regular_opener

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

LOCK = ".lock"
_WRITABLE_BY_OWNER = 0o600
_HOLDER_CHARACTERS = 200


class FolderLock:
    """Held from `take` to `release`. The file stays behind and says nothing; only the lock on it does."""

    def __init__(self, folder: Path, *, named: bool = True) -> None:
        """Without `named` nobody is told who holds it: the file of a folder that is published says nothing."""
        self._path = folder / LOCK
        self._named = named
        self._file: IO[str] | None = None

    @property
    def held(self) -> bool:
        """Whether this session holds the folder."""
        return self._file is not None

    def take(self) -> None:
        """Hold the folder. Raises RunFolderError that names the process which holds it."""
        try:
            holder = self.try_take()
        except OSError as error:
            msg = f"the run folder {self._path.parent} cannot be written: {error.strerror}; name another (--kv-out)"
            raise RunFolderError(msg) from error
        if holder is not None:
            msg = f"{self._path.parent} is in use by {holder}: wait for it, or name another folder (--kv-out)"
            raise RunFolderError(msg)

    def try_take(self) -> str | None:
        """Hold the folder; who holds it already, where somebody does. Raises OSError where it cannot be written."""
        opened = open(  # noqa: SIM115 - held until the session ends
            self._path, "a+", encoding="utf-8", opener=regular_opener(_WRITABLE_BY_OWNER)
        )
        try:
            _lock(opened)
        except OSError:
            holder = _holder(opened)
            opened.close()
            return holder
        self._file = opened
        if self._named:
            with contextlib.suppress(OSError):  # who holds it is a help, no more: the disk may be full
                opened.seek(0)
                opened.truncate()
                opened.write(f"process {os.getpid()} on {socket.gethostname()}")
                opened.flush()
        return None

    def release(self) -> None:
        """Let the folder go. Safe to call twice."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


def holder(folder: Path) -> str | None:
    """Who holds the folder at this moment, as `process 123 on host`; None where nobody does."""
    try:
        with io.TextIOWrapper(open_regular(folder / LOCK), encoding="utf-8", errors="replace") as opened:
            try:
                _lock(opened)
            except OSError:
                return _holder(opened)
    except OSError:  # no lock file, or not ours to open
        return None
    return None


def _holder(opened: IO[str]) -> str:
    opened.seek(0)
    with contextlib.suppress(OSError):
        return opened.read(_HOLDER_CHARACTERS).strip() or "another session"
    return "another session"


def _lock(opened: IO[str]) -> None:
    """Lock or raise OSError at once; closing the file, or the end of the process, unlocks."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - there is no fcntl there

        opened.seek(1 << 20)  # beyond the text, which others read
        msvcrt.locking(opened.fileno(), msvcrt.LK_NBLCK, 1)
        return
    import fcntl  # noqa: PLC0415 - there is no msvcrt there

    fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
