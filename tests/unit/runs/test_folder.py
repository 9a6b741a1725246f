"""The run folder: what is written is there, in the order it came, and what is damaged is named."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.runs.folder import RESULTS, RUN, RUNS, SERVERS, TORN, RunFolder, current

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


def test_half_a_surrogate_pair_comes_back(tmp_path: Path) -> None:
    """From a record that was edited: it is no UTF-8, and is written as an escape; other lines stay readable."""
    rows = [{"response": "\ud800", "function": "ä"}, {"function": "ä"}]
    run = RunFolder.create(tmp_path / "run", {"model": "\udfff"})
    run.append(rows[0])
    run.extend(rows)
    assert [rows[0], *rows] == run.rows()
    assert {"model": "\udfff"} == run.about()
    assert '{"function": "ä"}' == (run.path / RESULTS).read_text(encoding="utf-8").splitlines()[2]


def test_no_results_yet(tmp_path: Path) -> None:
    """A run that was killed before its first row has none."""
    run = RunFolder.create(tmp_path, {})
    (tmp_path / RESULTS).unlink()

    assert [] == run.rows()


@pytest.mark.parametrize("name", [RUN, RESULTS])
def test_a_folder_that_holds_a_run_is_not_written_over(tmp_path: Path, name: str) -> None:
    """Either file is a run; the message names the folder and the way out, and nothing is changed."""
    (tmp_path / name).write_text("kept", encoding="utf-8")
    reason = f"{tmp_path} already holds a run; go on with it (--kv-resume), or name another (--kv-out, -o)"

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
    """`servers/<ctk>-<ctv>.log`; another pass and another rotation too."""
    run, pair = RunFolder(tmp_path), KVPair("q8_0", "q4_0")

    assert tmp_path / "servers" / "q8_0-q4_0.log" == run.server_log(pair)
    assert tmp_path / "servers" / "q8_0-q4_0.rot-off#2.log" == run.server_log(pair, ":rot-off#2")


def test_rows_are_plain_json(tmp_path: Path) -> None:
    """Other programs can read the file: JSON Lines, letters as they are."""
    run = RunFolder.create(tmp_path, {})
    run.append({"response": "ä\n"})

    assert '{"response": "ä\\n"}\n' == (tmp_path / RESULTS).read_text(encoding="utf-8")
    assert {"response": "ä\n"} == json.loads((tmp_path / RESULTS).read_text(encoding="utf-8"))


@settings(max_examples=60)
@given(ROWS.filter(bool), st.data())
def test_a_torn_end_is_repaired(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    """However a crash cuts the file: whole rows stay, more can be added, and what was torn off is kept beside it."""
    with TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder), {})
        for row in rows:
            run.append(row)
        whole = (Path(folder) / RESULTS).read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        (Path(folder) / RESULTS).write_bytes(whole[:cut])
        before = run.rows()

        said = run.repair()
        assert (said is None) == (cut == 0 or whole[cut - 1 : cut] == b"\n")
        assert before == run.rows()
        assert run.repair() is None
        run.append({"later": True})
        assert [*before, {"later": True}] == run.rows()
        if said is not None and "torn" in said:
            kept = (Path(folder) / TORN).read_bytes()
            assert whole[:cut].rpartition(b"\n")[2].decode("utf-8", "replace").encode() + b"\n" == kept


def test_a_repair_is_said(tmp_path: Path) -> None:
    """With the number of bytes and where they went."""
    run = RunFolder.create(tmp_path, {})
    run.append({"a": 1})
    with (tmp_path / RESULTS).open("ab") as results:
        results.write(b'{"a": 2, "respon')

    said = "results.jsonl: a line was torn: 16 bytes went to torn.txt; what they answered is asked again"
    assert said == run.repair()
    (tmp_path / RESULTS).write_bytes(b'{"a": 3}')
    assert "results.jsonl: its last line had no end: added" == run.repair()
    assert [{"a": 3}] == run.rows()


def test_a_row_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves no half of a line. A fake: the disk is said to be full after the bytes are there."""
    run = RunFolder.create(tmp_path, {})
    run.append({"a": 1})

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run.append({"a": 2})
    monkeypatch.undo()
    assert [{"a": 1}] == run.rows()
    assert run.repair() is None


@pytest.mark.parametrize(("private", "file", "folder"), [(True, 0o600, 0o700), (False, 0o644, 0o755)])
def test_private_runs_are_for_the_user_alone(tmp_path: Path, private: bool, file: int, folder: int) -> None:
    """Every file and folder of the run, also after it was opened again; others are as the user's mask has it."""
    old = os.umask(0o022)
    try:
        path = tmp_path / "run"
        RunFolder.create(path, {"private": private})
        run = RunFolder.open(path)
        run.append({"a": 1})
        run.extend([{"a": 2}])
        run.write_about({"private": private, "more": 1})
        run.write_corpus("text")
    finally:
        os.umask(old)

    assert {folder} == {one.stat().st_mode & 0o777 for one in (path, path / SERVERS)}
    assert {file} == {one.stat().st_mode & 0o777 for one in path.iterdir() if one.is_file()}
    assert 3 == sum(one.is_file() for one in path.iterdir())


