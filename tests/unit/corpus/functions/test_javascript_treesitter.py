"""The tree-sitter path on its own: it agrees with esprima, knows what is newer, and bears any depth."""

from __future__ import annotations

import importlib.resources
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.corpus.functions import javascript_esprima as extract_js_esprima
from pytest_codeneedle.corpus.functions import javascript_treesitter as extract_js_treesitter
from pytest_codeneedle.corpus.functions.function import NamedBlock


def found(text: str) -> list[NamedBlock]:
    """What tree-sitter finds in `text`."""
    return extract_js_treesitter.named_blocks(text, source="demo.js")


def lines(text: str) -> list[tuple[str, int, int, int]]:
    """Of each function of `text` the name, and the lines where it is given, of its ``{`` and of its ``}``."""
    return [
        (block.name, *(text.count("\n", 0, place) + 1 for place in (block.named_at, block.opening, block.closing)))
        for block in found(text)
    ]


def test_both_parsers_agree_on_jquery() -> None:
    """All 419 named functions of the corpus of the published results, short ones too, stand in the same places."""
    package = pytest.importorskip("xstatic.pkg.jquery")
    text = importlib.resources.files(package).joinpath("data/jquery.js").read_bytes().decode()

    blocks = found(text)

    assert 419 == len(blocks)
    assert extract_js_esprima.named_blocks(text) == blocks


#: Programs up to ES2017: what a <symbol> may be, first what ends it. Braces in odd places, line ends, any character.
GRAMMAR = {
    "program": ["<statement><statement>", "<statement><statement><statement>"],
    "gap": [" ", "\n", " /* } é 😀 */ ", " // { `\n", "\u00a0\ufeff ", "\t\f\v"],
    "end": [";\n", "\n", "; ", " // }\n", " /* \n } */\n"],
    "name": ["fn", "$", "_g1", "größe", "\U0001d4b3y", "\\u0061b", "\\u{1d4b3}c", "of", "get", "async\\u0061"],
    "literal": ["'a b'", '"\\x66\\u{6e}"', "'é\\\n😀'", "12", "0x1F", "1.50", ".5e1", "1e21", "0b11", "1e400"],
    "key": ["<name>", "class", "<literal>", "[<name>]", "[ /* ] */ (<name>) ]", "[(<literal>)]", "[`t`]", "[a.b]"],
    "leaf": ["1", "<name>", "'}'", '"é😀{"', "/[/}]\\/{/gi", "`a}$ ${ 1 }\u2028 {\né`", "null", "this", "-x", "'\\\n'"],
    "value": ["<leaf>", "<function>", "<function>", "<compound>"],
    "block": ["{<gap>}", "{<gap><statement>\n}", "{\n1;<gap>}"],
    "parameters": ["", "<name>", "<name> = <value>", "{<name> = <value>, a: b = <value>}, [c = <value>], ...d"],
    "function": [
        "function<gap>() <block>",
        "function<gap>*<gap><name>(<parameters>)<gap><block>",
        "async function<gap>(<parameters>)<gap><block>",
        "(<parameters>) =><gap><block>",
        "async (<parameters>) => <block>",
        "<name> => <block>",
        "() => (<value>)",
        "(<gap><function><gap>)",
        "((<function>))",
    ],
    "method": [
        "<key>()<block>",
        "async <key>(<parameters>)<block>",
        "*<gap><key>()<gap><block>",
        "get <key>() <block>",
    ],
    "member": ["<method>", "<name>", "<key>:<gap><value>", "<key><gap>: <value>", "...(<value>)"],
    "element": ["<method>\n", "static <method>", "<field>;", "static <field>;\n"],
    "field": ["fn = <value>", "größe<gap>= <value>", "\U0001d4b3y = (<value>)"],
    "target": [
        "<name>",
        "a<gap>.<gap><name>",
        "a.class",
        "a[<name>]",
        "a[(<name>)]",
        "a[<literal>]",
        "a[b, c]",
        "a[this]",
    ],
    "compound": [
        "{}",
        "{<member>, <member>}",
        "{<member>,\n<member>, }",
        "[<value>, (<value>)]",
        "class {<gap><element><element>}",
        "class fn extends (<value>) {<element>}",
        "(<target> = <value>)",
        "((<target>)<gap>+= <value>)",
        "(<target> **= <value>)",
        "f(<value>, <name> = <value>)",
        "(1,<gap><value>)",
        "((<value>) || (<value>))",
        "(a ? (<value>) : (<value>))",
        "`x${(<value>)}`",
        "new A(<value>)",
        "({a: b = <value>} = {})",
        "([a = <value>] = [])",
    ],
    "statement": [
        "1<end>",
        "<target> = <value><end>",
        "<target><gap>-=<gap><target> =<gap><value><end>",
        "var <name><gap>=<gap><value>, z = (<value>)<end>",
        "let {a = <value>} = <value><end>",
        "const [b = <value>] = <value><end>",
        "function <name>(<parameters>)<gap><block><gap>",
        "async function <name>(<parameters>) <block>\n",
        "function*<gap><name>() <block> // }\n",
        "class A extends (<value>) {<element><element>}\n",
        "if (<value>) <block> else <block>\n",
        "for (var i = <value>; i < 1; i++) <block>\n",
        "for (const k of (<value>)) <block>\n",
        "do <block> while (<value>);\n",
        "try <block> catch (e) <block> finally <block>\n",
        "switch (<value>) { case 1: <statement> default: <statement> }\n",
        "label: {\n1;\n}\n",
        "/* \u2028 */ 1<end>",
        ";(<value>);",
    ],
}


