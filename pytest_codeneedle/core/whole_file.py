"""Files that are the old ones or the new ones whenever they are looked at: a kill or a full disk leaves no half."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import secrets
import time
from pathlib import Path

from pytest_codeneedle.core.regular_files import PIPE_SECONDS

#: Where nothing can be put beside a file, or in its place, it can be written into all the same: a mount of its own.
_NO_PLACE = frozenset((errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV))
_NO_FILES = ("/dev/", "/proc/")
_POLL_SECONDS = 0.05
_LEFT_SECONDS = 3600.0
_LONGEST_NAME = 50  # characters of up to four bytes, and a name has 255
_PRIVATE_FILE, _FILE, _MODE = 0o600, 0o666, 0o777


def write_whole(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file through one beside it, `private` for the user's eyes alone; else it keeps the rights that it has.

    A link stays one. What is no regular file, as a pipe, is written into. Raises OSError.
    """
    there = path.exists()
    if str(path.absolute()).startswith(_NO_FILES) or (there and not path.is_file()):
        _write_into(path, content)
        return
    place = Path(os.path.realpath(path))
    part = place.with_name(f".{place.name[:_LONGEST_NAME]}.{secrets.token_hex(6)}.part")
    _take_away_left(place)
    mode = _PRIVATE_FILE if private else _FILE
    try:
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as written:
            if there and not private:
                part.chmod(place.stat().st_mode & _MODE)
            written.write(content)
            written.flush()
            os.fsync(written.fileno())  # before it takes the old one's place
        part.replace(place)
    except OSError as error:
        if not there or error.errno not in _NO_PLACE:
            raise
        path.write_bytes(content)
    finally:
        _unlink(part)


def _take_away_left(place: Path) -> None:
    """What writers that were killed left beside it: none that lives takes so long."""
    with contextlib.suppress(OSError):
        for part in place.parent.glob(f".{glob.escape(place.name[:_LONGEST_NAME])}.*.part"):
            if time.time() - part.stat().st_mtime > _LEFT_SECONDS:
                part.unlink()


def _write_into(path: Path, content: bytes) -> None:
    """Into a device, or a pipe that somebody reads from. Raises OSError where nobody does after a while."""
    with open(path, "wb", opener=_reader_awaited if path.is_fifo() else None) as opened:
        opened.write(content)


def _reader_awaited(path: str, flags: int) -> int:
    until = time.monotonic() + PIPE_SECONDS
    while True:
        try:
            descriptor = os.open(path, flags | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > until:
                msg = f"it is a pipe (FIFO) that nobody read from for {PIPE_SECONDS:.0f} s"
                raise OSError(errno.ENXIO, msg, path) from error
            time.sleep(_POLL_SECONDS)
        else:
            os.set_blocking(descriptor, True)
            return descriptor


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):  # where nothing could be put, nothing is
        path.unlink(missing_ok=True)
