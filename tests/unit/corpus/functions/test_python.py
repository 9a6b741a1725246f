"""Python functions: where their bodies begin and end, and what cannot be read."""

from __future__ import annotations

import http.server
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.corpus.functions.extraction import extract
from pytest_codeneedle.corpus.functions.function import Function


def extracted(text: str, min_lines: int = 1) -> list[Function]:
    """The functions of `text`, short ones too."""
    return extract(text, "python", source="demo.py", min_lines=min_lines)


def test_a_body_begins_with_the_docstring_and_ends_with_the_last_statement() -> None:
    """Comments before the first statement belong to the header, and those after the last to nobody."""
    text = 'async def f(\n    a,\n):\n    # why\n    """Doc."""\n\n    return (\n        a\n    )\n    # end\n'

    assert [
        Function(
            name="f",
            start_line=5,
            body=('    """Doc."""', "", "    return (", "        a", "    )"),
            language="python",
            source="demo.py",
            signature_line=1,
        )
    ] == extracted(text)


def test_a_decorator_is_not_the_signature() -> None:
    """The signature line is that of `def`, below its decorators."""
    (function,) = extracted("@one\n@two(\n)\ndef f():\n    pass\n")

    assert (4, 5) == (function.signature_line, function.start_line)


def test_a_decorated_first_statement_begins_at_its_def() -> None:
    """As in the public harness, decorators of an inner function that comes first are not in the body."""
    outer, _ = extracted("def outer():\n    @wraps\n    def inner():\n        pass\n    return inner\n")

    assert 3 == outer.start_line
    assert ("    def inner():", "        pass", "    return inner") == outer.body


def test_a_body_on_the_line_of_def_begins_there() -> None:
    """As in the public harness, a body that begins on the line of `def` takes that line along."""
    (function,) = extracted("def f(): return [\n    1,\n]\n")

    assert (1, 1) == (function.signature_line, function.start_line)
    assert ("def f(): return [", "    1,", "]") == function.body


def test_outer_functions_come_before_inner_ones() -> None:
    """The order is breadth-first, as `ast.walk` and the public harness give it."""
    text = (
        "def a():\n    def b():\n        def c():\n            pass\n"
        "class D:\n    def e(self):\n        pass\ndef f():\n    pass\n"
    )

    assert ["a", "f", "b", "e", "c"] == [function.name for function in extracted(text)]


def test_form_feeds_do_not_shift_lines() -> None:
    """A form feed on a line of its own is one line to the parser, and to us."""
    (function,) = extracted("x = 1\n\f\ndef f():\n    y = '\x1c\u2028'\n")

    assert (4, ("    y = '\x1c\u2028'",)) == (function.start_line, function.body)


@dataclass(frozen=True)
class Written:
    """One function of a generated text, as it is written."""

    keyword: str
    method: bool
    comments: int
    statements: tuple[str, ...]


STATEMENTS = ("x = 1", '"""Text."""', "y = [\n{indent}    1,\n{indent}]", "if x:\n{indent}    pass")

written = st.builds(
    Written,
    keyword=st.sampled_from(["def", "async def"]),
    method=st.booleans(),
    comments=st.integers(0, 3),
    statements=st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=6).map(tuple),
)


def write(plan: list[Written]) -> tuple[list[str], list[tuple[str, int, int, tuple[str, ...]]]]:
    """The lines of a text with the functions of `plan`, and (name, signature, start, body) of each."""
    text: list[str] = []
    expected = []
    for number, function in enumerate(plan):
        text += [f"class C{number}:"] * function.method + ["# \f comment"] * (1 - function.method)
        outer = "    " * function.method
        text.append(f"{outer}{function.keyword} f{number}():")
        signature = len(text)
        text += [f"{outer}    # comment"] * function.comments
        start = len(text) + 1
        for statement in function.statements:
            text += f"{outer}    {statement}".format(indent=outer + "    ").split("\n")
        expected.append((f"f{number}", signature, start, tuple(text[start - 1 :])))
        text += ["", "# after"]
    return text, expected


@given(st.lists(written, max_size=6), st.sampled_from(["\n", "\r\n", "\r"]))
def test_functions_are_found_where_they_were_written(plan: list[Written], end: str) -> None:
    """Any text of functions and methods, with any line end, gives back what it was made of."""
    text, expected = write(plan)

    found = extracted(end.join(text))

    assert expected == sorted([(f.name, f.signature_line, f.start_line, f.body) for f in found], key=lambda row: row[1])


def test_a_syntax_error_names_source_line_and_reason() -> None:
    """A text that is not Python is a corpus error that leads to the place."""
    with pytest.raises(CorpusError, match=r"^demo\.py, line 2: not Python [\d.]+: '\(' was never closed$"):
        extracted("x = 1\ny = (\n")


def test_a_lone_surrogate_is_a_corpus_error() -> None:
    """Text that cannot be encoded is told of with its source."""
    with pytest.raises(CorpusError, match=r"^demo\.py: not Python [\d.]+: .*surrogates not allowed"):
        extracted("x = '\ud800'")


def test_a_nul_is_a_corpus_error() -> None:
    """A NUL character, which the parser refuses in its own way, is told of with its source."""
    with pytest.raises(CorpusError, match=r"^demo\.py.*: not Python [\d.]+: .*null bytes"):
        extracted("x = 1\0")


def test_deep_nesting_is_a_corpus_error() -> None:
    """What overruns the parser's stack ends in a message, not in a crash."""
    with pytest.raises(CorpusError, match=r"^demo\.py: nested too deeply"):
        extracted("-" * 100_000 + "1")


def test_warnings_of_the_corpus_stay_in_it() -> None:
    """Invalid escapes and comparisons that Python warns of raise no warning here."""
    text = "def f():\n    a = '\\d'\n    return a is 1\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert ["f"] == [function.name for function in extracted(text)]


def test_http_server_has_its_known_functions() -> None:
    """Python's own http/server.py gives functions whose quoted header and body stand in it as told."""
    path = Path(http.server.__file__)
    text = path.read_text(encoding="utf-8")

    found = extract(text, "python", source=path.name)

    assert {"parse_request", "send_head", "list_directory"} <= {function.name for function in found}
    for function in found:
        assert "\n" + "\n".join(function.body) + "\n" in text
        assert re.match(rf"\s*def {function.name}\(", text.split("\n")[function.signature_line - 1]), function.name
