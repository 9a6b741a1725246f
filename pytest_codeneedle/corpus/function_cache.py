"""What a corpus's parser found, kept under the hash of what it read.

xdist's workers, resumed runs and `codeneedle functions` read the same files over and over; parsing a large corpus
takes seconds. Kept are names and line numbers, in a file that only its owner can read; never a line of code.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cache_notes import read_note, write_note
from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.core.long_work import ignore
from pytest_codeneedle.corpus.functions.extraction import named_functions
from pytest_codeneedle.corpus.functions.function import Function
from pytest_codeneedle.corpus.functions.lines import split_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_codeneedle.core.long_work import At
    from pytest_codeneedle.corpus.sources import SourceFile

#: Raised whenever extraction gives something else for the same text.
REVISION = 1
#: What extraction reads with: another version may read otherwise.
_PARSERS = ("esprima", "tree-sitter", "tree-sitter-javascript", "tree-sitter-php")


@dataclass(frozen=True)
class Found:
    """Every named function of one file, of whatever length, or why the file does not parse."""

    functions: tuple[Function, ...] = ()
    problem: str | None = None


def found_in(files: Sequence[SourceFile], cache: Path | None, at: At = ignore) -> list[Found]:
    """What each file holds; from `cache` where the same texts were read before by the same parsers."""
    if cache is None:
        return _all_parsed(files, at)
    path = cache / "functions" / f"{_key(files)}.json"
    kept = _read(path, files)
    if kept is not None:
        return kept
    found = _all_parsed(files, at)
    write_note(path, [_packed(one) for one in found])
    return found


def _all_parsed(files: Sequence[SourceFile], at: At) -> list[Found]:
    found = []
    for number, file in enumerate(files, 1):
        at(f"parsing file {number} of {len(files)}")
        found.append(_parsed(file))
    return found


def _parsed(file: SourceFile) -> Found:
    try:
        return Found(tuple(named_functions(file.text, file.language, file.label)))
    except CorpusError as error:
        return Found(problem=str(error))


def _key(files: Sequence[SourceFile]) -> str:
    versions = [importlib.metadata.version(name) for name in _PARSERS]
    digest = hashlib.sha256(json.dumps([REVISION, platform.python_version(), versions]).encode())
    for file in files:
        text = file.text.encode("utf-8", "surrogatepass")
        # Lengths first: where one file ends and the next begins is part of what was read.
        digest.update(json.dumps([file.label, file.language, len(text)]).encode())
        digest.update(text)
    return digest.hexdigest()


def _read(path: Path, files: Sequence[SourceFile]) -> list[Found] | None:
    """The kept list; None where there is none or it is damaged."""
    try:
        return [_unpacked(entry, file) for entry, file in zip(read_note(path) or (), files, strict=True)]
    except (ValueError, TypeError, KeyError):
        return None


def _unpacked(entry: dict[str, Any], file: SourceFile) -> Found:
    lines = split_lines(file.text)
    functions = []
    for name, start, size, signature in entry["functions"]:
        if not (1 <= signature <= start and size >= 0 and start - 1 + size <= len(lines)):
            raise ValueError  # no place in this text: damaged
        body = tuple(lines[start - 1 : start - 1 + size])
        functions.append(Function(str(name), start, body, file.language, file.label, signature))
    return Found(tuple(functions), entry["problem"])


def _packed(found: Found) -> dict[str, Any]:
    rows = [[one.name, one.start_line, len(one.body), one.signature_line] for one in found.functions]
    return {**dataclasses.asdict(Found(problem=found.problem)), "functions": rows}
