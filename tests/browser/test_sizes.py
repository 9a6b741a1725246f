"""How large pages get, and whether a large one can be used."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from .runs import LINES, PAIRS, report, session_page, source, write_run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from playwright.sync_api import Page

    from pytest_codeneedle.core.kv_types import KVPair

    from .conftest import Opened

_MB = 1_000_000
_GENERATED = """[generate]
kind = "random-bodies"
functions = 16
value_len = 8
body_lines = 20
[sample]
k = 16
"""
_SWEEP = source(16)
_MANY = source(556)


def _nothing_right(pair: KVPair, at: int, _: Sequence[str]) -> str:
    """Twenty lines, none as expected and none like another's: nothing repeats that could be told once."""
    seed = f"{pair} {at}".encode()
    return "\n".join(f'    x = "{hashlib.sha256(seed + bytes([line])).hexdigest()[:48]}"' for line in range(LINES))


def _some_lost(pair: KVPair, at: int, lines: Sequence[str]) -> str:
    """K of four bits loses most lines of every third function, and makes some up."""
    if pair.ctk.startswith("q4") and at % 3 == 0:
        lines = [*lines[:5], *(f"    made_up_{at}_{line}" for line in range(10))]
    return "\n".join(lines)


@pytest.mark.parametrize("arguments", [(), ("--all-diffs",)])
def test_a_sweep_that_fails_everywhere(opened: Opened, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """576 failures stay under 2 MB; with all diffs each has its own."""
    page = report(write_run(tmp_path / "run", _SWEEP, _nothing_right), *arguments)
    shown = opened(page)

    assert 576 == len(PAIRS) * len(_SWEEP)
    assert page.stat().st_size < 2 * _MB
    assert "576 of 576 questions" in shown.get_by_role("status").inner_text()
    if arguments:
        shown.get_by_role("combobox", name="cell").select_option("q4_0/q4_0")
        shown.locator(".cn-list td > button").last.click()
        (first, *_) = _nothing_right(PAIRS[-1], 15, ()).split("\n")
        assert first.strip() in shown.get_by_role("group", name="Diff of parse_15 at q4_0/q4_0").inner_text()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run of twenty thousand questions."""
    return report(write_run(tmp_path_factory.mktemp("large") / "run", _MANY, _some_lost))


def test_twenty_thousand_questions(opened: Opened, large: Path, keep: Callable[[Page, str], Path]) -> None:
    """Under 20 MB; the table sorts, filters and turns its pages, and a row opens its diff."""
    assert 20_016 == len(PAIRS) * len(_MANY)
    assert large.stat().st_size < 20 * _MB
    page = opened(large)
    count = page.get_by_role("status")
    table = page.locator(".cn-list > tbody > tr")
    matched = page.locator(".cn-list thead button", has_text="matched")
    assert "20016 of 20016 questions" in count.inner_text()
    assert 100 == table.count()

    matched.click()
    assert "failed" in table.first.inner_text()
    matched.click()
    assert "passed" in table.first.inner_text()
    page.get_by_label("outcome").select_option("failed")
    lost = 2 * 6 * 186
    assert f"{lost} of 20016 questions" in count.inner_text()
    page.get_by_role("button", name="Next").click()
    assert "101 to 200" in count.inner_text()
    page.get_by_role("searchbox").fill("parse_555")
    page.get_by_text("12 of 20016 questions").wait_for()
    page.locator(".cn-list td > button").first.click()
    assert "made_up_555_0" in table.nth(1).inner_text()
    keep(page, "report-20000")


def test_a_session_that_fails_everywhere(opened: Opened, tmp_path: Path, keep: Callable[[Page, str], Path]) -> None:
    """pytest-html's page of 576 failures stays under 2 MB, too, and has a row for each."""
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "made.toml").write_text(_GENERATED, encoding="utf-8")
    path = session_page(tmp_path, _nothing_right, "--corpus", "made")
    page = opened(path)

    assert path.stat().st_size < 2 * _MB
    assert 576 == page.locator("#results-table .results-table-row").count()
    keep(page, "pytest-html-576-failures")
