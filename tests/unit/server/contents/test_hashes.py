"""Hashes of files and their notes: one spares a second reading, and is never believed where it may be wrong."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.cache_notes import read_note, write_note
from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.server.contents import hashes
from pytest_codeneedle.server.contents.hashes import FileHashes, is_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_codeneedle.core.long_work import At


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of this test count as written long ago: notes are made of them at once."""
    monkeypatch.setattr(hashes, "_COARSEST_NS", -1)


class Reading:
    """A `Progress` that knows which files were read, and meddles with each piece."""

    def __init__(self, meddle: Callable[[], object] = bool) -> None:
        self.files: list[str] = []
        self._meddle = meddle

    @contextlib.contextmanager
    def __call__(self, what: str) -> Iterator[At]:
        """A file is read."""
        self.files.append(what.removeprefix("hash of "))
        yield lambda _text: self._meddle()


def test_a_file_is_read_once(tmp_path: Path, settled: None) -> None:
    """The second time its note is enough; each file has its own."""
    reading = Reading()
    kept = FileHashes(tmp_path / "cache", reading)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode())
    for _ in range(2):
        assert [sha256(b"a"), sha256(b"b")] == [kept.sha256(tmp_path / name) for name in ("a", "b")]
    assert ["a", "b"] == reading.files


def test_a_file_that_was_just_written_has_no_note(tmp_path: Path) -> None:
    """Within the grain of a file system's clock it may change once more with the times it has."""
    (tmp_path / "m").write_bytes(b"x")

    assert sha256(b"x") == FileHashes(tmp_path / "cache").sha256(tmp_path / "m")
    assert not (tmp_path / "cache").exists()


def _rewritten(path: Path) -> None:
    path.write_bytes(b"two")


def _replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"two")
    other.replace(path)


@pytest.mark.parametrize("change", [_rewritten, _replaced])
def test_other_content_of_the_same_size_and_time(tmp_path: Path, settled: None, change: object) -> None:
    """`cp -p`, `touch -d` and a package manager set the time of a file; its content is what counts."""
    path = tmp_path / "m"
    path.write_bytes(b"one")
    times = path.stat()
    kept = FileHashes(tmp_path / "cache")
    assert sha256(b"one") == kept.sha256(path)
    assert callable(change)
    change(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert (times.st_size, times.st_mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)
    assert sha256(b"two") == kept.sha256(path)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda text: text[:-20], id="torn"),
        pytest.param(lambda text: text.replace(sha256(b"x"), sha256(b"y")), id="another hash"),
        pytest.param(lambda text: json.dumps({**json.loads(text), "sha256": ""}), id="no hash"),
        pytest.param(lambda _: "[]", id="a list"),
        pytest.param(lambda _: "[" * 100_000, id="deep"),
        pytest.param(lambda _: sha256(b"y"), id="of an earlier version"),
    ],
)
def test_a_damaged_note_is_made_anew(tmp_path: Path, settled: None, damage: object) -> None:
    """A full disk leaves empty files, and nothing of that is ever taken for a hash."""
    (tmp_path / "m").write_bytes(b"x")
    kept = FileHashes(tmp_path / "cache")
    kept.sha256(tmp_path / "m")
    (note,) = (tmp_path / "cache" / "hashes").iterdir()
    whole = note.read_text(encoding="ascii")
    assert callable(damage)
    note.write_text(damage(whole), encoding="ascii")

    assert sha256(b"x") == kept.sha256(tmp_path / "m")
    assert whole == note.read_text(encoding="ascii")


def test_a_note_of_another_place_is_not_believed(tmp_path: Path, settled: None) -> None:
    """A cache that was copied over from another machine has notes of other files by the same names."""
    (tmp_path / "m").write_bytes(b"x")
    kept = FileHashes(tmp_path / "cache")
    kept.sha256(tmp_path / "m")
    (note,) = (tmp_path / "cache" / "hashes").iterdir()
    told = read_note(note)
    write_note(note, {**told, "inode": told["inode"] + 1, "sha256": sha256(b"y")})

    assert sha256(b"x") == kept.sha256(tmp_path / "m")


def test_a_full_disk_leaves_no_note(tmp_path: Path, settled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash is given all the same, and nothing is left of the half that was written. The full disk is a fake."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "m").write_bytes(b"x")
    monkeypatch.setattr(os, "fsync", full)

    assert sha256(b"x") == FileHashes(tmp_path / "cache").sha256(tmp_path / "m")
    assert [] == list((tmp_path / "cache" / "hashes").iterdir())


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path: Path, settled: None) -> None:
    """The hash is given each time."""
    (tmp_path / "m").write_bytes(b"x")
    (tmp_path / "cache").touch()

    assert [sha256(b"x")] * 2 == [FileHashes(tmp_path / "cache").sha256(tmp_path / "m") for _ in range(2)]


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    """The hash is that of what is there in the end, and never one of two halves."""
    path = tmp_path / "m"
    path.write_bytes(b"one")
    left = [b"three"]

    def meddle() -> None:
        if left:
            path.write_bytes(left.pop())

    assert sha256(b"three") == FileHashes(tmp_path / "cache", Reading(meddle)).sha256(path)


def test_a_file_that_keeps_changing_is_an_error(tmp_path: Path) -> None:
    """A download that is under way: the file is named."""
    path = tmp_path / "m"
    path.write_bytes(b"x")

    def grow() -> None:
        with path.open("ab") as file:
            file.write(b"x")

    with pytest.raises(ConfigurationError, match=f"^{re.escape(str(path))} changes while it is read for its hash; "):
        FileHashes(tmp_path / "cache", Reading(grow)).sha256(path)


def test_what_is_no_regular_file_is_never_read(tmp_path: Path) -> None:
    """A pipe would be waited for, a device has no end; a file of the kernel's is another each time."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    names = ("pipe", "zero", "folder", "file", "none", "x" * 5000, "\0")

    assert ["file"] == [name for name in names if is_regular(tmp_path / name)]
    assert not is_regular(Path("/proc/self/status"))
    with pytest.raises(OSError, match="only regular files"):
        FileHashes(tmp_path / "cache").sha256(tmp_path / "pipe")


def test_a_file_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    """One that went away between is in the list all the same, without a hash."""
    (tmp_path / "a").write_bytes(b"a")
    files = {"--lora a": tmp_path / "a", "--lora b": tmp_path / "b"}

    assert {"--lora a": sha256(b"a"), "--lora b": "unreadable"} == FileHashes(tmp_path / "cache").all(files)


def test_a_link_leads_to_content(tmp_path: Path, settled: None) -> None:
    """Where it is pointed at another file, that is hashed."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode())
    link = tmp_path / "link"
    link.symlink_to("a")
    kept = FileHashes(tmp_path / "cache")
    assert sha256(b"a") == kept.sha256(link)
    link.unlink()
    link.symlink_to("b")
    assert sha256(b"b") == kept.sha256(link)
    shutil.rmtree(tmp_path / "cache")
