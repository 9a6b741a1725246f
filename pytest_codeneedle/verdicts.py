"""A run's rows -> what is said of each of its grids: judged once, then drawn, said, and written as plain facts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.figures import wrapped
from pytest_codeneedle.floored import calibration
from pytest_codeneedle.grid import rows_by_pair
from pytest_codeneedle.margin_grid import cell_margins
from pytest_codeneedle.margin_verdict import judge_margins, margin_block_lines
from pytest_codeneedle.sentences import sentences
from pytest_codeneedle.throughput import tokens_per_second
from pytest_codeneedle.trend import Trend
from pytest_codeneedle.values import again, values
from pytest_codeneedle.verdict import judge
from pytest_codeneedle.verdict_lines import verdict_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.frame import Frame
    from pytest_codeneedle.grid import Grid, View
    from pytest_codeneedle.kvtypes import KVPair
    from pytest_codeneedle.margin_grid import CellMargins
    from pytest_codeneedle.margin_verdict import MarginVerdict
    from pytest_codeneedle.marginals import Side
    from pytest_codeneedle.verdict import Verdict

    Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Judged:
    """One grid: the verdict on its lines and on its margins (None without any), and the sentences.

    Of a `floored` model nothing is said but that; the figures are there all the same.
    """

    view: View
    verdict: Verdict
    margins: MarginVerdict | None
    margins_by_pair: Mapping[KVPair, CellMargins]
    said: tuple[str, ...]
    floored: bool

    def lines(self, grid: Grid, *, verbose: bool = False) -> list[str]:
        """The block of a terminal; with `verbose` every cell has a line."""
        if self.floored:
            return [line for sentence in self.said for line in wrapped(sentence)]
        beside = [] if self.margins is None else margin_block_lines(self.margins)
        return verdict_lines(self.verdict, grid, self.said, beside=beside, verbose=verbose)

    def facts(self) -> dict[str, Any]:
        """Plain, for JSON."""
        return {
            "rotation": self.view.rotation,
            "sentences": list(self.said),
            "floored": self.floored,
            **self.verdict.facts(),
            "margins": None if self.margins is None else self.margins.facts(),
            "margins_by_pair": {str(pair): asdict(one) for pair, one in self.margins_by_pair.items()},
        }


def judged(rows: Rows, frame: Frame, view: View) -> Judged:
    """What the data of one grid allow to say."""
    verdict, why_not = _verdict(rows, frame, view), _floored(rows, frame, view)
    # Servers that share a device slow each other: their speeds are not held against each other.
    shared = any(int(row.get("servers_on_device") or 1) > 1 for row in rows)
    speeds = {} if shared else tokens_per_second(rows, frame.pairs, view)
    return Judged(
        view=view,
        verdict=verdict,
        margins=_margins(rows, frame, view),
        margins_by_pair=cell_margins(rows, frame.pairs, view),
        said=(why_not,) if why_not else tuple(sentences(verdict, frame, speeds)),
        floored=why_not is not None,
    )


def _verdict(rows: Rows, frame: Frame, view: View) -> Verdict:
    first = values(rows, frame.pairs, rotation=view.rotation)
    found = judge(
        values(rows, frame.pairs, repeat=frame.repeat, rotation=view.rotation),
        frame.reference,
        delta=frame.delta,
        lines=frame.lines,
        first=first.get(frame.reference),
        again=again(rows, frame.reference, repeat=frame.repeat, rotation=view.rotation),
        planned=frame.pairs,
    )
    return found if frame.trends else replace(found, k=_untested(found.k), v=_untested(found.v))


def _margins(rows: Rows, frame: Frame, view: View) -> MarginVerdict | None:
    found = judge_margins(rows, frame.pairs, frame.reference, view)
    if found is None or frame.trends:
        return found
    return replace(found, k=_untested(found.k), v=_untested(found.v))


def _untested(side: Side) -> Side:
    return replace(side, trend=Trend(0, reason="--kv-quick was settled by its first stage"))


def _floored(rows: Rows, frame: Frame, view: View) -> str | None:
    """Why nothing is said about the cache, where the reference itself does not recall what it was asked for."""
    of_reference = rows_by_pair(rows, (), view).get(frame.reference, [])
    found = calibration(of_reference, str(frame.reference), lines=frame.lines, minimum=frame.minimum)
    return None if found.share is None else found.no_verdict or None
