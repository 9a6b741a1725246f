"""A verdict in plain sentences: the answers to what people ask of a grid, and the pair to take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.core.text import counted, few, lines_of, p_is, percent, signed, span
from pytest_codeneedle.stats.claims import claims, claims_sentence
from pytest_codeneedle.stats.paired import ALPHA
from pytest_codeneedle.stats.power import LEAST_ONE_WAY, least_for_family
from pytest_codeneedle.stats.verdict import NOT_WORSE, WORSE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_codeneedle.report.text.grids import Speeds
    from pytest_codeneedle.runs.design import Frame
    from pytest_codeneedle.stats.drift import SessionDrift
    from pytest_codeneedle.stats.missing import Sensitivity
    from pytest_codeneedle.stats.paired import Contrast
    from pytest_codeneedle.stats.together import Mixed
    from pytest_codeneedle.stats.verdict import CellVerdict, Recommendation, Verdict

#: Of cells that differ in no line.
SATURATED = "saturated: margins decide"
#: So many cells are named.
_NAMED = 3
#: What a cache takes unless it is quantized.
_USUAL = KVPair("f16", "f16")


def undecided(sentence: str) -> str:
    """The same of a grid that has no margins, so that they decide nothing."""
    return sentence.replace(SATURATED, SATURATED.partition(":")[0])


def sentences(verdict: Verdict, frame: Frame, speeds: Speeds, drifts: Sequence[SessionDrift] = ()) -> list[str]:
    """The answers, one string each.

    A single sentence says why, where nothing can be compared. What is to be distrusted is said first.
    `drifts` are what the references of later sessions differ from the first one's, which is one of the claims.
    """
    if verdict.reason is not None:
        return [f"No verdict: {verdict.reason}."]
    if not verdict.cells:
        return [f"No verdict: {verdict.reference} is the only cell, and there is nothing to hold it against."]
    said = [distrust_sentence(verdict), _below(verdict), _unknown(verdict), _cost(verdict), _other_cells(verdict)]
    if verdict.mixed is not None and verdict.mixed.contrast.n:
        said.append(_mixed(verdict.mixed, verdict))
    if verdict.little_to_lose is not None:
        said.append(f"No pair is recommended: {verdict.little_to_lose}.")
    elif verdict.recommended is not None:
        said.append(_recommended(verdict.recommended, verdict, frame, speeds))
    if not said[0]:  # on a server that drifts, nothing would stand
        said.append(claims_sentence(claims(verdict, drifts)))
    return [sentence for sentence in said if sentence]


def distrust_sentence(verdict: Verdict) -> str:
    """The noise floor is no floor: whatever else is said rests on a server that changed, or may have.

    Nothing where the reference is steady as far as that was seen.
    """
    again = verdict.again
    if again is None or not verdict.distrusted:
        return ""
    found = f"{verdict.reference} {again.when}: {_lines(again.telling)}"
    found += f", {counted(again.counted_as_lost, 'missing answer')} counted as lost" if again.counted_as_lost else ""
    if again.drifted:
        return f"Distrust this grid: the server drifted, {found}."
    what = "by chance or not, that is as much as the loss that is looked for"
    return f"Distrust this grid: the server may have drifted, {found}; {what}."


def _below(verdict: Verdict) -> str:
    """Where the reference is lower than what is held against it, by more than chance or by delta; nothing elsewhere."""
    answered = [cell for cell in verdict.cells if cell.contrast.n]
    if verdict.others is None or not answered:
        return ""
    all_above = all(cell.contrast.mean > 0 for cell in answered) and ALPHA * (len(answered) + 1) >= 1
    gained = any(cell.p_used <= ALPHA and cell.contrast.mean > 0 for cell in answered)
    together = verdict.others.mean > 0 and (verdict.others.p <= ALPHA or verdict.others.mean >= verdict.delta)
    if not (all_above or gained or together):
        return ""
    most = max(answered, key=lambda cell: cell.contrast.mean)
    above = sum(cell.contrast.mean > 0 for cell in answered)
    told = f"{verdict.reference} recalls less than {above} of {counted(len(answered), 'other cell')}"
    told = f"{told}, most in {most.pair}: {_lines(most.contrast)}"
    return f"Caution: {told}. Held against a reference that is too low, a loss does not show."


def _other_cells(verdict: Verdict) -> str:
    """The cells beside the declared one that are WORSE, and those that lost delta or more without being called so."""
    others = [cell for cell in verdict.cells if cell.contrast.n and cell.pair != verdict.low]
    others.sort(key=lambda cell: cell.contrast.mean)
    worse = [f"{cell.pair} {signed(cell.contrast.mean)}" for cell in others if cell.verdict == WORSE]
    large = [cell for cell in others if cell.verdict != WORSE and cell.contrast.mean <= -verdict.delta]
    too = "as well" if _low_is_worse(verdict) else "all the same"
    said = [f"WORSE {too}: {few(worse, _NAMED)} lines."] if worse else []
    if large:
        named = [f"{cell.pair} {signed(cell.contrast.mean)} lines ({p_is(cell.p_used)})" for cell in large]
        said.append(f"Lower by {lines_of(verdict.delta)} or more, and not settled: {few(named, _NAMED)}.")
        said.append(_why_open(large[0], verdict))
    told = [*large, *(cell for cell in verdict.cells if cell.declared or cell.verdict == WORSE)]
    said.append(_as_lost([cell for cell in verdict.cells if cell not in told], verdict))
    return " ".join(part for part in said if part)


def _as_lost(cells: Sequence[CellVerdict], verdict: Verdict) -> str:
    """The cells that lost delta or more with missing answers counted as lost, be they all that was asked of one."""
    found = [(cell.missing.contrast.mean, cell.pair, cell.missing.lost) for cell in cells if cell.missing is not None]
    lower = sorted((one for one in found if one[0] <= -verdict.delta), key=lambda one: one[0])
    named = [f"{pair} {signed(mean)} lines ({word})" for mean, pair, word in lower]
    head = f"With missing answers counted as lost, lower by {lines_of(verdict.delta)} or more"
    return f"{head}: {few(named, _NAMED)}." if named else ""


def _low_is_worse(verdict: Verdict) -> bool:
    low = None if verdict.low is None else verdict.cell(verdict.low)
    return low is None or low.verdict == WORSE


def _why_open(cell: CellVerdict, verdict: Verdict) -> str:
    """Why a cell that lost so much is not WORSE, where that is known before its figures are looked at."""
    if cell.reason is not None:
        told_before = cell.reason in [one.reason for one in verdict.cells if one.declared]
        return "" if told_before else f"{cell.reason[0].upper()}{cell.reason[1:]}."
    sharing = sum(not one.declared and one.verdict is not None for one in verdict.cells)
    needed = least_for_family(sharing)
    if cell.declared or cell.contrast.n >= needed:
        return ""
    return f"{needed} functions are needed where {counted(sharing, 'cell')} share one level (Holm)."


def _cost(verdict: Verdict) -> str:
    """Whether the smallest type costs recall here, and what that answer leaves open."""
    cell = None if verdict.low is None else verdict.cell(verdict.low)
    if cell is None:
        one_level = "No smaller pair of one type was asked: none is declared, and all cells share one level (Holm)."
        return f"{one_level} {_could_see(verdict)}."
    question = f"Does {cell.pair.ctk} cost recall here?"
    if cell.verdict is None:
        why = cell.reason if cell.missing is None else sensitivity(cell, cell.missing)
        return f"{question} Not known, {cell.pair} has no verdict: {why}."
    if cell.missing is not None and not cell.missing.agrees:
        told = f"{cell.pair} is {cell.verdict}: {sensitivity(cell, cell.missing)}"
        return f"{question} Not settled, {told}. {_could_see(verdict)}."
    found = f"{cell.pair} is {cell.verdict}"
    if cell.verdict == WORSE:
        told = f"Yes: {found} than {verdict.reference}, {_lines(cell.contrast)}."
        if verdict.detectable.loss is not None:
            told = f"{told} {_could_see(verdict)}; it saw {-cell.contrast.mean:.2f}."
    elif cell.verdict == NOT_WORSE:
        told = f"No: {found} than {verdict.reference} by {lines_of(verdict.delta)} or more, {_lines(cell.contrast)}."
        saw = "none" if cell.saturated else "none that is significant"
        told = f"{told} {_could_see(verdict)}; it saw {saw}. {_open(cell)}"
    else:
        told = f"Not settled: {found}, {_lines(cell.contrast)}."
        if cell.reason is not None:
            told = f"{told} {cell.reason[0].upper()}{cell.reason[1:]}{'' if cell.withheld else ' (--kv-functions)'}."
            if verdict.detectable.loss is None and verdict.detectable.reason != cell.reason:
                told = f"{told} {_could_see(verdict)}."
        else:
            told = f"{told} More functions may settle it (--kv-functions). {_could_see(verdict)}."
    return f"{question} {told}{_unanswered(cell, verdict)}"


def _lines(found: Contrast) -> str:
    """`-0.06 lines (95 % -0.30 to +0.12, p = 0.500)`."""
    if found.tied:
        return f"no line differs ({SATURATED})"
    told = ", ".join(part for part in (span(found.interval), p_is(found.p)) if part)
    return f"{signed(found.mean)} lines ({told})"


def _figures(found: Contrast) -> str:
    """The same where margins decide nothing."""
    return _lines(found).removesuffix(f" ({SATURATED})")


def _could_see(verdict: Verdict) -> str:
    """What this very run could have seen: its minimum detectable effect."""
    loss = verdict.detectable.loss
    if loss is None:
        return f"This run could not have seen any loss: {verdict.detectable.reason}"
    return f"This run could have seen a mean loss of {loss:.2g} lines"


def _open(cell: CellVerdict) -> str:
    """What NOT WORSE cannot exclude: a rare loss hides. A missing answer is one of them."""
    found = cell.contrast if cell.missing is None else cell.missing.contrast
    lost = f"{found.lost} of {found.n}" if found.lost else f"none of {found.n}"
    return f"Left open: up to {percent(found.share_open)} of functions may lose lines ({lost} did; 95 %)."


def sensitivity(cell: CellVerdict, found: Sensitivity) -> str:
    """What missing answers do to a cell's verdict.

    `2 of 8 functions lack an answer in q4_0/q4_0: left out no line differs, counted as lost it is WORSE, -5.00 lines`.
    """
    head = f"{found.functions} of {counted(found.contrast.n, 'function')} lack an answer in {cell.pair}"
    lost = f"counted as lost it is {found.lost}, {_lines(found.contrast)}"
    if found.left_out is None:
        return f"{head}; {lost}"
    if found.agrees:
        return f"{head}: {lost}, too"
    return f"{head}: left out {_figures(cell.contrast)}, {lost}"


def _unknown(verdict: Verdict) -> str:
    """What the reference has no answer to, no cell is held against; nothing where it has all."""
    if not verdict.unknown:
        return ""
    return f"{verdict.reference} gave no answer to {counted(verdict.unknown, 'function')}: left out of every cell."


def _unanswered(cell: CellVerdict, verdict: Verdict) -> str:
    """Where functions are missing, the others are what is spoken of."""
    if cell.missing is not None:
        return f" {sensitivity(cell, cell.missing)}."
    asked = max(one.contrast.n for one in verdict.cells)
    if cell.contrast.n == asked:
        return ""
    both = f"there and in {verdict.reference} in one session"
    were = "was" if cell.contrast.n == 1 else "were"
    return f" Only {counted(cell.contrast.n, 'function')} of {asked} {were} answered {both}."


def _mixed(mixed: Mixed, verdict: Verdict) -> str:
    """Whether mixed pairs buy anything over the matched low pair."""
    over = f"mean of {counted(len(mixed.pairs), 'mixed pair')}"
    told = f"{_figures(mixed.contrast)}, {over}"
    answer = _buys(mixed.contrast, verdict)
    ways = (("missing answers counted as lost", mixed.lost), ("other sessions' references too", mixed.stood_in))
    for way, found in ways:
        if found is not None:
            told += f"; with {way}: {_buys(found, verdict)}, {_lines(found)}"
            answer = answer if answer == _buys(found, verdict) else "Not settled"
    return f"Do mixed pairs buy anything over {verdict.low}? {answer}: {told}."


def _buys(found: Contrast, verdict: Verdict) -> str:
    if found.p <= ALPHA and found.mean > 0:
        return "Yes"
    return "No" if _bounded(found, verdict) else "Not settled"


def _bounded(found: Contrast, verdict: Verdict) -> bool:
    """Whether a gain of delta is ruled out, on a reference that can rule anything out."""
    if found.n < LEAST_ONE_WAY or verdict.little_to_lose is not None or verdict.unsteady:
        return False
    return found.interval is None or found.interval.high < verdict.delta


def _recommended(found: Recommendation, verdict: Verdict, frame: Frame, speeds: Speeds) -> str:
    cell = verdict.cell(found.pair)
    if cell is None:
        if not found.selected_from:
            return f"Stay with {found.pair}: no smaller pair has a verdict."
        return f"Stay with {found.pair}: of {counted(found.selected_from, 'smaller pair')} none is NOT WORSE."
    parts = [f"Take {found.pair}: the smallest pair that is NOT WORSE", _saved(found.pair, frame)]
    parts.append(_faster(found.pair, verdict.reference, speeds))
    told = "; ".join(part for part in parts if part) + "."
    if cell.declared:
        return told
    told = f"{told} {_open(cell)}{_unanswered(cell, verdict)}"
    if found.selected_from is None or found.selected_from < 2:  # noqa: PLR2004 - nothing was selected from one
        return told
    confirm = f"--kv-pairs {verdict.reference},{found.pair} --kv-seed N"
    return f"{told} It was found among {found.selected_from}: confirm it on other functions ({confirm})."


def _faster(pair: KVPair, reference: KVPair, speeds: Speeds) -> str:
    """How fast it is beside the reference, or why that is not known; nothing where no server told it."""
    mine, its = (speeds.by_pair.get(one) for one in (pair, reference))
    if mine is None or its is None:
        return ""
    if speeds.unlike:
        return f"tokens/s are not comparable ({speeds.unlike})"
    return f"{mine:.1f} tokens/s beside {its:.1f} of {reference}"


def _saved(pair: KVPair, frame: Frame) -> str:
    """The KV cache beside that of f16, at this context."""
    if frame.kv_size is None or not frame.n_ctx:
        return ""
    usual, mib = (frame.kv_size.mib(one, frame.n_ctx) for one in (_USUAL, pair))
    bound = "at most " if frame.kv_size.sliding else ""
    return f"{bound}{usual - mib:.1f} MiB less than f16 at {frame.n_ctx} tokens ({mib:.1f} of {usual:.1f})"
