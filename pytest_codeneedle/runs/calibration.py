"""Is a model able to do the task at all? The reference cell, asked before all others, says so.

A model that loses lines with an unquantized cache loses them for reasons of its own (its chat template, its thinking,
a corpus that is too long for it): what it loses with other caches says nothing about caches.

Of a stored run, what was found when it was asked stands in run.json; where nothing does (an import, a run without
calibration, an older one), its rows tell. A run of which nothing has to be said recalls 80 % of its lines in its
reference.
"""

from __future__ import annotations

import math
import re
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ERROR, place_of
from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.kv_types import AS_SERVED
from pytest_codeneedle.runs.grid import by_function, items_by_session, mean_lines
from pytest_codeneedle.runs.sessions import conditions_of, session_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.runs.design import Frame

#: pytest's exit status of a session whose model is floored: pytest's own are 0 to 6 (`ExitCode`), and may grow.
NOT_CALIBRATED = 10
#: The share of the lines that the reference has to recall.
DEFAULT_MINIMUM = 0.8
_HEAD = f"not calibrated (exit status {NOT_CALIBRATED})"


def parse_share(text: str) -> float:
    """`0.8` -> 0.8; raises ConfigurationError for what is no number from 0 to 1."""
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        msg = f"--kv-calibrate-min (ini: kv_calibrate_min) = {text!r} is no share; give a number from 0 to 1, as 0.8"
        raise ConfigurationError(msg)
    return share


#: What is said of a model whose file has no chat template.
BASE_MODEL = (
    "the model's file has no chat template: a base model; llama-server puts ChatML around the task, which such a model "
    "has not learnt to follow"
)
#: llama.cpp lists what the model's file says of itself, a key a line.
_METADATA = re.compile(r"- kv +\d+: +general\.architecture\b")
_TEMPLATE = re.compile(r"- kv +\d+: +tokenizer\.chat_template\b")


def without_template(log: str) -> bool:
    """Whether the log of a server lists the metadata of its model, and no chat template among it."""
    return _METADATA.search(log) is not None and _TEMPLATE.search(log) is None


@dataclass(frozen=True)
class Calibration:
    """What the `reference` (a pair, as printed) of one corpus recalled: `share` of its lines, 0 to 1.

    `share` is that of the functions with a score, `scored` of `functions`; None where there is none of them. `errors`
    items have none, and `error` is the first one's message.
    """

    reference: str
    share: float | None
    minimum: float
    errors: int = 0
    error: str = ""
    scored: int = 0
    functions: int = 0

    @property
    def answered(self) -> bool:
        """Whether half of the functions or more have a score: fewer speak for no model."""
        return self.share is not None and 2 * self.scored >= self.functions

    @property
    def passed(self) -> bool:
        """Whether the sweep may go on."""
        return self.share is not None and self.answered and self.share >= self.minimum

    def facts(self) -> dict[str, Any]:
        """For run.json; `share` has four decimals, cut off, so that it is never above a minimum that was missed."""
        share = None if self.share is None else math.floor(self.share * 10_000) / 10_000
        facts = {"reference": self.reference, "share": share, "minimum": self.minimum}
        return {**facts, "errors": self.errors, "passed": self.passed}

    @property
    def said(self) -> str:
        """`bf16/bf16 recalls 11.2 % of the lines, 80 % are needed`."""
        if self.share is None:
            return f"{self.reference} gave no answer"
        if not self.answered:
            return f"{self.reference} answered {self.scored} of {self.functions} questions"
        of_what = "the lines" if self.scored == self.functions else f"the lines of {self.scored} functions"
        lacks = "" if self.scored == self.functions else f" ({self.functions - self.scored} gave no answer)"
        return (
            f"{self.reference} recalls {_percent(self.share)} of {of_what}{lacks}, {_percent(self.minimum)} are needed"
        )

    @property
    def sentence(self) -> str:
        """For reports: whether it is calibrated, and what was measured."""
        if not self.passed:
            return f"{_HEAD}: {self.said}"
        return f"calibrated: {self.said}{'; under 80 % no pair is recommended' if self._low else ''}"

    @property
    def caution(self) -> str:
        """What every view of the run has to say; nothing where the reference recalls enough for a recommendation."""
        return self.sentence if not self.passed or self._low else ""

    @property
    def _low(self) -> bool:
        """Whether a lowered minimum let it pass."""
        return self.share is not None and leaves_little(self.share, 1)

    @property
    def no_verdict(self) -> str:
        """Why nothing is said about the cache; nothing for one that has passed."""
        if self.passed:
            return ""
        if not self.answered:
            return f"No verdict: {self.said}: there is too little to hold other cells against."
        return f"No verdict: {self.said} (--kv-calibrate-min): a floored model says nothing about its cache."

    def advice(self, corpus: str, *, base_model: bool = False) -> str:
        """What was measured, what it means and what to do, for one that has not passed."""
        head = f"{_HEAD}: {corpus}: {self.said}"
        if not self.answered:
            first = self.error.partition("\n")[0].partition(". The last lines of")[0]
            return (
                f"{head} ({first or 'see its log'}). The other cells have nothing to be held against: none "
                "is asked. Mend that and go on with --kv-resume; --kv-calibrate off asks all the same."
            )
        look = "Look at the chat template (--kv-think), ask a shorter corpus or"
        if base_model:
            look = f"Here {BASE_MODEL}: ask"
        return (
            f"{head}. A model that is floored says nothing about its cache: the sweep ends here, what was recorded is "
            f"kept. {look} a better model, or lower --kv-calibrate-min with --kv-resume (under "
            f"{_percent(DEFAULT_MINIMUM)} losses are told and no pair is recommended); --kv-calibrate off asks all the "
            "same."
        )


