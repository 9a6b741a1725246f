"""Stored runs to hold others against: a run's folder, a folder of several, or the file of `codeneedle baseline save`.

The file is a small text that is made to be committed: a line for each cell.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import parse_place
from pytest_codeneedle.core.devices import used_devices
from pytest_codeneedle.core.errors import DAMAGED, BaselineError, CacheTypeError, damage
from pytest_codeneedle.core.kv_types import parse_pair
from pytest_codeneedle.core.parsing import parse_json
from pytest_codeneedle.core.regular_files import open_regular, read_ends, read_text
from pytest_codeneedle.core.text import encodable
from pytest_codeneedle.runs.anonymised import GPUS
from pytest_codeneedle.runs.calibration import DEFAULT_MINIMUM
from pytest_codeneedle.runs.checks import checked_about
from pytest_codeneedle.runs.folder import RUN, SERVERS, RunFolder, current
from pytest_codeneedle.runs.ledger import lost_answers
from pytest_codeneedle.runs.stored_run import StoredCell, StoredRun, checked, stored_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

FORMAT, VERSION = "codeneedle baseline", 1
_HEAD = ("corpus", "corpus_sha256", "whole_sha256", "trim", "lines", "repeat")
_HEAD_BYTES = 100


def baseline_text(run: StoredRun) -> str:
    """The text: the same for the same run, whatever the order of its rows. It holds no code and no answer."""
    functions = sorted(run.functions)
    head = {
        "format": FORMAT,
        "version": VERSION,
        **{key: getattr(run, key) for key in _HEAD},
        "reference": str(run.reference),
        **({"minimum": run.minimum} if run.minimum != DEFAULT_MINIMUM else {}),
        **({"weakest": [_number(run.weakest.get(name)) for name in functions]} if run.weakest else {}),
    }
    cells = {str(cell): _cell(figures, functions) for cell, figures in run.cells.items()}
    parts = [
        *(f"{_json(key)}: {_json(value)}" for key, value in head.items()),
        f'"questions": {_block("{}", _entries(run.questions))}',
        f'"facts": {_block("{}", _entries(run.facts))}',
        f'"functions": {_block("[]", map(_json, functions))}',
        f'"cells": {_block("{}", _entries(cells))}',
    ]
    return _block("{}", parts) + "\n"


def _entries(part: Mapping[str, Any]) -> list[str]:
    return [f"{_json(key)}: {_json(part[key])}" for key in sorted(part)]


def _block(brackets: str, lines: Iterable[str]) -> str:
    """An object or a list with a line for each entry; what is inside one is set in by a space."""
    inside = ",\n".join(lines).replace("\n", "\n ")
    return f"{brackets[0]}\n {inside}\n{brackets[1]}" if inside else brackets


def _cell(cell: StoredCell, functions: list[str]) -> dict[str, Any]:
    """What is not said is nothing out of the ordinary: no function failed, none gave no answer, all were asked."""
    margins = cell.margins or {}
    said = {
        "matched": [_number(cell.matched.get(name)) for name in functions],
        "failed": sorted(cell.failed),
        "no_answer": sorted(cell.silent),
        "passes": {name: list(cell.passes[name]) for name in sorted(cell.passes)},
        "not_asked": [name for name in functions if name not in cell.matched],
        "margins": [margins.get(name) for name in functions] if margins else [],
        "log_rotation": list(cell.log_rotation) if any(side is not None for side in cell.log_rotation) else [],
    }
    return {key: value for key, value in said.items() if value or key == "matched"}


def _number(lines: float | None) -> float | int | None:
    return int(lines) if lines is not None and lines == int(lines) else lines


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    # Half a surrogate pair, as names have it that the locale had no characters for, stays an escape.
    return text if encodable(text) == text else json.dumps(value, allow_nan=False)


def parse_baseline(name: str, text: str) -> StoredRun:
    """The run that was saved so. Raises BaselineError for other files, later formats and damage, with the part."""
    try:
        read = parse_json(text, finite=True)
    except ValueError as error:
        msg = f"{name} is no baseline: not JSON: {error}; codeneedle baseline save RUN -o FILE writes one"
        raise BaselineError(msg) from error
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        msg = f"{name} is no baseline; codeneedle baseline save RUN -o FILE writes one"
        raise BaselineError(msg)
    if read.get("version") != VERSION:
        msg = f"{name} is a baseline of version {read.get('version')!r}, and this package reads version {VERSION}"
        raise BaselineError(f"{msg}; save it anew, or use the version that saved it")
    part = "its head"
    try:
        head = _head(read)
        functions = tuple(_texts(read["functions"]))
        cells = {}
        for key, said in read["cells"].items():
            part = f"cell {key}"
            place = parse_place(key)
            cells[place] = _read_cell(said, functions)
        part = "its figures"
        weakest = _figures(read["weakest"], functions) if "weakest" in read else {}
        return checked(StoredRun(name=name, functions=functions, cells=cells, weakest=weakest, **head))
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, CacheTypeError) as error:
        lacks = f"no {error}" if isinstance(error, KeyError) else str(error)
        msg = f"{name} is damaged: {part}: {lacks}; bring it back from a copy, or save it anew"
        raise BaselineError(msg) from error


def _head(read: Mapping[str, Any]) -> dict[str, Any]:
    texts = {key: _of(read[key], str) for key in ("corpus", "corpus_sha256", "whole_sha256")}
    numbers = {key: _of(read[key], int) for key in ("lines", "repeat")}
    trim = None if read["trim"] is None else _of(read["trim"], int)
    tables = {key: dict(_of(read[key], dict)) for key in ("questions", "facts")}
    minimum = float(_of(read.get("minimum", DEFAULT_MINIMUM), float, int))
    named = {"reference": parse_pair(read["reference"]), "minimum": minimum}
    return {**texts, **numbers, "trim": trim, **tables, **named}


def _of(value: Any, *kinds: type) -> Any:  # noqa: ANN401 - checked here
    if not isinstance(value, kinds) or isinstance(value, bool):
        msg = f"{value!r} is no {kinds[0].__name__}"
        raise TypeError(msg)
    return value


def _texts(value: Any) -> list[str]:  # noqa: ANN401 - checked here
    return [_of(one, str) for one in _of(value, list)]


def _read_cell(said: Mapping[str, Any], functions: tuple[str, ...]) -> StoredCell:
    matched = _figures(said["matched"], functions)
    margins = _figures(said["margins"], functions) if "margins" in said else {}
    names = {key: frozenset(_texts(said.get(key, []))) for key in ("failed", "no_answer", "not_asked")}
    unknown = frozenset().union(*names.values()) - set(functions)
    if unknown:
        msg = f"{min(unknown)!r} is none of its functions"
        raise ValueError(msg)
    k, v = (None if side is None else _of(side, int) for side in said.get("log_rotation", (None, None)))
    return StoredCell(
        matched={name: lines for name, lines in matched.items() if name not in names["not_asked"]},
        failed=names["failed"],
        silent=names["no_answer"],
        passes=_passes(said.get("passes", {}), names["no_answer"]),
        margins={name: margin for name, margin in margins.items() if margin is not None} or None,
        log_rotation=(k, v),
    )


def _passes(said: Any, silent: frozenset[str]) -> dict[str, tuple[int, int]]:  # noqa: ANN401 - checked here
    """(answered, asked) of functions that gave no answer in some pass; files of earlier versions say nothing."""
    unknown = set(_of(said, dict)) - silent
    if unknown:
        msg = f"{min(unknown)!r} is none of those without an answer"
        raise ValueError(msg)
    return {name: (_of(answered, int), _of(asked, int)) for name, (answered, asked) in said.items()}


def _figures(values: Any, functions: tuple[str, ...]) -> dict[str, float | None]:  # noqa: ANN401 - checked here
    if len(_of(values, list)) != len(functions):
        msg = f"{len(values)} figures for {len(functions)} functions"
        raise ValueError(msg)
    figures = [None if value is None else float(_of(value, float, int)) for value in values]
    return dict(zip(functions, figures, strict=True))


def read_run(path: Path, name: str | None = None) -> StoredRun:
    """The run in the folder `path`, or the one that the file there was saved of; `name` is how messages call it.

    Raises BaselineError and RunFolderError for one that is missing, damaged, or something else.
    """
    name = name or str(path)
    if path.is_dir():
        return read_folder(RunFolder.open(path), name)
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        msg = f"{name} cannot be read: {why}; give a run folder, or a file of codeneedle baseline save"
        raise BaselineError(msg) from error
    return parse_baseline(name, text)


def is_baseline(path: Path) -> bool:
    """Whether the file begins as one does, damaged or not. Raises BaselineError where it cannot be read."""
    try:
        with open_regular(path) as opened:
            return FORMAT.encode() in opened.read(_HEAD_BYTES)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise BaselineError(msg) from error


def read_several(path: Path, name: str | None = None) -> list[StoredRun]:
    """The same, or each run of a folder that holds several: what --kv-out is where several corpora are asked."""
    if path.is_dir() and not (path / RUN).exists():
        inside = sorted(found.parent for found in path.glob(f"*/{RUN}"))
        if inside:
            return [read_run(folder, f"{name or path}/{folder.name}") for folder in inside]
    return [read_run(path, name)]


def read_folder(folder: RunFolder, name: str, rows: Sequence[Mapping[str, Any]] | None = None) -> StoredRun:
    """The run in a folder; `rows` are those that count, where they are known. Raises RunFolderError, BaselineError."""
    about = checked_about(folder.path, folder.about())
    try:
        found, lost = rows, ""
        if found is None:
            every = folder.rows()
            found, lost = current(about, every), lost_answers(about, every)
        return checked(stored_run(name, about, found, about.get(GPUS) or named_devices(folder.path), lost))
    except (*DAMAGED, CacheTypeError) as error:
        msg = f"{name} is damaged: {damage(error)}; bring it back from a copy, or name another run"
        raise BaselineError(msg) from error


def named_devices(folder: Path) -> tuple[str, ...]:
    """The GPUs of a run folder's servers, as the first log has them that names any."""
    logs = (read_ends(log) for log in sorted((folder / SERVERS).glob("*.log")))
    try:
        return next((found for log in logs if (found := used_devices(log))), ())
    except OSError:  # a log that is not ours to read says nothing
        return ()
