"""The run folder: what is written is there, in the order it came, and what is damaged is named."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_codeneedle.errors import RunFolderError
from pytest_codeneedle.kvtypes import KVPair
from pytest_codeneedle.store import RESULTS, RUN, SERVERS, RunFolder

#: Characters at which something or other ends a line, beside ordinary ones.
TEXT = st.text(st.sampled_from('ab"\\\n\r\t\v\f\x1c\x1d\x1e\x85\u2028\u2029\0äß漢😀'), max_size=12)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
ROWS = st.lists(st.dictionaries(TEXT, VALUES | st.lists(VALUES, max_size=3), max_size=5), max_size=6)


def test_a_new_run_folder_has_all_its_parts(tmp_path: Path) -> None:
    """run.json with what is known, an empty results.jsonl, and a folder for the servers' logs."""
    run = RunFolder.create(tmp_path / "new" / "run", {"corpus": "mini"})

    assert {RUN, RESULTS, SERVERS} == {path.name for path in run.path.iterdir()}
    assert {"corpus": "mini"} == run.about()
    assert [] == run.rows()
    assert run == RunFolder.open(run.path)


@settings(max_examples=40)
@given(ROWS)
def test_rows_come_back_as_they_were_appended(rows: list[dict[str, Any]]) -> None:
    """Any text survives, and each row is one line of the file, whatever line ends are in it."""
    with TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder), {})
        for number, row in enumerate(rows):
            run.append(row)
            assert rows[: number + 1] == run.rows()

        assert rows == RunFolder.open(Path(folder)).rows()
        assert len(rows) == (Path(folder) / RESULTS).read_bytes().count(b"\n")


@settings(max_examples=40)
@given(ROWS.filter(bool), st.data())
def test_a_last_line_that_was_torn_is_left_out(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    """However a crash cuts the file, all whole lines are read, and no row that was never written."""
    with TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder), {})
        for row in rows:
            run.append(row)
        whole = (Path(folder) / RESULTS).read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        (Path(folder) / RESULTS).write_bytes(whole[:cut])

        found = run.rows()
        ended = whole[:cut].count(b"\n")
        assert rows[: len(found)] == found
        assert len(found) - ended in (0, 1)  # a line that lacks nothing but its end counts
        assert len(found) == ended or whole[cut : cut + 1] == b"\n"


