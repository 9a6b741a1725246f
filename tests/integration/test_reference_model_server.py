"""The control model on llama.cpp's own server: what it promises besides the grid."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.core.machine import cache_folder, cores
from pytest_codeneedle.corpus.corpus import Corpus, load_corpus
from pytest_codeneedle.recall.questions import Task, questions
from pytest_codeneedle.recall.scoring import score
from pytest_codeneedle.server.control_model.model import Control
from pytest_codeneedle.server.process import LlamaServer, launched
from pytest_codeneedle.server.program import ServerArgs, find_program

if TYPE_CHECKING:
    from collections.abc import Iterator

LINES = 20


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The default corpus."""
    return load_corpus("random-bodies-mini", tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    """The embedded server with a quantized cache."""
    model = Control().cached(cache_folder())
    args = ServerArgs(find_program("embedded"), model, KVPair("q8_0", "q8_0"), 4096, cores())
    with launched(args, tmp_path_factory.mktemp("server") / "server.log") as server:
        yield server


def post(server: LlamaServer, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The JSON that a plain client gets, one that knows nothing of this package but the key."""
    response = httpx.post(server.url + path, json=body, headers=server.headers, timeout=600, trust_env=False)
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


def test_probability_of_a_copied_token(server: LlamaServer, corpus: Corpus) -> None:
    """A copied token has a mean probability of about 0.99, so that log-probabilities mean something."""
    (question,) = questions(corpus.text, corpus.sample(1), Task(LINES)).asked
    body = {"prompt": server.client.render(question.message), "temperature": 0, "n_predict": 400, "n_probs": 1}
    answer = post(server, "/completion", body)
    assert "eos" == answer["stop_type"]
    assert "\n".join(question.function.primary(LINES)) == answer["content"].rstrip("\n")
    copied = [math.exp(token["logprob"]) for token in answer["completion_probabilities"]]
    assert LINES * 6 <= len(copied)
    assert 0.98 <= sum(copied) / len(copied) <= 0.995


def test_tokens_of_a_line(server: LlamaServer, corpus: Corpus) -> None:
    """A line of a generated corpus is 6 to 8 tokens: the time of the default grid hangs on it."""
    for function in corpus.functions:
        count = server.client.count_tokens("\n".join(function.body) + "\n")
        assert 6 <= count / len(function.body) <= 8


@pytest.mark.slow
def test_other_peoples_harness(server: LlamaServer, corpus: Corpus) -> None:
    """A client that asks for a function by its name in /v1/chat/completions gets its 20 lines, and a model that stops.

    The request is in the form of the public harness: the text, a rule, the task with the name in backquotes.
    """
    for function in corpus.sample()[:2]:
        task = (
            f"Task: write down the first {LINES} lines of the body of the function named `{function.name}` of the "
            f"source above, beginning after its `def {function.name}(...):` line.\n\n"
            "Rules:\n- These lines only, in their order.\n- Keep indentation and characters.\n/no_think\n"
        )
        message = {"role": "user", "content": f"{corpus.text}\n\n---\n\n{task}"}
        body = {"messages": [message], "temperature": 0, "max_tokens": 1500}
        (choice,) = post(server, "/v1/chat/completions", body)["choices"]
        result = score(function.primary(LINES), choice["message"]["content"], bonus=function.bonus(LINES))
        assert (function.name, LINES, 0) == (function.name, result.primary_matched, result.hallucinated)
        assert "stop" == choice["finish_reason"]


def test_name_that_is_not_there(server: LlamaServer, corpus: Corpus) -> None:
    """A harness that asks for a function which does not exist breaks nothing."""
    message = {"role": "user", "content": f"{corpus.text}\n---\nTask: the function named `missing`.\n/no_think\n"}
    answer = post(server, "/v1/chat/completions", {"messages": [message], "temperature": 0, "max_tokens": 8})
    assert "assistant" == answer["choices"][0]["message"]["role"]
