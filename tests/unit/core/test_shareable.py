"""What of a run may be shown to others: names, not where they lie or on which host."""

from __future__ import annotations

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.shareable import shareable

NAMES = st.text(st.characters(categories=("Lu", "Ll", "Nd"), include_characters=" .-"), min_size=1, max_size=8).map(
    lambda name: f"s{name.strip()}x"
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("b6000-abcdef", "b6000-abcdef", id="no path"),
        pytest.param("/opt/llama.cpp/llama-server", "llama-server", id="path"),
        pytest.param("~me/models/x.gguf", "x.gguf", id="home"),
        pytest.param("/home/alice", "~", id="a home"),
        pytest.param(["--dir=/home/alice/"], ["--dir=~"], id="a home as an argument"),
        pytest.param("it is (/home/alice), or ~bob", "it is (~), or ~", id="homes in a text"),
        pytest.param(r"C:\Users\alice", "~", id="a home of Windows"),
        pytest.param("/home/x.gguf", "x.gguf", id="a model that lies among homes"),
        pytest.param("about ~5 GB", "about ~5 GB", id="about"),
        pytest.param(r"C:\models\x.gguf", "x.gguf", id="Windows"),
        pytest.param("wrapper /opt/llama-server", "wrapper llama-server", id="command"),
        pytest.param("endpoint http://gpu1:8000/v1", "endpoint URL", id="URL"),
        pytest.param("https://hub.example.com/org/x.gguf", "x.gguf", id="URL of a model"),
        pytest.param("ggml-org/gemma-3-4b-it-GGUF", "ggml-org/gemma-3-4b-it-GGUF", id="repository"),
        pytest.param(["--lora", "/my models/x.gguf"], ["--lora", "x.gguf"], id="an argument with spaces"),
        pytest.param(["--lora=/m/x.gguf,/n/y.gguf"], ["--lora=x.gguf,y.gguf"], id="several"),
        pytest.param(["LLAMA_ARG_MMPROJ=/m/x.gguf"], ["LLAMA_ARG_MMPROJ=x.gguf"], id="variable"),
        pytest.param(["--rpc", "gpu1:50052,gpu2:50052"], ["--rpc", "2 hosts"], id="hosts"),
        pytest.param(["LLAMA_ARG_RPC=gpu1:50052"], ["LLAMA_ARG_RPC=1 host"], id="host in a variable"),
        pytest.param(["-ngl", "99", "--override-kv", "a.b=int:10"], ["-ngl", "99", "--override-kv", "a.b=int:10"]),
        pytest.param({"effort": "none", "n": 1, "x": None}, {"effort": "none", "n": 1, "x": None}, id="table"),
        pytest.param([], [], id="nothing"),
        pytest.param("--lora '/my models/x.gguf' -ngl 9", "--lora x.gguf -ngl 9", id="joined, with spaces"),
        pytest.param("A=/m/x.gguf --mmproj=/m/y.gguf", "A=x.gguf --mmproj=y.gguf", id="joined, with values"),
        pytest.param("--rpc gpu1:1,gpu2:1 -fa on", "--rpc '2 hosts' -fa on", id="joined, hosts"),
        pytest.param("LLAMA_ARG_RPC=gpu1:50052", "'LLAMA_ARG_RPC=1 host'", id="one variable"),
        pytest.param("--host gpu1.lan --port 80", "--host '1 host' --port 80", id="joined, host"),
        pytest.param(["--host", "gpu1.lan"], ["--host", "1 host"], id="host of its own"),
        pytest.param(r"-m C:\me\x.gguf -fa on", "-m x.gguf -fa on", id="joined, Windows"),
        pytest.param(r"-m /my\ models/x.gguf", "-m x.gguf", id="joined, escaped"),
        pytest.param("b1 (/home/me/llama.cpp)", "b1 (llama.cpp)", id="brackets"),
        pytest.param("the card's /home/me/x", "the card's x", id="an open quote"),
        pytest.param("it is 'so'", "it is 'so'", id="nothing to hide"),
        pytest.param("http://gpu1/v1?k=/x", "URL", id="URL with a value"),
    ],
)
def test_shareable(value: object, shown: object) -> None:
    """What an answer depends on stays, where it lies does not."""
    assert shown == shareable(value)


@given(st.lists(NAMES, min_size=1, max_size=4), NAMES, st.sampled_from(["{}", "--lora={}", "A={},{}", "{}/"]))
def test_no_folder_is_left(folders: list[str], name: str, form: str) -> None:
    """Of a path as an argument of its own only the last name is seen, whatever the folders are called."""
    path = "/" + "/".join(f"secret{folder}" for folder in folders) + f"/{name}"
    shown = json.dumps(shareable([form.format(path, path)]))

    assert "secret" not in shown
    assert json.dumps(name)[1:-1] in shown


@given(st.lists(NAMES, min_size=1, max_size=4), NAMES, st.sampled_from(["{}", "--lora={}", "A={},{}", "{}/"]))
def test_no_folder_is_left_in_a_joined_text(folders: list[str], name: str, form: str) -> None:
    """The same of arguments that a shell would take apart."""
    path = "/" + "/".join(f"secret{folder}" for folder in folders) + f"/{name}"

    assert "secret" not in shareable(shlex.join(["-fa", "on", form.format(path, path)]))
