"""SHA-256 of files, with notes that spare the second reading of a large one and cannot be wrong unnoticed."""

from __future__ import annotations

import hashlib
import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_codeneedle.core.cache_notes import read_note, write_note
from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.long_work import silent
from pytest_codeneedle.core.regular_files import open_regular

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

    from pytest_codeneedle.core.long_work import Progress

_PIECE = 1 << 22
_GIB = 2**30
#: What is there looks like a file and is none.
_NO_FILES = ("/proc/", "/sys/", "/dev/")
_SHA256 = re.compile(r"[0-9a-f]{64}")
#: No file system's times are coarser: a file that was changed so shortly before it was read may change once more
#: without its times showing it, and has no note.
_COARSEST_NS = 2 * 10**9
#: What is written to each time that it is read will not stand still for long.
_TRIES = 3


@dataclass(frozen=True)
class FileHashes:
    """Hashes of files by their content; notes of them are kept in `cache`, and `progress` hears how far one is read.

    A note holds what it was made of: where the file lies on which device, its size, and when its content and its
    entry were last changed, in nanoseconds. The last of these no program sets, so a file that was replaced by
    another of the same name, size and time is read again. So is one whose note is empty, torn or altered.
    """

    #: What stands for the hash of a file that cannot be read.
    UNREADABLE: ClassVar[str] = "unreadable"

    cache: Path
    progress: Progress = silent

    def sha256(self, path: Path) -> str:
        """The hash, as 64 hexadecimal digits. One that changes while it is read is read again.

        Raises OSError where it cannot be read or is no regular file, ConfigurationError where it keeps changing.
        """
        note = self._note(path)
        for _ in range(_TRIES):
            with open_regular(path) as file:
                before, began = _state(file), time.time_ns()
                known = _read(note, before)
                if known is not None:
                    return known
                digest = self._digest(path, file, before["size"])
                after = _state(file)
            if before == after == state_of(path):
                if began - max(before["mtime_ns"], before["ctime_ns"]) > _COARSEST_NS:
                    write_note(note, {**before, "sha256": digest})
                return digest
        msg = f"{path} changes while it is read for its hash; start again when it is written whole (a download?)"
        raise ConfigurationError(msg)

    def all(self, files: Mapping[str, Path]) -> dict[str, str]:
        """Label -> hash of each file; `unreadable` in the place of one that cannot be read."""
        hashes = {}
        for label, path in files.items():
            try:
                hashes[label] = self.sha256(path)
            except OSError:
                hashes[label] = self.UNREADABLE
        return hashes

    def _note(self, path: Path) -> Path:
        name = hashlib.sha256(os.fsencode(os.path.abspath(path))).hexdigest()  # noqa: PTH100 - no link is followed
        return self.cache / "hashes" / f"{name}.json"

    def _digest(self, path: Path, file: BinaryIO, size: int) -> str:
        digest, done = hashlib.sha256(), 0
        with self.progress(f"hash of {path.name}") as at:
            while done <= size and (piece := file.read(_PIECE)):  # one that grows has no end
                digest.update(piece)
                done += len(piece)
                at(f"{done / _GIB:.1f} of {size / _GIB:.1f} GiB are read")
        return digest.hexdigest()


def is_regular(path: Path) -> bool:
    """Whether it is a file with content, and no folder, socket, pipe, device or fact of the kernel's.

    Links are followed.
    """
    try:
        return path.is_file() and not str(path.resolve()).startswith(_NO_FILES)
    except (OSError, ValueError):  # too long for a name, or no name at all
        return False


def _state(file: BinaryIO) -> dict[str, int]:
    return _facts(os.fstat(file.fileno()))


def state_of(path: Path) -> dict[str, int] | None:
    """Where the file lies that the name leads to, its size, and when it was changed; None where it is gone."""
    try:
        return _facts(path.stat())
    except OSError:
        return None


def _facts(status: os.stat_result) -> dict[str, int]:
    return {
        "device": status.st_dev,
        "inode": status.st_ino,
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "ctime_ns": status.st_ctime_ns,
    }


def _read(note: Path, state: Mapping[str, int]) -> str | None:
    """The noted hash of a file in that state; None where there is no note of it, or a damaged one."""
    kept = read_note(note)
    digest = kept.get("sha256") if isinstance(kept, dict) else None
    whole = isinstance(digest, str) and _SHA256.fullmatch(digest) and kept == {**state, "sha256": digest}
    return digest if whole else None
