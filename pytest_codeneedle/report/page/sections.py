"""A run's rows -> what a page shows of them: one `Section` for a corpus. Figures and words are a terminal's."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.shareable import shown_text
from pytest_codeneedle.core.text import p_value, printable, signed, span
from pytest_codeneedle.recall.scoring import hidden_kinds
from pytest_codeneedle.report.heat.tables import (
    depth_heat,
    margins_heat,
    matched_heat,
    on_one_scale,
    passes_heat,
    rotation_heat,
)
from pytest_codeneedle.report.page.items import page_items
from pytest_codeneedle.report.page.model import CellLine, GridPart, Mark, Section, SidePicture
from pytest_codeneedle.report.text.cautions import cautions as found_cautions
from pytest_codeneedle.report.text.grids import rotation_grid, rotation_said
from pytest_codeneedle.report.text.run import beside_reference, rotation_figures, why_not_judged
from pytest_codeneedle.report.text.run_facts import run_facts
from pytest_codeneedle.runs.calibration import calibrated, calibration
from pytest_codeneedle.runs.grid import below, make_grid, rows_by_pair
from pytest_codeneedle.runs.margins import cell_margins

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_codeneedle.recall.scoring import Tag
    from pytest_codeneedle.report.heat.tables import Heat
    from pytest_codeneedle.report.text.judged import Judged
    from pytest_codeneedle.runs.calibration import Calibration
    from pytest_codeneedle.runs.design import Frame
    from pytest_codeneedle.runs.grid import Grid, View
    from pytest_codeneedle.stats.by_type import Side
    from pytest_codeneedle.stats.verdict import CellVerdict, Verdict

    Rows = Sequence[Mapping[str, Any]]

#: The word on a model that cannot do the task even with the reference's cache.
FLOORED = "floored"


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
    found = calibrated(about, rows, frame)
    stopped = (about.get("calibration") or {}).get("passed") is False
    first = (found.caution,) if found.caution else ()
    return Section(
        corpus=printable(str(about["corpus"])),
        model=shown_text(str(about.get("model_name") or about.get("model") or "")),
        lines=frame.lines,
        parts=_parts(rows, frame, judged, stopped=stopped),
        rotation=_rotated(rows, frame),
        calibration=shown_text(found.sentence),
        gate=shown_text(gate),
        cautions=tuple(map(shown_text, (*first, *found_cautions(about, rows, frame), *cautions))),
        facts=run_facts(about),
        items=page_items(about, rows, frame.rotations, hidden),
    )


def page_title(corpora: Iterable[str], models: Iterable[str]) -> str:
    """`KV-cache recall: CORPUS and CORPUS, MODEL`, each named once."""
    named = ", ".join(" and ".join(dict.fromkeys(names)) for names in (corpora, models))
    return printable(f"KV-cache recall: {named}")


def hidden_of(about: Mapping[str, Any]) -> tuple[Tag, ...] | None:
    """The kinds of lines that diffs of this run only count, as it was asked for; None for no diffs."""
    return hidden_kinds(
        private=bool(about.get("private")),
        redact=bool(about.get("redact")),
        embed_source=bool(about.get("embed_source")),
    )


def _parts(rows: Rows, frame: Frame, judged: Mapping[View, Judged], *, stopped: bool) -> tuple[GridPart, ...]:
    """One for each rotation. A session that `stopped` found its model floored."""
    parts = [_part(rows, frame, view, judged.get(view), stopped=stopped) for view in frame.views]
    heats = iter(on_one_scale([heat for part in parts for heat in part.heats]))
    return tuple(replace(part, heats=tuple(islice(heats, len(part.heats)))) for part in parts)


def _rotated(rows: Rows, frame: Frame) -> GridPart | None:
    """What the rotation is worth, where cells were asked with it and without."""
    figures = rotation_figures(rows, frame)
    if figures is None:
        return None
    sentence, cells = rotation_said(*figures, lines=frame.lines)
    return GridPart(
        title="rotation: on - off",
        word="",
        sentences=(sentence, *(f"{pair} {told}" for pair, told in cells.items())),
        heats=(rotation_heat(rotation_grid(*figures)),),
        sides=(),
        cells=(),
    )


def _part(rows: Rows, frame: Frame, view: View, judged: Judged | None, *, stopped: bool) -> GridPart:
    """Where the reference says nothing about the cache nothing is said of other cells; their figures are drawn."""
    grid = make_grid(rows, frame.pairs, view)
    part = GridPart(
        title=frame.title(view),
        word="",
        sentences=judged.said if judged else (why_not_judged(grid) or _nothing_to_compare(grid),),
        heats=_heats(rows, frame, view, grid, judged),
        sides=(),
        cells=(),
        summary=tuple(
            below(
                grid,
                lines=frame.lines,
                functions=frame.functions,
                reference=None if judged else beside_reference(rows, frame, view),
            )
        ),
    )
    floored = stopped if judged is None else judged.floored
    if floored:
        of_reference = rows_by_pair(rows, (), view).get(frame.reference, [])
        found = _calibration(of_reference, frame, frame.minimum)
        said = part.sentences if judged or not found.no_verdict else (found.no_verdict,)
        return replace(part, word=FLOORED if found.answered and not found.passed else "", sentences=said)
    if judged is None:
        return part
    verdict = judged.verdict
    if verdict.reason is not None or not verdict.cells:
        return part
    return replace(
        part,
        word=_word(verdict),
        sides=tuple(
            _side(side, distrusted=judged.verdict.distrusted) for side in (verdict.k, verdict.v) if len(side.types) > 1
        ),
        cells=tuple(map(_cell, verdict.cells)),
        family=_family(verdict),
        summary=(*part.summary, *_beside(judged)),
    )


def _nothing_to_compare(grid: Grid) -> str:
    """Why fewer than two cells are not judged."""
    if not grid.answered:
        return "No verdict: no cell has an answer."
    return (
        f"No verdict: {grid.answered[0].pair} is the only cell with an answer, and nothing is there to hold it against."
    )


def _word(verdict: Verdict) -> str:
    """That on the declared low pair."""
    low = None if verdict.low is None else verdict.cell(verdict.low)
    return "" if low is None or low.verdict is None else low.verdict


def _family(verdict: Verdict) -> str:
    from pytest_codeneedle.report.text.verdict import family_sentence  # noqa: PLC0415 - with scipy, which is there by now

    return family_sentence(verdict)


def _beside(judged: Judged) -> list[str]:
    """Missing answers, the noise floor and the margins, in sentences."""
    from pytest_codeneedle.report.text.margins import margin_sentences  # noqa: PLC0415 - with scipy, which is there by now
    from pytest_codeneedle.report.text.verdict import again_sentence, missing_sentence  # noqa: PLC0415 - likewise

    said = [missing_sentence(judged.verdict), again_sentence(judged.verdict)]
    if judged.margins is not None:
        said += margin_sentences(judged.margins, distrusted=judged.verdict.distrusted)
    return [*filter(None, said)]


def _heats(rows: Rows, frame: Frame, view: View, grid: Grid, judged: Judged | None) -> tuple[Heat, ...]:
    margins = judged.margins_by_pair if judged else cell_margins(rows, frame.pairs, frame.reference, view)
    deep = depth_heat(rows, frame, view)
    return (
        matched_heat(grid, frame.lines, frame.functions),
        passes_heat(grid, frame.functions),
        *([margins_heat(grid, margins, frame.functions)] if margins else []),
        *([deep] if len(deep.columns) > 1 else []),
    )


def _side(side: Side, *, distrusted: bool) -> SidePicture:
    from pytest_codeneedle.report.text.verdict import trend_sentence  # noqa: PLC0415 - with scipy, which is there by now

    marks = []
    for one in side.marginals:
        mean = None if one.contrast is None else one.contrast.mean
        interval = None if one.contrast is None else one.contrast.interval
        low, high = (None, None) if interval is None else map(_end, (interval.low, interval.high))
        marks.append(Mark(one.cache_type, one.mean, mean, low, high))
    return SidePicture(side.name, trend_sentence(side, distrusted=distrusted), tuple(marks))


def _end(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _cell(cell: CellVerdict) -> CellLine:
    """As a line of the terminal's table; one without a verdict says why instead."""
    found = cell.contrast
    if cell.verdict is None:
        return CellLine(str(cell.pair), cell.reason or "", "", "", "")
    interval = "all tied" if found.tied else span(found.interval).removeprefix("95 % ")
    p = p_value(cell.p_used) + (" (declared)" if cell.declared else "")
    return CellLine(str(cell.pair), cell.verdict, signed(found.mean), interval, p)


def _calibration(of_reference: Rows, frame: Frame, minimum: float) -> Calibration:
    return calibration(of_reference, str(frame.reference), lines=frame.lines, minimum=minimum)
