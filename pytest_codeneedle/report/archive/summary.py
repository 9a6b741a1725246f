"""What an archive's index needs to know of one kept run: small, plain, made of its run.json and its rows alone."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import re
import statistics
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ERROR, place_of
from pytest_codeneedle.core.kv_types import low_pair
from pytest_codeneedle.runs.anonymised import ANSWERS_KEPT, GPUS
from pytest_codeneedle.runs.calibration import calibrated
from pytest_codeneedle.runs.design import Frame
from pytest_codeneedle.runs.grid import make_grid
from pytest_codeneedle.runs.margins import cell_margins
from pytest_codeneedle.runs.pairing import mean_differences, paired
from pytest_codeneedle.runs.status import standing
from pytest_codeneedle.runs.stored_run import stored_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.report.page.model import GridPart
    from pytest_codeneedle.runs.grid import Grid, View

    Rows = Sequence[Mapping[str, Any]]

FORMAT = 3
#: More than a page shows: what is rounded twice is not what a terminal prints.
_DIGITS = 12
_SHORT_HASH = 12
#: What llama.cpp calls a build without git, and the embedded server its build: it says nothing, a version may.
_NO_BUILD = re.compile(r"\s*(?:version:\s*|b)?0(?:-\S*|\s*\(.*\))?\s*")
#: A loss that is shown as 0.00 is none.
_ROUNDS_TO_ZERO = 0.005
#: What tells an answer from all others, whether its words are kept or not.
_OF_AN_ANSWER = (
    *("at", "function", "load_seconds", "warm_up_ms", "prompt_ms", "predicted_ms"),
    *("primary_matched", "lcs_matched", "hallucinated", "bonus_matched", "run_on", "tokens"),
)


def archive_summary(
    run_id: str, about: Mapping[str, Any], rows: Rows, shown: Mapping[View, GridPart]
) -> dict[str, Any]:
    """The summary of the run that is kept under this ID.

    `rows` are its current ones, `shown` what its page shows of each grid. Raises KeyError, TypeError and the like
    where the run is damaged.
    """
    frame, stands = Frame.of(about), standing(about, rows)
    run = stored_run(run_id, about, rows, about.get(GPUS) or ())
    return {
        "format": FORMAT,
        "id": run_id,
        "started": str(about.get("started") or ""),
        "seconds": _seconds(about.get("started")),
        "ended": str(about.get("ended") or ""),
        "model": str(about.get("model_name") or about.get("model") or "unknown"),
        "model_sha256": about.get("model_sha256"),
        "corpus": run.corpus,
        "corpus_sha256": run.corpus_sha256,
        "build": build_of(about),
        "private": bool(about.get("private")),
        "answers": about.get(ANSWERS_KEPT) is not False,
        "lines": run.lines,
        "functions": len(run.functions),
        "functions_sha256": _hash(sorted(run.functions)),
        "questions": dict(run.questions),
        "facts": dict(run.facts),
        "reference": str(frame.reference),
        "items": stands.items,
        "answered": stands.answered,
        "errors": stands.errors + stands.silent,
        "calibration": calibrated(about, rows, frame).caution,
        "first_answers": _first_answers(rows),
        "grids": [_grid(rows, frame, view, shown[view]) for view in frame.views],
    }


def build_of(about: Mapping[str, Any]) -> str:
    """The build of the server as a person calls it; nothing of one that does not say it, as an endpoint."""
    told = (str(about.get(key) or "") for key in ("server_build", "server_version"))
    return next((build for build in told if build and not _NO_BUILD.fullmatch(build)), "")


def _grid(rows: Rows, frame: Frame, view: View, shown: GridPart) -> dict[str, Any]:
    grid = make_grid(rows, frame.pairs, view)
    margins = cell_margins(rows, frame.pairs, frame.reference, view)
    means = [mean for cell in grid.answered if (mean := cell.mean_matched) is not None]
    low = low_pair(frame.pairs, frame.reference)
    figures = paired(rows, frame.pairs, frame.reference, view)
    return {
        "rotation": view.rotation,
        "title": frame.title(view),
        "word": shown.word,
        "sentences": list(shown.sentences),
        "mean": _rounded(statistics.fmean(means)) if means else None,
        "worst": _worst(grid, frame.reference, mean_differences(figures, frame.reference)),
        "low": None if low is None else str(low),
        "cells": {
            str(pair): {
                "matched": _rounded(cell.mean_matched),
                "scored": len(cell.matched),
                "passed": _rounded(cell.passed),
                "errors": cell.errors,
                "margin": _rounded(margins[pair].mean) if pair in margins and not margins[pair].own else None,
            }
            for pair, cell in grid.cells.items()
        },
    }


def _worst(grid: Grid, reference: KVPair, differences: Mapping[KVPair, float]) -> dict[str, Any] | None:
    """The lowest cell beside the reference, and its paired difference to it; None where none is lower."""
    if differences:
        pair, difference = min(differences.items(), key=lambda one: one[1])
        if difference > -_ROUNDS_TO_ZERO:
            return None
        return {
            "pair": str(pair),
            "matched": _rounded(grid.cells[pair].mean_matched),
            "difference": _rounded(difference),
        }
    others = [cell for cell in grid.answered if cell.pair != reference]
    means = [cell.mean_matched or 0.0 for cell in others]
    if not others or reference in {cell.pair for cell in grid.answered}:
        return None
    # Without the reference the others are held against the highest of them.
    if min(means) - max(means) > -_ROUNDS_TO_ZERO:
        return None
    lowest = min(others, key=lambda cell: cell.mean_matched or 0.0)
    return {"pair": str(lowest.pair), "matched": _rounded(lowest.mean_matched), "difference": None}


def _first_answers(rows: Rows) -> dict[str, list[str]]:
    """Cell -> a hash of the first answer to each question of it: what tells that a run has grown.

    Times and figures are hashed, and behind a colon the words, where they are kept: imported answers have no times.
    """
    found: dict[str, dict[Any, Mapping[str, Any]]] = {}
    for row in rows:
        if row["outcome"] != ERROR:
            found.setdefault(str(place_of(row)), {}).setdefault((row["function"], row.get("test")), row)
    return {cell: [_answer(row) for row in items.values()] for cell, items in sorted(found.items())}


def _answer(row: Mapping[str, Any]) -> str:
    of_all = _hash({key: row.get(key) for key in _OF_AN_ANSWER})
    return of_all if row.get("response") is None else f"{of_all}:{_hash(row['response'])}"


def _seconds(started: object) -> float | None:
    """Since 1970, of a time as run.json has it: `2026-11-25T21:19:40+0000`; without a zone it is taken as UTC."""
    try:
        moment = dt.datetime.fromisoformat(str(started))
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_SHORT_HASH]


def _rounded(value: float | None) -> float | None:
    """Nothing of what JSON has no number for."""
    return None if value is None or not math.isfinite(value) else round(value, _DIGITS) + 0.0
