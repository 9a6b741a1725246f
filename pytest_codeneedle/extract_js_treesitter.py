"""The named functions of a JavaScript text of any edition, found with tree-sitter.

The rules are those of the esprima path: where both can read a text, they find the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import tree_sitter_javascript
from tree_sitter import Language, Parser

from pytest_codeneedle.errors import CorpusError
from pytest_codeneedle.extract_js_esprima import key_value
from pytest_codeneedle.extraction import LINE_END
from pytest_codeneedle.functions import NamedBlock

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


def named_blocks(text: str, *, source: str) -> list[NamedBlock]:
    """Every named function of `text` that has a block body, in pre-order.

    Raises `CorpusError`, with the line, for a text that tree-sitter cannot read without an error.
    """
    parser = Parser(Language(tree_sitter_javascript.language()))
    root = parser.parse(_sanitized(text).encode("utf-16-le"), encoding="utf16le").root_node
    if root.has_error:
        raise _not_javascript(root, text, source)
    return list(_found(root, text))


def _sanitized(text: str) -> str:
    """Give a text of the same structure in which every character stands at twice its offset.

    tree-sitter's scanner knows no white space but ASCII's, ends no statement at a lone CR, and takes NUL for
    the end of the text. No keyword has an upper-case letter: a name stays a name.
    """
    text = _LONE_CR.sub("\n", _SPACE.sub(" ", text)).replace("\0", "\x01")
    return _NOT_TWO_BYTES.sub("Z", text)


def _found(root: Node, text: str) -> Iterator[NamedBlock]:
    # With each node goes the name that a nameless function has in its place.
    stack: list[tuple[Node, tuple[str, int] | None]] = [(root, None)]
    while stack:
        node, given = stack.pop()
        if node.type in _FUNCTIONS:
            body = node.child_by_field_name("body")
            named = _own_name(node, text) or given
            if named and body and body.type == "statement_block":
                yield NamedBlock(*named, _start(body), body.end_byte // _BYTES - 1)
        stack += [(child, _name_given(node, child, given, text)) for child in reversed(node.named_children)]


def _own_name(function: Node, text: str) -> tuple[str, int] | None:
    name = function.child_by_field_name("name")
    if name is None or function.type == "method_definition":
        return None
    return _identifier(name, text), _start(function)


def _name_given(parent: Node, child: Node, given: tuple[str, int] | None, text: str) -> tuple[str, int] | None:
    """Find the name that `parent` gives to a nameless function `child`, and where; parentheses pass theirs on."""
    if parent.type == "parenthesized_expression":
        return given
    if child.type == "method_definition":
        return _of_key(child, "name", text, literals=parent.type == "object")
    if child.type not in _FUNCTIONS and child.type != "parenthesized_expression":
        return None
    if parent.type not in _VALUES or parent.child_by_field_name(_VALUES[parent.type]) != child:
        return None
    if parent.type == "pair":
        return _of_key(parent, "key", text, literals=True)
    if parent.type == "field_definition":
        return _of_key(parent, "property", text, literals=False)
    return _of_target(parent, text)


def _of_key(member: Node, field: str, text: str, *, literals: bool) -> tuple[str, int] | None:
    """Find the name of an object's or a class's member, given where the member begins: its key may be further down.

    In an object a string or number is a name too, in a class it is none, as in the public harness.
    """
    key = member.child_by_field_name(field)
    if key and key.type == "computed_property_name":
        key = _without_parentheses(key)
    if key is None:
        return None
    begin = next(child for child in member.children if child.type not in {"decorator", "comment"})
    if key.type in _IDENTIFIERS:
        return _identifier(key, text), _start(begin)
    if literals and key.type in {"string", "number"}:
        return _literal(key, text), _start(begin)
    return None


def _of_target(assignment: Node, text: str) -> tuple[str, int] | None:
    target = assignment.child_by_field_name("left") or assignment.child_by_field_name("name")
    if target and target.type == "parenthesized_expression":
        target = _without_parentheses(target)
    if target and target.type == "member_expression":
        target = target.child_by_field_name("property")
    elif target and target.type == "subscript_expression":
        target = target.child_by_field_name("index")
        if target and target.type == "parenthesized_expression":
            target = _without_parentheses(target)
    return (_identifier(target, text), _start(target)) if target and target.type in _IDENTIFIERS else None


def _without_parentheses(node: Node) -> Node:
    """Find what stands in these parentheses or brackets, however many."""
    while node.type in {"parenthesized_expression", "computed_property_name"}:
        node = next(child for child in node.named_children if child.type != "comment")
    return node


def _identifier(node: Node, text: str) -> str:
    written = _written(node, text)
    return (key_value(written) or written) if "\\" in written else written


def _literal(node: Node, text: str) -> str:
    written = _written(node, text)
    if node.type == "string":
        # Within strings these are JavaScript since ES2019 only.
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
    node = root
    while not (node.is_error or node.is_missing):
        node = next(child for child in node.children if child.has_error)
    line = 1 + sum(1 for _ in LINE_END.finditer(text, 0, _start(node)))
    return CorpusError(f"{source}, line {line}: not JavaScript: {_written(node, text)!r}")
