"""Requests to an endpoint that somebody else runs, and what becomes of its faults.

The transport is a fake, httpx's own MockTransport, for what a real server does not do on demand: it is busy, breaks
off, redirects, refuses a field, repeats the key. That the requests suit a real one is shown by the integration tests.
"""

from __future__ import annotations

import json
import traceback
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from streams import Stream

from pytest_codeneedle.core.errors import AnswerError, CellError, ConfigurationError, PromptTooLongError
from pytest_codeneedle.server.http.api_key import ApiKey
from pytest_codeneedle.server.http.chat_client import ChatClient, Endpoint
from pytest_codeneedle.server.http.endpoint_url import normalised_url

PRIMARY = ("a = 1", "b = 2")
MESSAGES = [{"role": "user", "content": "the task"}]
URL = "http://host:8080/v1"
KEY = "sk-Geheim/0123"
TOO_SLOW = "an endpoint that is so slow needs a shorter corpus, or more time (--kv-timeout SECONDS)"
DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 43, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 40}}


class Server:
    """Gives these answers one after the other, the last for ever, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What MockTransport calls."""
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The bodies that came."""
        return [json.loads(request.content) for request in self.requests]


class Talk:
    """A client of such a server, and how long it slept each time."""

    def __init__(self, *answers: httpx.Response | Exception, stop: tuple[str, ...] = (), **request: object) -> None:
        self.server = Server(*answers)
        self.slept: list[float] = []
        self.client = ChatClient(
            Endpoint(URL, "m", request, stop),
            ApiKey(KEY),
            transport=httpx.MockTransport(self.server.answer),
            sleep=self.slept.append,
            now=lambda: 0.0,
        )

    def complete(self, *, full: bool = False) -> Any:
        """Ask for two lines."""
        return self.client.complete(MESSAGES, PRIMARY, budget=50, full=full)

    def fails(self) -> CellError:
        """The error that this ends with; nothing about it shows the key."""
        with pytest.raises(CellError) as caught:
            self.complete()
        shown = "".join(traceback.format_exception(caught.value))
        assert "Geheim" not in shown + repr(caught.value) + getattr(caught.value, "response", "")
        return caught.value


def chunk(content: str = "", *, finish: str | None = None, **more: object) -> bytes:
    """One event of a stream, with the characters as they are."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return f"data: {json.dumps({'choices': [choice], **more}, ensure_ascii=False)}\n\n".encode()


def streamed(*pieces: bytes | Exception, kind: str = "text/event-stream; charset=utf-8") -> httpx.Response:
    """An answer that streams these pieces."""
    return httpx.Response(200, headers={"content-type": kind}, stream=Stream(pieces))


def answered() -> httpx.Response:
    """A short answer that nothing is wrong with."""
    return streamed(chunk("a = 1\n"), chunk(finish="stop"), DONE)


