"""--html: pytest-html's page of a session. What it looks like in a browser is tested in tests/browser."""

from __future__ import annotations

import html
import json
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.plugin.hooks import SUITE

from .lab import GRID

if TYPE_CHECKING:
    from pathlib import Path

    from .lab import Lab

PAIRS = ("--kv-pairs", "bf16/bf16,q4_0/q4_0", "--kv-pass", "20", "--kv-model", "control:fragile-k")
OWN = """
import pytest

@pytest.mark.parametrize("text", ["<img src=x onerror=alert(1)>"])
def test_plain(text):
    assert text == "other"

def test_fine():
    pass

def test_mine(recall):
    print("shown \\x1b[31mred \\u202e")
    assert recall.passed
"""
#: What two pages of the same answers differ in: times, and how many servers there were.
TIMES = (
    r"Report generated on .* by",
    r"\d{4}-\d\d-\d\dT[\d:]+[+-]\d{4}",
    r"<dt>(wall time|servers)</dt><dd>.*?</dd>",
    r'run-count">(\d+ tests?) took [^<]*',
    r"[\d.]+ tokens/s beside [\d.]+ of [\w/]+|tokens/s are not comparable \([^)]*\)",
)


@dataclass(frozen=True)
class Page:
    """A page of pytest-html's: its text without the data, its tests by id, what our script has of each corpus."""

    text: str
    tests: dict[str, list[dict[str, Any]]]
    collapsed: list[str]
    packs: list[dict[str, Any]]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of the table, in order."""
        return [row for rows in self.tests.values() for row in rows]

    def untimed(self) -> tuple[object, ...]:
        """All but times."""
        rows = [
            {**row, "duration": "", "resultsTableRow": row["resultsTableRow"][0].rpartition("<td")[0]}
            for row in self.rows
        ]
        packs = [{**pack, "columns": {**pack["columns"], "seconds": []}} for pack in self.packs]
        text = self.text
        for times in TIMES:
            text = re.sub(times, "", text)
        return list(self.tests), rows, self.collapsed, packs, text.splitlines()


def page(path: Path) -> Page:
    """Read a page."""
    text = path.read_text(encoding="utf-8")
    blob = re.search(r'data-jsonblob="(.*?)"', text, re.DOTALL)
    assert blob
    data = json.loads(html.unescape(blob[1]))
    packs = re.findall(r'class="cn-data">(.*?)</script>', text, re.DOTALL)
    text = re.sub(r'data-jsonblob=".*?"|class="cn-data">.*?</script>', "", text, flags=re.DOTALL)
    return Page(text, data["tests"], data["renderCollapsed"], [json.loads(pack) for pack in packs])


def session(lab: Lab, *arguments: str, own: bool = False, corpus: str = "tiny") -> tuple[pytest.RunResult, Page]:
    """A grid of two cells and two functions, of which the low one loses lines; and its page."""
    tests = []
    if own:
        tests = [str(SUITE), str(lab.write("test_own.py", OWN)), "--rootdir", "."]
    result = lab.grid(*PAIRS, "--html", "h.html", "--self-contained-html", *arguments, *tests, corpus=corpus)
    return result, page(lab.path / "h.html")


def test_the_page_of_a_session(lab: Lab) -> None:
    """A row says what its answer says; failures have a place for their diff, and passes nothing."""
    result, found = session(lab, own=True)
    assert {"passed": 5, "failed": 5} == result.parseoutcomes()
    assert "<title" in found.text
    assert "KV-cache recall: tiny, control-fragile-k" in found.text
    assert "5 Failed" in found.text
    assert "Links</th>" not in found.text
    header = re.findall(r'data-column-type="(\w+)"', found.text)
    columns = ["ctk", "ctv", "function", "depth", "matched", "hallucinated", "run_on", "label"]
    assert ["result", "testId", *columns, "duration"] == header

    names = [row["testId"] for row in found.rows]
    first, second = sorted(
        {row["function"] for row in lab.rows()}, key=lambda name: names.index(f"test_recall[bf16/bf16-{name}]")
    )
    own = "test_own.py::test_mine[{}]"
    assert {f"test_recall[bf16/bf16-{first}]", own.format(f"q4_0/q4_0-{second}")} <= set(names)
    assert "test_own.py::test_plain[&lt;img src=x onerror=alert(1)&gt;]" in names
    assert "<img src=x" not in "".join(row["resultsTableRow"][0] for row in found.rows)

    rows = {(row["ctk"], row["function"]): row for row in lab.rows() if row["test"] == "test_recall"}
    for row in found.rows:
        if not row["testId"].startswith("test_recall"):
            continue
        answer = rows[row["ctk"].strip(), row["function"]]
        assert (str(answer["primary_matched"]), answer["label"] or "") == (row["matched"].strip(), row["label"])
        key = f'data-item="tiny|{answer["ctk"]}/{answer["ctv"]}|{row["function"]}"'
        assert (answer["outcome"] == "failed") == (key in row.get("log", ""))
        assert answer["outcome"] == "failed" or "log" not in row
    plain = next(row for row in found.rows if row["testId"].endswith("test_fine"))
    assert {"-"} == {plain[name] for name in columns}
    mine = next(row for row in found.rows if row["testId"] == own.format(f"q4_0/q4_0-{first}"))
    assert r"shown \x1b[31mred \u202e" in mine["log"]
    assert "assert recall.passed" in mine["log"]
    assert 'class=cn-diff data-item="tiny|q4_0/q4_0|' in mine["log"]
    (pack,) = found.packs
    assert 2 == len(pack["diffs"])


def test_without_html_nothing_is_loaded(lab: Lab) -> None:
    """A session that writes no page knows nothing of pages."""
    script = (
        "import sys, pytest\n"
        f"pytest.main([*{GRID[3:]!r}, '--collect-only', '-q', '--corpus', 'tiny'])\n"
        "pages = ('plugin.html_report', 'report.page.', 'report.heat.')\n"
        "print([name for name in sys.modules if name.removeprefix('pytest_codeneedle.').startswith(pages)])\n"
    )
    result = lab.pytester.run(sys.executable, "-c", script)
    assert "[]" == result.outlines[-1]


@pytest.mark.slow
def test_the_same_under_xdist(lab: Lab) -> None:
    """But for times: workers finish in another order, and name themselves in what failed."""
    _, alone = session(lab, own=True)
    _, shared = session(lab, "-n", "2", own=True)
    for one, other in zip(alone.untimed(), shared.untimed(), strict=True):
        assert one == other


@pytest.mark.slow
def test_errors(lab: Lab) -> None:
    """A server that does not come up: rows all the same, and what it said. A worker that is killed: likewise."""
    arguments = ("--kv-order", "grid", "--kv-server-args=--nonsense")
    _, alone = session(lab, *arguments)
    _, shared = session(lab, "-n", "2", *arguments)
    assert ["Error"] * 4 == [row["result"] for row in alone.rows]
    assert all("cn-diff" in row["log"] for row in alone.rows)
    assert "--nonsense" in json.dumps(alone.packs[0]["texts"])
    assert [row["testId"] for row in alone.rows] == [row["testId"] for row in shared.rows]

    lab.faults({"q4_0/q4_0": ["worker-killed"]})
    _, killed = session(lab, "-n", "1", "--kv-order", "grid")
    assert [row["testId"].removesuffix("::setup") for row in alone.rows] == [
        row["testId"].removesuffix("::setup") for row in killed.rows
    ]
    assert ["Passed", "Passed", "Error", "Failed"] == [row["result"] for row in killed.rows]
    assert "1 Errors" in killed.text


@pytest.mark.slow
def test_sessions_that_end_early(lab: Lab) -> None:
    """A reference that is not recalled, which the controller asks before there are workers; and -x."""
    _, uncalibrated = session(lab, "--kv-calibrate", "on", "--kv-server-args=--nonsense", "-n", "2")
    assert 2 == len(uncalibrated.rows)
    result, stopped = session(lab, "-x", "--kv-order", "grid")
    assert {"passed": 2, "failed": 1} == result.parseoutcomes()
    assert 3 == len(stopped.rows)


@pytest.mark.slow
def test_what_is_expected_and_what_is_spared(lab: Lab) -> None:
    """--kv-baseline: expected failures have their diff, too. --kv-quick: what is not asked has no row."""
    lab.corpus("eight", functions=8)
    session(lab, "--kv-out", "then", corpus="eight")
    _, gated = session(lab, "--kv-baseline", "then", corpus="eight")
    low = [row for row in gated.rows if "cn-diff" in row.get("log", "")]
    assert ["XFailed"] * 8 == [row["result"] for row in low]
    quick = lab.grid("--kv-quick", "--kv-types", "bf16,q8_0,q4_0", "--html", "q.html", corpus="eight")
    counts = quick.parseoutcomes()
    assert counts["skipped"]
    assert counts["passed"] == len(page(lab.path / "q.html").rows)
    assert (lab.path / "assets" / "style.css").exists()


@pytest.mark.slow
def test_many_questions_are_in_a_table_of_our_own(lab: Lab) -> None:
    """pytest-html's has the tests of others; the limit is lowered here, for so many questions take minutes."""
    lab.write("conftest.py", "import pytest_codeneedle.plugin.html_report as report\nreport.MOST_ROWS = 3\n")
    _, found = session(lab, own=True)
    assert not [row for row in found.rows if row["testId"].startswith("test_recall")]
    assert 6 == len(found.rows)
    assert "10 tests" in found.text
    assert 'class="cn-items"' in found.text
    assert 4 == len(found.packs[0]["columns"]["cell"])


@pytest.mark.slow
def test_redacted(lab: Lab) -> None:
    """--kv-redact: figures, and no line of code anywhere."""
    _, found = session(lab, "--kv-redact")
    lines = [line.strip() for function in lab.about()["functions"] for line in function["primary"] if line.strip()]
    assert lines
    whole = (lab.path / "h.html").read_text(encoding="utf-8")
    assert [] == [line for line in lines if line in whole or line.replace('"', '\\"') in whole]
    assert 2 == sum("cn-diff" in row.get("log", "") for row in found.rows)
