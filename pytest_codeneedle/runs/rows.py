"""What a row says of its cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_codeneedle.core.cells import Cell
    from pytest_codeneedle.corpus.functions.function import Function


def cell_facts(cell: Cell, function: Function, total_lines: int) -> dict[str, Any]:
    """What is known of an item before it is asked; `depth` is the share of the corpus above it, 0 to 1."""
    return {
        "corpus": cell.corpus,
        "ctk": cell.pair.ctk,
        "ctv": cell.pair.ctv,
        "function": function.name,
        "replicate": cell.replicate,
        "rotation": cell.rotation,
        "start_line": function.start_line,
        "depth": round(function.start_line / total_lines, 4),
    }
