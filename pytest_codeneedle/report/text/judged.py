"""A run's rows -> what is said of each of its grids: judged once, then drawn, said, and written as plain facts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.text import wrapped
from pytest_codeneedle.report.text.grids import speeds
from pytest_codeneedle.report.text.margins import margin_block_lines
from pytest_codeneedle.report.text.sentences import distrust_sentence, sentences, undecided
from pytest_codeneedle.report.text.verdict import verdict_lines
from pytest_codeneedle.runs.calibration import calibration
from pytest_codeneedle.runs.margins import cell_margins
from pytest_codeneedle.runs.pairing import borrowing, paired, reference_rows, with_unpaired
from pytest_codeneedle.runs.sessions import conditions_of, parted
from pytest_codeneedle.stats.agreement import agreed, agreed_unpaired
from pytest_codeneedle.stats.claims import claims
from pytest_codeneedle.stats.drift import are_alike, between_ps, drift_sentences, session_drifts
from pytest_codeneedle.stats.margin_verdict import judge_margins
from pytest_codeneedle.stats.missing import missing
from pytest_codeneedle.stats.trend import Trend
from pytest_codeneedle.stats.unlike_sessions import settled_by_all, unlike_sentence, unlike_sessions
from pytest_codeneedle.stats.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.runs.design import Frame
    from pytest_codeneedle.runs.grid import Grid, View
    from pytest_codeneedle.runs.margins import CellMargins
    from pytest_codeneedle.runs.pairing import Paired
    from pytest_codeneedle.stats.by_type import Side
    from pytest_codeneedle.stats.drift import SessionDrift
    from pytest_codeneedle.stats.margin_verdict import MarginVerdict
    from pytest_codeneedle.stats.unlike_sessions import UnlikeSessions
    from pytest_codeneedle.stats.verdict import Verdict

    Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Judged:
    """One grid: the verdict on its lines and on its margins (None without any), and the sentences.

    `drifts` hold each later session's reference against the first one's, `unlike` the cells whose
    sessions differ. Of a `floored` model nothing is said but that; the figures are there all the same.
    """

    view: View
    verdict: Verdict
    margins: MarginVerdict | None
    margins_by_pair: Mapping[KVPair, CellMargins]
    said: tuple[str, ...]
    floored: bool
    drifts: tuple[SessionDrift, ...] = ()
    unlike: tuple[UnlikeSessions, ...] = ()

    def lines(self, grid: Grid, *, verbose: bool = False) -> list[str]:
        """The block of a terminal; with `verbose` every cell has a line."""
        if self.floored:
            return [line for sentence in self.said for line in wrapped(sentence)]
        beside = [] if self.margins is None else margin_block_lines(self.margins, distrusted=self.verdict.distrusted)
        return verdict_lines(self.verdict, grid, self.said, beside=beside, verbose=verbose)

    @property
    def distrust(self) -> list[str]:
        """Why its figures are not to be held together as they are: a server that drifted, in or between sessions."""
        between = self.said[:1] if any(one.drifted for one in self.drifts) else ()
        within = "" if self.floored else distrust_sentence(self.verdict)
        return [*between, *([within] if within else [])]

    def facts(self) -> dict[str, Any]:
        """Plain, for JSON."""
        return {
            "rotation": self.view.rotation,
            "sentences": list(self.said),
            "floored": self.floored,
            "sessions": [drift.facts() for drift in self.drifts],
            "unlike_sessions": [one.facts() for one in self.unlike],
            **self.verdict.facts(),
            "claims": [claim.facts() for claim in claims(self.verdict, self.drifts)],
            "margins": None if self.margins is None else self.margins.facts(),
            "margins_by_pair": {str(pair): asdict(one) for pair, one in self.margins_by_pair.items()},
        }


def judged(rows: Rows, frame: Frame, view: View) -> Judged:
    """What the data of one grid allow to say."""
    found = _figures(rows, frame, view)
    drifts = session_drifts(found, frame.lines)
    verdict, why_not = _verdict(rows, found, frame, view), _floored(rows, found, frame, view)
    unlike = unlike_sessions(found, verdict.low)
    verdict = settled_by_all(verdict, found, unlike)
    told = speeds(rows, frame.pairs, frame.reference, view)
    said = [why_not] if why_not else [unlike_sentence(unlike), *sentences(verdict, frame, told, drifts)]
    margins = _margins(rows, frame, view)
    return Judged(
        view=view,
        verdict=verdict,
        margins=margins,
        margins_by_pair=cell_margins(rows, frame.pairs, frame.reference, view),
        said=(
            *drift_sentences(drifts, found, frame.reference),
            *filter(None, said if margins else map(undecided, said)),
        ),
        floored=why_not is not None,
        drifts=drifts,
        unlike=unlike,
    )


def _figures(rows: Rows, frame: Frame, view: View) -> Paired:
    """What a session without the reference asked is held against the others' references where these are alike."""
    found = paired(rows, frame.pairs, frame.reference, view)
    if found.apart and are_alike(session_drifts(found), frame.delta):
        return borrowing(found, rows, frame.pairs, frame.reference, view)
    return found


