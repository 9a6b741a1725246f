"""Whether what a run folder holds is what a session can go on with: one clear error, before anything is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.errors import RunFolderError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: Keys of run.json that are used again, and what they have to be where they are there.
_PARTS: Mapping[str, tuple[type, ...]] = {
    "key": (str,),
    "identity": (dict,),
    "pairs": (list,),
    "cells": (list,),
    "functions": (list,),
    "asked": (list,),
    "earlier": (list,),
    "resumed": (list,),
    "tokens": (dict,),
    "budgets": (dict,),
    "expected_tokens": (dict,),
    "n_ctx": (int,),
    "files": (int,),
    "wall_seconds": (int, float),
}
#: Without these there is no run.
_NEEDED = ("pairs", "cells", "functions")
_ROW = ("ctk", "ctv", "function", "outcome", "replicate")
_ANSWER = ("response", "stop", "run_on", "tokens", "prompt_cache")


def checked_about(folder: Path, about: dict[str, Any]) -> dict[str, Any]:
    """run.json as it is. Raises RunFolderError that names the part that is missing or damaged."""
    for name, kinds in _PARTS.items():
        value = about.get(name)
        if (value is None and name in _NEEDED) or (value is not None and not isinstance(value, kinds)):
            what = "missing" if value is None else f"a {type(value).__name__}"
            raise _damaged(folder, f"run.json: {name} is {what}")
    if not all(isinstance(one, dict) and "name" in one for one in about["functions"]):
        raise _damaged(folder, "run.json: functions have no name")
    return about


def checked_rows(folder: Path, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows as they are. Raises RunFolderError that names the first one which is no result, and what it lacks."""
    for number, row in enumerate(rows, 1):
        wanted = _ROW if row.get("outcome") == "error" else (*_ROW, *_ANSWER)
        lacks = [name for name in wanted if name not in row]
        if lacks and "key" in row:
            raise _damaged(folder, f"results.jsonl: row {number} has no {lacks[0]}")
    return list(rows)


def _damaged(folder: Path, what: str) -> RunFolderError:
    return RunFolderError(f"{folder} is damaged: {what}; bring it back from a copy, or name another (--kv-out)")
