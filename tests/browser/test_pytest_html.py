"""pytest-html's page of a session, as a person uses it: the pages are those of real sessions."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.plugin.hooks import SUITE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from .conftest import Opened

    Axe = Callable[[Page], list[str]]
    Keep = Callable[[Page, str], Path]
    FontSizes = Callable[[Page, int], list[float]]

CORPUS = '[generate]\nkind = "random-bodies"\nfunctions = 3\nvalue_len = 24\nbody_lines = 20\n[sample]\nk = 16\n'
OWN = """
import pytest

@pytest.mark.parametrize("text", ["<img src=x onerror=alert(1)>"])
def test_plain(text):
    assert text == "other"

def test_fine(extras):
    from pytest_html import extras as made
    extras.append(made.url("https://example.invalid/", name="elsewhere"))
    extras.append(made.text("kept", name="a text"))
"""
#: A server that does not come up, with a message at its worst.
FAULT = """
import pytest

@pytest.fixture(scope="session")
def launch_llama_server(launch_llama_server, kv_pair):
    if str(kv_pair) == "q8_0/q4_0":
        pytest.fail("</script><script>alert(1)</script> \\x1b[31m \\u202e \\x00\\nlast line", pytrace=False)
    yield launch_llama_server
"""
#: The limit above which the questions are in a table of our own, lowered: so many take minutes.
FEW = "import pytest_codeneedle.plugin.html_report as report\nreport.MOST_ROWS = 3\n"


def session(folder: Path, conftest: str, *arguments: str) -> Path:
    """The page of a session over three cells, of which one loses lines, and tests of one's own."""
    for name, text in (("corpora/six.toml", CORPUS), ("test_own.py", OWN), ("conftest.py", conftest)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    grid = ("--kv-grid", "--kv-calibrate", "off", "--corpus", "six", "--kv-model", "control:fragile-k")
    asked = ("--kv-pairs", "bf16/bf16,q8_0/q4_0,q4_0/q4_0", "--kv-pass", "20", "--kv-order", "grid")
    command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--rootdir", ".", *grid, *asked, *arguments]
    told = subprocess.run(
        [*command, str(SUITE), "test_own.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert "Generated html report" in told.stdout, told.stdout + told.stderr
    return folder / "report.html"


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Passes, failures, errors; one's own test with a link, one with a hostile name."""
    return session(tmp_path_factory.mktemp("html"), FAULT, "--html=report.html", "--self-contained-html")


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As if there were many questions; with its style in a folder beside it."""
    return session(tmp_path_factory.mktemp("many"), FEW, "--html=report.html")


def head(page: Page, column: str) -> Locator:
    return page.locator(f'#results-table th[data-column-type="{column}"]')


def column(page: Page, name: str) -> list[str]:
    return page.locator(f"#results-table tbody .col-{name}").all_inner_texts()


def row(page: Page, name: str) -> Locator:
    return page.locator("#results-table tbody", has_text=name).first


def test_columns_are_sorted_by_keyboard(opened: Opened, report: Path) -> None:
    """Figures as figures, types by their precision, other tests last; the focus stays, the header says which way."""
    page = opened(report)
    assert "none" == head(page, "matched").get_attribute("aria-sort")
    button = head(page, "matched").get_by_role("button")
    button.press("Enter")
    figures = [int(text) for text in column(page, "matched") if text != "-"]
    assert sorted(figures) == figures
    assert len(set(figures)) > 1
    assert ["-"] * 5 == column(page, "matched")[-5:]
    assert "ascending" == head(page, "matched").get_attribute("aria-sort")
    assert button.evaluate("element => element === document.activeElement")
    page.keyboard.press("Enter")
    assert figures[::-1] == [int(text) for text in column(page, "matched") if text != "-"]
    assert "descending" == head(page, "matched").get_attribute("aria-sort")
    assert 1 == page.locator("#results-table th[aria-sort$=scending]").count()
    head(page, "ctk").get_by_role("button").click()
    assert ["bf16"] * 3 + ["q8_0"] * 3 + ["q4_0"] * 3 + ["-"] * 2 == column(page, "ctk")
    head(page, "function").click(position={"x": 2, "y": 2})  # beside the button, as before
    assert "ascending" == head(page, "function").get_attribute("aria-sort")


def test_figures_stand_below_their_headers(
    opened: Opened, report: Path, text_end: Callable[[Page, str], float]
) -> None:
    """The name of a column ends where its figures end."""
    page = opened(report)
    head, figure = '#results-table th[data-column-type="matched"] > button', "#results-table tbody .col-matched"

    assert text_end(page, head) == pytest.approx(text_end(page, figure), abs=1)


def test_a_diff_is_opened_by_keyboard(opened: Opened, report: Path, keep: Keep) -> None:
    """Failures open, passes have nothing to open, errors say what was said, as text."""
    page = opened(report)
    page.get_by_role("button", name="Hide all details").click()
    assert 0 == page.locator(".cn-lines:visible").count()
    opener = row(page, "q4_0/q4_0").get_by_role("button", name="Failed")
    assert "false" == opener.get_attribute("aria-expanded")
    opener.press("Enter")
    assert "true" == opener.get_attribute("aria-expanded")
    assert opener.evaluate("element => element === document.activeElement")
    tags = row(page, "q4_0/q4_0").locator(".cn-lines td:first-child").all_inner_texts()
    assert {"matched", "missing"} == set(tags)
    keep(page, "pytest-html-diff")
    page.keyboard.press(" ")
    assert "false" == opener.get_attribute("aria-expanded")
    assert 0 == row(page, "bf16/bf16").get_by_role("button").count()
    broken = row(page, "q8_0/q4_0")
    broken.locator(".col-function").click()  # as with a mouse anywhere on the row
    assert r"</script><script>alert(1)</script> \x1b[31m \u202e \x00" in broken.inner_text()
    assert "last line" in broken.inner_text()


def test_results_are_filtered(opened: Opened, report: Path) -> None:
    """By labels that can be clicked; results that nothing has are not offered."""
    page = opened(report)
    page.get_by_label("3 Errors").uncheck()
    assert "Error" not in " ".join(column(page, "result"))
    page.get_by_text("4 Failed").click()
    assert {"Passed"} == set(column(page, "result"))
    assert 0 == page.get_by_text("Reruns").locator("visible=true").count()
    page.get_by_role("button", name="Environment").press("Enter")
    assert not page.locator("#environment").is_visible()


def test_links_and_names_of_others(opened: Opened, report: Path) -> None:
    """Where a test has links the column is there; a name is text."""
    page = opened(report)
    assert ["elsewhere", "a text"] == row(page, "test_fine").locator(".col-links a").all_inner_texts()
    assert "test_own.py::test_plain[<img src=x onerror=alert(1)>]" in column(page, "testId")


@pytest.mark.parametrize(
    ("dark", "width"), [(False, 1280), (True, 1280), (False, 360), (True, 360)], ids=["light", "dark", "narrow", "both"]
)
def test_everybody_can_read_it(  # noqa: PLR0917 - as many as there are
    opened: Opened, report: Path, axe: Axe, keep: Keep, dark: bool, width: int
) -> None:
    """No rule of accessibility is broken, open rows and all; nothing is wider than the screen."""
    page = opened(report, dark=dark, width=width)
    page.get_by_role("button", name="Show all details").click()
    page.locator(".cn-lines").first.wait_for()
    assert [] == axe(page)
    assert width == page.evaluate("document.documentElement.scrollWidth")
    assert "en" == page.evaluate("document.documentElement.lang")
    keep(page, f"pytest-html-{'dark' if dark else 'light'}-{width}")


def test_text_is_as_large_as_the_browser_is_told(opened: Opened, report: Path, font_sizes: FontSizes) -> None:
    """Whoever reads larger letters everywhere reads them here."""
    page = opened(report)
    plain = font_sizes(page, 16)
    assert min(plain) >= 12
    assert pytest.approx([1.5 * size for size in plain]) == font_sizes(page, 24)


def test_many_questions(opened: Opened, many: Path, keep: Keep) -> None:
    """They are in a table of our own, and tests of others in pytest-html's; style comes from its folder."""
    page = opened(many)
    assert 9 == page.locator(".cn-list tbody tr").count()
    assert 2 == len(column(page, "result"))
    assert page.get_by_role("heading", name="Other tests").is_visible()
    assert page.get_by_label("1 Passed").is_visible()
    page.locator(".cn-list tbody button").first.click()
    assert page.locator(".cn-lines").is_visible()
    keep(page, "pytest-html-many")
