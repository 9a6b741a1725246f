"""--kv-server URL: one endpoint that already runs, measured as one cell, as served."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.core.machine import cache_folder
from pytest_codeneedle.server.control_model.model import Control
from pytest_codeneedle.server.process import launched
from pytest_codeneedle.server.program import ServerArgs, find_program

from .lab import matched, passed, said_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .lab import Lab

KEY = "sk-not-to-be-seen-0123456789"
SERVED = {("served", "served"): "20.00"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A llama.cpp server that somebody else started, with a key."""
    model = Control().cached(cache_folder())
    args = ServerArgs(find_program("embedded"), model, KVPair("q5_1", "q4_1"), 2048, threads=1)
    log = tmp_path_factory.mktemp("served") / "server.log"
    with launched(args.with_extra("--api-key", KEY), log) as server:
        yield server.url


@pytest.fixture
def key(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The option that names the key's variable."""
    monkeypatch.setenv("SERVED_KEY", KEY)
    return ("--kv-api-key-env", "SERVED_KEY")


def everything(folder: Path) -> str:
    """All files below a folder."""
    return "".join(path.read_text("utf-8", "replace") for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize("wording", ["quoted", "codeneedle"])
def test_as_served(lab: Lab, url: str, key: tuple[str, ...], wording: str) -> None:
    """One cell, by the same corpus and score; the model is the one that the endpoint lists."""
    result = lab.grid("--kv-server", url, *key, "--kv-prompt", wording, "-vv", "--junitxml", "j.xml")
    assert SERVED == matched(result)
    assert {("served", "served"): "2"} == passed(result, 2)
    rows, about = lab.rows(), lab.about()
    assert [("served", "served", "passed")] * 2 == [(row["ctk"], row["ctv"], row["outcome"]) for row in rows]
    assert ({"hit"}, {None}) == ({row["prompt_cache"] for row in rows}, {row["adapted"] for row in rows})
    assert {(None, None)} == {(row["margins"], row["margin_mean"]) for row in rows}
    assert "log-probability margin" not in result.stdout.str()
    assert (f"endpoint {url}/v1", ["as-served"]) == (about["server"], about["pairs"])
    assert about["model_name"].startswith("control-robust")
    assert any("test_recall[as-served-" in line for line in result.outlines)
    assert KEY not in result.stdout.str() + result.stderr.str() + everything(lab.path)


def test_the_grid_of_a_stored_run(lab: Lab, url: str, key: tuple[str, ...]) -> None:
    """`codeneedle grid` reads it like any other."""
    run = said_folder(lab.grid("--kv-server", url, *key).outlines, lab.path)
    result = lab.pytester.run(sys.executable, "-m", "pytest_codeneedle.cli", "grid", str(run))
    assert SERVED == matched(result)


@pytest.mark.slow
def test_under_workers(lab: Lab, url: str, key: tuple[str, ...]) -> None:
    """Each process reads the key itself."""
    assert SERVED == matched(lab.grid("--kv-server", url, *key, "-n", "2"))


def test_a_wrong_key(lab: Lab, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server says, how to give a key, and not the key."""
    monkeypatch.setenv("SERVED_KEY", f"{KEY}-wrong")
    message = lab.refused("--corpus", "tiny", "--kv-server", url, "--kv-api-key-env", "SERVED_KEY")
    assert "HTTP 401" in message
    assert "--kv-api-key-env NAME or --kv-api-key-file FILE" in message
    assert KEY not in message


def test_a_named_model_is_not_asked_for(lab: Lab, url: str) -> None:
    """Without the key every item is an ERROR then, met once by the warm-up."""
    result = lab.grid("--kv-server", url, "--kv-model", "some-model")
    assert {"errors": 2} == result.parseoutcomes()
    assert ["error", "error"] == [row["outcome"] for row in lab.rows()]
    assert "HTTP 401" in lab.rows()[0]["error"]


def test_a_key_in_a_file_and_a_profile(lab: Lab, url: str) -> None:
    """The profile's name is the model's, its stop strings and request fields go along."""
    lab.write("key.txt", f"{KEY}\n")
    lab.write("models/mine.toml", 'name = "their-model"\nstop = ["END"]\n[request]\nseed = 7\n')
    result = lab.grid("--kv-server", url, "--kv-api-key-file", "key.txt", "--kv-model", "mine")
    assert SERVED == matched(result)
    about = lab.about()
    assert ("their-model", ["END"], {"seed": 7}) == (about["model"], about["stop"], about["request"])


def test_a_model_file_of_the_machine_is_not_asked_for(
    lab: Lab, url: str, key: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint has its own: neither the variable nor the ini file names it, and a control model is refused."""
    monkeypatch.setenv("CODENEEDLE_MODEL", "/gone/own.gguf")
    lab.pytester.makeini("[pytest]\nkv_model = other.gguf\n")
    assert SERVED == matched(lab.grid("--kv-server", url, *key))
    assert lab.about()["model_name"].startswith("control-robust")
    message = lab.refused("--corpus", "tiny", "--kv-server", url, *key, "--kv-model", "control:robust")
    assert "an endpoint asks its own models" in message


def test_nothing_there(lab: Lab) -> None:
    """An address where nothing listens is a usage error, before anything is asked."""
    message = lab.refused("--corpus", "tiny", "--kv-server", "http://127.0.0.1:9")
    assert "the endpoint does not say which model it serves" in message
    assert "is it running?" in message


@pytest.mark.parametrize("option", ["--kv-types", "--ctk", "--ctv", "--kv-pairs", "--kv-n-ctx", "--kv-server-args"])
def test_what_cannot_be_set_of_a_running_server(lab: Lab, option: str) -> None:
    """Its cache types and arguments are what they are."""
    value = {"--kv-pairs": "q8_0/q8_0", "--kv-n-ctx": "512", "--kv-server-args": "-b 1"}.get(option, "q8_0")
    message = lab.refused("--corpus", "tiny", "--kv-server", "http://127.0.0.1:9", f"{option}={value}")
    assert f"{option} cannot be set of an endpoint that already runs" in message


def test_a_key_without_a_url(lab: Lab) -> None:
    """A server that is started here needs none."""
    message = lab.refused("--corpus", "tiny", "--kv-api-key-env", "SERVED_KEY")
    assert "--kv-api-key-env is for an endpoint that already runs: name it with --kv-server URL" in message


def test_a_url_with_a_password(lab: Lab) -> None:
    """It would be recorded: it is refused, and not shown."""
    message = lab.refused("--corpus", "tiny", "--kv-server", "http://me:hunter2@127.0.0.1:9")
    assert "--kv-api-key-env" in message
    assert "hunter2" not in message


def test_trimming_needs_a_tokenizer(lab: Lab, url: str, key: tuple[str, ...]) -> None:
    """An endpoint has none that all engines share."""
    lab.write("src/a.py", "def f():\n" + "    a = 1\n" * 20)
    lab.write("corpora/mine.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n[trim]\nmax_tokens = 9\n')
    message = lab.refused("--corpus", "mine", "--kv-server", url, *key)
    assert "wants [trim], for which the model's tokenizer has to count" in message


def test_private_code_is_said_to_be_sent(lab: Lab, url: str, key: tuple[str, ...]) -> None:
    """It leaves the machine if the endpoint is elsewhere."""
    lab.write("src/a.py", "def f():\n" + "    a = 1\n" * 20)
    lab.write("corpora/mine.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n')
    result = lab.grid("--kv-server", url, *key, corpus="mine")
    assert "kv-grid: mine is your own code, and is sent to that endpoint" in result.outlines


def test_the_servers_own_fixtures_are_skipped(lab: Lab, url: str, key: tuple[str, ...]) -> None:
    """A test that wants a server of this session has none."""
    tests = lab.pytester.makepyfile("def test_it(llama_server):\n    assert False\n")
    assert {"skipped": 1} == lab.grid("--kv-server", url, *key, str(tests)).parseoutcomes()
