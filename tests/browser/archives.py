"""An archive to look at, and what a person does on its index."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pages_made
from stored_runs import run_folder

from pytest_codeneedle.report.archive.archive import Archive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from playwright.sync_api import Locator, Page

CELLS = {"bf16/bf16": [20] * 6, "bf16/q4_0": [20] * 5 + [19], "q4_0/bf16": [12] * 6, "q4_0/q4_0": [13] * 6}
HOSTILE = "".join(pages_made.HOSTILE)[:300]


def with_margins(run: Path, rotations: Sequence[str]) -> Path:
    """A run as servers with log-probabilities leave it, asked with each of these rotations."""
    lines = (run / "results.jsonl").read_text(encoding="utf-8").splitlines()
    more = [{"margins": "8:6 8:5", "margin_mean": 5.5, "rotation": rotation} for rotation in rotations]
    rows = [{**json.loads(line), **facts} for facts in more for line in lines]
    (run / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return run


def write_archive(path: Path) -> Path:
    """Runs of two models over builds whose text order is not their own; parts, a floored one, others' words."""

    def made(at: int, **more: Any) -> Path:
        facts = {"server_build": f"b{990 + 7 * at}-{at}abc", "started": f"2026-03-{at + 1:02}T10:00:00+0100", **more}
        cells = facts.pop("cells_of", CELLS)
        return with_margins(run_folder(path / f"run{at}", cells, **facts), facts.get("rotations", ["default"]))

    runs = [
        *(made(0), made(1), made(2)),
        made(3, model_name="other", cells_of={"bf16/bf16": [9] * 6, "q4_0/q4_0": [8] * 6}),
        made(4, cells_of={**CELLS, "q4_0/q4_0": [13] * 4 + [None] * 2}),
        made(5, corpus_sha256="e" * 64, corpus="longer"),
        made(6, model_name=HOSTILE, corpus="\u202egnirts\u2066\x1b[31m<b>", server_build=HOSTILE),
        made(7, rotations=["on", "off"], model_name="both", pairs=list(CELLS)),
    ]
    Archive(path / "archive").add(runs)
    return path / "archive" / "index.html"


def compare(page: Page, *days: str) -> None:
    """Tick the runs of these days, and have them compared."""
    for date in days:
        pick(page, date).check()
    page.get_by_role("button", name="Compare").click()


def column(page: Page, number: int) -> list[str]:
    """The texts of one column of the runs, from 1; the first has the boxes."""
    return page.locator(f".cn-list tbody tr > :nth-child({number})").all_inner_texts()


def dates(page: Page) -> list[str]:
    """Days of March of the runs that are shown."""
    return [text[8:10] for text in column(page, 2)]


def pick(page: Page, date: str) -> Locator:
    """The box of the run of that day."""
    return page.get_by_role("checkbox", name=f"compare 2026-03-{date}")
