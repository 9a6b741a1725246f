"""Notes in the cache: each holds its own hash, so that one that is empty, torn or altered is none."""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.parsing import parse_json
from pytest_codeneedle.core.regular_files import read_text
from pytest_codeneedle.core.whole_file import write_whole

if TYPE_CHECKING:
    from pathlib import Path


def read_note(path: Path) -> Any:  # noqa: ANN401 - a value as JSON has it
    """What was noted; None where there is no note, or a damaged one."""
    try:
        note = parse_json(read_text(path, encoding="ascii"))
    except (OSError, ValueError):
        return None
    whole = isinstance(note, dict) and note.keys() == {"noted", "check"} and note["check"] == check_of(note["noted"])
    return note["noted"] if whole else None


def write_note(path: Path, noted: object) -> None:
    """Note a value that JSON can hold, for its owner alone. Where nothing can be written there is no note."""
    # A cache that cannot be written costs time, no more.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({"noted": noted, "check": check_of(noted)}).encode(), private=True)


def check_of(noted: object) -> str:
    """The hash of a value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(noted, sort_keys=True).encode()).hexdigest()
