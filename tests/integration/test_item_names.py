"""Test ids of functions whose names no test id can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .lab import matched

if TYPE_CHECKING:
    from .lab import Lab

NAMES = ("a::b", "c[d]", "e/f", "g h", "ü-1", "$ok", "", "\\\\x")


@pytest.mark.slow
def test_names_that_would_break_test_ids(lab: Lab) -> None:
    """Such characters are `_` in ids; rows have the names as they are, and each item can be run by its id."""
    body = "\n".join(f"    x{number};" for number in range(20))
    text = "\n".join(f'    "{name}": function() {{\n{body}\n    }},' for name in NAMES)
    lab.write("src/a.js", f"var o = {{\n{text}\n}};\n")
    lab.write("corpora/odd.toml", '[files]\ndirectory = "src"\nglob = "*.js"\n')
    arguments = ("--kv-pairs", "q8_0/q4_0", "--kv-model", "control:robust")
    ids = lab.ids(*arguments, corpus="odd")
    assert len(NAMES) == len(set(ids))
    assert {"test_recall[q8_0/q4_0-a__b]", "test_recall[q8_0/q4_0-c_d_]", "test_recall[q8_0/q4_0-$ok]"} <= set(ids)
    assert not any(odd in one.partition("-")[2][:-1] for one in ids for odd in ("::", "[", "]", "/", " "))

    result = lab.grid(*arguments, "--kv-prompt", "codeneedle", "-n", "2", corpus="odd")
    assert {("q8_0", "q4_0")} == set(matched(result))
    assert {name.replace("\\\\", "\\") for name in NAMES} == {row["function"] for row in lab.rows()}
