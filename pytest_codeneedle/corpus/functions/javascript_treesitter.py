"""The named functions of a JavaScript text of any edition, found with tree-sitter.

The rules are those of the esprima path: where both can read a text, they find the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import tree_sitter_javascript
from tree_sitter import Language, Parser

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.corpus.functions.function import NamedBlock
from pytest_codeneedle.corpus.functions.javascript_esprima import key_value
from pytest_codeneedle.corpus.functions.lines import LINE_END

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

_FUNCTIONS = frozenset(
    {
        "arrow_function",
        "function_declaration",
        "function_expression",
        "generator_function",
        "generator_function_declaration",
        "method_definition",
    }
)
_NAMEABLE = _FUNCTIONS | {"parenthesized_expression"}

#: The field of the value in each node that can name its value.
_VALUES = {
    "assignment_expression": "right",
    "augmented_assignment_expression": "right",
    "field_definition": "value",
    "for_in_statement": "value",
    "pair": "value",
    "variable_declarator": "value",
}

_IDENTIFIERS = frozenset({"identifier", "private_property_identifier", "property_identifier", "undefined"})

#: Each character that is left after `_sanitized` is two bytes of UTF-16.
_BYTES = 2
_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\ufeff]")
_LONE_CR = re.compile(r"\r(?!\n)")
_NOT_TWO_BYTES = re.compile("[\ud800-\udfff\U00010000-\U0010ffff]")

#: What the grammar lacks, and what it knows that is as long: keywords as names of exports, fields without a value
#: before a line with ``[``, and escapes of tagged templates that mean nothing elsewhere.
_MENDS = (
    (re.compile(r"(?<=\bas )[a-z](?=[a-z]+\s*(?:[,}]|from\b))"), "Z"),
    (re.compile(r"(?<=[{,\s])[a-z](?=[a-z]+ as [\w$]+\s*[,}])"), "Z"),
    (re.compile(r"^([ \t]*(?:static[ \t]+)?#?[\w$]+)(?=[ \t]*(?://.*)?\r?\n\s*\[)\s", re.MULTILINE), r"\1;"),
    (re.compile(r"(?<=\\)[ux](?![0-9A-Fa-f]{2}|\{)"), "Z"),
)

#: How much of the text a message shows.
_SHOWN = 40


def named_blocks(text: str, *, source: str) -> list[NamedBlock]:
    """Every named function of `text` that has a block body, in pre-order.

    Raises `CorpusError`, with the line, for a text that tree-sitter cannot read without an error.
    """
    root = _parsed(_sanitized(text))
    if root.has_error:
        mended = _parsed(_mended(_sanitized(text)))
        if mended.has_error:
            raise _not_javascript(root, text, source)
        root = mended
    return list(_found(root, text))


def _parsed(text: str) -> Node:
    parser = Parser(Language(tree_sitter_javascript.language()))
    return parser.parse(text.encode("utf-16-le"), encoding="utf16le").root_node


def _sanitized(text: str) -> str:
    """Give a text of the same structure in which every character stands at twice its offset.

    tree-sitter's scanner knows no white space but ASCII's, ends no statement at a lone CR, and takes NUL for
    the end of the text. No keyword has an upper-case letter: a name stays a name.
    """
    text = _LONE_CR.sub("\n", _SPACE.sub(" ", text)).replace("\0", "\x01")
    return _NOT_TWO_BYTES.sub("Z", text)


def _mended(text: str) -> str:
    """Give a text of the same length without what the grammar lacks; only for one that does not parse as it is.

    It also changes strings and the like: structure and places are all that is read from it.
    """
    for pattern, known in _MENDS:
        text = pattern.sub(known, text)
    return text


def _found(root: Node, text: str) -> Iterator[NamedBlock]:
    # With each node goes the name that a nameless function has in its place.
    stack: list[tuple[Node, tuple[str, int] | None]] = [(root, None)]
    while stack:
        node, given = stack.pop()
        if node.type in _FUNCTIONS:
            body = node.child_by_field_name("body")
            named = _own_name(node, text) or given
            if named and body and body.type == "statement_block":
                yield NamedBlock(*named, _start(body), _closing(body))
        stack.extend(
            (child, _name_given(node, child, given, text) if child.type in _NAMEABLE else None)
            for child in reversed(node.named_children)
        )


def _closing(body: Node) -> int:
    # Not the block's own end: a semicolon that is inserted after a comment is part of the block.
    return next(_start(child) for child in reversed(body.children) if child.type == "}")


def _own_name(function: Node, text: str) -> tuple[str, int] | None:
    name = function.child_by_field_name("name")
    if name is None or function.type == "method_definition":
        return None
    return _identifier(name, text), _start(function)


def _name_given(parent: Node, child: Node, given: tuple[str, int] | None, text: str) -> tuple[str, int] | None:
    """Find the name that `parent` gives to a function or parentheses in it, and where; parentheses pass it on."""
    match parent.type, child.type:
        case "parenthesized_expression", _:
            return given
        case kind, "method_definition":
            return _of_key(child, "name", text, literals=kind == "object")
        case kind, _ if kind not in _VALUES or parent.child_by_field_name(_VALUES[kind]) != child:
            return None
        case "pair", _:
            return _of_key(parent, "key", text, literals=True)
        case "field_definition", _:
            return _of_key(parent, "property", text, literals=False)
    return _of_target(parent, text)


def _of_key(member: Node, field: str, text: str, *, literals: bool) -> tuple[str, int] | None:
    """Find the name of an object's or a class's member, given where the member begins: its key may be further down.

    In an object a string or number is a name too, in a class it is none, as on the esprima path.
    """
    key = _within(member.child_by_field_name(field))
    begin = next(child for child in member.children if child.type not in {"comment", "decorator"})
    if key.type in _IDENTIFIERS:
        return _identifier(key, text), _start(begin)
    if literals and key.type in {"number", "string"}:
        return _literal(key, text), _start(begin)
    return None


def _of_target(assignment: Node, text: str) -> tuple[str, int] | None:
    target = _within(assignment.child_by_field_name("left") or assignment.child_by_field_name("name"))
    if target.type == "member_expression":
        target = _within(target.child_by_field_name("property"))
    elif target.type == "subscript_expression":
        target = _within(target.child_by_field_name("index"))
    return (_identifier(target, text), _start(target)) if target.type in _IDENTIFIERS else None


def _within(node: Node | None) -> Node:
    """Find what stands in parentheses or the brackets of a computed key, however many; any other node is itself."""
    if node is None:
        raise AssertionError("a tree without errors has the fields of its grammar")
    while node.type in {"computed_property_name", "parenthesized_expression"}:
        node = next(child for child in node.named_children if child.type != "comment")
    return node


def _identifier(node: Node, text: str) -> str:
    written = _written(node, text)
    return (key_value(written) or written) if "\\" in written else written


def _literal(node: Node, text: str) -> str:
    written = _written(node, text)
    if node.type == "string":
        # JavaScript allows these in strings since ES2019.
        key = written.replace("\u2028", r"\u2028").replace("\u2029", r"\u2029")
        return key_value(key) or written[1:-1]
    if written.endswith("n"):
        return str(int(written[:-1], 0))
    return key_value(written.replace("_", "")) or written


def _written(node: Node, text: str) -> str:
    return text[_start(node) : node.end_byte // _BYTES]


def _start(node: Node) -> int:
    return node.start_byte // _BYTES


def _not_javascript(root: Node, text: str, source: str) -> CorpusError:
    """Name the first line that is wrong: that of the innermost of the errors that the tree begins with."""
    node = root
    while wrong := next((child for child in node.children if child.has_error), None):
        node = wrong
    start = _start(node)
    line = 1 + sum(1 for _ in LINE_END.finditer(text, 0, start))
    if node.is_missing:
        return CorpusError(f"{source}, line {line}: not JavaScript: {node.type!r} is missing")
    shown = LINE_END.split(text[start : start + _SHOWN])[0]
    return CorpusError(f"{source}, line {line}: not JavaScript: {shown!r}")
