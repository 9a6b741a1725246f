"""The index of an archive, as a person uses it: from the table to a run and back, histories, every reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from stored_runs import run_folder

from pytest_codeneedle.report.archive.archive import Archive

from .archives import compare, dates, pick

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from .conftest import Opened

    Axe = Callable[[Page], list[str]]
    Keep = Callable[[Page, str], Path]


def test_runs_are_sorted_and_found(opened: Opened, archive: Path) -> None:
    """Newest first; figures as figures, builds by their number; by a word, a model, a corpus, a build."""
    page = opened(archive)
    assert ["08", "07", "06", "05", "04", "03", "02", "01"] == dates(page)
    page.locator(".cn-list thead button", has_text="build").click()
    assert ["01", "02", "03", "04", "05", "06", "08"] == [date for date in dates(page) if date != "07"]
    page.locator(".cn-list thead button", has_text="matched").click()
    assert "04" == dates(page)[0]
    assert "ascending" == page.locator(".cn-list th", has_text="matched").get_attribute("aria-sort")
    page.get_by_role("combobox", name="Model", exact=True).select_option("model")
    assert "5 of 8 runs" == page.locator(".cn-count").inner_text()
    page.get_by_label("Search").fill("partial longer")
    assert [] == dates(page)
    page.get_by_label("Search").fill("longer")
    assert ["06"] == dates(page)


def test_to_a_run_and_back(opened: Opened, archive: Path) -> None:
    """The address says what is looked at: the browser's back button leads through it, and so does a link sent on."""
    page = opened(archive)
    page.get_by_role("combobox", name="Model", exact=True).select_option("model")
    page.get_by_role("combobox", name="Corpus", exact=True).select_option("tiny")
    page.get_by_role("link", name="2026-03-02 09:00").first.click()
    page.wait_for_url("**/runs/*/index.html")
    assert "KV-cache recall: tiny, model, 2026-03-02T10:00:00+0100" == page.locator("h1").inner_text()
    page.go_back()
    assert ["05", "03", "02", "01"] == dates(page)
    page.go_back()
    assert 5 == len(dates(page))
    page.go_back()
    assert 8 == len(dates(page))
    page.go_forward()
    sent = opened(page.url)
    assert 5 == len(dates(sent))
    page.locator(".cn-list tbody a").first.click()
    page.get_by_role("link", name="all runs").click()
    assert 8 == len(dates(page))


def test_an_address_that_says_nothing_of_this_archive(opened: Opened, archive: Path) -> None:
    """Names that no run has, and names that every object has, are as if they were not said."""
    every = ["08", "07", "06", "05", "04", "03", "02", "01"]
    for said in ("sort=__proto__", "sort=-constructor", "model=nope", "build=toString&corpus=valueOf"):
        assert every == dates(opened(f"{archive.resolve().as_uri()}#{said}"))
    page = opened(
        f"{archive.resolve().as_uri()}#history=__proto__&pairs=__proto__,constructor&compare=__proto__.toString&q=%"
    )

    assert "all" == page.get_by_role("combobox", name="Model", exact=True).locator("option:checked").inner_text()
    assert page.locator(".cn-compare").is_hidden()
    assert "Pairs: bf16/bf16, q4_0/q4_0, q4_0/bf16" == page.locator(".cn-pairs summary").inner_text()


def test_a_history(opened: Opened, archive: Path, keep: Keep) -> None:
    """The reference, the low pair and the worst cell over builds; others as chosen; a point leads to its run."""
    page = opened(archive)
    charts = page.locator(".cn-charts")
    assert "model: tiny (4 runs)" == page.locator(".cn-track option:checked").inner_text()
    assert ["b990", "b997", "b1004", "b1018"] == [
        text for text in charts.locator("figure").first.locator("text").all_text_contents() if text.startswith("b")
    ]
    assert 12 == charts.locator("figure").first.locator("a").count()
    assert 2 == charts.locator("figure").count()
    assert "b1018-4abc" in charts.locator("a title").nth(3).text_content()  # type: ignore[operator]
    assert 1 == charts.locator("figure").first.locator(".cn-open").count()
    page.locator(".cn-pairs summary").click()
    page.get_by_role("checkbox", name="bf16/q4_0", exact=True).check()
    assert 16 == charts.locator("figure").first.locator("a").count()
    page.get_by_text("The figures as a table").click()
    assert "13.00 (4 of 6)" in page.locator(".cn-behind tbody tr").last.inner_text()
    keep(page, "archive-history")
    page.locator(".cn-track").select_option(label="both: tiny, rotation off (1 run)")
    assert 1 == page.locator(".cn-behind tbody tr").count()
    charts.locator("a").first.dispatch_event("click")
    page.wait_for_url("**/runs/*/index.html")


