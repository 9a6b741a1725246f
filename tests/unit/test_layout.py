"""The floors of the package: imports run downward only, edges know no pytest, pure modules no edges."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pytest_codeneedle

NAME = "pytest_codeneedle"
FOLDER = Path(pytest_codeneedle.__file__).parent
MOST_LINES = 320

FLOORS = {
    1: [
        "agreement",
        "alignment",
        "answers",
        "archive_index",
        "archive_summary",
        "baseline_text",
        "calibrated",
        "cells",
        "cautions",
        "claims",
        "chat",
        "cleaning",
        "colours",
        "command",
        "control_checks",
        "control_grids",
        "control_text",
        "comparable",
        "comparison",
        "comparison_markdown",
        "comparison_text",
        "deadline",
        "devices",
        "errors",
        "extract_js",
        "extract_js_esprima",
        "extract_js_treesitter",
        "extract_php",
        "extract_py",
        "extraction",
        "families",
        "context_limits",
        "log_lines",
        "floored",
        "figures",
        "forecast",
        "frame",
        "functions",
        "generate",
        "given_args",
        "grid",
        "headroom",
        "heats",
        "html_columns",
        "http_refusals",
        "identity",
        "kept",
        "kv_size",
        "kvtypes",
        "label_grid",
        "labels",
        "lexicon",
        "margin_grid",
        "margin_verdict",
        "margins",
        "marginals",
        "merging",
        "missing",
        "page_model",
        "page_items",
        "page_parts",
        "memory",
        "outward",
        "packed",
        "paired",
        "pasted",
        "noise_floor",
        "pairing",
        "drift",
        "sessions",
        "several_places",
        "shards",
        "power",
        "printable",
        "progress",
        "prompts",
        "quick",
        "record",
        "redaction",
        "reference_fragile",
        "reference_model",
        "reference_vocab",
        "reference_weights",
        "refusal",
        "rendered",
        "rescore",
        "run_margins",
        "run_table",
        "run_facts",
        "rotation",
        "rotation_grid",
        "row_check",
        "about_check",
        "parsing",
        "sampling",
        "scoring",
        "server_flags",
        "shareable",
        "shown_diff",
        "sse",
        "standing",
        "sentences",
        "speculation",
        "stored_run",
        "summary",
        "tables",
        "thinking",
        "together",
        "throughput",
        "token_probs",
        "trend",
        "trimming",
        "validity",
        "verdict",
        "verdict_lines",
        "verdicts",
        "whiskers",
        "withheld",
    ],
    2: [
        "about",
        "ahead",
        "apikey",
        "archive",
        "archive_entry",
        "archive_page",
        "archive_top",
        "asking",
        "baseline",
        "baselines",
        "calibrating",
        "cell",
        "client",
        "composing",
        "counting",
        "corpus",
        "corpus_parts",
        "embedded",
        "endpoint",
        "endpoint_url",
        "function_cache",
        "cache_notes",
        "whole_file",
        "whole_run",
        "harness",
        "hashes",
        "watched",
        "heatmap",
        "launch",
        "leftovers",
        "lock",
        "machine",
        "long_work",
        "models",
        "output",
        "made_with",
        "named_files",
        "pages",
        "presets",
        "plan",
        "prepare",
        "prepared",
        "probe",
        "profiles",
        "program",
        "program_files",
        "recall",
        "regular_files",
        "replies",
        "resume",
        "room",
        "script_words",
        "run_checks",
        "served",
        "served_cell",
        "server_logs",
        "source_paths",
        "sources",
        "store",
        "watchdog",
        "workers",
    ],
    3: [
        "attachments",
        "auto",
        "chosen_pairs",
        "cli",
        "commands_archive",
        "commands_calibrate",
        "commands_compare",
        "commands_corpus",
        "commands_heatmap",
        "commands_pages",
        "commands_run",
        "commands_stored",
        "exit_status",
        "gate",
        "dry_run",
        "first_cell",
        "fixtures",
        "fleet",
        "grid_plugin",
        "live",
        "host_check",
        "html_report",
        "left_running",
        "hosts",
        "options",
        "plugin",
        "quick_stop",
        "reports",
        "scheduling",
        "item_rows",
        "lookahead",
        "rows",
        "session",
        "own_session",
        "settings",
        "signals",
        "suite",
        "suite.test_recall",
        "tally",
        "terminal",
        "unwritten",
    ],
}
FLOOR = {module: floor for floor, modules in FLOORS.items() for module in modules}
#: Whatever is of pytest or one of its plugins.
PYTEST = {"pytest", "_pytest", "xdist", "pytest_html", "pluggy"}
#: Reaching over the edge: the pure floor does no HTTP and starts no process.
EDGES = {"httpx", "subprocess", "socket", "xllamacpp", "urllib", "signal"}


def modules() -> dict[str, Path]:
    """Every module of the package by its name below it; a package by that of its folder."""
    paths = sorted(FOLDER.rglob("*.py"))
    names = [path.relative_to(FOLDER).with_suffix("").parts for path in paths]
    dotted = (".".join(part for part in name if part != "__init__") for name in names)
    return {name: path for name, path in zip(dotted, paths, strict=True) if name}


class Imports(ast.NodeVisitor):
    """The full names of all that a module imports while it runs, at its top or in a function."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        """Imports for types alone are passed over; an `else` of theirs is not."""
        if ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            for other in node.orelse:
                self.visit(other)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        """`import a.b`."""
        self.names |= {alias.name for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """`from a import b`: b may be a module."""
        assert node.level == 0, "imports are absolute"
        self.names |= {f"{node.module}.{alias.name}" for alias in node.names}


def imported(source: str) -> set[str]:
    """What this source imports while it runs."""
    imports = Imports()
    imports.visit(ast.parse(source))
    return imports.names


def own(names: set[str]) -> set[str]:
    """Those of this package, as names below it."""
    parts = [name.split(".") for name in names]
    known = set(modules())
    below = {".".join(part[1:end]) for part in parts if part[0] == NAME for end in range(2, len(part) + 1)}
    return below & known


def top(names: set[str]) -> set[str]:
    """The packages that these names belong to."""
    return {name.split(".")[0] for name in names}


def test_how_imports_are_read() -> None:
    """At the top, in functions, under conditions; not under TYPE_CHECKING."""
    source = (
        "import os.path\nfrom pytest_codeneedle import grid\nfrom pytest_codeneedle.suite.test_recall import x\n"
        "if TYPE_CHECKING:\n    import httpx\nelse:\n    import json\n"
        "def f():\n    if a:\n        from pytest_codeneedle.store import RunFolder\n"
    )
    names = imported(source)

    assert {"os", "json", NAME} == top(names)
    assert {"grid", "suite", "suite.test_recall", "store"} == own(names)


def test_every_module_is_on_a_floor() -> None:
    """A new module is put on one, and one that is gone is taken off."""
    assert set(modules()) == set(FLOOR)
    assert sum(map(len, FLOORS.values())) == len(FLOOR)


@pytest.mark.parametrize("module", sorted(FLOOR))
def test_imports_run_downward_only(module: str) -> None:
    """A module knows its own floor and those below."""
    names = own(imported(modules()[module].read_text(encoding="utf-8")))

    assert set() == {f"{name} (floor {FLOOR[name]})" for name in names if FLOOR[name] > FLOOR[module]}


@pytest.mark.parametrize("module", sorted([*FLOORS[1], *FLOORS[2]]))
def test_only_the_top_floor_knows_pytest(module: str) -> None:
    """All else can be used without it."""
    assert set() == top(imported(modules()[module].read_text(encoding="utf-8"))) & PYTEST


@pytest.mark.parametrize("module", FLOORS[1])
def test_the_pure_floor_does_not_reach_over_the_edge(module: str) -> None:
    """No HTTP, no process, no server."""
    assert set() == top(imported(modules()[module].read_text(encoding="utf-8"))) & EDGES


@pytest.mark.parametrize("module", sorted(FLOOR))
def test_no_module_is_too_long(module: str) -> None:
    """Where a room grows past that, it is time to redraw it."""
    assert len(modules()[module].read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_contributing_draws_the_same_floors() -> None:
    """The table that people read names every module of these floors, and none on two."""
    table = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("| ")}

    for floor, names in FLOORS.items():
        drawn = {name for name in names if f"`{name}`" in rows[str(floor)]}
        assert {name for name in names if not name.startswith("suite")} == drawn