@st.composite
def programs(draw: st.DrawFn) -> str:
    """A program of `GRAMMAR`, a few levels deep."""

    def expanded(symbol: str, depth: int) -> str:
        form = draw(st.sampled_from(GRAMMAR[symbol])) if depth else GRAMMAR[symbol][0]
        return re.sub(r"<(\w+)>", lambda part: expanded(part[1], max(depth - 1, 0)), form)

    return expanded("program", 6).replace("\n", draw(st.sampled_from(["\n", "\r\n", "\r"])))


@given(programs())
def test_both_parsers_agree_on_programs_up_to_es2017(text: str) -> None:
    """Names, their places and the braces are the same, with any line end, comment and character."""
    assert extract_js_esprima.named_blocks(text) == found(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a[(fn)] = () => {}; (a.gn) = (() => {}); ((hn)) = ((function () {}));", ["fn", "gn", "hn"]),
        ("a['x'] = () => {}; a[`x`] = () => {}; a[x, y] = () => {}; a[x.y] = () => {};", []),
        ("a.b[fn] += function () {}; gn = hn = async () => {};", ["fn", "hn"]),
        ("({ 'a': () => {}, 1: () => {}, 0x10() {}, ['b']: () => {}, get '\\x63'() {} });", ["a", "1", "16", "b", "c"]),
        ("({ [(fn)]: () => {}, [`x`]: () => {}, [1 + 1]() {}, null() {}, async gn() {} });", ["fn", "null", "gn"]),
        (
            "class A { 'x'() {} 1() {} ['x']() {} [fn]() {} constructor() {} get set() {} }",
            ["fn", "constructor", "set"],
        ),
        ("f(fn = () => {}); (gn = () => {}, x); ((x, () => {}));", ["fn", "gn"]),
        ("({ x: y = () => {}, z = () => {} } = { fn: () => {} });", ["fn"]),
        ("async (x = () => {}) => {}; (x, y = () => {}) => {}; function fn(x = () => {}, [y = () => {}]) {}", ["fn"]),
        ("let { x = () => {} } = y, [z = () => {}] = x; [x = () => {}] = y;", []),
        ("for (var fn = () => {} in x) ; for (x.gn = () => {};;) ;", ["fn", "gn"]),
        ("x = { fn: (() => {})(), gn: (() => {}) }; y = (() => {}).call(); z = new (function () {})();", ["gn"]),
        ("x = { fn() { y = class { gn() { return { hn: () => {} }; } }; } };", ["fn", "gn", "hn"]),
    ],
)
def test_both_parsers_agree_on_what_names_a_function(text: str, names: list[str]) -> None:
    """Parentheses are seen through, and defaults, operands and arguments have no name."""
    blocks = found(text)

    assert names == [block.name for block in blocks]
    assert extract_js_esprima.named_blocks(text) == blocks