def refused(status: int, said: str, **headers: str) -> httpx.Response:
    """An error in OpenAI's form."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"error": {"message": said}}, headers=names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://host:8080", "http://host:8080/v1"),
        ("http://host:8080/", "http://host:8080/v1"),
        ("HTTP://Host/v1/", "http://host/v1"),
        ("https://host/v1/chat/completions", "https://host/v1"),
        ("https://host/v1/chat/completions/", "https://host/v1"),
        ("https://host/chat/completions", "https://host/v1"),
        ("https://host/openai/deployments/X", "https://host/openai/deployments/X"),
        ("https://host/api/paas/v4/", "https://host/api/paas/v4"),
        (" http://[::1]:8080 ", "http://[::1]:8080/v1"),
    ],
)
def test_a_url_is_made_a_base_url(text: str, expected: str) -> None:
    """In the forms that the manuals of engines show."""
    assert expected == normalised_url(text)


@given(
    st.sampled_from(["http://host", "https://Host:1", "http://127.0.0.1:8080"]),
    st.lists(st.sampled_from(["/", "/v1", "/chat/completions", "/openai", "/x"]), max_size=5).map("".join),
)
@example("http://host", "/chat/completions/chat/completions")
def test_normalising_twice_is_normalising_once(host: str, path: str) -> None:
    """What was recorded can be given again."""
    once = normalised_url(host + path)

    assert once == normalised_url(once)
    assert not once.endswith(("/", "/chat/completions"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("host:8080", "endpoint 'host:8080': give an http:// or https:// URL with a host"),
        ("", "endpoint '': give an http:// or https:// URL with a host"),
        ("ftp://host", "endpoint 'ftp://host': give an http:// or https:// URL with a host"),
        ("http://", "endpoint 'http://': give an http:// or https:// URL with a host"),
        ("http:///v1", "endpoint 'http:///v1': give an http:// or https:// URL with a host"),
        ("http://ho st", "endpoint 'http://ho st': give an http:// or https:// URL with a host"),
        ("http://host\\v1", "endpoint 'http://host\\\\v1': give an http:// or https:// URL with a host"),
        ("http://host:99999", "endpoint 'http://host:99999' is no URL: "),
        ("http://host:x", "endpoint 'http://host:x' is no URL: "),
        ("http://[::1", "endpoint 'http://[::1' is no URL: "),
        ("http://xn--iñvalid.com", "endpoint 'http://xn--iñvalid.com': give an http:// or https:// URL with a host"),
        ("http://host/v1?key=Geheim", "endpoint 'http://host/v1' goes on with a query or a fragment"),
        ("http://host/v1#Geheim", "endpoint 'http://host/v1' goes on with a query or a fragment"),
        ("http://user:Geheim@host/v1", "the endpoint's URL holds a user name or password, and URLs are recorded"),
        ("user:Ge/heim@host", "the endpoint's URL holds a user name or password, and URLs are recorded"),
        ("http://Geheim@host?x", "the endpoint's URL holds a user name or password, and URLs are recorded"),
    ],
)
def test_what_is_no_url_of_an_endpoint(text: str, said: str) -> None:
    """The message shows the value, but for what may be a secret."""
    with pytest.raises(ConfigurationError) as caught:
        normalised_url(text)
    assert str(caught.value).startswith(said)
    assert "heim" not in str(caught.value)


def test_the_request() -> None:
    """The model by its name, temperature 0, a stream with its counts, the budget, the stop strings, the key."""
    talk = Talk(answered(), stop=("\n\n",))
    talk.complete()
    (request,) = talk.server.requests

    assert f"POST {URL}/chat/completions" == f"{request.method} {request.url}"
    assert f"Bearer {KEY}" == request.headers["authorization"]
    assert [
        {
            "model": "m",
            "messages": MESSAGES,
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0,
            "max_tokens": 50,
            "stop": ["\n\n"],
        }
    ] == talk.server.bodies


def test_the_endpoints_own_fields_go_last() -> None:
    """A profile may set more, and other values; without stop strings there is no such field."""
    talk = Talk(answered(), temperature=0.6, reasoning_effort="low")
    talk.complete()
    (body,) = talk.server.bodies

    assert (0.6, "low", 50) == (body["temperature"], body["reasoning_effort"], body["max_tokens"])
    assert "stop" not in body


def test_without_a_key_there_is_no_header() -> None:
    """Servers at home want none, and errors are shown as they are."""
    server = Server(answered(), refused(400, "sk-****abcd"))
    client = ChatClient(Endpoint(URL, "m", {}), None, transport=httpx.MockTransport(server.answer))
    client.complete(MESSAGES, PRIMARY, budget=5)

    assert "authorization" not in server.requests[0].headers
    with pytest.raises(AnswerError, match=r"^HTTP 400: sk-\*\*\*\*abcd "):
        client.complete(MESSAGES, PRIMARY, budget=5)


def test_a_streamed_answer() -> None:
    """Text, reason and counts; what comes after the reason, as usage does, is read too."""
    talk = Talk(
        streamed(
            b": ping\n\n",
            chunk("a = 1\n"),
            chunk("b = 2\n"),
            chunk(finish="stop"),
            f'data: {{"choices": [], "usage": {json.dumps(USAGE)}}}\n\n'.encode(),
            DONE,
        )
    )
    answer = talk.complete()

    assert ("a = 1\nb = 2\n", "eos", False) == (answer.text, answer.stop, answer.run_on)
    assert (9, 3, 40) == (answer.tokens, answer.prompt_n, answer.cache_n)


@given(st.lists(st.integers(0, 10_000), max_size=12))
@example([67, 68, 69])
def test_it_does_not_matter_how_the_bytes_are_cut(places: list[int]) -> None:
    """Between any two bytes, in the midst of characters and events; U+2028 stands unescaped."""
    raw = b"".join([chunk("ä\u2028\U0001f40d = 1\r\n"), b"\r\n", chunk("b\u0085\n", finish="length"), DONE])
    places = sorted(place % (len(raw) + 1) for place in places)
    pieces = [raw[start:end] for start, end in zip([0, *places], [*places, len(raw)], strict=True)]
    answer = Talk(streamed(*pieces)).complete()

    assert ("ä\u2028\U0001f40d = 1\r\nb\u0085\n", "limit", 2) == (answer.text, answer.stop, answer.tokens)


def test_the_stream_is_closed_once_the_model_runs_on() -> None:
    """Nothing is taken after the first piece that runs on, and the connection is told."""
    stream = Stream([chunk("a = 1\nb = 2\n"), chunk("\n"), chunk("def g"), *[chunk("more\n")] * 20])
    answer = Talk(httpx.Response(200, stream=stream)).complete()

    assert ("a = 1\nb = 2\n", "\ndef g", "closed", True) == (answer.text, answer.after, answer.stop, answer.run_on)
    assert (3, True) == (stream.taken, stream.closed)
    assert 3 == answer.tokens


def test_a_full_answer_is_not_closed() -> None:
    """With `full` it goes on to its own end, and the run-on is known all the same."""
    answer = Talk(streamed(chunk("a = 1\nb = 2\nc"), chunk(" = 3"), chunk(finish="length"), DONE)).complete(full=True)

    assert ("a = 1\nb = 2\nc = 3", "", "limit", True) == (answer.text, answer.after, answer.stop, answer.run_on)


def test_a_reason_in_the_piece_that_runs_on_is_a_reason() -> None:
    """Where the server ended by itself there was nothing to close."""
    answer = Talk(streamed(chunk("a = 1\nb = 2\nc", finish="length"), DONE)).complete()

    assert ("a = 1\nb = 2\nc", "limit", True) == (answer.text, answer.stop, answer.run_on)


@pytest.mark.parametrize("reason", ["stop", None])
def test_an_engine_that_does_not_stream(reason: str | None) -> None:
    """Its answer comes as one JSON object, which is whole by itself."""
    message = {"role": "assistant", "content": "a = 1\nb = 2\nc"}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": USAGE}
    answer = Talk(httpx.Response(200, json=body)).complete()

    assert ("a = 1\nb = 2\nc", "eos" if reason else "none", 9) == (answer.text, answer.stop, answer.tokens)
    assert answer.run_on


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (httpx.Response(200, json={"choices": []}), "the endpoint's answer holds no choices: {'choices': []}"),
        (
            httpx.Response(200, json={"error": f"no {KEY}"}),
            f"{URL}/chat/completions: the server answered with an error: {{'error': 'no [key]'}}",
        ),
        (
            httpx.Response(200, json={"error": "x" * 478 + KEY}),
            f"{URL}/chat/completions: the server answered with an error: {{'error': '{'x' * 478}[key]'}}",
        ),
        (httpx.Response(200, json=["x"]), f"{URL}/chat/completions: the server answered with something else: ['x']"),
        (
            httpx.Response(200, headers={"content-type": "application/json"}, content=b"{"),
            f"{URL}/chat/completions: the answer is not JSON: ",
        ),
        (
            httpx.Response(200, html="<html>"),
            f"{URL}/chat/completions: the answer is a page (text/html; charset=utf-8)",
        ),
        (streamed(chunk("a"), b"data: {\n\n"), "the server's stream holds something that is not JSON: "),
        (streamed(chunk("a"), b'data: {"error": "slot died"}\n\n'), "the server broke off its answer: slot died"),
        (streamed(chunk("a"), b"error: slot died\n\n"), "the server broke off its answer: slot died"),
        (streamed(), "the answer was cut off: the stream ended after 0 characters without a finish_reason"),
        (streamed(chunk("a"), DONE), "the answer was cut off: the stream ended after 1 characters without a"),
        (streamed(chunk("a"), httpx.ReadError("reset")), "the connection broke after 1 characters: reset"),
        (streamed(chunk("a"), httpx.ReadTimeout("")), "no whole answer within 6"),
        (streamed(chunk("a", finish="content_filter")), "the endpoint's content filter (content_filter) cut the"),
    ],
)
def test_an_answer_that_is_none(response: httpx.Response, said: str) -> None:
    """Each says what is wrong with it."""
    error = Talk(response).fails()

    assert isinstance(error, AnswerError)
    assert str(error).startswith(said)


@pytest.mark.parametrize("broken", [b"data: {\n\n", b"error: x\n\n", b"", httpx.ReadError("reset")])
def test_what_came_before_an_error_is_kept(broken: bytes | Exception) -> None:
    """For the record; thinking as thinking."""
    thought = b'data: {"choices": [{"delta": {"reasoning_content": "Hm."}}]}\n\n'
    error = Talk(streamed(thought, chunk("a = 1"), broken)).fails()

    assert isinstance(error, AnswerError)
    assert "<think>\nHm.\n</think>\na = 1" == error.response


def test_a_connection_that_breaks_after_the_reason() -> None:
    """The answer is whole; only the counts behind it are missing."""
    answer = Talk(streamed(chunk("a = 1", finish="stop"), httpx.ReadError("reset"))).complete()

    assert ("a = 1", "eos", 1) == (answer.text, answer.stop, answer.tokens)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx.ConnectError("refused"), "refused; is it running?"),
        (httpx.ConnectTimeout(""), "ConnectTimeout; is it running?"),
        (httpx.ReadTimeout(""), f"no whole answer within 657 s; {TOO_SLOW}"),
        (httpx.RemoteProtocolError(f"illegal line: {KEY}"), "illegal line: [key]"),
    ],
)
def test_nothing_that_answers(error: Exception, said: str) -> None:
    """The URL and the reason."""
    assert f"POST {URL}/chat/completions: {said}" == str(Talk(error).fails())


def test_a_fault_of_the_body_is_one_of_the_answer() -> None:
    """Bytes that are not what their header says."""
    broken = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Stream([b"not gzip"]))

    assert str(Talk(broken).fails()).startswith("the connection broke after 0 characters: ")


@pytest.mark.parametrize(
    ("refusals", "slept"),
    [
        ([(429, {"retry_after": "7"})], [7.0]),
        ([(503, {"retry_after": "Thu, 01 Jan 1970 00:00:09 GMT"})], [9.0]),
        ([(429, {}), (503, {}), (429, {"retry_after": "20"}), (429, {})], [1.0, 2.0, 20.0, 8.0]),
        ([(500, {}), (502, {})], [1.0, 2.0]),
    ],
)
def test_a_busy_server_is_waited_for(refusals: list[tuple[int, dict[str, str]]], slept: list[float]) -> None:
    """As long as it asks for, in either form, or longer each time; then the answer counts as any other."""
    talk = Talk(*(refused(status, "busy", **headers) for status, headers in refusals), answered())

    assert ("a = 1\n", slept) == (talk.complete().text, talk.slept)
    assert 1 == len({request.content for request in talk.server.requests})


@pytest.mark.parametrize(
    ("status", "often"), [(429, ", 7 times in 63 s"), (503, ", 7 times in 63 s"), (500, ", 3 times in 3 s"), (402, "")]
)
def test_patience_ends(status: int, often: str) -> None:
    """The error says how often it was tried, and over how long."""
    talk = Talk(refused(status, "not now"))

    assert f"HTTP {status}: not now (asked: POST {URL}/chat/completions{often})" == str(talk.fails())


def test_a_wait_that_is_too_long() -> None:
    """The error says how long the server asked for, and nothing is slept."""
    talk = Talk(refused(429, f"slow down, {KEY}", retry_after="3600"))

    assert str(talk.fails()).startswith("HTTP 429: slow down, [key]; the server asks to wait 3600 s, and ")
    assert [] == talk.slept


def test_what_the_engine_refuses_is_left_out_and_remembered() -> None:
    """One field after the other, without a wait; the next request is right at once."""
    talk = Talk(
        refused(400, "stream_options: Extra inputs are not permitted"),
        refused(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        refused(422, "'temperature' does not support 0 with this model"),
        refused(400, "Unsupported parameter: 'stop' is not supported with this model."),
        answered(),
        answered(),
        stop=("x",),
    )
    assert "a = 1\n" == talk.complete().text
    assert "a = 1\n" == talk.complete().text

    plain = {"model": "m", "messages": MESSAGES, "stream": True, "max_completion_tokens": 50}
    assert [plain, plain] == talk.server.bodies[-2:]
    assert (6, []) == (len(talk.server.bodies), talk.slept)
    assert (
        "stream_options left out",
        "max_tokens sent as max_completion_tokens",
        "temperature left out",
        "stop left out",
    ) == talk.client.adapted


def test_the_template_is_told_where_the_engine_takes_that() -> None:
    """Beside an empty block at the end of the messages; a service that refuses the field is asked without."""
    told = Endpoint(URL, "m", {}, template_kwargs={"enable_thinking": False})
    server = Server(refused(400, "Unrecognized request argument supplied: chat_template_kwargs"), answered())
    talk = ChatClient(told, None, transport=httpx.MockTransport(server.answer))
    assert "a = 1\n" == talk.complete(MESSAGES, PRIMARY, budget=50).text
    first, second = server.bodies
    assert {"enable_thinking": False} == first["chat_template_kwargs"]
    assert "chat_template_kwargs" not in second
    assert ("chat_template_kwargs left out",) == talk.adapted


def test_nothing_is_adapted_without_need() -> None:
    """And a refusal that nothing helps against is told at once."""
    talk = Talk(refused(400, "messages: Field required"))

    assert "HTTP 400: messages: Field required" in str(talk.fails())
    assert (1, ()) == (len(talk.server.requests), talk.client.adapted)


def test_a_field_that_the_user_set_is_not_left_out() -> None:
    """What was asked for by name is done or refused."""
    talk = Talk(refused(400, "'temperature' is not supported with this model"), temperature=0.6)

    assert "'temperature' is not supported" in str(talk.fails())
    assert (1, ()) == (len(talk.server.requests), talk.client.adapted)


def test_an_adaption_that_does_not_help_ends() -> None:
    """A server that refuses whatever is sent is asked once more for each form."""
    talk = Talk(refused(400, "no stream_options, max_tokens (unknown), temperature or stop"), stop=("x",))
    talk.fails()

    assert 5 == len(talk.server.requests)


@pytest.mark.parametrize(
    "response",
    [
        refused(400, "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it"),
        streamed(b'data: {"error": {"message": "context length of only 4096 tokens"}}\n\n'),
    ],
    ids=["before", "in the stream"],
)
def test_a_prompt_that_does_not_fit(response: httpx.Response) -> None:
    """Some engines know it only once they stream."""
    error = Talk(response).fails()

    assert isinstance(error, PromptTooLongError)
    assert "4096 tokens" in str(error)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    """The key would go to another host; the error says where it leads."""
    talk = Talk(httpx.Response(status, headers={"location": f"https://other/?k={KEY}"}), answered())

    assert "; it leads to https://other/?k=[key]; no redirect is followed" in str(talk.fails())
    assert 1 == len(talk.server.requests)


def echoes(request: httpx.Request) -> str:
    """The key as a server finds it in a request."""
    return request.headers.get("authorization", "")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{{"error": {{"message": "bad {}"}}}}',
        '{{"detail": [{{"loc": ["header", "{}"], "msg": "bad"}}]}}',
        "x" * 488 + "{}",
        "Incorrect API key provided: sk-Ge***123.{}",
    ],
    ids=["plain", "OpenAI", "FastAPI", "cut in the midst", "masked"],
)
def test_a_server_that_repeats_the_key(status: int, body: str) -> None:
    """No error shows it, or a part of it."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=body.format(echoes(request)))

    client = ChatClient(
        Endpoint(URL, "m", {}), ApiKey(KEY), transport=httpx.MockTransport(answer), sleep=lambda _seconds: None
    )
    for ask in (lambda: client.complete(MESSAGES, PRIMARY, budget=5), client.models):
        with pytest.raises(AnswerError) as caught:
            ask()
        shown = "".join(traceback.format_exception(caught.value))
        assert "sk-Ge" not in shown
        assert caught.value.__cause__ is caught.value.__context__ is None


