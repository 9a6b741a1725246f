"""Text of others, fit for a terminal."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.text import LONGEST, printable, shown_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\rc\0", "a\\nb\\rc\\x00"),
        ("\u202eabc\u2028", "\\u202eabc\\u2028"),
        ("\ud83d", "\\ud83d"),
        ("a\u200bb\xadc\ufeff\u3164\ufe0f\u2800", "a\\u200bb\\xadc\\ufeff\\u3164\\ufe0f\\u2800"),
        ("\tü €", "\tü €"),
    ],
)
def test_codes_stay_text(text: str, shown: str) -> None:
    """Control and formatting characters are escaped; letters and tabs are as they are."""
    assert shown == printable(text)


def test_no_category_is_forgotten() -> None:
    """As Unicode has them."""
    every = map(chr, range(sys.maxunicode + 1))
    unsafe = [char for char in every if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and char != "\t"]
    assert [] == [char for char in unsafe if printable(char) == char]


@given(st.text())
def test_what_is_shown_is_shown_as_it_is(text: str) -> None:
    """Escaping twice is escaping once, and the result is one line that can be encoded."""
    once = printable(text)
    assert once == printable(once)
    assert "\n" not in once
    assert once == once.encode().decode()


@given(st.text(max_size=3 * LONGEST))
def test_a_long_line_is_cut(text: str) -> None:
    """Up to the limit a line is whole; of a longer one the beginning is shown, and how much is not."""
    if len(text) <= LONGEST:
        assert printable(text) == shown_line(text)
    else:
        assert f"{printable(text[:LONGEST])} ... {len(text) - LONGEST} more characters" == shown_line(text)


def test_a_line_of_a_megabyte_is_short() -> None:
    """Whatever it is made of."""
    assert "\\x00" * LONGEST + " ... 999600 more characters" == shown_line("\0" * 1_000_000)