#: Newer than ES2017, each with the names that it gives to functions of two lines and more.
MODERN = {
    "chain": ("a?.b?.[c]?.(() => {\n});\nx.fn = () => {\n};", ["fn"]),
    "coalesce": ("fn = a ?? function () {\n};\ngn = function () {\n} ?? b;\nhn = (function () {\n});", ["hn"]),
    "logical-assignment": ("fn ??= () => {\n};\na.gn ||= function () {\n};\na[hn] &&= () => {\n};", ["fn", "gn", "hn"]),
    "numbers": (
        "a = 1_000n ** 0xFFn;\nb = { 1_0: () => {\n}, 0x1_F() {\n}, 2n: function () {\n} };",
        ["10", "31", "2"],
    ),
    "private-method": (
        "class A {\n  #fn() {\n  }\n  static async *#gn() {\n  }\n  get #a() {\n  }\n}",
        ["#fn", "#gn", "#a"],
    ),
    "private-field": ("class A {\n  #fn = () => {\n  };\n  static #gn = async function () {\n  }\n}", ["#fn", "#gn"]),
    "private-target": ("class A {\n  #a;\n  b() {\n    this.#a = () => {\n    };\n  }\n}", ["b", "#a"]),
    "private-in": ("class A {\n  #a;\n  static fn(o) {\n    return #a in o;\n  }\n}", ["fn"]),
    "fields": (
        "class A {\n  'a' = () => {\n  };\n  1 = () => {\n  };\n  [fn] = () => {\n  };\n  ['b'] = () => {\n  }\n}",
        ["fn"],
    ),
    "static-block": (
        "class A {\n  static {\n    A.fn = function () {\n    };\n  }\n  static gn() {\n  }\n}",
        ["fn", "gn"],
    ),
    "async-generator": (
        "async function* fn() {\n}\no = { async *gn() {\n}, hn: async function* () {\n} };",
        ["fn", "gn", "hn"],
    ),
    "for-await": ("async function fn() {\n  for await (const x of y) {\n  }\n}", ["fn"]),
    "catch": ("try {\n} catch {\n  var fn = () => {\n  };\n}", ["fn"]),
    "modules": ("import a from 'a' with { type: 'json' };\nexport { b as 'c' };\nexport * as fn from 'd';", []),
    "import": (
        "const fn = async () => {\n  await import(import.meta.url);\n};\nexport default async () => {\n};",
        ["fn"],
    ),
    "top-level-await": ("await a;\nfor await (const b of await c) {\n}\nconst fn = await (async () => {\n});", []),
    "hashbang": ("#!/usr/bin/env node\nfunction fn() {\n}", ["fn"]),
    "regex": ("a = /(?<y>[\\p{L}--[a-z]])(?<!b)\\k<y>/dsv;\nfunction fn() {\n}", ["fn"]),
    "strings": (
        "a = '\u2028\u2029';\nb = { '\u2028\\x66n': () => {\n} };\nc`\\unicode ${ 1 } \\xerxes`;",
        ["\u2028fn"],
    ),
    "patterns": ("({ a = () => {\n}, ...b } = c ?? {});\nfn = ({ d = () => {\n} }, ...[e]) => {\n};", ["fn"]),
    "decorators": (
        "@dec class A {\n  @a.b\n  // c\n  @d(() => {\n  }) fn() {\n  }\n  @e gn = () => {\n  }\n}",
        ["fn", "gn"],
    ),
    "loops": ("for (var fn = () => {\n}; a?.b;) ;\nfor (var gn = function () {\n} in b) ;", ["fn", "gn"]),
    "names": (
        "undefined = () => {\n}; a?.b;\n\\u0066n = () => {\n};\no = { '\\x67n': () => {\n}, class() {\n} };",
        ["undefined", "fn", "gn", "class"],
    ),
    "export-keywords": (
        "import { if as a } from 'a';\nconst fn = () => {\n};\nexport { fn as null, fn as function };",
        ["fn"],
    ),
    "bare-field": ("class A {\n  #a // 1\n  [fn] = () => {\n  }\n  static b\n\n  [gn]() {\n  }\n}", ["fn", "gn"]),
}


