"""The files that a session's answers are made with, watched: their key says what was in them when it began."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.server.contents.hashes import state_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_codeneedle.server.contents.hashes import FileHashes

#: What stands for the state of a file that is gone.
_GONE = ""


def watched(paths: Iterable[Path], hashes: FileHashes) -> dict[str, tuple[str, str]]:
    """Of each file, by its path from the root: its state, and the hash of its content in that state.

    One that cannot be read is left out. Raises ConfigurationError for one that keeps changing.
    """
    before = {str(path.absolute()): _state(path) for path in paths}
    found = hashes.all({path: Path(path) for path in before})
    return {path: (state, found[path]) for path, state in before.items() if found[path] != hashes.UNREADABLE}


def changed(before: Mapping[str, tuple[str, str]], hashes: FileHashes) -> str:
    """What of the files has another content now, as a message with the way out; empty where all are the same.

    One that was only touched is read again.
    """
    other = [path for path, (state, _) in before.items() if _state(Path(path)) != state]
    now = hashes.all({path: Path(path) for path in other})
    path = next((path for path in other if now[path] != before[path][1]), None)
    if path is None:
        return ""
    what = "is gone" if _state(Path(path)) == _GONE else "has another content than when this session began"
    return (
        f"{path} {what}, and what was answered before would stand beside answers of another make; put it back, or "
        "start again (with --kv-resume what it changes is asked anew)"
    )


def _state(path: Path) -> str:
    return " ".join(map(str, (state_of(path) or {}).values()))
