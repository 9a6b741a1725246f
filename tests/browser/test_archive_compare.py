"""Two runs of an archive side by side, and where they cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from stored_runs import run_folder

from pytest_codeneedle.cli import main
from pytest_codeneedle.report.archive.archive import Archive

from .archives import CELLS, compare, pick, with_margins

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from .conftest import Opened

    Axe = Callable[[Page], list[str]]
    Keep = Callable[[Page, str], Path]


def test_two_runs_side_by_side(opened: Opened, archive: Path, keep: Keep) -> None:
    """Both heatmaps on one scale, what became of each cell, what differs, and the command that tests it."""
    page = opened(archive)
    pick(page, "03").check()
    assert page.get_by_role("button", name="Compare").is_disabled()
    pick(page, "01").check()
    page.get_by_role("button", name="Compare").click()
    panel = page.locator(".cn-compared")
    assert ["A: 2026-03-01 09:00 UTC", "B: 2026-03-03 09:00 UTC"] == panel.locator(".cn-two h3").all_inner_texts()
    heats = panel.locator(".cn-heat")
    lines, margins = ["20.00", "19.83", "12.00", "13.00"], ["-", "0.00", "0.00", "0.00"]
    assert [lines, lines, ["0.00"] * 4, margins, margins] == [
        heat.locator("td").all_inner_texts() for heat in heats.all()
    ]
    assert ["build", "b990-0abc", "b1004-2abc"] == panel.locator(".cn-what tbody tr").first.locator(
        "th, td"
    ).all_inner_texts()
    assert "codeneedle compare runs/" in panel.locator("pre").inner_text()
    assert 0 == panel.locator(".cn-warn").count()
    keep(page, "archive-compare")

    compare(page, "06")
    assert "different texts" in panel.locator(".cn-warn").inner_text()
    assert 4 == heats.count()
    assert 0 == panel.locator("pre").count()
    page.go_back()
    assert 5 == heats.count()
    page.get_by_role("button", name="Clear").click()
    assert panel.is_hidden()


@pytest.mark.parametrize(
    ("facts", "cells", "why"),
    [
        (
            {"rotations": ["on", "off"]},
            CELLS,
            "A was asked with rotation as the environment has it, B with rotation on and rotation off.",
        ),
        ({}, {"q8_0/q8_0": [20] * 6}, "No cell is in both"),
        ({"prompt": "bare"}, CELLS, "The questions differ (prompt)"),
        ({}, {pair: lines[:1] for pair, lines in CELLS.items()}, None),
        ({"rotations": ["off"]}, CELLS, ""),
    ],
    ids=["rotations", "pairs", "questions", "functions", "one rotation each"],
)
def test_runs_that_cannot_be_compared(  # noqa: PLR0917 - three fixtures and what differs
    opened: Opened,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    facts: dict[str, Any],
    cells: dict[str, list[int]],
    why: str | None,
) -> None:
    """Where `codeneedle compare` refuses, no difference is drawn, no command is given, and the page says why."""
    old = with_margins(run_folder(tmp_path / "old", CELLS, started="2026-03-01T10:00:00+0100"), ["default"])
    new = run_folder(tmp_path / "new", cells, started="2026-03-02T10:00:00+0100", **facts)
    with_margins(new, facts.get("rotations", ["default"]))
    archive = tmp_path / "archive"
    Archive(archive).add([old, new])
    page = opened(archive / "index.html")
    compare(page, "01", "02")
    panel = page.locator(".cn-compared")
    command = " ".join(panel.locator("pre").all_inner_texts())

    main(["compare", str(old), str(new)])
    assert bool(command) == (not capsys.readouterr().err)
    if why is None:
        assert "did not ask for the same functions" in panel.locator(".cn-warn").inner_text()
    elif why:
        assert why in panel.locator(".cn-warn").inner_text()
    assert (not why and why is not None) == (panel.get_by_text("B - A").count() == 1)


def test_two_runs_are_chosen(opened: Opened, archive: Path) -> None:
    """A third takes the place of the first, which is said; ticks are no steps back, the comparison is one."""
    page = opened(archive)
    before = page.evaluate("history.length")
    said = page.get_by_role("status")
    for date in ("01", "02"):
        pick(page, date).check()
    assert "2026-03-01 09:00 model b990 and 2026-03-02 09:00 model b997" == said.last.inner_text()
    pick(page, "03").check()

    assert said.last.inner_text().endswith(". Two are compared: 2026-03-01 09:00 model b990 is no longer chosen")
    assert [False, True, True] == [pick(page, date).is_checked() for date in ("01", "02", "03")]
    assert before == page.evaluate("history.length")
    assert page.locator(".cn-compare").is_hidden()
    page.get_by_role("button", name="Compare").click()
    assert before + 1 == page.evaluate("history.length")
    pick(page, "02").uncheck()
    assert page.locator(".cn-compare").is_visible()
    page.go_back()
    assert page.locator(".cn-compare").is_hidden()
    assert [True, True] == [pick(page, date).is_checked() for date in ("02", "03")]
    page.get_by_role("button", name="Clear").click()
    assert page.locator(".cn-chosen").is_hidden()


def test_figures_are_those_of_a_terminal(opened: Opened, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever way a half is rounded: eighths, in the comparison, the history and the table of runs."""
    names = ("bf16", "q8_0", "q4_0")
    cells = {f"{ctk}/{ctv}": 2 * at for at, (ctk, ctv) in enumerate((k, v) for k in names for v in names)}
    runs = [
        run_folder(
            tmp_path / f"run{at}", {pair: [20] * 7 + [13 + eighths % 8] for pair, eighths in cells.items()}, started=day
        )
        for at, day in enumerate(("2026-03-01T10:00:00+0100", "2026-03-02T10:00:00+0100"))
    ]
    Archive(tmp_path / "archive").add(runs)
    assert 0 == main(["grid", str(runs[0])])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    at = next(number for number, words in enumerate(lines) if words[:1] == ["ctk\\ctv"])
    printed = [figure for words in lines[at + 1 : at + 4] for figure in words[1:]]
    page = opened(tmp_path / "archive" / "index.html")
    compare(page, "01", "02")

    assert {"19.12", "19.38", "19.62", "19.88"} == set(printed)
    assert printed == page.locator(".cn-compared .cn-heat").first.locator("td").all_inner_texts()
    for pair in list(cells)[1:5]:
        box = page.locator(f".cn-boxes input[value='{pair}']")
        page.locator(".cn-pairs").evaluate("details => { details.open = true; }")
        if not box.is_checked():
            box.check()
    page.locator(".cn-behind").evaluate("details => { details.open = true; }")
    heads = page.locator(".cn-behind thead th").all_inner_texts()[3:]
    drawn = page.locator(".cn-behind tbody tr").first.locator("td").all_inner_texts()[2:]
    known = dict(zip(cells, printed, strict=True))
    assert [known[head.removesuffix(" lines")] for head in heads] == drawn
    assert 4 < len(drawn)
