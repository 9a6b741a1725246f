"""What happened to a miss: hand-written answers, and laws over mutations of a real function."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_codeneedle.corpus.random_bodies import RandomBodies
from pytest_codeneedle.recall.answer import AnswerWatch
from pytest_codeneedle.recall.labels import LABELS, Label, label_answer, label_error
from pytest_codeneedle.recall.scoring import score

if TYPE_CHECKING:
    from collections.abc import Sequence

LINES = 20
#: A function's body as they are: a docstring, blank lines, braces, lines that come twice, and no blank end.
SOURCE = '''\
    """Read the members of an archive, newest first."""
    if not path.exists():
        raise ArchiveError(f"no archive at {path}")

    members = {
        "name": [],
        "size": [],
    }
    with path.open("rb") as stream:
        header = stream.read(HEADER_SIZE)
        while header:
            name, size = unpack(header)
            if name in members["name"]:
                # A later entry replaces an earlier one.
                index = members["name"].index(name)
                members["size"][index] = size
            else:
                members["name"].append(name)
                members["size"].append(size)
            stream.seek(size, SEEK_CUR)
            header = stream.read(HEADER_SIZE)

    found = sorted(members["name"], reverse=True)
    for position, name in enumerate(found):
        try:
            check(name)
        except ValueError:
            log.warning("skipped %s", name)
            continue
        size = members["size"][position]
        yield Member(
            name,
            size,
        )
    log.info("read %d members", len(found))
    if strict and not found:
        raise ArchiveError(f"nothing in {path}")
    cache.update({
        "name": found,
    })
    return len(found)'''
CODE = SOURCE.split("\n")
#: Random words: nothing repeats, so that each alignment is the only one.
WORDS = re.findall(r"    .*", RandomBodies(functions=1, body_lines=44).text())
PRIMARY, BONUS = CODE[:LINES], CODE[LINES:]
#: A line that stands among the bonus lines, and everywhere.
TRY = "        try:"
OTHER = [f"  for ({letter} of queue.{letter}) drain({letter}, 1 << 7);" for letter in "bcdfghjklmnpqrstvwxz"]

bodies = st.sampled_from([CODE, WORDS])
relaxed = st.booleans()
stops = st.sampled_from(["", "eos", "word", "limit"])


def label(
    response: Sequence[str] | str, body: Sequence[str] = CODE, *, relax: bool = False, full: bool = True, **more: str
) -> Label | None:
    """The label of an answer to the first lines of `body`; without `full` the stream is closed as a run does it."""
    text = response if isinstance(response, str) else "\n".join(response)
    primary, bonus = body[:LINES], body[LINES:]
    watch = AnswerWatch(primary)
    if watch.feed(text) and not full:
        text, more["stop"] = watch.parts[0], "closed"
    result = score(primary, text, bonus=bonus, relax_indent=relax)
    return label_answer(primary, text, result, bonus=bonus, relax_indent=relax, **more)


def changed(line: str) -> str:
    """The line with its first word exchanged, if it has any."""
    return re.sub(r"\w+", "altered", line, count=1)


def test_the_order_of_labels_is_fixed() -> None:
    """What is shown starts with the plainest miss and ends with the errors."""
    assert (
        *("truncated", "run-on", "re-indented", "shifted", "confused", "paraphrased", "garbled"),
        *("refused", "empty", "thinking-only"),
    ) == LABELS


# What an answer is.


@pytest.mark.parametrize("relax", [False, True])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(PRIMARY, None, id="perfect"),
        pytest.param(["", *PRIMARY, "  ", ""], None, id="blank ends"),
        pytest.param(["Sure:", "```python", *PRIMARY, "```"], None, id="fenced, as the score has it"),
        pytest.param(["<think>", "Where?", "</think>", *PRIMARY], None, id="after thinking"),
        pytest.param(PRIMARY[:12], "truncated", id="stopped early"),
        pytest.param([*PRIMARY[:12], PRIMARY[12][:15]], "truncated", id="half a last line"),
        pytest.param(["Here are the lines:", *PRIMARY[:12]], "truncated", id="preamble, stopped early"),
        pytest.param([*PRIMARY[:12], "# ... (the rest)"], "truncated", id="elided"),
        pytest.param([*PRIMARY[:5], *PRIMARY[6:12]], "truncated", id="skipped one, lost eight"),
        pytest.param([*PRIMARY, *BONUS[:3]], "run-on", id="goes on with the file"),
        pytest.param([*PRIMARY, "That is all."], "run-on", id="goes on with words"),
        pytest.param(["Sure:", *PRIMARY, "That is all."], "run-on", id="preamble, goes on"),
        pytest.param(["```", *PRIMARY, "```", "That is all."], "run-on", id="goes on after the fence"),
        pytest.param([line[2:] for line in PRIMARY], "re-indented", id="indented less"),
        pytest.param([*PRIMARY[:-1], PRIMARY[-1].strip()], "re-indented", id="one line indented less"),
        pytest.param(["def members(path):", *PRIMARY], "shifted", id="signature, all lines"),
        pytest.param(["def members(path):", *PRIMARY[:-1]], "shifted", id="signature, last line pushed out"),
        pytest.param(["Sure:", "", *PRIMARY], "shifted", id="preamble"),
        pytest.param([*PRIMARY[:9], "    pass", *PRIMARY[9:]], "shifted", id="inserted line"),
        pytest.param([*PRIMARY[:9], "", *PRIMARY[9:]], "shifted", id="inserted blank line"),
        pytest.param([line for line in PRIMARY if line], "shifted", id="blank lines left out"),
        pytest.param(PRIMARY[3:], "shifted", id="starts late"),
        pytest.param([*PRIMARY[3:], *BONUS[:3]], "shifted", id="starts late, goes on"),
        pytest.param([*PRIMARY[:5], *PRIMARY[6:], *BONUS[:1]], "shifted", id="skipped one"),
        pytest.param(BONUS[:20], "shifted", id="the next lines"),
        pytest.param(PRIMARY[:5] * 4, "shifted", id="loop"),
        pytest.param([changed(line) for line in PRIMARY], "paraphrased", id="a word in every line"),
        pytest.param(
            ["Sure.", "It is this one,", "as it stands", "in the file:", *map(changed, PRIMARY[:3]), *PRIMARY[3:]],
            "paraphrased",
            id="preamble, a word in the first lines",
        ),
        pytest.param([*PRIMARY[:8], changed(PRIMARY[8]), *PRIMARY[9:]], "paraphrased", id="a word in one line"),
        pytest.param([*PRIMARY[:10], *map(changed, PRIMARY[10:])], "paraphrased", id="a word in the later lines"),
        pytest.param(["Sure, here:", "", *map(changed, PRIMARY)], "paraphrased", id="preamble, a word in each"),
        pytest.param(OTHER, "garbled", id="other code"),
        pytest.param(OTHER[:2], "garbled", id="little other code"),
        pytest.param([*OTHER[:5], "    }", *OTHER[5:9]], "garbled", id="a brace by chance"),
        pytest.param([*PRIMARY[:8], OTHER[0], *PRIMARY[9:]], "garbled", id="one wrong line"),
        pytest.param([*PRIMARY[:9], *OTHER[9:]], "garbled", id="derailed"),
        pytest.param([*OTHER[:5], PRIMARY[15]], "garbled", id="a line by chance"),
        pytest.param([*PRIMARY[:12], TRY, *OTHER[:6]], "garbled", id="derailed after `try:`"),
        pytest.param([*PRIMARY[:12], *OTHER[:3], TRY, *OTHER[3:6]], "garbled", id="derailed around `try:`"),
        pytest.param([*PRIMARY[:12], *OTHER[:2], TRY], "truncated", id="stopped early after `try:`"),
        pytest.param(["}"] * 20, "garbled", id="braces"),
        pytest.param("Sure:\n```\n```", "garbled", id="all of it outside the fences"),
        pytest.param("}", "garbled", id="a brace"),
        pytest.param("I'm sorry, I cannot do that.", "refused", id="refusal"),
        pytest.param("", "empty", id="nothing"),
        pytest.param("```\n\n```", "empty", id="fences"),
        pytest.param("<think>\nWhere?", "thinking-only", id="thinking"),
        pytest.param("<think>\nWhere?\n</think>\n```", "thinking-only", id="thinking and a fence"),
    ],
)
def test_each_answer_has_its_label(answer: Sequence[str] | str, expected: Label | None, relax: bool) -> None:
    """The same with indentation kept and relaxed, and for a stream that was closed and one that was not."""
    assert expected == label(answer, relax=relax)
    assert expected == label(answer, relax=relax, full=False)


@pytest.mark.parametrize(
    ("answer", "strict", "loose"),
    [
        pytest.param([line.strip() for line in PRIMARY[:15]], "re-indented", "truncated", id="15 lines against 5"),
        pytest.param([line.strip() for line in PRIMARY[:5]], "truncated", "truncated", id="5 lines against 15"),
        pytest.param([*(line.strip() for line in PRIMARY), "}"], "re-indented", "run-on", id="goes on"),
        pytest.param(["Sure:", *(line.strip() for line in PRIMARY)], "re-indented", "shifted", id="preamble"),
        pytest.param([changed(line).strip() for line in PRIMARY], "paraphrased", "paraphrased", id="near lines"),
    ],
)
def test_indentation_counts_as_it_does_for_the_score(answer: list[str], strict: Label, loose: Label) -> None:
    """Where it counts, its lines are lost by it; where it is relaxed, it is named when nothing else is wrong."""
    assert strict == label(answer)
    assert loose == label(answer, relax=True)


@pytest.mark.parametrize("relax", [False, True])
def test_confusion_is_named_before_what_else_may_be_wrong(relax: bool) -> None:
    """It is known to match better; but not for an answer that has all lines, or is the beginning of them."""
    assert "confused" == label(OTHER, relax=relax, confused_with="drain")
    assert "confused" == label([*PRIMARY[:9], *OTHER[:11]], relax=relax, confused_with="drain")
    assert "shifted" == label(["Sure:", *PRIMARY], relax=relax, confused_with="drain")
    assert "truncated" == label(PRIMARY[:9], relax=relax, confused_with="drain")
    assert label(PRIMARY, relax=relax, confused_with="drain") is None
    assert "re-indented" == label([line.strip() for line in PRIMARY], relax=relax, confused_with="drain")


def test_a_limit_cuts_off_what_else_would_have_come() -> None:
    """A model that stopped by itself after as many lines has pushed the last ones out by others."""
    answer = ["Sure:", "It follows.", *PRIMARY[:18]]

    assert "shifted" == label(answer, stop="eos")
    assert "truncated" == label(answer, stop="limit")


def test_a_line_that_is_cut_off_is_missing_not_wrong() -> None:
    """By the limit; or, where a line too many came first, by the model's own count."""
    answer = ["Sure:", *PRIMARY[:19], PRIMARY[19][:24]]

    assert "truncated" == label(answer, stop="limit")
    assert "shifted" == label(answer, stop="eos")
    assert "paraphrased" == label([*answer[:-1], changed(PRIMARY[19])])


