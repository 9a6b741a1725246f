"""What is private in the text of others, in all the ways in which text is written down."""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.generate import RandomBodies
from pytest_codeneedle.withheld import LEAST, Withheld

if TYPE_CHECKING:
    from collections.abc import Callable

LINES = RandomBodies(functions=4, body_lines=20).text().split("\n")
CODE = [*LINES, "", "if (größe > 3) {", '    echo "<b>Straße</b>\\n";', "}", "    return a", ""]
TEXT = "\n".join(CODE)
NAMES = ["handle_request_of_users"]
CORPUS = Withheld(f"def {NAMES[0]}():\n{TEXT}", NAMES)

WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in JSON": json.dumps,
    "in JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "in Python": repr,
    "as bytes": lambda text: repr(text.encode()),
    "in HTML": html.escape,
    "JSON in HTML, twice": lambda text: html.escape(html.escape(json.dumps(text))),
    "in a URL": quote,
    "on one line": lambda text: " ".join(text.split()),
    "without white space": lambda text: "".join(text.split()),
    "with marks": lambda text: "\n".join(f"E   > {line}" for line in text.split("\n")),
    "with numbers": lambda text: "\n".join(f"{at:>4} | {line}" for at, line in enumerate(text.split("\n"))),
    "in capitals": lambda text: "".join(char.upper() if char.isascii() else char for char in text),
    "cut off": lambda text: text[7:-5],
    "left out in the middle": lambda text: f"{text[: len(text) // 2 - 20]}...{text[len(text) // 2 :]}",
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64, cut off": lambda text: base64.b64encode(text.encode()).decode()[5:],
    "in hexadecimal": lambda text: text.encode().hex(),
    "as tokens": lambda text: json.dumps(text.split(" ")),
    "as tokens with ids": lambda text: json.dumps([{"id": at, "token": one} for at, one in enumerate(text.split())]),
}


def left(shown: str) -> list[str]:
    """The lines of the corpus that are still shown."""
    return [line for line in map(str.strip, LINES) if len(line) >= 2 * LEAST and line in shown]


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_however_it_is_written(written: Callable[[str], str]) -> None:
    """Nothing of the quotation is left; what stands around it is."""
    quoted = written("\n".join(CODE[30:-1]))
    shown = CORPUS.taken_out(f"HTTP 500: cannot parse, messages = {quoted}; give a shorter one")
    assert shown.startswith("HTTP 500: cannot parse, messages = ")
    assert shown.endswith("; give a shorter one")
    assert " characters of the corpus]" in shown
    assert len(shown) < 160 + 6 * LEAST
    assert "stra" not in shown.lower()


@given(st.integers(0, len(TEXT) - 60), st.integers(40, 2000), st.sampled_from(sorted(WRITTEN)))
def test_wherever_it_was_cut_out(start: int, length: int, way: str) -> None:
    """No whole line of it is shown."""
    quoted = TEXT[start : start + length]
    assert [] == left(CORPUS.taken_out(f"oops: {WRITTEN[way](quoted)}"))


def test_how_long_it_was_is_said() -> None:
    """In its place; the quote at its end is nobody's."""
    line = LINES[3].strip()
    assert f'near <[{len(line) - 1} characters of the corpus]">' == CORPUS.taken_out(f"near <{line}>")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bf16/bf16: HTTP 500: the server broke off its answer. The last lines of servers/bf16-bf16.log:\n(it is empty)",
        f"test_recall[q8_0/q4_0-{NAMES[0]}]: 3 of 20 lines recalled",
        "return",
        "20.00 20.00 19.50 20.00 18.25 20.00 20.00 20.00",
        "ab",
    ],
)
def test_what_is_no_quotation(text: str) -> None:
    """Words of a server, names, figures."""
    assert text == CORPUS.taken_out(text)


def test_a_short_line_is_one_where_it_stands_alone() -> None:
    """Of a few characters all have to be the same."""
    assert "1\n    [8 characters of the corpus]\nreturn b" == CORPUS.taken_out("1\n    return a\nreturn b")


def test_ids_of_tokens() -> None:
    """They are the text."""
    assert "prompt: [[numbers that may be tokens]]" == CORPUS.taken_out(f"prompt: {list(range(3, 500))}")
    assert "1, 2, 3" == CORPUS.taken_out("1, 2, 3")


def test_long_texts_are_cut() -> None:
    """And it is said: an error begins with what it says and ends with a log."""
    assert "x ... 80007 more characters ... x" in CORPUS.taken_out("x" * 400_007)


@given(st.text("\\&%;ux00np\"'[]{}<> ,1a\n", max_size=300))
def test_any_text_goes_through(text: str) -> None:
    """Half an escape is text."""
    assert len(CORPUS.taken_out(text)) <= len(text) + 40
