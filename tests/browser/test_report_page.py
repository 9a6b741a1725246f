"""The page of a run, `codeneedle report`, as a person uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pages_made
import pytest

from pytest_codeneedle.recall.scoring import DiffLine
from pytest_codeneedle.report.page.model import ShownDiff
from pytest_codeneedle.report.page.render import run_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from .conftest import Opened

    Axe = Callable[[Page], list[str]]
    Keep = Callable[[Page, str], Path]
    FontSizes = Callable[[Page, int], list[float]]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """36 cells, 16 functions, failures and errors."""
    return written(tmp_path, run_page([pages_made.section()], title="KV-cache recall"))


def written(folder: Path, html: str) -> Path:
    path = folder / "index.html"
    path.write_text(html, encoding="utf-8")
    return path


def column(page: Page, number: int) -> list[str]:
    """The texts of one column of the items, from 1."""
    return page.locator(f".cn-list tbody tr:not(.cn-open) > td:nth-child({number})").all_inner_texts()


def head(page: Page, name: str) -> Locator:
    return page.locator(".cn-list thead button", has_text=name)


def test_a_column_is_sorted(opened: Opened, report: Path) -> None:
    """Figures as figures, types by their precision, what has no figure last; headers say which way."""
    page = opened(report)
    assert ["error"] * 2 + ["failed"] * 36 + ["passed"] * 62 == column(page, 1)
    head(page, "matched").click()
    assert ["5"] * 36 == column(page, 6)[:36]
    assert "ascending" == page.locator(".cn-list th", has_text="matched").get_attribute("aria-sort")
    head(page, "matched").click()
    assert {"20"} == set(column(page, 6))
    assert "descending" == page.locator(".cn-list th", has_text="matched").get_attribute("aria-sort")
    assert 1 == page.locator(".cn-list th[aria-sort$=scending]").count()

    head(page, "ctv").click()
    assert ["bf16"] * 96 + ["q8_0"] * 4 == column(page, 3)
    head(page, "depth").click()
    assert {"0.0 %", "6.2 %", "12.5 %"} == set(column(page, 5))


def test_passes_have_a_column_where_there_are_several(opened: Opened, tmp_path: Path) -> None:
    """Beside the types, whose names they are no part of; it sorts, and names still open."""
    items = [
        pages_made.item(1, pages_made.PAIRS[0], "failed", place=f"bf16/bf16{suffix}", turn=turn)
        for suffix, turn in (("#2", "pass 2"), ("", "pass 1"))
    ]
    page = opened(written(tmp_path, run_page([pages_made.section(items=tuple(items))], title="passes")))
    assert (["bf16"] * 2, ["pass 2", "pass 1"]) == (column(page, 3), column(page, 4))
    head(page, "pass").click()
    assert ["pass 1", "pass 2"] == column(page, 4)
    page.locator(".cn-list tbody button").first.click()
    assert "11" == page.locator(".cn-open td").first.get_attribute("colspan")


def test_figures_stand_below_their_headers(
    opened: Opened, report: Path, text_end: Callable[[Page, str], float]
) -> None:
    """The name of a column ends where its figures end."""
    page = opened(report)
    head, figure = ".cn-list th:nth-child(6) > button", ".cn-list tbody td:nth-child(6)"

    assert text_end(page, head) == pytest.approx(text_end(page, figure), abs=1)


def test_items_are_found(opened: Opened, report: Path) -> None:
    """By a word, an outcome, a cell, or all of them; pages are turned."""
    page = opened(report)
    count = page.locator(".cn-count")
    assert "576 of 576 questions, 1 to 100 below" == count.inner_text()
    assert page.get_by_role("button", name="Previous").is_disabled()
    for _ in range(5):
        page.get_by_role("button", name="Next").click()
    assert "576 of 576 questions, 501 to 576 below" == count.inner_text()
    assert page.get_by_role("button", name="Next").is_disabled()

    page.get_by_label("outcome").select_option("failed")
    assert "36 of 576 questions" == count.inner_text()
    page.get_by_role("combobox", name="cell").select_option("q4_0/q8_0")
    assert ["parse_0", "parse_3", "parse_6", "parse_9", "parse_12", "parse_15"] == column(page, 4)
    page.get_by_role("searchbox").fill("PARSE_1")
    page.locator(".cn-count", has_text="2 of 576 questions").wait_for()
    page.get_by_label("outcome").select_option("")
    assert 7 == len(column(page, 4))
    page.get_by_role("searchbox").fill("nobody")
    page.locator(".cn-count", has_text="0 of 576 questions").wait_for()
    assert ["No question matches the filter."] == column(page, 1)


def test_a_diff_is_opened(opened: Opened, report: Path) -> None:
    """Every line with its tag, beside what stands in its place; it is closed again, and what it leaves out is said."""
    page = opened(report)
    page.get_by_label("outcome").select_option("failed")
    button = page.locator(".cn-list td > button").first
    button.click()
    rows = page.locator(".cn-lines tbody tr")

    assert "true" == button.get_attribute("aria-expanded")
    seen = [row.locator("td").all_inner_texts() for row in rows.all()]
    same = '    name_0_0 = "value 0";'
    assert ["matched", same, same, ""] == seen[0]
    assert ["missing", '    name_0_5 = "value 0";', '    name_0_5 = "other 0";', "hallucinated"] == seen[5]
    assert ["", "", "    return name;", "bonus"] == seen[-1]
    assert 20 == sum(tag in {"matched", "missing"} for tag, *_ in seen)
    assert ["value", "other"] == rows.nth(5).locator("mark").all_inner_texts()
    assert page.get_by_text("3 lines hallucinated are not shown").is_visible()
    button.click()
    assert 0 == rows.count()

    page.get_by_label("outcome").select_option("error")
    page.locator(".cn-list td > button").first.click()
    assert "ServerStartError: <script>alert(1)</script>" == page.locator(".cn-error").inner_text().splitlines()[0]


def test_a_diff_on_a_narrow_screen(opened: Opened, report: Path) -> None:
    """What was produced stands below what was expected, both in sight; a line that matched stands once."""
    page = opened(report, width=360)
    page.get_by_label("outcome").select_option("failed")
    page.locator(".cn-list td > button").first.click()
    same, differs = (page.locator(".cn-lines tbody tr").nth(at).locator("td") for at in (0, 5))

    assert [True, True, False, False] == [cell.is_visible() for cell in same.all()]
    tag, expected, produced, other = (cell.bounding_box() or {} for cell in differs.all())
    assert (tag["x"], tag["y"], expected["x"]) == (other["x"], expected["y"], produced["x"])
    assert expected["y"] + expected["height"] == pytest.approx(produced["y"], abs=1)
    assert produced["y"] == other["y"]
    assert produced["x"] + produced["width"] <= 360
    assert 22 == page.get_by_role("group").get_by_role("row").count()


def test_a_long_line_begins_behind_its_indentation(opened: Opened, tmp_path: Path) -> None:
    """Not on a line of its own below it, though there is nowhere else to break it."""
    lines = (DiffLine("missing", "    short"), DiffLine("hallucinated", "    " + "?" * 300))
    items = (pages_made.item(1, ("q4_0", "q4_0"), "failed", diff=ShownDiff(lines, "")),)
    page = opened(written(tmp_path, run_page([pages_made.section(items=items)], title="long")))
    page.locator(".cn-list td > button").click()
    tops = page.evaluate("""[...document.querySelectorAll(".cn-lines td + td:not(:last-child)")].map(cell => {
        const text = document.createRange();
        text.setStart(cell.firstChild, 4);
        text.setEnd(cell.firstChild, 5);
        return text.getBoundingClientRect().top;
    })""")

    assert tops[0] == tops[1]


def test_a_diff_is_drawn_for_others(opened: Opened, report: Path) -> None:
    """pytest-html's rows have theirs drawn into an element of their own, by the key of the item."""
    page = opened(report)
    drawn = """key => {
        const host = document.createElement("div");
        return [codeneedle.drawDiff(host, key), host.textContent];
    }"""

    known, text = page.evaluate(drawn, "random-bodies-mini|q4_0/bf16|parse_3")
    assert known
    assert "5 of 20 lines matched, 7 hallucinated, wrong-lines" in text
    assert [False, ""] == page.evaluate(drawn, "random-bodies-mini|q4_0/bf16|nobody")


