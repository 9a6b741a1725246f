"""Reading a stream of server-sent events: what its lines are, what its objects are, how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import AnswerError
from pytest_codeneedle.core.text import encodable
from pytest_codeneedle.server.http.sse import events, lines

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Text with what lines and characters can be cut at.
TEXT = st.text(st.sampled_from("a\u2028\u0085\r\nä\U0001f40d "), max_size=30)


def cut(raw: bytes, places: list[int]) -> Iterator[bytes]:
    """The bytes in pieces; a place may come twice, and gives an empty piece then."""
    places = sorted(place % (len(raw) + 1) for place in places)
    for start, end in zip([0, *places], [*places, len(raw)], strict=True):
        yield raw[start:end]


@given(TEXT, st.lists(st.integers(0, 200), max_size=8))
def test_lines_do_not_depend_on_where_the_bytes_are_cut(text: str, places: list[int]) -> None:
    """Not in the midst of a character, not between a carriage return and its line feed."""
    raw = text.encode()

    assert text == "\n".join(lines([raw])) or "\r\n" in text
    assert list(lines([raw])) == list(lines(cut(raw, places)))


@given(st.lists(TEXT, max_size=5), st.booleans(), st.lists(st.integers(0, 500), max_size=8))
@example(contents=["ä\u2028ö\n"], escaped=False, places=[15])
def test_events_come_as_they_were_sent(contents: list[str], escaped: bool, places: list[int]) -> None:
    """Whether characters are escaped or not, and wherever the bytes are cut."""
    sent = [{"content": content} for content in contents]
    raw = "".join(f"data: {json.dumps(event, ensure_ascii=escaped)}\r\n\r\n" for event in sent).encode()

    assert sent == list(events(cut(raw, places)))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", []),
        (b'data: {"a": 1}', [{"a": 1}]),
        (b'data:{"a": 1}\n\n', [{"a": 1}]),
        (b': ping\nevent: message\nid: 1\n\ndata: {"a": 1}\n', [{"a": 1}]),
        (b'data: {"a": 1}\n\ndata: [DONE]\n\ndata: {"b": 2}\n', [{"a": 1}]),
        (b'data: {"a": 1}\r\n\r\ndata: [DONE]\r\n\r\n', [{"a": 1}]),
        (b'data: {"a": 1, "error": null}\n', [{"a": 1, "error": None}]),
    ],
    ids=["nothing", "no line end", "no space", "other fields", "after DONE", "carriage return", "error null"],
)
def test_what_is_an_event(raw: bytes, expected: list[dict[str, Any]]) -> None:
    """The objects of data lines, up to [DONE]; that an error is null says that there is none."""
    assert expected == list(events([raw]))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'data: {"a": \n', "the server's stream holds something that is not JSON: "),
        (b"data:\n", "the server's stream holds something that is not JSON: "),
        (b"data: 5\n", "the server's stream holds something that is no JSON object: a int"),
        (b'data: {"error": {"message": "slot died"}}\n', "the server broke off its answer: {'message': 'slot died'}"),
        (b'error: {"message": "slot died"}\n', 'the server broke off its answer: {"message": "slot died"}'),
    ],
)
def test_what_is_none(raw: bytes, said: str) -> None:
    """Damaged events and errors are errors of the answer, after the events before them."""
    stream = events([b'data: {"a": 1}\n', raw])

    assert {"a": 1} == next(stream)
    with pytest.raises(AnswerError) as caught:
        next(stream)
    assert str(caught.value).startswith(said)


@given(st.text())
def test_text_stays_as_it_is(text: str) -> None:
    """Whatever can be written is not changed."""
    assert text == encodable(text)


def test_half_a_character_is_replaced() -> None:
    """A lone surrogate out of an escape would make the record of the answer unwritable."""
    assert "a?b" == encodable(json.loads('"a\\ud83db"'))
