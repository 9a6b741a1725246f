"""A run's rows -> what a page shows of them: one `Section` for each corpus."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.answers import runs_on
from pytest_codeneedle.cautions import cautions as found_cautions
from pytest_codeneedle.cells import place_of
from pytest_codeneedle.figures import p_value, signed, span
from pytest_codeneedle.floored import Calibration
from pytest_codeneedle.grid import ERROR, FAILED, error_line, make_grid, summary_line
from pytest_codeneedle.heats import depth_heat, margins_heat, matched_heat, passes_heat
from pytest_codeneedle.kvtypes import in_grid_order
from pytest_codeneedle.margin_grid import cell_margins
from pytest_codeneedle.page_model import CellLine, GridPart, Mark, PageItem, Section, SidePicture
from pytest_codeneedle.printable import shown_line
from pytest_codeneedle.record import item_of
from pytest_codeneedle.run_facts import run_facts
from pytest_codeneedle.shareable import shareable
from pytest_codeneedle.shown_diff import hidden_kinds, shown_diff
from pytest_codeneedle.summary import why_not_judged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.frame import Frame
    from pytest_codeneedle.grid import Grid, View
    from pytest_codeneedle.marginals import Side
    from pytest_codeneedle.page_model import Heat, ShownDiff
    from pytest_codeneedle.scoring import Tag
    from pytest_codeneedle.verdict import CellVerdict
    from pytest_codeneedle.verdicts import Judged

    Rows = Sequence[Mapping[str, Any]]

FLOORED = "floored"
_MS = 1000.0
#: Lines of an error's text that are shown.
_ERROR_LINES = 100


def section(  # noqa: PLR0913 - a run as it is stored, and what is known of it besides
    about: Mapping[str, Any],
    rows: Rows,
    frame: Frame,
    judged: Mapping[View, Judged],
    *,
    hidden: tuple[Tag, ...] | None,
    gate: str = "",
    cautions: Sequence[str] = (),
) -> Section:
    """One corpus of one run: `about` is its run.json, `judged` what `run_verdicts` says of these rows.

    `hidden` are the kinds of lines that diffs only count (`hidden_of`), None for no diffs. `gate` is the sentence on
    the comparison with a baseline, `cautions` what is to be distrusted besides what rows and run.json tell.
    """
    return Section(
        corpus=str(about["corpus"]),
        model=str(about.get("model_name") or ""),
        lines=frame.lines,
        parts=tuple(_part(rows, frame, view, judged.get(view)) for view in frame.views),
        calibration=_calibration(about),
        gate=gate,
        cautions=tuple(map(_shown, (*found_cautions(about, rows, frame), *cautions))),
        facts=run_facts(about),
        items=_items(about, rows, frame, hidden),
    )


def hidden_of(about: Mapping[str, Any]) -> tuple[Tag, ...] | None:
    """The kinds of lines that diffs of this run only count, as it was asked for; None for no diffs."""
    return hidden_kinds(
        private=bool(about.get("private")),
        redact=bool(about.get("redact")),
        embed_source=bool(about.get("embed_source")),
    )


def _part(rows: Rows, frame: Frame, view: View, judged: Judged | None) -> GridPart:
    grid = make_grid(rows, frame.pairs, view)
    return GridPart(
        title=frame.title(view),
        word=_word(judged),
        sentences=judged.said if judged else (_why_not(grid),),
        heats=tuple(_heats(rows, frame, view, grid)),
        sides=() if judged is None else tuple(map(_side, (judged.verdict.k, judged.verdict.v))),
        cells=() if judged is None else tuple(map(_cell, judged.verdict.cells)),
        summary=tuple(line for line in (summary_line(grid), error_line(grid)) if line),
    )


def _word(judged: Judged | None) -> str:
    if judged is None:
        return ""
    if judged.floored:
        return FLOORED
    low = judged.verdict.low and judged.verdict.cell(judged.verdict.low)
    return (low and low.verdict) or ""


def _why_not(grid: Grid) -> str:
    return why_not_judged(grid) or "No verdict: there is nothing to compare."


def _heats(rows: Rows, frame: Frame, view: View, grid: Grid) -> list[Heat]:
    margins = cell_margins(rows, frame.pairs, view)
    deep = depth_heat(rows, frame, view)
    return [
        matched_heat(grid, frame.lines),
        passes_heat(grid, frame.functions),
        *([margins_heat(grid, margins)] if margins else []),
        *([deep] if len(deep.columns) > 1 else []),
    ]


def _side(side: Side) -> SidePicture:
    from pytest_codeneedle.verdict_lines import trend_sentence  # noqa: PLC0415 - with scipy, which is there by now

    marks = []
    for one in side.marginals:
        found = one.contrast
        low, high = (
            (None, None) if found is None or found.interval is None else (found.interval.low, found.interval.high)
        )
        marks.append(Mark(one.cache_type, one.mean, found.mean if found else None, _end(low), _end(high)))
    return SidePicture(side.name, trend_sentence(side), tuple(marks))


def _end(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _cell(cell: CellVerdict) -> CellLine:
    found = cell.contrast
    if cell.verdict is None:
        return CellLine(str(cell.pair), cell.reason or "", "", "", "")
    interval = "all tied" if found.tied else span(found.interval).removeprefix("95 % ")
    declared = " (declared)" if cell.declared else ""
    return CellLine(str(cell.pair), f"{cell.verdict}{declared}", signed(found.mean), interval, p_value(cell.p_used))


def _calibration(about: Mapping[str, Any]) -> str:
    facts = about.get("calibration")
    if not facts:
        return ""
    if facts.get("passed") is None:
        return f"not calibrated: {facts.get('reason')}"
    return Calibration(facts["reference"], facts["share"], facts["minimum"], facts.get("errors", 0)).sentence


def _items(about: Mapping[str, Any], rows: Rows, frame: Frame, hidden: tuple[Tag, ...] | None) -> tuple[PageItem, ...]:
    expected = {function["name"]: function for function in about.get("functions") or ()}
    last = {item_of({"replicate": 0, **row}): row for row in rows}
    places = {pair: at for at, pair in enumerate(in_grid_order(place_of(row).pair for row in last.values()))}
    rotations = list(frame.rotations)

    def order(row: Mapping[str, Any]) -> tuple[Any, ...]:
        place = place_of(row)
        rotation = rotations.index(place.rotation) if place.rotation in rotations else len(rotations)
        return rotation, place.rotation, places[place.pair], place.replicate, row.get("depth") or 0.0, row["function"]

    relax = bool(about.get("relax_indent"))
    return tuple(
        _item(row, expected.get(row["function"]), hidden, relax_indent=relax)
        for row in sorted(last.values(), key=order)
    )


def _item(
    row: Mapping[str, Any], function: Mapping[str, Any] | None, hidden: tuple[Tag, ...] | None, *, relax_indent: bool
) -> PageItem:
    scored = row["outcome"] != ERROR
    return PageItem(
        outcome=row["outcome"],
        ctk=row["ctk"],
        ctv=row["ctv"],
        place=str(place_of(row)),
        function=shown_line(row["function"]),
        depth=row.get("depth"),
        matched=row.get("primary_matched") if scored else None,
        hallucinated=row.get("hallucinated") if scored else None,
        run_on=_run_on(row, function) if scored else None,
        label=row.get("label") or "",
        seconds=_seconds(row),
        error="" if scored else _error(row),
        diff=_diff(row, function, hidden, relax_indent=relax_indent),
    )


def _run_on(row: Mapping[str, Any], function: Mapping[str, Any] | None) -> bool | None:
    if row.get("run_on") is not None:
        return bool(row["run_on"])
    if function is None or function.get("primary") is None or row.get("response") is None:
        return None
    return runs_on(function["primary"], row["response"])


def _seconds(row: Mapping[str, Any]) -> float | None:
    if row.get("predicted_ms") is None:
        return None
    return (float(row.get("prompt_ms") or 0.0) + float(row["predicted_ms"])) / _MS


def _error(row: Mapping[str, Any]) -> str:
    lines = str(row.get("error") or "").splitlines()
    more = [f"... {len(lines) - _ERROR_LINES} more lines"] if len(lines) > _ERROR_LINES else []
    return "\n".join([*map(_shown, lines[:_ERROR_LINES]), *more])


def _shown(line: str) -> str:
    return shown_line(str(shareable(line)))


def _diff(
    row: Mapping[str, Any], function: Mapping[str, Any] | None, hidden: tuple[Tag, ...] | None, *, relax_indent: bool
) -> ShownDiff | None:
    if row["outcome"] != FAILED or hidden is None or function is None or function.get("primary") is None:
        return None
    if row.get("response") is None:
        return None
    return shown_diff(
        function["primary"], function.get("bonus") or (), row["response"], relax_indent=relax_indent, hidden=hidden
    )
