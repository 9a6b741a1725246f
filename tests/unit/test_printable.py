"""Text of others, fit for a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\rc\0", "a\\nb\\rc\\x00"),
        ("\u202eabc\u2028", "\\u202eabc\\u2028"),
        ("\ud83d", "\\ud83d"),
        ("\tü €", "\tü €"),
    ],
)
def test_codes_stay_text(text: str, shown: str) -> None:
    """Control and formatting characters are escaped; letters and tabs are as they are."""
    assert shown == printable(text)


@given(st.text())
def test_what_is_shown_is_shown_as_it_is(text: str) -> None:
    """Escaping twice is escaping once, and the result is one line that can be encoded."""
    once = printable(text)
    assert once == printable(once)
    assert "\n" not in once
    assert once == once.encode().decode()
