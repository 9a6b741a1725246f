"""A server's body in pieces, for faults that no real server gives on demand: a fake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Stream(httpx.SyncByteStream):
    """A body in pieces that remembers how many were taken, and whether it was closed."""

    def __init__(self, pieces: Iterable[bytes | Exception]) -> None:
        self.pieces = list(pieces)
        self.taken = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.taken += 1
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self) -> None:
        """Told by httpx when the response is done with."""
        self.closed = True