def test_a_blank_line_that_is_not_kept_makes_no_answer_short() -> None:
    """Nineteen lines and a signature are twenty lines, the last of which may be blank."""
    body = [*CODE[:18], "", *CODE[19:]]

    assert "shifted" == label(["def members(path):", *body[:19]], body)
    assert "truncated" == label(["def members(path):", *body[:15]], body)


def test_a_brace_after_a_skipped_line_is_right() -> None:
    """Only next to wrong lines it is so by chance."""
    body = [*CODE[:18], "        skipped(name)", "    }", *CODE[20:]]

    assert "shifted" == label([*body[:18], "    }"], body)


def test_a_brace_in_place_of_a_brace_is_not_near() -> None:
    """It is equal, and tells nothing."""
    body = [line for word in WORDS[:10] for line in (word, "    }")] + ["    }"] * 24

    assert "garbled" == label(["    }"] * 60, body)


def test_a_line_that_does_not_end_is_not_near() -> None:
    """Its beginning alone would be."""
    body = [f"{line}  # {line * 4}" for line in WORDS]

    assert "garbled" == label([line * 9 for line in body[:LINES]], body)
    assert "paraphrased" == label([line + "#" * 99 for line in body[:LINES]], body)


def test_a_closed_stream_ran_on() -> None:
    """The text was cut at the end of the lines, so only the reason of its end tells."""
    assert "run-on" == label(PRIMARY, stop="closed")
    assert label(PRIMARY, stop="eos") is None


