"""--kv-embed-source and --kv-redact: what of private code enters a report, and what the run folder keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.corpus.random_bodies import RandomBodies
from pytest_codeneedle.report.page.sections import hidden_of

if TYPE_CHECKING:
    from .lab import Lab

#: With so many lines to pass, an answer that lost one fails, and its message shows the diff.
REPORTS = ("--junitxml", "j.xml", "--html", "h.html", "--self-contained-html")
ARGUMENTS = ("--kv-pairs", "q8_0/q4_0", "--kv-model", "control:robust", "-k", "target", *REPORTS)


def private(lab: Lab) -> tuple[list[str], list[str]]:
    """A private file on which the control model loses its way; the lines asked for, and all others.

    A line of `target` stands in `another` too, five times and with one and the same line after it: there the copy
    goes on.
    """
    lines = RandomBodies(functions=2, body_lines=20).text().split("\n")
    bodies = [line for line in lines if line.startswith("    ")]
    asked, made = bodies[:20], bodies[20:]
    other = [made[0], asked[9]] * 5 + made[1:]
    lab.write("src/secret.py", "\n".join(["def another():", *other, "", "def target():", *asked, ""]))
    lab.write("corpora/mine.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n')
    return [line.strip() for line in asked], [line.strip() for line in made]


def reports(lab: Lab, result: pytest.RunResult) -> str:
    """Everything that leaves the run folder."""
    xml, html = ((lab.path / name).read_text(encoding="utf-8") for name in ("j.xml", "h.html"))
    for coded in ("&quot;", "&#34;", "&amp;#34;", '\\"', "&amp;quot;"):
        xml, html = xml.replace(coded, '"'), html.replace(coded, '"')
    return f"{result.stdout.str()}\n{result.stderr.str()}\n{xml}\n{html}"


def shown(lines: list[str], text: str) -> list[str]:
    """Those of the lines that stand in the text."""
    return [line for line in lines if line in text]


def run(lab: Lab, *arguments: str) -> pytest.RunResult:
    """A run whose one item fails."""
    result = lab.grid(*ARGUMENTS, "--kv-pass", "20", *arguments, corpus="mine")
    assert {"failed": 1, "deselected": 1} == result.parseoutcomes()
    return result


@pytest.mark.slow
def test_by_default_only_the_lines_asked_for_are_shown(lab: Lab) -> None:
    """The diff counts what else the model wrote: it may be other private code. The run folder has the answer."""
    asked, other = private(lab)
    text = reports(lab, run(lab))
    assert shown(asked, text)
    assert [] == shown(other, text)
    assert "lines not asked for are not shown: the corpus is private; --kv-embed-source shows them" in text
    (row,) = lab.rows()
    assert shown(other, row["response"])
    assert lab.about()["private"]
    assert ("hallucinated", "bonus") == hidden_of(lab.about())
    assert not (lab.folder / "corpus.txt").exists()
    assert 0o600 == (lab.path / "h.html").stat().st_mode & 0o777


def test_a_page_with_assets_is_for_the_user_alone(lab: Lab) -> None:
    """What a test attaches too, in pytest-html's folder; a page that was there before, readable for all, as well."""
    private(lab)
    attached = "def test_mine(extras):\n    from pytest_html.extras import text\n    extras.append(text('a secret'))\n"
    lab.write("test_own.py", attached)
    lab.write("page/h.html", "older").chmod(0o644)
    lab.grid(
        "--kv-pairs", "q8_0/q4_0", "--kv-model", "control:robust", "--html", "page/h.html", "test_own.py", corpus="mine"
    )
    modes = {path.name: path.stat().st_mode & 0o777 for path in (lab.path / "page").rglob("*.*")}
    assert 0o600 == modes.pop("h.html")
    modes.pop("style.css")
    assert {0o600} == set(modes.values())


@pytest.mark.slow
def test_embedded_source_is_shown_and_kept(lab: Lab) -> None:
    """The whole diff, and the corpus text in the run folder."""
    asked, other = private(lab)
    text = reports(lab, run(lab, "--kv-embed-source"))
    assert shown(asked, text)
    assert shown(other, text)
    assert (lab.path / "src" / "secret.py").read_bytes() == (lab.folder / "corpus.txt").read_bytes()
    assert () == hidden_of(lab.about())  # what a page of the stored run may show


@pytest.mark.slow
def test_redacted_reports_hold_no_line_of_code(lab: Lab) -> None:
    """Names and counts remain; what is needed to score anew stays in the run folder."""
    asked, other = private(lab)
    text = reports(lab, run(lab, "--kv-redact"))
    assert [] == shown([*asked, *other], text)
    assert "target: " in text
    assert " of 20 lines recalled, 20 needed (" in text
    (row,) = lab.rows()
    assert row["response"]
    assert asked == [line.strip() for line in lab.about()["functions"][-1]["primary"]]
    assert hidden_of(lab.about()) is None


@pytest.mark.slow
def test_a_test_of_the_users_own_shows_no_code_either(lab: Lab) -> None:
    """Pytest prints the values that a failing test holds: they do not print the code that they hold."""
    asked, other = private(lab)
    tests = lab.pytester.makepyfile(test_own="def test_own(recall):\n    assert recall.score.primary_matched == 21\n")
    result = lab.grid(*ARGUMENTS, "-vv", "-l", "--kv-redact", str(tests), corpus="mine")
    assert {"failed": 1, "deselected": 1} == result.parseoutcomes()
    assert [] == shown([*asked, *other], reports(lab, result))


def test_both_contradict_each_other(lab: Lab) -> None:
    """A usage error."""
    message = lab.refused("--kv-embed-source", "--kv-redact")
    assert "--kv-embed-source and --kv-redact contradict each other; give one" in message
