"""--kv-baseline: a stored run decides the exit status.

Sessions go on with altered copies of one real run: their answers are judged anew, and no server is started.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from pytest_codeneedle.cli import main
from pytest_codeneedle.plugin.hooks import SUITE

from .lab import read_about, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .lab import Lab

LOW = ("q4_0", "q4_0")
PAIRS = ("--kv-pairs", "q8_0/q8_0,q4_0/q4_0")
SAME = "nothing is worse: a mean loss of 0.90 lines would have been seen"


@pytest.fixture
def base(lab: Lab, sweep: Path) -> Path:
    """The run, saved as a file in the lab."""
    assert 0 == main(["baseline", "save", str(sweep), "-o", str(lab.path / "base.json")])
    return lab.path / "base.json"


def altered(lab: Lab, sweep: Path, name: str, answers: Callable[[int, str], str]) -> str:
    """A copy of the run with other answers in its lowest pair, given the number of the function and its answer."""
    folder = shutil.copytree(sweep, lab.path / name)
    rows = read_rows(folder)
    low = sorted((row for row in rows if (row["ctk"], row["ctv"]) == LOW), key=lambda row: row["function"])
    for number, row in enumerate(low):
        row["response"] = answers(number, row["response"])
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "results.jsonl").write_text(lines, encoding="utf-8")
    return name


def first(lines: int, of: int = 8) -> Callable[[int, str], str]:
    """Answers that end after so many lines, for the first so many functions."""
    return lambda number, text: "".join(text.splitlines(keepends=True)[:lines]) if number < of else text


def session(lab: Lab, run: str, *arguments: str) -> pytest.RunResult:
    """Go on with that run."""
    return lab.grid(*PAIRS, "--kv-out", run, "--kv-resume", *arguments, corpus=None)


def test_worse(lab: Lab, sweep: Path, base: Path) -> None:
    """1 where the lowest pair lost two lines of each function, though every test passes."""
    junit = ("--junitxml", "junit.xml")
    worse = session(lab, altered(lab, sweep, "worse", first(18)), "--kv-baseline", "base.json", *junit)
    assert (1, {"passed": 16}) == (worse.ret, worse.parseoutcomes())
    worse.stdout.fnmatch_lines(["*= KV-cache gate: random-bodies-mini against base.json =*"])
    assert "lowest pair q4_0/q4_0   20.00   18.00   -2.00  0.012  worse" in worse.outlines
    assert "worse: mean of all cells -1.00 lines (p = 0.012); lowest pair q4_0/q4_0 -2.00" in worse.outlines
    assert "1 other cell: each function's lines are the same" in worse.outlines
    assert "exit status 1: decided by the comparison, though no item failed" in worse.outlines
    written = ET.parse(lab.path / "junit.xml").iter("property")
    properties = {one.attrib["name"]: one.attrib["value"] for one in written}
    assert properties["codeneedle.random-bodies-mini.gate"].startswith("worse: mean of all cells -1.00 lines")
    facts = json.loads(properties["codeneedle.random-bodies-mini.gate_json"])
    assert (True, "base.json", "this run") == (facts["worse"], facts["old"], facts["new"])


@pytest.mark.slow
def test_flips_and_expected_failures(lab: Lab, sweep: Path, base: Path) -> None:
    """Two functions that fail decide nothing; where they failed then, they are expected to, here and in JUnit."""
    name = altered(lab, sweep, "flips", first(3, of=2))
    flips = session(lab, name, "--kv-baseline", "base.json")
    assert (0, {"passed": 14, "failed": 2}) == (flips.ret, flips.parseoutcomes())
    assert "exit status 0: decided by the comparison, not by 2 failed items" in flips.outlines
    flips.stdout.fnmatch_lines(["nothing is significantly worse: *", "passed then, fails now (2): q4_0/q4_0 *"])

    then = shutil.copytree(lab.path / name, lab.path / "then")
    again = session(lab, name, "--kv-baseline", "then", "-n", "2", "--junitxml", "junit.xml", "-rx")
    assert (0, {"passed": 14, "xfailed": 2}) == (again.ret, again.parseoutcomes())
    assert SAME in again.outlines
    assert 2 == sum(line.startswith("XFAIL ") and "failed in the baseline too" in line for line in again.outlines)
    assert 2 == (lab.path / "junit.xml").read_text(encoding="utf-8").count('type="pytest.xfail"')
    assert {"passed": 14, "failed": 2, "error": 0} == read_about(lab.path / name)["outcomes"]
    failed = [row for row in read_rows(then) if row["outcome"] == "failed"]
    assert [3, 3] == [row["primary_matched"] for row in failed]


@pytest.mark.slow
def test_no_answer(lab: Lab, sweep: Path, base: Path) -> None:
    """A question that gives no answer any more is worse; one of another test's fails the session as ever."""
    name = altered(lab, sweep, "silent", first(0, of=1))
    silent = session(lab, name, "--kv-baseline", "base.json")
    assert (1, {"passed": 15, "errors": 1}) == (silent.ret, silent.parseoutcomes())
    assert "worse: 1 question gave an answer and gives none now" in silent.outlines

    lab.write("test_own.py", "def test_own():\n    assert False\n")
    own = session(
        lab, altered(lab, sweep, "own", first(3, of=1)), "--kv-baseline", "base.json", str(SUITE), "test_own.py"
    )
    assert (1, {"passed": 15, "failed": 2}) == (own.ret, own.parseoutcomes())
    assert "exit status 1: 1 failure is none of the comparison's" in own.outlines


