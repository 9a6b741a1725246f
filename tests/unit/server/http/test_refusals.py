"""What endpoints say instead of an answer: known forms, what helps against each, and for how long it is tried."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import AnswerError, PromptTooLongError
from pytest_codeneedle.server.http.refusals import ADAPTIONS, Refusal, Waiting, read_refusal

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
FIELDS = {"model": "m", "stream_options": {}, "max_tokens": 9, "temperature": 0, "stop": ["x"]}
ASKED = "POST http://host/v1/chat/completions"
FORBIDDEN = {"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}


def shown(words: str) -> str:
    """Hides the word `secret`, as a key would be."""
    return words.replace("secret", "[key]")


def refusal(status: int, body: object = "", **headers: str) -> Refusal:
    """The refusal in such an HTTP answer; what is not a text goes as JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    return read_refusal(status, {name.replace("_", "-"): value for name, value in headers.items()}, text, shown)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"code": 400, "message": "Value is wrong", "type": "invalid_request_error"}}, "Value is wrong"),
        ({"error": "plain words"}, "plain words"),
        ({"object": "error", "message": "Value is wrong", "type": "BadRequestError", "code": 400}, "Value is wrong"),
        ({"error": "Bad Request", "message": "Value is wrong"}, "Bad Request; Value is wrong"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"detail": [FORBIDDEN], "message": [FORBIDDEN]}, "body.stream_options: Extra inputs are not permitted"),
        (
            {"error": {"message": "Provider returned error", "metadata": {"raw": "busy", "provider_name": "x"}}},
            "Provider returned error; busy",
        ),
        ("Internal Server Error", "Internal Server Error"),
        ({"unknown": "form"}, '{"unknown": "form"}'),
        ([], "[]"),
        ("5", "5"),
        ("", "Bad Request"),
        ("x" * 600, "x" * 500),
        ("a secret", "a [key]"),
        ("x" * 497 + "secret", "x" * 497 + "[ke"),
    ],
)
def test_what_was_said(body: object, said: str) -> None:
    """Sentences, whatever form the error has; long pages are cut, after secrets were taken out."""
    assert said == refusal(400, body).said


def test_a_status_that_nobody_knows() -> None:
    """Nothing said, and no phrase for it."""
    assert "HTTP 599: no reason given (asked: x)" == str(refusal(599).error("x", shown))


@pytest.mark.parametrize(
    ("said", "adaption"),
    [
        ("body.stream_options: Extra inputs are not permitted", "stream_options left out"),
        ("Unrecognized request argument supplied: stream_options", "stream_options left out"),
        ("Extra inputs are not permitted, field: 'stream_options'", "stream_options left out"),
        (
            "Unsupported parameter: 'max_tokens' is not supported here. Use 'max_completion_tokens' instead.",
            "max_tokens sent as max_completion_tokens",
        ),
        (
            "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) is supported.",
            "temperature left out",
        ),
        ("`temperature` must be strictly positive", "temperature left out"),
        ("Unsupported parameter: 'stop' is not supported with this model.", "stop left out"),
        ("max_tokens must be at most 4096", "None"),
        ("max_tokens must be at least 1, got -186.", "None"),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 9. This model's maximum context length is 4096.",
            "None",
        ),
        ("max_completion_tokens is not supported", "None"),
        ("stop_token_ids is not supported", "None"),
        ("the model could not be stopped", "None"),
    ],
)
def test_what_can_be_sent_in_another_form(said: str, adaption: str) -> None:
    """Where the refusal names a field that it does not take, and is not about its size."""
    for status in (400, 422):
        assert adaption == str(refusal(status, {"error": {"message": said}}).adaption(FIELDS))


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_only_a_malformed_request_is_sent_in_another_form(status: int) -> None:
    """Other refusals are about other things, whatever they name."""
    assert refusal(status, "stop is not supported").adaption(FIELDS) is None


def test_a_parameter_may_be_named_apart_from_the_words() -> None:
    """OpenAI's `param`; the fields that pydantic echoes are not named by that."""
    named = {"error": {"message": "Unsupported parameter", "param": "stop", "code": "unsupported_parameter"}}
    echoed = {"detail": [{"loc": ["body", "messages"], "msg": "Field required", "input": {"stop": []}}]}

    assert "stop left out" == str(refusal(400, named).adaption(FIELDS))
    assert refusal(422, echoed).adaption(FIELDS) is None


def test_what_was_not_sent_cannot_be_left_out() -> None:
    """The next field that the refusal names is taken, and none after the last."""
    both = refusal(400, "stream_options and stop are not supported")

    assert "stop left out" == str(both.adaption({"stop": []}))
    assert both.adaption({"model": "m"}) is None


