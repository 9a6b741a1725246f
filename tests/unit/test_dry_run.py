"""The size of a model's file; the rest of a dry run is shown by its integration test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_codeneedle.dry_run import file_mib

if TYPE_CHECKING:
    from pathlib import Path


def test_all_parts_of_a_split_file_count(tmp_path: Path) -> None:
    """A model in parts is named by its first one; other models beside it are not counted."""
    sizes = {
        "big[1]-00001-of-00002.gguf": 2,
        "big[1]-00002-of-00002.gguf": 1,
        "big1-00002-of-00002.gguf": 8,
        "a.gguf": 4,
    }
    for name, mib in sizes.items():
        (tmp_path / name).write_bytes(bytes(mib * 2**20))

    assert 3.0 == file_mib(tmp_path / "big[1]-00001-of-00002.gguf")
    assert 4.0 == file_mib(tmp_path / "a.gguf")
    assert file_mib(tmp_path / "fetched.gguf") is None