def _verdict(rows: Rows, figures: Paired, frame: Frame, view: View) -> Verdict:
    """Of what was answered, as far as missing answers and absent references leave it."""
    lacking = missing(rows, frame.reference, view)
    found = replace(_one_way(figures, frame), unknown=len(lacking.unknown))
    if lacking.functions:
        lost = _figures(lacking.counted_as_lost(rows), frame, view)
        found = agreed(found, _one_way(lost, frame), lacking)
    if figures.unpaired:
        every = with_unpaired(figures, rows, frame.pairs, frame.reference, view)
        found = agreed_unpaired(found, _one_way(every, frame), figures.unpaired)
    return found if frame.trends else replace(found, k=_untested(found.k), v=_untested(found.v))


def _one_way(figures: Paired, frame: Frame) -> Verdict:
    twice = figures.twice
    found = judge(
        figures.cells,
        frame.reference,
        delta=frame.delta,
        lines=frame.lines,
        weakest=figures.weakest,
        first=None if twice is None else twice.first,
        again=None if twice is None else twice.last,
        lost=twice.lost if twice is not None and twice.silent else None,
        apart=() if twice is None else twice.apart,
        between=between_ps(figures),
        planned=frame.pairs,
    )
    if twice is not None and found.again is not None:
        again = replace(
            found.again,
            outermost=twice.outermost,
            sessions=twice.sessions,
            lacking=twice.lacking,
            silent=len(twice.silent),
            late=len(twice.late),
        )
        found = replace(found, again=again)
    if figures.apart:
        where = "on a host or device" if any(parted(one)[1] for one in figures.counted) else "in a session"
        apart = f"asked {where} without an answer of {frame.reference}"
        cells = [replace(cell, reason=apart) if cell.pair in figures.apart else cell for cell in found.cells]
        found = replace(found, cells=tuple(cells))
    return found


def _margins(rows: Rows, frame: Frame, view: View) -> MarginVerdict | None:
    found = judge_margins(rows, frame.pairs, frame.reference, view)
    if found is None or frame.trends:
        return found
    return replace(found, k=_untested(found.k), v=_untested(found.v))


def _untested(side: Side) -> Side:
    return replace(side, trend=Trend(0, reason="--kv-quick was settled by its first stage"))


def _floored(rows: Rows, figures: Paired, frame: Frame, view: View) -> str | None:
    """Why nothing is said about the cache, where the reference itself does not recall what it was asked for.

    A session that asked no other cell has no say.
    """
    of_reference = [row for row in reference_rows(rows, frame.reference, view) if conditions_of(row) in figures.counted]
    found = calibration(of_reference, str(frame.reference), lines=frame.lines, minimum=frame.minimum)
    return None if found.share is None else found.no_verdict or None
