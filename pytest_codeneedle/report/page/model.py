"""What a page shows of a run, as plain values: made of rows by `sections`, written as HTML by `render`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_codeneedle.recall.scoring import DiffLine
    from pytest_codeneedle.report.heat.tables import Heat


@dataclass(frozen=True)
class Mark:
    """The mean lines of one type of one side, and its paired difference to the reference's type with a 95 % interval.

    None where there is none: of the reference's type itself, and of an end that the data leave open.
    """

    cache_type: str
    mean: float
    difference: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class SidePicture:
    """The types of K or V with their means and intervals, and what the trend says, in one sentence."""

    name: str
    trend: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class CellLine:
    """What is said of one cell: the verdict, the difference in lines with its interval, p as it was used."""

    pair: str
    verdict: str
    difference: str
    interval: str
    p: str


@dataclass(frozen=True)
class GridPart:
    """One grid of a run (one rotation): what is said, and what is drawn.

    `title` is empty where there is but one. `word` is the verdict on the declared low pair, `floored`, or nothing where
    none can be given; `sentences` say it in full, or why there is none. `summary` are the lines that stand below the
    grids of a terminal: how many cells, the mean, the range, what is missing. `family` says what the p of `cells` are
    adjusted for.
    """

    title: str
    word: str
    sentences: tuple[str, ...]
    heats: tuple[Heat, ...]
    sides: tuple[SidePicture, ...]
    cells: tuple[CellLine, ...]
    summary: tuple[str, ...] = ()
    family: str = ""


@dataclass(frozen=True)
class ShownDiff:
    """An aligned diff as far as it may be shown. `lines` are fit to be seen; `left_out` says what is not there.

    Where nothing may be shown there are no lines, and it says why.
    """

    lines: tuple[DiffLine, ...]
    left_out: str


@dataclass(frozen=True)
class PageItem:
    """One question of one cell. `depth` is a share of the text, None where no row says it; `seconds` the answer's time.

    `matched`, `hallucinated` and `run_on` are None without a score. `error` is what was said where there is none;
    `diff` is there for failed ones alone. `turn` tells the rotation and the pass: `rotation on, pass 2`.
    """

    outcome: str
    ctk: str
    ctv: str
    place: str
    function: str
    depth: float | None
    matched: int | None
    hallucinated: int | None
    run_on: bool | None
    label: str
    seconds: float | None
    error: str
    diff: ShownDiff | None
    turn: str = ""


@dataclass(frozen=True)
class Section:
    """One corpus of one run. `parts` are its grids; `rotation` is what two of them, on and off, differ in."""

    corpus: str
    model: str
    lines: int
    parts: tuple[GridPart, ...]
    calibration: str
    gate: str
    cautions: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    items: tuple[PageItem, ...]
    rotation: GridPart | None = None
