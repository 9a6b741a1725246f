"""The grid's columns in pytest-html's table, as HTML: of a row, and of a test that has none.

pytest-html's script sorts by the text between `<td>` and `</td>`, as strings: numbers are padded with spaces, which
HTML draws as one, and types have as many as put them in the order of a grid. What is in no grid sorts behind all.
It keeps each cell twice, escaped as an attribute: without quotes it is half as long.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.kv_types import BITS, by_precision
from pytest_codeneedle.core.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Key (a word, as pytest-html's script wants it) -> how the column is called.
COLUMNS = {
    **{name: name for name in ("ctk", "ctv", "function", "depth", "matched", "hallucinated")},
    "run_on": "run-on",
    "label": "label",
}
_NONE = "-"
_WIDTH = 5  # of a number: one space at least stands before it, and puts it before _NONE
_PADDED = re.compile("> +")
_ORDER = tuple(reversed(by_precision(BITS)))


def header_cells() -> list[str]:
    """The header's cells, each of a column that sorts."""
    return [f'<th class="sortable" data-column-type="{key}">{name}</th>' for key, name in COLUMNS.items()]


def row_cells(row: Mapping[str, Any] | None) -> list[str]:
    """The cells of a result row; without one, of a test that is none of the grid's."""
    if row is None:
        return [_cell(key, _NONE) for key in COLUMNS]
    run_on = row.get("run_on") if row.get("primary_matched") is not None else None
    texts = {
        "ctk": _type(row["ctk"]),
        "ctv": _type(row["ctv"]),
        "function": printable(row["function"]),
        "depth": f"{100 * row['depth']:{_WIDTH}.1f} %",
        "matched": _number(row.get("primary_matched")),
        "hallucinated": _number(row.get("hallucinated")),
        "run_on": _NONE if run_on is None else "yes" if run_on else "no",
        "label": printable(row.get("label") or ""),
    }
    return [_cell(key, texts[key]) for key in COLUMNS]


def one_cell(cells: Sequence[str]) -> str:
    """The cells of a row once they are sorted by: as one, without what HTML does without.

    pytest-html's script puts each string into the row as HTML, for which this is the same, in a third less bytes.
    """
    return "".join(_PADDED.sub(">", cell, count=1).removesuffix("</td>") for cell in cells)


def plain_cell(key: str, text: str) -> str:
    """A cell of pytest-html's own with the text of others in it, escaped."""
    return _cell(key, printable(text))


def _cell(key: str, text: str) -> str:
    return f"<td class=col-{key}>{escape(text, quote=False)}</td>"


def _type(name: str) -> str:
    """Sorted as a grid's rows are: the most precise first."""
    return " " * (1 + _ORDER.index(name)) + name if name in _ORDER else printable(name)


def _number(value: int | None) -> str:
    return _NONE if value is None else f"{value:{_WIDTH}}"
