"""One session at a time on one run folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.runs.lock import LOCK, FolderLock, holder

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import pathlib, sys
from pytest_codeneedle.runs.lock import FolderLock
lock = FolderLock(pathlib.Path(sys.argv[1]))
lock.take()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_held_folder_is_refused_and_its_holder_named(tmp_path: Path) -> None:
    """The message has the folder, the process and the way out; once it is let go, it can be had."""
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    first.take()
    reason = f"{re.escape(str(tmp_path))} is in use by process {os.getpid()} on .+: wait for it, or name another folder"

    with pytest.raises(RunFolderError, match=f"^{reason}"):
        second.take()
    held_by = holder(tmp_path)
    first.release()
    first.release()
    second.take()
    second.release()

    assert (held_by or "").startswith(f"process {os.getpid()} on ")
    assert holder(tmp_path) is None


def test_a_lock_dies_with_its_owner(tmp_path: Path) -> None:
    """SIGKILL of the process that holds the folder lets it go; the file that stays behind says nothing."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert "held\n" == other.stdout.readline()
        with pytest.raises(RunFolderError, match=f"in use by process {other.pid} on "):
            FolderLock(tmp_path).take()
        other.kill()
        other.wait()

    assert (tmp_path / LOCK).exists()
    assert holder(tmp_path) is None
    lock = FolderLock(tmp_path)
    lock.take()
    lock.release()


def test_a_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    """A server that outlived its session for a moment would keep a run from being gone on with."""
    lock = FolderLock(tmp_path)
    lock.take()
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child:
        lock.release()
        assert holder(tmp_path) is None
        child.kill()


def test_nobody_holds_a_folder_without_a_lock(tmp_path: Path) -> None:
    """A run that was made before there were locks."""
    assert holder(tmp_path) is None
    assert [] == list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_locked(tmp_path: Path) -> None:
    """One error with the reason; whoever wants to know who holds it is told nobody."""
    (tmp_path / LOCK).mkdir()

    with pytest.raises(RunFolderError, match="cannot be written: Is a directory; name another"):
        FolderLock(tmp_path).take()
    assert holder(tmp_path) is None


def test_only_the_user_reads_who_holds_it(tmp_path: Path) -> None:
    """The file names a machine."""
    lock = FolderLock(tmp_path)
    lock.take()
    lock.release()

    assert 0o600 == (tmp_path / LOCK).stat().st_mode & 0o777
