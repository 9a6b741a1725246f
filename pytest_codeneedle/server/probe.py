"""What a llama-server says of itself: its --help, which arguments it takes; its --version, which build it is."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import ServerNotFoundError
from pytest_codeneedle.server.command.flags import inherited

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import IO

#: Nothing is lost where a build does not know these: they save time and network access.
UNIMPORTANT = ("--no-warmup", "--offline")
_SECONDS = 60
#: A help text has some KiB.
_MOST_BYTES, _PIECE = 2**22, 2**16
#: Pinned where the build knows them; older builds end at an argument that they do not know.
_IF_KNOWN = (("--cache-ram", "0"), ("--fit", "off"), ("--no-warmup", None), ("--offline", None))
#: Before August 2025 -fa was a switch: its help goes on with the explanation, in a column of its own.
_SWITCH = re.compile(r"--flash-attn(?:[ \t]{2,}|[ \t]*$)", re.MULTILINE)
#: The level that shows what the model's library says, the cache line among it, but no whole requests, which fill the
#: log. Before May 2026 that was llama.cpp's default: info, or 0 where levels have no names yet.
_LEVELS = (
    (re.compile(r"\b4: debug\b"), "3"),
    (re.compile(r"verbosity will be\s+ignored\.\s+\(env: LLAMA_LOG_VERBOSITY\)"), "0"),
)
_LEVEL = "4"
#: argparse colours its help from Python 3.14 on, a name at a time.
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_VERSION = re.compile(r"^version: (?P<version>\S.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Known:
    """The grid's own arguments in the words of one build.

    `flash_attn` and `log_level` are empty where it has no such argument, `optional` has those of the others that it
    knows, and `left_out` names what it does not know.
    """

    flash_attn: tuple[str, ...]
    log_level: tuple[str, ...]
    optional: tuple[str, ...]
    left_out: tuple[str, ...]


def known_arguments(said: str, without: Collection[str] = ()) -> Known:
    """What a server's help knows of the grid's arguments; those in `without` are not wanted in any case."""
    said = _COLOUR.sub("", said)
    wanted = [(name, value) for name, value in _IF_KNOWN if name not in without]
    flash, level = knows(said, "--flash-attn"), knows(said, "--log-verbosity")
    missing = [name for name, there in (("-fa", flash), ("-lv", level)) if not there]
    return Known(
        flash_attn=() if not flash else ("-fa",) if _SWITCH.search(said) else ("-fa", "on"),
        log_level=("-lv", next((number for shape, number in _LEVELS if shape.search(said)), _LEVEL)) if level else (),
        optional=tuple(word for one in wanted if knows(said, one[0]) for word in one if word is not None),
        left_out=(*missing, *(name for name, _ in wanted if not knows(said, name))),
    )


def knows(said: str, name: str) -> bool:
    """Whether a help text has an argument of that name; `--fit-target` is no `--fit`."""
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", _COLOUR.sub("", said)) is not None


def ask_help(command: Sequence[str], label: str, environment: Sequence[tuple[str, str]] = ()) -> str:
    """What a server says to --help. Raises ServerNotFoundError where it does not answer, or is another program."""
    try:
        said = _ask(command, "--help", environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        msg = f"the server {label} does not answer --help: {error}; give the path of a llama-server"
        raise ServerNotFoundError(msg) from error
    if "--cache-type-k" not in said:
        msg = (
            f"{label} is not a llama-server: its --help knows no --cache-type-k; a server of another kind that runs "
            "already is measured by its URL, as one cell"
        )
        raise ServerNotFoundError(msg)
    return said


def ask_version(command: Sequence[str], environment: Sequence[tuple[str, str]] = ()) -> str | None:
    """The build, as the line `version: 7345 (abcdef)` of --version has it; None where there is no such line."""
    try:
        found = _VERSION.search(_ask(command, "--version", environment))
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found["version"] if found else None


def ask_devices(command: Sequence[str], environment: Sequence[tuple[str, str]] = ()) -> str:
    """What a server says to --list-devices; nothing where it cannot be asked."""
    try:
        return _ask(command, "--list-devices", environment)
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _ask(command: Sequence[str], flag: str, environment: Sequence[tuple[str, str]]) -> str:
    """All that a program prints with this one argument."""
    with subprocess.Popen(  # noqa: S603 - the user's own server, no shell
        [*command, flag],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        env={**inherited(os.environ), **dict(environment)},
        start_new_session=True,  # what a script starts is in its group, and ends with it
    ) as process:
        said: list[bytes] = []
        reader = threading.Thread(target=lambda: said.append(_beginning(process.stdout)), daemon=True)
        try:
            reader.start()
            reader.join(_SECONDS)
            if not said:
                raise subprocess.TimeoutExpired([*command, flag], _SECONDS)
            return said[0].decode("utf-8", "replace").replace("\r\n", "\n")
        finally:
            _end(process)


def _beginning(output: IO[bytes] | None) -> bytes:
    """What a program prints, as far as anybody reads it: one may never stop."""
    content = bytearray()
    while output is not None and len(content) < _MOST_BYTES and (piece := output.read(_PIECE)):
        content += piece
    return bytes(content)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started, also where it did not answer."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            getattr(os, "killpg", os.kill)(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        process.wait()
