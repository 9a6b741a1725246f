"""Which llama.cpp server is started, and with which arguments."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.core.devices import pins
from pytest_codeneedle.core.errors import ServerNotFoundError
from pytest_codeneedle.core.machine import expanded
from pytest_codeneedle.core.redaction import redacted_words
from pytest_codeneedle.server import embedded
from pytest_codeneedle.server.command.given_args import without_threads
from pytest_codeneedle.server.command.pasted import refuse_elsewhere
from pytest_codeneedle.server.command.speculation import without_speculation
from pytest_codeneedle.server.command.user_command import (
    EMBEDDED_MODULE,
    UserCommand,
    looks_like_command,
    parse_command,
)
from pytest_codeneedle.server.log.rotation import environment as rotated
from pytest_codeneedle.server.probe import Known, ask_help, ask_version, known_arguments, knows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_codeneedle.core.cells import Rotation
    from pytest_codeneedle.core.kv_types import KVPair

EMBEDDED = "embedded"
HOST = "127.0.0.1"
_ADDRESS = re.compile(r"[\w.-]+:\d+(/|$)|localhost\b")
_FIT_LEFT_ON = "--fit may choose other layers for the GPU in each cell; -ngl N would pin them"


@dataclass(frozen=True)
class ServerProgram:
    """A llama-server binary, the embedded one, or the command line that the user runs today.

    `command` starts it. `flash_attn`, `log_level` and `optional` are the grid's arguments as this build knows them,
    and `left_out` those that it does not know (see `Known`); `release` is its version where that is known without
    asking. The rest is of a user's command, as `UserCommand` has it: `arguments` for every server, its model, its
    context in tokens, `router` where it is one (`--models-preset FILE`), `served` its pair of cache types;
    `own_threads` where it says how many, `given`, its text, and `advice` on it; `speculation` is what asked for that
    and is not in it any more. `may_wrap`: the process that is started may not be the server itself.
    """

    command: tuple[str, ...]
    label: str
    optional: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    changes: tuple[str, ...] = ()
    speculation: tuple[str, ...] = ()
    model: str | None = None
    remote_model: str | None = None
    router: tuple[str, str] | None = None
    served: str | None = None
    n_ctx: int | None = None
    own_threads: bool = False
    given: str | None = None
    advice: tuple[str, ...] = ()
    may_wrap: bool = True
    flash_attn: tuple[str, ...] = ("-fa", "on")
    log_level: tuple[str, ...] = ("-lv", "4")
    left_out: tuple[str, ...] = ()
    release: str | None = None

    @property
    def embedded(self) -> bool:
        """Whether it is llama.cpp's server out of the installed package, and no program of its own."""
        return EMBEDDED_MODULE in self.command

    @property
    def variables(self) -> dict[str, str]:
        """What it sets in the server's environment; `env -u OTHER NAME=value` among its words does too."""
        words = (word.partition("=") for word in self.command[1:])
        return {
            **dict(self.environment),
            **{name: value for name, sign, value in words if sign and name.isidentifier()},
        }

    @cached_property
    def version(self) -> str | None:
        """The build: a binary's own words, `xllamacpp 2026.10.1`; None where it does not say. Asked on first use."""
        if self.release or not self.command:
            return self.release
        return ask_version(self.command, self.environment)

    def with_n_ctx(self, n_ctx: int | None) -> ServerProgram:
        """The same with --kv-n-ctx, which wins over the command's -c."""
        if n_ctx is None or self.n_ctx in (None, n_ctx):
            return self
        said = f"-c {self.n_ctx}: --kv-n-ctx {n_ctx} was given too"
        return replace(self, n_ctx=n_ctx, changes=(*self.changes, said))


@dataclass(frozen=True)
class ServerArgs:
    """All that a server is started with.

    `n_ctx` is its context in tokens, `threads` are this server's alone; None leaves them to llama.cpp. `model` is None
    where the program's arguments name one. `device` is the GPU that it sees, or several with commas; None leaves all to
    it. `rotation` is that of its cache. `from_fixture` are those words of `extra` that a user's fixture added.
    """

    program: ServerProgram
    model: Path | None
    pair: KVPair
    n_ctx: int
    threads: int | None = None
    extra: tuple[str, ...] = ()
    device: str | None = None
    rotation: Rotation = "default"
    from_fixture: tuple[str, ...] = ()

    def with_extra(self, *arguments: str) -> ServerArgs:
        """The same with more arguments at the end, for a user's own `llama_server_args` fixture."""
        return replace(self, extra=(*self.extra, *arguments), from_fixture=(*self.from_fixture, *arguments))

    @property
    def added(self) -> str:
        """The arguments at the end as one text, without secrets and threads: a fixture may have added some."""
        return shlex.join(redacted_words(without_threads(without_speculation(self.extra)[0])))

    @property
    def speculation(self) -> tuple[str, ...]:
        """What of the arguments at the end asks for speculation, and is not given to the server."""
        return without_speculation(self.extra)[1]

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments that are not the grid's own: those of the user's command, and those at the end."""
        return (*self.program.arguments, *self.extra)

    @property
    def environment(self) -> dict[str, str]:
        """What is set in its environment: the words before a user's command, the device, the rotation."""
        return {**dict(self.program.environment), **pins(self.device), **rotated(self.rotation)}

    def argv(self, port: int) -> list[str]:
        """The command line. Everything that llama.cpp would fit to free memory is pinned, and the last word wins."""
        # llama.cpp takes -t for batches too: given by the user it replaces both.
        own = self.threads is None or self.program.own_threads or _names_threads(self.extra)
        threads = () if own else ("-t", str(self.threads), "-tb", str(self.threads))
        return [
            *self.program.command,
            *(() if self.model is None else ("-m", str(self.model))),
            *self.program.arguments,
            *("-ctk", self.pair.ctk, "-ctv", self.pair.ctv, *self.program.flash_attn),
            *("-c", str(self.n_ctx), "-np", "1"),
            *("--host", HOST, "--port", str(port)),
            *self.program.log_level,
            *threads,
            *self.program.optional,
            *without_speculation(self.extra)[0],
        ]


