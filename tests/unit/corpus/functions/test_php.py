"""PHP functions: what names them, where their bodies begin and end, and what cannot be read."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from php_cases import CASES, NAMED, NAMELESS, Found

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.corpus.functions.extraction import extract
from pytest_codeneedle.corpus.functions.function import Function
from pytest_codeneedle.corpus.functions.lines import split_lines
from pytest_codeneedle.corpus.functions.php import functions


def found(text: str) -> list[Found]:
    """Where the functions of `text` are."""
    return [Found(f.name, f.signature_line, f.start_line, len(f.body)) for f in functions(text, source="demo.php")]


@pytest.mark.parametrize(("head", "tail"), NAMED.values(), ids=NAMED)
def test_a_function_has_the_name_it_is_given(head: str, tail: str) -> None:
    """Its own name, or that of the variable or property that it is assigned to."""
    head = head.replace("fn_", "name")
    start = 3 + head.count("\n")

    assert [
        Function(
            name="name",
            start_line=start,
            body=("  1;", "  2;"),
            language="php",
            source="demo.php",
            signature_line=2,
        )
    ] == extract(f"<?php\n{head}\n  1;\n  2;\n{tail}\n", "php", source="demo.php", min_lines=1)


@pytest.mark.parametrize(("head", "tail"), NAMELESS.values(), ids=NAMELESS)
def test_a_closure_that_nothing_names_is_left_out(head: str, tail: str) -> None:
    """No name stands where it is an argument, an element or an operand, or where a variable holds the name."""
    assert [] == found(f"<?php\n{head}\n  1;\n  2;\n{tail}\n")


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_hard_cases(text: str, expected: list[Found]) -> None:
    """Each function is found at its lines, in the order of the text, and its body is those lines."""
    assert expected == found(text)

    lines = split_lines(text)
    for function in functions(text, source="demo.php"):
        above = function.start_line - 1
        assert tuple(lines[above : above + len(function.body)]) == function.body
        assert function.name in lines[function.signature_line - 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "<?php class A { public int $b { get { return 1; } set(int $c) {\n$d = function () {\n};\n} } }",
            [Found("d", 2, 3, 0)],
        ),
        ("<?php function f() { static $g = function () {\n}; }", [Found("f", 1, 2, 0), Found("g", 1, 2, 0)]),
        ("<?php class A { public static $b = static function () {\n 1;\n}; }", [Found("b", 1, 2, 1)]),
        ("<?php $a = new A()->b(); new readonly class { const int B = 1; function f() {\n} };", [Found("f", 1, 2, 0)]),
        (
            "<?php class A { function __construct(public private(set) int $b = 1) {\n} }",
            [Found("__construct", 1, 2, 0)],
        ),
    ],
    ids=["hooks", "static-variable", "property-default", "new-without-parentheses", "asymmetric-visibility"],
)
def test_newer_php(text: str, expected: list[Found]) -> None:
    """PHP 8.3 to 8.5: hooks of a property are no functions, closures in initializers are."""
    assert expected == found(text)


def test_repeated_names_and_short_bodies_are_all_there() -> None:
    """It is `extract` that chooses among them."""
    text = "<?php class A { function f() {} }\nclass B { function f() {\n  1;\n} }"

    assert [Found("f", 1, 2, 0), Found("f", 2, 3, 1)] == found(text)
    assert [(3, ("  1;",))] == [(f.start_line, f.body) for f in extract(text, "php", source="demo.php", min_lines=1)]


pieces = st.tuples(st.sampled_from(sorted(NAMED)), st.integers(0, 4), st.integers(0, 2))


@settings(deadline=None)
@given(st.lists(pieces, max_size=6), st.sampled_from(["\n", "\r\n", "\r"]))
def test_functions_are_found_where_they_were_written(plan: list[tuple[str, int, int]], end: str) -> None:
    """Any text of these forms, with any line end, gives back what it was made of."""
    text = ["<?php"]
    expected = []
    for number, (form, length, comments) in enumerate(plan):
        head, tail = (part.replace("fn_", f"name{number}") for part in NAMED[form])
        text += ["/* \f\u2028日 */"] * comments + head.split("\n")
        start = len(text) + 1
        body = ("  f('}', $é); // {",) * length
        expected.append((f"name{number}", start - 1 - head.count("\n"), start, body))
        text += [*body, tail]

    actual = functions(end.join(text), source="demo.php")

    assert expected == [(f.name, f.signature_line, f.start_line, f.body) for f in actual]


@pytest.mark.parametrize(
    ("opening", "closing", "named"),
    [
        ("function f() {\n", "}\n", True),
        ("class A { function f() {\n", "} }\n", True),
        ("$a = function () {\n", "};\n", True),
        ("f(function () {\n", "});\n", False),
        ("if (1) {\n", "}\n", False),
    ],
    ids=["functions", "classes", "assigned", "arguments", "conditions"],
)
def test_nothing_is_nested_too_deeply(opening: str, closing: str, named: bool) -> None:
    """Python's recursion limit is no limit here: all the functions are found, and the innermost one is the last."""
    levels = 5000
    assert levels > sys.getrecursionlimit()

    *outer, inner = found("<?php\n" + opening * levels + "$b = function () {\n};\n" + closing * levels)

    assert (levels if named else 0) == len(outer)
    assert Found("b", levels + 2, levels + 3, 0) == inner


