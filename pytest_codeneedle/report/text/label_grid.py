"""What happened to the misses of a grid, as plain text: labels per cell, and two grids of counts."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.kv_types import in_grid_order
from pytest_codeneedle.core.printable import printable
from pytest_codeneedle.recall.labels import LABELS
from pytest_codeneedle.runs.grid import ONE_PASS, View, make_grid, rows_by_pair, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair

WIDTH = 80
#: Between a pair and its labels.
_SPACE = 4
#: Of the functions that answers were confused with so many are named, and of a name so many characters.
_NAMES, _NAME_LENGTH = 3, 40
_NO_BREAK = "\N{NO-BREAK SPACE}"
#: The keys of a result row that are counted in a grid of their own, and its title.
FLAGS: Mapping[str, str] = {
    "run_on": "answers that ran on",
    "confused_with": "answers confused with another function",
}


def label_lines(rows: Iterable[Mapping[str, Any]], pairs: Iterable[KVPair], view: View = ONE_PASS) -> list[str]:
    """How often each label was given, per cell: a title, then the cells that have any, row by row of the grid.

    A cell takes more than one line where it would pass 80 columns. Rows without a label count as perfect, and
    without any label there are no lines at all. Of several rows for one item the last counts, as in the grid.
    """
    labelled = {
        pair: told
        for pair, items in rows_by_pair(rows, pairs, view).items()
        if (told := [item for item in items if item.get("label")])
    }
    if not labelled:
        return []
    indent = max(len(str(pair)) for pair in labelled) + _SPACE
    lines = ["labels"]
    for pair in in_grid_order(labelled):
        first, *more = _wrapped(_counts(labelled[pair]), WIDTH - indent)
        lines.append(f"{pair!s:<{indent}}{first}")
        lines += [f"{'':<{indent}}{line}" for line in more]
    return lines


def flag_lines(
    rows: Iterable[Mapping[str, Any]], pairs: Iterable[KVPair], key: str, view: View = ONE_PASS
) -> list[str]:
    """In how many answers of each cell `key`, one of `FLAGS`, is set: the title and the grid."""
    rows, pairs = list(rows), list(pairs)
    found = rows_by_pair(rows, pairs, view)
    counts = {pair: sum(bool(item.get(key)) for item in items) for pair, items in found.items()}
    return [FLAGS[key], *table(make_grid(rows, pairs, view), lambda cell: str(counts[cell.pair]))]


def flag_grids(rows: Iterable[Mapping[str, Any]], pairs: Iterable[KVPair], view: View = ONE_PASS) -> list[str]:
    """`flag_lines` of all `FLAGS`, a blank line between them."""
    rows, pairs = list(rows), list(pairs)
    first, *others = (flag_lines(rows, pairs, key, view) for key in FLAGS)
    return first + [line for other in others for line in ("", *other)]


def _counts(items: Sequence[Mapping[str, Any]]) -> str:
    """`2 shifted, 1 confused (with parse_request)`; no-break spaces hold together what one line should hold."""
    counts = Counter(item["label"] for item in items)
    wrong = [item for item in items if item["label"] == "confused"]
    names = dict.fromkeys(name for item in wrong if (name := item.get("confused_with")))
    # A label that a later version has written comes last.
    order = [*LABELS, *sorted(counts.keys() - set(LABELS))]
    told = {label: f"{counts[label]}{_NO_BREAK}{label}" for label in order if counts[label]}
    if names:
        told["confused"] += f" (with{_NO_BREAK}{_named(list(names))})"
    return ", ".join(told.values())


def _named(names: Sequence[str]) -> str:
    names = [printable(name) for name in names]
    short = [name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 3]}..." for name in names[:_NAMES]]
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(short) + more


def _wrapped(text: str, width: int) -> list[str]:
    lines = textwrap.wrap(text, width, break_on_hyphens=False)
    return [line.replace(_NO_BREAK, " ") for line in lines]
