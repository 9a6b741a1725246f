"""The named functions of a JavaScript text, found with esprima (design/recall.md, "Functions").

Places are taken from esprima's character offsets: its line numbers also count U+2028 and U+2029.
"""

from __future__ import annotations

import warnings
from bisect import bisect_right
from typing import TYPE_CHECKING

import esprima
from esprima.nodes import Node

from pytest_codeneedle.errors import CorpusError
from pytest_codeneedle.extraction import LINE_END, split_lines
from pytest_codeneedle.functions import Function

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Class fields are off in esprima by default, and a text that has some would not parse at all.
_OPTIONS = {"tolerant": True, "range": True, "classProperties": True}

_FUNCTIONS = frozenset({"FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"})


def functions(text: str, *, source: str) -> Iterator[Function]:
    """Every named function of `text` that has a block body, as written, whatever its length.

    A body is the lines strictly between the line with ``{`` and the line with ``}``. `signature_line` is
    the line where the name is given: that of the function itself where it carries its own, else of the
    variable, property, method or assignment target; from there to ``start_line - 1`` is the header.

    Raises `CorpusError`, with the line, for a text that esprima reads neither as a module nor as a script.
    """
    tree = _parse(text, source)
    lines = split_lines(text)
    line_starts = [0, *(end.end() for end in LINE_END.finditer(text))]
    for name, named_at, block in _named_blocks(tree):
        opening, closing = block.range
        first = bisect_right(line_starts, opening) + 1
        yield Function(
            name=name,
            start_line=first,
            body=tuple(lines[first - 1 : bisect_right(line_starts, closing) - 1]),
            language="javascript",
            source=source,
            signature_line=bisect_right(line_starts, named_at.range[0]),
        )


def _parse(text: str, source: str) -> Node:
    errors: list[Exception] = []
    with warnings.catch_warnings():
        # esprima tries regular expressions with `re`, which warns of what only JavaScript allows.
        warnings.simplefilter("ignore")
        for parse in (esprima.parseModule, esprima.parseScript):
            try:
                return parse(text, options=_OPTIONS)
            except (esprima.Error, AssertionError) as error:  # it asserts on some broken templates
                errors.append(error)
            except RecursionError as error:
                message = f"{source}: nested too deeply for esprima; leave this file out of the corpus"
                raise CorpusError(message) from error
    # The reading that came further is the one that the text is meant for.
    furthest = max(errors, key=lambda error: getattr(error, "index", -1))
    message = (
        f"{source}: not JavaScript to esprima: {furthest}; it does not know `?.`, `??`, `#private` and "
        "other syntax after ES2017: leave such a file out of the corpus"
    )
    raise CorpusError(message) from furthest


def _named_blocks(tree: Node) -> Iterator[tuple[str, Node, Node]]:
    """Yield (name, node that gives the name, block body) of every named function in pre-order."""
    stack: list[tuple[Node, tuple[str, Node] | None]] = [(tree, None)]
    while stack:
        node, given = stack.pop()
        if node.type in _FUNCTIONS and node.body.type == "BlockStatement":
            named = (node.id.name, node) if node.id else given
            if named:
                yield *named, node.body
        # esprima sets a node's attributes in the order of the source, but for few that hold no function.
        stack.extend((child, _name_given(node, key)) for key, child in reversed(_children(node)))


def _children(node: Node) -> list[tuple[str, Node]]:
    children = []
    for key, value in vars(node).items():
        members = value if isinstance(value, list) else [value]
        children += [(key, member) for member in members if isinstance(member, Node)]
    return children


def _name_given(node: Node, key: str) -> tuple[str, Node] | None:
    """Find the name that `node` gives to a nameless function at its attribute `key`, and where it stands.

    A computed key or member counts by its identifier, as in the public harness: `fn` for ``a[fn] = ...``.
    """
    match node.type, key:
        case "VariableDeclarator", "init":
            target = node.id
        case "AssignmentExpression", "right":
            target = node.left.property if node.left.type == "MemberExpression" else node.left
        case (("Property" | "MethodDefinition" | "FieldDefinition"), "value"):
            # The node begins with `async`, `get`, `static` or `*`; its key may be a line further down.
            target = node.key
            if node.type == "Property" and target.type == "Literal":
                return str(target.value), node
            return (target.name, node) if target.type == "Identifier" else None
        case _:
            return None
    return (target.name, target) if target.type == "Identifier" else None
