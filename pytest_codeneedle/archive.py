"""An archive of runs that any static host can serve: `index.html`, and a folder for each run under `runs/`.

A run's folder is called after the hash of what it holds, is written aside and renamed, and is never written again but
for its pages: whoever looks sees all of it or nothing. One command at a time writes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.archive_entry import (
    FILES,
    PAGE,
    SUMS,
    Entry,
    entry,
    faults,
    is_id,
    made_of,
    read_data,
    read_summary,
    sha256,
    sums_text,
)
from pytest_codeneedle.errors import DAMAGED, RunFolderError
from pytest_codeneedle.lock import FolderLock
from pytest_codeneedle.store import RUN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

KEPT = "runs"
#: What a folder is called while it is written.
_ASIDE = ".adding-"
_WAIT_SECONDS, _POLL_SECONDS = 60.0, 0.1
_SECRET_FILE, _SECRET_FOLDER = 0o600, 0o700


@dataclass(frozen=True)
class Added:
    """What became of one run folder: it is `new`, or was there; `mended` where what was there was damaged."""

    path: Path
    summary: Mapping[str, Any]
    new: bool
    mended: bool = False


@dataclass(frozen=True)
class Archive:
    """The archive in this folder."""

    path: Path

    def add(self, runs: Sequence[Path], *, with_answers: bool = False) -> list[Added]:
        """Keep these run folders. What is there already changes nothing.

        Raises RunFolderError where one of them, or the archive, is in use, damaged, or not to be written: then none
        is added, but for those before a disk that is full.
        """
        self._refuse_foreign()
        entries = [made_of(run, with_answers=with_answers) for run in runs]
        with self._held():
            known = self.summaries()
            added = [self._keep(run, one) for run, one in zip(runs, entries, strict=True)]
            known.update({one.run_id: dict(one.summary) for one in entries})
            self._write_index(known)
        return added

    def rebuild(self) -> int:
        """Write all pages anew, of run.json and results.jsonl; the number of runs.

        Raises RunFolderError, with nothing written, where those of a run are damaged.
        """
        self._refuse_foreign()
        self._refuse_nothing()
        with self._held():
            entries = [self._again(folder) for folder in self._folders()]
            for one in entries:
                for name in sorted(FILES):
                    self._write(self.path / KEPT / one.run_id / name, one.files[name], secret=one.secret)
            self._write_index({one.run_id: dict(one.summary) for one in entries})
        return len(entries)

    def check(self) -> list[str]:
        """What is wrong, a line each: files that are missing, extra, or changed.

        Raises RunFolderError where there is no archive.
        """
        self._refuse_nothing()
        folder = self.path / KEPT
        if folder.is_symlink():
            return [f"{KEPT}: not a plain folder"]
        said = []
        for path in sorted(folder.iterdir()):
            name = f"{KEPT}/{path.name}"
            if path.name.startswith(_ASIDE):
                said.append(f"{name}: left by an `archive add` that was broken off; the next one takes it away")
            elif not is_id(path.name) or path.is_symlink() or not path.is_dir():
                said.append(f"{name}: extra")
            else:
                said += [f"{name}/{fault}" if ": " in fault else f"{name}: {fault}" for fault in faults(path)]
        return said + self._top_faults({line.split("/")[1].partition(":")[0] for line in said})

    def summaries(self) -> dict[str, dict[str, Any]]:
        """What the index knows of each run, by its ID. Raises RunFolderError where one is damaged."""
        return {folder.name: read_summary(folder) for folder in self._folders()}

    def _folders(self) -> list[Path]:
        runs = self.path / KEPT
        found = sorted(runs.iterdir()) if runs.is_dir() else []
        return [path for path in found if is_id(path.name) and path.is_dir() and not path.is_symlink()]

    def _keep(self, run: Path, one: Entry) -> Added:
        place = self.path / KEPT / one.run_id
        there = place.exists() or place.is_symlink()
        if there and not faults(place):
            return Added(run, one.summary, new=False)
        aside = place.with_name(f"{_ASIDE}{one.run_id}")
        try:
            aside.mkdir(mode=_SECRET_FOLDER if one.secret else 0o777)
            for name, content in one.files.items():
                _write_new(aside / name, content, secret=one.secret)
            if there:
                _remove(place)
            aside.rename(place)
            _sync(place.parent)
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise self._unwritable(error) from error
        return Added(run, one.summary, new=not there, mended=there)

    def _again(self, folder: Path) -> Entry:
        try:
            return entry(read_data(folder))
        except DAMAGED as error:
            msg = f"{folder} is damaged: {type(error).__name__}: {error}; bring it back from a copy, or delete it"
            raise RunFolderError(msg) from error

    def _write_index(self, summaries: Mapping[str, Mapping[str, Any]]) -> None:
        """The index and the hashes of all, where they are not so already."""
        from pytest_codeneedle.archive_page import archive_page  # noqa: PLC0415 - Jinja2 is loaded where it is drawn

        page = archive_page(list(summaries.values())).encode()
        self._write(self.path / PAGE, page)
        self._write(self.path / SUMS, self._sums(page).encode())

    def _sums(self, page: bytes) -> str:
        """What `sha256sum -c` reads: the index, and the hashes of every run."""
        lists = {f"{KEPT}/{folder.name}/{SUMS}": (folder / SUMS).read_bytes() for folder in self._folders()}
        return sums_text({PAGE: page, **lists})

    def _top_faults(self, told: set[str]) -> list[str]:
        """What is wrong above the runs; those in `told` are known to be wrong."""
        try:
            page, listed = ((self.path / name).read_bytes() for name in (PAGE, SUMS))
        except OSError as error:
            return [f"{os.path.relpath(error.filename, self.path)}: missing"]
        lines = listed.decode("utf-8", "replace").splitlines(keepends=True)
        names = {line.rstrip("\n").partition("  ")[2] for line in lines}
        said = []
        if f"{sha256(page)}  {PAGE}\n" not in lines:
            said.append(f"{PAGE}: changed; `codeneedle archive rebuild` writes it anew")
        there = {f"{KEPT}/{folder.name}/{SUMS}" for folder in self._folders()}
        said += [f"{name}: missing" for name in sorted(names - there - {PAGE})]
        said += [f"{name}: not in {SUMS}" for name in sorted(there - names)]
        if said or told:
            return said
        return [] if self._sums(page).encode() == listed else [f"{SUMS}: changed"]

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """The archive for this command alone, cleaned of what one that was killed left. Raises RunFolderError."""
        lock = FolderLock(self.path, named=False)
        until = time.monotonic() + _WAIT_SECONDS
        try:
            (self.path / KEPT).mkdir(parents=True, exist_ok=True)
            while lock.try_take() is not None:
                if time.monotonic() > until:
                    msg = f"the archive {self.path} is in use by another command: wait for it, and try again"
                    raise RunFolderError(msg)
                time.sleep(_POLL_SECONDS)
            for left in (self.path / KEPT).glob(f"{_ASIDE}*"):
                _remove(left)
            for folder in (self.path, *self._folders()):
                for name in FILES:
                    _part(folder / name).unlink(missing_ok=True)
        except OSError as error:
            lock.release()
            raise self._unwritable(error) from error
        try:
            yield
        finally:
            lock.release()

    def _refuse_foreign(self) -> None:
        """Raise RunFolderError where the folder is something else: nothing of others is written over."""
        from pytest_codeneedle.pages import is_archive  # noqa: PLC0415 - as above

        page = self.path / PAGE
        if (self.path / RUN).exists():
            msg = f"{self.path} is a run folder, not an archive; name another with --to"
            raise RunFolderError(msg)
        try:
            if not page.exists():
                return
            ours = is_archive(page.read_text(encoding="utf-8", errors="replace"))
            if not ours:
                msg = (
                    f"{page} is there and is no page of an archive: it is left as it is; name another folder with --to"
                )
                raise RunFolderError(msg)
        except OSError as error:
            msg = f"{page} cannot be read: {error.strerror}; name another folder with --to"
            raise RunFolderError(msg) from error

    def _refuse_nothing(self) -> None:
        if not (self.path / KEPT).is_dir():
            msg = f"{self.path} is no archive: it has no {KEPT}/; `codeneedle archive add RUN --to DIR` makes one"
            raise RunFolderError(msg)

    def _write(self, path: Path, content: bytes, *, secret: bool = False) -> None:
        """Write a file whole, through one beside it, where it is not so already. Raises RunFolderError."""
        part = _part(path)
        try:
            if not path.is_symlink() and path.is_file() and path.read_bytes() == content:
                return
            _write_new(part, content, secret=secret)
            part.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> RunFolderError:
        return RunFolderError(f"the archive {self.path} cannot be written: {error.strerror}; name another with --to")


def _part(path: Path) -> Path:
    """What a file is called while it is written anew."""
    return path.with_name(f".{path.name}.part")


def _write_new(path: Path, content: bytes, *, secret: bool) -> None:
    """Write a file that is not there; it is on the disk when this returns."""
    mode = _SECRET_FILE if secret else 0o666
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as written:
        written.write(content)
        written.flush()
        os.fsync(written.fileno())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _sync(folder: Path) -> None:
    """Have a rename on the disk, where the system can say so of folders."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