def test_a_row_is_on_the_disk_when_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is synced, not only written."""
    synced: list[bytes] = []
    run = RunFolder.create(tmp_path, {})
    monkeypatch.setattr(os, "fsync", lambda _handle: synced.append((tmp_path / RESULTS).read_bytes()))

    run.append({"function": "f"})

    assert [b'{"function": "f"}\n'] == synced


@pytest.mark.parametrize("damage", ["{", '{"a": 1', "not json", "\ufffd"])
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, damage: str) -> None:
    """No row is passed over in silence: the message has the file and the line."""
    run = RunFolder.create(tmp_path, {})
    (tmp_path / RESULTS).write_text(f'{{"a": 1}}\n\n{damage}\n{{"a": 2}}\n', encoding="utf-8")

    with pytest.raises(RunFolderError, match=f"^{re.escape(str(tmp_path / RESULTS))}, line 3: not JSON: "):
        run.rows()


def test_a_damaged_last_line_with_its_end_is_named(tmp_path: Path) -> None:
    """A line that was written to its end was not torn by a crash."""
    run = RunFolder.create(tmp_path, {})
    (tmp_path / RESULTS).write_text('{"a": 1}\n{"a":\n', encoding="utf-8")

    with pytest.raises(RunFolderError, match="line 2: not JSON"):
        run.rows()


def test_a_row_behind_a_torn_line_is_damage(tmp_path: Path) -> None:
    """Where a torn line was written on to, what it says cannot be told: it is named, and no row is made up."""
    run = RunFolder.create(tmp_path, {})
    run.append({"a": 1})
    with (tmp_path / RESULTS).open("ab") as results:
        results.write(b'{"a": 2, "respon')
    run.append({"a": 3})

    with pytest.raises(RunFolderError, match="line 2: not JSON"):
        run.rows()


def test_no_results_yet(tmp_path: Path) -> None:
    """A run that was killed before its first row has none."""
    run = RunFolder.create(tmp_path, {})
    (tmp_path / RESULTS).unlink()

    assert [] == run.rows()


@pytest.mark.parametrize("name", [RUN, RESULTS])
def test_a_folder_that_holds_a_run_is_not_written_over(tmp_path: Path, name: str) -> None:
    """Either file is a run; the message names the folder and the way out, and nothing is changed."""
    (tmp_path / name).write_text("kept", encoding="utf-8")
    reason = f"{tmp_path} already holds a run; name another (--kv-out, -o), or read it: codeneedle grid"

    with pytest.raises(RunFolderError, match=f"^{re.escape(reason)}$"):
        RunFolder.create(tmp_path, {})
    assert ["kept"] == [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()]


def test_other_files_do_not_make_a_run(tmp_path: Path) -> None:
    """A folder with something else in it can be used."""
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")

    assert {"a": 1} == RunFolder.create(tmp_path, {"a": 1}).about()
    assert "mine" == (tmp_path / "notes.txt").read_text(encoding="utf-8")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """A name that is taken by a file is refused before anything starts."""
    path = tmp_path / "file"
    path.touch()

    with pytest.raises(
        RunFolderError,
        match=f"^{re.escape(str(path))} is not a folder; name another "
        rf"\(--kv-out, -o\)$",
    ):
        RunFolder.create(path, {})


def test_a_folder_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    """What the system refuses is said with its reason."""
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "run"

    with pytest.raises(RunFolderError) as caught:
        RunFolder.create(path, {})
    assert f"the run folder {path} cannot be written: Not a directory; name another (--kv-out, -o)" == str(caught.value)


def test_a_folder_without_a_run_cannot_be_opened(tmp_path: Path) -> None:
    """The message says what is missing and where runs are."""
    reason = f"{tmp_path} is not a run folder: it has no run.json; runs are kept below codeneedle-runs/ or --kv-out"

    with pytest.raises(RunFolderError, match=f"^{re.escape(reason)}$"):
        RunFolder.open(tmp_path)


@settings(max_examples=30)
@given(st.dictionaries(TEXT, VALUES | st.lists(VALUES, max_size=3) | st.dictionaries(TEXT, VALUES, max_size=3)))
def test_what_a_run_is_about_comes_back(about: dict[str, Any]) -> None:
    """run.json is written whole and may be written anew; no part of it stays behind."""
    with TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder), {"first": True})
        run.write_about(about)

        assert about == RunFolder.open(Path(folder)).about()
        assert {RUN, RESULTS, SERVERS} == {path.name for path in Path(folder).iterdir()}


def test_run_json_is_for_reading(tmp_path: Path) -> None:
    """One key a line, letters as they are, a line end at the end."""
    run = RunFolder.create(tmp_path, {"corpus": "größe", "n_ctx": 512})

    assert '{\n "corpus": "größe",\n "n_ctx": 512\n}\n' == (run.path / RUN).read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [b"", b"{", b'\xff{"a": 1}'])
def test_a_damaged_run_json_is_named(tmp_path: Path, content: bytes) -> None:
    """The message begins with the file."""
    (tmp_path / RUN).write_bytes(content)

    with pytest.raises(RunFolderError, match=f"^{re.escape(str(tmp_path / RUN))} cannot be read: "):
        RunFolder.open(tmp_path).about()


def test_each_pair_has_a_log_of_its_own(tmp_path: Path) -> None:
    """`servers/<ctk>-<ctv>.log`."""
    log = RunFolder(tmp_path).server_log(KVPair("q8_0", "q4_0"))

    assert tmp_path / "servers" / "q8_0-q4_0.log" == log


def test_rows_are_plain_json(tmp_path: Path) -> None:
    """Other programs can read the file: JSON Lines, letters as they are."""
    run = RunFolder.create(tmp_path, {})
    run.append({"response": "ä\n"})

    assert '{"response": "ä\\n"}\n' == (tmp_path / RESULTS).read_text(encoding="utf-8")
    assert {"response": "ä\n"} == json.loads((tmp_path / RESULTS).read_text(encoding="utf-8"))