def test_refused(lab: Lab, sweep: Path, base: Path) -> None:
    """Before a server starts: missing, damaged, of another text, asked otherwise, or about nothing that is asked."""
    lab.corpus("other", functions=2)
    run = ("--kv-baseline", "base.json")
    assert "nowhere.json cannot be read: No such file or directory" in lab.refused("--kv-baseline", "nowhere.json")
    assert "--kv-baseline base.json is of another corpus: random-bodies-mini, other: sha256 was 7be" in lab.refused(
        *run, "--corpus", "other"
    )
    assert "lines was 20, is 10; --kv-lines 20" in lab.refused(*run, "--kv-lines", "10")
    assert "prompt was quoted, is codeneedle" in lab.refused(*run, "--kv-prompt", "codeneedle")
    assert "indentation was ignored, is compared" in lab.refused(*run, "--kv-strict-indent")
    assert "has none of the cells that are asked; it has q4_0/q4_0, q8_0/q8_0" in lab.refused(
        *run, "--kv-pairs", "q4_0/q8_0"
    )
    assert f"base.json and {sweep} are both about random-bodies-mini; give one" in lab.refused(
        *run, "--kv-baseline", str(sweep)
    )
    assert "to 3 functions of those that are asked of random-bodies-mini" in lab.refused(*run, "--kv-functions", "3")
    both = ("--corpus", "random-bodies-mini", "--corpus", "other")
    assert "no baseline is about other (there is random-bodies-mini); give one for each" in lab.refused(*run, *both)
    saved = json.loads(base.read_text(encoding="utf-8"))
    silent = {cell: {**figures, "matched": [None] * 8} for cell, figures in saved["cells"].items()}
    (lab.path / "silent.json").write_text(json.dumps({**saved, "cells": silent}), encoding="utf-8")
    assert "silent.json has no answer: there is nothing to hold" in lab.refused("--kv-baseline", "silent.json")
    base.write_text(base.read_text(encoding="utf-8")[:-50], encoding="utf-8")
    lab.pytester.makeini("[pytest]\nkv_baseline = base.json\n")
    assert "base.json is no baseline: not JSON" in lab.refused()


