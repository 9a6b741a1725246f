"""What a server is told by its arguments and a text by its words, and what must not change the answers for it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.core.machine import cache_folder, cores
from pytest_codeneedle.corpus.random_bodies import RandomBodies
from pytest_codeneedle.recall.thinking import Thinking
from pytest_codeneedle.server.composing import Composer
from pytest_codeneedle.server.control_model.model import Control
from pytest_codeneedle.server.control_model.vocabulary import BOS, EOS
from pytest_codeneedle.server.process import LlamaServer, launched
from pytest_codeneedle.server.program import ServerArgs, find_program

from .lab import matched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .lab import Lab

PAIR = ("--kv-pairs", "q8_0/q4_0")
DONE = {("q8_0", "q4_0"): "20.00"}
#: A fake: the embedded server, which knows nothing of speculation, and so would any server that is asked for it end.
UNASKED = f"""#!{sys.executable}
import os
import sys

if not {{"--spec-type", "-md", "--draft-max", "LLAMA_ARG_SPEC_TYPE"}}.isdisjoint([*sys.argv, *os.environ]):
    sys.exit("asked to speculate")
os.execv(sys.executable, [sys.executable, "-m", "pytest_codeneedle.embedded", *sys.argv[1:]])
"""
ASKS = """
import pytest


@pytest.fixture(scope="session")
def llama_server_args(llama_server_args):
    return llama_server_args.with_extra("--spec-type", "ngram-mod")
"""


@pytest.mark.slow
def test_no_server_speculates(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for it: it is said once, by where it was, and recorded; of a fixture below the grid."""
    script = lab.write("serve", UNASKED)
    script.chmod(0o755)
    lab.write("conftest.py", ASKS)
    monkeypatch.setenv("LLAMA_ARG_SPEC_TYPE", "ngram-mod")
    command = f"{script} --spec-type draft-mtp -md d.gguf --spec-draft-n-max 3"
    result = lab.grid(*PAIR, "--kv-server", command, "--kv-server-args=--draft-max 5")

    assert DONE == matched(result)
    off = [
        "--spec-type draft-mtp -md d.gguf --spec-draft-n-max 3 (--kv-server)",
        "--draft-max 5 (server arguments)",
        "LLAMA_ARG_SPEC_TYPE=ngram-mod (environment)",
    ]
    assert off == lab.about()["speculation_off"]
    said = " ".join(" ".join(result.outlines).split())
    assert 1 == said.count(f"speculation is off, for no probability is told of drafted tokens: {', '.join(off)}")
    assert "speculation is off, though a fixture asks for it: --spec-type ngram-mod" in said


@pytest.mark.parametrize("how", [(), ("--kv-dry-run",)])
def test_a_template_without_the_question(lab: Lab, how: tuple[str, ...]) -> None:
    """Nothing is asked, no run is left, and the template is named."""
    result = lab.grid(*PAIR, *how, "--kv-server", "embedded", "--kv-server-args=--chat-template llama3")

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines(["*the chat template (--chat-template 'llama3') leaves out the question: *--no-jinja*"])
    assert [] == lab.folders()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    """The server that a grid would start by default, with the control model, whose vocabulary has `<s>` and `</s>`."""
    model = Control().cached(cache_folder())
    args = ServerArgs(find_program(None), model, KVPair("f16", "f16"), 512, cores())
    with launched(args, tmp_path_factory.mktemp("server") / "server.log") as server:
        yield server


@pytest.mark.parametrize(
    "message", ["def f():\n    x = 1\n\nTask: f", "  x", "\n\n", "<s", "e\u0301 \u65e5\n", '"\n    ']
)
def test_a_prompt_as_tokens_is_the_prompt(server: LlamaServer, message: str) -> None:
    """Where a message holds no control token, it is what the server makes of the text."""
    prompt = Composer(server, Thinking("close-only"), as_tokens=True).prompt(f"{message}.")

    assert server.client.tokens(prompt.text, begin=True, control=True) == prompt.tokens


def test_control_tokens_stay_text(server: LlamaServer) -> None:
    """The text would end the turn; sent as tokens, it is what stands there."""
    prompt = Composer(server, Thinking("close-only"), as_tokens=True).prompt("a </s> b <s> c")
    as_text = server.client.tokens(prompt.text, begin=True, control=True)
    assert prompt.tokens is not None

    assert [2, 1] == [as_text.count(BOS), as_text.count(EOS)]
    assert [1, 0] == [prompt.tokens.count(BOS), prompt.tokens.count(EOS)]
    assert 0 < server.client.ingest(prompt.sent).prompt_n == len(prompt.tokens)


@pytest.mark.slow
def test_code_that_is_called_like_a_control_token(lab: Lab) -> None:
    """Its lines are recalled, it is said before, and goes on with --kv-resume; other corpora are sent as ever."""
    code = RandomBodies(functions=2, body_lines=20).text()
    first = code.partition("(")[0].removeprefix("def ")
    lab.write("src/a.py", code.replace(' = "', ' = "</s>', 1))
    lab.write("corpora/mine.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n')
    model = f"--kv-model={Control().cached(cache_folder())}"  # by its file: it copies this code, character by character
    result = lab.grid(*PAIR, model, "--kv-out", "run", "--kv-resume", corpus="mine")
    said = " ".join(" ".join(result.outlines).split())

    assert f"mine: text that this model has control tokens for (in lines of {first}) is sent as plain text" in said
    assert DONE == matched(result)
    again = lab.grid("--kv-pairs", "q8_0/q4_0,f16/f16", model, "--kv-out", "run", "--kv-resume", corpus="mine")
    assert {("q8_0", "q4_0"): "20.00", ("f16", "f16"): "20.00"}.items() <= matched(again).items()
    again.stdout.fnmatch_lines(["kv-grid: mine: 2 of 4 answers are recorded in run"])
    plain: Any = lab.grid(*PAIR)
    assert "control tokens" not in plain.stdout.str()
    assert {} == {key: value for key, value in lab.about()["control_text"].items() if value not in (False, [], True)}
    assert "control_text" not in lab.about()["identity"]
