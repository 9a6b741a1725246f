"""Whether what a run folder holds is what a session can go on with: one clear error, before anything is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.runs.about_check import about_fault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Without these there is no run.
_NEEDED = ("pairs", "cells", "functions")
_ROW = ("ctk", "ctv", "function", "outcome", "replicate")
_ANSWER = ("response", "stop", "run_on", "tokens", "prompt_cache")


def checked_about(folder: Path, about: dict[str, Any]) -> dict[str, Any]:
    """run.json as it is. Raises RunFolderError that names the part that is missing or damaged."""
    fault = next((f"{name} is missing" for name in _NEEDED if about.get(name) is None), about_fault(about))
    if fault is not None:
        raise damaged(folder, f"run.json: {fault}")
    return about


def checked_rows(folder: Path, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows as they are. Raises RunFolderError that names the first one which is no result, and what it lacks."""
    for number, row in enumerate(rows, 1):
        wanted = _ROW if row.get("outcome") == "error" else (*_ROW, *_ANSWER)
        lacks = [name for name in wanted if name not in row]
        if lacks and "key" in row:
            raise damaged(folder, f"results.jsonl: row {number} has no {lacks[0]}")
    return list(rows)


def damaged(folder: Path, what: str) -> RunFolderError:
    """The error for a run folder in which that is wrong."""
    return RunFolderError(f"{folder} is damaged: {what}; bring it back from a copy, or name another run")
