"""The named functions of a PHP text, found with tree-sitter (design/recall.md, "Functions").

Places are taken from tree-sitter's byte offsets: it counts lines by line feeds only.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

import tree_sitter_php
from tree_sitter import Language, Parser

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.corpus.functions.function import Function
from pytest_codeneedle.corpus.functions.lines import LINE_END, split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tree_sitter import Node, Tree

_LINE_END = re.compile(LINE_END.pattern.encode())
_HALT = re.compile(rb"__halt_compiler\s*\(\s*\)\s*(?:;|\?>)", re.IGNORECASE)

#: PHP takes every byte from 0x80 on for a letter, and NUL for a character like others in strings and comments.
_ASCII = bytes(range(1, 128)).rjust(128, b" ").ljust(256, b"x")
#: Words that are names or text to PHP but not to tree-sitter, in group 1.
_WORDS = (
    rb"<(\?)xml\b",  # not a short open tag
    rb"->(\w+)",  # "$this->class"
    rb"\$\w+\[(\w+)\]",  # "$row[default]"
    rb"[(,]\s*(\w+)\s*:(?!:)",  # f(list: 1)
    rb"\bfunction\s*&\s*(\w+)",  # function &new()
    rb"\b(int|integer|string|float|double|real|bool|boolean|object|binary)\s*(?:::|\()",  # f(Binary::TYPE)
)
_HEREDOC = re.compile(rb"<<<[ \t]*([\"']?)(\w+)\1\r?\n(?s:.*?)^[ \t]*\2\b", re.MULTILINE)

#: The fields of target and value, by the type of each node that names a closure.
_ASSIGNING: Mapping[str, tuple[str, str]] = {
    "assignment_expression": ("left", "right"),
    "augmented_assignment_expression": ("left", "right"),
    "static_variable_declaration": ("name", "value"),
    "property_element": ("name", "default_value"),
}

#: Longest piece of the text that a message quotes, in characters.
_QUOTED = 40


def functions(text: str, *, source: str) -> Iterator[Function]:
    """Every named function and method of `text`, as written, short ones and repeated names included.

    A closure (``function () {``, not ``fn``) counts where it is assigned to a variable or a property, by whose
    name it goes, without the ``$``. A body is the lines strictly between the line with ``{`` and the line
    with ``}``. `signature_line` is the line where the name stands; from there to ``start_line - 1`` is the
    header. What follows ``__halt_compiler();`` is data.

    Raises `CorpusError`, with the line, for a text that is not PHP to tree-sitter.
    """
    code = _encoded(text, source)
    line_starts = [0, *(end.end() for end in _LINE_END.finditer(code))]
    tree = _parse(code)
    if tree.root_node.has_error:
        fault = _first_fault(tree.root_node)
        line = bisect_right(line_starts, fault.start_byte)
        message = f"{source}, line {line}: not PHP: {_finding(fault)}"
        raise CorpusError(message)
    lines = split_lines(text)
    for name, block in _named_blocks(tree):
        first = bisect_right(line_starts, block.start_byte) + 1
        yield Function(
            name=code[name.start_byte : name.end_byte].decode(),
            start_line=first,
            body=tuple(lines[first - 1 : bisect_right(line_starts, block.end_byte - 1) - 1]),
            language="php",
            source=source,
            signature_line=bisect_right(line_starts, name.start_byte),
        )


def _encoded(text: str, source: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:  # a lone surrogate
        line = len(LINE_END.findall(text, 0, error.start)) + 1
        message = f"{source}, line {line}: not PHP: {error}"
        raise CorpusError(message) from error


def _parse(code: bytes) -> Tree:
    """The tree of `code`, with the same offsets where it is that of `_simplified`."""
    parser = Parser(Language(tree_sitter_php.language_php()))
    tree = _parse_to_halt(parser, code)
    if tree.root_node.has_error:
        simpler = _parse_to_halt(parser, _simplified(code))
        return tree if simpler.root_node.has_error else simpler
    return tree


def _parse_to_halt(parser: Parser, code: bytes) -> Tree:
    """The tree of what stands before the data of ``__halt_compiler();``, which tree-sitter would take for PHP."""
    for halt in _HALT.finditer(code):
        tree = parser.parse(code[: halt.end()])
        name = tree.root_node.descendant_for_byte_range(halt.start(), halt.start())
        called = name and name.parent and name.parent.type == "function_call_expression"
        if called and not tree.root_node.has_error:  # else these are words of a string or a comment
            return tree
    return parser.parse(code)


def _simplified(code: bytes) -> bytes:
    """`code` without some PHP that tree-sitter takes for errors: of the same length, with the same functions.

    What is rewritten is a name, which is read from `code`, or text in which nothing is looked for. Where it is
    something else after all, the result does not parse, and is dropped.
    """
    code = code.translate(_ASCII)
    for words in _WORDS:
        code = re.sub(words, _crossed_out, code, flags=re.IGNORECASE)
    code = re.sub(rb"(?i)\bclone(?=\s+\$)", b"     ", code)  # clone $a = $b
    return _HEREDOC.sub(lambda heredoc: heredoc[0].replace(b"/*", b"xx"), code)


def _crossed_out(words: re.Match[bytes]) -> bytes:
    start, end = (place - words.start() for place in words.span(1))
    return words[0][:start] + b"x" * (end - start) + words[0][end:]


def _first_fault(root: Node) -> Node:
    """The innermost node that does not parse, on the way along the first ones that do not."""
    fault = node = root
    while faulty := next((child for child in node.children if child.has_error), None):
        node = faulty
        if node.is_error or node.is_missing:
            fault = node
    return fault


def _finding(fault: Node) -> str:
    if fault.is_missing:
        return f"{fault.type!r} is missing"
    found = (fault.text or b"").decode(errors="replace")
    return f"unexpected {found[:_QUOTED]!r}{'...' if len(found) > _QUOTED else ''}"


def _named_blocks(tree: Tree) -> Iterator[tuple[Node, Node]]:
    """Yield (node of the name, block body) of every named function in pre-order."""
    given: dict[int, Node | None] = {}
    for node in _nodes(tree):
        match node.type:
            case "function_definition" | "method_declaration":
                name = node.child_by_field_name("name")
            case "anonymous_function":
                name = given.pop(node.id, None)
            case kind:
                if kind in _ASSIGNING:
                    target, value = (node.child_by_field_name(field) for field in _ASSIGNING[kind])
                    if target and value and value.type == "anonymous_function":
                        given[value.id] = _name(target)
                continue
        block = node.child_by_field_name("body")
        if name and block:  # an abstract method has no block
            yield name, block


def _nodes(tree: Tree) -> Iterator[Node]:
    """Every node in pre-order. Nesting may be deeper than Python's recursion limit."""
    cursor = tree.walk()
    while True:
        if cursor.node:
            yield cursor.node
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def _name(target: Node) -> Node | None:
    """The name that stands in an assignment's target; none in an array's element, ``$$f`` and ``$a->$f``."""
    match target.type:
        case "member_access_expression":
            name = target.child_by_field_name("name")
            return name if name and name.type == "name" else None
        case "scoped_property_access_expression":
            variable = target.child_by_field_name("name")
        case _:
            variable = target
    return variable.named_child(0) if variable and variable.type == "variable_name" else None
