"""The next cell's server loads while this cell's last answers come: one server ahead at most.

It is started by the process's main thread and not waited for, so that no thread is needed: Linux sends the
parent-death signal when the *thread* that forked ends.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import CellError, ServerStartError
from pytest_codeneedle.server.process import Loading, start

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

    from pytest_codeneedle.server.process import LlamaServer
    from pytest_codeneedle.server.program import ServerArgs

#: Answers differ: one that is started a little early has to wait, one that is started late is waited for.
_MARGIN = 1.5


class Ahead:
    """Servers of one process, in turn: `begin` starts the next one ahead, `start` hands it out or starts one.

    Where a server is asked for with other arguments than it was started with (a fixture of the user's adds some),
    starting ahead is given up for the session. So it is where one `failed` beside another and came up alone.
    """

    def __init__(self, *, on: bool) -> None:
        self.on = on
        self.failed = False
        self._loading: Loading | None = None
        self._pace = Pace()

    @property
    def loading(self) -> LlamaServer | None:
        """The server that was started ahead and not asked for yet."""
        return None if self._loading is None else self._loading.server

    def due(self, cell: Hashable, left: int) -> bool:
        """Whether it is time to begin: `left` items of `cell` are still to be asked, the one that begins now too."""
        return self.on and self._loading is None and self._pace.due(cell, left)

    def begin(self, args: ServerArgs, log: Path) -> None:
        """Start a server and do not wait for it. One that cannot be started is tried again when it is asked for."""
        if not self.on or self._loading is not None:
            return
        try:
            self._loading = Loading(args, log)
        except CellError:
            self._loading = None

    def start(self, args: ServerArgs, log: Path) -> LlamaServer:
        """The server with these arguments, ready: the one that was started ahead, or a new one.

        Raises ServerStartError.
        """
        loading, self._loading = self._loading, None
        if loading is not None and loading.server.args != args:
            loading.server.stop()
            self.on = False
            loading = None
        server = start(args, log) if loading is None else self._ready(loading, args, log)
        self._pace.loads(server.load_seconds)
        return server

    def _ready(self, loading: Loading, args: ServerArgs, log: Path) -> LlamaServer:
        """The server that was started ahead; where it failed, one that has the machine to itself, as all have then."""
        try:
            return loading.ready()
        except ServerStartError:
            server = start(args, log)
            self.on = False
            self.failed = True
            return server

    def stop(self) -> None:
        """End the server that nobody asked for. Safe to call twice."""
        if self._loading is not None:
            self._loading.server.stop()
            self._loading = None


class Pace:
    """How long a server takes to load here, and an answer: when the next server has to be started to be in time."""

    def __init__(self) -> None:
        self._load_seconds = 0.0
        self._cell: Hashable = None
        self._moments: list[float] = []

    def loads(self, seconds: float) -> None:
        """A server took so long; of those that loaded ahead only the rest is known, so the longest counts."""
        self._load_seconds = max(self._load_seconds, seconds)

    def due(self, cell: Hashable, left: int) -> bool:
        """Whether the `left` items take no longer than a server that is started now.

        Asked before every question. At the first one of a cell nothing is known of its answers; the last is surely due.
        """
        if cell != self._cell:
            self._cell, self._moments = cell, []
        self._moments.append(time.monotonic())
        if left <= 1:
            return True
        answers = len(self._moments) - 1
        if not answers:
            return False
        return left * (self._moments[-1] - self._moments[0]) / answers <= _MARGIN * self._load_seconds
