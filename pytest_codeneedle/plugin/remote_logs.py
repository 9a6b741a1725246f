"""Server logs outside of a run folder: for a moment, or on another host until its worker ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.core.regular_files import read_ends
from pytest_codeneedle.runs.folder import SERVERS, unused

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Corpus -> name of a log -> its text.
Logs = dict[str, dict[str, str]]


def packed(folders: Mapping[str, Path]) -> Logs:
    """The logs in the run folder of each corpus, as plain text."""
    return {
        name: {log.name: read_ends(log) for log in sorted((folder / SERVERS).glob("*.log"))}
        for name, folder in folders.items()
    }


def unpack(logs: Logs, folders: Mapping[str, Path]) -> None:
    """Write logs that came from another host; none is overwritten."""
    for corpus, texts in logs.items():
        for name, text in texts.items():
            if corpus in folders:
                path = unused(folders[corpus] / SERVERS / Path(name).name)
                path.write_text(text, encoding="utf-8")
