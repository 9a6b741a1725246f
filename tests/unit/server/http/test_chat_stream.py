"""From the chunks of a chat completion to an answer: text, thinking, why it ended, counts and times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import AnswerError
from pytest_codeneedle.recall.cleaning import read_answer
from pytest_codeneedle.server.http.chat_stream import Chat

if TYPE_CHECKING:
    from collections.abc import Iterable

PRIMARY = ("a = 1", "b = 2")
TIMINGS = {"cache_n": 40, "prompt_n": 3, "prompt_ms": 1.5, "predicted_n": 9, "predicted_ms": 4.25}
USAGE = {"prompt_tokens": 43, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 40}}
lines = st.lists(
    st.sampled_from(["a = 1", "b = 2", "", " ", "```", "<think>", "</think>", "x</think>"]), max_size=8
).map("\n".join)


def chunk(content: object = None, *, finish: str | None = None, **more: object) -> dict[str, Any]:
    """One chunk, with what else there is in its delta."""
    return {"choices": [{"index": 0, "delta": {"content": content, **more}, "finish_reason": finish}]}


def taken(*chunks: dict[str, Any], times: Iterable[float] = ()) -> Chat:
    """A chat that took these chunks; each with text came at the next of the times, in seconds from the request."""
    ticks = iter(times)
    chat = Chat(PRIMARY, lambda: next(ticks, 0.0), 0.0)
    for one in chunks:
        chat.take(one)
    return chat


def test_an_answer_is_put_together_from_its_chunks() -> None:
    """Contents are joined; the role, which comes first, and chunks without a choice add nothing."""
    chat = taken(
        chunk(role="assistant"), chunk("a ="), chunk(" 1\nb"), {"choices": []}, {}, chunk(" = 2\n", finish="stop")
    )
    answer = chat.answer(closed=False)

    assert "a = 1\nb = 2\n" == answer.text == chat.text
    assert ("eos", False, "", False) == (answer.stop, answer.run_on, answer.after, answer.truncated)


def test_a_whole_answer_is_one_chunk() -> None:
    """What does not stream has a message instead of deltas."""
    message = {"role": "assistant", "content": "a = 1", "reasoning_content": "Hm."}
    answer = taken({"choices": [{"message": message, "finish_reason": "stop"}]}).answer(closed=False)

    assert ("<think>\nHm.\n</think>\na = 1", "eos", 1) == (answer.text, answer.stop, answer.tokens)


@pytest.mark.parametrize(
    ("finish", "stop"), [("stop", "eos"), ("length", "limit"), ("tool_calls", "tool_calls"), (None, "none")]
)
def test_the_reason_of_a_stop(finish: str | None, stop: str) -> None:
    """In llama.cpp's words where it has one; none is none."""
    assert stop == taken(chunk("a", finish=finish)).answer(closed=False).stop


def test_a_content_filter_leaves_no_answer() -> None:
    """Half a recall is not the model's doing; what came is kept."""
    with pytest.raises(AnswerError, match=r"content filter \(content_filter\) cut the answer off after 5") as caught:
        taken(chunk("a = 1"), chunk(finish="content_filter"))
    assert "a = 1" == caught.value.response


def test_running_on_is_told_when_it_is_seen() -> None:
    """And half a line of what follows is no part of the answer that was closed."""
    chat = taken(chunk("a = 1\n"), chunk("b = 2\n"))

    assert [False, True] == [chat.take(chunk("\n")), chat.take(chunk("def g"))]
    answer = chat.answer(closed=True)
    assert ("a = 1\nb = 2\n", "\ndef g", "closed", True) == (answer.text, answer.after, answer.stop, answer.run_on)


@pytest.mark.parametrize(
    "parts",
    [
        [chunk(reasoning_content="One\n"), chunk(reasoning_content="two.")],
        [chunk(reasoning="One\ntwo.")],
        [chunk(reasoning="One\ntwo.", reasoning_content="One\ntwo.")],
        [chunk(reasoning_content="One\n", reasoning=None), chunk(reasoning_content=None, reasoning="two.")],
        [chunk([{"type": "thinking", "thinking": [{"type": "text", "text": "One\ntwo."}]}])],
    ],
    ids=["llama.cpp", "vLLM", "both names", "either name", "parts"],
)
@pytest.mark.parametrize("content", ["a = 1\n", [{"type": "text", "text": "a = 1\n"}]], ids=["text", "parts"])
def test_thinking_that_was_split_off(parts: list[dict[str, Any]], content: object) -> None:
    """In whichever field an engine puts it, it stands in one block before the text."""
    chat = taken(*parts, chunk(content, finish="stop"))

    assert "<think>\nOne\ntwo.\n</think>\na = 1\n" == chat.text == chat.answer(closed=False).text


def test_thinking_is_not_watched() -> None:
    """The lines asked for are often thought of first: that is neither the answer nor running on."""
    chat = taken(chunk(reasoning="a = 1\nb = 2\nc = 3\n"), chunk("a = 1\nb = 2\n"))

    assert not chat.take(chunk(reasoning="d = 4\n"))
    assert chat.take(chunk("c"))
    answer = chat.answer(closed=True)
    assert ("<think>\na = 1\nb = 2\nc = 3\nd = 4\n</think>\na = 1\nb = 2\n", "c") == (answer.text, answer.after)


