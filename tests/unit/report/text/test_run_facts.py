"""What a run is, in terms and values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.text import printable
from pytest_codeneedle.report.text.run_facts import run_facts

#: A run.json as a session writes it, as far as it is read.
ABOUT: dict[str, Any] = {
    "started": "2026-11-25T21:19:40+0000",
    "wall_seconds": 3725.2,
    "resumed": ["2026-11-26T08:00:00+0000"],
    "model": "/home/me/models/tiny.gguf",
    "model_name": "tiny",
    "model_file": "/home/me/models/tiny.gguf",
    "model_sha256": "3da34b5f9b46e5a8046727571b2450d13f2ebf28cf5b13dd903de6cc73d054a8",
    "server": "/opt/llama/bin/llama-server",
    "server_build": "b7000-abc",
    "server_version": "version: 7000 (abc)",
    "server_changes": ["-c 4096: --kv-n-ctx 8192 was given too"],
    "server_args": ["--mmproj", "/home/me/mm.gguf"],
    "request": {"temperature": 0.5},
    "workers": 2,
    "devices": ["0", "1"],
    "threads": 4,
    "pairs": ["bf16/bf16", "q4_0/q4_0"],
    "cells": ["bf16/bf16", "q4_0/q4_0"],
    "reference": "bf16/bf16",
    "delta": 0.5,
    "order": "shuffled",
    "repeat": 3,
    "rotations": ["default"],
    "shard": None,
    "lines": 20,
    "pass": 8,
    "relax_indent": True,
    "full_answer": False,
    "prompt": "quoted",
    "think": "auto",
    "thinking": "prefill",
    "corpus": "mine",
    "corpus_sha256": "7be623e550c980ae52e8c318069acbfa07f8c13e1d0b2c819dd8187dac018983",
    "corpus_bytes": 8618,
    "corpus_files": ["a.py", "b.py"],
    "language": "python",
    "private": True,
    "skipped_files": {"c.py": "line 3"},
    "trim": {"max_tokens": 4000, "dropped": ["d.py"]},
    "asked": ["f", "g"],
    "sample_k": 8,
    "sample_seed": 42,
    "functions": [],
    "n_ctx": 8192,
    "tokens": {"file": 3900, "longest_prompt": 4300},
    "machine": {"system": "Linux 6.1", "architecture": "x86_64", "cores": 8, "python": "3.12.1"},
    "versions": {"pytest-codeneedle": "0.1.0", "gguf": None},
    "identity": {
        "server_args": ["-fa", "on", "--mmproj", "/home/me/mm.gguf", "--rpc", "gpu1:50052,gpu2:50052"],
        "environment": ["LLAMA_ARG_RPC=gpu1:50052"],
        "rotation": "default",
    },
}


def test_all_that_a_run_depends_on() -> None:
    """Hashes to twelve digits; no path and no host of the machine."""
    assert {
        "corpus": "mine, sha256 7be623e550c9, python, 2 files, 8618 bytes, trimmed to 4000 tokens (1 file dropped), "
        "1 file left out, private",
        "model": "tiny, sha256 3da34b5f9b46",
        "server": "llama-server, version: 7000 (abc), b7000-abc",
        "arguments": "'LLAMA_ARG_RPC=1 host' -fa on --mmproj mm.gguf --rpc '2 hosts'",
        "request": "temperature=0.5",
        "rotation": "default",
        "context": "8192 tokens, 3900 of the corpus, 4300 of the longest question",
        "grid": "2 pairs, reference bf16/bf16, delta 0.5 lines, 3 passes, shuffled",
        "questions": "2 functions, 20 lines each, 8 lines pass, indentation ignored",
        "wording": "quoted, thinking: prefill",
        "sample": "8 functions, seed 42",
        "date": "2026-11-25T21:19:40+0000, resumed 1 time",
        "wall time": "1:02:05",
        "machine": "Linux 6.1, x86_64, 8 cores, Python 3.12.1",
        "servers": "2 at once, 4 threads each, devices 0 1",
        "versions": "pytest-codeneedle 0.1.0",
    } == dict(run_facts(ABOUT))


def test_what_is_not_known_is_left_out() -> None:
    """Of a run of an older version, or of another program."""
    bare = {"corpus": "mine", "corpus_sha256": "7" * 64, "model_name": "m", "pairs": ["as-served"], "functions": [{}]}
    assert {
        "corpus": "mine, sha256 777777777777",
        "model": "m",
        "grid": "1 pair",
        "questions": "1 function",
    } == dict(run_facts(bare))


def test_an_endpoint_is_named_without_its_host() -> None:
    """Whose it is is nobody's business; the command that a server was started with keeps its arguments."""
    found = dict(run_facts({**ABOUT, "server": "endpoint http://gpu.example.org:8080/v1", "server_version": None}))
    assert "endpoint URL, b7000-abc" == found["server"]
    assert not {"arguments", "rotation"} & found.keys()  # nobody tells them
    given = {**ABOUT, "server_command": "/opt/bin/llama-server -m /home/me/x.gguf -c 4096"}
    assert "llama-server -m x.gguf -c 4096" == dict(run_facts(given))["command"]


def test_rotations_that_were_asked_for() -> None:
    """By cell, else what the environment says."""
    assert "on and off" == dict(run_facts({**ABOUT, "rotations": ["on", "off"]}))["rotation"]


def test_runs_that_were_made_of_others() -> None:
    """Shards and files of another program, by their last names."""
    merged = {"merged": [{"run": "/tmp/runs/a"}, {"run": "runs/b"}], "imported": ["q8_0-q4_0.json"]}
    assert "/tmp/runs/a" not in json.dumps(run_facts({**ABOUT, **merged}))
    assert "a, runs/b, q8_0-q4_0.json" == dict(run_facts({**ABOUT, **merged}))["made of"]


@pytest.mark.parametrize("key", ["corpus", "model_name", "server", "server_build", "prompt", "order", "started"])
@given(text=st.text())
def test_no_code_of_a_terminal_gets_out(key: str, text: str) -> None:
    """Names of corpora, models and servers are others' text."""
    for term, value in run_facts({**ABOUT, key: text}):
        assert (term, value) == (printable(term), printable(value))
