"""The grids below the grid, as plain text: margins, labels of misses, what rotation is worth, tokens per second."""

from __future__ import annotations

import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import place_of
from pytest_codeneedle.core.kv_types import in_grid_order
from pytest_codeneedle.core.text import counted, p_is, percent, printable, signed, span, wrapped
from pytest_codeneedle.recall.labels import LABELS
from pytest_codeneedle.runs.grid import ONE_PASS, PARTLY, Cell, Grid, View, make_grid, rows_by_pair, table
from pytest_codeneedle.runs.margins import ENOUGH_TOKENS, CellMargins, cell_margins
from pytest_codeneedle.runs.sessions import session_of
from pytest_codeneedle.stats.rotation import RotationContrast, paired_differences, rotation_contrasts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.runs.margins import Rows
    from pytest_codeneedle.stats.paired import Contrast
    from pytest_codeneedle.stats.rotation import Figures

    #: Those with the rotation on, and off.
    BothWays = tuple[Figures, Figures]

_NONE = "-"
_PERCENT = 100.0
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
_MILLISECONDS = 1000.0
#: Two passes over one cell whose speeds differ by more than this share had no machine to themselves.
_ALIKE = 0.1


def margin_lines(
    rows: Rows, pairs: Iterable[KVPair], reference: KVPair, view: View = ONE_PASS, *, verbose: bool = False
) -> list[str]:
    """The grid of mean margins, title first; nothing without margins, or without the reference's.

    The reference has its own, all others what they have more on the same tokens. With `verbose` also those of 1st
    percentiles and of the tokens under 1 nat.
    """
    rows, pairs = list(rows), list(pairs)
    found = cell_margins(rows, pairs, reference, view)
    if not found:
        return []
    grids: dict[str, Callable[[CellMargins], float]] = {"mean log-probability margin, nats": lambda cell: cell.mean}
    if verbose:
        grids["1st percentile of the margins, nats"] = lambda cell: cell.p1
        grids["tokens with a margin under 1 nat, %"] = lambda cell: _PERCENT * cell.under_1
    grid = make_grid(rows, pairs, view)
    lines: list[str] = []
    for title, figure in grids.items():

        def shown(cell: Cell, figure: Callable[[CellMargins], float] = figure) -> str:
            one = found.get(cell.pair)
            if one is None:
                return _NONE
            return f"{figure(one):.2f}" if one.own else f"{signed(figure(one))}{PARTLY if one.partly else ''}"

        others = f": {reference}, and the others minus it" if len(found) > 1 else ""
        lines += [*([""] if lines else []), f"{title}{others}", *table(grid, shown)]
    if any(one.partly for one in found.values()):
        lines += wrapped(
            f"{PARTLY} under {percent(ENOUGH_TOKENS)} of its tokens are there: what is lost is in no margin"
        )
    return lines


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


def rotation_grid(on: Figures, off: Figures, lost: BothWays | None = None) -> Grid:
    """The differences of each cell, on - off, function by function, in the place of matched lines."""
    lacking = _without_answers(on, off, lost)
    cells = {}
    for pair in {**on, **off}:
        found = tuple(paired_differences(on.get(pair, {}), off.get(pair, {})))
        cells[pair] = Cell(pair, found, passed=0, errors=int(pair in lacking), asked=len(found))
    return Grid(cells)


def rotation_lines(on: Figures, off: Figures, lost: BothWays | None = None, *, lines: float | None = None) -> list[str]:
    """The grid of mean differences, on - off, and the cells that differ; or that none does, or that none could."""
    title = ["rotation on - off", "", "mean difference in lines, function by function"]
    grid = table(rotation_grid(on, off, lost), lambda cell: f"{signed(cell.mean_matched or 0.0)}{cell.mark()}")
    sentence, cells = rotation_said(on, off, lost, lines=lines)
    told = [line for pair, one in cells.items() for line in wrapped(f"{pair:<{max(map(len, cells))}}  {one}")]
    return [*title, *grid, "", *wrapped(sentence), *told]


def _without_answers(
    on: Figures, off: Figures, lost: BothWays | None, lines: float | None = None
) -> dict[KVPair, RotationContrast]:
    """The cells with missing answers, as they are with these counted as lost."""
    if lost is None:
        return {}
    found, counted_as_lost = rotation_contrasts(on, off, lines), rotation_contrasts(*lost, lines)
    return {
        pair: one for pair, one in counted_as_lost.items() if pair not in found or found[pair].contrast != one.contrast
    }


def rotation_said(
    on: Figures, off: Figures, lost: BothWays | None = None, *, lines: float | None = None
) -> tuple[str, dict[str, str]]:
    """How many cells differ, in a sentence, and what is said of each of them; or why nothing could be found.

    Cells with missing answers are said, too.
    """
    found = _quantized(rotation_contrasts(on, off, lines))
    lacking = _quantized(_without_answers(on, off, lost, lines))
    if not found and not lacking:
        return "rotation: no quantized cell has answers both ways", {}
    both = found if lost is None else _quantized(rotation_contrasts(*lost, lines))
    differing = [pair for pair, one in found.items() if one.differs and both[pair].differs]
    told = {
        str(pair): _cell_told(found.get(pair), lacking.get(pair))
        for pair in both
        if pair in differing or pair in lacking
    }
    return _sentence(both, differing, lacking), told