def test_by_keyboard_alone(opened: Opened, report: Path) -> None:
    """The skip link comes first; a header sorts, a row opens; the focus stays where it was, and is seen."""
    page = opened(report)
    page.keyboard.press("Tab")
    assert "Skip to the content" == page.evaluate("document.activeElement.textContent")
    assert page.get_by_text("Skip to the content").bounding_box()["x"] >= 0  # type: ignore[index]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert "Matched lines" in (page.evaluate("document.activeElement.getAttribute('aria-label')") or "")

    head(page, "outcome").focus()
    page.keyboard.press("Enter")
    assert "outcome" == page.evaluate("document.activeElement.textContent")
    assert "passed" == column(page, 1)[0]
    page.keyboard.press("Enter")
    assert "error" == column(page, 1)[0]
    page.locator(".cn-list td > button").first.focus()
    page.keyboard.press("Space")
    assert page.locator(".cn-error").is_visible()
    assert "solid" == page.evaluate("getComputedStyle(document.activeElement).outlineStyle")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_for_every_reader(  # noqa: PLR0917 - as many as there are
    opened: Opened, report: Path, axe: Axe, keep: Keep, dark: bool, width: int
) -> None:
    """Nothing for axe to find, everything opened; the page never scrolls sideways, dark is dark."""
    page = opened(report, dark=dark, width=width)
    page.get_by_label("outcome").select_option("failed")
    page.locator(".cn-list td > button").first.click()
    keep(page, f"report-{'dark' if dark else 'light'}-{width}")
    for summary in page.locator("summary").all():
        summary.click()

    assert [] == axe(page)
    assert width == page.evaluate("document.documentElement.scrollWidth")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ("rgb(21, 23, 26)" if dark else "rgb(251, 250, 246)") == paper


