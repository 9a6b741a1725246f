"""Whether the model of a stored run was able to do the task with its reference's cache: said wherever it is shown.

What was found when it was asked stands in run.json; where nothing does (an import, a run without calibration, an older
one), its rows tell. A run of which nothing has to be said recalls 80 % of its lines in its reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import place_of
from pytest_codeneedle.core.kv_types import AS_SERVED
from pytest_codeneedle.runs.calibration import DEFAULT_MINIMUM, Calibration, calibration
from pytest_codeneedle.runs.grid import items_by_session
from pytest_codeneedle.runs.sessions import session_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.runs.design import Frame


@dataclass(frozen=True)
class Calibrated:
    """What is known of one run: `sentence` for a report that asks, `caution` for every view; each empty for nothing.

    `passed` is None where it is not known.
    """

    passed: bool | None
    sentence: str
    caution: str

    def facts(self) -> dict[str, Any]:
        """Flat and plain, for JSON."""
        return {"passed": self.passed, "caution": self.caution or None}


#: Of a run of which nothing is known, and nothing has to be said.
NOTHING_SAID = Calibrated(None, "", "")


def calibrated(about: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], frame: Frame) -> Calibrated:
    """What is known of the run that run.json and these rows tell of.

    A session that asked no other cell has no say: one that was broken off knows little, and no cell is held against it.
    """
    facts = about.get("calibration") or {}
    first = _first_passes(rows, frame.reference)
    planned = len(about.get("asked") or about["functions"]) * len(frame.views)
    whole = all(len(of_session) == planned for of_session in first.values())
    if facts and facts.get("passed") is None and not (first and whole):
        return _unknown(f"not calibrated: {facts.get('reason')}")
    if frame.reference == AS_SERVED:  # a cell of its own: no cache is held against it
        return NOTHING_SAID
    asked = [row for of_session in first.values() for row in of_session]
    if len({(place_of(row), row["function"]) for row in asked}) < planned:
        return _unknown("not calibrated: the reference was not asked completely")
    minimum = float(facts.get("minimum", frame.minimum))
    found = calibration(asked, str(frame.reference), lines=frame.lines, minimum=minimum)
    if facts:
        return Calibrated(found.passed, found.sentence, found.caution)
    return Calibrated(found.passed, "", without_status(found))


def _first_passes(rows: Sequence[Mapping[str, Any]], reference: KVPair) -> dict[str, list[Mapping[str, Any]]]:
    """The first pass over the reference in each session that asked other cells, without any of them in all."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in items_by_session(row for row in rows if place_of(row).pair == reference):
        if place_of(row).replicate == 0:
            found.setdefault(session_of(row), []).append(row)
    others = {session_of(row) for row in rows if place_of(row).pair != reference}
    return {session: found.get(session, []) for session in others} if others else found


def _unknown(said: str) -> Calibrated:
    return Calibrated(None, said, said)


def without_status(found: Calibration) -> str:
    """The caution on a run that no session ended for that: `--kv-calibrate off`, an import, a baseline's figures."""
    return found.caution if found.passed else f"not calibrated: {found.said}"


def by_figures(reference: str, lines_by_function: Mapping[str, float | None], lines: int) -> Calibration:
    """The same of figures alone, as a baseline has them: lines of each function of the reference, None for no score."""
    scored = [one for one in lines_by_function.values() if one is not None]
    share = sum(scored) / (lines * len(scored)) if scored else None
    return Calibration(reference, share, DEFAULT_MINIMUM, scored=len(scored), functions=len(lines_by_function))