def _quantized(found: Mapping[KVPair, RotationContrast]) -> dict[KVPair, RotationContrast]:
    """Without the cells in which nothing can be rotated."""
    return {pair: one for pair, one in found.items() if one.adjusted is not None}


def _sentence(
    found: Mapping[KVPair, RotationContrast], differing: Sequence[KVPair], lacking: Mapping[KVPair, RotationContrast]
) -> str:
    from pytest_codeneedle.stats.power import least_for_family  # noqa: PLC0415 - scipy loads where a test is made

    cells = counted(len(found), "cell")
    how = f"on - off (paired by function, exact sign-flip, Holm over {cells})"
    tail = f"; {counted(len(lacking), 'cell')} lack{'s' * (len(lacking) == 1)} answers:" if lacking else ""
    if differing:
        differ = f"{len(differing)} of {cells} differ{'s' * (len(found) == 1)}"
        return f"rotation: {differ}, {how}{tail or ':'}"
    most, needed = max(one.contrast.n for one in found.values()), least_for_family(len(found))
    if most < needed:
        return (
            f"rotation: {counted(most, 'function')} cannot show a difference in one of {cells}: "
            f"{needed} are needed ({how.partition('(')[2]}{_most(found, lacking)}{tail}"
        )
    unsettled = " both without missing answers and with them counted as lost" if lacking else ""
    if not lacking and not _most(found, lacking):
        return f"rotation: no line differs, {how}"
    return f"rotation: no cell differs significantly{unsettled}, {how}{_most(found, lacking)}{tail}"


def _most(found: Mapping[KVPair, RotationContrast], lacking: Mapping[KVPair, RotationContrast]) -> str:
    """The greatest difference, significant or not; nothing where no line differs, or those that lack answers follow."""
    if lacking or all(one.contrast.tied for one in found.values()):
        return ""
    pair = max(found, key=lambda pair: abs(found[pair].contrast.mean))
    return f"; most in {pair}: {_told(found[pair].contrast, found[pair].adjusted)}"


def _cell_told(found: RotationContrast | None, lost: RotationContrast | None) -> str:
    told = "not answered both ways" if found is None else _told(found.contrast, found.adjusted)
    return told if lost is None else f"{told}; counted as lost {_told(lost.contrast, lost.adjusted)}"


def _told(one: Contrast, adjusted: float | None) -> str:
    told = ", ".join(part for part in (span(one.interval), p_is(adjusted or 0.0)) if part)
    return f"{signed(one.mean)} lines ({told})"


@dataclass(frozen=True)
class Speeds:
    """Decoded tokens per second of each pair, None where no server told it; `unlike` says why they are not comparable.

    It is empty where nothing tells that they are not.
    """

    by_pair: Mapping[KVPair, float | None]
    unlike: str = ""


def speeds(
    rows: Iterable[Mapping[str, Any]], pairs: Iterable[KVPair], reference: KVPair, view: View = ONE_PASS
) -> Speeds:
    """The speeds of one grid. The reference is asked several times: where it differs from itself, so may all others."""
    rows = list(rows)
    shared = max((int(row.get("servers_on_device") or 1) for row in rows), default=1)
    unlike = f"{shared} servers shared a device" if shared > 1 else _unsteady(rows, reference, view)
    return Speeds(tokens_per_second(rows, pairs, view), unlike)


def _unsteady(rows: Sequence[Mapping[str, Any]], reference: KVPair, view: View) -> str:
    """The reference's slowest pass and its fastest, those that no grid shows too; nothing where they are alike."""
    passes: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        place = place_of(row)
        if (place.pair, place.rotation) == (reference, view.rotation):
            passes.setdefault((session_of(row), place.replicate), []).append(row)
    known = [speed for items in passes.values() if (speed := _speed(items)) is not None]
    if not known or max(known) <= (1 + _ALIKE) * min(known):
        return ""
    return f"{reference} itself had {min(known):.1f} to {max(known):.1f}"


def decode_lines(
    rows: Iterable[Mapping[str, Any]], pairs: Iterable[KVPair], reference: KVPair, view: View = ONE_PASS
) -> list[str]:
    """Decoded tokens per second of each cell, over all its answers: the title and the grid.

    The title says where the figures cannot be compared.
    """
    rows, pairs = list(rows), list(pairs)
    found = speeds(rows, pairs, reference, view)
    title = f"decode tokens/s{f' (not comparable: {found.unlike})' if found.unlike else ''}"
    return [title, *table(make_grid(rows, pairs, view), lambda cell: _shown(found.by_pair[cell.pair]))]


def tokens_per_second(
    rows: Iterable[Mapping[str, Any]], pairs: Iterable[KVPair], view: View = ONE_PASS
) -> dict[KVPair, float | None]:
    """Decoded tokens per second of each pair, over all its answers; None where no server told it."""
    return {pair: _speed(items) for pair, items in rows_by_pair(rows, pairs, view).items()}


def _speed(items: Sequence[Mapping[str, Any]]) -> float | None:
    """Tokens over the time they took."""
    timed = [item for item in items if item.get("tokens") and item.get("predicted_ms")]
    if not timed:
        return None
    tokens = sum(int(item["tokens"]) for item in timed)
    return _MILLISECONDS * tokens / sum(float(item["predicted_ms"]) for item in timed)


def _shown(speed: float | None) -> str:
    return "-" if speed is None else f"{speed:.1f}"