def test_an_answer_that_repeats_the_key() -> None:
    """What came before an error is recorded: without it, and with everything else."""
    error = Talk(streamed(chunk(f"/***** {KEY} *****/"))).fails()

    assert isinstance(error, AnswerError)
    assert "/***** [key] *****/" == error.response


@pytest.mark.parametrize("pieces", [[KEY], list(KEY)])
def test_a_whole_answer_that_repeats_the_key(pieces: list[str]) -> None:
    """It is recorded, and shown where lines were lost: without the key, however it was cut."""
    answer = Talk(streamed(*map(chunk, ["a = ", *pieces, "\nb = 2\n"]), chunk(finish="stop"), DONE)).complete()
    assert "a = [key]\nb = 2\n" == answer.text

    answer = Talk(streamed(*map(chunk, ["a = 1\nb = 2\n", KEY, " more"]))).complete()
    assert ("closed", "[key]") == (answer.stop, answer.after)


def test_an_engine_that_keeps_to_no_budget_is_closed() -> None:
    """It would go on for ever; what came is an answer that its limit ended."""
    endless = streamed(*[chunk("x ")] * 10_000)
    answer = Talk(endless).complete(full=True)
    assert "limit" == answer.stop
    assert 50 < answer.tokens < 500


def test_a_refusal_in_a_place_of_its_own_is_an_answer() -> None:
    """OpenAI's models decline in `refusal`, beside empty content."""
    choice = {"index": 0, "delta": {"refusal": "I'm sorry, no."}, "finish_reason": None}
    piece = f"data: {json.dumps({'choices': [choice]})}\n\n".encode()
    assert "I'm sorry, no." == Talk(streamed(piece, chunk(finish="stop"), DONE)).complete().text


