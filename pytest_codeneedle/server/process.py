"""The life of one llama.cpp server: start, readiness, log, stop. Nothing outlives the process that started it.

Start servers from the main thread: Linux sends the parent-death signal when the *thread* that forked ends.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from pytest_codeneedle.core.cells import Place
from pytest_codeneedle.core.errors import ServerLeftError, ServerStartError
from pytest_codeneedle.core.private_files import for_the_user_alone
from pytest_codeneedle.core.redaction import redacted
from pytest_codeneedle.core.regular_files import read_ends
from pytest_codeneedle.server.command.flags import inherited
from pytest_codeneedle.server.contents.program_files import loaded_files
from pytest_codeneedle.server.contents.script_words import ScriptWords, script_words
from pytest_codeneedle.server.http.api_key import ApiKey
from pytest_codeneedle.server.http.llama_client import Client
from pytest_codeneedle.server.leftovers import Traces, die_with_parent, listening
from pytest_codeneedle.server.log.error_lines import error_lines, quoted
from pytest_codeneedle.server.log.memory import memory_fault
from pytest_codeneedle.server.log.validity import Validity, read_validity
from pytest_codeneedle.server.program import HOST, ServerArgs
from pytest_codeneedle.server.watchdog import WATCHED_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: A large model from a slow disk takes minutes; a server that hangs takes for ever.
LOAD_DEADLINE_SECONDS = 1800.0
#: A server has nothing to save, and a Ctrl-C is not to be waited for.
STOP_SECONDS = 1.0
#: How long a process may take to end after its connections did: then it is known why they broke.
_ENDING_SECONDS = 0.5
_ATTEMPTS = 3
_POLL_SECONDS = 0.01
_PORT_TAKEN = re.compile(r"couldn't bind|address already in use|bind.*fail", re.IGNORECASE)
_LISTENING = "listening on"


class LlamaServer:
    """A running server: what it was started with (`args`), its `url` on the loopback, its `log` (a path).

    `load_seconds` is the time that it was waited for until /health said ok; `ahead` says that it was started before
    anybody waited.

    It answers only who knows its key, which is random and in no record: `client` does, and `headers` are for others.
    """

    def __init__(self, args: ServerArgs, process: subprocess.Popen[bytes], log: Path, traces: Traces) -> None:
        self.args = args
        self._traces = traces
        self._key = ApiKey(traces.key)
        self.process = process
        self.log = log
        self.url = f"http://{HOST}:{traces.port}"
        self.client = Client(self.url, self.headers)
        self.load_seconds = 0.0
        self.ahead = False
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._ending_since: float | None = None
        self._listening: set[str] = set()  # its sockets, once it was ready

    @property
    def headers(self) -> dict[str, str]:
        """What a request of one's own has to carry: the server's key."""
        return self._key.header()

    @property
    def log_text(self) -> str:
        """The log so far; of one of more than 8 MiB the beginning and the end."""
        return read_ends(self.log)

    def validity(self) -> Validity:
        """What the log says of the cache; raises InvalidCellError where it is not what was asked for."""
        return read_validity(self.log_text, self.args.pair, self.args.rotation)

    def loaded_files(self) -> dict[str, Path]:
        """The files that it has loaded, by label, as far as they can be seen; wrappers' servers are seen too."""
        return loaded_files(self._traces.processes(), self.log_text)

    def script_words(self) -> ScriptWords:
        """What a script that starts it has changed of its command and its variables, as far as that can be seen."""
        given, environment = self.args.argv(self._traces.port), _environment(self.args, self._traces)
        process = self._traces.server(self._listening)
        return script_words(process, given, len(self.args.program.command), environment)

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def usable(self) -> bool:
        """Whether it still answers, after a request of it broke."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_ENDING_SECONDS)
        return self.alive() and self.client.healthy()

    def wait_ready(self, deadline_seconds: float) -> None:
        """Wait until /health says ok. Raises ServerStartError with the end of the log."""
        began = time.monotonic()
        # The log too: another program that took the port may answer /health.
        while not (self.client.healthy() and _LISTENING in self.log_text):
            if not self.alive():
                status = self.process.returncode
                log = self.log_text
                short = memory_fault(log, self.args.pair, self.args.n_ctx, status) or next(iter(error_lines(log)), None)
                msg = f"the server ended with exit status {status} while it loaded"
                raise ServerStartError(self.with_tail(f"{msg}: {short}" if short else msg))
            if time.monotonic() - began > deadline_seconds:
                msg = f"the server was not ready after {deadline_seconds:g} s"
                raise ServerStartError(self.with_tail(msg))
            time.sleep(_POLL_SECONDS)
        self._listening = listening(self._traces.port)
        self.load_seconds = time.monotonic() - began

    def terminate(self) -> None:
        """Ask it to end, and do not wait; `stop` does."""
        if self._ending_since is None and self.alive():
            self._ending_since = time.monotonic()
            self._signal("SIGTERM")

    def stop(self) -> None:
        """Terminate; kill after a second, and what a wrapper leaves behind at once. Safe to call twice.

        Raises ServerLeftError where some of it cannot be ended.
        """
        self.client.close()
        try:
            self.terminate()
            if self._ending_since is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(max(0.0, self._ending_since + STOP_SECONDS - time.monotonic()))
        finally:  # a second Ctrl-C, too
            left = self._end()
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.terminate()
            self._watchdog.stdin.close()
            self._watchdog.wait()
        if left:
            msg = f"{self.args.pair}: the server could not be ended: {left}; end it by hand, as its user"
            raise ServerLeftError(msg)

    def kill(self) -> None:
        """End it at once, and what a wrapper started: one that hangs, or is stopped by a debugger, ends too."""
        self._end()

    def _end(self) -> str:
        """The same; what is left all the same, for a message."""
        astray = not self._listening and not self.alive() and self._ending_since is None
        if self.alive() or self._ending_since is not None:
            self._signal("SIGKILL")
            self.process.wait()
            self._ending_since = None
        if not self.args.program.may_wrap:
            return ""
        return self._traces.end(self._listening, astray=astray)

    def _signal(self, name: str) -> None:
        """Signal the whole group: `time llama-server` starts the server as a child of its own."""
        if sys.platform == "win32":
            self.process.terminate()
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: no permission where all have ended
            os.killpg(self.process.pid, getattr(signal, name))

    def guard(self) -> None:
        """Where the kernel does not end orphans, have a watchdog process do it."""
        words = (str(self.process.pid), self._traces.mark, str(self._traces.port), str(self._traces.since))
        self._watchdog = subprocess.Popen(  # noqa: S603 - this package's own module, no shell
            [sys.executable, "-P", "-m", "pytest_codeneedle.server.watchdog", *words],
            stdin=subprocess.PIPE,
            env={**os.environ, WATCHED_KEY: self._traces.key},
            start_new_session=True,  # a Ctrl-C in the terminal is not meant for it
        )

    def with_tail(self, message: str) -> str:
        """The message under the cell's name, and below it the lines of the log that tell most, without secrets."""
        shown = Place(self.args.pair, self.args.rotation)
        told = redacted(quoted(self.log_text)) or "(the log is empty)"
        return f"{shown}: {redacted(message)}. The last lines of {self.log}:\n{told}"


