"""Summaries of kept runs -> what the index of an archive shows: runs newest first, builds in order, who continues whom.

All plain, for JSON. Figures are held together only where the same questions were asked: see `tracks`.

As a page it is a table of runs that needs no script; a history and a comparison by script.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.kv_types import by_precision, parse_pair
from pytest_codeneedle.core.text import counted, printable
from pytest_codeneedle.report.heat.colours import Scale, ink
from pytest_codeneedle.report.page.render import page
from pytest_codeneedle.report.page.sections import FLOORED
from pytest_codeneedle.stats.verdict import NOT_WORSE, WORSE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Summary = Mapping[str, Any]

#: A build of llama.cpp, by whichever name: `b5873-abc`, `5873 (abc)`, `version: 5873 (abc)`.
_LLAMA_CPP = re.compile(r"\s*(?:version:\s*|b)?([0-9]{1,15})(?:-[0-9A-Za-z]+|\s*\(.*\))?\s*", re.DOTALL)
#: The first number of a build with what stands before it; no number is as long as to be none.
_BUILD = re.compile(r"(?P<name>[^0-9]*)(?P<number>[0-9]{1,15}(?:\.[0-9]{1,15})*)(?![0-9])")
_SHORT_BUILD = re.compile(r"[A-Za-z]?[0-9]+(?:\.[0-9]+)*")
_SHORT, _SHORT_HASH = 14, 8
#: Names of others are shown up to here; the page of the run has all of it.
_LONGEST = 80
#: Steps of the scale that heatmaps are drawn with.
_STEPS = 100
_QUESTIONS = ("lines", "prompt", "prompt_sha256", "indentation")
_TITLE = "KV-cache recall: all runs"
#: In this order: each uses what those before it put into `window.codeneedle`, and the last starts them.
_SCRIPTS = ("archive_state.js", "archive_list.js", "archive_compare.js", "archive_history.js", "archive.js")


def index_data(summaries: Sequence[Summary]) -> dict[str, Any]:
    """What the page is drawn of. `runs` are newest first; the other parts name them by their place in it."""
    by = superseded(summaries)
    runs = sorted(summaries, key=lambda one: (-(one["seconds"] or 0.0), one["id"]))
    pairs = _pairs(runs)
    places = {pair[2]: at for at, pair in enumerate(pairs)}
    facts = list(dict.fromkeys(_plain(_identity(one)) for one in runs))
    told: dict[str, Any] = _printable(
        {
            "runs": [
                {**_run(one, by, places), "facts": facts.index(_plain(_identity(one))), "order": order}
                for one, order in zip(runs, _orders(runs), strict=True)
            ],
            "tracks": tracks([one for one in runs if one["id"] not in by], runs),
            "pairs": pairs,
            "types": list(by_precision(name for pair in pairs for name in pair[:2])),
            "facts": [json.loads(one) for one in facts],
            "scale": [_step(at) for at in range(_STEPS + 1)],
        }
    )
    return told


def superseded(summaries: Iterable[Summary]) -> dict[str, str]:
    """ID -> that of the run which has all its answers and more: it was gone on with, or joined with others.

    Two that have the same answers are one run, kept in two ways: that with answers to show counts.
    """
    summaries = list(summaries)
    having: dict[Any, set[str]] = {}
    for one in summaries:
        for mark in (_of(one), _start(one), *_cells(one)):
            having.setdefault(mark, set()).add(one["id"])
    by_id = {one["id"]: one for one in summaries}
    found = {}
    for old in summaries:
        needed = (_of(old), *(_cells(old) or [_start(old)]))
        others = set.intersection(*(having[mark] for mark in needed)) - {old["id"]}
        newer = [by_id[one] for one in others if _goes_on(old, by_id[one])]
        if newer:
            found[old["id"]] = str(max(newer, key=_rank)["id"])
    return found


def _of(one: Summary) -> tuple[Any, ...]:
    return "of", one["corpus_sha256"], one["model"]


def _start(one: Summary) -> tuple[Any, ...]:
    return "start", one["started"]


def _cells(one: Summary) -> list[tuple[Any, ...]]:
    return [("cell", cell, next(iter(_said(answers)))) for cell, answers in one["first_answers"].items()]


def _said(answers: Iterable[object]) -> dict[str, str]:
    """The hash of each answer -> that of its words, nothing where they are not kept."""
    return {times: words for times, _, words in (str(answer).partition(":") for answer in answers)}


def _goes_on(old: Summary, new: Summary) -> bool:
    """Whether `new` has every answer of `old`; two that were kept in two ways differ in their words' being there."""
    if _rank(new) <= _rank(old):
        return False
    for cell, answers in old["first_answers"].items():
        there = _said(new["first_answers"][cell])
        for answer, words in _said(answers).items():
            if answer not in there or (words and there[answer] and words != there[answer]):
                return False
    return True