def test_forms_of_a_body() -> None:
    """Each adaption changes one field and applies once; in the order of the table all can come together."""
    body = dict(FIELDS)
    for one in ADAPTIONS:
        body = one.apply(one.apply(body))

    assert {"model": "m", "max_completion_tokens": 9} == body


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "request (5000 tokens) exceeds the available context size (4096 tokens)"}},
        {"error": {"message": "too much", "type": "exceed_context_size_error"}},
        {"error": {"message": "too much", "code": "context_length_exceeded"}},
        {"message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"},
        {"error": "The model is loaded with context length of only 4096 tokens, which is not enough"},
        {"error": {"message": "prompt is too long: 208310 tokens > 200000 maximum"}},
        {"error": {"message": "The input token count (1200000) exceeds the maximum number of tokens allowed"}},
        {"message": "The decoder prompt (length 9000) is longer than the maximum model length of 8192"},
        {"message": "max_tokens must be at least 1, got -186."},
    ],
)
def test_a_prompt_that_does_not_fit(body: dict[str, Any]) -> None:
    """In the words of llama.cpp, OpenAI, vLLM, LM Studio, Anthropic and Google."""
    error = refusal(400, body).error(ASKED, shown)

    assert isinstance(error, PromptTooLongError)
    assert str(error).startswith("HTTP 400: ")
    assert str(error).endswith("; give the server a larger context or take a shorter corpus")


@pytest.mark.parametrize(
    ("status", "way"),
    [
        (401, "; give a key that it takes with --kv-api-key-env NAME or --kv-api-key-file FILE"),
        (403, "; give a key that it takes with --kv-api-key-env NAME or --kv-api-key-file FILE"),
        (404, "; the endpoint has to speak /v1/chat/completions and to know the model"),
        (
            308,
            "; it leads to https://new/[key]; no redirect is followed, for the key would go along: name the final URL",
        ),
        (400, ""),
        (429, ""),
        (500, ""),
    ],
)
def test_errors_name_the_way_out(status: int, way: str) -> None:
    """What was asked, what was said, what to do."""
    error = refusal(status, "the secret words", location="https://new/secret").error(ASKED, shown)

    assert isinstance(error, AnswerError)
    assert f"HTTP {status}: the [key] words (asked: {ASKED}){way}" == str(error)


def test_a_redirect_to_nowhere() -> None:
    """Some have no Location."""
    assert "; it leads to elsewhere; " in str(refusal(301).error(ASKED, shown))


def waits(one: Refusal) -> list[float]:
    """How long is waited until it is given up."""
    waiting = Waiting()
    pauses = []
    while (pause := waiting.next(one, NOW.timestamp())) is not None:
        pauses.append(pause)
    assert (len(pauses), sum(pauses)) == (waiting.times, waiting.seconds)
    return pauses


@pytest.mark.parametrize(
    ("status", "pauses"),
    [
        (429, [1, 2, 4, 8, 16, 32]),
        (503, [1, 2, 4, 8, 16, 32]),
        (500, [1, 2]),
        (502, [1, 2]),
        (504, [1, 2]),
        (400, []),
        (401, []),
        (404, []),
        (301, []),
    ],
)
def test_how_often_it_is_tried_again(status: int, pauses: list[float]) -> None:
    """Six times for a busy server, twice for a fault of its own, never where asking again is the same."""
    assert pauses == waits(refusal(status))


def test_no_credit_does_not_come_by_waiting() -> None:
    """OpenAI says it with the status of a busy server."""
    assert [] == waits(refusal(429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}))


@pytest.mark.parametrize(
    ("value", "pause"),
    [
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("0", 0.0),
        (format_datetime(NOW + timedelta(seconds=9), usegmt=True), 9.0),
        ((NOW + timedelta(seconds=9)).strftime("%a %b %d %H:%M:%S %Y"), 9.0),
        ("Wed, 04 Mar 2026 05:06:17 -0000", 10.0),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0.0),
        ("soon", 1.0),
        ("", 1.0),
        ("-3", 1.0),
        ("nan", 1.0),
        ("Wed, 99 Mar 2026 05:06:07 GMT", 1.0),
    ],
)
def test_the_server_says_how_long(value: str, pause: float) -> None:
    """In seconds or as a date, which is in UTC; a past one is now, and what cannot be read counts as not said."""
    assert pause == Waiting().next(refusal(429, retry_after=value), NOW.timestamp())


def test_a_wait_beyond_the_bound_is_an_error() -> None:
    """At once, and after others; it says how long the server asked for."""
    with pytest.raises(AnswerError) as caught:
        Waiting().next(refusal(429, "slow down", retry_after="3600"), 0.0)
    assert (
        "HTTP 429: slow down; the server asks to wait 3600 s, and a request waits 600 s at most "
        "(0 s are over): run it again later"
    ) == str(caught.value)

    waiting = Waiting()
    assert [250.0, 250.0] == [waiting.next(refusal(503, retry_after="250"), 0.0) for _ in range(2)]
    with pytest.raises(AnswerError, match=r"asks to wait 250 s, .* \(500 s are over\)"):
        waiting.next(refusal(503, retry_after="250"), 0.0)
    assert 500.0 == waiting.seconds


@given(st.lists(st.tuples(st.sampled_from([429, 500, 503]), st.one_of(st.none(), st.integers(0, 900))), max_size=20))
def test_no_request_waits_for_ever(said: list[tuple[int, int | None]]) -> None:
    """Whatever a server says, there are at most six waits and 600 seconds of them."""
    waiting = Waiting()
    try:
        for status, asked in said:
            waiting.next(refusal(status, **({} if asked is None else {"retry_after": str(asked)})), 0.0)
    except AnswerError:
        pass
    assert waiting.times <= 6
    assert waiting.seconds <= 600.0
