"""The house: rooms on floors, imports that run downward, each library in one room, modules that are read in one go."""

from __future__ import annotations

from pathlib import Path

from house import DOORS, FACE, FLOOR, FLOORS, IMPORTS, MODULES, NAME, Imports, imports, own, room

MOST_LINES = 450
#: Where a library may be imported: modules whose names begin so.
LIBRARIES = {
    "pytest": ("plugin", "suite"),
    "_pytest": ("plugin",),
    "pluggy": ("plugin",),
    "xdist": ("plugin",),
    "execnet": ("plugin",),
    "pytest_html": ("plugin",),
    "httpx": ("server.http",),
    "subprocess": ("server",),
    "xllamacpp": ("server",),
    "numpy": ("stats", "server.control_model"),
    "scipy": ("stats",),
    "jinja2": ("report.page",),
    "matplotlib": ("report.heat",),
    "tree_sitter": ("corpus.functions",),
    "tree_sitter_javascript": ("corpus.functions",),
    "tree_sitter_php": ("corpus.functions",),
    "esprima": ("corpus.functions",),
}


def circles(edges: dict[str, set[str]]) -> list[set[str]]:
    """The groups of names that reach each other."""
    reached: dict[str, set[str]] = {}
    for start in edges:
        seen: set[str] = set()
        ahead = [start]
        while ahead:
            new = edges.get(ahead.pop(), set()) - seen
            seen |= new
            ahead += new
        reached[start] = seen
    groups = [{name, *(other for other in reached[name] if name in reached.get(other, ()))} for name in edges]
    return [group for at, group in enumerate(groups) if len(group) > 1 and group not in groups[:at]]


def test_how_imports_are_read() -> None:
    """At the top, in functions, under conditions; those for types alone are known as such."""
    source = (
        "import os.path\nfrom pytest_codeneedle.runs import grid\n"
        "if TYPE_CHECKING:\n    import httpx\nelse:\n    import json\n"
        "def f():\n    try:\n        import a\n    except E:\n"
        "        from pytest_codeneedle.runs.folder import RunFolder\n"
    )
    actual = imports(source)
    running = {"os.path", "json", "a", f"{NAME}.runs.grid", f"{NAME}.runs.folder.RunFolder"}
    assert actual == Imports(frozenset(running | {"httpx"}), frozenset(running))
    assert own(actual.every) == {"runs.grid", "runs.folder"}
    assert own(frozenset({NAME, f"{NAME}.KVPair", "json"})) == {FACE}
    assert circles({"a": {"b"}, "b": {"c", "b"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]


def test_every_module_lies_in_a_room() -> None:
    """Doors that stay at old places are named; nothing else lies beside the rooms."""
    assert {module for module in MODULES if room(module) not in FLOOR} == DOORS


def test_imports_run_downward_only() -> None:
    """A room knows those on the floors below it; imports for types count."""
    upward = {
        f"{module} -> {other}"
        for module in set(MODULES) - DOORS
        for other in own(IMPORTS[module].every)
        if room(other) != room(module) and (other in DOORS or FLOOR[room(other)] >= FLOOR[room(module)])
    }
    assert upward == set()


def test_no_rooms_within_a_room_know_each_other_in_a_circle() -> None:
    """`report.page` may know `report.heat`, which then does not know `report.page`."""
    edges: dict[str, set[str]] = {}
    for module in set(MODULES) - DOORS:
        inner = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
        for other in own(IMPORTS[module].every):
            its = other if MODULES[other].name == "__init__.py" else other.rpartition(".")[0]
            if its != inner:
                edges.setdefault(inner, set()).add(its)
    assert circles(edges) == []


def test_a_library_lives_in_one_room() -> None:
    """Whoever replaces a library has one room to look at."""
    guests = {
        f"{module} imports {library}"
        for module in MODULES
        for library in {name.split(".")[0] for name in IMPORTS[module].every} & set(LIBRARIES)
        if not any(module == home or module.startswith(f"{home}.") for home in LIBRARIES[library])
    }
    assert guests == set()


def test_no_module_is_too_long() -> None:
    """A module is one subject, and read in one go."""
    lines = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert {module: count for module, count in lines.items() if count > MOST_LINES} == {}


def test_contributing_draws_the_same_floors() -> None:
    """The table that people read has a row for each room, from the ground up, with what its door says."""
    contributing = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:4] for line in contributing.splitlines() if line.startswith("| ")]
    drawn = [(floor.strip(), name.strip(" `")) for floor, name, _ in rows if floor.strip().isdigit()]
    assert drawn == [(str(at), name) for at, rooms in enumerate(FLOORS, 1) for name in rooms]
