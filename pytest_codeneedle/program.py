"""Which llama.cpp server is started, and with which arguments."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.errors import ConfigurationError, ServerNotFoundError

if TYPE_CHECKING:
    from pytest_codeneedle.kvtypes import KVPair

EMBEDDED = "embedded"
HOST = "127.0.0.1"
_HELP_SECONDS = 60
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
    "-hf": "--kv-model",
    "--hf-repo": "--kv-model",
    "-mu": "--kv-model",
    "--model-url": "--kv-model",
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
#: Pinned where the build knows them; older builds do not, and need no pinning there.
_IF_KNOWN = (("--cache-ram", "0"), ("--fit", "off"), ("--no-warmup", None), ("--offline", None))


@dataclass(frozen=True)
class ServerProgram:
    """A llama-server binary, or the embedded one.

    `command` starts it; `optional` are the arguments out of `_IF_KNOWN` that it knows.
    """

    command: tuple[str, ...]
    label: str
    optional: tuple[str, ...]


@dataclass(frozen=True)
class ServerArgs:
    """All that a server is started with. `threads` is per server; None leaves it to llama.cpp."""

    program: ServerProgram
    model: Path
    pair: KVPair
    n_ctx: int
    threads: int | None = None
    extra: tuple[str, ...] = ()

    def with_extra(self, *arguments: str) -> ServerArgs:
        """The same with more arguments at the end, for a user's own `llama_server_args` fixture."""
        return replace(self, extra=(*self.extra, *arguments))

    def argv(self, port: int) -> list[str]:
        """The command line. Everything that llama.cpp would fit to free memory is pinned."""
        threads = () if self.threads is None else ("-t", str(self.threads), "-tb", str(self.threads))
        return [
            *self.program.command,
            *("-m", str(self.model)),
            *("-ctk", self.pair.ctk, "-ctv", self.pair.ctv, "-fa", "on"),
            *("-c", str(self.n_ctx), "-np", "1"),
            *("--host", HOST, "--port", str(port)),
            *("-lv", "4"),
            *threads,
            *self.program.optional,
            *self.extra,
        ]


def parse_server_args(text: str) -> tuple[str, ...]:
    """`--kv-server-args` as words; ConfigurationError for one that the grid sets itself."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        msg = f"server arguments {text!r}: {error}"
        raise ConfigurationError(msg) from error
    for word in words:
        name = word.split("=", 1)[0]
        if name in _RESERVED:
            msg = f"server argument {name} is set by the grid; use {_RESERVED[name]}"
            raise ConfigurationError(msg)
    return words


def find_program(setting: str | None) -> ServerProgram:
    """The server to start: a path, a name on PATH, `embedded`, or by default whichever is there.

    Raises ServerNotFoundError that names the extra and the binary.
    """
    if setting == EMBEDDED:
        return _embedded()
    if setting:
        path = shutil.which(setting) or shutil.which(str(Path(setting).expanduser()))
        if path is None:
            msg = f"no server at {setting!r}: give the path of an executable llama-server, or 'embedded'"
            raise ServerNotFoundError(msg)
        return _binary(path)
    path = shutil.which("llama-server")
    if path is not None:
        return _binary(path)
    if importlib.util.find_spec("xllamacpp") is None:
        msg = (
            "no llama.cpp server found: put llama-server on PATH, name one with --kv-server PATH, "
            "or pip install 'pytest-codeneedle[embedded]'"
        )
        raise ServerNotFoundError(msg)
    return _embedded()


def _embedded() -> ServerProgram:
    if importlib.util.find_spec("xllamacpp") is None:
        msg = "the embedded server needs the package xllamacpp: pip install 'pytest-codeneedle[embedded]'"
        raise ServerNotFoundError(msg)
    version = importlib.metadata.version("xllamacpp")
    command = (sys.executable, "-P", "-m", "pytest_codeneedle.embedded")  # -P: nothing in the user's folder shadows
    known = ("--cache-ram", "0", "--fit", "off", "--no-warmup")
    return ServerProgram(command, f"embedded (xllamacpp {version})", known)


def _binary(path: str) -> ServerProgram:
    """The binary at `path`, asked once which of the pinned arguments it knows."""
    try:
        done = subprocess.run(  # noqa: S603 - the user's own server, no shell
            [path, "--help"], capture_output=True, text=True, errors="replace", timeout=_HELP_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        msg = f"the server {path} does not answer --help: {error}; give the path of a llama-server"
        raise ServerNotFoundError(msg) from error
    known = done.stdout + done.stderr
    if "--cache-type-k" not in known:
        msg = f"{path} is not a llama-server: its --help knows no --cache-type-k"
        raise ServerNotFoundError(msg)
    optional = [
        word for name, value in _IF_KNOWN if name in known for word in ((name,) if value is None else (name, value))
    ]
    return ServerProgram((path,), path, tuple(optional))
