"""The folder of an archive: what is added is whole, what is there stays, what is wrong is named."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_runs import run_folder

from pytest_codeneedle.cli.report import refuse_foreign
from pytest_codeneedle.core import regular_files
from pytest_codeneedle.core.errors import ConfigurationError, RunFolderError
from pytest_codeneedle.report.archive import archive as module
from pytest_codeneedle.report.archive.archive import KEPT, Archive
from pytest_codeneedle.report.archive.entry import PAGE, SUMMARY, SUMS
from pytest_codeneedle.runs.folder import RESULTS, RUN
from pytest_codeneedle.runs.lock import LOCK, FolderLock

CELLS = {"bf16/bf16": [20, 20], "q4_0/q4_0": [12, 3]}


def files(path: Path) -> dict[str, bytes]:
    """All files below, but for the lock, which is always empty."""
    found = {str(one.relative_to(path)): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}
    assert b"" == found.pop(LOCK)
    return found


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Three runs of three builds."""
    return [run_folder(tmp_path / f"run{at}", CELLS, server_build=f"b{at}") for at in range(3)]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """One that is not there yet."""
    return Archive(tmp_path / "archive")


def test_adding_is_idempotent(archive: Archive, runs: list[Path]) -> None:
    """What is there already is said, and not a byte changes, in whichever order runs come."""
    first = archive.add(runs)
    before = files(archive.path)
    times = {path: path.stat().st_mtime_ns for path in archive.path.rglob("*") if path.name != LOCK}
    again = archive.add([runs[2], runs[0]])

    assert [True] * 3 == [one.new for one in first]
    assert [(runs[2], False), (runs[0], False)] == [(one.path, one.new) for one in again]
    assert before == files(archive.path)
    assert times == {path: path.stat().st_mtime_ns for path in times}
    assert [] == archive.check()


@settings(max_examples=6)
@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=3), min_size=1, max_size=4))
def test_the_same_runs_are_the_same_archive(steps: list[list[int]]) -> None:
    """A law: however they came into it."""
    with TemporaryDirectory() as folder:
        path = Path(folder)
        made = [run_folder(path / f"run{at}", CELLS, server_build=f"b{at}") for at in range(3)]
        one, other = Archive(path / "one"), Archive(path / "other")
        for step in steps:
            one.add([made[at] for at in step])
        other.add([made[at] for at in sorted({at for step in steps for at in step})])

        assert files(one.path) == files(other.path)


def test_whatever_is_wrong_is_named(archive: Archive, runs: list[Path], tmp_path: Path) -> None:
    """Files and folders that are missing, extra, or changed; one that was moved away as well."""
    one, other, third = sorted(entry.summary["id"] for entry in archive.add(runs))
    kept = archive.path / KEPT
    (kept / one / RESULTS).write_bytes(b"")
    shutil.rmtree(kept / other)
    (kept / third / "x").mkdir()
    (kept / "0123456789abcdef").symlink_to(tmp_path)
    (kept / "notes.txt").write_text("", encoding="utf-8")

    assert [
        f"{KEPT}/0123456789abcdef: extra",
        f"{KEPT}/{one}/results.jsonl: changed",
        f"{KEPT}/{third}/x: extra",
        f"{KEPT}/notes.txt: extra",
        f"{KEPT}/{other}: missing",
    ] == sorted(archive.check(), key=lambda line: ("missing" in line, line))


