"""A file that is written is the old one or the new one, whatever happens while it is."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_codeneedle.core import whole_file
from pytest_codeneedle.core.whole_file import write_whole

KILLED = """
import os, signal, sys
from pathlib import Path
from pytest_codeneedle.core.whole_file import write_whole

count = 0

def hook(event, arguments):
    global count
    count += event in ("open", "os.rename", "os.chmod", "os.remove") and sys.argv[1] in str(arguments[0])
    if count == int(sys.argv[2]) and event != "os.kill":
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
write_whole(Path(sys.argv[1]) / "f", b"new" * 1000)
"""


def mode(path: Path) -> int:
    """The rights of a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_kill_leaves_the_old_one(tmp_path: Path, at: int) -> None:
    """At its opening, at its rights, at its renaming."""
    (tmp_path / "f").write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(at)], check=False)
    assert (-9, b"old") == (done.returncode, (tmp_path / "f").read_bytes())


@settings(max_examples=20)
@given(st.sampled_from(["fsync", "replace"]))
def test_a_full_disk_leaves_the_old_one_and_nothing_beside_it(call: str) -> None:
    """The full disk is a fake."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        path = Path(folder) / "f"
        path.write_bytes(b"old")
        patched.setattr(os if call == "fsync" else Path, call, full)
        with pytest.raises(OSError, match="No space left"):
            write_whole(path, b"new")
        assert [(path, b"old")] == [(one, one.read_bytes()) for one in Path(folder).iterdir()]


def test_links_and_rights_stay(tmp_path: Path) -> None:
    """What a link leads to is replaced; what was private stays so, and becomes so where that is said."""
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (b"new", 0o640) == ((tmp_path / "real").read_bytes(), mode(tmp_path / "real"))
    write_whole(tmp_path / "real", b"newer", private=True)
    assert (b"newer", 0o600) == ((tmp_path / "real").read_bytes(), mode(tmp_path / "real"))
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "new", b"new")
    finally:
        os.umask(before)
    assert 0o640 == mode(tmp_path / "new")


def test_what_cannot_be_replaced_is_written_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is a mount of its own; the mount is a fake."""

    def busy(*_: object) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    (tmp_path / "f").write_bytes(b"old and longer")
    monkeypatch.setattr(Path, "replace", busy)
    write_whole(tmp_path / "f", b"new")
    assert [(tmp_path / "f", b"new")] == [(one, one.read_bytes()) for one in tmp_path.iterdir()]


def test_what_a_killed_writer_left_is_taken_away(tmp_path: Path) -> None:
    """Once nobody can be at it any more; what is of other files stays."""
    old, other, new = (tmp_path / f".{name}.part" for name in ("f[1].0123", "g.0123", "f[1].4567"))
    for path in (old, other, new):
        path.touch()
    for path in (old, other):
        os.utime(path, (1, 1))
    write_whole(tmp_path / "f[1]", b"new")
    assert {other, new, tmp_path / "f[1]"} == set(tmp_path.iterdir())


def test_a_pipe_is_written_into_or_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody reads from it; else it is no place. A link that leads in circles is replaced."""
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_whole(tmp_path / "pipe", b"new")
    reader.join()
    assert [b"new"] == read

    monkeypatch.setattr(whole_file, "PIPE_SECONDS", 0.1)
    with pytest.raises(OSError, match="nobody read from"):
        write_whole(tmp_path / "pipe", b"new")
    (tmp_path / "loop").symlink_to("loop")
    write_whole(tmp_path / "loop", b"new")
    assert b"new" == (tmp_path / "loop").read_bytes()
