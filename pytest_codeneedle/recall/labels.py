"""What happened to a miss: every answer that is not perfect gets exactly one label.

An answer is perfect when it is the primary lines word for word, indentation too, and nothing else; blank lines at
its ends are no part of it. The first row that fits gives the label::

    empty          nothing                                           (an ERROR, as are the next two)
    thinking-only  nothing but thinking
    refused        it says that it will not or cannot answer
    run-on         no line is missing, and something follows the lines asked for
    shifted        no line is missing, and other lines stand before or between them
    re-indented    all lines are there, but for their indentation
    truncated      the beginning of the lines asked for, the last line whole or not
    confused       another function's lines match better
    -- else, whatever cost the most lines; of equals the first:
    re-indented    their indentation differs, and indentation counts
    truncated      nothing came any more
    shifted        they were skipped or pushed out, or another right line is in their place
    paraphrased    a line near them is in their place
    garbled        any other line is in their place, or nothing of this fits

Where most of an answer is wrong, the few lines that match do so by chance. What it skips or leaves out says nothing
then, and only the lines in place of missing ones are looked at.

With relaxed indentation a line that differs in it alone is not missing, but not word for word either:
`re-indented` is then the label of an answer in which nothing else is wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby, islice
from typing import TYPE_CHECKING, Literal, get_args

from pytest_codeneedle.recall.cleaning import clean, read_answer
from pytest_codeneedle.recall.scoring import aligned_diff

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pytest_codeneedle.recall.scoring import DiffLine, Score

Label = Literal[
    "truncated",
    "run-on",
    "re-indented",
    "shifted",
    "confused",
    "paraphrased",
    "garbled",
    "refused",
    "empty",
    "thinking-only",
]
#: All labels in the order in which they are shown; the last three are those of an ERROR.
LABELS: tuple[Label, ...] = get_args(Label)
#: What can cost a line; of equal costs the first one is named.
_CAUSES: tuple[Label, ...] = ("re-indented", "truncated", "shifted", "paraphrased", "garbled")

#: `SequenceMatcher.ratio` from which on two lines are near. Measured on Python's library, jQuery and random-bodies:
#: of lines from another function 0.2 to 3 % have one so near within three lines, of lines in which a word or two
#: were exchanged 78 to 94 % stay so near (random-bodies, where a word is a third of the line: 26 to 57 %).
NEAR = 0.6
#: A wrong line is held against the missing lines so far around its place: this bounds the work, and chance.
AROUND = 3
#: Characters of a line that are compared; the ratio takes quadratic time and more.
_LONGEST = 120
#: Letters and digits from which on a line tells something. Measured as above: of lines with four about a third
#: stand in another function, too, of those with none half and more, of those with five or more 4 % at most.
_TELLING = 5
#: An answer with fewer right lines for each wrong one is right by chance.
_RIGHT_PER_WRONG = 4
#: A refusal of more lines than this is taken for an answer.
REFUSAL_LINES = 8
_FENCE_LINE = re.compile(r"(?:^|(?<=[\r\n]))[^\S\r\n]*```[^\r\n]*")
_REFUSAL = re.compile(
    r"(?:i'm|i am) (?:(?:very|so|truly|really) )?(?:sorry|afraid|unable|not able|not allowed|not permitted)\b"
    r"|sorry[,.!]? (?:but|i|i'm|this|that|the)\b"
    r"|(?:my )?apologies\b[,.!]|i (?:must )?(?:apologi[sz]e|decline)\b"
    r"|i (?:cannot|can not|can't|could not|couldn't|will not|won't)\b"
    r"|i (?:do not|don't|did not|didn't) (?:have|see|know|find)\b"
    r"|as an? (?:ai|artificial intelligence|(?:large )?language model)\b"
    r"|unfortunately,? (?:i|i'm|there|the)\b"
    r"|there (?:is|are) no (?:such )?(?:functions?|methods?|source code)\b"
    r"|(?:the|this|that) (?:requested |given |named )?(?:function|method)\b.{0,80}"
    r"\b(?:does not|doesn't|could not|couldn't|cannot|can't|is not|isn't|was not|wasn't)\b",
    re.IGNORECASE,
)


def label_answer(  # noqa: PLR0913 - the answer and its score, and four facts about it
    primary: Sequence[str],
    response: str,
    result: Score,
    *,
    bonus: Sequence[str] = (),
    confused_with: str | None = None,
    stop: str = "",
    relax_indent: bool = False,
) -> Label | None:
    """Name what happened to `response`, the answer to a function with these `primary` and `bonus` lines.

    None for a perfect answer. `result` is its `score`, `confused_with` what `scoring.confused_with` says of it and
    `stop` why it ended: llama.cpp's `eos`, `word`, `limit`, or `closed` where this side closed the stream as the
    model ran on; anything else is read as unknown. `relax_indent` is that of the score.
    """
    error = label_error(primary, response, bonus=bonus)
    if error:
        return error
    wanted, following = _attainable(primary, bonus)
    produced, ran_on = result.produced, result.run_on or stop == "closed"
    if not ran_on and _kept(produced) == _kept(wanted):
        return None
    whole = _label_of_whole(wanted, produced, ran_on=ran_on, relax_indent=relax_indent)
    if whole:
        return whole
    normal = _stripped if relax_indent else _kept
    if _is_beginning(normal(produced), normal(wanted)):
        return "truncated"
    if confused_with:
        return "confused"
    loose = aligned_diff(wanted, following, response, relax_indent=True)
    costs = _costs(loose, [*wanted, *following], _most_cut_off(wanted, produced, stop))
    if not relax_indent:
        costs["re-indented"] = _missing(aligned_diff(wanted, following, response)) - _missing(loose)
    return max(_CAUSES, key=lambda cause: costs[cause])


def label_error(primary: Sequence[str], response: str, *, bonus: Sequence[str] = ()) -> Label | None:
    """Name why a whole `response` has nothing to score: an ERROR, never a FAIL. None where it can be scored."""
    answer = read_answer(response)
    if answer.empty:
        return "thinking-only" if answer.think_lines else "empty"
    return "refused" if is_refusal(primary, response, bonus=bonus) else None


def _attainable(primary: Sequence[str], bonus: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """`primary` without its outer blank lines, which no answer keeps, and the lines that follow."""
    text = [index for index, line in enumerate(primary) if line.strip()]
    if not text:
        return (), bonus
    first, end = text[0], text[-1] + 1
    return primary[first:end], (*primary[end:], *bonus)


def _label_of_whole(
    wanted: Sequence[str], produced: Sequence[str], *, ran_on: bool, relax_indent: bool
) -> Label | None:
    """Name what is wrong with an imperfect answer that holds all lines, in order; None where lines are missing."""
    loose = _stripped(wanted), _stripped(produced)
    expected, written = loose if relax_indent else (_kept(wanted), _kept(produced))
    if not _in_order(expected, written):
        return "re-indented" if _in_order(*loose) else None
    size = len(expected)
    starts = (at for at in range(len(written) - size + 1) if written[at : at + size] == expected)
    start = next(starts, None)
    if start is None:
        return "shifted"
    if ran_on or start + size < len(written):
        return "run-on"
    return "shifted" if start else "re-indented"


def _in_order(wanted: Sequence[str], produced: Sequence[str]) -> bool:
    rest = iter(produced)
    return all(line in rest for line in wanted)


def _most_cut_off(wanted: Sequence[str], produced: Sequence[str], stop: str) -> int:
    """How many lines at the end can be missing because the answer ended: no more than make up the length."""
    if stop == "limit":
        return len(wanted)  # whatever else came, the last lines would have come
    texts = [sum(bool(line.strip()) for line in lines) for lines in (wanted, produced)]
    # A blank last line is not kept, and one that was added is not text: neither makes an answer short.
    return max(0, min(len(wanted) - len(produced), texts[0] - texts[1]))


def _is_beginning(produced: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether these are the first of the lines wanted, the last one whole or not."""
    *whole, last = produced or [""]  # none where all text stood outside the fences
    done = len(whole)
    return bool(last) and done < len(wanted) and whole == wanted[:done] and wanted[done].startswith(last)


