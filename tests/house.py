"""The house as its imports have it: rooms on floors, the modules in them, and who imports whom.

Read by the tests of the layout, and by the documentation, which draws it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest_codeneedle

NAME = "pytest_codeneedle"
FOLDER = Path(pytest_codeneedle.__file__).parent
#: From the ground up: a room knows those on the floors below it, and no other.
FLOORS = (
    ("core",),
    ("corpus",),
    ("recall",),
    ("runs", "server"),
    ("stats",),
    ("report", "sweep"),
    ("plugin", "cli"),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
#: The package's own door, what `import pytest_codeneedle` hands out.
FACE = "__init__"
#: It, a door at an old place, and the suite that a session collects: they lie above all rooms.
DOORS = {FACE, "suite", "suite.test_recall", "embedded"}


@dataclass(frozen=True)
class Imports:
    """The full names of what a module imports: all of it, and what it imports while it runs (not for types alone)."""

    every: frozenset[str]
    running: frozenset[str]


def imports(source: str) -> Imports:
    """What this source imports, at its top or in a function. Raises AssertionError for a relative import."""
    every: set[str] = set()
    for_types: set[str] = set()

    def read(nodes: list[ast.stmt], names: set[str]) -> None:
        for node in nodes:
            if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
                read(node.body, for_types)
                read(node.orelse, names)
                continue
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.stmt):
                    read([child], names)
                elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
                    read(child.body, names)
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, "imports are absolute"
                names |= {f"{node.module}.{alias.name}" for alias in node.names}

    read(ast.parse(source).body, every)
    return Imports(frozenset(every | for_types), frozenset(every))


def modules() -> dict[str, Path]:
    """Every module by its name below the package; a room's door by the room's name, the package's own as FACE."""
    paths = sorted(FOLDER.rglob("*.py"))
    names = [path.relative_to(FOLDER).with_suffix("").parts for path in paths]
    dotted = (".".join(part for part in name if part != "__init__") for name in names)
    return {name or FACE: path for name, path in zip(dotted, paths, strict=True)}


MODULES = modules()
IMPORTS = {name: imports(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def own(names: frozenset[str]) -> set[str]:
    """The modules of this package among the imported names; of `a.b.c` the longest that is a module."""
    found = set()
    for name in names:
        parts = name.split(".")
        if parts[0] == NAME:
            known = (".".join(parts[1:end]) for end in range(len(parts), 1, -1))
            found.add(next((candidate for candidate in known if candidate in MODULES), FACE))
    return found


def room(module: str) -> str:
    """The room that a module lies in."""
    return module.split(".", maxsplit=1)[0]
