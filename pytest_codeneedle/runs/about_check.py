"""Whether run.json says what a run can say: a part of it that is something else is named, and nothing is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ROTATIONS, parse_place
from pytest_codeneedle.core.errors import CacheTypeError
from pytest_codeneedle.runs.row_check import is_number, is_whole, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Lines, passes, functions; beyond it is nothing that was asked.
_MOST = 10**6
_MOST_TOKENS = 10**9
_YEARS_SECONDS = 1e9

_TEXTS = ("corpus", "corpus_sha256", "key", "model_name", "started", "ended", "prompt", "shard", "language", "problem")
#: Unset is none of these: what is private is not shown because a word was lost.
_SWITCHES = ("private", "redact", "embed_source", "relax_indent", "full_answer", "answers_kept")
_LISTS_OF_TEXTS = ("pairs", "cells", "asked", "rotations", "resumed", "server_args", "server_argv")
_TABLES = (
    *("identity", "tokens", "budgets", "expected_tokens", "calibration", "kv_per_token", "versions", "machine"),
    *("quick", "trim", "request", "outcomes", "thinking_settled", "loaded_files"),
)
_LISTS_OF_TABLES = ("functions", "earlier", "sessions", "merged", "hosts")
_COUNTS: Mapping[str, tuple[int, int]] = {
    "lines": (1, _MOST),
    "pass": (1, _MOST),
    "repeat": (1, _MOST),
    "workers": (1, _MOST),
    "files": (0, _MOST),
    "n_ctx": (0, _MOST_TOKENS),
}
_NUMBERS: Mapping[str, tuple[float, float]] = {
    "delta": (0.0, float(_MOST)),
    "calibrate_min": (0.0, 1.0),
    "wall_seconds": (0.0, _YEARS_SECONDS),
}
_LINES = ("primary", "bonus")


def about_fault(about: Mapping[str, Any]) -> str | None:
    """What is wrong with run.json; None where nothing is. What it lacks is not asked."""
    return next(_faults(about), None)


def _faults(about: Mapping[str, Any]) -> Iterator[str]:
    for name, value in about.items():
        if name in _SWITCHES and not isinstance(value, bool):
            yield f"{name} is {shown(value)}, and neither true nor false"
        if value is None:
            continue
        if name in _TEXTS and not isinstance(value, str):
            yield f"{name} is {shown(value)}, and no text"
        if name in _TABLES and not isinstance(value, dict):
            yield f"{name} is {shown(value)}, and no table"
        if name in _LISTS_OF_TEXTS and not _is_list_of(value, str):
            yield f"{name} is {shown(value)}, and no list of texts"
        if name in _LISTS_OF_TABLES and not _is_list_of(value, dict):
            yield f"{name} is {shown(value)}, and no list of tables"
        if name in _COUNTS and not (is_whole(value) and _COUNTS[name][0] <= value <= _COUNTS[name][1]):
            yield f"{name} is {shown(value)}, and no whole number of {_COUNTS[name][0]} or more"
        if name in _NUMBERS and not (is_number(value) and _NUMBERS[name][0] <= value <= _NUMBERS[name][1]):
            yield f"{name} is {shown(value)}, and not from {_NUMBERS[name][0]:g} to {_NUMBERS[name][1]:g}"
    yield from _outcomes(about.get("outcomes") or {})
    yield from _places(about)
    yield from _functions(about.get("functions") or ())
    yield from _sizes(about.get("kv_per_token") or {})


def _outcomes(counts: Mapping[str, Any]) -> Iterator[str]:
    for name, value in counts.items():
        if not (is_whole(value) and 0 <= value <= _MOST_TOKENS):
            yield f"outcomes: {name} is {shown(value)}, and no whole number of 0 or more"


def _places(about: Mapping[str, Any]) -> Iterator[str]:
    reference = about.get("reference")
    named = [("reference", reference)] if reference is not None else []
    named += [(name, one) for name in ("pairs", "cells") for one in about.get(name) or ()]
    for name, one in named:
        try:
            parse_place(one if isinstance(one, str) else "")
        except CacheTypeError:
            yield f"{name}: {shown(one)} is no cell, such as q8_0/q4_0"
    for one in about.get("rotations") or ():
        if one not in ROTATIONS:
            yield f"rotations: {shown(one)} is none of {', '.join(ROTATIONS)}"


def _functions(functions: Any) -> Iterator[str]:  # noqa: ANN401 - a list of tables by now
    for one in functions:
        if not isinstance(one.get("name"), str):
            yield "functions have no name"
        for part in _LINES:
            if not _is_list_of(one.get(part, []), str):
                yield f"functions: {part} of {shown(one.get('name'))} is {shown(one[part])}, and no list of lines"


def _sizes(sizes: Mapping[str, Any]) -> Iterator[str]:
    for side in ("k", "v"):
        value = sizes.get(side)
        if value is not None and not (is_number(value) and 0 <= value <= _MOST_TOKENS):
            yield f"kv_per_token: {side} is {shown(value)}, and no size"


def _is_list_of(value: object, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(one, kind) for one in value)
