"""The esprima path on its own: what it leaves to the other parser, and what a key means."""

from __future__ import annotations

import pytest

from pytest_codeneedle.corpus.functions.function import NamedBlock
from pytest_codeneedle.corpus.functions.javascript_esprima import key_value, named_blocks


def test_places_are_offsets_into_the_text() -> None:
    """Characters count, not UTF-16 units nor bytes: where the name is given, and the two braces."""
    text = "/* é😀 */ async function fn() { 1; }"

    assert [NamedBlock("fn", text.index("async"), text.index("{"), len(text) - 1)] == named_blocks(text)


@pytest.mark.parametrize(
    "text",
    [
        "a?.b;",
        "a `t${ } b `",
        "a..",
        "class A { static { } }",
        "'\\u{110000}'",
        "(" * 100_000,
        "[" * 10_000 + "]" * 10_000,
        "f = " + "a => " * 10_000 + "1;",
    ],
    ids=["chain", "assertion", "index", "static", "range", "open", "arrays", "arrows"],
)
def test_what_esprima_cannot_read_is_none(text: str) -> None:
    """However it fails: by its own error, by one of Python's, or by recursion."""
    assert None is named_blocks(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fn", "fn"),
        ("class", "class"),
        (r"\u0066\u{6e}", "fn"),
        ("'f n'", "f n"),
        (r'"\x66\n\u{1F600}"', "f\n😀"),
        ("0x10", "16"),
        ("1.50", "1.5"),
        ("1e3", "1000"),
        ("1_000", None),
        ("#fn", None),
    ],
)
def test_a_key_has_the_value_that_it_means(key: str, value: str | None) -> None:
    """Escapes are resolved, and numbers are what Python makes of their values."""
    assert value == key_value(key)
