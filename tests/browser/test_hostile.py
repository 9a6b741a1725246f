"""Answers, code and names at their worst, in every page: text stays text, and nothing of it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.cli import main

from .runs import LINES, session_page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from playwright.sync_api import Page

    from pytest_codeneedle.core.kv_types import KVPair

    from .conftest import Opened

_RUNS = "alert(1)"
#: What is answered, and how it is seen.
_ANSWERS = {
    f"<script>{_RUNS}</script>": f"<script>{_RUNS}</script>",
    f"</script><img src=x onerror={_RUNS}>": f"</script><img src=x onerror={_RUNS}>",
    f"--><svg onload={_RUNS}><!--": f"--><svg onload={_RUNS}><!--",
    "\x1b[31mred\x1b]0;title\x07": r"\x1b[31mred\x1b]0;title\x07",
    "a\u202egnirts\u2066\u200b": r"a\u202egnirts\u2066\u200b",
    "nul \x00 and \u2028 end": r"nul \x00 and \u2028 end",
    f"{{{{ 7 * 7 }}}} &lt;b&gt; ${{{_RUNS}}}": f"{{{{ 7 * 7 }}}} &lt;b&gt; ${{{_RUNS}}}",
    "x" * 1_000_000: "x" * 400 + " ... 999600 more characters",
}
_NAMES = ('it\'s <b>\\"q\\"', f"</script><script>{_RUNS}</script>", f"x onmouseover={_RUNS} y='", "a|b::c")
_LINE = f"'</script><img src=x onerror={_RUNS}>'"
#: What mark-up that got through would make; no page of ours has any.
_FOREIGN = "blink, iframe, object, embed, img[src=x], [onerror], [onload], [onmouseover]"


def _answer(_: KVPair, __: int, lines: Sequence[str]) -> str:
    """A few lines as they were asked for, then others."""
    return "\n".join([*lines[:3], *_ANSWERS])


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a session over code whose strings and names are hostile as well."""
    folder = tmp_path_factory.mktemp("hostile")
    body = "\n".join(f"    x{number}({_LINE});" for number in range(LINES))
    text = "\n".join(f'    "{name}": function() {{\n{body}\n    }},' for name in _NAMES)
    for name, content in {
        "src/a.js": f"var o = {{\n{text}\n}};\n",
        "corpora/odd.toml": '[files]\ndirectory = "src"\nglob = "*.js"\n',
    }.items():
        (folder / name).parent.mkdir()
        (folder / name).write_text(content, encoding="utf-8")
    wording = ("--kv-prompt", "codeneedle", "--kv-embed-source")
    session_page(folder, _answer, "--corpus", "odd", "--kv-pairs", "bf16/bf16,q4_0/q4_0", *wording)
    assert 0 == main(["report", str(folder / "run"), "-o", str(folder / "report"), "--embed-source"])
    assert 0 == main(["archive", "add", str(folder / "run"), "--to", str(folder / "archive"), "--with-answers"])
    return folder


def _seen(page: Page, diffs: int) -> str:
    """All text of the page, which has so many diffs and no element of others."""
    assert diffs == page.locator(".cn-lines").count()
    assert 0 == page.locator(_FOREIGN).count()
    return page.inner_text("body")


def _open_all(page: Page) -> None:
    for opener in page.locator(".cn-list td > button").all():
        opener.click()


def test_report_page(opened: Opened, session: Path) -> None:
    """Every diff of the page of a stored run."""
    page = opened(session / "report" / "index.html")
    _open_all(page)
    text = _seen(page, 2 * len(_NAMES))

    assert [] == [shown for shown in _ANSWERS.values() if text.count(shown) < 2 * len(_NAMES)]
    assert [] == [name for name in _NAMES if name.replace("\\", "") not in text]
    assert _LINE in text
    assert (session / "report" / "index.html").stat().st_size < 1_000_000


def test_archived_run(opened: Opened, session: Path) -> None:
    """From the index of an archive to the page of the run."""
    page = opened(session / "archive" / "index.html")
    assert 0 == page.locator(_FOREIGN).count()
    (folder,) = [path for path in (session / "archive" / "runs").iterdir() if path.is_dir()]
    page.goto((folder / "index.html").as_uri())
    _open_all(page)
    text = _seen(page, 2 * len(_NAMES))

    assert [] == [name for name in _NAMES if name.replace("\\", "") not in text]
    assert _LINE in text


def test_session_page(opened: Opened, session: Path) -> None:
    """pytest-html's page: rows, diffs, and what stands above."""
    page = opened(session / "page.html")
    diffs = page.locator(".cn-diff")
    for diff in diffs.all():
        diff.scroll_into_view_if_needed()
        diff.locator(".cn-lines").wait_for()
    text = _seen(page, 2 * len(_NAMES))

    assert [] == [shown for shown in _ANSWERS.values() if text.count(shown) < 2 * len(_NAMES)]
    assert [] == [name for name in _NAMES if name.replace("\\", "") not in text]
    assert (session / "page.html").stat().st_size < 1_000_000