@pytest.mark.slow
def test_several_corpora(lab: Lab) -> None:
    """A folder with a run for each, as --kv-out is; a run that is not asked for any more is no matter."""
    lab.corpus("tiny", functions=5)
    lab.corpus("second", functions=5, seed=7)
    one = ("--kv-pairs", "q4_0/q4_0")
    lab.grid(*one, "--corpus", "second", "--kv-out", "out")
    result = lab.grid(*one, "--corpus", "second", "--kv-out", "new", "--kv-baseline", "out")
    assert (0, {"passed": 10}) == (result.ret, result.parseoutcomes())
    result.stdout.fnmatch_lines(
        ["*KV-cache gate: tiny against out/tiny*", "*KV-cache gate: second against out/second*"]
    )
    part = lab.grid(*one, "--corpus", "second", "--kv-baseline", "out", "-k", "tiny")
    assert (1, {"passed": 5, "deselected": 5}) == (part.ret, part.parseoutcomes())
    part.stdout.fnmatch_lines(
        [
            "not compared: out/second and this run have no cell in common: *",
            "exit status 1: second could not be held against the baseline",
        ]
    )
    alone = lab.grid(*one, "--kv-baseline", "out")
    alone.stdout.fnmatch_lines(["*KV-cache gate: tiny against out/tiny*", "nothing is worse: a mean loss of *"])


@pytest.mark.slow
def test_another_rope(lab: Lab, sweep: Path, base: Path) -> None:
    """Real answers of a server whose positions are stretched: by a tenth a flip or none, by half all is lost."""
    stretched = lab.grid(*PAIRS, "--kv-baseline", "base.json", "--kv-server-args=--rope-freq-scale=0.9", corpus=None)
    assert 0 == stretched.ret
    lost = lab.grid(
        *PAIRS, "--kv-baseline", "base.json", "-n", "2", "--kv-server-args=--rope-freq-scale=0.5", corpus=None
    )
    assert 1 == lost.ret
    assert "lowest pair q4_0/q4_0   20.00    0.00  -20.00  0.012  worse" in lost.outlines
    lost.stdout.fnmatch_lines(["server_args was *", "*--rope-freq-scale=0.5"])


@pytest.mark.slow
def test_another_cut(lab: Lab, base: Path) -> None:
    """What a tokenizer left of the text is known once a server has counted: refused then, and no folder stays."""
    known = json.loads(base.read_text(encoding="utf-8"))
    base.write_text(json.dumps({**known, "corpus_sha256": "0" * 64}), encoding="utf-8")
    result = lab.grid(*PAIRS, "--kv-baseline", "base.json", "--kv-out", "new", corpus=None)
    assert pytest.ExitCode.USAGE_ERROR == result.ret
    assert "leaves another part of random-bodies-mini with this model: sha256 was 000000000000" in "".join(
        result.errlines
    )
    assert not (lab.path / "new").exists()


@pytest.mark.slow
def test_another_sample_of_a_cut_text(lab: Lab) -> None:
    """Which functions are left of a trimmed corpus is known before a cell starts: none in common is a usage error."""
    lab.write("src/code.py", "")
    assert 0 == main(["generate", "random-bodies", "--functions", "9", "-o", str(lab.path / "src" / "code.py")])
    trim = '[files]\ndirectory = "src"\nglob = "*.py"\n[trim]\nmax_tokens = 90000\n[sample]\nk = 1\n'
    lab.write("corpora/cut.toml", trim)
    one = ("--kv-pairs", "q4_0/q4_0", "--kv-model", "control:robust")
    lab.grid(*one, "--kv-out", "out", corpus="cut")
    again = lab.grid(*one, "--kv-out", "new", "--kv-baseline", "out", "--kv-seed", "7", corpus="cut")
    assert pytest.ExitCode.USAGE_ERROR == again.ret
    assert "--kv-baseline out has none of the functions that are asked (its --kv-seed was 42)" in "".join(
        again.errlines
    )
    assert not (lab.path / "new").exists()