@pytest.mark.parametrize("relax", [False, True])
def test_blank_lines_at_the_ends_are_not_asked_for(relax: bool) -> None:
    """No answer keeps them; a blank last one comes back only as part of running on."""
    body = ["", *CODE[:18], "", *CODE[19:]]

    assert label(body[:LINES], body, relax=relax) is None
    assert "truncated" == label(body[: LINES - 2], body, relax=relax)
    assert "run-on" == label(body[: LINES + 1], body, relax=relax)


def test_no_lines_asked_for() -> None:
    """Whatever comes then is too much."""
    assert "run-on" == label_answer([], "a", score([], "a"))
    assert "run-on" == label_answer([""], "a", score([""], "a"))


def test_a_line_of_a_megabyte_and_thousands_of_lines_are_labelled() -> None:
    """A ratio takes quadratic time, so that it is taken of beginnings and around a line's place only."""
    body = [line + "ab" * 100_000 for line in PRIMARY[:2]] + PRIMARY[2:]

    assert "garbled" == label([line + "ab" * 100_000 for line in OTHER], body)
    assert "paraphrased" == label([changed(line) for line in body], body)
    assert "garbled" == label([PRIMARY[0], *("ab" * 100_000 for _ in PRIMARY[1:])])
    assert "garbled" == label(OTHER * 200)