@pytest.mark.parametrize(("text", "names"), MODERN.values(), ids=MODERN)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_what_is_newer_than_es2017_has_the_names_it_is_given(text: str, names: list[str], line_end: str) -> None:
    """The rules are those for older texts; a private name keeps its #."""
    text = text.replace("\n", line_end)

    blocks = found(text)

    assert names == [block.name for block in blocks]
    assert ["{"] * len(blocks) == [text[block.opening] for block in blocks]
    assert ["}"] * len(blocks) == [text[block.closing] for block in blocks]


def test_places_are_where_they_are_written() -> None:
    """A member is given where it begins, after its decorators; a target or variable where it stands."""
    text = "class A {\n  @b\n  async *#fn(\n  ) {\n\n  } // c\n}\n\na?.\n  b(), x\n  .gn ??= async (\n) => {\n}\n"

    assert [("#fn", 3, 4, 6), ("gn", 11, 12, 13)] == lines(text)


def test_a_brace_is_not_moved_by_the_comment_after_it() -> None:
    """Where a semicolon is missing, the tree counts the comment to the block."""
    assert [("fn", 1, 1, 2), ("gn", 4, 4, 5)] == lines("function fn() {\n} // a?.b\n\nvar gn = () => {\n} /* } */\nx")


@pytest.mark.parametrize("character", ["\0", "\u00a0", "\ud800", "\udfff\ud800", "😀", "é", "\u2028", "\x85"])
def test_any_character_may_stand_in_texts_and_comments(character: str) -> None:
    """Places count characters, as many bytes as they take, and lone surrogates do no harm."""
    text = f"/* {character} */ a?.b; '{character}'; `{character}`; const fn = () => {{ `{character}` }}"

    assert [NamedBlock("fn", text.index("fn"), text.index("{ "), len(text) - 1)] == found(text)


@pytest.mark.parametrize("space", ["\u00a0", "\ufeff", "\u3000", "\f", "\v"])
def test_any_white_space_may_end_a_line(space: str) -> None:
    """A semicolon that is missing is found across it."""
    assert ["fn"] == [block.name for block in found(f"{space}a = b{space}\nfn = () => {{{space}c{space}}}{space}\nd")]


@pytest.mark.parametrize(
    ("before", "after"),
    [("(", ")"), ("[", "]"), ("f(", ")"), ("{a:", "}"), ("() => {\n", "}"), ("!", ""), ("`${", "}`"), ("a ? b : ", "")],
)
def test_no_depth_is_too_deep(before: str, after: str) -> None:
    """Neither parsing nor walking the tree recurses."""
    text = f"x = {before * 10_000}() => {{\n}}{after * 10_000};\nfunction fn() {{\n}}\n"

    assert "fn" == found(text)[-1].name


def test_functions_in_functions_are_all_found() -> None:
    """The outer ones come first, whatever the depth."""
    depth = 10_000
    text = "".join(f"function f{level}() {{\n" for level in range(depth)) + "}" * depth

    assert [f"f{level}" for level in range(depth)] == [block.name for block in found(text)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1;\n\nb = ;\n", 3),
        ("a = 1;\r\n\r\nfunction fn(b: string) {\r\n}\r\n", 3),
        ("/* 1\n2 */\ninterface A { b: string }\nfunction fn() {\n}\n", 3),
        ("'\u2028';\nclass A {\n  b() {\n    c(;\n  }\n}\n", 4),
        ("function fn() {\n  a();\n", 2),
        ("a = {\n  b: 1\n  c: 2\n};\n", 3),
        ("a = {\n  b() {\n    c(;\n    d;\n  }\n", 3),
        ("@@", 1),
    ],
    ids=["value", "type", "interface", "call", "open", "comma", "inner", "junk"],
)
def test_an_error_names_its_line(text: str, line: int) -> None:
    """The first line that is wrong, counted as everywhere here."""
    with pytest.raises(CorpusError, match=rf"^demo\.js, line {line}: not JavaScript: '"):
        found(text)
