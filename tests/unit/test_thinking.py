"""Thinking: which technique is taken, and how the end of a prompt is made ready."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.cleaning import read_answer
from pytest_codeneedle.errors import ConfigurationError
from pytest_codeneedle.thinking import THINK, Think, Thinking, settle, suffix

SWITCH = "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>{% endif %}"


@pytest.mark.parametrize(
    ("asked", "template", "technique"),
    [
        ("auto", SWITCH, "template"),
        ("auto", "{{ messages }}", "close-only"),
        ("auto", "{{ messages }}<think>\n", "close-only"),
        ("auto", "not_enable_thinking_", "close-only"),
        ("auto", None, "close-only"),
        ("template", SWITCH, "template"),
        ("no-think", SWITCH, "no-think"),
        ("prefill", SWITCH, "prefill"),
        ("on", SWITCH, "on"),
        ("on", "", "on"),
    ],
)
def test_the_technique(asked: Think, template: str | None, technique: str) -> None:
    """`auto` takes the template's own switch where there is one; what is asked for by name is done."""
    assert technique == settle(asked, template).technique


def test_a_switch_that_is_not_there_cannot_be_used() -> None:
    """The message says what can be."""
    with pytest.raises(ConfigurationError, match="has no enable_thinking switch; try auto or prefill"):
        settle("template", "{{ messages }}")


def test_what_the_template_is_told() -> None:
    """The switch is set where it is the technique, and where thinking is wanted."""
    assert {"enable_thinking": False} == Thinking("template").template_kwargs
    assert {"enable_thinking": True} == Thinking("on").template_kwargs
    assert {} == Thinking("prefill").template_kwargs == Thinking("no-think").template_kwargs


@pytest.mark.parametrize("technique", ["template", "no-think", "close-only", "prefill"])
@pytest.mark.parametrize("end", ["<think>", "<think>\n", "<think>\n\n"])
def test_a_block_that_the_template_opens_is_closed(technique: str, end: str) -> None:
    """Whatever the technique, but for `on`: the answer does not begin within it."""
    thinking = Thinking(technique)  # type: ignore[arg-type]  # each is one of them
    assert "ask<think>\n\n</think>\n\n" == thinking.finish(f"ask{end}")
    assert "" == thinking.opening(thinking.finish(f"ask{end}"))


def test_an_empty_block_is_put_in_once() -> None:
    """By `prefill`, unless the template has put it in already."""
    prefill = Thinking("prefill")
    assert "ask<think>\n\n</think>\n\n" == prefill.finish("ask")
    assert "ask<think>\n\n</think>\n\n" == prefill.finish(prefill.finish("ask"))
    assert "ask" == Thinking("template").finish("ask") == Thinking("close-only").finish("ask")


def test_thinking_that_the_prompt_opened_is_seen_as_thinking() -> None:
    """With `on`, the tag that stands in the prompt is put before the answer, so that the block is removed whole."""
    on = Thinking("on")
    assert "ask<think>\n" == on.finish("ask<think>\n")
    opening = on.opening(on.finish("ask<think>\n"))
    answer = read_answer(opening + "x = 1\nhm\n</think>\n\nthe line")
    assert (("the line",), 4, True) == (answer.lines, answer.think_lines, answer.thought)
    assert "" == on.opening("ask")


@given(st.text(max_size=20), st.sampled_from(["template", "no-think", "close-only", "prefill", "on"]))
def test_finishing_twice_is_finishing_once(prompt: str, technique: str) -> None:
    """And what stands before the end of the prompt is kept."""
    thinking = Thinking(technique)  # type: ignore[arg-type]  # each is one of them
    once = thinking.finish(prompt)
    assert once == thinking.finish(once)
    assert once.startswith(prompt.rstrip())


def test_where_no_think_is_written() -> None:
    """Where it is asked for, and at the end of the public harness's task unless thinking is let."""
    assert {"no-think": "/no_think"} == {asked: line for asked in THINK if (line := suffix(asked, "quoted"))}
    assert {"on"} == {asked for asked in THINK if not suffix(asked, "codeneedle")}


def test_every_technique_is_said() -> None:
    """In words for a person."""
    said = [settle(asked, SWITCH).said for asked in THINK] + [Thinking("close-only").said]
    assert all(said)
    assert 5 == len(set(said))
