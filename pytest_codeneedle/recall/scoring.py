"""How much of a function a model wrote down: answer -> `Score`, and the same as a diff.

Primary lines are those asked for; bonus lines follow them in the source and are right, but not asked for.
The published figures (`primary_matched`, `bonus_matched`, `hallucinated`, `passed`) follow the public
codeneedle harness (alexziskind1/codeneedle, `bench/scorer.py`), so that results can be compared with its
tables. It aligns with `difflib.SequenceMatcher`, which takes the longest run of equal lines first and may
lose others by it: on repetitive code it undercounts. `lcs_matched` stands beside it and does not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, Literal

from pytest_codeneedle.core.text import shown_line
from pytest_codeneedle.recall.answer import runs_on
from pytest_codeneedle.recall.cleaning import clean, read_answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Primary lines that are asked for, and how many of them make a pass, as in the public harness.
PRIMARY_LINES = 20
PASS_THRESHOLD = 8

Tag = Literal["matched", "missing", "hallucinated", "bonus"]

_MARKS: dict[Tag, str] = {"matched": " ", "missing": "-", "hallucinated": "+", "bonus": ">"}
_FEW = 3  # matched lines in a row that are not worth folding


@dataclass(frozen=True)
class DiffLine:
    """One line of an answer or of what was expected, and what became of it."""

    tag: Tag
    text: str


@dataclass(frozen=True)
class Score:
    """One answer against one function. All counts are in lines.

    Always `primary_matched <= lcs_matched <= primary_total` and `position_exact <= lcs_matched`.
    """

    primary_total: int
    #: Primary lines in a matching block. The published figure.
    primary_matched: int
    #: Longest common subsequence of the primary lines (bonus lines left out) and the produced lines.
    lcs_matched: int
    #: Bonus lines in a matching block.
    bonus_matched: int
    #: Produced lines in no matching block, blank ones left out.
    hallucinated: int
    #: `primary_matched` reaches the threshold.
    passed: bool
    #: Primary lines that stand at their own index in `produced`.
    position_exact: int
    #: `primary_matched` with indentation kept: the same unless indentation was relaxed.
    strict_matched: int
    #: Lines of a `<think>` echo, removed before scoring.
    think_lines: int
    #: There was text within that echo: the model thought before it answered.
    thought: bool
    #: Anything but white space or a closing fence follows the lines asked for.
    run_on: bool
    #: The cleaned answer, as the model wrote it.
    produced: tuple[str, ...] = field(repr=False)  # may be private code
    #: The answer held nothing but white space, thinking and fences: an error, not a fail.
    empty: bool


def score(
    primary: Sequence[str],
    response: str,
    *,
    bonus: Sequence[str] = (),
    relax_indent: bool = False,
    threshold: int = PASS_THRESHOLD,
) -> Score:
    """Score the answer `response` to a function with these `primary` and `bonus` lines.

    Lines are compared without trailing white space, and with `relax_indent` without leading white space.
    Outer blank lines of an answer are not kept, so primary lines that are blank at the ends do not count as
    matched even in a perfect answer (a blank last one does when bonus lines follow it).
    """
    answer = read_answer(response)
    tags = Counter(line.tag for line in _align(primary, bonus, answer.lines, relax_indent=relax_indent))
    matched = tags["matched"]
    strict = matched
    if relax_indent:
        kept = _align(primary, bonus, answer.lines, relax_indent=False)
        strict = sum(line.tag == "matched" for line in kept)
    expected, produced = _normal(primary, relax_indent), _normal(answer.lines, relax_indent)
    return Score(
        primary_total=len(primary),
        primary_matched=matched,
        lcs_matched=_lcs_length(expected, produced),
        bonus_matched=tags["bonus"],
        hallucinated=tags["hallucinated"],
        passed=matched >= threshold,
        position_exact=_in_place(expected, produced),
        strict_matched=strict,
        think_lines=answer.think_lines,
        thought=answer.thought,
        run_on=runs_on(primary, response),
        produced=answer.lines,
        empty=answer.empty,
    )


def confusing(lines: int) -> int:
    """How many of `lines` another function must match to be taken for the one that was meant.

    The share that makes a pass by the published rule, 8 of 20, whatever the run's own rule: a few lines, such as
    braces, match by chance.
    """
    return max(1, lines * PASS_THRESHOLD // PRIMARY_LINES)


def confused_with(  # noqa: PLR0913 - two words for who is compared, three knobs
    response: str,
    candidates: Mapping[str, Sequence[str]],
    own: str,
    *,
    lines: int = PRIMARY_LINES,
    relax_indent: bool = False,
    at_least: int = 1,
) -> str | None:
    """Name another function that the answer matches better than its own; None if there is none.

    `candidates` maps each name to its body lines and holds `own`, too (KeyError if not). The first `lines`
    lines of the answer are held against the first `lines` lines of each body, so that an answer which runs
    on into the next function is not taken for that one. Another function must match strictly more lines
    than `own`, and no fewer than `at_least`; among equals the first one in order is named.
    """
    produced = _normal(clean(response)[:lines], relax_indent)
    expected = _normal(candidates[own][:lines], relax_indent)
    best = _matched(expected, produced)
    if best >= len(_from_text(_from_text(expected)[::-1])):
        return None  # perfect, but for the outer blank lines that no answer keeps
    best = max(best, at_least - 1)
    supply = Counter(produced)
    name = None
    for other, body in candidates.items():
        expected = _normal(body[:lines], relax_indent)
        # The lines that both hold, in any order, are the most that can match: most functions end here.
        if other == own or (Counter(expected) & supply).total() <= best:
            continue
        matched = _matched(expected, produced)
        if matched > best:
            name, best = other, matched
    return name


def aligned_diff(
    primary: Sequence[str], bonus: Sequence[str], response: str, *, relax_indent: bool = False
) -> list[DiffLine]:
    """List expected and produced lines in one top-to-bottom order, as `score` counts them.

    Matched and bonus lines show what the model wrote, missing ones what was expected. Left out are bonus
    lines that were not produced, and blank produced lines that match nothing.
    """
    return list(_align(primary, bonus, clean(response), relax_indent=relax_indent))


def render_diff(diff: Sequence[DiffLine], *, context: int | None = 0, hidden: Sequence[Tag] = ()) -> str:
    r"""Write `diff` as text: a mark (blank matched, - missing, + hallucinated, > bonus) and the line.

    Runs of matched lines are folded into one line that counts them, but for `context` lines next to each
    change; a fold hides more than three lines or does not happen. None folds nothing. Runs of lines with a
    `hidden` tag are counted and not shown. Control and formatting characters other than tabs are escaped
    (`\x1b`), so that terminal codes stay text, and long lines are cut (`printable.shown_line`).
    """
    out: list[str] = []
    end = 0
    for tag, run in groupby(diff, key=lambda line: line.tag):
        texts = [f"{_MARKS[tag]} {shown_line(line.text)}".rstrip() for line in run]
        start, end = end, end + len(texts)
        if tag == "matched" and context is not None:
            # Before the first change and after the last there is only one side to show context for.
            head = context if start > 0 else 0
            tail = len(texts) - (context if end < len(diff) else 0)
            if tail - head > _FEW:
                texts[head:tail] = [f"  ... {tail - head} lines matched"]
        if tag in hidden:
            texts = [f"{_MARKS[tag]} ... {len(texts)} line{'s'[: len(texts) - 1]} {tag}"]
        out += texts
    return "\n".join(out)


def _align(
    primary: Sequence[str], bonus: Sequence[str], produced: Sequence[str], *, relax_indent: bool
) -> Iterator[DiffLine]:
    """Tag every line by the matching blocks of primary + bonus against produced lines."""
    after_e = after_p = 0
    # The last block is empty and lies at both ends, so what follows the last match is covered, too.
    for e, p, size in _blocks(primary, bonus, produced, relax_indent=relax_indent):
        yield from (DiffLine("missing", line.rstrip()) for line in primary[after_e:e])
        yield from (DiffLine("hallucinated", line.rstrip()) for line in produced[after_p:p] if line.strip())
        after_e, after_p = e + size, p + size
        for index, line in zip(range(e, after_e), produced[p:after_p], strict=True):
            yield DiffLine("matched" if index < len(primary) else "bonus", line.rstrip())


def matched_lines(
    primary: Sequence[str], bonus: Sequence[str], produced: Sequence[str], *, relax_indent: bool = False
) -> dict[int, int]:
    """Primary line -> the produced line that it is matched with, as `primary_matched` counts them; both from 0."""
    blocks = _blocks(primary, bonus, produced, relax_indent=relax_indent)
    return {e + at: p + at for e, p, size in blocks for at in range(size) if e + at < len(primary)}


def _blocks(
    primary: Sequence[str], bonus: Sequence[str], produced: Sequence[str], *, relax_indent: bool
) -> Sequence[tuple[int, int, int]]:
    """The matching blocks: the first line expected, the first produced, and how many."""
    expected = _normal([*primary, *bonus], relax_indent)
    return SequenceMatcher(None, expected, _normal(produced, relax_indent), autojunk=False).get_matching_blocks()


def _matched(expected: Sequence[str], produced: Sequence[str]) -> int:
    blocks = SequenceMatcher(None, expected, produced, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks)


def _lcs_length(expected: Sequence[str], produced: Sequence[str]) -> int:
    """Length of the longest common subsequence, row by row (Wagner and Fischer 1974)."""
    row = [0] * (len(expected) + 1)
    for line in produced:
        diagonal = 0
        for index, wanted in enumerate(expected, start=1):
            above = row[index]
            row[index] = diagonal + 1 if wanted == line else max(above, row[index - 1])
            diagonal = above
    return row[-1]


def _in_place(expected: Sequence[str], produced: Sequence[str]) -> int:
    """Lines at their own index, counted from the first line with text: answers lose blank ones before it."""
    return sum(wanted == line for wanted, line in zip(_from_text(expected), produced, strict=False))


def _from_text(lines: Sequence[str]) -> Sequence[str]:
    blank = sum(1 for _ in takewhile(lambda line: not line.strip(), lines))
    return lines[blank:]


def _normal(lines: Sequence[str], relax_indent: bool) -> list[str]:  # noqa: FBT001 - private, and its only knob
    return [line.strip() if relax_indent else line.rstrip() for line in lines]


#: Lines of the answer that were not asked for: where code is private they may be other lines of it.
_NOT_ASKED_FOR: tuple[Tag, ...] = ("hallucinated", "bonus")


def hidden_kinds(*, private: bool, redact: bool, embed_source: bool) -> tuple[Tag, ...] | None:
    """The kinds of lines that a diff only counts; None where there shall be no diff at all."""
    if redact:
        return None
    return _NOT_ASKED_FOR if private and not embed_source else ()
