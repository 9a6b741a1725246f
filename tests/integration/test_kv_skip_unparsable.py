"""--kv-skip-unparsable."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_codeneedle.corpus.random_bodies import RandomBodies

from .lab import matched

if TYPE_CHECKING:
    from .lab import Lab

ARGUMENTS = ("--kv-pairs", "q8_0/q4_0", "--kv-model", "control:robust", "--corpus", "mine")


def tree(lab: Lab) -> None:
    """A folder with code, something that is none, and bytes that are no text."""
    lab.write("corpora/mine.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n')
    lab.write("src/a.py", RandomBodies(functions=1, body_lines=20).text())
    lab.write("src/b.py", "x = 1\ndef broken(:\n")
    (lab.path / "src" / "c.py").write_bytes(b"\xff\xfe")


def test_without_it_such_a_file_is_a_usage_error(lab: Lab) -> None:
    """With the file, the line, what the parser says, and the ways out."""
    tree(lab)
    (lab.path / "src" / "c.py").unlink()
    message = lab.refused(*ARGUMENTS)
    assert re.search(r"b\.py, line 2: not Python 3\.\d+: invalid syntax; exclude the file", message)
    assert "--kv-skip-unparsable" in message


def test_with_it_they_are_left_out_and_counted(lab: Lab) -> None:
    """On the terminal and in run.json, each with its reason."""
    tree(lab)
    result = lab.grid(*ARGUMENTS, "--kv-skip-unparsable", corpus=None)
    assert {("q8_0", "q4_0"): "20.00"} == matched(result)
    assert "kv-grid: mine: left out, cannot be read as code: c.py, b.py (run.json says why)" in result.outlines
    about = lab.about()
    assert ["a.py"] == about["corpus_files"]
    assert ["b.py", "c.py"] == sorted(about["skipped_files"])
    assert about["skipped_files"]["b.py"].startswith("b.py, line 2: not Python ")
    wide = 'c.py: not UTF-8 at byte 0; it may be UTF-16: set encoding = "utf-16", or exclude the file'
    assert wide == about["skipped_files"]["c.py"]


def test_fewer_functions_than_wanted_are_all_asked_for(lab: Lab) -> None:
    """And it is said."""
    tree(lab)
    result = lab.grid(*ARGUMENTS, "--kv-skip-unparsable", corpus=None)
    assert "kv-grid: mine: 16 functions are wanted and 1 are there: all are asked for" in result.outlines