@dataclass(frozen=True)
class _Gap:
    """What is missing between two runs of right lines, and the wrong lines that are there instead."""

    missing: Sequence[str]
    wrong: Sequence[str]
    first: bool
    last: bool

    def replaced(self) -> Iterator[tuple[str, Sequence[str]]]:
        """The wrong lines that are in place of a missing one, each with the missing lines around its place."""
        missing, wrong = self.missing, self.wrong
        if self.first and not self.last:
            # Whatever comes before an answer comes before the wrong lines in it.
            missing, wrong = missing[::-1], wrong[::-1]
        for at, line in enumerate(wrong[: len(missing)]):
            yield line, missing[max(0, at - AROUND) : at + AROUND + 1]


def _gaps(diff: Sequence[DiffLine]) -> Iterator[_Gap]:
    """Part `diff` at the lines that are right. A brace next to wrong lines is right by chance, and parts nothing."""
    runs = [list(run) for _, run in groupby(diff, key=_is_right)]
    wrong = [any(line.tag == "hallucinated" for line in run) for run in runs]

    def parts(at: int) -> bool:
        says = any(_says_something(line.text) for line in runs[at])
        return _is_right(runs[at][0]) and (says or not any(wrong[max(0, at - 1) : at + 2]))

    end = 0
    for right, places in groupby(range(len(runs)), key=parts):
        lines = [line for at in places for line in runs[at]]
        start, end = end, end + len(lines)
        if not right:
            yield _gap(lines, first=start == 0, last=end == len(diff))