@settings(max_examples=25)
@given(st.data())
def test_any_flipped_bit_is_found(data: st.DataObject) -> None:
    """A law: in the index, in the hashes, in a run; the rest of the archive is not blamed."""
    with TemporaryDirectory() as folder:
        archive = Archive(Path(folder) / "archive")
        archive.add([run_folder(Path(folder) / "run", CELLS)])
        name = data.draw(st.sampled_from(sorted(files(archive.path))))
        content = bytearray((archive.path / name).read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        (archive.path / name).write_bytes(content)

        said = archive.check()
        assert any(name in line for line in said) or (SUMS in name and said)


def test_what_hosts_need_is_nobodys_business(archive: Archive, runs: list[Path]) -> None:
    """A static host has files of its own, before the archive is there too; all else beside it is told."""
    (archive.path / ".git").mkdir(parents=True)
    (archive.path / "CNAME").write_text("recall.example.org\n", encoding="utf-8")
    archive.add(runs[:1])
    assert [] == archive.check()

    (archive.path / "notes.txt").write_text("", encoding="utf-8")
    assert ["notes.txt: extra"] == archive.check()
    assert not archive.add(runs[:1])[0].new


@pytest.mark.parametrize("name", ["notes.txt", f"{KEPT}/mine/run.json"])
def test_a_folder_of_others_is_refused(archive: Archive, runs: list[Path], name: str) -> None:
    """Nothing is written into it."""
    (archive.path / name).parent.mkdir(parents=True)
    (archive.path / name).write_text("", encoding="utf-8")
    before = sorted(archive.path.rglob("*"))

    with pytest.raises(RunFolderError, match=r"is no archive and not empty: it holds \S+; name a new folder, or"):
        archive.add(runs)
    assert before == sorted(archive.path.rglob("*"))


def test_damage_is_mended_by_adding_the_run_once_more(archive: Archive, runs: list[Path]) -> None:
    """A damaged summary of another run is named, and is made anew for the index."""
    first = archive.add(runs[:1])[0].summary["id"]
    before = files(archive.path)
    (archive.path / KEPT / first / RESULTS).write_bytes(b"")
    (mended,) = archive.add(runs[:1])

    assert (False, True) == (mended.new, mended.mended)
    assert before == files(archive.path)
    (archive.path / KEPT / first / SUMMARY).write_bytes(b"{}")
    said: list[str] = []
    archive.add(runs[1:], say=said.append)
    assert [f"damaged  {first}  summary.json: changed; see `codeneedle archive check {archive.path}`"] == said
    assert [f"{KEPT}/{first}/summary.json: changed"] == archive.check()
    drawn = files(archive.path)[PAGE]
    assert 3 == archive.rebuild()
    assert [] == archive.check()
    assert drawn == files(archive.path)[PAGE]


def test_a_run_without_its_data_is_left_out_and_keeps_its_hashes(archive: Archive, runs: list[Path]) -> None:
    """`sha256sum` finds what is wrong after another was added too."""
    first = archive.add(runs[:1])[0].summary["id"]
    for name in (RESULTS, SUMMARY):
        (archive.path / KEPT / first / name).write_bytes(b"{}")
    said: list[str] = []
    archive.add(runs[1:2], say=said.append)
    done = subprocess.run(["sha256sum", "-c", SUMS], cwd=archive.path, check=False, capture_output=True, text=True)

    assert "results.jsonl: changed, summary.json: changed" in said[0]
    assert first not in (archive.path / PAGE).read_text(encoding="utf-8")
    assert [f"{KEPT}/{first}/{name}: FAILED" for name in (RESULTS, SUMMARY)] == [
        line for line in done.stdout.splitlines() if not line.endswith(": OK")
    ]


def test_sha256sum_at_the_top_reads_every_file(archive: Archive, runs: list[Path]) -> None:
    """With nothing of ours: a flipped byte of any run is found."""
    first = archive.add(runs)[0].summary["id"]
    command = ["sha256sum", "-c", "--strict", SUMS]
    done = subprocess.run(command, cwd=archive.path, check=True, capture_output=True, text=True)
    named = {line.partition(": ")[0] for line in done.stdout.splitlines()}
    assert set(files(archive.path)) - {SUMS} == named

    (archive.path / KEPT / first / RESULTS).write_bytes(b"{}")
    found = subprocess.run(command, cwd=archive.path, check=False, capture_output=True, text=True)
    assert f"{KEPT}/{first}/{RESULTS}: FAILED" in found.stdout.splitlines()


#: When a run began that no calendar in UTC has: it has a page, and no row of an index.
NEVER = "9999-12-31T23:59:59-2359"


def test_a_run_that_cannot_be_drawn_is_refused_by_its_own_name(
    archive: Archive, runs: list[Path], tmp_path: Path
) -> None:
    """Nothing is placed, of the good ones neither; the archive goes on as before."""
    bad = run_folder(tmp_path / "bad", CELLS, started=NEVER)
    archive.add(runs[:1])
    before = files(archive.path)

    with pytest.raises(RunFolderError, match=rf"{bad} is damaged: .+; bring it back from a copy, or leave it out"):
        archive.add([runs[1], bad])
    assert before == files(archive.path)
    assert archive.add(runs[1:2])[0].new


def test_a_kept_run_that_cannot_be_drawn_is_named(
    archive: Archive, runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `add`, which goes on, and by `rebuild`, which does not; the good run is not blamed."""
    good = archive.add(runs[:1])[0].summary["id"]
    with monkeypatch.context() as patched:  # as an earlier version placed it
        patched.setattr("pytest_codeneedle.report.archive.index.archive_page", lambda _: "")
        bad = archive.add([run_folder(tmp_path / "bad", CELLS, started=NEVER)])[0].summary["id"]
    (archive.path / PAGE).unlink()
    said: list[str] = []
    (added,) = archive.add(runs[1:2], say=said.append)

    assert added.new
    assert [f"damaged  {bad}  cannot be drawn: "] == [line[:44] for line in said]
    assert good in (archive.path / PAGE).read_text(encoding="utf-8")
    with pytest.raises(RunFolderError, match=rf"{bad} is damaged: .+; bring it back from a copy, or delete it"):
        archive.rebuild()
    shutil.rmtree(archive.path / KEPT / bad)
    assert 2 == archive.rebuild()
    assert [] == archive.check()


def test_a_file_that_cannot_be_read_is_named(
    archive: Archive, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fake: who runs these tests may be allowed to read all."""
    first = archive.add(runs[:1])[0].summary["id"]
    opened = regular_files.open_regular

    def refused(path: Path) -> BinaryIO:
        if path.name == RESULTS:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path)

    monkeypatch.setattr(regular_files, "open_regular", refused)
    assert [f"{KEPT}/{first}/results.jsonl: cannot be read: Permission denied"] == archive.check()
    with pytest.raises(RunFolderError, match=rf"{first} cannot be read: Permission denied: \S+{RESULTS}"):
        archive.rebuild()


def test_pages_are_made_anew_of_what_is_kept(archive: Archive, runs: list[Path]) -> None:
    """Of data that are what their name says: others are named, and nothing is written."""
    ids = [one.summary["id"] for one in archive.add(runs)]
    before = files(archive.path)
    for name in (PAGE, f"{KEPT}/{ids[0]}/{PAGE}", f"{KEPT}/{ids[1]}/{SUMMARY}"):
        (archive.path / name).write_bytes(before[PAGE] if name == PAGE else b"old")
    assert 3 == archive.rebuild()
    assert before == files(archive.path)
    (archive.path / KEPT / ids[0] / PAGE).write_bytes(b"old")
    (archive.path / KEPT / ids[2] / RUN).write_bytes(b"{}")
    with pytest.raises(RunFolderError, match=rf"{ids[2]} is damaged: run\.json and results\.jsonl are not what"):
        archive.rebuild()
    assert b"old" == (archive.path / KEPT / ids[0] / PAGE).read_bytes()


KILLED = """
import os, signal, sys
from pathlib import Path
from pytest_codeneedle.report.archive import archive
many = [0]
write = archive._write_new
def written(path, content, *, secret):
    many[0] += 1
    if many[0] == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, content, secret=secret)
archive._write_new = written
archive.Archive(Path(sys.argv[2])).add([Path(sys.argv[1])])
"""


@pytest.mark.parametrize("writes", [3, 6, 7])
def test_one_that_was_killed_leaves_nothing_half_visible(archive: Archive, runs: list[Path], writes: int) -> None:
    """SIGKILL among a run's files, before the index, before its hashes: the next `add` cleans up."""
    archive.add(runs[:1])
    whole = files(archive.path)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(runs[1]), str(archive.path), str(writes)], check=False, capture_output=True
    )
    seen = {path.name for path in (archive.path / KEPT).iterdir() if not path.name.startswith(".")}
    half = [name for name in seen if module.faults(archive.path / KEPT / name)]

    assert -signal.SIGKILL == done.returncode
    assert [] == half
    assert all("the next archive add or archive rebuild " in line for line in archive.check())
    assert archive.check()
    archive.add(runs[:1])
    assert [] == archive.check()
    assert set(whole) <= set(files(archive.path))


