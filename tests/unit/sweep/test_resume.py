"""What an answer depends on, as far as the machine's environment decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_codeneedle.server.command.given_args import without_threads
from pytest_codeneedle.server.program import ServerProgram
from pytest_codeneedle.sweep.resume import _environment, _wrapping

if TYPE_CHECKING:
    from pathlib import Path


def test_arguments_from_the_environment_count() -> None:
    """llama-server reads arguments from there: those that change answers are part of the key, secrets are not shown."""
    there = {
        "LLAMA_ARG_ROPE_SCALE": "8",
        "GGML_CUDA_FORCE_MMQ": "1",
        "LLAMA_ARG_HF_TOKEN": "secret",
        "LLAMA_ARG_THREADS": "4",
        "LLAMA_API_KEY": "secret",
        "HOME": "/",
    }

    assert ["GGML_CUDA_FORCE_MMQ=1", "LLAMA_ARG_HF_TOKEN=***", "LLAMA_ARG_ROPE_SCALE=8"] == _environment(there)


def test_words_of_a_wrapper_count(tmp_path: Path) -> None:
    """They decide what the server is given; a file's folder does not, and secrets are not shown."""
    server = tmp_path / "llama-server"
    server.touch()
    command = ("/bin/pos.sh", "la", "-u", "X", "A=b", "MY_TOKEN=hush", str(server))

    assert ["la", "-u", "X", "A=b", "MY_TOKEN=***", "llama-server"] == _wrapping(ServerProgram(command, "x", ()))


def test_threads_are_no_part_of_an_answer() -> None:
    """With their values, in both spellings."""
    words = ["-ngl", "99", "-t", "4", "--threads-batch=2", "--rope-scale", "8", "-tb", "1"]

    assert ["-ngl", "99", "--rope-scale", "8"] == without_threads(words)