def _gap(lines: Sequence[DiffLine], *, first: bool, last: bool) -> _Gap:
    missing = [line.text.strip() for line in lines if line.tag == "missing"]
    wrong = [line.text.strip() for line in lines if line.tag == "hallucinated"]
    if last and missing and len(wrong) == 1 and missing[0].startswith(wrong[0]):
        wrong = []  # cut off within the line: it is missing, and nothing stands in its place
    return _Gap(missing, wrong, first, last)


def _costs(diff: Sequence[DiffLine], expected: Sequence[str], short: int) -> Counter[Label]:
    """How many missing lines each cause cost, indentation aside; at most `short` were cut off at the end."""
    known = {text for line in expected if _says_something(text := line.strip())}
    costs: Counter[Label] = Counter()
    absent: Counter[Label] = Counter()
    for gap in _gaps(diff):
        replaced = [_cause(line, around, known) for line, around in gap.replaced()]
        costs.update(replaced)
        rest = len(gap.missing) - len(replaced)
        cut = min(rest, short) if gap.last else 0
        absent["truncated"] += cut
        absent["shifted"] += rest - cut
    right = sum(_is_right(line) and _says_something(line.text) for line in diff)
    if right and right >= _RIGHT_PER_WRONG * costs.total():
        return costs + absent
    return costs or Counter({"garbled": 1})


def _cause(line: str, missing: Sequence[str], known: Collection[str]) -> Label:
    """Name the cause of one wrong line in place of these missing ones."""
    if line in known:
        return "shifted"
    return "paraphrased" if any(_is_near(line, wanted) for wanted in missing) else "garbled"


def _is_near(line: str, wanted: str) -> bool:
    # What is equal and not known tells nothing: a brace.
    if line == wanted or 2 * min(len(line), len(wanted)) < NEAR * (len(line) + len(wanted)):
        return False
    pair = SequenceMatcher(None, line[:_LONGEST], wanted[:_LONGEST], autojunk=False)
    return pair.quick_ratio() >= NEAR and pair.ratio() >= NEAR  # the first is an upper limit, and cheap


def _is_right(line: DiffLine) -> bool:
    return line.tag in {"matched", "bonus"}


def _missing(diff: Sequence[DiffLine]) -> int:
    return sum(line.tag == "missing" and _says_something(line.text) for line in diff)


def _says_something(text: str) -> bool:
    """Whether a line is more than a brace, `else {` or `try:`, which are the same everywhere."""
    return len(list(islice(filter(str.isalnum, text), _TELLING))) == _TELLING


def _kept(lines: Sequence[str]) -> list[str]:
    return [line.rstrip() for line in lines]


def _stripped(lines: Sequence[str]) -> list[str]:
    return [line.strip() for line in lines]


def is_refusal(primary: Sequence[str], response: str, *, bonus: Sequence[str] = ()) -> bool:
    """Whether `response` says that it will not or cannot answer: in doubt it does not.

    Its first line after thinking and fences opens like a refusal, it has at most `REFUSAL_LINES` lines with text,
    none of them is one of `primary` or `bonus`, and none of those opens like a refusal itself.
    """
    said = [line.strip() for line in clean(_FENCE_LINE.sub("", response)) if line.strip()]
    if not said or len(said) > REFUSAL_LINES or not _opens_like_a_refusal(said[0]):
        return False
    expected = {line.strip() for line in (*primary, *bonus)}
    return expected.isdisjoint(said) and not any(map(_opens_like_a_refusal, expected))


def _opens_like_a_refusal(line: str) -> bool:
    return bool(_REFUSAL.match(line.lstrip().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")))
