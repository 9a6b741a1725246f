"""Requests to a server, and what each of its answers becomes.

The transport is a fake, httpx's own MockTransport: a real server breaks off, sends broken JSON or stops for a
given reason only by chance. That the requests suit a real one is shown by the integration tests.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from streams import Stream

from pytest_codeneedle.core.errors import AnswerError, BrokenAnswerError, LateAnswerError, PromptTooLongError
from pytest_codeneedle.server.http.llama_client import Client

if TYPE_CHECKING:
    from collections.abc import Callable

PRIMARY = ("a = 1", "b = 2")
TIMINGS = {"cache_n": 40, "prompt_n": 3, "prompt_ms": 1.5, "predicted_n": 9, "predicted_ms": 4.25}


def event(content: str = "", **more: object) -> bytes:
    """One event of a stream, as llama-server writes it."""
    return f"data: {json.dumps({'content': content, 'stop': False, **more})}\n\n".encode()


def client(answer: Callable[[httpx.Request], httpx.Response]) -> Client:
    """A client whose server is this function."""
    return Client("http://127.0.0.1:1", transport=httpx.MockTransport(answer))


def answering(status: int, **response: Any) -> Client:
    """A client whose server always gives this answer."""
    return client(lambda _request: httpx.Response(status, **response))


def streaming(*pieces: bytes | Exception) -> tuple[Client, Stream]:
    """A client whose server streams these pieces, and the stream."""
    stream = Stream(pieces)
    return answering(200, stream=stream), stream


def breaking(error: Exception) -> Client:
    """A client whose server cannot be reached."""

    def answer(_request: httpx.Request) -> httpx.Response:
        raise error

    return client(answer)


def test_an_answer_is_put_together_from_its_events() -> None:
    """Contents are joined; stop word, counts and times are the server's own."""
    talk, _ = streaming(
        event("a ="), event(" 1\n"), event("b = 2\n"), event(stop=True, stop_type="eos", timings=TIMINGS)
    )
    answer = talk.complete("prompt", PRIMARY, budget=50)

    assert ("a = 1\nb = 2\n", "eos", False, False) == (answer.text, answer.stop, answer.run_on, answer.truncated)
    assert (9, 40, 3, 1.5, 4.25) == (
        answer.tokens,
        answer.cache_n,
        answer.prompt_n,
        answer.prompt_ms,
        answer.predicted_ms,
    )


def test_a_timed_answer_has_its_length_and_no_cache() -> None:
    """A prompt is read anew and the model may not stop before the budget: the times are those of so many tokens."""
    asked: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        return httpx.Response(200, json={"content": "x", "stop": True, "stop_type": "limit", "timings": TIMINGS})

    timed = client(answer).timed("prompt", 9)

    assert (9, 4.25, 3, 1.5) == (timed.tokens, timed.predicted_ms, timed.prompt_n, timed.prompt_ms)
    expected = {"prompt": "prompt", "n_predict": 9, "ignore_eos": True, "cache_prompt": False}
    assert [expected] == [{key: one[key] for key in expected} for one in asked]


def test_probabilities_are_asked_for_where_they_are_wanted() -> None:
    """Not for the warm-up; the tokens stand behind what the answer begins with unseen."""
    asked: list[dict[str, Any]] = []
    top = [{"id": number, "token": "", "bytes": [97], "logprob": -number} for number in (1, 2)]
    told = {"id": 1, "token": "a", "bytes": [97], "logprob": -1, "top_logprobs": top}

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        stream = Stream([event("a", completion_probabilities=[told]), event(stop=True, stop_type="limit")])
        return httpx.Response(200, stream=stream)

    answered = client(answer).complete("", PRIMARY, budget=5, opening="<think>\n", n_probs=5)
    client(answer).ingest("")

    assert [5, None] == [body.get("n_probs") for body in asked]
    assert [(8, 9, -1.0)] == [(token.start, token.end, token.logprob) for token in answered.told or ()]


@pytest.mark.parametrize("stop", ["eos", "limit", "word"])
def test_the_reason_of_a_stop_is_kept(stop: str) -> None:
    """All words that llama.cpp has for it."""
    talk, _ = streaming(event("a = 1"), event(stop=True, stop_type=stop))

    assert stop == talk.complete("", PRIMARY, budget=5).stop


def test_counts_of_a_server_without_timings() -> None:
    """The count of tokens stands beside them, too; what is nowhere is zero, and no stop type is none."""
    talk, _ = streaming(event("a", tokens_predicted=7), event(stop=True, truncated=True))
    answer = talk.complete("", PRIMARY, budget=5)

    assert (7, "none", True) == (answer.tokens, answer.stop, answer.truncated)
    assert (0, 0, 0.0, 0.0) == (answer.cache_n, answer.prompt_n, answer.prompt_ms, answer.predicted_ms)


