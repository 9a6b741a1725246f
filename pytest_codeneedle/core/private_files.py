"""Files and folders that only this user may read."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import CellError

if TYPE_CHECKING:
    from collections.abc import Iterator


_FILE, _PRIVATE_FILE, _PRIVATE_FOLDER = 0o666, 0o600, 0o700


def for_the_user_alone(path: str, flags: int) -> int:
    """An opener of new files that nobody else can read: logs and answers hold private code."""
    return os.open(path, flags, _PRIVATE_FILE)


def folder_of_its_own() -> Path:
    """A new temporary folder that only this user may read: a log may show private code."""
    return Path(tempfile.mkdtemp(prefix="codeneedle-"))


@contextlib.contextmanager
def passing_folder() -> Iterator[Path]:
    """A temporary folder for logs, gone at the end; after a CellError it stays, for that names a log in it."""
    folder = folder_of_its_own()
    try:
        yield folder
    except CellError:
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
