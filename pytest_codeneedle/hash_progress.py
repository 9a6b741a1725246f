"""Says how far a large file is read for its hash: a line every few seconds, and none where it is done sooner."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pytest_codeneedle import terminal
from pytest_codeneedle.printable import printable

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

#: Nobody wonders yet; and how often is enough.
FIRST_SECONDS, EVERY_SECONDS = 1.5, 10.0
#: Without a piece for so long another thing was done meanwhile.
_PAUSE_SECONDS = 1.0
_GIB = 2**30


class HashProgress:
    """A `Watch` for `FileHashes`; several files after one another are one wait."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._last = self._next = 0.0

    def __call__(self, path: Path, done: int, total: int) -> None:
        """So many bytes of the file are read."""
        now = time.monotonic()
        if now - self._last > _PAUSE_SECONDS:
            self._next = now + FIRST_SECONDS
        self._last = now
        if now >= self._next:
            self._next = now + EVERY_SECONDS
            of = f"{done / _GIB:.1f} of {total / _GIB:.1f} GiB"
            terminal.write(self._config, [f"kv-grid: reading {printable(path.name)} for its hash: {of}"])
