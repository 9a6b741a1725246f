"""A real browser: pages are opened from their files, and whatever a page must not do fails its test.

Everything in this folder has the marker `browser`, which the default run leaves out: `pytest -m browser`.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .archives import write_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, Route, WebError

#: No sandbox: CI runs as root. The rest keeps the browser's own requests from the network.
_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_NAMES = ("chromium", "chromium-browser", "google-chrome")
#: What a page may read: itself, its neighbours in the archive, and what it carries.
_OWN = ("file:", "data:", "blob:", "about:")
_MOST_PIXELS = 6000


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before -m is applied."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium: `CODENEEDLE_CHROMIUM`, else the one on PATH. A missing part is an error: nothing here is skipped."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the default run collects this file without it
    except ModuleNotFoundError:
        pytest.fail("playwright is not there: pip install '.[browser]'", pytrace=False)
    found = os.environ.get("CODENEEDLE_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.fail("no chromium on PATH: apt-get install chromium, or name it by CODENEEDLE_CHROMIUM", pytrace=False)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=list(_ARGUMENTS))
        yield chromium
        chromium.close()


@dataclass
class Opened:
    """Opens pages, each in a profile of its own, and keeps a list of what they, or pages they led to, did wrong."""

    browser: Browser
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def __call__(self, path: Path | str, *, dark: bool = False, width: int = 1280, height: int = 900) -> Page:
        """The page of this file, or of a `file:` address with a `#hash`; width and height are in pixels."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", locale="en-GB"
        )
        self.contexts.append(context)
        context.route(re.compile(r"^(?!(file|data|blob|about):)"), self._refuse)
        context.on("request", self._request)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("dialog", self._dialog)
        page = context.new_page()
        page.goto(path if isinstance(path, str) else path.resolve().as_uri())
        return page

    def settle(self) -> None:
        """Hear what the pages did last: the browser tells of it from another process."""
        for page in (page for context in self.contexts for page in context.pages):
            page.evaluate("new Promise(done => setTimeout(done, 100))")

    def close(self) -> None:
        """All pages, and hear what they did last."""
        self.settle()
        for context in self.contexts:
            context.close()

    def _refuse(self, route: Route) -> None:
        route.abort()

    def _request(self, request: Request) -> None:
        if not request.url.startswith(_OWN):
            self.complaints.append(f"request: {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "assert"}:
            self.complaints.append(f"console: {message.text}")

    def _error(self, error: WebError) -> None:
        self.complaints.append(f"script: {error.error}")

    def _dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    """Gives a page: `opened(path, dark=False, width=1280)`; requests, errors and dialogs fail the test at its end."""
    opened = Opened(browser)
    yield opened
    opened.close()
    assert [] == opened.complaints


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of an archive of many kinds of runs, which tests look at and leave as it is."""
    return write_archive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="session")
def text_end() -> Callable[[Page, str], float]:
    """Where the text of the first element of a selector ends, in pixels from the left."""
    script = """selector => {
        const text = document.createRange();
        text.selectNodeContents(document.querySelector(selector));
        return text.getBoundingClientRect().right;
    }"""
    return lambda page, selector: float(page.evaluate(script, selector))


@pytest.fixture(scope="session")
def font_sizes() -> Callable[[Page, int], list[float]]:
    """The sizes of all text of a page, in pixels, where the browser's own is so many; pictures have their own scale."""
    script = """[...document.querySelectorAll("body, body *")]
        .filter(one => !one.closest("svg, script, style, template, video"))
        .map(one => parseFloat(getComputedStyle(one).fontSize))"""

    def sizes(page: Page, standard: int) -> list[float]:
        session = page.context.new_cdp_session(page)
        session.send("Page.setFontSizes", {"fontSizes": {"standard": standard}})
        return [float(size) for size in page.evaluate(script)]

    return sizes


@pytest.fixture(scope="session")
def axe() -> Callable[[Page], list[str]]:
    """The violations of accessibility rules that axe-core sees on a page, one line each; none should be left."""
    try:
        from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - as above
    except ModuleNotFoundError:
        pytest.fail("axe-playwright-python is not there: pip install '.[browser]'", pytrace=False)

    def violations(page: Page) -> list[str]:
        found = Axe().run(page).response["violations"]
        return [
            f"{one['id']}: {one['help']}: {' '.join(map(str, node['target']))}: {node['html'][:200]}"
            for one in found
            for node in one["nodes"]
        ]

    return violations


@pytest.fixture(scope="session")
def keep(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Page, str], Path]:
    """Keeps a screenshot, `keep(page, name)`, in the folder `CODENEEDLE_SCREENSHOTS` where one is named.

    It is of the whole page, of the first 6000 pixels of a longer one.
    """
    named = os.environ.get("CODENEEDLE_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)

    def screenshot(page: Page, name: str) -> Path:
        path = folder / f"{name}.png"
        width, height = page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, _MOST_PIXELS)}
        page.screenshot(path=path, full_page=True, clip=clip)
        return path

    return screenshot
