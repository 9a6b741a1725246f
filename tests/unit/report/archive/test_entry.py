"""One kept run as files: its name, its hashes, and what is found when a byte is another."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_runs import run_folder

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.report.archive.entry import (
    FILES,
    PAGE,
    SUMMARY,
    SUMS,
    Entry,
    faults,
    is_id,
    made_of,
    read_data,
    read_summary,
)
from pytest_codeneedle.runs.folder import RESULTS, RUN
from pytest_codeneedle.runs.lock import FolderLock

CELLS = {"bf16/bf16": [20, 20], "q4_0/q4_0": [12, 3]}


def laid(entry: Entry, path: Path) -> Path:
    """Its files in a folder of its name."""
    folder = path / entry.run_id
    folder.mkdir()
    for name, content in entry.files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    """The entry of a run of two cells."""
    return made_of(run_folder(tmp_path_factory.mktemp("small") / "run", CELLS), with_answers=False)


def test_a_name_is_the_hash_of_what_is_kept(small: Entry) -> None:
    """16 hexadecimal digits of what `sha256sum results.jsonl run.json` prints."""
    lines = "".join(f"{hashlib.sha256(small.files[name]).hexdigest()}  {name}\n" for name in (RESULTS, RUN))

    assert hashlib.sha256(lines.encode()).hexdigest()[:16] == small.run_id
    assert is_id(small.run_id)
    assert set(FILES) == set(small.files)


def test_it_is_the_same_wherever_the_run_lies(small: Entry, tmp_path: Path) -> None:
    """To the byte: another folder, another machine, or out of another archive."""
    again = made_of(run_folder(tmp_path / "deep" / "elsewhere", CELLS), with_answers=False)
    laid(small, tmp_path)

    assert small == again == made_of(tmp_path / small.run_id, with_answers=False)


def test_sha256sum_reads_the_hashes(small: Entry, tmp_path: Path) -> None:
    """`sha256sum -c` needs nothing of ours."""
    folder = laid(small, tmp_path)

    subprocess.run(["sha256sum", "-c", "--strict", SUMS], cwd=folder, check=True, capture_output=True)
    assert [] == faults(folder)


@settings(max_examples=60)
@given(st.data())
def test_any_flipped_bit_is_found(small: Entry, data: st.DataObject) -> None:
    """A law: its file is named; where it is in the hashes, so may be the file whose hash it was."""
    name = data.draw(st.sampled_from(sorted(small.files)))
    at, bit = data.draw(st.integers(0, len(small.files[name]) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(small.files[name])
    changed[at] ^= 1 << bit
    with TemporaryDirectory() as path:
        folder = laid(small, Path(path))
        (folder / name).write_bytes(changed)

        found = [fault.partition(":")[0] for fault in faults(folder)]
        assert found == [name] or (name == SUMS and found)


def test_files_that_are_missing_extra_or_no_files_are_named(small: Entry, tmp_path: Path) -> None:
    """A link may lead anywhere."""
    folder = laid(small, tmp_path)
    (folder / "notes.txt").write_text("", encoding="utf-8")
    (folder / SUMMARY).unlink()
    page = (folder / PAGE).rename(tmp_path / "page")
    (folder / PAGE).symlink_to(page)

    assert ["summary.json: missing", "notes.txt: extra", "index.html: not a plain file"] == faults(folder)


def test_data_that_are_not_what_the_name_says(small: Entry, tmp_path: Path) -> None:
    """Pages are not made of them: they are no longer what was added."""
    folder = laid(small, tmp_path)
    data, summary = read_data(folder), read_summary(folder)
    (folder / RUN).write_bytes(data[RUN] + b"\n")
    (folder / SUMMARY).write_text("{}", encoding="utf-8")

    assert dict(small.summary) == summary
    with pytest.raises(RunFolderError, match=r"is damaged: run\.json and results\.jsonl are not what its name says"):
        read_data(folder)
    with pytest.raises(RunFolderError, match=r"its hash is not that of SHA256SUMS; see `codeneedle archive check`"):
        read_summary(folder)


def test_a_summary_of_another_version_is_made_anew(small: Entry, tmp_path: Path) -> None:
    """By the command that is named."""
    folder = laid(small, tmp_path)
    other = json.dumps({**small.summary, "format": 0}).encode()
    (folder / SUMMARY).write_bytes(other)
    (folder / SUMS).write_text(f"{hashlib.sha256(other).hexdigest()}  {SUMMARY}\n", encoding="utf-8")

    with pytest.raises(RunFolderError, match=r"is of another version; `codeneedle archive rebuild` writes it anew"):
        read_summary(folder)


def test_a_run_in_use_is_not_kept(tmp_path: Path) -> None:
    """It is not whole; a torn last line of one that was killed is no more than that line."""
    run = run_folder(tmp_path / "run", CELLS)
    lock = FolderLock(run)
    lock.take()
    with pytest.raises(RunFolderError, match=r"is in use by process \d+ on .+; add it when that has ended"):
        made_of(run, with_answers=False)
    lock.release()
    with (run / RESULTS).open("a", encoding="utf-8") as results:
        results.write('{"ctk": "q4')

    assert 4 == made_of(run, with_answers=False).summary["answered"]


@pytest.mark.parametrize("about", ['{"pairs": ["bf16/bf16"], "cells": [], "functions": []}', "[]", "{", "null"])
def test_what_is_no_run_is_named(tmp_path: Path, about: str) -> None:
    """With the way out."""
    run = run_folder(tmp_path / "run", CELLS)
    (run / RUN).write_text(about, encoding="utf-8")

    with pytest.raises(RunFolderError, match="bring it back from a copy"):
        made_of(run, with_answers=False)


def test_private_answers_are_for_the_user_alone(tmp_path: Path) -> None:
    """Where they are asked for; else there is nothing to hide."""
    run = run_folder(tmp_path / "run", CELLS, private=True)
    bare, whole = (made_of(run, with_answers=answers) for answers in (False, True))

    assert [False, True] == [one.secret for one in (bare, whole)]
    assert [False, True] == [b"answer about f0" in one.files[RESULTS] for one in (bare, whole)]
    assert not any(b"line 0 of f0" in content or b"answer about" in content for content in bare.files.values())
