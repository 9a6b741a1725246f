"""Server arguments that a user adds to every cell (`--kv-server-args`, a profile): which may be theirs to set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.server.command.flags import preset_model
from pytest_codeneedle.server.command.pasted import argument_words

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Set by the grid: an argument of the user's that changed one of these would make the cells lie.
_RESERVED = {
    "-m": "--kv-model",
    "--model": "--kv-model",
    "-ctk": "--ctk",
    "--cache-type-k": "--ctk",
    "-ctv": "--ctv",
    "--cache-type-v": "--ctv",
    "-c": "--kv-n-ctx",
    "--ctx-size": "--kv-n-ctx",
    "-np": "nothing: one slot keeps the prompt cache",
    "--parallel": "nothing: one slot keeps the prompt cache",
    "-fa": "nothing: a quantized V cache needs flash attention",
    "--flash-attn": "nothing: a quantized V cache needs flash attention",
    **dict.fromkeys(
        ("--grammar", "--grammar-file", "-j", "--json-schema", "-jf", "--json-schema-file"),
        "nothing: an answer may be any text",
    ),
    **dict.fromkeys(("--embedding", "--embeddings", "--rerank", "--reranking"), "nothing: questions are asked"),
    "--log-prompts-dir": "nothing: a prompt holds the corpus, which stays in the run folder",
    "-r": "nothing: what ends an answer early is its profile's stop",
    "--reverse-prompt": "nothing: what ends an answer early is its profile's stop",
    "--sleep-idle-seconds": "nothing: a server that slept has forgotten the corpus",
    "-hf": "--kv-model",
    "--hf-repo": "--kv-model",
    "-mu": "--kv-model",
    "--model-url": "--kv-model",
    "--models-preset": "--kv-model: one model is asked",
    "--models-dir": "--kv-model: one model is asked",
    "--no-cache-prompt": "nothing: the prompt cache holds the corpus",
    "--api-key": "nothing: servers listen on 127.0.0.1 only",
    "--api-key-file": "nothing: servers listen on 127.0.0.1 only",
    "--api-prefix": "nothing: servers listen on 127.0.0.1 only",
    "--ssl-key-file": "nothing: servers listen on 127.0.0.1 only",
    "--ssl-cert-file": "nothing: servers listen on 127.0.0.1 only",
    "--host": "nothing: servers listen on 127.0.0.1 only",
    "--port": "nothing: a free port is taken",
    "-lv": "nothing: the validity of a cell is read from the log",
    "--verbosity": "nothing: the validity of a cell is read from the log",
    "--log-verbosity": "nothing: the validity of a cell is read from the log",
    "--log-file": "nothing: the log goes into the run folder",
    "--log-disable": "nothing: the validity of a cell is read from the log",
}
#: What can be said in the environment instead.
_SECRET = {"-hft": "HF_TOKEN", "--hf-token": "HF_TOKEN"}
#: Arguments that decide how fast a server is and nothing else, each with a value.
_THREADS = frozenset(("-t", "--threads", "-tb", "--threads-batch"))


def without_threads(words: Sequence[str]) -> list[str]:
    """The words without those that decide how fast a server is, and nothing else."""
    kept = []
    rest = iter(words)
    for word in rest:
        if word in _THREADS:
            next(rest, None)
        elif word.partition("=")[0] not in _THREADS:
            kept.append(word)
    return kept


def parse_server_args(text: str, *, options: bool = True) -> tuple[str, ...]:
    """`--kv-server-args` as words; ConfigurationError for one that the grid sets itself.

    `options` says that the caller has the options that stand for those, and is to name them.
    """
    words = tuple(argument_words(text, "server arguments"))
    for word in words:
        name = word.split("=", 1)[0]
        if preset_model(name):
            way = "name it with --kv-model, or in the command of --kv-server" if options else "leave it out"
            msg = f"server argument {name} names a model to download; {way}"
            raise ConfigurationError(msg)
        if name in _SECRET:
            msg = (
                f"server argument {name}: others can read a server's arguments; set {_SECRET[name]} in the environment"
            )
            raise ConfigurationError(msg)
        if name in _RESERVED:
            reason = f"is set by the grid; use {_RESERVED[name]}" if options else "is set for each cell; leave it out"
            msg = f"server argument {name} {reason}"
            raise ConfigurationError(msg)
    return words
