"""Files that must stay what they are while a session runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.server.contents.hashes import FileHashes
from pytest_codeneedle.server.contents.watched import changed, watched

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of that content."""
    path = tmp_path / "t.jinja"
    path.write_text("one", encoding="ascii")
    return path


def test_the_same_content(tmp_path: Path, file: Path) -> None:
    """Nothing is said of what was touched, or replaced by itself; what was never there is not looked for."""
    hashes = FileHashes(tmp_path / "cache")
    before = watched([file, tmp_path / "none"], hashes)
    assert [str(file)] == list(before)
    os.utime(file, (1, 1))
    file.chmod(0o600)
    assert not changed(before, hashes)
    other = tmp_path / "other"
    other.write_text("one", encoding="ascii")
    other.replace(file)

    assert not changed(before, hashes)


def test_another_content(tmp_path: Path, file: Path) -> None:
    """Of the same size and time too, through a link, and where it is gone."""
    link = tmp_path / "link.jinja"
    link.symlink_to(file)
    hashes = FileHashes(tmp_path / "cache")
    before = watched([link], hashes)
    times = file.stat()
    file.write_text("two", encoding="ascii")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert changed(before, hashes).startswith(f"{link} has another content than when this session began, ")
    file.unlink()
    assert changed(before, hashes).startswith(f"{link} is gone, ")
