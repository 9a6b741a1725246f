"""What stands at the top of an archive, above its runs: the index, the hashes of all files, and what hosts need."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.core.regular_files import read_bytes, read_text
from pytest_codeneedle.report.archive.entry import PAGE, SUMS, is_id, sha256, sums_text
from pytest_codeneedle.runs.folder import RUN
from pytest_codeneedle.runs.lock import LOCK

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from pathlib import Path

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