def test_the_stream_is_closed_once_the_model_runs_on() -> None:
    """Nothing is taken after the first piece that runs on; half a line is not scored, and the counts are kept."""
    rest = [event("more\n")] * 20
    talk, stream = streaming(event("a = 1\nb = 2\n", timings=TIMINGS), event("\n"), event("def g"), *rest)
    answer = talk.complete("", PRIMARY, budget=500)

    assert ("a = 1\nb = 2\n", "\ndef g") == (answer.text, answer.after)
    assert ("closed", True) == (answer.stop, answer.run_on)
    assert 3 == stream.taken
    assert stream.closed
    assert 9 == answer.tokens


def test_a_full_answer_is_not_closed() -> None:
    """With `full` it goes on to its own end, and the run-on is known all the same."""
    talk, stream = streaming(event("a = 1\nb = 2\nc"), event(" = 3"), event(stop=True, stop_type="limit"))
    answer = talk.complete("", PRIMARY, budget=500, full=True)

    assert ("a = 1\nb = 2\nc = 3", "", "limit", True) == (answer.text, answer.after, answer.stop, answer.run_on)
    assert 3 == stream.taken


def test_a_stop_in_the_piece_that_runs_on_is_a_stop() -> None:
    """Where the server ended by itself there was nothing to close."""
    talk, _ = streaming(event("a = 1\nb = 2\nc", stop=True, stop_type="limit"))
    answer = talk.complete("", PRIMARY, budget=500)

    assert ("limit", True) == (answer.stop, answer.run_on)


def test_other_lines_of_a_stream_are_passed_over() -> None:
    """Comments, which keep a connection alive, empty lines, and the [DONE] of the OpenAI form."""
    talk, _ = streaming(b": ping\n\n", event("a"), b"event: x\n", event("b", stop=True), b"data: [DONE]\n\n")

    assert "ab" == talk.complete("", PRIMARY, budget=5).text


def test_done_without_a_stop_is_no_stop() -> None:
    """[DONE] alone does not make an answer whole."""
    talk, _ = streaming(event("ab"), b"data: [DONE]\n\n")

    with pytest.raises(BrokenAnswerError, match=r"without a stop$"):
        talk.complete("", PRIMARY, budget=5)


def test_the_request_is_greedy_and_names_the_slot() -> None:
    """Temperature 0, one slot with its prompt cache, the budget, a stream; no argument of the server bends it."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, content=event(stop=True))

    client(answer).complete("the prompt", PRIMARY, budget=123)

    assert ["POST http://127.0.0.1:1/completion"] == [f"{request.method} {request.url}" for request in sent]
    assert {
        "temperature": 0.0,
        "samplers": ["top_k"],
        "top_k": 1,
        "seed": 0,
        "cache_prompt": True,
        "id_slot": 0,
        "grammar": "",
        "mirostat": 0,
        "ignore_eos": False,
        "logit_bias": [],
        "n_cache_reuse": 0,
        "backend_sampling": False,
        "speculative.n_max": 0,
        "prompt": "the prompt",
        "n_predict": 123,
        "stream": True,
        "timings_per_token": True,
    }.items() <= json.loads(sent[0].content).items()


def test_a_prompt_is_ingested_with_one_token() -> None:
    """The warm-up wants the prompt in the cache and no answer; an empty one will do."""
    sent: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(200, content=event(stop=True, stop_type="limit", timings=TIMINGS))

    warm = client(answer).ingest("the corpus")

    assert [("the corpus", 1)] == [(body["prompt"], body["n_predict"]) for body in sent]
    assert ("", 3, False) == (warm.text, warm.prompt_n, warm.run_on)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"error": {"code": 500, "message": "out of memory", "type": "server_error"}}', "out of memory"),
        (b'{"error": "plain words"}', "plain words"),
        (b'{"error": {"code": 1}}', "{'code': 1}"),
        (b"Internal Server Error", "Internal Server Error"),
        (b'{"detail": "no error key"}', '{"detail": "no error key"}'),
        (b'["a list"]', '["a list"]'),
        (b"x" * 600, "x" * 500),
    ],
)
def test_an_http_error_says_its_status_and_what_the_server_said(content: bytes, said: str) -> None:
    """Whatever form the error has, for a stream and for a plain request; long pages are cut."""
    talk = answering(500, content=content)

    for request in (lambda: talk.complete("", PRIMARY, budget=5), talk.props):
        with pytest.raises(BrokenAnswerError) as caught:
            request()
        assert f"HTTP 500: {said}" == str(caught.value)


@pytest.mark.parametrize(("status", "again"), [(400, False), (401, False), (404, False), (500, True), (503, True)])
def test_what_asking_again_may_mend(status: int, again: bool) -> None:
    """A server's own faults; what it refuses it refuses again."""
    with pytest.raises(AnswerError) as caught:
        answering(status).complete("", PRIMARY, budget=5)
    assert again == isinstance(caught.value, BrokenAnswerError)


