"""What is wrong with a text of JSON or TOML is a ValueError, whatever the parsers raise."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_codeneedle.core.parsing import parse_json, parse_toml


@given(st.text())
@example("[" * 100_000)
@example('{"a":' * 100_000)
@example("9" * 5_000)
def test_any_text_is_json_or_a_value_error(text: str) -> None:
    """Nothing else comes out of it."""
    with contextlib.suppress(ValueError):
        parse_json(text)


@given(st.text())
@example("a = " + "[" * 100_000)
@example("a = " + "{b=" * 100_000)
@example("a = " + "9" * 5_000)
def test_any_text_is_toml_or_a_value_error(text: str) -> None:
    """Likewise."""
    with contextlib.suppress(ValueError):
        assert isinstance(parse_toml(text), dict)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_figures_that_are_none(constant: str) -> None:
    """Python reads them; where figures are wanted they are refused."""
    assert isinstance(parse_json(constant), float)
    with pytest.raises(ValueError, match=f"^{constant} is no figure$"):
        parse_json(f"[{constant}]", finite=True)