def test_on_paper(opened: Opened, report: Path) -> None:
    """What is closed is printed, and nothing longer than a sheet asks to stand on one: that leaves it blank."""
    page = opened(report, width=720)
    page.emulate_media(media="print")
    tall = """[...document.querySelectorAll("body *")]
        .filter(one => one.offsetHeight > 900 && getComputedStyle(one).breakInside !== "auto")
        .map(one => one.outerHTML.slice(0, 80))"""

    assert 3 == page.locator("details:not([open])").count()
    assert all(table.is_visible() for table in page.locator("details table").all())
    assert [] == page.evaluate(tall)
    assert "avoid" == page.evaluate("getComputedStyle(document.querySelector('h3, h2')).breakAfter")
    assert not page.locator(".cn-tools, .controls").first.is_visible()


def test_text_is_as_large_as_the_browser_is_told(opened: Opened, report: Path, font_sizes: FontSizes) -> None:
    """Whoever reads larger letters everywhere reads them here."""
    page = opened(report)
    plain = font_sizes(page, 16)
    assert min(plain) >= 12
    assert pytest.approx([1.5 * size for size in plain]) == font_sizes(page, 24)


def test_text_of_others_stays_text(opened: Opened, tmp_path: Path, axe: Axe, keep: Keep) -> None:
    """Markup, codes and overrides are read as they are: nothing runs, nothing turns around, nothing is too wide."""
    html = run_page([pages_made.hostile_section(), pages_made.section()], title=pages_made.HOSTILE[0])
    page = opened(written(tmp_path, html), width=360)
    for button in page.locator(".cn-list td > button").all()[:7]:
        button.click()

    shown = page.locator(".cn-lines").first.inner_text()
    assert pages_made.HOSTILE[0] in shown
    assert pages_made.HOSTILE[1] in shown
    assert r"\x1b[31mred\x1b[0m \x00 \u202egnirts\u2066 \u2028" in shown
    assert f"{pages_made.HOSTILE[1]}: " == page.locator(".cn-part-title").first.text_content()
    assert 0 == page.locator("img").count()
    assert 360 == page.evaluate("document.documentElement.scrollWidth")
    assert [] == axe(page)
    keep(page, "report-hostile-360")


def test_two_runs_of_one_corpus(opened: Opened, tmp_path: Path, axe: Axe) -> None:
    """No two regions have one name, so that a list of them says which is whose."""
    two = [pages_made.section(facts=(("date", date),)) for date in ("1 May", "2 May")]
    page = opened(written(tmp_path, run_page(two, title="two")))

    assert page.get_by_role("region", name="Every question: random-bodies-mini, 2 May").is_visible()
    assert [] == axe(page)


def test_without_a_script_all_figures_are_there(opened: Opened, report: Path) -> None:
    """Only the table of items needs it, and says so."""
    context = opened.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())

    assert "19.97" == page.locator(".cn-heat-matched td").nth(1).inner_text()
    assert page.get_by_text("The table of 576 questions is drawn by a script, which is off here.").is_visible()
    context.close()


def test_twenty_thousand_items_are_usable(opened: Opened, tmp_path: Path) -> None:
    """They are sorted, filtered and turned; a diff that has no room says what to do."""
    items = tuple(pages_made.item(at, pair, "failed") for pair in pages_made.PAIRS for at in range(556))
    html = run_page([pages_made.section(items=items)], title="many")
    page = opened(written(tmp_path, html))

    head(page, "function").click()
    head(page, "function").click()
    assert {"parse_555", "parse_554", "parse_553"} == set(column(page, 4))
    page.locator(".cn-list td > button").first.click()
    assert "codeneedle report RUN -o DIR --all-diffs" in page.locator(".cn-open").inner_text()
    page.get_by_role("combobox", name="cell").select_option("q4_0/q4_0")
    assert "556 of 20016 questions, 1 to 100 below" == page.locator(".cn-count").inner_text()
    page.get_by_role("button", name="Next").click()
    assert "parse_455" == column(page, 4)[0]
