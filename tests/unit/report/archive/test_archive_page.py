"""The index as a page: one row per run, figures and words as they are, nothing that leaves it."""

from __future__ import annotations

import json
import re

from pytest_codeneedle.report.archive.index import archive_page
from pytest_codeneedle.report.page.render import asset, is_archive, policy

from .test_index import made


def test_every_run_has_a_row() -> None:
    """With a link to its page, its verdict, its figures, and what a person should know."""
    old = made("old", answered=6, first_answers={"bf16/bf16": ["x", 6]})
    new = made("new", first_answers={"bf16/bf16": ["x", 6], "q4_0/q4_0": ["y", 6]}, private=True)
    page = archive_page([old, new, made("two", "b2", rotations=["on", "off"])])
    rows = dict(re.findall(r'<tr data-id="(\w+)"(.*?)</tr>', page, re.DOTALL))

    assert {"old", "new", "two"} == set(rows)
    assert '<a href="runs/new/index.html">1970-01-02 00:00</a>' in rows["new"]
    assert "16.00" in rows["new"]
    assert "q4_0/q4_0 12.00" in rows["new"]
    assert "private corpus" in rows["new"]
    assert "superseded: it went on, partial: 6 of 12 answers" in rows["old"]
    assert 2 == rows["two"].count("WORSE")
    assert "rotation off" in rows["two"]
    assert "3 runs, 1 model, 2 builds, 1 corpus" in page
    assert is_archive(page)


def test_a_build_that_nobody_told_is_none() -> None:
    """It is not counted as one."""
    assert "3 runs, 1 model, 1 build, 1 corpus" in archive_page([made("a", "b2"), made("b", ""), made("c", "")])


def test_a_build_is_one_however_it_is_written() -> None:
    """llama.cpp's own number counts, not the words around it."""
    assert "2 runs, 1 model, 1 build, 1 corpus" in archive_page([made("a", "b5873-abc"), made("b", "5873 (abc)")])


def test_errors_make_no_part_of_a_run() -> None:
    """Every question was asked; some gave no answer."""
    assert "2 errors" in archive_page([made("a", answered=10, errors=2)])
    assert "partial" not in archive_page([made("a", answered=10, errors=2)])


def test_the_data_are_data() -> None:
    """For the script, as JSON that no name can end; an archive without any run is a page too."""
    page = archive_page([made("a", model="</script><script>alert(1)</script>")])
    (data,) = re.findall(r'<script type="application/json" id="cn-archive">(.*?)</script>', page, re.DOTALL)

    assert "</script><script>alert(1)</script>" == json.loads(data)["runs"][0]["model"]
    assert "<script>alert" not in page
    assert "0 runs" in archive_page([])


def test_the_same_runs_are_the_same_page() -> None:
    """Whichever came first."""
    runs = [made(name, build) for name, build in (("a", "b2"), ("b", "b1"), ("c", "b1"))]

    assert archive_page(runs) == archive_page(runs[::-1])


def test_each_script_uses_what_those_before_it_gave() -> None:
    """Nothing of a later one, nothing that is not there; the policy lets all of them run."""
    page = archive_page([made("a")])
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    given: set[str] = set()
    for script in scripts:
        taken = re.findall(r"const \{([^}]*)\} = window\.codeneedle;", script)
        assert set(re.findall(r"\w+", " ".join(taken))) <= given
        gives = re.findall(r"(?:window\.codeneedle = |Object\.assign\(window\.codeneedle, )\{([^}]*)\}", script)
        given |= set(re.findall(r"\w+", " ".join(gives)))

    names = ["archive_state.js", "archive_list.js", "archive_compare.js", "archive_history.js", "archive.js"]
    assert [asset(name) for name in names] == scripts
    assert policy(scripts) in page.replace("&#39;", "'")
