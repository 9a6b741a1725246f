"""JavaScript functions: what names them, where their bodies begin and end, and what cannot be read."""

from __future__ import annotations

import hashlib
import importlib.resources
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.corpus.functions.extraction import extract
from pytest_codeneedle.corpus.functions.function import Function
from pytest_codeneedle.corpus.functions.lines import split_lines


def extracted(text: str, min_lines: int = 1) -> list[Function]:
    """The functions of `text`, short ones too."""
    return extract(text, "javascript", source="demo.js", min_lines=min_lines)


#: Every way to give a function the name `fn`, as what stands before and after its body's lines.
NAMED = {
    "declaration": ("function fn() {", "}"),
    "generator": ("function* fn() {", "}"),
    "async": ("async function fn() {", "}"),
    "exported": ("export function fn() {", "}"),
    "default": ("export default function fn() {", "}"),
    "own-name": ("var other = function fn() {", "};"),
    "called": ("(function fn() {", "})();"),
    "variable": ("const fn = function () {", "};"),
    "arrow": ("let fn = () => {", "};"),
    "async-arrow": ("let fn = async x => {", "};"),
    "assigned": ("fn = function () {", "};"),
    "member": ("a.b.fn = function () {", "};"),
    "chained": ("a.first = a.fn = () => {", "};"),
    "computed-member": ("a[ fn ] = function () {", "};"),
    "property": ("var o = { fn: function () {", "} };"),
    "quoted-property": ("var o = { 'fn': () => {", "} };"),
    "computed-property": ("var o = { [fn]: () => {", "} };"),
    "shorthand": ("var o = { fn() {", "} };"),
    "getter": ("var o = { get fn() {", "} };"),
    "method": ("class A { fn() {", "} }"),
    "static-method": ("class A { static async fn() {", "} }"),
    "class-field": ("class A { fn = () => {", "}; }"),
}

#: Functions that nothing names.
NAMELESS = {
    "called": ("(function () {", "})();"),
    "argument": ("call( () => {", "} );"),
    "default-export": ("export default function () {", "}"),
    "default-value": ("f = ( fn = () => {", "} ) => fn;"),
    "literal-member": ("a['fn'] = function () {", "};"),
    "quoted-method": ("class A { 'fn'() {", "} }"),
    "destructured": ("var { fn } = function () {", "};"),
    "operand": ("fn = other || function () {", "};"),
}


@pytest.mark.parametrize(("head", "tail"), NAMED.values(), ids=NAMED)
def test_a_function_has_the_name_it_is_given(head: str, tail: str) -> None:
    """Its own name, or that of the variable, property, method, field or assignment target."""
    assert [
        Function(
            name="fn",
            start_line=3,
            body=("  1;", "  2;"),
            language="javascript",
            source="demo.js",
            signature_line=2,
        )
    ] == extracted(f"// first\n{head}\n  1;\n  2;\n{tail}\n")


@pytest.mark.parametrize(("head", "tail"), NAMELESS.values(), ids=NAMELESS)
def test_a_function_that_nothing_names_is_left_out(head: str, tail: str) -> None:
    """As in the public harness, these forms give no name."""
    assert [] == extracted(f"{head}\n  1;\n  2;\n{tail}\n")


def test_an_arrow_without_a_block_is_left_out() -> None:
    """An arrow function whose body is an expression has no lines to ask for."""
    assert [] == extracted("const fn = () => [\n  1,\n];\n")


@pytest.mark.parametrize(
    ("head", "signature_line"),
    [
        ("function\nfn(\n  a,\n  b\n)\n{", 1),
        ("var\n  first,\n  fn = function (\n) {", 3),
        ("jQuery\n  .other( 1 )\n  .fn = function (\n) {", 3),
        ("var o = {\n  a: 1,\n  fn:\n    function () {", 3),
        ("class A {\n  x() {}\n  static\n  fn() {", 3),
    ],
    ids=["declaration", "variable", "member", "property", "method"],
)
def test_the_signature_begins_where_the_name_is_given(head: str, signature_line: int) -> None:
    """A header over several lines goes from there to the line with the opening brace."""
    closing = {"class": "}}", "var o": "}}"}.get(head[:5], "}")

    (function,) = extracted(f"{head}\n  1;\n{closing}")

    assert (signature_line, head.count("\n") + 2) == (function.signature_line, function.start_line)
    assert ("  1;",) == function.body


def test_a_body_leaves_out_the_lines_of_its_braces() -> None:
    """What stands on the line of a brace is not in the body, even if it is a statement."""
    (function,) = extracted("function fn() { one();\n  two();\n  three(); }\n")

    assert (2, ("  two();",)) == (function.start_line, function.body)


def test_a_function_on_one_line_is_left_out() -> None:
    """A body without a line of its own is too short for any `min_lines`."""
    assert [] == extracted("function fn() { one(); }\nfunction gn() {\n}\n")


def test_functions_come_as_they_are_written() -> None:
    """The order is that of the text, an outer function before those in it."""
    text = "function a() {\n  var b = { c() {\n 1;\n }, d: () => {\n 2;\n }};\n}\ne = function () {\n 3;\n};\n"

    assert ["a", "c", "d", "e"] == [function.name for function in extracted(text)]


def test_javascript_line_ends_that_are_none_here_do_not_shift_lines() -> None:
    """U+2028 and U+2029 end lines in JavaScript, but not in an editor, nor in Python."""
    (function,) = extracted("// a\u2028\n/* \u2029 */ function fn() {\n  1;\u2028\n}\n")

    assert (2, 3, ("  1;\u2028",)) == (function.signature_line, function.start_line, function.body)


