"""Following an answer as it streams in: when it is complete, whether it runs on, and what it is afterwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.recall.answer import Answer, AnswerWatch, run_on_lines, runs_on

PRIMARY = ("    a = 1", "    b = 2", "    c = 3")
WHOLE = "".join(f"{line}\n" for line in PRIMARY)

#: What answers are made of: lines asked for, fences, thinking, blank lines and others, with all line ends.
PARTS = [
    *(f"{line}\n" for line in PRIMARY),
    *("a = 1\n", "b = 2", "other\n", "\n", "\r\n", "\r", " "),
    *("```\n", "```python\n", "```", "`", "<think>", "</think>\n"),
]
answers = st.lists(st.sampled_from(PARTS), max_size=14).map("".join)


def watched(*pieces: str, primary: tuple[str, ...] = PRIMARY) -> AnswerWatch:
    """A watch that was fed these pieces."""
    watch = AnswerWatch(primary)
    for piece in pieces:
        watch.feed(piece)
    return watch


@given(answers, st.data())
def test_it_does_not_matter_how_the_stream_is_cut(answer: str, data: st.DataObject) -> None:
    """The same text gives the same verdict in one piece, in any pieces, and character by character."""
    cuts = data.draw(st.lists(st.integers(0, len(answer)), max_size=6).map(sorted))
    pieces = [answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    whole = watched(answer)

    for other in (watched(*pieces), watched(*answer)):
        assert (answer, whole.complete, whole.run_on) == (other.text, other.complete, other.run_on)
        assert whole.parts == other.parts
    assert whole.run_on == runs_on(PRIMARY, answer)


@given(answers, answers)
def test_a_complete_answer_stays_complete(answer: str, more: str) -> None:
    """What follows cannot make complete lines incomplete, and only complete lines can be run on from."""
    watch = watched(answer)
    before = watch.complete
    says = watch.feed(more)

    assert watch.complete or not before
    assert says == watch.run_on
    assert watch.complete or not watch.run_on


@given(answers)
def test_an_answer_is_parted_after_the_lines_asked_for(answer: str) -> None:
    """Both parts are the whole; the first is complete by itself, or all there is, and runs on by no more."""
    watch = watched(answer)
    text, after = watch.parts

    assert answer == text + after
    assert watch.complete or not after
    assert watch.complete == watched(text).complete
    assert not runs_on(PRIMARY, text)
    if watch.complete:
        assert not watched(text[:-1]).complete


def test_the_stream_may_be_closed_from_the_first_word_too_many() -> None:
    """`feed` says so with the piece that holds the first character after the lines, and not before."""
    watch = AnswerWatch(PRIMARY)

    assert [False] * len(WHOLE) == [watch.feed(char) for char in WHOLE]
    assert watch.complete
    assert [False, False, False, True, True] == [watch.feed(char) for char in "\n  de"]


def test_the_last_line_counts_with_its_line_end() -> None:
    """Without it more of the line may come."""
    assert not watched(WHOLE.rstrip("\n")).complete
    assert watched(WHOLE).complete


@pytest.mark.parametrize(
    "preamble",
    [
        "Here are the lines:\n",
        "Here are the lines:\n\n```python\n",
        "```\n",
        "\n\n  \n",
        "one\ntwo\nthree\nfour\n",
        "<think>\nThe function is short.\n</think>\n",
        "<think>\n    a = 1\n    b = 2\n    c = 3\n    d\n</think>\n\n",
        "<think></think>",
        "I know them.\n</think>\n",
    ],
)
def test_what_comes_before_the_lines_does_not_count(preamble: str) -> None:
    """Neither a preamble, nor a fence, nor thinking makes an answer complete, or a run-on of it."""
    short = watched(preamble, *PRIMARY[0], "\n", *PRIMARY[1], "\n")
    assert (False, False) == (short.complete, short.run_on)

    short.feed(f"{PRIMARY[2]}\n")
    assert (True, False) == (short.complete, short.run_on)


@pytest.mark.parametrize("end", ["", "\n", "```", "```\n", "  ```  \n\n", "`", "``", "\r\n", "\t\n"])
def test_a_closing_fence_and_white_space_are_no_run_on(end: str) -> None:
    """An answer ends well with a fence, part of one, or blank lines."""
    assert not runs_on(PRIMARY, f"```python\n{WHOLE}{end}")


@pytest.mark.parametrize("end", ["d", "    d = 4\n", "```\nThat is it.", "```\n```", "\n\n}", "`x", "-"])
def test_anything_else_is_run_on(end: str) -> None:
    """One character too many is enough, after a fence too."""
    assert runs_on(PRIMARY, f"```python\n{WHOLE}{end}")


@pytest.mark.parametrize(
    ("blank_primary", "answer"),
    [
        (("", *PRIMARY), WHOLE),
        ((*PRIMARY, ""), WHOLE),
        (("", " ", *PRIMARY, "", ""), WHOLE),
        (("a = 1", "", "b = 2"), "a = 1\n\nb = 2\n"),
    ],
)
def test_blank_lines_at_the_ends_are_not_waited_for(blank_primary: tuple[str, ...], answer: str) -> None:
    """A cleaned answer has none there; between other lines they count."""
    assert not watched(answer.removesuffix("\n"), primary=blank_primary).complete
    assert watched(answer, primary=blank_primary).complete


@given(st.lists(st.sampled_from(["x\n", "y = 9\n", "zzz\n"]), min_size=6, max_size=20))
def test_of_an_answer_without_any_line_asked_for_twice_the_number_is_enough(lines: list[str]) -> None:
    """Garbage is followed for six lines where three were asked for, and no further."""
    assert not watched(*lines[:5]).complete
    assert watched(*lines[:6]).complete
    assert (len(lines) > 6) == watched(*lines).run_on


def test_lines_are_known_without_their_indentation() -> None:
    """A model that indents anew begins its answer all the same."""
    assert watched("Sure:\n\ta = 1\nwrong\nwrong\n").complete
    assert not watched("Sure:\nwrong\nwrong\nwrong\n").complete


def test_no_lines_asked_for() -> None:
    """The warm-up asks for none; its one token does not run on."""
    assert not watched("def", primary=()).run_on
    assert not watched("def", primary=("", " ")).complete


def test_facts_of_an_answer_are_flat_and_without_its_text() -> None:
    """All but the text and what came after it, milliseconds rounded to the microsecond."""
    answer = Answer("text", "eos", False, 5, 40, 2, 1.23456, 7.89012, False, "after")

    assert {
        "stop": "eos",
        "run_on": False,
        "tokens": 5,
        "cache_n": 40,
        "prompt_n": 2,
        "prompt_ms": 1.235,
        "predicted_ms": 7.89,
        "truncated": False,
        "drafted": 0,
    } == answer.facts()


SOURCE = ["", "    d = 4", "e = 5"]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("", 0),
        ("other\n", 0),
        ("\n    d = 4\n", 2),
        ("\nd = 4\ne = 5\n", 3),
        ("\nd = 4\nother\ne = 5\n", 2),
        ("d = 4\n", 0),
        ("\nd = 4\ne = 5\nf = 6\n", 3),
    ],
)
def test_lines_that_continue_the_file_are_counted(end: str, expected: int) -> None:
    """From the first line after those asked for up to the first that differs, indentation aside."""
    assert expected == run_on_lines(f"Sure.\n```\n{WHOLE}{end}```", 3, SOURCE)
    assert expected == run_on_lines(WHOLE + end, 3, SOURCE)


@given(st.lists(st.sampled_from("ab"), max_size=8), st.lists(st.sampled_from("ab"), max_size=8))
def test_the_count_is_that_of_the_common_beginning(after: list[str], following: list[str]) -> None:
    """No more than were produced, no more than there are, and all of them equal."""
    count = run_on_lines("\n".join(["x", *after]), 1, following)

    assert after[:count] == following[:count]
    assert count == min(len(after), len(following)) or after[count] != following[count]