@contextlib.contextmanager
def launched(args: ServerArgs, log: Path, *, deadline_seconds: float = LOAD_DEADLINE_SECONDS) -> Iterator[LlamaServer]:
    """A server that is ready, as `start` has it, stopped at the end."""
    server = start(args, log, deadline_seconds=deadline_seconds)
    try:
        yield server
    finally:
        server.stop()


def stop_all(servers: Sequence[LlamaServer]) -> None:
    """Stop several at once: together they take as long as the slowest."""
    try:
        for server in servers:
            server.terminate()
    finally:
        with contextlib.ExitStack() as each:  # all of them, also where one cannot be stopped
            for server in servers:
                each.callback(server.stop)


class Loading:
    """A server that was started and is not waited for: it loads while something else is done."""

    def __init__(self, args: ServerArgs, log: Path) -> None:
        self._log = log
        self.server = _spawn(args, _unused(log))
        self.server.ahead = True

    def ready(self) -> LlamaServer:
        """The server, once it is ready; `load_seconds` is what it was still waited for.

        Raises ServerStartError. A port that another program took is tried anew, as ever.
        """
        try:
            self.server.wait_ready(LOAD_DEADLINE_SECONDS)
        except ServerStartError:
            self.server.stop()
            if not _PORT_TAKEN.search(self.server.log_text):
                raise
            return start(self.server.args, self._log)
        except BaseException:
            self.server.stop()
            raise
        return self.server


def start(args: ServerArgs, log: Path, *, deadline_seconds: float = LOAD_DEADLINE_SECONDS) -> LlamaServer:
    """Start a server and wait until it is ready. Its output goes to `log`; a second start gets a file of its own.

    A port that another program took in between is tried anew. Raises ServerStartError with lines of the log.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        server = _spawn(args, _unused(log))
        try:
            server.wait_ready(deadline_seconds)
        except ServerStartError:
            server.stop()
            if attempt == _ATTEMPTS or not _PORT_TAKEN.search(server.log_text):
                raise
        except BaseException:
            server.stop()
            raise
        else:
            return server
    raise AssertionError  # the loop returns or raises


def _unused(log: Path) -> Path:
    """The path itself, or the first of `NAME.2.log`, `NAME.3.log` and so on that is free: no log is overwritten."""
    numbered = (log.with_name(f"{log.stem}.{number}{log.suffix}") for number in itertools.count(2))
    return next(path for path in itertools.chain((log,), numbered) if not path.exists())


def _spawn(args: ServerArgs, log: Path) -> LlamaServer:
    port = free_port()
    argv = args.argv(port)
    log.parent.mkdir(parents=True, exist_ok=True)
    traces = Traces.new(port)
    with open(log, "xb", opener=for_the_user_alone) as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - the user's own server, no shell
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(args, traces),
                start_new_session=True,  # a Ctrl-C in the terminal is pytest's to handle
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - only prctl is called between fork and exec
            )
        except OSError as error:
            msg = f"{args.pair}: the server {argv[0]} could not be started: {error.strerror}"
            raise ServerStartError(msg) from error
    server = LlamaServer(args, process, log, traces)
    if not sys.platform.startswith("linux") or args.program.may_wrap:
        try:
            server.guard()  # of a script or a command the kernel may end no more than a wrapper
        except BaseException:  # a Ctrl-C meanwhile
            server.stop()
            raise
    return server


def _environment(args: ServerArgs, traces: Traces) -> dict[str, str]:
    return {**inherited(os.environ), **args.environment, "PYTHONUNBUFFERED": "1", **traces.environment}


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on at this moment."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port