def _rank(one: Summary) -> tuple[Any, ...]:
    return one["answered"], one["errors"], one["ended"], one["answers"], one["id"]


def build_order(build: str) -> tuple[str, tuple[int, ...]]:
    """(name, numbers) of a build: builds of one name are in the order of their numbers; of an unknown one nothing."""
    of_llama_cpp = _LLAMA_CPP.fullmatch(build)
    if of_llama_cpp is not None:
        number = int(of_llama_cpp[1])
        return ("b", (number,)) if number else ("", ())  # a build without git calls itself 0
    found = _BUILD.match(build)
    return (build, ()) if found is None else (found["name"], tuple(map(int, found["number"].split("."))))


def _orders(runs: Sequence[Summary]) -> list[int]:
    """Each run's place among all: builds by their number within their name, names by their first run, then by date."""
    began: dict[str, float] = {}
    for one in runs:
        name, seconds = build_order(one["build"])[0], one["seconds"] or 0.0
        began[name] = min(seconds, began.get(name, seconds))

    def order(one: Summary) -> tuple[Any, ...]:
        name, numbers = build_order(one["build"])
        return began[name], name, numbers, one["seconds"] or 0.0, one["id"]

    places = {one["id"]: at for at, one in enumerate(sorted(runs, key=order))}
    return [places[one["id"]] for one in runs]


def tracks(kept: Sequence[Summary], runs: Sequence[Summary]) -> list[dict[str, Any]]:
    """The histories that can be drawn: runs of one model and text with the same questions, one rotation each.

    `runs` of a track are places in `runs`, by build; `grid` is which of their grids. The most runs come first.
    """
    orders = _orders(runs)
    places = {one["id"]: at for at, one in enumerate(runs)}
    found: dict[str, list[tuple[Summary, int]]] = {}
    for one in kept:
        for at, grid in enumerate(one["grids"]):
            if grid["mean"] is not None:
                found.setdefault(_plain([_asked(one), grid["rotation"]]), []).append((one, at))
    made = []
    for members in found.values():
        members.sort(key=lambda member: orders[places[member[0]["id"]]])
        newest, grid = max(members, key=lambda member: (member[0]["seconds"] or 0.0, member[0]["id"]))
        shown, worst = newest["grids"][grid], newest["grids"][grid]["worst"]
        shown_pairs = [newest["reference"], shown["low"], worst and worst["pair"]]
        made.append(
            {
                "model": _name(newest["model"]),
                "corpus": _name(newest["corpus"]),
                "title": shown["title"],
                "asked": _asked(newest),
                "lines": newest["lines"],
                "runs": [[places[one["id"]], at] for one, at in members],
                "pairs": [pair for pair in dict.fromkeys(filter(None, shown_pairs)) if pair in shown["cells"]],
            }
        )
    made.sort(key=lambda one: (-len(one["runs"]), min(one["runs"])))
    return _labelled(made)


def _asked(one: Summary) -> dict[str, Any]:
    """What has to be the same for means over functions to be held together."""
    parts = {key: one[key] for key in ("model", "model_sha256", "corpus", "corpus_sha256")}
    questions = {key: one["questions"].get(key) for key in _QUESTIONS}
    return {**parts, **questions, "functions": one["functions"], "sample": one["functions_sha256"]}


