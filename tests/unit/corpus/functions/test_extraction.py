"""What all languages share: lines, dispatch, and which of several functions of one name counts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.corpus.functions.extraction import LANGUAGES, extract
from pytest_codeneedle.corpus.functions.lines import split_lines

LINE_ENDS = ("\n", "\r\n", "\r")

#: Characters at which `str.splitlines` would split, and `split_lines` must not.
NO_LINE_ENDS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"

lines = st.lists(st.text(st.sampled_from("ab " + NO_LINE_ENDS), max_size=5), min_size=1, max_size=10)


@given(lines, st.sampled_from(LINE_ENDS))
def test_lines_come_back_as_they_were_joined(parts: list[str], end: str) -> None:
    """Lines joined with any one line end are split into the same lines."""
    assert parts == split_lines(end.join(parts))


@given(st.text(st.sampled_from("ab\r\n" + NO_LINE_ENDS)))
def test_there_is_one_line_more_than_line_ends(text: str) -> None:
    r"""Line ends are \r\n, \r and \n, mixed in any way, and no other character."""
    normal = text.replace("\r\n", "\n").replace("\r", "\n")

    assert normal == "\n".join(split_lines(text))
    assert normal.count("\n") + 1 == len(split_lines(text))


def test_lines_of_the_empty_text() -> None:
    """An empty text has one empty line."""
    assert [""] == split_lines("")


def test_an_unknown_language_is_named_with_the_known_ones() -> None:
    """A language that nobody reads is a corpus error that says what could be read."""
    reason = "demo.rb: unknown language 'ruby'; known: javascript, php, python"

    with pytest.raises(CorpusError, match=f"^{re.escape(reason)}$"):
        extract("", "ruby", source="demo.rb")


def test_languages_by_suffix() -> None:
    """Those of Python, JavaScript (with JSX) and PHP are known."""
    assert {
        ".py": "python",
        ".pyw": "python",
        ".pyi": "python",
        ".jsx": "javascript",
        ".js": "javascript",
        ".mjs": "javascript",
        ".cjs": "javascript",
        ".php": "php",
        ".phtml": "php",
        ".inc": "php",
    } == LANGUAGES


@pytest.mark.parametrize("language", sorted(set(LANGUAGES.values())))
def test_every_known_language_reads_the_empty_text(language: str) -> None:
    """No language fails on an empty text: it has no functions."""
    assert [] == extract("", language, source="empty")


PYTHON = """\
def twice():
    short = 1

def once():
    a = 1
    b = 2

class Other:
    def twice(self):
        c = 3
        d = 4

    def once(self):
        e = 5
        f = 6
"""


def test_the_first_long_enough_function_of_a_name_wins() -> None:
    """A function that is too short does not take its name from a longer one further down."""
    found = extract(PYTHON, "python", source="demo.py", min_lines=2)

    assert [("once", 5), ("twice", 10)] == [(function.name, function.start_line) for function in found]


@pytest.mark.parametrize(("min_lines", "names"), [(1, ["twice", "once"]), (2, ["once", "twice"]), (3, [])])
def test_a_body_needs_min_lines(min_lines: int, names: list[str]) -> None:
    """Bodies of exactly `min_lines` lines count, shorter ones do not."""
    found = extract(PYTHON, "python", source="demo.py", min_lines=min_lines)

    assert names == [function.name for function in found]


@pytest.mark.parametrize("length", [19, 20])
@pytest.mark.parametrize(
    ("language", "head", "tail"),
    [("python", "def f():", ""), ("javascript", "function f() {", "}"), ("php", "<?php function f() {", "}")],
)
def test_twenty_lines_are_long_enough_unless_told(language: str, head: str, tail: str, length: int) -> None:
    """Without `min_lines`, a body has to have the 20 lines of the benchmark."""
    text = "\n".join([head, *["    1;"] * length, tail])

    assert (length >= 20) == bool(extract(text, language, source="demo"))
