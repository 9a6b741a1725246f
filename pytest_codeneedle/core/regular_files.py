"""Files that a user or a folder names: regular ones alone are opened, and no more of them is read than is wanted.

A pipe would be waited for, a device read for ever. All faults are OSErrors with a `strerror` that a message can take.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

_MIB = 2**20
#: What a program or a person writes in one go: run.json, a baseline, a page.
MOST_BYTES = 256 * _MIB
#: Results and answers, which grow.
MOST_DATA_BYTES = 2048 * _MIB
#: What a person writes: a corpus file, a profile.
MOST_TABLE_BYTES = _MIB
#: Of a log the beginning says what was loaded, and the end why it went wrong.
END_BYTES = 4 * _MIB
#: So long a pipe may take until its writer has written.
PIPE_SECONDS = 10.0
_KINDS = {
    stat.S_IFIFO: "a pipe (FIFO)",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_PIECE = 2**16


def check_regular(path: Path) -> None:
    """Raise OSError for what is no regular file, nor a link to one; nothing is opened."""
    _refuse(path, path.stat())


def open_regular(path: Path) -> BinaryIO:
    """A regular file, or one that a link leads to, for reading. Raises OSError, for what is none too."""
    check_regular(path)  # before it is opened: to open a device may be to use it
    descriptor = os.open(path, os.O_RDONLY | _NO_WAIT | _BINARY)
    try:
        _refuse(path, os.fstat(descriptor))  # it may have been replaced
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """All of a regular file. Raises OSError for one of more than `most` bytes, before it is read."""
    with open_regular(path) as opened:
        size = os.fstat(opened.fileno()).st_size
        content = opened.read(most + 1) if size <= most else b""
    if size > most or len(content) > most:
        msg = f"it has {max(size, len(content)) / _MIB:.0f} MiB, and no more than {most / _MIB:.0f} MiB are read"
        raise OSError(errno.EFBIG, msg, str(path))
    return content


def read_text(path: Path, most: int = MOST_BYTES, *, encoding: str = "utf-8", errors: str = "strict") -> str:
    """All of a regular file as text, its line ends as line feeds. Raises OSError, UnicodeDecodeError."""
    return _with_line_feeds(read_bytes(path, most).decode(encoding, errors))


def read_ends(path: Path, each: int = END_BYTES) -> str:
    """The first and the last `each` bytes of a file as text, with a line between that says how many are left out.

    A shorter one is read whole. Raises OSError.
    """
    with open_regular(path) as opened:
        size = os.fstat(opened.fileno()).st_size
        if size <= 2 * each:
            content = opened.read(2 * each)
        else:
            head = opened.read(each)
            opened.seek(-each, os.SEEK_END)
            left_out = max(0, opened.tell() - each)
            content = b"%b\n[%d bytes are left out here]\n%b" % (head, left_out, opened.read(each))
    return _with_line_feeds(content.decode("utf-8", "replace"))


def read_given(path: Path, most: int) -> bytes:
    """The first `most` bytes of what a user hands over in a file or a pipe, as `<(command)` is one.

    Raises OSError for anything else, and where the pipe is not at its end after ten seconds.
    """
    if not stat.S_ISFIFO(path.stat().st_mode):
        with open_regular(path) as opened:
            return opened.read(most)
    descriptor = os.open(path, os.O_RDONLY | _NO_WAIT)
    until, content = time.monotonic() + PIPE_SECONDS, b""
    try:
        while len(content) < most:
            if not select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
                msg = f"it is a pipe (FIFO) that was not at its end after {PIPE_SECONDS:.0f} s"
                raise OSError(errno.ETIMEDOUT, msg, str(path))
            piece = os.read(descriptor, _PIECE)
            if not piece:
                break
            content += piece
    finally:
        os.close(descriptor)
    return content[:most]


def regular_opener(mode: int = 0o666) -> Callable[[str, int], int]:
    """For `open`, to write: a regular file, or a new one with that mode. Raises OSError for anything else there."""

    def opener(path: str, flags: int) -> int:
        with contextlib.suppress(FileNotFoundError):
            _refuse(path, Path(path).stat())
        descriptor = os.open(path, flags | _NO_WAIT, mode)
        try:
            _refuse(path, os.fstat(descriptor))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    return opener


def reason(error: Exception) -> str:
    """Why a file could not be read, for a message that names it already."""
    return getattr(error, "strerror", None) or str(error)


def _refuse(path: Path | str, status: os.stat_result) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if kind != stat.S_IFREG:
        msg = f"it is {_KINDS.get(kind, 'something else')}, and only regular files are opened"
        raise OSError(errno.EINVAL, msg, str(path))


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
