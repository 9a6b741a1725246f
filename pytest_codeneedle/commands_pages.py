"""`codeneedle report`: the page of stored runs, without pytest and without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def report(flags: argparse.Namespace) -> None:
    """Write the page of these runs into a folder."""
    raise NotImplementedError(flags)
