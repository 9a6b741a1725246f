"""A verdict in plain sentences: the answers to what people ask of a grid, and the pair to take."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_codeneedle.figures import p_is, percent, signed, span
from pytest_codeneedle.kvtypes import KVPair
from pytest_codeneedle.paired import ALPHA
from pytest_codeneedle.power import LEAST_ONE_WAY
from pytest_codeneedle.verdict import NOT_WORSE, WORSE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_codeneedle.frame import Frame
    from pytest_codeneedle.paired import Contrast
    from pytest_codeneedle.verdict import CellVerdict, Mixed, Recommendation, Verdict

#: More functions than so many times the present ones are no advice.
_FAR = 12
_TENS = 10
#: What a cache takes unless it is quantized.
_USUAL = KVPair("f16", "f16")


def sentences(verdict: Verdict, frame: Frame, speeds: Mapping[KVPair, float | None]) -> list[str]:
    """The answers, one string each; `speeds` are decoded tokens per second.

    A single sentence says why, where nothing can be compared.
    """
    if verdict.reason is not None:
        return [f"No verdict: {verdict.reason}."]
    if not verdict.cells:
        return [f"No verdict: {verdict.reference} is the only cell, and there is nothing to hold it against."]
    said = [_cost(verdict)]
    if verdict.mixed is not None and verdict.mixed.contrast.n:
        said.append(_mixed(verdict.mixed, verdict.low, verdict.delta))
    if verdict.recommended is not None:
        said.append(_recommended(verdict.recommended, verdict, frame, speeds))
    return said


def _cost(verdict: Verdict) -> str:
    """Whether the smallest type costs recall here, and what that answer leaves open."""
    cell = None if verdict.low is None else verdict.cell(verdict.low)
    if cell is None:
        return "No smaller pair of one type was asked: none is declared, and all cells share one level (Holm)."
    question = f"Does {cell.pair.ctk} cost recall here?"
    if cell.verdict is None:
        return f"{question} Not known: {cell.pair}: {cell.reason}."
    found = f"{cell.pair} is {cell.verdict}"
    if cell.verdict == WORSE:
        return f"{question} Yes: {found} than {verdict.reference}, {_lines(cell.contrast)}. {_seen(verdict, cell)}"
    if cell.verdict == NOT_WORSE:
        told = f"{question} No: {found} than {verdict.reference}, {_lines(cell.contrast)}."
        return f"{told} {_seen(verdict, cell)} {_open(cell.contrast)}"
    return f"{question} Not settled: {found}, {_lines(cell.contrast)}. {_more(cell, verdict.delta)}"


def _lines(found: Contrast) -> str:
    """`-0.06 lines (95 % -0.30 to +0.12, p = 0.500)`."""
    if found.tied:
        return "no line differs (saturated: margins decide)"
    told = ", ".join(part for part in (span(found.interval), p_is(found.p)) if part)
    return f"{signed(found.mean)} lines ({told})"


def _seen(verdict: Verdict, cell: CellVerdict) -> str:
    """What this very run could have seen (its minimum detectable effect), and what it saw."""
    loss = verdict.detectable.loss
    if loss is None:
        return f"It could see nothing: {verdict.detectable.reason}."
    saw = f"it saw {signed(cell.contrast.mean)}" if cell.verdict == WORSE else "it saw none that is significant"
    told = saw if not cell.saturated else "it saw none"
    return f"This run could have seen a mean loss of {_figure(loss)} lines; {told}."


def _figure(loss: float) -> str:
    """Two significant digits: `0.46`, `1.0`, `12`, `0.040`."""
    return f"{loss:#.2g}".removesuffix(".")


def _open(found: Contrast) -> str:
    """What NOT WORSE cannot exclude: a rare loss hides."""
    lost = f"{found.lost} of {found.n}" if found.lost else f"none of {found.n}"
    return f"Left open: up to {percent(found.share_open)} of functions may lose lines ({lost} did; 95 %)."


def _more(cell: CellVerdict, delta: float) -> str:
    """Why it is open, and how many functions would settle it if they were like these."""
    if cell.reason is not None:
        return f"{cell.reason[0].upper()}{cell.reason[1:]} (--kv-functions)."
    needed = _needed(cell.contrast, delta)
    if needed is None:
        return "More functions or another corpus may settle it (--kv-functions)."
    return f"About {needed} functions like these would settle it (--kv-functions {needed})."


def _needed(found: Contrast, delta: float) -> int | None:
    """How many functions put the nearer end of the interval, which shrinks with their root, past what it has to pass.

    Where the mean is above -delta, the lower end past -delta (NOT WORSE); else the upper end past zero (WORSE).
    """
    if found.interval is None or not (math.isfinite(found.interval.low) and math.isfinite(found.interval.high)):
        return None
    not_worse = found.mean + delta > 0
    width = found.mean - found.interval.low if not_worse else found.interval.high - found.mean
    room = found.mean + delta if not_worse else -found.mean
    if width <= 0 or room <= 0 or (times := (width / room) ** 2) > _FAR:
        return None
    return _TENS * math.ceil(found.n * max(1.0, times) / _TENS)


def _mixed(mixed: Mixed, low: KVPair | None, delta: float) -> str:
    """Whether mixed pairs buy anything over the matched low pair."""
    found = mixed.contrast
    told = f"{_lines(found).replace(' (saturated: margins decide)', '')}, mean of {len(mixed.pairs)} mixed pairs."
    if found.p <= ALPHA and found.mean > 0:
        answer = "Yes"
    elif found.n >= LEAST_ONE_WAY and (found.interval is None or found.interval.high < delta):
        answer = "No"
    else:
        answer = "Not settled"
    return f"Do mixed pairs buy anything over {low}? {answer}: {told}"


def _recommended(found: Recommendation, verdict: Verdict, frame: Frame, speeds: Mapping[KVPair, float | None]) -> str:
    if found.pair == verdict.reference:
        none = f"none of {found.selected_from} smaller pairs is NOT WORSE"
        return f"Stay with {found.pair}: {none if found.selected_from else 'no smaller pair has a verdict'}."
    parts = [f"Take {found.pair}: the smallest pair that is NOT WORSE", _saved(found.pair, frame)]
    mine, its = speeds.get(found.pair), speeds.get(verdict.reference)
    if mine is not None and its is not None:
        parts.append(f"{mine:.1f} tokens/s beside {its:.1f} of {verdict.reference}")
    told = "; ".join(part for part in parts if part) + "."
    if found.selected_from is None:
        return told
    confirm = f"--kv-pairs {verdict.reference},{found.pair} --kv-functions {2 * verdict.detectable.n}"
    return f"{told} It was found among {found.selected_from}: confirm it ({confirm})."


def _saved(pair: KVPair, frame: Frame) -> str:
    """The KV cache beside that of f16, at this context."""
    if frame.kv_size is None or not frame.n_ctx:
        return ""
    usual, mib = (frame.kv_size.mib(one, frame.n_ctx) for one in (_USUAL, pair))
    bound = "at most " if frame.kv_size.sliding else ""
    return f"{bound}{usual - mib:.1f} MiB less than f16 at {frame.n_ctx} tokens ({mib:.1f} of {usual:.1f})"
