"""Diffs as far as a page may show them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.text import LONGEST
from pytest_codeneedle.recall.scoring import DiffLine, aligned_diff, hidden_kinds
from pytest_codeneedle.report.page.items import MOST_LINES, shown_diff

PRIMARY = ["one()", "two()", "three()"]
PRIVATE = hidden_kinds(private=True, redact=False, embed_source=False) or ()

TEXTS = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\x1b\0\u202e\u2028\n\r ab")), max_size=60)
LINES = st.lists(TEXTS.filter(lambda text: "\n" not in text), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("private", "redact", "embed_source", "hidden"),
    [
        (False, False, False, ()),
        (True, False, False, ("hallucinated", "bonus")),
        (True, False, True, ()),
        (True, True, False, None),
        (False, True, False, None),
    ],
)
def test_who_may_see_what(private: bool, redact: bool, embed_source: bool, hidden: tuple[str, ...] | None) -> None:
    """Of private code the lines asked for and no others, unless it is said otherwise; redacted is nothing at all."""
    assert hidden == hidden_kinds(private=private, redact=redact, embed_source=embed_source)


def test_all_four_kinds_in_their_order() -> None:
    """As `aligned_diff` has them."""
    found = shown_diff(PRIMARY, ["four()"], "one()\nfour()\nwrong()", relax_indent=True, hidden=())
    assert [
        DiffLine("matched", "one()"),
        DiffLine("missing", "two()"),
        DiffLine("missing", "three()"),
        DiffLine("bonus", "four()"),
        DiffLine("hallucinated", "wrong()"),
    ] == list(found.lines)
    assert "" == found.left_out


def test_hidden_lines_are_counted() -> None:
    """Each kind by itself."""
    found = shown_diff(PRIMARY, ["four()"], "one()\nfour()\nwrong()\nbad()", relax_indent=True, hidden=PRIVATE)
    assert {"matched", "missing"} == {line.tag for line in found.lines}
    assert (
        "2 hallucinated lines not shown: the corpus is private; 1 bonus line not shown: the corpus is private"
        == found.left_out
    )


@given(LINES, TEXTS, st.booleans())
def test_nothing_hidden_is_shown(primary: list[str], response: str, relax: bool) -> None:
    """Whatever the model wrote."""
    found = shown_diff(primary, ["bonus()"], response, relax_indent=relax, hidden=PRIVATE)
    assert not {line.tag for line in found.lines} & set(PRIVATE)
    counted = sum(line.tag in PRIVATE for line in aligned_diff(primary, ["bonus()"], response, relax_indent=relax))
    assert bool(counted) == bool(found.left_out)


@given(LINES, TEXTS, st.booleans())
def test_no_code_of_a_terminal_is_in_it(primary: list[str], response: str, relax: bool) -> None:
    """Control characters, marks that turn the direction of text, separators of lines, halves of characters."""
    for line in shown_diff(primary, [], response, relax_indent=relax, hidden=()).lines:
        kinds = {unicodedata.category(char) for char in line.text if char != "\t"}
        assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.integers(0, 3 * MOST_LINES), st.integers(0, 20))
def test_a_long_answer_is_cut(wrong: int, right: int) -> None:
    """What was asked for stays, wherever it stands in the answer."""
    primary = [f"line {at}" for at in range(20)]
    response = "\n".join([f"wrong {at}" for at in range(wrong)] + primary[:right])
    found = shown_diff(primary, [], response, relax_indent=True, hidden=())
    assert primary == [line.text for line in found.lines if line.tag != "hallucinated"]
    assert min(MOST_LINES, wrong + 20) == len(found.lines)
    more = wrong + 20 - MOST_LINES
    assert ("" if more <= 0 else f"{more} more line{'s' * (more > 1)} of the answer not shown") == found.left_out


def test_more_lines_than_that_may_be_asked_for() -> None:
    """All of them are shown, and nothing else."""
    primary = [f"line {at}" for at in range(MOST_LINES + 1)]
    found = shown_diff(primary, [], "wrong\n" + primary[0], relax_indent=True, hidden=())
    assert primary == [line.text for line in found.lines]
    assert "1 more line of the answer not shown" == found.left_out


def test_a_megabyte_in_a_line_is_cut() -> None:
    """Its beginning, and how much more there is."""
    found = shown_diff(PRIMARY, [], "y" * 1_000_000, relax_indent=True, hidden=())
    assert f"{'y' * LONGEST} ... 999600 more characters" == found.lines[-1].text