def calibration(rows: Iterable[Mapping[str, Any]], reference: str, *, lines: int, minimum: float) -> Calibration:
    """What these rows of the reference, one for each item, say. `lines` were asked for of each function.

    Each function counts once; one without a score is left out of the share. Of several sessions' rows those speak that
    recalled least: what was held against them was held against a floored reference.
    """
    sessions: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        sessions.setdefault(conditions_of(row), []).append(row)
    found = [_of_session(items, reference, lines, minimum) for items in sessions.values() or ([],)]
    told = [one for one in found if one.share is not None]
    return min(told, key=lambda one: one.share or 0.0) if told else found[-1]


def _of_session(items: Sequence[Mapping[str, Any]], reference: str, lines: int, minimum: float) -> Calibration:
    functions = {row["function"] for row in items}
    errors = [row for row in items if row["outcome"] == ERROR]
    means = [mean_lines(scored) for scored in by_function(items).values()]
    share = math.fsum(means) / (lines * len(means)) if means else None
    error = str(errors[0].get("error") or "") if errors else ""
    return Calibration(reference, share, minimum, len(errors), error, scored=len(means), functions=len(functions))


def leaves_little(mean: float, lines: float) -> bool:
    """Whether a reference with this mean of its `lines` has little to lose, whatever minimum the user gave.

    It shows losses, but not that there is none: nothing is recommended on it.
    """
    return mean < DEFAULT_MINIMUM * lines


def unknown(reason: str) -> dict[str, Any]:
    """For run.json, where it was not found out whether the model can do the task."""
    return {"passed": None, "reason": reason}


def left_open(reference: str, *, ended: bool) -> str:
    """Why a session is not calibrated that asked less than all of the reference.

    Where it `ended` early, as with -x, what was asked decides nothing: a healthy model misses single functions too.
    """
    if ended:
        return f"the session ended before all of the reference {reference} was asked"
    return f"the reference {reference} was not asked"


def _percent(share: float) -> str:
    """Cut off, not rounded: 79.96 % are not 80 %."""
    return f"{math.floor(round(share * 1000, 9)) / 10:g} %"


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


def weakest_figures(rows: Iterable[Mapping[str, Any]]) -> dict[str, float | None]:
    """Function -> lines (None for no score) of these rows of the reference, in the session in which it recalled least.

    Each host and device of a session counts as one. Empty where no session has a score.
    """
    sessions: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        sessions.setdefault(conditions_of(row), []).append(row)
    found = [
        {**dict.fromkeys(row["function"] for row in items), **{name: mean_lines(of) for name, of in scored.items()}}
        for items in sessions.values()
        if (scored := by_function(items))
    ]

    def mean(of_session: Mapping[str, float | None]) -> float:
        return statistics.fmean(lines for lines in of_session.values() if lines is not None)

    return min(found, key=mean, default={})


def by_figures(
    reference: str, lines_by_function: Mapping[str, float | None], lines: int, minimum: float = DEFAULT_MINIMUM
) -> Calibration:
    """The same of figures alone, as a baseline has them: lines of each function of the reference, None for no score."""
    scored = [one for one in lines_by_function.values() if one is not None]
    share = sum(scored) / (lines * len(scored)) if scored else None
    return Calibration(reference, share, minimum, scored=len(scored), functions=len(lines_by_function))
