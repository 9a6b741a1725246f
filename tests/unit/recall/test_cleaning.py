"""What is taken off an answer before it is scored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.recall.cleaning import LINE_END, Cleaned, clean, read_answer

CODE = st.sampled_from(["a", "  b", "}", "", "   ", "return '</think>';", "x = '<think>'", "\x0c", "a\u2028b"])
PLAIN = st.lists(CODE, max_size=12).map("\n".join)
MARKED = st.lists(CODE | st.sampled_from(["```", "<think>", "</think>", "so.</think>", "<think>a</think>b"]))
ANSWERS = st.lists(CODE | st.sampled_from(["<think>", "</think>", "so.</think>", "<think>a</think>b"])).map("\n".join)


def test_answer_without_marks_is_kept_with_its_indentation() -> None:
    """Lines come back as they were written, trailing white space included."""
    assert ["  a ", "", "\tb"] == clean("  a \n\n\tb")


def test_blank_lines_at_both_ends_are_dropped() -> None:
    """Lines of white space go at the ends and stay in between."""
    assert ["a", " ", "b"] == clean("\n \t\n\na\n \nb\n\n")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_each_line_end_splits_once(end: str) -> None:
    """Unix, Windows and old Mac line ends are one line end each."""
    assert ["a", "", "b"] == clean(f"a{end}{end}b{end}")


@pytest.mark.parametrize("char", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_other_separators_do_not_split(char: str) -> None:
    """Characters at which `str.splitlines` splits stay in their line, as in the corpus."""
    assert [f"a{char}b"] == clean(f"a{char}b")


def test_text_between_outer_fences_is_kept() -> None:
    """What stands before the first fence and after the last one goes."""
    assert ["  a", "b"] == clean("Sure:\n```python\n  a\nb\n  ```\nThat is all.")


def test_single_fence_is_dropped() -> None:
    """With one fence line only that line goes."""
    assert ["a", "b"] == clean("a\n```\nb")


def test_inner_fences_stay() -> None:
    """Of three fence lines the middle one is text, as in the public harness; cleaning again would drop it."""
    once = clean("```\na\n```\nb\n```")

    assert ["a", "```", "b"] == once
    assert ["a", "b"] == clean("\n".join(once))


def test_backticks_within_a_line_are_no_fence() -> None:
    """A fence begins its line, but for white space."""
    assert ["x ```", "y ```"] == clean("x ```\ny ```")


@pytest.mark.parametrize(
    ("response", "lines", "think_lines"),
    [
        pytest.param("<think>\n\n</think>\n\n  a", ["  a"], 3, id="empty echo"),
        pytest.param("\n <think>hm</think>\n  a", ["  a"], 1, id="one line"),
        pytest.param("<think>hm\nso</think>  a\nb", ["  a", "b"], 2, id="answer on the closing line"),
        pytest.param("<think>x</think><think>y</think>a", ["a"], 2, id="twice"),
        pytest.param("a\n<think>\nhm\n</think>\nb", ["a", "b"], 3, id="in between"),
        pytest.param("hm\nlet me see\n</think>\n\n  a", ["  a"], 3, id="opened by the template"),
        pytest.param("hm, done.</think>\na", ["a"], 1, id="closed at the end of a line"),
        pytest.param("hm\n</think>a", ["a"], 2, id="answer after a lone closing tag"),
        pytest.param("<think>\n```\na\n```\n</think>\nb", ["b"], 5, id="fences within"),
        pytest.param("```\n<think>\nhm\n</think>\na\n```", ["a"], 3, id="within fences"),
        pytest.param("a\n<think>\nb", ["a", "<think>", "b"], 0, id="unclosed further down is a line"),
    ],
)
def test_thinking_is_removed_and_counted(response: str, lines: list[str], think_lines: int) -> None:
    """An echo of thinking goes with its tags, and the lines that it covered are counted."""
    thought = any(word in response for word in ("hm", "think>x", "```"))
    assert Cleaned(tuple(lines), think_lines, empty=False, thought=thought) == read_answer(response)


@pytest.mark.parametrize(
    ("response", "think_lines"),
    [
        pytest.param("<seed:think>\nhm\n</seed:think>  a\nb", 3, id="Seed-OSS"),
        pytest.param("<|channel>thought\nhm\n<channel|>  a\nb", 3, id="Gemma 4"),
        pytest.param("<|START_THINKING|>hm<|END_THINKING|>  a\nb", 1, id="Command A"),
        pytest.param("<|open|>think<|sep|>hm<|close|>think<|sep|><|open|>response<|sep|>  a\nb", 1, id="Kimi K3"),
        pytest.param("[THINK]hm\n\nso[/THINK]  a\nb", 3, id="Ministral"),
        pytest.param(
            "<|channel|>analysis<|message|>hm\nso<|end|><|start|>assistant<|channel|>final<|message|>  a\nb",
            2,
            id="gpt-oss",
        ),
        pytest.param("Here are my reasoning steps:\nhm\n[BEGIN FINAL RESPONSE]\n  a\nb", 3, id="Apriel"),
        pytest.param("hm\n[BEGIN FINAL RESPONSE]\n  a\nb\n[END FINAL RESPONSE]", 2, id="Apriel, opened by the prompt"),
        pytest.param("<|think|>hm<|end|><|begin|>assistant<|content|>  a\nb", 1, id="Solar"),
        pytest.param("to=self<|message|>hm<|eom|><|start|>assistant to=user<|message|>  a\nb", 1, id="Muse"),
        pytest.param("<thought>hm</thought>  a\nb", 1, id="EXAONE"),
        pytest.param("\u25c1think\u25b7hm\u25c1/think\u25b7  a\nb", 1, id="Kimi-VL"),
        pytest.param("<|begin_of_thought|>\nhm\n<|end_of_thought|>\n  a\nb", 3, id="OpenThinker"),
        pytest.param("\n<inner_reasoning>\nhm\n</inner_reasoning>\n  a\nb", 3, id="a tag that nobody has named"),
    ],
)
def test_thoughts_of_every_family_are_thinking(response: str, think_lines: int) -> None:
    """Each has marks of its own, some a mark before the answer or after it."""
    assert Cleaned(("  a", "b"), think_lines, empty=False, thought=True) == read_answer(response)


def test_the_mark_after_an_answer_is_no_line() -> None:
    """Nor part of one, whether the model thought or not; what is scored of its line is known."""
    cleaned = read_answer("a\nb()<|close|>response<|sep|>\n")
    assert (("a", "b()"), (0, 1), 0) == (cleaned.lines, cleaned.numbers, cleaned.think_lines)


@pytest.mark.parametrize(
    "response",
    [
        "a\n<thinking>\nb\n",
        "<Thinking>\nb\n</Thinking>",
        "a\n<inner_thought>\nb\n</inner_thought>",
        "a\n</reasoning>\nb",
    ],
)
def test_tags_of_code_are_no_thoughts(response: str) -> None:
    """Components, unknown tags further down, common words that close what nothing opened."""
    assert response.strip().split("\n") == clean(response)


@pytest.mark.parametrize("response", ["x = '<think>'\ny = '</think>'", "s.split('</think>')[1]", "a <think> b"])
def test_tags_in_code_are_code(response: str) -> None:
    """A tag in the midst of a line does not make the lines before it thinking."""
    assert response.split("\n") == clean(response)


@pytest.mark.parametrize(
    ("response", "think_lines"),
    [
        ("", 0),
        (" \r\n\t", 0),
        ("```\n```", 0),
        ("<think>hm\nfoo", 2),
        ("```\n<think>\nfoo\n```", 3),
        ("<think>\n</think>\n```\n\n```", 2),
    ],
)
def test_nothing_left_is_empty(response: str, think_lines: int) -> None:
    """White space, thinking and fences alone are an empty answer."""
    assert Cleaned((), think_lines, empty=True, thought="foo" in response) == read_answer(response)


def test_text_outside_the_fences_only_is_not_empty() -> None:
    """An answer whose text the fence rule drops has no lines, but the model did answer."""
    assert Cleaned((), 0, empty=False) == read_answer("a\n```\n```")


@given(ANSWERS)
def test_fence_around_an_answer_changes_nothing(response: str) -> None:
    """An answer without fences gives the same lines within fences."""
    assert clean(response) == clean(f"```js\n{response}\n```")


@given(MARKED.map("\n".join), st.lists(st.sampled_from(["", "hm", "  so", "```"])))
def test_echo_in_front_changes_nothing_but_its_count(response: str, thoughts: list[str]) -> None:
    """A closed echo in front of any answer adds to `think_lines`, is thought if it holds text, and no more."""
    plain = read_answer(response)
    echo = "\n".join(["<think>", *thoughts, "</think>"])

    thought = plain.thought or any(thoughts)
    assert Cleaned(plain.lines, plain.think_lines + len(thoughts) + 2, plain.empty, thought) == read_answer(
        f"{echo}\n{response}"
    )


@given(ANSWERS)
def test_cleaning_is_idempotent_without_fences(response: str) -> None:
    """Cleaning a cleaned answer changes nothing where no fence was in it."""
    once = clean(response)

    assert once == clean("\n".join(once))


@given(PLAIN)
def test_plain_lines_are_kept_in_order(response: str) -> None:
    """Without marks only blank lines at the ends can be lost."""
    texts = [line for line in response.split("\n") if line.strip()]

    assert texts == [line for line in clean(response) if line.strip()]


@given(MARKED.map("\n".join))
def test_cleaned_answer_begins_and_ends_with_text(response: str) -> None:
    """No answer begins or ends with a blank line once it is cleaned, and an empty one holds no text."""
    cleaned = read_answer(response)

    assert all(line.strip() for line in (*cleaned.lines[:1], *cleaned.lines[-1:]))
    assert not cleaned.empty or all(line.strip() in ("", "```") for line in cleaned.lines)


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        ("a\n\nb", (0, 1, 2)),
        ("\n\nSure:\n```\na\nb\n```\n", (4, 5)),
        ("<think>\na\n</think>\na", (3,)),
        ("<think>\na\n</think>b\r\nc", (2, 3)),
        ("", ()),
    ],
)
def test_lines_know_where_they_stood(answer: str, numbers: tuple[int, ...]) -> None:
    """Each has the number of its line in the answer, though others like it may stand in what was removed."""
    assert numbers == read_answer(answer).numbers


@given(MARKED.map("\n".join))
def test_lines_end_the_lines_that_they_were(answer: str) -> None:
    """Numbers rise, and the line of that number is the scored one or ends with it."""
    found, every = read_answer(answer), LINE_END.split(answer)
    assert sorted(set(found.numbers)) == list(found.numbers)
    assert all(every[number].endswith(line) for number, line in zip(found.numbers, found.lines, strict=True))
