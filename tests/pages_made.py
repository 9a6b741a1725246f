"""Sections made by hand for tests of pages: 36 cells, failures, errors, and the text of others at its worst."""

from __future__ import annotations

from typing import Any

from pytest_codeneedle.core.kv_types import DEFAULT_TYPES
from pytest_codeneedle.recall.scoring import DiffLine
from pytest_codeneedle.report.heat.colours import Scale
from pytest_codeneedle.report.heat.tables import Heat, HeatCell
from pytest_codeneedle.report.page.model import CellLine, GridPart, Mark, PageItem, Section, ShownDiff, SidePicture

LINES = 20
PAIRS = [(ctk, ctv) for ctk in DEFAULT_TYPES for ctv in DEFAULT_TYPES]
#: What a model, a code base or a server may write.
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "<!--<script>",
    "\x1b[31mred\x1b[0m \x00 \u202egnirts\u2066 \u2028",
    "{{ 7 * 7 }} & \" ' `${alert(1)}`",
    "x" * 400,
)


def source(function: int) -> list[str]:
    """The lines that a function is asked for."""
    return [f'    name_{function}_{at} = "value {function * at % 97}";' for at in range(LINES)]


def diff(function: int, matched: int, *, hostile: bool = False) -> ShownDiff:
    """The first lines matched, the others lost, others written in the place of every second."""
    lines = [DiffLine("matched", text) for text in source(function)[:matched]]
    for at, text in enumerate(source(function)[matched:]):
        lines.append(DiffLine("missing", text))
        if at % 2 == 0:
            wrong = HOSTILE[at // 2 % len(HOSTILE)] if hostile else text.replace("value", "other")
            lines.append(DiffLine("hallucinated", wrong))
    return ShownDiff((*lines, DiffLine("bonus", "    return name;")), "3 lines hallucinated are not shown")


def item(number: int, pair: tuple[str, str], outcome: str = "passed", **more: Any) -> PageItem:
    """One question."""
    ctk, ctv = pair
    matched = {"passed": LINES, "failed": 5, "error": None}[outcome]
    facts: dict[str, Any] = {
        "outcome": outcome,
        "ctk": ctk,
        "ctv": ctv,
        "place": f"{ctk}/{ctv}",
        "function": f"parse_{number}",
        "depth": number / 16,
        "matched": matched,
        "hallucinated": None if matched is None else (LINES - matched) // 2,
        "run_on": None if matched is None else False,
        "label": "wrong-lines" if outcome == "failed" else "",
        "seconds": 1.25 + number / 10,
        "error": f"ServerStartError: {HOSTILE[0]}\nlog: {HOSTILE[3]}" if outcome == "error" else "",
        "diff": diff(number, 5) if outcome == "failed" else None,
    }
    return PageItem(**{**facts, **more})


def items(functions: int = 16) -> tuple[PageItem, ...]:
    """Every pair: K of four bits fails every third function, one cell has errors."""
    made = []
    for pair in PAIRS:
        for function in range(functions):
            lost = pair[0] == "q4_0" and function % 3 == 0
            outcome = "error" if pair == ("q5_0", "q4_1") and function < 2 else "failed" if lost else "passed"
            made.append(item(function, pair, outcome))
    return tuple(made)


def heat(key: str, title: str, unit: str, scale: Scale, columns: tuple[str, ...] = DEFAULT_TYPES) -> Heat:
    """A table of 36 fields, the first an error, the last not asked for."""
    rows = []
    for row, label in enumerate(DEFAULT_TYPES):
        values = [scale.high - (scale.high - scale.low) * (row + at / 10) / 6 for at in range(len(columns))]
        cells = [HeatCell(f"{value:.2f}", value, f"{label}: {value:.2f} {unit}") for value in values]
        rows.append((label, tuple(cells)))
    rows[0] = (rows[0][0], (HeatCell("err", None, "no answer"), *rows[0][1][1:-1], HeatCell("-", None, "not asked")))
    return Heat(key, title, unit, "ctk\\ctv", columns, tuple(rows), scale, "From 18 to 20: noise is not dramatised.")


def side(name: str) -> SidePicture:
    """A side with an open end."""
    marks = [Mark("bf16", 19.96, None, None, None)]
    for at, one in enumerate(DEFAULT_TYPES[1:]):
        marks.append(Mark(one, 19.9 - at / 3, -at / 3, None if one == "q4_0" else -at / 3 - 0.4, -at / 3 + 0.2))
    return SidePicture(name, f"Recall falls with the bits of {name}, p = 0.003; +0.04 lines per bit.", tuple(marks))


def part(**more: Any) -> GridPart:
    """What is said and drawn of one grid."""
    facts: dict[str, Any] = {
        "title": "",
        "word": "NOT WORSE",
        "sentences": (
            "Does q4_0 cost recall here? No: q4_0/q4_0 is NOT WORSE than bf16/bf16 by 1 line or more.",
            "Take q4_0/q4_0: the smallest pair that is NOT WORSE; 1.4 MiB less than f16 at 2048 tokens.",
        ),
        "heats": (
            heat("matched", "Matched lines", "mean of 20", Scale(18, 20)),
            heat("passes", "Functions passed", "of 16", Scale(0, 16)),
            heat("margins", "Margins", "nats", Scale(4, 8)),
            heat("depth", "Lines by depth", "of 20", Scale(18, 20), tuple(f"parse_{at}" for at in range(16))),
        ),
        "sides": (side("K"), side("V")),
        "cells": tuple(
            CellLine("/".join(pair), "NOT WORSE" if at % 9 else "WORSE", "-0.06", "-0.40 to +0.20", "1.000")
            for at, pair in enumerate(PAIRS[1:])
        ),
    }
    return GridPart(**{**facts, **more})


def section(**more: Any) -> Section:
    """A corpus of 36 cells and 16 functions."""
    facts: dict[str, Any] = {
        "corpus": "random-bodies-mini",
        "model": "control-fragile-k",
        "lines": LINES,
        "parts": (part(),),
        "calibration": "bf16/bf16 recalled 100 % of its lines.",
        "gate": "",
        "cautions": (),
        "facts": (
            ("corpus", "random-bodies-mini, sha256 0123456789ab"),
            ("build", "b4242"),
            ("context", "2048 tokens"),
        ),
        "items": items(),
    }
    return Section(**{**facts, **more})


def hostile_section() -> Section:
    """The same with markup, terminal codes and overrides wherever there is text."""
    ugly = " ".join(HOSTILE)
    asked = [
        item(at, PAIRS[-1], "failed", function=f"f{at} {one}", label=one, diff=diff(at, 3, hostile=True))
        for at, one in enumerate(HOSTILE)
    ]
    return section(
        corpus=f"c {HOSTILE[0]}",
        model=HOSTILE[1],
        parts=(part(word=HOSTILE[0], title=HOSTILE[1], sentences=(ugly,)),),
        calibration=ugly,
        gate=ugly,
        cautions=(ugly,),
        facts=((HOSTILE[4], ugly),),
        items=(*asked, item(9, PAIRS[0], "error")),
    )
