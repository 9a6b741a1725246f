"""Answers that say that there will be no answer, and those that only look so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.recall.labels import REFUSAL_LINES, is_refusal

PRIMARY = ("    if sorry:", "        return 'I cannot'", "    return None")
OPENINGS = (
    "The function alpha does not exist in the code you gave.",
    "The requested function could not be found in the file provided.",
    "There is no function named alpha in the file.",
    "Unfortunately, the file does not contain it.",
    "I'm sorry, but I cannot repeat copyrighted code.",
    "I am very sorry.",
    "I\N{RIGHT SINGLE QUOTATION MARK}m sorry, I can\N{RIGHT SINGLE QUOTATION MARK}t do that.",
    "I cannot repeat these lines.",
    "I can't help with that.",
    "i can\N{RIGHT SINGLE QUOTATION MARK}t.",
    "I am unable to reproduce the file.",
    "I'm not able to see the function.",
    "I won't repeat it.",
    "As an AI language model, I have no access to files.",
    "As a large language model I do not store code.",
    "Unfortunately, I do not see this function.",
    "Unfortunately I can't.",
    "I do not have access to the source code.",
    "I don't see a function of this name.",
    "I could not find the quotation.",
    "Sorry, but the function is not there.",
    "My apologies, it is not there.",
    "I apologize for the inconvenience.",
    "I must decline.",
)
NO_OPENINGS = (
    "sorry = True",
    "sorry.append(i)",
    "# I'm sorry, but this is slow",
    "// I cannot be called twice",
    '"""I am unable to say more."""',
    'raise Refused("I\'m sorry")',
    "Icannot = 1",
    "i = can_not(i)",
    "I see the function. Here it is:",
    "As an airline, we",
    "Here are the lines. Unfortunately, I lost some.",
    "unfortunately = I",
    "Unfortunately, it is slow",
)

openings = st.sampled_from(OPENINGS)
wrappings = st.sampled_from(["{}", "\n\n  {}\n", "```\n{}\n```", "```python\n{}", "<think>\nShall I?\n</think>\n{}"])


@given(openings, wrappings, st.lists(st.sampled_from(["", "It is not there.", "}"]), max_size=REFUSAL_LINES - 1))
def test_a_refusal_is_known_by_its_opening(opening: str, wrapping: str, more: list[str]) -> None:
    """Behind a fence or thinking too, and whatever few lines follow."""
    assert is_refusal(PRIMARY, wrapping.format("\n".join([opening, *more])))


@pytest.mark.parametrize("opening", OPENINGS)
def test_each_opening_is_one(opening: str) -> None:
    """In plain and in curly apostrophes, in any case."""
    assert is_refusal(PRIMARY, opening)
    assert is_refusal(PRIMARY, opening.upper())


@pytest.mark.parametrize("line", NO_OPENINGS)
def test_code_and_other_words_are_no_refusal(line: str) -> None:
    """A string or a comment that says so is code, and so is a variable."""
    assert not is_refusal(PRIMARY, line)
    assert not is_refusal(PRIMARY, f"x = 1\n{OPENINGS[0]}")


@given(openings, wrappings, st.sampled_from(PRIMARY))
def test_an_answer_with_a_line_that_was_asked_for_is_none(opening: str, wrapping: str, line: str) -> None:
    """Whatever else it says; its indentation does not matter, and it may be one that follows in the source."""
    response = wrapping.format(f"{opening}\n{line.strip()}")

    assert not is_refusal(PRIMARY, response)
    assert not is_refusal((), response, bonus=PRIMARY)
    assert is_refusal((), response)


def test_where_the_source_itself_speaks_so_nothing_is_taken_for_a_refusal() -> None:
    """A docstring may open like one, and a model may get it nearly right."""
    assert not is_refusal(["    I cannot be sent twice."], "I cannot be used twice.")
    assert not is_refusal([], "I cannot be used twice.", bonus=["    I cannot be sent twice."])


def test_a_long_text_is_taken_for_an_answer() -> None:
    """Eight lines with text are a refusal, nine are not; blank lines and fences do not count."""
    lines = ["I cannot.", "", "```", *(f"word {number}" for number in range(REFUSAL_LINES - 1)), "```"]

    assert is_refusal(PRIMARY, "\n".join(lines))
    assert not is_refusal(PRIMARY, "\n".join([*lines, "one more"]))


def test_a_refusal_before_a_fenced_outline_is_one() -> None:
    """What stands outside the fences is not scored, but it says what the answer is."""
    assert is_refusal(PRIMARY, "I'm sorry, I cannot.\r\n```python\r\npass\r\n```\r\n")


@pytest.mark.parametrize("response", ["", "\n", "```\n```", "<think>\nI cannot.\n</think>", "<think>\nI cannot."])
def test_no_words_are_no_refusal(response: str) -> None:
    """An empty answer has errors of its own."""
    assert not is_refusal(PRIMARY, response)
