"""Runs that are made at once of others: there whole or not at all, whatever ends the command that makes one."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.runs.folder import RUN, RunFolder
from pytest_codeneedle.runs.lock import LOCK, FolderLock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def whole_run(path: Path, about: Mapping[str, Any]) -> Iterator[RunFolder]:
    """A new run to be filled, which takes its place in `path` when the block ends.

    Until then it is beside it; what a killed command left there is taken away. Raises RunFolderError where a run is
    there already, another command is making one, or nothing can be written.
    """
    folder = RunFolder(path, private=bool(about.get("private")))
    folder.refuse_existing()
    place = Path(os.path.realpath(path))
    # In a folder that is there already, as one that is mounted: what is beside that may be another disk.
    aside = place / ".part" if place.exists() else place.parent / f".{place.name}.part"
    lock = FolderLock(aside)
    try:
        if aside.exists():
            lock.take()
            lock.release()
            shutil.rmtree(aside)
        RunFolder(aside, private=folder.private).make()
        lock.take()
        yield RunFolder.create(aside, about)
        (aside / LOCK).unlink(missing_ok=True)
        _move(aside, place)
    except OSError as error:
        raise folder.unwritable(error) from error
    except RunFolderError as error:
        if isinstance(error.__cause__, OSError) and str(aside) in str(error):  # nobody asked for that name
            raise folder.unwritable(error.__cause__) from error
        raise
    finally:
        if lock.held:
            shutil.rmtree(aside, ignore_errors=True)
        lock.release()


def _move(aside: Path, place: Path) -> None:
    """Give it its name; in a folder that is there run.json comes last, without which there is no run."""
    if not place.exists():
        aside.rename(place)
        return
    for path in sorted(aside.iterdir(), key=lambda one: one.name == RUN):
        path.replace(place / path.name)