def test_a_fault_may_be_nested_deeply() -> None:
    """It is looked for without recursion too."""
    with pytest.raises(CorpusError, match=r"^demo\.php, line 5001: not PHP: unexpected "):
        found("<?php " + "if (1) {\n" * 5000 + "$a = ) ;" + "}\n" * 5000)


def test_very_long_lines_and_files() -> None:
    """A line of a megabyte and 100,000 lines are no matter."""
    long = "  $a = '" + "{x} " * 250_000 + "';"
    text = f"<?php function f() {{\n{long}\n" + "  $b = [1, '}'];\n" * 100_000 + "}\n$c = function () {\n};\n"

    first, second = functions(text, source="demo.php")

    assert ("f", 2, 100_001, long) == (first.name, first.start_line, len(first.body), first.body[0])
    assert ("c", 100_005) == (second.name, second.start_line)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<?php\nfunction f() {\n  $a = 1\n  $b = 2;\n}\n", "line 3: not PHP: unexpected '1'"),
        ("<?php\nclass A {\n  function f() {\n    if (1) {\n  }\n}\n", "line 6: not PHP: '}' is missing"),
        ("<?php\nfunction f( {\n}\n", "line 2: not PHP: ')' is missing"),
        ("<?php\r\rfunction f() {\r}\r}\r", "line 5: not PHP: unexpected '}'"),
        ("<?php\n/* ä */ $x = 'ä\n" + "x" * 50, "line 2: not PHP: unexpected \"$x = 'ä\\n" + "x" * 32 + '"...'),
        ("<?php\n\ndef f():\n    pass\n", "line 3: not PHP: unexpected '):'"),
        ("<?php\n// \ud800\n", "line 2: not PHP: 'utf-8' codec can't encode character '\\ud800'"),
        ("<?php {\n__halt_compiler();\n } } ' ", 'line 3: not PHP: unexpected "} \' "'),
    ],
    ids=["unexpected", "missing-at-the-end", "missing", "carriage-returns", "shortened", "python", "surrogate", "halt"],
)
def test_a_text_that_does_not_parse_names_source_line_and_finding(text: str, reason: str) -> None:
    """The line is that of the parser's first finding, which is quoted in one short line."""
    with pytest.raises(CorpusError) as caught:
        found(text)

    assert str(caught.value).startswith(f"demo.php, {reason}")
    assert "\n" not in str(caught.value)
