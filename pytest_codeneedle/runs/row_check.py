"""Whether a line of results.jsonl is a result that a run can have: what is none is named, and judged by nobody."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeGuard

from pytest_codeneedle.core.cells import ERROR, FAILED, PASSED
from pytest_codeneedle.core.parsing import parse_json
from pytest_codeneedle.core.text import shown_line

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What is said of a line that is no JSON object.
TORN_LINE = "not JSON"
#: Lines of an answer, tokens, a position: beyond it is nothing that was counted.
_MOST = 10**8
#: Nats. No logarithm of a probability in single precision is lower, and no margin larger.
_NATS = 200.0
_DAYS_MS = 30 * 86_400_000.0
_LONGEST = 60  # characters of a value that is named

#: Lines of those that were asked for: from 0 to `primary_total`, which is no more than run.json's `lines`.
_OF_TOTAL = ("primary_matched", "lcs_matched", "position_exact", "strict_matched")
_COUNTS = (
    *("primary_total", "bonus_matched", "bonus", "hallucinated", "think_lines", "run_on_lines", "replicate"),
    *("start_line", "tokens", "cache_n", "prompt_n", "warm_up_n", "n_ctx", "relaunches", "servers_on_device"),
    *("turn", "asked_again", "drafted", "kv_cells", "kv_layers", "attn_rot_k", "attn_rot_v"),
)
#: Numbers by the range that they are in.
_NUMBERS: Mapping[str, tuple[float, float]] = {
    "depth": (0.0, 1.0),
    "margin_under_1": (0.0, 1.0),
    "margins_told": (0.0, 1.0),
    "margin_mean": (-_NATS, _NATS),
    "margin_p1": (-_NATS, _NATS),
    "expected_logprob_mean": (-_NATS, 0.0),
    "prompt_ms": (0.0, _DAYS_MS),
    "predicted_ms": (0.0, _DAYS_MS),
    "warm_up_ms": (0.0, _DAYS_MS),
    "load_seconds": (0.0, _DAYS_MS),
    "kv_mib": (0.0, float(_MOST)),
}
_SWITCHES = ("run_on", "truncated", "thought", "loaded_ahead")
_TEXTS = (
    "function",
    "corpus",
    "ctk",
    "ctv",
    "rotation",
    "response",
    "after",
    "stop",
    "prompt_cache",
    "label",
    "error",
    "test",
    "key",
    "session",
    "at",
    "host",
    "log_ctk",
    "log_ctv",
    "confused_with",
    "added_args",
    "device",
    "flash_attn",
    "fallbacks",
    "other_caches",
    "speculation_off",
)
#: They are written by a program, and are short.
_NAMES = ("key", "session", "at")
_LONGEST_NAME = 200


def row_fault(row: object, about: Mapping[str, Any]) -> str | None:
    """What is wrong with a line's JSON as a result of that run; None where it can be one. What it lacks is not asked.

    `about` is run.json, which says of which corpus it is, and of how many lines its questions are.
    """
    if not isinstance(row, dict):
        return "it is no JSON object"
    corpus = about.get("corpus")
    if corpus is not None and row.get("corpus", corpus) != corpus:
        return f"it is about corpus {shown(row['corpus'])}, and the run about {shown(corpus)}"
    return _kind_fault(row) or _figure_fault(row, about) or _score_fault(row)


def line_fault(line: bytes, about: Mapping[str, Any]) -> str | None:
    """The same of a line's bytes: `TORN_LINE` where they are no JSON object."""
    try:
        row = parse_json(line)
    except ValueError:
        return TORN_LINE
    return row_fault(row, about) if isinstance(row, dict) else TORN_LINE


def _kind_fault(row: Mapping[str, Any]) -> str | None:
    for name in _TEXTS:
        if not isinstance(row.get(name), str | None):
            return f"{name} is {shown(row[name])}, and no text"
    for name in _NAMES:
        if len(row.get(name) or "") > _LONGEST_NAME:
            return f"{name} is {shown(row[name])}, and too long for one"
    for name in _SWITCHES:
        if not isinstance(row.get(name), bool | None):
            return f"{name} is {shown(row[name])}, and neither true nor false"
    outcome = row.get("outcome")
    return None if outcome in (None, PASSED, FAILED, ERROR) else f"outcome is {shown(outcome)}"


def _figure_fault(row: Mapping[str, Any], about: Mapping[str, Any]) -> str | None:
    for name in (*_COUNTS, *_OF_TOTAL):
        value = row.get(name)
        if value is not None and not (is_whole(value) and 0 <= value <= _MOST):
            return f"{name} is {shown(value)}, and no count"
    for name, (least, most) in _NUMBERS.items():
        value = row.get(name)
        if value is not None and not (is_number(value) and least <= value <= most):
            return f"{name} is {shown(value)}, and not from {least:g} to {most:g}"
    asked = about.get("lines")
    total = row.get("primary_total")
    if row.get("key") == about.get("key") and isinstance(asked, int) and total is not None and total > asked:
        return f"primary_total is {total}, and {asked} lines were asked for"
    return None


def _score_fault(row: Mapping[str, Any]) -> str | None:
    if row.get("outcome") in (PASSED, FAILED) and row.get("primary_matched", 0) is None:
        return "it is an answer, and primary_matched is not there"
    total = row.get("primary_total")
    for name in _OF_TOTAL if total is not None else ():
        if row.get(name) is not None and row[name] > total:
            return f"{name} is {row[name]} of {total} lines"
    return None


def shown(value: object) -> str:
    """A value in a message: what may be shown of it, and no more than its beginning."""
    return shown_line(repr(value)[:_LONGEST])


def is_whole(value: object) -> TypeGuard[int]:
    """Whether it is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number that one can reckon with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