def test_a_prompt_that_does_not_fit_is_told_with_both_numbers() -> None:
    """llama-server's own error type, with the tokens asked for and the context there is."""
    error = {
        "code": 400,
        "message": "the request exceeds the available context size",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 5000,
        "n_ctx": 4096,
    }
    talk = answering(400, json={"error": error})

    with pytest.raises(PromptTooLongError) as caught:
        talk.complete("", PRIMARY, budget=5)
    assert "the prompt has 5000 tokens and the context 4096; raise it (--kv-n-ctx, -c), or leave that out" == str(
        caught.value
    )


def test_a_stream_that_is_not_json() -> None:
    """A damaged event is an error of the answer."""
    talk, _ = streaming(event("a"), b'data: {"content": \n\n')

    with pytest.raises(BrokenAnswerError, match=r"^the server's stream holds something that is not JSON: "):
        talk.complete("", PRIMARY, budget=5)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'data: {"error": {"message": "slot died"}}\n\n', "{'message': 'slot died'}"),
        (b'error: {"message": "slot died"}\n\n', '{"message": "slot died"}'),
    ],
)
def test_an_error_in_the_midst_of_a_stream(line: bytes, said: str) -> None:
    """Both forms that llama.cpp has had for it."""
    talk, _ = streaming(event("a"), line, event("b", stop=True))

    with pytest.raises(BrokenAnswerError) as caught:
        talk.complete("", PRIMARY, budget=5)
    assert f"the server broke off its answer: {said}" == str(caught.value)


@pytest.mark.parametrize("pieces", [(), (event("a = 1\nb"),)])
def test_a_stream_that_ends_without_a_stop_is_cut_off(pieces: tuple[bytes, ...]) -> None:
    """The server died or closed: what came is no answer."""
    talk, _ = streaming(*pieces)
    got = 7 if pieces else 0

    with pytest.raises(BrokenAnswerError) as caught:
        talk.complete("", PRIMARY, budget=5)
    assert f"the answer was cut off: the stream ended after {got} characters without a stop" == str(caught.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [(httpx.ReadError("reset by peer"), "reset by peer"), (httpx.ConnectTimeout(""), "ConnectTimeout")],
)
def test_a_connection_that_breaks(error: Exception, said: str) -> None:
    """In the midst of a stream or before it; an error without words goes by its name."""
    talk, _ = streaming(event("abc"), error)
    with pytest.raises(BrokenAnswerError) as caught:
        talk.complete("", PRIMARY, budget=5)
    assert f"the connection broke after 3 characters: {said}" == str(caught.value)

    with pytest.raises(BrokenAnswerError) as caught:
        breaking(error).complete("", PRIMARY, budget=5)
    assert f"the connection broke after 0 characters: {said}" == str(caught.value)

    with pytest.raises(BrokenAnswerError) as caught:
        breaking(error).props()
    assert f"/props: {said}" == str(caught.value)


@pytest.mark.parametrize("error", [httpx.ReadTimeout(""), httpx.WriteTimeout("")])
def test_a_server_that_hangs(error: Exception) -> None:
    """Nothing comes within the time for an answer, or for another request."""
    talk, _ = streaming(event("abc"), error)
    with pytest.raises(LateAnswerError) as caught:
        talk.complete("", PRIMARY, budget=5, deadline_seconds=75.0)
    assert "no whole answer within 75 s, 3 characters had come" == str(caught.value)
    assert "abc" == caught.value.response

    with pytest.raises(LateAnswerError, match=r"^no whole answer within 3600 s, 0 characters"):
        breaking(error).ingest("")

    with pytest.raises(LateAnswerError):
        breaking(error).props()