def test_default_runs_are_no_part_of_a_repository(tmp_path: Path) -> None:
    """Answers are code, and may be private: git does not see them. What the user wrote there stays."""
    RunFolder.create(tmp_path / RUNS / "one", {})
    ignore = tmp_path / RUNS / ".gitignore"
    assert "*\n" == ignore.read_text(encoding="utf-8")

    ignore.write_text("mine\n", encoding="utf-8")
    RunFolder.create(tmp_path / RUNS / "two", {})
    assert "mine\n" == ignore.read_text(encoding="utf-8")
    RunFolder.create(tmp_path / "elsewhere" / "three", {})
    assert not (tmp_path / "elsewhere" / ".gitignore").exists()


def test_current_rows_are_of_the_state_that_the_run_is_in() -> None:
    """Rows of another key or without one, and of functions that are no longer asked for, are left out."""
    rows = [
        {"key": "k1", "function": "f"},
        {"key": "k2", "function": "f"},
        {"key": "k2", "function": "g"},
        {"function": "f"},
    ]

    assert [rows[1]] == current({"key": "k2", "asked": ["f"]}, rows)
    assert [rows[1], rows[2]] == current({"key": "k2"}, rows)
    assert [rows[3]] == current({}, rows)  # an imported run: neither has a key


def test_answers_of_a_cell_with_other_added_arguments_are_not_mixed() -> None:
    """Those of the last arguments count, and the rest of that cell is left to ask; other cells stay as they are."""
    cell = {"ctk": "q8_0", "ctv": "q4_0", "key": "k"}
    rows = [
        {**cell, "function": "f", "added_args": ""},
        {**cell, "function": "g", "added_args": ""},
        {**cell, "function": "f", "added_args": "--rope-scale 8"},
        {**cell, "ctk": "q4_0", "function": "f", "added_args": ""},
    ]

    assert [rows[2], rows[3]] == current({"key": "k"}, rows)


#: Appends rows until the system lets the file grow no more; what it printed was on the disk.
FILL = """
import pathlib, resource, sys
from pytest_codeneedle.runs.folder import RunFolder

run = RunFolder.open(pathlib.Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
for number in range(100):
    try:
        run.append({"number": number, "response": "x" * 700})
    except OSError:
        break
    print(number)
"""


@pytest.mark.parametrize("limit", [1, 700, 5000, 8192, 9000])
def test_a_file_that_may_not_grow_keeps_whole_rows(tmp_path: Path, limit: int) -> None:
    """Wherever in a row the system refuses to write on, that row leaves nothing, and those before it are whole."""
    run = RunFolder.create(tmp_path, {})
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path), str(limit)], capture_output=True, text=True, check=True
    )
    written = [int(line) for line in done.stdout.split()]

    assert written == [row["number"] for row in run.rows()]
    assert run.repair() is None
    assert len(written) == limit // len(b'{"number": 0, "response": ""}\n' + b"x" * 700)


def test_a_damaged_line_in_the_middle_is_put_aside(tmp_path: Path) -> None:
    """Whatever tore it: the rows around it stay, and it is kept."""
    run = RunFolder.create(tmp_path, {})
    (tmp_path / RESULTS).write_bytes(b'{"a": 1}\nx"}\n17\n{"a": 2}\n')

    assert (
        "results.jsonl: 2 lines were torn: 5 bytes went to torn.txt; what they answered is asked again" == run.repair()
    )
    assert [{"a": 1}, {"a": 2}] == run.rows()
    assert 'x"}\n17\n' == (tmp_path / TORN).read_text(encoding="utf-8")


def test_a_run_that_becomes_private_is_closed_to_others(tmp_path: Path) -> None:
    """Also what was written before."""
    path = tmp_path / "run"
    RunFolder.create(path, {"private": False})
    (path / SERVERS / "q8_0-q8_0.log").touch(0o644)
    RunFolder(path, private=True).make_private()

    assert {0o700} == {one.stat().st_mode & 0o777 for one in (path, path / SERVERS)}
    assert {0o600} == {one.stat().st_mode & 0o777 for one in path.rglob("*") if one.is_file()}


def test_a_folder_of_several_runs_names_them(tmp_path: Path) -> None:
    """With several corpora --kv-out holds a run for each."""
    for name in ("b", "a"):
        RunFolder.create(tmp_path / name, {})

    with pytest.raises(RunFolderError, match=r"it holds runs: a, b$"):
        RunFolder.open(tmp_path)


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    """By the system, and said so."""
    with pytest.raises(RunFolderError, match="cannot be read: File name too long"):
        RunFolder.create(tmp_path / ("x" * 300), {})