def test_a_client_does_not_show_its_key() -> None:
    """Not what it is made of, as a traceback with local variables shows it."""
    client = Talk(answered()).client

    assert "Geheim" not in repr(vars(client)) + repr(vars(client._http)) + repr(client._http.headers)


def test_models_are_listed() -> None:
    """The names, in the endpoint's order; what has none is passed over."""
    talk = Talk(httpx.Response(200, json={"data": [{"id": "b"}, {"id": "a"}, {"object": "model"}, "c"]}))

    assert ["b", "a"] == talk.client.models()
    assert [f"GET {URL}/models"] == [f"{request.method} {request.url}" for request in talk.server.requests]
    assert [b""] == [request.content for request in talk.server.requests]


def test_models_of_a_busy_server() -> None:
    """It is waited for as with a question."""
    talk = Talk(refused(429, "busy"), httpx.Response(200, json={"data": []}))

    assert ([], [1.0]) == (talk.client.models(), talk.slept)


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (httpx.Response(200, json={"data": None}), f"{URL}/models: the answer has no list of models in `data`"),
        (httpx.Response(200, json=[]), f"{URL}/models: the server answered with something else: []"),
        (httpx.Response(200, content=b"<html>"), f"{URL}/models: the answer is not JSON: "),
        (refused(404, "File Not Found"), f"HTTP 404: File Not Found (asked: GET {URL}/models); "),
        (httpx.ReadTimeout(""), f"GET {URL}/models: no whole answer within 60 s"),
    ],
)
def test_models_that_cannot_be_listed(response: httpx.Response | Exception, said: str) -> None:
    """Some endpoints have no such list: that is for the caller to judge."""
    with pytest.raises(AnswerError) as caught:
        Talk(response).client.models()
    assert str(caught.value).startswith(said)


def test_a_closed_client_asks_nothing_more() -> None:
    """`close` ends all connections."""
    talk = Talk(answered())
    talk.client.close()

    with pytest.raises(RuntimeError, match=r"closed"):
        talk.complete()


def test_a_proxy_is_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's proxy stands before hosts elsewhere, as it does for other programs."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:1")
    monkeypatch.setenv("NO_PROXY", "")
    http = ChatClient(Endpoint(URL, "m", {}), None)._http

    assert http._transport is not http._transport_for_url(httpx.URL("http://host/v1"))
    for near in ("http://127.0.0.1:8080/v1", "http://localhost/v1", "http://[::1]:1/v1"):
        assert http._transport is http._transport_for_url(httpx.URL(near))