def test_near_lines_are_looked_for_around_their_place() -> None:
    """Three lines off is near enough, four is another place."""
    lines = [changed(line) for line in WORDS[:12]]

    assert "paraphrased" == label([*OTHER[:3], *lines], WORDS)
    assert "garbled" == label([*OTHER[:4], *lines], WORDS)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("", "empty"),
        (" \n```\n", "empty"),
        ("<think>\n", "thinking-only"),
        ("<think></think>", "thinking-only"),
        ("I cannot do that.", "refused"),
        ("x = 1", None),
        ("Sure:\n```\n```", None),
        (f"I cannot do that.\n{PRIMARY[1]}", None),
        (f"I cannot do that.\n{BONUS[0]}", None),
    ],
)
def test_an_answer_with_nothing_to_score_is_an_error(response: str, expected: Label | None) -> None:
    """Without its score, so that it can be asked first."""
    assert expected == label_error(PRIMARY, response, bonus=BONUS)


# Laws over mutations of a real function.


@st.composite
def mutations(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """A body, and an answer that a model could have given: its lines with some of what goes wrong in answers."""
    body = draw(bodies)
    start = draw(st.sampled_from([0, 0, 0, 1, 3, 20]))
    answer = list(body[start : start + draw(st.sampled_from([20, 20, 7, 23, 44]))])
    for kind in draw(st.lists(st.sampled_from(sorted(MUTATIONS)), max_size=3)):
        at = draw(st.integers(0, len(answer)))
        answer = MUTATIONS[kind](answer, at)
    return body, answer


MUTATIONS = {
    "nothing": lambda lines, _: lines,
    "cut": lambda lines, at: lines[:at],
    "half a line": lambda lines, at: [*lines[:at], *(line[: len(line) // 2] for line in lines[at : at + 1])],
    "skip": lambda lines, at: lines[:at] + lines[at + 2 :],
    "insert": lambda lines, at: [*lines[:at], "    pass", *lines[at:]],
    "insert blank": lambda lines, at: [*lines[:at], "", *lines[at:]],
    "repeat": lambda lines, at: lines[:at] + lines[max(0, at - 3) :],
    "swap": lambda lines, at: lines[at:] + lines[:at],
    "word": lambda lines, at: [*lines[:at], *map(changed, lines[at : at + 1]), *lines[at + 1 :]],
    "words": lambda lines, at: [*lines[:at], *map(changed, lines[at:])],
    "derail": lambda lines, at: lines[:at] + OTHER[at:],
    "dedent": lambda lines, at: [*lines[:at], *(line[4:] for line in lines[at:] if line[:4].isspace())],
    "preamble": lambda lines, _: ["Here are the lines:", *lines],
    "fence": lambda lines, _: ["```python", *lines, "```"],
    "remark": lambda lines, _: [*lines, "That is all."],
    "refusal": lambda lines, at: ["I'm sorry.", *lines[at:]],
    "think": lambda lines, _: ["<think>", "Where?", "</think>", *lines],
}


@given(mutations(), relaxed, stops, st.sampled_from([None, "drain"]))
def test_every_answer_that_is_not_perfect_has_a_label(
    case: tuple[list[str], list[str]], relax: bool, stop: str, other: str | None
) -> None:
    """And a perfect one has none: all lines in place, indentation kept, nothing else, and no run-on."""
    body, answer = case
    primary, bonus, text = body[:LINES], body[LINES:], "\n".join(answer)
    result = score(primary, text, bonus=bonus, relax_indent=relax)
    given_label = label_answer(primary, text, result, bonus=bonus, relax_indent=relax, stop=stop, confused_with=other)
    perfect = LINES == result.strict_matched == result.position_exact == len(result.produced) and (0, 0, False) == (
        result.hallucinated,
        result.bonus_matched,
        result.run_on,
    )

    assert perfect == (given_label is None)
    assert given_label is None or given_label in LABELS
    assert (given_label in LABELS[-3:]) == (label_error(primary, text, bonus=bonus) is not None)


@given(mutations(), relaxed)
def test_what_no_score_sees_changes_no_label(case: tuple[list[str], list[str]], relax: bool) -> None:
    """Line ends, blanks at the ends of lines, thinking."""
    body, answer = case
    assume("```python" not in answer)
    expected = label(answer, body, relax=relax)
    assume(expected not in {"empty", "thinking-only"})

    assert expected == label("  \r\n".join(answer), body, relax=relax)
    assert expected == label(["<think>", "I cannot see it.", "</think>", "", *answer], body, relax=relax)


@given(mutations(), relaxed)
def test_relaxing_the_indentation_makes_no_answer_perfect(case: tuple[list[str], list[str]], relax: bool) -> None:
    """It is word for word or it is not."""
    body, answer = case

    assert (label(answer, body) is None) == (label(answer, body, relax=True) is None)


@given(bodies, relaxed, stops, st.data())
def test_an_answer_cut_anywhere_is_truncated(body: list[str], relax: bool, stop: str, data: st.DataObject) -> None:
    """Between two lines, within a line, after its first word."""
    whole = "\n".join(body[:LINES])
    text = whole[: data.draw(st.integers(1, len(whole) - 1))]
    assume(text.strip())

    assert "truncated" == label(text, body, relax=relax, stop=stop)


@given(bodies, relaxed, st.integers(1, 20), st.booleans())
def test_an_answer_that_starts_late_and_goes_on_is_shifted(body: list[str], relax: bool, late: int, full: bool) -> None:
    """All lines are right, and none is where it should be."""
    assert "shifted" == label(body[late : late + LINES], body, relax=relax, full=full)


@given(bodies, relaxed, st.integers(0, 18), st.integers(1, 5), st.booleans())
def test_an_answer_that_skips_lines_and_goes_on_is_shifted(
    body: list[str], relax: bool, at: int, skipped: int, full: bool
) -> None:
    """It has as many lines as were asked for, but not those."""
    answer = [*body[:at], *body[at + skipped : LINES + skipped]]

    assert "shifted" == label(answer, body, relax=relax, full=full)


@given(bodies, relaxed, st.integers(1, 20), st.integers(0, 20))
def test_an_answer_with_another_indentation_is_re_indented(body: list[str], relax: bool, size: int, start: int) -> None:
    """Some lines or all of them, deeper, less deep or by tabs."""
    lines = body[:LINES]
    assume(any(line.strip() for line in lines[start : start + size]))
    for indent in ("", "\t", "         "):
        other = [indent + line.strip() for line in lines[start : start + size]]

        assert "re-indented" == label([*lines[:start], *other, *lines[start + size :]], body, relax=relax)


@given(bodies, relaxed, st.lists(st.sampled_from([*BONUS, *OTHER]), min_size=1, max_size=30), st.booleans())
def test_an_answer_that_goes_on_runs_on(body: list[str], relax: bool, more: list[str], full: bool) -> None:
    """With the lines that follow in the source or with others, closed or not."""
    assume(any(line.strip() for line in more))

    assert "run-on" == label([*body[:LINES], *more], body, relax=relax, full=full)


@given(bodies, relaxed, st.sets(st.integers(0, 19), min_size=1, max_size=20))
def test_an_answer_with_other_words_is_paraphrased(body: list[str], relax: bool, where: set[int]) -> None:
    """In one line or in all of them."""
    where -= {at for at in where if len(re.findall(r"\w", body[at])) < 8}
    assume(where)
    answer = [changed(line) if at in where else line for at, line in enumerate(body[:LINES])]

    assert "paraphrased" == label(answer, body, relax=relax)


@given(bodies, relaxed, st.integers(0, 10))
def test_an_answer_that_derails_is_garbled(body: list[str], relax: bool, at: int) -> None:
    """However many right lines it began with, as long as most of what is lost was replaced by others."""
    assert "garbled" == label(body[:at] + OTHER[at:], body, relax=relax)