def test_a_history_says_what_is_drawn(opened: Opened, tmp_path: Path) -> None:
    """Notes on marks and lines where there are some, the lowest where there is one, builds that nobody told."""
    few = {"bf16/bf16": [20] * 6, "q4_0/q4_0": [18] * 6}
    wide = {**few, "q8_0/bf16": [None] * 6, "bf16/q8_0": [18] * 6}
    runs = [
        run_folder(tmp_path / "same", {pair: [20] * 6 for pair in few}, model_name="same"),
        *(
            run_folder(tmp_path / f"run{at}", cells, server_build=build, started=f"2026-03-0{at + 1}T10:00:00+0100")
            for at, (build, cells) in enumerate(
                [("b1", wide), ("b2", few), ("", {**wide, "q8_0/q8_0": [17] * 5 + [None]})]
            )
        ),
    ]
    Archive(tmp_path / "archive").add(runs)
    address = (tmp_path / "archive" / "index.html").resolve().as_uri()
    page = opened(f"{address}#pairs=bf16/bf16,q4_0/q4_0,q8_0/bf16")
    note = page.locator(".cn-history > .cn-note")

    assert "Runs stand in the order of their builds." == note.inner_text()
    assert ["bf16/bf16 (reference)", "q4_0/q4_0", "q8_0/bf16"] == page.locator(".cn-legend > span").all_inner_texts()
    page.locator(".cn-behind summary").click()
    assert ["err", "err", "-"] == sorted(page.locator(".cn-behind td:nth-child(6)").all_inner_texts(), reverse=True)
    page.locator(".cn-pairs summary").click()
    page.locator(".cn-boxes input[value='bf16/q8_0']").check()
    assert "Dotted lines" in note.inner_text()
    page.locator(".cn-boxes input[value='q8_0/q8_0']").check()
    assert "Open marks" in note.inner_text()
    assert "q8_0/q8_0 (lowest of the newest run)" == page.locator(".cn-legend > span").last.inner_text()
    page.get_by_role("combobox", name="Build", exact=True).select_option("not told")
    assert ["03"] == dates(page)
    page.locator(".cn-track").select_option(label="same: tiny (1 run)")
    assert ["bf16/bf16 (reference)", "q4_0/q4_0"] == page.locator(".cn-legend > span").all_inner_texts()


def test_by_keyboard_alone(opened: Opened, archive: Path) -> None:
    """Headers sort, boxes choose, the comparison takes the focus, which is seen."""
    page = opened(archive)
    page.keyboard.press("Tab")
    assert "Skip to the content" == page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    page.locator(".cn-list thead button", has_text="build").focus()
    page.keyboard.press("Enter")
    assert "01" == dates(page)[0]
    assert "build" == page.evaluate("document.activeElement.textContent")
    for date in ("01", "02"):
        pick(page, date).focus()
        page.keyboard.press("Space")
    page.get_by_role("button", name="Compare").focus()
    page.keyboard.press("Enter")
    assert "Compare two runs" == page.evaluate("document.activeElement.textContent")
    page.get_by_role("button", name="Clear").focus()
    assert "solid" == page.evaluate("getComputedStyle(document.activeElement).outlineStyle")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_it_is_fit_for_everybody(  # noqa: PLR0917 - four fixtures and two knobs
    opened: Opened, archive: Path, axe: Axe, keep: Keep, dark: bool, width: int
) -> None:
    """No rule of accessibility is broken, and a narrow screen scrolls within boxes alone."""
    page = opened(archive, dark=dark, width=width)
    compare(page, "01", "05")
    page.get_by_text("The figures as a table").click()
    page.locator(".cn-pairs summary").click()

    assert [] == axe(page)
    assert width == page.evaluate("document.documentElement.scrollWidth")
    keep(page, f"archive-{'dark' if dark else 'light'}-{width}")


def test_a_narrow_screen_shows_the_figures(opened: Opened, archive: Path) -> None:
    """Date, verdict, matched lines and worst cell of a run stand on the screen as it is, above all else of it."""
    page = opened(archive, width=360)
    row = page.locator(".cn-list tbody tr").first
    names = (
        "th",
        ".cn-words",
        "td.cn-figure",
        ".cn-worst",
        ".cn-at-model",
        ".cn-at-corpus",
        ".cn-at-build",
        ".cn-pick",
    )
    boxes = {name: box for name in names if (box := row.locator(name).bounding_box())}
    first = max(boxes[name]["y"] + boxes[name]["height"] for name in names[:4])

    assert list(names) == list(boxes)
    assert all(0 <= box["x"] and box["x"] + box["width"] <= 360 for box in boxes.values())
    assert all(first <= boxes[name]["y"] for name in names[4:7])
    assert page.locator(".cn-list").evaluate("table => table.scrollWidth <= table.parentElement.clientWidth")
    assert 9 == page.get_by_role("row").count()
    assert 9 == page.get_by_role("columnheader").count()


def test_words_of_others_stay_words(opened: Opened, archive: Path) -> None:
    """Names with tags, codes and bidirectional marks are read in table, choices, comparison, run."""
    page = opened(archive)
    row = page.locator(".cn-list tbody tr").nth(1)
    assert "<script>alert(1)</script>" in row.inner_text()
    assert "\\u202egnirts\\u2066\\x1b[31m<b>" in row.inner_text()
    assert "\u202e" not in page.content()
    compare(page, "07", "08")
    assert "<img src=x onerror=alert(1)>" in page.locator(".cn-compared").inner_text()
    row.locator("a").click()
    page.wait_for_url("**/runs/*/index.html")
    assert "\\u202egnirts" in page.locator("h1").inner_text()


def test_without_a_script_the_runs_are_there(browser: Any, archive: Path) -> None:
    """The table and its links; what needs a script is not."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(archive.resolve().as_uri())

    assert 8 == page.locator(".cn-list tbody a").count()
    assert page.locator(".cn-history").is_hidden()
    assert page.locator(".cn-filter").is_hidden()
    page.locator(".cn-list tbody a").first.click()
    assert "KV-cache recall: tiny, both" in page.locator("h1").inner_text()
    context.close()
