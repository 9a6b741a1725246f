"""The named functions of a JavaScript text up to ES2017, found with esprima as in the public harness.

Places are taken from esprima's character offsets: its line numbers also count U+2028 and U+2029.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import esprima
from esprima.nodes import Node

from pytest_codeneedle.corpus.functions.function import NamedBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Class fields are off in esprima by default, and a text that has some would not parse at all.
_OPTIONS = {"tolerant": True, "range": True, "classProperties": True}

_FUNCTIONS = frozenset({"FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"})


def named_blocks(text: str) -> list[NamedBlock] | None:
    """Every named function of `text` that has a block body, in pre-order; None if esprima cannot read it.

    It is read as a module, else as a script.
    """
    for parse in (esprima.parseModule, esprima.parseScript):
        tree = _parsed(parse, text)
        # Tolerant as the public harness has it, esprima goes on after some mistakes, and notes them.
        if tree is not None and not tree.errors:
            return list(_found(tree))
    return None


def key_value(key: str) -> str | None:
    r"""What a property key means: ``fn`` for ``'f\x6e'``, ``16`` for ``0x10``; None if esprima cannot read it."""
    tree = _parsed(esprima.parseScript, f"({{{key}: 0}})")
    if tree is None:
        return None
    read = tree.body[0].expression.properties[0].key
    return str(read.value if read.type == "Literal" else read.name)


def _parsed(parse: Callable[..., Node], text: str) -> Node | None:
    with warnings.catch_warnings():
        # esprima tries regular expressions with `re`, which warns of what only JavaScript allows.
        warnings.simplefilter("ignore")
        try:
            return parse(text, options=_OPTIONS)
        except Exception:  # noqa: BLE001 - besides its own error, broken and new syntax make it fail in many ways
            return None


def _found(tree: Node) -> Iterator[NamedBlock]:
    stack: list[tuple[Node, tuple[str, Node] | None]] = [(tree, None)]
    while stack:
        node, given = stack.pop()
        if node.type in _FUNCTIONS and node.body.type == "BlockStatement":
            named = (node.id.name, node) if node.id else given
            if named:
                name, place = named
                opening, end = node.body.range
                yield NamedBlock(name, place.range[0], opening, end - 1)
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
