"""Stored runs to hold others against: a run's folder, a folder of several, or the file that was saved of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_codeneedle.core.devices import used_devices
from pytest_codeneedle.core.errors import DAMAGED, BaselineError, CacheTypeError, damage
from pytest_codeneedle.core.regular_files import open_regular, read_ends, read_text
from pytest_codeneedle.runs.anonymised import GPUS
from pytest_codeneedle.runs.baseline_file import FORMAT, parse_baseline
from pytest_codeneedle.runs.checks import checked_about
from pytest_codeneedle.runs.folder import RUN, SERVERS, RunFolder, current
from pytest_codeneedle.runs.stored_run import StoredRun, checked, stored_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

_HEAD_BYTES = 100


def read_stored(path: Path, name: str | None = None) -> StoredRun:
    """The run in this folder, or the one that this file was saved of; `name` is how messages call it.

    Raises BaselineError and RunFolderError for one that is missing, damaged, or something else.
    """
    name = name or str(path)
    if path.is_dir():
        return read_folder(RunFolder.open(path), name)
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        msg = f"{name} cannot be read: {why}; give a run folder, or a file of codeneedle baseline save"
        raise BaselineError(msg) from error
    return parse_baseline(name, text)


def is_baseline(path: Path) -> bool:
    """Whether the file begins as one does, damaged or not. Raises BaselineError where it cannot be read."""
    try:
        with open_regular(path) as opened:
            return FORMAT.encode() in opened.read(_HEAD_BYTES)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise BaselineError(msg) from error


def read_several(path: Path, name: str | None = None) -> list[StoredRun]:
    """The same, or each run of a folder that holds several: what --kv-out is where several corpora are asked."""
    if path.is_dir() and not (path / RUN).exists():
        inside = sorted(found.parent for found in path.glob(f"*/{RUN}"))
        if inside:
            return [read_stored(folder, f"{name or path}/{folder.name}") for folder in inside]
    return [read_stored(path, name)]


def read_folder(folder: RunFolder, name: str, rows: Sequence[Mapping[str, Any]] | None = None) -> StoredRun:
    """The run in a folder; `rows` are those that count, where they are known. Raises RunFolderError, BaselineError."""
    about = checked_about(folder.path, folder.about())
    try:
        found = current(about, folder.rows()) if rows is None else rows
        return checked(stored_run(name, about, found, about.get(GPUS) or named_devices(folder.path)))
    except (*DAMAGED, CacheTypeError) as error:
        msg = f"{name} is damaged: {damage(error)}; bring it back from a copy, or name another run"
        raise BaselineError(msg) from error


def named_devices(folder: Path) -> tuple[str, ...]:
    """The GPUs of a run folder's servers, as the first log has them that names any."""
    logs = (read_ends(log) for log in sorted((folder / SERVERS).glob("*.log")))
    try:
        return next((found for log in logs if (found := used_devices(log))), ())
    except OSError:  # a log that is not ours to read says nothing
        return ()
