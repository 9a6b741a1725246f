"""pytest-xdist: one cell is one unit of work, so that each pair's server is started once.

`--dist loadgroup` would say the same, but does nothing on pytest 9.2 with xdist 3.8 (xdist issue 1386).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

from pytest_codeneedle.core.kv_types import BITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pytest
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

#: A worker begins an item once it knows of the next: with fewer it waits.
_LEAST_PENDING = 2
_TYPE = "|".join(sorted(BITS, key=len, reverse=True))
#: The cell's part of a test id: `[corpus:]ctk/ctv[:rot-off][#2]`, after `[` or `-` and before `-` or `]`.
_CELL = re.compile(rf"[\[-]((?:[^\[\]:/]+:)?(?:{_TYPE})/(?:{_TYPE})(?::rot-(?:on|off))?(?:#\d+)?)(?=[-\]])")
#: What stands before the packaged suite in a test id.
_ELSEWHERE = re.compile(r"^.*/(?=pytest_codeneedle/suite/test_recall\.py::)")


@dataclass(frozen=True)
class PlacedReferences:
    """The passes over references that are to be asked, cell -> corpus, and where one was: (place, corpus).

    `place_of` says on which host and device a worker's servers are.
    """

    corpora: Mapping[str, str]
    place_of: Callable[[WorkerController], str]
    asked: set[tuple[str, str]] = field(default_factory=set)

    def ahead(self, node: WorkerController, queue: Iterable[str]) -> str | None:
        """The pass in the queue that this worker has to ask before all else: its place has none of that corpus yet."""
        place = self.place_of(node)
        passes = (cell for cell in queue if cell in self.corpora)
        return next((cell for cell in passes if (place, self.corpora[cell]) not in self.asked), None)

    def taken(self, node: WorkerController, cell: str) -> None:
        """Note where a cell is asked."""
        if cell in self.corpora:
            self.asked.add((self.place_of(node), self.corpora[cell]))


class CellScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist publishes no types
    """Sends all items of a cell to one worker, and what is left of it to another where that worker died.

    Each host and device begins with a pass over the reference, as far as there are passes: a cell is held against that
    of its own place.
    """

    def __init__(self, config: pytest.Config, log: Producer | None, references: PlacedReferences) -> None:
        super().__init__(config, log)
        self._references = references

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        """Take a worker's ids; the packaged suite lies elsewhere on each host, and so seen from its rootdir."""
        super().add_node_collection(node, [_ELSEWHERE.sub("", nodeid) for nodeid in collection])

    def _split_scope(self, nodeid: str) -> str:
        """The cell of a test id; xdist's own scope for ids without one."""
        found = _CELL.search(nodeid)
        if found is None:
            scope: str = super()._split_scope(nodeid)
            return scope
        return found.group(1)

    def remove_node(self, node: WorkerController) -> str | None:
        """Take a worker off that ended; the item that it was at, if any.

        That item may be what killed it, so it is not asked again (xdist would); the rest of the cell is. Cells that
        were done are not handed out again: a worker that is sent nothing waits for ever.
        """
        work = self.assigned_work[node]
        crashed = next((name for unit in work.values() for name, done in unit.items() if not done), None)
        for scope, unit in list(work.items()):
            if crashed in unit:
                unit[crashed] = True
            if all(unit.values()):
                del work[scope]
        super().remove_node(node)
        return crashed

    def drop(self, cells: Iterable[str]) -> set[str]:
        """Take those of these cells off the queue that no worker has yet; which they are."""
        return {cell for cell in cells if self.workqueue.pop(cell, None) is not None}

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Give the worker its place's reference, else the next cell."""
        ahead = self._references.ahead(node, self.workqueue)
        if ahead is not None:
            self.workqueue.move_to_end(ahead, last=False)
        self._references.taken(node, next(iter(self.workqueue)))
        super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        """Hand out cells until the worker can begin: what is left of a cell may be one item."""
        super()._reschedule(node)
        while self.workqueue and not node.shutting_down and self._pending(node) < _LEAST_PENDING:
            super()._reschedule(node)

    def _pending(self, node: WorkerController) -> int:
        pending: int = self._pending_of(self.assigned_work[node])
        return pending
