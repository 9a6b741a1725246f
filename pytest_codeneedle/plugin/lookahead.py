"""When the next cell's server starts: while this cell's last answers come, where there is memory for both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_codeneedle.core.cells import Ask
from pytest_codeneedle.server.ahead import Ahead
from pytest_codeneedle.server.capacity import Room, free_mib, wanted_mib

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from pytest_codeneedle.core.cells import Cell
    from pytest_codeneedle.plugin.session import GridSession


class LookAhead:
    """Told which items are to come, asked before each question. `servers` are this process's own, in turn."""

    def __init__(self, session: GridSession) -> None:
        self._session = session
        self._settled = session.plan.settings.overlap == "on"
        self.servers = Ahead(on=session.plan.settings.overlap != "off" and session.plan.endpoint is None)
        self.room: Room | None = None
        self._following: Iterable[pytest.Item] = ()

    def expect(self, following: Iterable[pytest.Item]) -> None:
        """An item begins; `following` are those behind it, as far as they are known."""
        self._following = following

    def before_question(self, item: pytest.Item) -> None:
        """Start the next cell's server where it is time: this cell's own is ready, and about to be asked."""
        session, ask = self._session, _ask_of(item)
        if not self.servers.on or ask is None or not session.servers:
            return
        if session.servers[-1].args != session.server_args(ask.cell):
            self.servers.on = False  # a fixture adds some, and what it adds for the next cell is not known
            return
        left, then = 1, None
        for one in map(_ask_of, self._following):
            if one is None or not session.has_to_ask(one):
                continue
            if one.cell != ask.cell:
                then = one.cell
                break
            left += 1
        if then is None or not self.servers.due(ask.cell, left) or not self._fits(then):
            return
        log = session.prepared[then.corpus].run.server_log(then.pair, then.place.suffix)
        self.servers.begin(session.server_args(then), log)

    def _fits(self, cell: Cell) -> bool:
        """Whether there is memory for one more server; looked at once, while a server of this session runs."""
        if not self._settled:
            self._settled = True
            self.room = self._look(cell)
            self.servers.on = self.room.enough
        return self.servers.on

    def _look(self, cell: Cell) -> Room:
        session = self._session
        wanted = [
            wanted_mib(one.model_path, one.kv_size, session.plan.settings.pairs, one.n_ctx)
            for one in session.prepared.values()
        ]
        known = [mib for mib in wanted if mib is not None]
        at_once = session.prepared[cell.corpus].servers_on_device
        return Room(at_once * max(known) if len(known) == len(wanted) else None, free_mib(session.server_args(cell)))


def _ask_of(item: pytest.Item) -> Ask | None:
    ask = getattr(getattr(item, "callspec", None), "params", {}).get("kv_function")
    return ask if isinstance(ask, Ask) else None