def test_nothing_but_thinking_is_an_empty_answer() -> None:
    """Its lines are counted as thinking, so that the message can say what the budget went into."""
    cleaned = read_answer(taken(chunk(reasoning="One\ntwo", finish="length")).answer(closed=False).text)

    assert (True, 4, ()) == (cleaned.empty, cleaned.think_lines, cleaned.lines)


@given(lines, lines)
@example("</think>\na = 1\n<think>", "b = 2")
def test_thinking_does_not_change_what_is_scored(thinking: str, content: str) -> None:
    """Whatever tags the thinking holds, the same lines are left as without it."""
    chat = taken(chunk(reasoning=thinking), chunk(content, finish="stop"))

    assert read_answer(content).lines == read_answer(chat.text).lines
    assert chat.text.endswith(content)
    assert ("<think>" in chat.text.removesuffix(content)) == bool(thinking.strip())


def test_times_are_taken_here() -> None:
    """From the request to the first text, thinking included, and from there to the last; in milliseconds."""
    chat = taken(
        chunk(role="assistant"), chunk(reasoning="x"), chunk("y"), chunk("z"), chunk(finish="stop"), times=(2.0, 2.5, 3)
    )
    answer = chat.answer(closed=False)

    assert (2000.0, 1000.0, 3) == (answer.prompt_ms, answer.predicted_ms, answer.tokens)


def test_usage_gives_the_counts() -> None:
    """Tokens from the cache are no part of those that were ingested; other chunks may say null."""
    chat = taken({**chunk("a"), "usage": None}, {"choices": [], "usage": USAGE}, {**chunk(), "usage": None})
    answer = chat.answer(closed=False)

    assert (9, 3, 40) == (answer.tokens, answer.prompt_n, answer.cache_n)


def test_timings_go_before_usage_and_clock() -> None:
    """llama.cpp's own are exact; the last ones count."""
    older = dict.fromkeys(TIMINGS, 0)
    last = {"choices": [], "usage": USAGE | {"completion_tokens": 1}, "timings": TIMINGS}
    chat = taken({**chunk("a"), "timings": older}, last, chunk(finish="stop"), times=[7.0])
    answer = chat.answer(closed=False)

    assert (9, 3, 40) == (answer.tokens, answer.prompt_n, answer.cache_n)
    assert (1.5, 4.25) == (answer.prompt_ms, answer.predicted_ms)


@pytest.mark.parametrize(
    "more",
    [
        {"usage": {}},
        {"usage": {"prompt_tokens": None, "completion_tokens": "9", "prompt_tokens_details": None}},
        {"usage": {"prompt_tokens": float("nan"), "completion_tokens": float("inf")}, "timings": []},
    ],
)
def test_counts_that_are_none(more: dict[str, Any]) -> None:
    """Without numbers the chunks with text are counted, and the rest is zero."""
    answer = taken({**chunk("a"), **more}, chunk("b"), chunk("")).answer(closed=False)

    assert (2, 0, 0) == (answer.tokens, answer.prompt_n, answer.cache_n)


def test_no_chunk_at_all() -> None:
    """Nothing came, and no time passed."""
    answer = taken().answer(closed=False)

    assert ("", "none", 0, 0.0, 0.0) == (
        answer.text,
        answer.stop,
        answer.tokens,
        answer.prompt_ms,
        answer.predicted_ms,
    )


@pytest.mark.parametrize(
    "odd", [{"choices": None}, {"choices": ["a"]}, {"choices": [{"delta": "a"}]}, chunk(5), chunk(["a"]), chunk({})]
)
def test_chunks_that_are_of_no_known_form(odd: dict[str, Any]) -> None:
    """They add nothing; text that no one understands is not made part of an answer."""
    assert "ab" == taken(chunk("a"), odd, chunk("b")).text


def test_only_the_first_choice_is_the_answer() -> None:
    """A profile may ask for more of them."""
    other = {"choices": [{"index": 1, "delta": {"content": "x"}, "finish_reason": "stop"}]}
    chat = taken(chunk("a"), other)

    assert ("a", None) == (chat.text, chat.finish)


def test_half_a_character_can_be_recorded() -> None:
    """Lone surrogates out of a JSON escape are replaced, in thinking too."""
    assert "<think>\n?\n</think>\n?" == taken(chunk("\ud83d", reasoning="\ud83d")).text


@pytest.mark.parametrize(
    ("odd", "key"),
    [
        ({"choices": {"delta": {"content": "a"}}}, "choices"),
        ({"choices": "a"}, "choices"),
        ({"choices": ["a"]}, "choices[0]"),
        ({"choices": [{"delta": "a"}]}, "delta"),
        ({"choices": [{"message": ["a"]}]}, "delta"),
        ({"choices": [{"delta": {"content": {"text": "a"}}}]}, "content"),
        ({"choices": [{"delta": {"content": 5}}]}, "content"),
    ],
)
def test_json_of_another_form_is_no_empty_answer(odd: dict[str, Any], key: str) -> None:
    """It is named by its place and its kind."""
    with pytest.raises(AnswerError, match=rf"another form than a chat completion's: '{re.escape(key)}' is a "):
        taken(odd).answer(closed=False)
    assert "b" == taken(odd, chunk("b")).answer(closed=False).text