@pytest.mark.parametrize("pieces", [[event("a")], [b":"]], ids=["events", "less than an event"])
def test_a_trickle_is_late(pieces: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the answer has that time, however often a little comes. The clock is a fake: ten seconds a look."""
    ticks = itertools.count(0, 10)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    talk, stream = streaming(*pieces * 50)

    with pytest.raises(LateAnswerError, match=r"within 75 s"):
        talk.complete("", PRIMARY, budget=50, deadline_seconds=75.0)
    assert 8 == stream.taken
    assert stream.closed


def test_a_deadline_is_the_time_of_a_read_too() -> None:
    """A server that sends nothing at all is not waited for any longer; without one, its progress is asked for."""
    sent: list[tuple[object, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.extensions["timeout"]["read"], json.loads(request.content).get("return_progress")))
        return httpx.Response(200, content=event(stop=True))

    talk = client(answer)
    talk.complete("", PRIMARY, budget=5, deadline_seconds=75.0)
    talk.ingest("")
    assert [(75.0, None), (3600.0, True)] == sent


def test_progress_is_no_answer() -> None:
    """The events with which a build tells how much of a prompt it has read."""
    progress = {"total": 10, "cache": 0, "processed": 5, "time_ms": 1}
    talk, _ = streaming(event(prompt_progress=progress), event("a", stop=True, timings=TIMINGS))

    assert ("a", 3) == ((warm := talk.ingest("")).text, warm.prompt_n)


def test_headers_go_with_every_request() -> None:
    """The server's key among them, which no repr shows."""
    sent: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("Authorization"))
        return httpx.Response(200, content=event(stop=True))

    headers = {"Authorization": "Bearer hush"}
    talk = Client("http://127.0.0.1:1", headers, transport=httpx.MockTransport(answer))
    talk.ingest("")
    talk.healthy()
    assert ["Bearer hush"] * 2 == sent
    assert "hush" not in f"{talk!r} {vars(talk)!r}"


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (404, False)])
def test_health_is_ok_or_not(status: int, healthy: bool) -> None:
    """503 says that the model is still loading."""
    assert healthy == answering(status, json={"status": "ok"}).healthy()


def test_nothing_that_listens_is_not_healthy() -> None:
    """While a server starts there is no connection, and that is no error."""
    assert not breaking(httpx.ConnectError("refused")).healthy()


def test_props_come_as_they_are() -> None:
    """The object that the server sends."""
    props = {"default_generation_settings": {"n_ctx": 512}}

    assert props == answering(200, json=props).props()


@pytest.mark.parametrize("content", [b"", b"<html>", b"{"])
def test_an_answer_that_is_not_json(content: bytes) -> None:
    """Then another program listens on that port."""
    with pytest.raises(BrokenAnswerError, match=r"^/props: the server's answer is not JSON: "):
        answering(200, content=content).props()


def test_a_message_is_rendered_by_the_models_template() -> None:
    """One user message goes out, the prompt comes back."""
    sent: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.method, request.url.path, json.loads(request.content)))
        return httpx.Response(200, json={"prompt": "<user>hello</user>"})

    assert "<user>hello</user>" == client(answer).render("hello")
    assert [("POST", "/apply-template", {"messages": [{"role": "user", "content": "hello"}]})] == sent


@pytest.mark.parametrize("special", [False, True])
def test_tokens_are_counted_by_the_server(special: bool) -> None:
    """Control tokens count for a prompt and not for a piece of text."""
    sent: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.url.path, json.loads(request.content)))
        return httpx.Response(200, json={"tokens": [1, 2, 3]})

    assert 3 == client(answer).count_tokens("text", special=special)
    assert [("/tokenize", {"content": "text", "add_special": special, "parse_special": special})] == sent


def test_text_in_any_script_survives() -> None:
    """A character may be cut in two by the network, and U+2028 may stand unescaped in an event."""
    raw = 'data: {"content": "ä\u2028ö\\n", "stop": true}\n\n'.encode()
    talk, _ = streaming(raw[:19], raw[19:])

    assert "ä\u2028ö\n" == talk.complete("", PRIMARY, budget=5).text


def test_a_closed_client_asks_nothing_more() -> None:
    """`close` ends all connections."""
    talk = answering(200, json={})
    talk.close()

    with pytest.raises(RuntimeError, match=r"closed"):
        talk.props()


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"timings": "none"}, "AttributeError"),
        ({"timings": {"predicted_n": None}}, "TypeError"),
        ({"timings": {"prompt_ms": "private code"}}, "ValueError"),
        ({"timings": {"cache_n": math.inf}}, "OverflowError"),
        ({"tokens_predicted": []}, "TypeError"),
    ],
)
def test_counts_of_another_form(more: dict[str, object], kind: str) -> None:
    """An error that quotes nothing of it, and that asking again may mend; what came is kept."""
    talk, _ = streaming(event("a = 1\n"), event(stop=True, stop_type="eos", **more))
    message = rf"^/completion: the server's JSON has another form than llama-server's \({kind}\)$"
    with pytest.raises(BrokenAnswerError, match=message) as caught:
        talk.complete("p", PRIMARY, budget=9)
    assert "a = 1\n" == caught.value.response
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "ask", [lambda talk: talk.render("m"), lambda talk: talk.count_tokens("t"), Client.n_ctx, Client.props]
)
@pytest.mark.parametrize("json", [[], {"prompt_": 1}, {"tokens": 3}, {"default_generation_settings": None}])
def test_replies_of_another_form(ask: Callable[[Client], object], json: object) -> None:
    """The path is named."""
    talk = answering(200, json=json)
    if ask is Client.props and isinstance(json, dict):
        assert json == ask(talk)
        return
    with pytest.raises(
        BrokenAnswerError, match=r"^/[\w-]+: the server's (?:JSON has another form|answer is no JSON obj)"
    ):
        ask(talk)
