"""Chat completions of a real llama.cpp server, with a key, as an endpoint that somebody else runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.errors import AnswerError, PromptTooLongError
from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.core.machine import cache_folder, cores
from pytest_codeneedle.corpus.corpus import Corpus, load_corpus
from pytest_codeneedle.recall.scoring import score
from pytest_codeneedle.server.control_model.model import Control
from pytest_codeneedle.server.http.api_key import ApiKey
from pytest_codeneedle.server.http.chat_client import ChatClient, Endpoint
from pytest_codeneedle.server.http.endpoint_url import normalised_url
from pytest_codeneedle.server.process import LlamaServer, launched
from pytest_codeneedle.server.program import ServerArgs, find_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_codeneedle.corpus.functions.function import Function

LINES = 20
KEY = "sk-Geheim-0123456789"
N_CTX = 4096


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The default corpus."""
    return load_corpus("random-bodies-mini", tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    """The embedded server, which wants a key."""
    model = Control().cached(cache_folder())
    args = ServerArgs(find_program("embedded"), model, KVPair("q8_0", "q8_0"), N_CTX, cores())
    args = args.with_extra("--api-key", KEY, "--alias", "control")
    with launched(args, tmp_path_factory.mktemp("server") / "server.log") as server:
        yield server


def talk(server: LlamaServer, *, key: str = KEY, **request: object) -> ChatClient:
    """A client for it, with these fields in its requests."""
    return ChatClient(Endpoint(normalised_url(server.url), "control", request), ApiKey(key))


@pytest.fixture
def client(server: LlamaServer) -> Iterator[ChatClient]:
    """A client with the right key."""
    client = talk(server)
    yield client
    client.close()


def messages(corpus: Corpus, function: Function) -> list[dict[str, str]]:
    """The task in the form of the public harness: the text, a rule, the name in backquotes."""
    task = f"Task: write down the first {LINES} lines of the body of the function named `{function.name}`.\n/no_think\n"
    return [{"role": "user", "content": f"{corpus.text}\n\n---\n\n{task}"}]


def test_recall_through_chat_completions(client: ChatClient, corpus: Corpus) -> None:
    """All lines of every function, the server's own counts and times, and nothing that had to be adapted."""
    for at, function in enumerate(corpus.sample()):
        primary = function.primary(LINES)
        answer = client.complete(messages(corpus, function), primary, budget=1500)
        result = score(primary, answer.text, bonus=function.bonus(LINES))
        assert (function.name, LINES, 0) == (function.name, result.primary_matched, result.hallucinated)
        assert ("eos", False, "") == (answer.stop, answer.run_on, answer.after)
        assert LINES * 6 <= answer.tokens <= LINES * 8 + 1
        assert answer.predicted_ms > 0
        assert answer.prompt_ms > 0
        assert at == 0 or answer.cache_n > answer.prompt_n > 0
    assert () == client.adapted


def test_an_early_close_stops_the_server(client: ChatClient, corpus: Corpus) -> None:
    """Asked for 5 lines the model runs on; what it would have written after them is not waited for."""
    (function,) = corpus.sample(1)
    asked = messages(corpus, function)
    closed = client.complete(asked, function.primary(5), budget=1500)
    full = client.complete(asked, function.primary(5), budget=1500, full=True)

    assert ("closed", True) == (closed.stop, closed.run_on)
    assert "\n".join(function.primary(5)) == closed.text.rstrip("\n")
    assert ("eos", True) == (full.stop, full.run_on)
    assert full.text.startswith(closed.text + closed.after)
    assert closed.tokens < full.tokens / 2


def test_counts_of_a_closed_stream(server: LlamaServer, corpus: Corpus) -> None:
    """llama.cpp sends its timings with every chunk where a profile asks for them."""
    (function,) = corpus.sample(1)
    asked = messages(corpus, function)
    plain, timed = talk(server), talk(server, timings_per_token=True)
    counted, own = (one.complete(asked, function.primary(5), budget=1500) for one in (plain, timed))

    assert 0 == counted.cache_n
    assert own.cache_n > 1000
    assert abs(counted.tokens - own.tokens) <= 2


def test_a_budget_ends_an_answer(client: ChatClient, corpus: Corpus) -> None:
    """llama.cpp's word for it, not OpenAI's."""
    (function,) = corpus.sample(1)
    answer = client.complete(messages(corpus, function), function.primary(LINES), budget=7)

    assert ("limit", 7, False) == (answer.stop, answer.tokens, answer.run_on)


def test_a_stop_string_ends_an_answer(server: LlamaServer, corpus: Corpus) -> None:
    """As the endpoint's profile has it."""
    (function,) = corpus.sample(1)
    client = ChatClient(Endpoint(normalised_url(server.url), "control", {}, stop=("\n",)), ApiKey(KEY))
    answer = client.complete(messages(corpus, function), function.primary(LINES), budget=100)

    assert function.primary(1) == tuple(answer.text.split("\n"))


def test_an_engine_that_does_not_stream(server: LlamaServer, corpus: Corpus) -> None:
    """The same answer comes in one piece."""
    (function,) = corpus.sample(1)
    primary = function.primary(LINES)
    streamed, whole = (
        one.complete(messages(corpus, function), primary, budget=1500)
        for one in (talk(server), talk(server, stream=False, stream_options=None))
    )

    assert (streamed.text, streamed.stop, streamed.tokens) == (whole.text, whole.stop, whole.tokens)


def test_models(client: ChatClient) -> None:
    """The one that the server was started with, by its alias."""
    assert ["control"] == client.models()


def test_a_wrong_key(server: LlamaServer, corpus: Corpus) -> None:
    """The message says how to give the right one and shows neither."""
    (function,) = corpus.sample(1)
    with pytest.raises(AnswerError) as caught:
        talk(server, key="sk-Falsch-987").complete(messages(corpus, function), function.primary(LINES), budget=7)
    said = str(caught.value)

    assert said.startswith("HTTP 401: ")
    assert "--kv-api-key-env NAME or --kv-api-key-file FILE" in said
    assert ("Falsch" in said, "Geheim" in said) == (False, False)


def test_a_prompt_that_is_too_long(client: ChatClient) -> None:
    """It is told as such, with the server's own numbers."""
    with pytest.raises(PromptTooLongError) as caught:
        client.complete([{"role": "user", "content": "a = 1\n" * N_CTX}], ("a = 1",), budget=7)
    assert str(N_CTX) in str(caught.value)


def test_another_path(server: LlamaServer) -> None:
    """A URL that leads to no chat completions says what was asked for."""
    client = ChatClient(Endpoint(f"{server.url}/other", "control", {}), ApiKey(KEY))

    with pytest.raises(AnswerError, match=rf"^HTTP 404: .*asked: POST {server.url}/other/chat/completions"):
        client.complete([{"role": "user", "content": "a"}], ("a",), budget=1)


def test_nothing_that_listens() -> None:
    """The URL, the reason, and what to look for."""
    client = ChatClient(Endpoint("http://127.0.0.1:9/v1", "control", {}), None)

    with pytest.raises(AnswerError, match=r"^GET http://127.0.0.1:9/v1/models: .*refused.*; is it running\?$"):
        client.models()


def test_the_log_does_not_show_the_key(client: ChatClient, corpus: Corpus, caplog: pytest.LogCaptureFixture) -> None:
    """At the most talkative level of all libraries below."""
    (function,) = corpus.sample(1)
    with caplog.at_level(logging.DEBUG):
        client.complete(messages(corpus, function), function.primary(LINES), budget=7)

    assert "chat/completions" in caplog.text
    assert "Geheim" not in caplog.text


def test_a_proxy_is_not_for_this_machine(server: LlamaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment names for the world outside does not stand between two programs here."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert ["control"] == talk(server).models()