def test_two_at_once_are_one_after_the_other(archive: Archive, runs: list[Path]) -> None:
    """Both runs are in the index; no host name is in the lock's file."""
    adders = [threading.Thread(target=archive.add, args=([run],)) for run in runs]
    for adder in adders:
        adder.start()
    for adder in adders:
        adder.join()

    assert [] == archive.check()
    assert 3 == len(archive.summaries())


def test_one_that_never_ends_is_not_waited_for(
    archive: Archive, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For ever, that is."""
    archive.add(runs[:1])
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.0)
    lock = FolderLock(archive.path, named=False)
    assert lock.try_take() is None
    with pytest.raises(RunFolderError, match="is in use by another command: wait for it, and try again"):
        archive.add(runs)
    lock.release()


def test_a_folder_that_cannot_be_written(runs: list[Path]) -> None:
    """Is named, with the way out; nobody makes folders in /proc."""
    with pytest.raises(
        RunFolderError, match=r"the archive /proc/archive cannot be written: .+; name another with --to"
    ):
        Archive(Path("/proc/archive")).add(runs)


def test_a_full_disk_leaves_no_half_of_a_run(
    archive: Archive, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full is a fake: a real one would be in the way of all other tests."""
    archive.add(runs[:1])
    before = files(archive.path)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(module.os, "fsync", full)
        with pytest.raises(RunFolderError, match="cannot be written: No space left on device"):
            archive.add(runs)
    assert before == files(archive.path)


def test_what_is_of_others_is_not_written_over(archive: Archive, runs: list[Path]) -> None:
    """A page that is no archive's, a run folder, a file."""
    archive.path.mkdir()
    (archive.path / PAGE).write_text("<h1>mine</h1>", encoding="utf-8")
    with pytest.raises(RunFolderError, match="is no page of an archive: it is left as it is"):
        archive.add(runs)
    with pytest.raises(RunFolderError, match="is a run folder, not an archive"):
        Archive(runs[0]).add(runs)
    with pytest.raises(RunFolderError, match="is no archive: it has no runs/"):
        archive.check()
    with pytest.raises(RunFolderError, match="cannot be written: Not a directory"):
        Archive(runs[0] / RUN).add(runs)
    Archive(archive.path / "own").add(runs)
    with pytest.raises(ConfigurationError, match="is the index of an archive"):
        refuse_foreign(archive.path / "own" / PAGE)
    assert "<h1>mine</h1>" == (archive.path / PAGE).read_text(encoding="utf-8")


def test_private_answers_are_for_the_user_alone(archive: Archive, tmp_path: Path) -> None:
    """Where they were asked for."""
    run = run_folder(tmp_path / "run", CELLS, private=True)
    (bare,), (whole,) = archive.add([run]), archive.add([run], with_answers=True)
    modes = [
        [oct(path.stat().st_mode & 0o077) for path in (folder, *folder.iterdir())]
        for folder in (archive.path / KEPT / one.summary["id"] for one in (bare, whole))
    ]

    assert {"0o0"} == set(modes[1])
    assert "0o0" not in modes[0]
