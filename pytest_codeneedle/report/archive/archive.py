"""An archive of runs that any static host can serve: `index.html`, and a folder for each run under `runs/`.

A run's folder is called after the hash of what it holds, is written aside and renamed, and is never written again but
for its pages: whoever looks sees all of it or nothing. One command at a time writes.

Above its runs stand the index, the hashes of all files, and what hosts need.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import RunFolderError, damage
from pytest_codeneedle.core.regular_files import MOST_DATA_BYTES, read_bytes, read_text
from pytest_codeneedle.report.archive.entry import (
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
    undrawable,
)
from pytest_codeneedle.runs.folder import RUN
from pytest_codeneedle.runs.lock import LOCK, FolderLock

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

_WAIT_SECONDS, _POLL_SECONDS = 60.0, 0.1
_SECRET_FILE, _SECRET_FOLDER = 0o600, 0o700
KEPT = "runs"
#: What a folder is called while it is written.
ASIDE = ".adding-"
#: Files that hosts of static pages look for; version control's begin with `.git`.
_OF_HOSTS = frozenset(
    (
        "CNAME",
        "robots.txt",
        "favicon.ico",
        "404.html",
        ".nojekyll",
        ".well-known",
        ".htaccess",
        "_headers",
        "_redirects",
    )
)
_OURS = frozenset((PAGE, SUMS, KEPT, LOCK))
#: What is said of what a command left that was killed.
BROKEN_OFF = "an `archive add` was broken off; the next archive add or archive rebuild finishes it"
_ANEW = "the next archive add or archive rebuild writes it anew"


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

    def add(
        self, runs: Sequence[Path], *, with_answers: bool = False, say: Callable[[str], object] = str
    ) -> list[Added]:
        """Keep these run folders. What is there already changes nothing; `say` is told which of the others is damaged.

        Raises RunFolderError where one of them is damaged or in use, or the archive is in use or not to be written:
        then none is added, but for those before a disk that is full.
        """
        refuse_foreign(self.path)
        entries = [made_of(run, with_answers=with_answers) for run in runs]
        with self._held():
            known, wrong = self._known({one.run_id for one in entries})
            known.update({one.run_id: dict(one.summary) for one in entries})
            page, undrawn = self._drawn(known)
            added = [self._keep(run, one) for run, one in zip(runs, entries, strict=True)]
            self._write_index(page, set(wrong))
        for run_id, what in sorted({**undrawn, **wrong}.items()):
            say(f"damaged  {run_id}  {what}; see `codeneedle archive check {self.path}`")
        return added

    def rebuild(self) -> int:
        """Write all pages anew, of run.json and results.jsonl; the number of runs.

        Raises RunFolderError, with nothing written, where those of a run are damaged.
        """
        refuse_foreign(self.path)
        self._refuse_nothing()
        with self._held():
            entries = [self._again(folder) for folder in self._folders()]
            page, _ = self._drawn({one.run_id: dict(one.summary) for one in entries})
            for one in entries:
                for name in sorted(FILES):
                    self._write(self.path / KEPT / one.run_id / name, one.files[name], secret=one.secret)
            self._write_index(page, set())
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
            if path.name.startswith(ASIDE):
                said.append(f"{name}: {BROKEN_OFF}")
            elif not is_id(path.name) or path.is_symlink() or not path.is_dir():
                said.append(f"{name}: extra")
            else:
                said += [f"{name}/{fault}" if ": " in fault else f"{name}: {fault}" for fault in faults(path)]
        damaged = {line.split("/")[1].partition(":")[0] for line in said}
        return said + top_faults(self.path, self._folders(), damaged)

    def summaries(self) -> dict[str, dict[str, Any]]:
        """What the index knows of each run, by its ID. Raises RunFolderError where one is damaged."""
        return {folder.name: read_summary(folder) for folder in self._folders()}

    @property
    def count(self) -> int:
        """How many runs are kept."""
        return len(self._folders())

    def _known(self, but: Container[str]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """(summaries, what is wrong) of the runs that are there, by ID; one that lost its data has no summary.

        Raises RunFolderError for summaries of another version.
        """
        known, wrong = {}, {}
        for folder in self._folders():
            if folder.name in but:
                continue
            said = faults(folder)
            if not said:
                known[folder.name] = read_summary(folder)  # of another version all are written anew
                continue
            wrong[folder.name] = ", ".join(said)
            for found in (read_summary, self._redrawn):
                with contextlib.suppress(RunFolderError):
                    known[folder.name] = found(folder)
                    break
        return known, wrong

    def _drawn(self, summaries: Mapping[str, Mapping[str, Any]]) -> tuple[bytes, dict[str, str]]:
        """The index of these runs, and what is wrong with those that are in no index. Raises RunFolderError."""
        from pytest_codeneedle.report.archive.index import archive_page  # noqa: PLC0415 - Jinja2 is loaded where it is drawn

        wrong = {}
        try:
            return archive_page(list(summaries.values())).encode(), {}
        except Exception as error:
            wrong = {run_id: said for run_id, one in summaries.items() if (said := undrawable(one))}
            if not wrong:
                msg = f"the index of {self.path} cannot be drawn: {type(error).__name__}: {error}"
                raise RunFolderError(msg) from error
        return self._drawn({run_id: one for run_id, one in summaries.items() if run_id not in wrong})[0], wrong

    def _folders(self) -> list[Path]:
        runs = self.path / KEPT
        found = sorted(runs.iterdir()) if runs.is_dir() else []
        return [path for path in found if is_id(path.name) and path.is_dir() and not path.is_symlink()]

    def _keep(self, run: Path, one: Entry) -> Added:
        place = self.path / KEPT / one.run_id
        there = place.exists() or place.is_symlink()
        if there and not faults(place):
            return Added(run, one.summary, new=False)
        aside = place.with_name(f"{ASIDE}{one.run_id}")
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
        except RunFolderError:
            raise
        except Exception as error:  # what a damaged run raises is anybody's guess: it is named
            msg = f"{folder} is damaged: {damage(error)}; bring it back from a copy, or delete it"
            raise RunFolderError(msg) from error

    def _redrawn(self, folder: Path) -> dict[str, Any]:
        return dict(self._again(folder).summary)

    def _write_index(self, page: bytes, damaged: Container[str]) -> None:
        """The index and the hashes of all, where they are not so already."""
        try:
            sums = all_sums(self.path, page, self._folders(), damaged)
        except OSError as error:
            raise self._unwritable(error) from error
        self._write(self.path / PAGE, page)
        self._write(self.path / SUMS, sums)

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
            for left in (self.path / KEPT).glob(f"{ASIDE}*"):
                _remove(left)
            for folder in (self.path, *self._folders()):
                for name in FILES:
                    part(folder / name).unlink(missing_ok=True)
        except OSError as error:
            lock.release()
            raise self._unwritable(error) from error
        try:
            yield
        finally:
            lock.release()

    def _refuse_nothing(self) -> None:
        if not (self.path / KEPT).is_dir():
            msg = f"{self.path} is no archive: it has no {KEPT}/; `codeneedle archive add RUN --to DIR` makes one"
            raise RunFolderError(msg)

    def _write(self, path: Path, content: bytes, *, secret: bool = False) -> None:
        """Write a file whole, through one beside it, where it is not so already. Raises RunFolderError."""
        beside = part(path)
        try:
            if not path.is_symlink() and path.is_file() and read_bytes(path, MOST_DATA_BYTES) == content:
                return
            _write_new(beside, content, secret=secret)
            beside.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> RunFolderError:
        return RunFolderError(f"the archive {self.path} cannot be written: {error.strerror}; name another with --to")


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


def part(path: Path) -> Path:
    """What a file is called while it is written anew."""
    return path.with_name(f".{path.name}.part")


def all_sums(path: Path, page: bytes, folders: Iterable[Path], damaged: Container[str]) -> bytes:
    """What `sha256sum -c` reads: the index, and every file of every run in these folders.

    Of `damaged` runs the hashes stay as they were: no hash vouches for what is wrong. Raises OSError.
    """
    before = read_bytes(path / SUMS) if (path / SUMS).exists() else b""
    lines = _by_run(before)
    found = [sums_text({PAGE: page})]
    for folder in sorted(folders):
        found += lines.get(folder.name, []) if folder.name in damaged else _of_run(folder)
    return "".join(found).encode()


def top_faults(path: Path, folders: Iterable[Path], damaged: Container[str]) -> list[str]:
    """What is wrong above the runs in these folders, a line each; `damaged` runs are told already."""
    said = [f"{name}: extra" for name in _names(path) if name not in _OURS and not _of_hosts(name)]
    try:
        page, listed = (read_bytes(path / name) for name in (PAGE, SUMS))
    except OSError as error:
        what = "missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        return [*said, f"{os.path.relpath(error.filename, path)}: {what}; {_ANEW}"]
    known, there = _by_run(listed), {folder.name: folder for folder in folders}
    if sums_text({PAGE: page}) not in listed.decode("utf-8", "replace").splitlines(keepends=True):
        said.append(f"{PAGE}: changed; {_ANEW}")
    said += [f"{KEPT}/{name}: missing" for name in sorted(set(known) - set(there))]
    said += [f"{KEPT}/{name}: not in the index: {BROKEN_OFF}" for name in sorted(set(there) - set(known))]
    if said:
        return said
    return [] if all_sums(path, page, there.values(), damaged) == listed else [f"{SUMS}: changed; {_ANEW}"]


def refuse_foreign(path: Path) -> None:
    """Raise RunFolderError where the folder is neither new, nor empty, nor an archive: it is left to whose it is."""
    from pytest_codeneedle.report.page.render import is_archive  # noqa: PLC0415 - Jinja2 is loaded where a page is drawn

    page = path / PAGE
    if (path / RUN).exists():
        msg = f"{path} is a run folder, not an archive; name another with --to"
        raise RunFolderError(msg)
    try:
        if page.exists():
            if not is_archive(read_text(page, errors="replace")):
                msg = f"{page} is no page of an archive: it is left as it is; name another folder with --to"
                raise RunFolderError(msg)
            return
        foreign = _foreign(path) if path.is_dir() else None
    except OSError as error:
        msg = f"{error.filename or path} cannot be read: {error.strerror}; name another folder with --to"
        raise RunFolderError(msg) from error
    if foreign is not None:
        msg = f"{path} is no archive and not empty: it holds {foreign}; name a new folder, or an archive, with --to"
        raise RunFolderError(msg)


def _foreign(path: Path) -> str | None:
    """What is in a folder without an index that no `archive add` which was broken off has left."""
    ours = {*_OURS, *(part(path / name).name for name in (PAGE, SUMS))}
    for name in _names(path):
        if name not in ours and not _of_hosts(name):
            return name
    inside = _names(path / KEPT) if (path / KEPT).is_dir() else []
    return next((f"{KEPT}/{name}" for name in inside if not is_id(name) and not name.startswith(ASIDE)), None)


def _names(path: Path) -> list[str]:
    return sorted(one.name for one in path.iterdir())


def _of_hosts(name: str) -> bool:
    return name in _OF_HOSTS or name.startswith(".git")


def _of_run(folder: Path) -> list[str]:
    """The lines of a run's own hashes, by their names from the top, and that of these."""
    own = read_bytes(folder / SUMS)
    lines = [line.partition("  ") for line in own.decode("utf-8", "replace").splitlines()]
    named = {**{name: digest for digest, _, name in lines}, SUMS: sha256(own)}
    return [f"{named[name]}  {KEPT}/{folder.name}/{name}\n" for name in sorted(named)]


def _by_run(sums: bytes) -> dict[str, list[str]]:
    """Run -> its lines of the hashes of all."""
    found: dict[str, list[str]] = {}
    for line in sums.decode("utf-8", "replace").splitlines(keepends=True):
        top, _, rest = line.rstrip("\n").partition("  ")[2].partition("/")
        if top == KEPT and rest:
            found.setdefault(rest.partition("/")[0], []).append(line)
    return found
