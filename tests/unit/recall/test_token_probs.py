"""What a server tells of each token, put at its place in the answer.

Events are in the form of llama.cpp's server (`completion_probabilities`); that the real one sends it is shown in
tests/integration/test_margins.py.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.recall.token_probs import LEAST, Token, TokenWatch

if TYPE_CHECKING:
    import random

END = b""  # no bytes: the token that ends an answer


def event(piece: bytes, content: str | None = None, logprob: Any = -0.5, **entry: Any) -> dict[str, Any]:
    """The event of a token, which comes with `content`: that of the token, unless text was held back."""
    text = piece.decode() if content is None else content
    top = [
        {"id": 7, "token": "", "bytes": list(piece), "logprob": logprob},
        {"id": 8, "token": "b", "bytes": [98], "logprob": -2.0},
    ]
    told = {"id": 7, "token": "", "bytes": list(text.encode()), "logprob": logprob, "top_logprobs": top}
    return {"content": text, "stop": False, "completion_probabilities": [{**told, **entry}]}


def watched(*events: dict[str, Any], stop: str = "limit", opening: str = "") -> tuple[Token, ...]:
    """The tokens of these events."""
    watch = TokenWatch(opening)
    for one in events:
        watch.feed(one, one.get("content", ""))
    return watch.tokens(stop)


def spans(*events: dict[str, Any], stop: str = "limit", opening: str = "") -> list[tuple[int, int]]:
    """Where they begin and end."""
    return [(token.start, token.end) for token in watched(*events, stop=stop, opening=opening)]


def test_a_token_has_its_place_and_the_others() -> None:
    """In bytes; the token itself is not among the others."""
    (token,) = watched(event("é".encode()))
    assert (0, 2, -0.5) == (token.start, token.end, token.logprob)
    assert [(b"b", -2.0)] == [(other.piece, other.logprob) for other in token.others]


def test_an_opening_stands_before_them() -> None:
    """What the answer begins with unseen, because the prompt ends with it."""
    assert [(8, 10)] == spans(event(b"ab"), opening="<think>\n")


def test_a_character_of_several_tokens() -> None:
    """Of the ones before the last the server says nothing: the last has its own bytes alone."""
    assert [(0, 1), (3, 4), (4, 5)] == spans(event(b"a"), event("€".encode()[2:], "€"), event(b"b"))


def test_text_that_was_held_back() -> None:
    """What may be the beginning of a stop string comes with a later token; each keeps its place."""
    assert [(0, 1), (1, 2), (2, 4)] == spans(event(b"a"), event(b"\n", ""), event(b"--", "\n--"))


def test_text_that_never_came() -> None:
    """A stop string is cut off the answer."""
    assert [(0, 1)] == spans(event(b"a"), event(b"\n", ""), event(b"---", ""), stop="word")


@pytest.mark.parametrize("last", [[event(END)], [event(b"\n", ""), event(END, "\n")]])
def test_the_token_that_ends_an_answer(last: list[dict[str, Any]]) -> None:
    """It has no bytes and stands last, also where it brings what was held back."""
    tokens = watched(event(b"a"), *last, stop="eos")
    assert [False] * (len(tokens) - 1) + [True] == [token.is_end for token in tokens]
    assert tokens[-1].start == tokens[-2].end


def test_tokens_without_text_in_between() -> None:
    """Special tokens that are not shown are none that ended the answer."""
    assert [(0, 1), (1, 2)] == spans(event(b"a"), event(END), event(b"b"), stop="limit")


@pytest.mark.parametrize(
    "odd",
    [
        {"content": "a"},
        {"content": "a", "completion_probabilities": []},
        {"content": "a", "completion_probabilities": [{"content": "a", "probs": [{"tok_str": "a", "prob": 1.0}]}]},
        event(b"a", top_logprobs=[]),
        event(b"a", top_logprobs=[{"id": 7}]),
        event(b"a", bytes=None, id=99),
        event(b"a", logprob="much"),
        event(b"a", logprob=float("nan")),
    ],
)
def test_tokens_that_nobody_told_of(odd: dict[str, Any]) -> None:
    """A draft model's tokens, builds before December 2024, and whatever has another form: no token, no error."""
    assert [(1, 2)] == spans(odd, event(b"b"))


@pytest.mark.parametrize("nothing", [-3.4028234663852886e38, float("-inf"), None])
def test_a_probability_of_nothing_is_a_number(nothing: float | None) -> None:
    """As builds have written it over time: JSON gets no infinity from here."""
    assert LEAST == watched(event(b"a", logprob=nothing))[0].logprob


@given(st.text(min_size=1), st.randoms(use_true_random=False))
def test_tokens_lie_one_behind_the_other(text: str, chance: random.Random) -> None:
    """However a text is cut into tokens and whatever is held back, each token's bytes are those of the answer there."""
    text = text.encode("utf-8", "replace").decode()
    whole, watch, sent = text.encode(), TokenWatch(), 0
    cuts = sorted({0, len(whole), *(chance.randrange(len(whole) + 1) for _ in range(5))})
    pieces = []
    for start, end in itertools.pairwise(cuts):
        upto = whole[:end].decode("utf-8", "ignore").encode()
        if len(upto) < end:
            continue  # the server waits for the rest of the character, and tells nothing
        hold = chance.random() < 0.3 and end < len(whole)
        content = "" if hold else upto[sent:].decode()
        sent = sent if hold else end
        watch.feed(event(whole[start:end], content), content)
        pieces.append((start, end))
    found = [(token.start, token.end) for token in watch.tokens("limit")]
    assert set(found) <= set(pieces)
    assert sorted(found) == found
    # All are found where no character is cut.
    if all(len(whole[:cut].decode("utf-8", "ignore").encode()) == cut for cut in cuts):
        assert pieces == found
