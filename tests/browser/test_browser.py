"""What the other tests of this folder rely on: whatever a page must not do is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from .conftest import Opened

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>made</title>{head}</head>
<body><main><h1>made</h1>{body}</main></body></html>"""
#: As the pages of the package carry it.
_POLICY = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"


def _made(folder: Path, body: str, head: str = "") -> Path:
    path = folder / "made.html"
    path.write_text(_PAGE.format(head=head, body=body), encoding="utf-8")
    return path


def test_a_good_page(
    opened: Opened, tmp_path: Path, axe: Callable[[Page], list[str]], keep: Callable[[Page, str], Path]
) -> None:
    """Nothing is said of it; axe works below a strict policy, and the screenshot is a picture."""
    page = opened(_made(tmp_path, "<p>all well</p>", _POLICY), dark=True, width=360)

    assert [] == axe(page)
    assert "all well" == page.inner_text("p")
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert 360 == page.evaluate("innerWidth")
    assert b"\x89PNG" == keep(page, "browser").read_bytes()[:4]


def test_a_request_is_seen(opened: Opened, tmp_path: Path) -> None:
    """Also one that a script makes later, on a page that was opened from the first."""
    body = '<img alt="" src="https://example.invalid/a.png"><p><a target="_blank" href="other.html">other</a></p>'
    (tmp_path / "other.html").write_text("<script>fetch('http://127.0.0.1:9/b')</script>", encoding="utf-8")
    page = opened(_made(tmp_path, body))
    with page.context.expect_page() as other:
        page.click("a")
    opened.settle()

    assert other.value.url.endswith("other.html")
    seen = [complaint for complaint in opened.complaints if complaint.startswith("request")]
    assert ["request: https://example.invalid/a.png", "request: http://127.0.0.1:9/b"] == seen
    opened.complaints.clear()


def test_errors_and_dialogs_are_seen(opened: Opened, tmp_path: Path) -> None:
    """What a script logs as an error, what it throws, what the policy refused, and a box that somebody must close."""
    opened(_made(tmp_path, "<script>console.error('logged'); alert('boo'); null.thrown</script>"))
    opened.settle()
    opened(_made(tmp_path, "<script>1</script>", _POLICY))
    opened.settle()

    logged, dialog, thrown, refused = opened.complaints
    assert "console: logged" == logged
    assert "dialog: boo" == dialog
    assert thrown.startswith("script: ")
    assert "Content Security Policy" in refused
    opened.complaints.clear()


def test_an_axe_violation_is_seen(opened: Opened, tmp_path: Path, axe: Callable[[Page], list[str]]) -> None:
    """A picture without words, and grey on white."""
    found = axe(opened(_made(tmp_path, '<img src="data:,"><p style="color: #bbb">pale</p>')))

    assert {"image-alt", "color-contrast"} == {line.partition(":")[0] for line in found}
