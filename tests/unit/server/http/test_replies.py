"""What a reply may take: time and bytes. The servers are fakes, for no real one does any of this on demand."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import socket
import threading
import time
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import Stream

from pytest_codeneedle.core.errors import AnswerError, LateAnswerError
from pytest_codeneedle.server.http import deadline
from pytest_codeneedle.server.http.chat_client import ChatClient, Endpoint
from pytest_codeneedle.server.http.llama_client import Client
from pytest_codeneedle.server.http.replies import Bound, Patience, TooLateError, TooMuchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB = 2**20
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
PING = b": ping\n\n"
EMPTY_DELTA = b'data: {"choices": [{"index": 0, "delta": {"content": ""}}]}\n\n'


@contextlib.contextmanager
def serving(head: bytes, endless: bytes) -> Iterator[str]:
    """The URL of a server that says this, and then that again and again, a little at a time."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):  # the other side hung up, or the test is over
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.sendall(head)
                    while True:
                        connection.sendall(endless)
                        time.sleep(0.01)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize(
    ("head", "endless"),
    [
        (b"", b"H"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (HEAD, b"X: y\r\n"),
        (HEAD + b"\r\n", PING),
        (HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
    ],
    ids=["status line", "informational", "headers", "comments", "body"],
)
def test_the_time_is_for_all_of_a_reply(head: bytes, endless: bytes) -> None:
    """Whatever it is that goes on for ever."""
    patience = Patience(Bound.to(0, 0.3))
    with serving(head, endless) as url, httpx.Client(trust_env=False) as http:
        request = http.build_request("GET", url, timeout=60, extensions=patience.extensions)

        with pytest.raises((TooLateError, httpx.RemoteProtocolError), match=r"0\.3 s|illegal|status line"), patience:
            patience.body(http.send(request, stream=True))
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_a_silent_server_is_waited_for_no_longer_than_the_bound() -> None:
    """Not for the time of a read beside it."""
    patience = Patience(Bound.to(0, 0.2))
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, httpx.Client(trust_env=False) as http:
        request = http.build_request("GET", f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60)
        request.extensions.update(patience.extensions)
        with pytest.raises(TooLateError, match=r"no whole answer within 0\.2 s"), patience:
            http.send(request, stream=True)


def reply(*pieces: bytes, encoding: str = "identity") -> httpx.Response:
    """One with these bytes."""
    return httpx.Response(200, headers={"content-encoding": encoding}, stream=Stream(pieces))


@given(st.binary(max_size=200_000), st.sampled_from(["identity", "gzip", "x-gzip", "deflate"]), st.integers(1, 5000))
def test_a_body_is_what_was_sent(sent: bytes, encoding: str, size: int) -> None:
    """Compressed or not, and in whatever pieces it comes."""
    packed = {"identity": lambda: sent, "deflate": lambda: zlib.compress(sent)}
    raw = packed.get(encoding, lambda: gzip.compress(sent))()
    pieces = (raw[start : start + size] for start in range(0, len(raw), size))

    assert sent == Patience(Bound.to(0, 9.0)).body(reply(*pieces, encoding=encoding))


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_what_cannot_be_counted_is_not_read(encoding: str) -> None:
    """It was asked to be plain."""
    with pytest.raises(TooMuchError, match=rf"compressed \({encoding}\) though it was asked to be plain"):
        Patience(Bound.to(0, 9.0)).body(reply(b"x", encoding=encoding))


def test_a_bomb_is_not_unpacked() -> None:
    """The bytes count as they come out: 256 MiB of them are not made out of 256 KiB."""
    bomb = gzip.compress(bytes(256 * MIB), compresslevel=9)
    patience = Patience(Bound.to(0, 9.0))

    sizes: list[int] = []

    def unpack() -> None:
        sizes.extend(map(len, patience.pieces(reply(bomb, encoding="gzip"))))

    with pytest.raises(TooMuchError, match=r"^more than 8 MiB came, the limit for 0 bytes sent$"):
        unpack()
    assert max(sizes) <= 2**16


def test_what_is_sent_and_asked_for_raises_the_limit() -> None:
    """A long text has many tokens, and a long answer many events."""
    plain, long, many = Bound.to(0, 9.0), Bound.to(MIB, 9.0), Bound.to(0, 9.0, 1500)

    assert long.most_bytes - plain.most_bytes >= len("1234567,") * MIB
    assert 19 * MIB < many.most_bytes < 50 * MIB
    assert ("1048576 bytes sent", "0 bytes sent and an answer of at most 1500 tokens") == (long.why, many.why)


def chatting(*responses: httpx.Response | Callable[[], httpx.Response], step: float = 1.0) -> ChatClient:
    """A client of an endpoint that answers so; each look at its clock takes `step` seconds."""
    ticks, left = itertools.count(0.0, step), list(responses)

    def answer(_request: httpx.Request) -> httpx.Response:
        response = left.pop(0) if len(left) > 1 else left[0]
        return response if isinstance(response, httpx.Response) else response()

    transport = httpx.MockTransport(answer)
    return ChatClient(
        Endpoint("http://host/v1", "m", {}), None, transport=transport, clock=lambda: next(ticks), sleep=lambda _: None
    )


@pytest.mark.parametrize("began", [b"", EMPTY_DELTA], ids=["headers only", "in mid-body"])
def test_a_body_that_only_the_limit_ends(began: bytes) -> None:
    """Over a real connection: it is the limit's fault and not the server's, though the stream looks ended."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(2**16)
            connection.sendall(head + began)
            while connection.recv(2**16):  # the rest of the request, then until the other side is gone
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=answer, args=(listener,))
        server.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with pytest.raises(AnswerError, match=r"no whole answer within 0.3 s"):
            ChatClient(Endpoint(url, "m", {}, seconds=0.3), None).complete([], ("a",), budget=50)
        server.join()


def test_the_user_says_how_long_an_answer_may_take() -> None:
    """Then it is that, and no more."""
    endless = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Stream([PING] * 5000))
    client = chatting(endless)
    client.endpoint = replace(client.endpoint, seconds=7)

    with pytest.raises(AnswerError, match=r"no whole answer within 7 s; .* more time \(--kv-timeout SECONDS\)"):
        client.complete([{"role": "user", "content": "a"}], ("a",), budget=50)


@pytest.mark.parametrize("piece", [PING, EMPTY_DELTA, b"x"], ids=["comments", "empty deltas", "a line without end"])
def test_an_endpoint_that_never_comes_to_the_point(piece: bytes) -> None:
    """The error has the limit and the way out, and what becomes of the time does not depend on what comes."""
    endless = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Stream([piece] * 5000))

    with pytest.raises(
        AnswerError, match=r"no whole answer within 6\d\d s; an endpoint that is so slow needs a shorte"
    ):
        chatting(endless).complete([], (), budget=9)


TEXT = b'data: {"choices": [{"index": 0, "delta": {"content": "x"}}]}\n\n'
DONE = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'


@contextlib.contextmanager
def answering(*streams: tuple[bytes, bytes, bytes]) -> Iterator[str]:
    """The base URL of an endpoint with an answer for each request: what it begins with, what repeats, its end.

    The first repeats its middle eight times; one without an end repeats it for ever.
    """
    head = HEAD + b"Content-Type: text/event-stream\r\n\r\n"

    def serve() -> None:
        for begin, middle, end in streams:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(2**16)
                connection.sendall(head + begin)
                for _ in range(8) if end else itertools.count():
                    connection.sendall(middle)
                    time.sleep(0.01)
                connection.sendall(end)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        thread.join()


@pytest.mark.parametrize("endless", [PING, EMPTY_DELTA], ids=["comments", "empty deltas"])
@pytest.mark.parametrize("begin", [b"", TEXT], ids=["before its text", "in its text"])
def test_silence_of_an_endpoint_that_streamed(endless: bytes, begin: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the warm-up it is waited for a multiple of the longest wait, and not for what its size allows."""
    monkeypatch.setattr(deadline, "ENDPOINT_SILENT_SECONDS", 0.2)
    with answering((b"", TEXT, DONE), (begin, endless, b"")) as url:
        client = ChatClient(Endpoint(url, "m", {}), None)
        client.warm_up([], budget=8)
        with pytest.raises(
            AnswerError, match=r"^nothing of an answer within [0-9.]{3,6} s; an endpoint that is so slow"
        ):
            client.complete([], ("a",), budget=9)


def test_an_endpoint_that_writes_for_ever() -> None:
    """Its text is cut off by the number of its pieces, far before the time is up."""
    with answering((TEXT, TEXT, b"")) as url:
        answer = ChatClient(Endpoint(url, "m", {}), None).complete([], ("a",), budget=9)

    assert ("limit", "x" * 83) == (answer.stop, answer.text)


def test_a_started_server_that_writes_for_ever() -> None:
    """Likewise, and there it is an error: one that is asked for so many tokens gives no more."""
    stream = Stream([b'data: {"content": "x"}\n\n'] * 5000)

    with pytest.raises(AnswerError, match=r"^83 pieces of text came for at most 9 tokens: the server keeps to no n_pr"):
        asked(httpx.Response(200, stream=stream)).complete("", ("a",), budget=9)
    assert 83 == stream.taken


@pytest.mark.parametrize("kind", ["text/event-stream", "application/json"])
def test_an_endpoint_that_sends_too_much(kind: str) -> None:
    """One line of 50 MB, which no answer is."""
    pieces = itertools.chain([b'data: {"content": "'], itertools.repeat(b"x" * MIB, 50))
    huge = httpx.Response(200, headers={"content-type": kind}, stream=Stream(pieces))

    with pytest.raises(
        AnswerError, match=r"more than 8\.\d+ MiB came, the limit for \d+ bytes sent and an answer of at"
    ):
        chatting(huge).complete([], (), budget=9)


def test_a_list_of_models_has_no_end() -> None:
    """It has bounds of its own."""
    endless = httpx.Response(200, stream=Stream([b'{"data": ['] + [b'{"id": "m"},' * 100_000] * 50))
    with pytest.raises(AnswerError, match=r"GET http://host/v1/models: more than 8 MiB came"):
        chatting(endless).models()

    slow = httpx.Response(200, stream=Stream([b" "] * 100))
    with pytest.raises(AnswerError, match=r"GET http://host/v1/models: no whole answer within 60 s"):
        chatting(slow).models()


def test_a_refusal_is_read_to_a_mib() -> None:
    """What it says stands at its beginning; the rest is left."""
    stream = Stream([b"no room"] + [b" " * MIB] * 50)
    with pytest.raises(AnswerError, match=r"HTTP 400: no room"):
        chatting(httpx.Response(400, stream=stream)).complete([], (), budget=9)
    assert (2, True) == (stream.taken, stream.closed)


def test_an_answer_has_no_more_text_than_its_budget() -> None:
    """Else a single event could hold a text that takes hours to look through."""
    event = b'data: {"content": "' + b"\\n" * 100_000 + b'"}\n\n'
    talk = Client("http://host", transport=httpx.MockTransport(lambda _: httpx.Response(200, content=event)))

    with pytest.raises(AnswerError, match=r"more than 67840 characters, and it was to have 9 tokens at most"):
        talk.complete("", ("a",), budget=9)


def asked(answer: httpx.Response) -> Client:
    """A client of a started server that gives this answer."""
    return Client("http://host", transport=httpx.MockTransport(lambda _: answer))


def test_replies_of_a_started_server_have_bounds_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its paths: what is healthy is not waited for, and no list of tokens is longer than its text."""
    many = Stream([b"[" + b"1," * MIB] * 50)
    with pytest.raises(AnswerError, match=r"^/tokenize: more than 8 MiB came, the limit for \d+ bytes sent"):
        asked(httpx.Response(200, stream=many)).count_tokens("text")
    assert not asked(httpx.Response(200, stream=Stream([b" " * MIB] * 50))).healthy()

    ticks = itertools.count(0, 100)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    with pytest.raises(LateAnswerError, match=r"^/props: no whole answer within 600 s"):
        asked(httpx.Response(200, stream=Stream([b" "] * 50))).props()


def test_a_prompt_that_is_not_read_on_is_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs of life are text, and a place further in the prompt; comments and the same place again are none."""
    ticks = itertools.count(0, 1000)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    places = [f'data: {{"content": "", "prompt_progress": {{"processed": {n}}}}}\n\n'.encode() for n in (1, 2, 3, 3, 3)]
    stream = Stream([*places, *[PING] * 50])

    with pytest.raises(LateAnswerError, match=r"^nothing of an answer within 3600 s, 0 characters had come"):
        asked(httpx.Response(200, stream=stream)).ingest("")
    assert 7 == stream.taken


def test_nothing_is_sent_back_that_a_server_set() -> None:
    """Every request stands for itself."""
    sent: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers)
        return httpx.Response(200, headers={"set-cookie": "a=b"}, json={"data": []})

    transport = httpx.MockTransport(answer)
    endpoint = ChatClient(Endpoint("http://host/v1", "m", {}), None, transport=transport)
    own = Client("http://host", transport=transport)
    for ask in (endpoint.models, endpoint.models, own.props, own.props):
        ask()
    assert [(None, "identity")] * 4 == [(headers.get("cookie"), headers["accept-encoding"]) for headers in sent]