@pytest.mark.parametrize("line", ["let = 1;", "(a <!--b);"], ids=["script", "module"])
def test_scripts_and_modules_are_read(line: str) -> None:
    """`let` names a variable only in a script, and ``<!--`` is two operators only in a module."""
    (function,) = extracted(f"{line}\nfunction fn() {{\n  1;\n}}\n")

    assert "fn" == function.name


pieces = st.tuples(st.sampled_from(sorted(NAMED)), st.integers(0, 4), st.integers(0, 2))


@given(st.lists(pieces, max_size=6), st.sampled_from(["\n", "\r\n", "\r"]))
def test_functions_are_found_where_they_were_written(plan: list[tuple[str, int, int]], end: str) -> None:
    """Any text of these forms, with any line end, gives back what it was made of."""
    text: list[str] = []
    expected = []
    for number, (form, length, comments) in enumerate(plan):
        # Only one default is allowed in a module.
        head, tail = NAMED["exported" if form == "default" and number else form]
        text += ["/* \f\u2028 */"] * comments + [head.replace("fn", f"fn{number}")]
        body = ("  x( '}' ); // {",) * length
        if body:
            expected.append((f"fn{number}", len(text), len(text) + 1, body))
        text += [*body, tail]

    found = extracted(end.join(text))

    assert expected == [(f.name, f.signature_line, f.start_line, f.body) for f in found]


def test_nothing_that_parses_is_too_deep_to_walk() -> None:
    """A chain of operators, which esprima reads in a loop, may be deeper than Python's recursion limit."""
    (function,) = extracted("x = 1" + " + 1" * 5000 + ";\nfunction fn() {\n  1;\n}\n")

    assert "fn" == function.name


def test_what_is_too_deep_for_esprima_is_read() -> None:
    """A long chain of `else if` overruns its recursion, and the other parser reads it."""
    (function,) = extracted("if (a) b();" + " else if (a) b();" * 1000 + "\nfunction fn() {\n  1;\n}\n")

    assert "fn" == function.name


@pytest.mark.parametrize(
    "line",
    ["var b = a?.c ?? 1_000n;", "class A { #p = 1; }", "try {} catch {}", "async () => { for await (x of y); };"],
)
def test_what_is_newer_than_es2017_is_read(line: str) -> None:
    """A line of newer syntax changes nothing for the functions below it."""
    (function,) = extracted(f"{line}\nconst fn = function () {{\n  1;\n  2;\n}};\n")

    assert ("fn", 2, 3, ("  1;", "  2;")) == (
        function.name,
        function.signature_line,
        function.start_line,
        function.body,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("var a;\r\nvar b = @@;\n", "line 2: not JavaScript: '= @@;'"),
        ("var a;\rvar b;\rvar c: number = 1;", "line 3: not JavaScript: 'c: number = 1;'"),
        ("function fn() {\n  1;\n", "line 2: not JavaScript: '}' is missing"),
        ("a = 1;\nb = \x07 \ud800 \x85;\n", r"line 2: not JavaScript: '\x07 \ud800 \x85;'"),
        (f"a = 1;\n@ {'é' * 1000}", f"line 2: not JavaScript: '@ {'é' * 38}'"),
    ],
    ids=["junk", "typescript", "open", "control", "long"],
)
def test_a_text_that_does_not_parse_names_source_line_and_reason(text: str, message: str) -> None:
    """The first line that is wrong, and the beginning of what is wrong there, without its control characters."""
    with pytest.raises(CorpusError) as caught:
        extracted(text)

    assert f"demo.js, {message}" == str(caught.value)


def test_warnings_of_the_corpus_stay_in_it() -> None:
    """A regular expression that Python would warn of raises no warning here."""
    # Recorded, not made errors: esprima would swallow those.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        assert ["fn"] == [f.name for f in extracted("function fn() {\n  return /[[a--b]/;\n}\n")]

    assert [] == caught


def test_jquery_has_its_known_functions() -> None:
    """The corpus of the published results has 111 functions, and `DOMEval` where they say."""
    package = pytest.importorskip("xstatic.pkg.jquery")
    content = importlib.resources.files(package).joinpath("data/jquery.js").read_bytes()
    sha256 = "78a85aca2f0b110c29e0d2b137e09f0a1fb7a8e554b499f740d6744dc8962cfe"
    assert sha256 == hashlib.sha256(content).hexdigest()
    text = content.decode()

    found = extract(text, "javascript", source="jquery.js")

    assert 111 == len(found)
    assert [("DOMEval", 105, 104)] == [(f.name, f.start_line, f.signature_line) for f in found if f.name == "DOMEval"]
    lines = split_lines(text)
    for function in found:
        assert function.name in lines[function.signature_line - 1]
        assert "{" in lines[function.start_line - 2]


def test_what_esprima_only_tolerates_is_no_javascript() -> None:
    """It goes on after such mistakes, as the public harness has it; that must not make code of what is none."""
    with pytest.raises(CorpusError, match=r"^demo\.js, line 1: not JavaScript: "):
        extract("var o = {a: 1 b: 2};", "javascript", source="demo.js")


def test_half_a_character_in_a_name_is_replaced() -> None:
    """It could not be written to a file."""
    (found,) = extract('var o = {"\\ud83d": function() {\n  a;\n}};', "javascript", source="demo.js", min_lines=1)
    assert "?" == found.name