def _labelled(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each with a label beside its model: the corpus, and what tells it from others of the same names."""
    for one in made:
        same = [other["asked"] for other in made if (other["model"], other["corpus"]) == (one["model"], one["corpus"])]
        differing = [key for key in one["asked"] if len({_plain(other[key]) for other in same}) > 1]
        if "functions" in differing and "sample" in differing:
            differing.remove("sample")
        told = [_detail(key, one["asked"][key]) for key in differing]
        one["label"] = ", ".join([one["corpus"], *told, *([one["title"]] if one["title"] else [])])
    return [{key: value for key, value in one.items() if key != "asked"} for one in made]


def _detail(key: str, value: object) -> str:
    if key in {"lines", "functions"}:
        return f"{value} {key}"
    if key.endswith("sha256") or key == "sample":
        return f"{key.removesuffix('_sha256')} {str(value or 'unknown')[:_SHORT_HASH]}"
    return f"{key} {value}"


def _pairs(runs: Iterable[Summary]) -> list[list[str]]:
    """Every pair of every run as [ctk, ctv, as printed], in the order of a grid."""
    names = dict.fromkeys(pair for one in runs for grid in one["grids"] for pair in grid["cells"])
    found = [(parse_pair(name), name) for name in names]
    order = {
        name: at for at, name in enumerate(by_precision(name for pair, _ in found for name in (pair.ctk, pair.ctv)))
    }
    found.sort(key=lambda one: (order[one[0].ctk], order[one[0].ctv]))
    return [[pair.ctk, pair.ctv, name] for pair, name in found]


def _run(one: Summary, by: Mapping[str, str], places: Mapping[str, int]) -> dict[str, Any]:
    keys = ("id", "lines", "functions", "reference", "private", "answers")
    return {
        **{key: one[key] for key in keys},
        **{key: _name(one[key]) for key in ("model", "corpus", "build")},
        "started": _moment(one["seconds"]) or one["started"] or "unknown",
        "seconds": one["seconds"] or 0,
        "short": short_build(one["build"]),
        "superseded": by.get(one["id"]),
        "asked": [one["answered"], one["items"]],
        "errors": one["errors"],
        "calibration": one["calibration"],
        "grids": [
            {
                **{key: grid[key] for key in ("rotation", "title", "word", "mean", "worst")},
                "partly": any(cell["errors"] or cell["scored"] < one["functions"] for cell in grid["cells"].values()),
                "said": grid["sentences"][:1],
                "cells": [
                    [places[pair], *(cell[key] for key in ("matched", "scored", "passed", "errors", "margin"))]
                    for pair, cell in grid["cells"].items()
                ],
            }
            for grid in one["grids"]
        ],
    }


def short_build(build: str) -> str:
    """As an axis has room for it: `b6123` of `b6123-ab12cd3`, the number of `xllamacpp 2026.10.11549`."""
    name, numbers = build_order(build)
    if name == "b" and numbers:
        return f"b{numbers[0]}"[:_SHORT]
    found = _SHORT_BUILD.search(build)
    return (found.group() if found else build)[:_SHORT]


def _identity(one: Summary) -> dict[str, Any]:
    """What two runs may differ in, by the names that a person reads; what makes them incomparable stands first."""
    sample = f"{one['functions']}, sample {one['functions_sha256'][:_SHORT_HASH]}"
    return {
        "corpus": one["corpus"],
        "corpus_sha256": one["corpus_sha256"],
        **one["questions"],
        "functions": sample,
        "model": one["model"],
        "model_sha256": one["model_sha256"],
        "build": one["build"],
        **{key: value for key, value in one["facts"].items() if key not in ("build", "model", "model_sha256")},
    }


def _name(text: str) -> str:
    """Fit to be seen, and not so long that it pushes all else aside."""
    shown = printable(text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 3]}..."


def _moment(seconds: float | None) -> str:
    """`2026-11-25 21:19`, in UTC, so that dates of all machines are in one order."""
    return "" if seconds is None else f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%d %H:%M}"


def _step(at: int) -> list[str]:
    colour = Scale(0, _STEPS).colour(at)
    return [colour, ink(colour)]


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _printable(value: Any) -> Any:  # noqa: ANN401 - a value as JSON has it
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(key): _printable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(one) for one in value]
    return value


def archive_page(summaries: Sequence[Mapping[str, Any]]) -> str:
    """The whole page of these summaries; the same for the same runs, in whatever order they come."""
    data = index_data(summaries)
    runs = data["runs"]
    models = {run["model"] for run in runs} - {""}  # "" is not told
    builds = {build_order(run["build"]) for run in runs} - {build_order("")}
    many = [counted(len(models), "model"), counted(len(builds), "build")]
    corpora = len({run["corpus"] for run in runs})
    for run in runs:
        run["notes"] = _notes(run)
    return page(
        "archive.html",
        title=_TITLE,
        styles=("archive.css",),
        scripts=_SCRIPTS,
        data=data,
        tone=_tone,
        figure=_figure,
        counts=", ".join([counted(len(runs), "run"), *many, "1 corpus" if corpora == 1 else f"{corpora} corpora"]),
    )


def _notes(run: Mapping[str, Any]) -> list[str]:
    """What a person should know of a run beside its figures."""
    answered, items = run["asked"]
    errors = run["errors"]
    return [
        *(["superseded: it went on"] if run["superseded"] else []),
        *([f"partial: {answered} of {items} answers"] if answered + errors < items else []),
        *([counted(errors, "error")] if errors else []),
        *([run["calibration"]] if run["calibration"] else []),
        *(["private corpus"] if run["private"] else []),
    ]


def _tone(word: str) -> str:
    """The classes of a verdict's word."""
    tones = {str(WORSE): "cn-verdict cn-bad", str(NOT_WORSE): "cn-verdict cn-good", FLOORED: "cn-verdict cn-odd"}
    return tones.get(word, "cn-verdict" if word else "cn-soft")


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