def _names_threads(words: Sequence[str]) -> bool:
    return any(word.partition("=")[0] in ("-t", "--threads") for word in words)


def find_program(setting: str | None) -> ServerProgram:
    """The server to start: a path, a name on PATH, `embedded`, a command line, or by default whichever is there.

    Raises ServerNotFoundError that names the extra and the binary, ConfigurationError for a command line that
    cannot be taken.
    """
    if setting == EMBEDDED:
        return _embedded()
    if setting and looks_like_command(setting) and not _exists(setting):
        return _commanded(parse_command(setting))
    if setting:
        refuse_elsewhere((setting,))
        path = shutil.which(setting) or shutil.which(str(expanded(setting)))
        if path is None:
            url = f", or http://{setting} for one that runs already" if _ADDRESS.match(setting) else ""
            msg = f"no server at {setting!r}: give the path of an executable llama-server, or 'embedded'{url}"
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


def _exists(path: str) -> bool:
    return os.path.exists(os.path.expanduser(path))  # noqa: PTH110, PTH111 - a command may be too long for a Path


def _embedded() -> ServerProgram:
    if importlib.util.find_spec("xllamacpp") is None:
        msg = "the embedded server needs the package xllamacpp: pip install 'pytest-codeneedle[embedded]'"
        raise ServerNotFoundError(msg)
    version = importlib.metadata.version("xllamacpp")
    command = (sys.executable, "-P", "-m", EMBEDDED_MODULE)  # -P: nothing in the user's folder shadows
    known = known_arguments(embedded.parser().format_help())
    label = f"embedded (xllamacpp {version})"
    return _knowing(known, ServerProgram(command, label, (), may_wrap=False, release=f"xllamacpp {version}"))


def _binary(path: str) -> ServerProgram:
    """The binary at `path`, asked once which of the grid's arguments it knows."""
    return _knowing(known_arguments(ask_help((path,), path)), ServerProgram((path,), path, ()))


def _knowing(known: Known, program: ServerProgram) -> ServerProgram:
    """The program with the arguments that it knows."""
    return replace(
        program,
        flash_attn=known.flash_attn,
        log_level=known.log_level,
        optional=known.optional,
        left_out=known.left_out,
    )


def _commanded(user: UserCommand) -> ServerProgram:
    """The user's own command. What they leave to llama.cpp to fit stays so, and a remote model may be fetched."""
    release = None
    if user.program == (EMBEDDED,):
        plain = _embedded()
        command, label, release = plain.command, plain.label, plain.release
        said = embedded.parser().format_help()
    else:
        first = shutil.which(user.program[0]) or shutil.which(str(expanded(user.program[0])))
        if first is None:
            msg = f"--kv-server: no program {user.program[0]!r}; the command has to begin with one that is there"
            raise ServerNotFoundError(msg)
        command = (first, *map(_at_home, user.program[1:]))
        label = shlex.join(redacted_words(command))
        said = ask_help(command, label, user.environment)
    without = [*(["--fit"] if user.fitted else []), *(["--offline"] if user.remote_model else [])]
    program = ServerProgram(
        command,
        label,
        (),
        arguments=tuple(map(_at_home, user.arguments)),
        environment=user.environment,
        changes=user.changes,
        speculation=user.speculation,
        advice=(_FIT_LEFT_ON,) if user.fitted and knows(said, "--fit") else (),
        model=user.model,
        remote_model=user.remote_model,
        router=user.router,
        served=user.served,
        n_ctx=user.n_ctx,
        own_threads=user.threads,
        given=user.text,
        release=release,
    )
    return _knowing(known_arguments(said, without), program)


def _at_home(word: str) -> str:
    """A word that begins with `~/` as a shell would have it."""
    return str(Path(word).expanduser()) if word.startswith("~/") else word
