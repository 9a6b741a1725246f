"""Faults on the way to a real server, one per start: a fake, for no server and no network gives them on demand.

It stands between the client and the real llama.cpp server and forwards what comes, but for one /completion. The server
behind it is real, and so is its death in the faults `sigkill` and `sigstop`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_codeneedle.server.http import deadline
from pytest_codeneedle.server.http.llama_client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_codeneedle.server.process import LlamaServer
    from pytest_codeneedle.server.program import ServerArgs

#: The warm-up is the first /completion.
_FIRST_QUESTION = 2
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_EVENT = b'data: {"content": "    x", "stop": false}\n\n'
_LATE = ("hang", "trickle", "sigstop")


class Faulty:
    """A proxy before `server` that breaks one /completion in the way that `fault` names.

    `reset`, `http500`, `http400`, `bad-json`, `hang` and `trickle` are its own; with `sigkill` and `sigstop` the server
    gets that signal once its answer has begun, and no more of it comes. `worker-killed` kills this process, the first
    time in this folder. It is the first question's, `fault@1` breaks the warm-up, and so on; `fault*` breaks all that
    follow, too.
    """

    def __init__(self, server: LlamaServer, fault: str) -> None:
        self._server = server
        name, _, nth = fault.rstrip("*").partition("@")
        self._fault, self._always, self._nth = name, fault.endswith("*"), int(nth or _FIRST_QUESTION)
        self._count = 0
        self._limits = (deadline.LEAST_SECONDS, deadline.WRITE_FACTOR)
        if self._fault in _LATE and self._nth == _FIRST_QUESTION:  # until the fault: the next answer has the usual time
            deadline.LEAST_SECONDS, deadline.WRITE_FACTOR = 0.5, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        server.client = Client(f"http://127.0.0.1:{self._listener.getsockname()[1]}", server.headers)

    def close(self) -> None:
        """Accept nothing more."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            request = _request(client)
            asks = b"POST /completion" in request[:20]
            self._count += asks
            if not asks or self._count < self._nth or (self._count > self._nth and not self._always):
                self._forward(client, request)
                return
            deadline.LEAST_SECONDS, deadline.WRITE_FACTOR = self._limits
            if self._fault == "worker-killed":
                mark = Path("worker-killed")
                if self._always or not mark.exists():
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
            if self._fault in ("sigkill", "sigstop", "worker-killed"):
                self._forward(client, request, then=getattr(signal, self._fault.upper(), None))
            else:
                self._break(client)

    def _forward(self, client: socket.socket, request: bytes, then: int | None = None) -> None:
        address = urlsplit(self._server.url)
        with socket.create_connection((address.hostname, address.port)) as server:
            server.sendall(request)
            while client not in select.select([client, server], [], [])[0]:
                piece = server.recv(1 << 12)
                if not piece:
                    return
                if then is not None and b"data: " in piece:
                    os.kill(self._server.process.pid, then)
                    client.sendall(piece[: piece.index(b"data: ") + 10])
                    if then == signal.SIGSTOP:
                        client.recv(1)
                    return
                client.sendall(piece)

    def _break(self, client: socket.socket) -> None:
        match self._fault:
            case "http500" | "http400":
                body = b'{"error": {"message": "made up", "type": "server_error"}}'
                head = f"HTTP/1.1 {self._fault[4:]} Made Up\r\nContent-Length: {len(body)}\r\n\r\n"
                client.sendall(head.encode() + body)
            case "bad-json":
                client.sendall(_HEAD + _chunk(_EVENT) + _chunk(b'data: {"content": \n\n') + _chunk(b""))
            case "reset":
                client.sendall(_HEAD + _chunk(_EVENT))
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            case "hang":
                client.recv(1)
            case "trickle":
                client.sendall(_HEAD + _chunk(_EVENT))
                while not select.select([client], [], [], 0.05)[0]:
                    client.sendall(_chunk(b":"))


def _chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def _request(client: socket.socket) -> bytes:
    """A whole request, head and body."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += client.recv(1 << 16) or _gone()
    head, _, body = request.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields.get(b"content-length", 0)):
        piece = client.recv(1 << 16) or _gone()
        body, request = body + piece, request + piece
    return request


def _gone() -> bytes:
    raise ConnectionAbortedError


def faulty_launch(
    launch: Callable[[ServerArgs], LlamaServer], faults: list[str]
) -> Iterator[Callable[[ServerArgs], LlamaServer]]:
    """For a `launch_llama_server` fixture: the cell's first server gets the first fault, and so on; later ones none."""
    left = iter(faults)
    proxies: list[Faulty] = []

    def launch_faulty(args: ServerArgs) -> LlamaServer:
        server = launch(args)
        fault = next(left, None)
        if fault:
            proxies.append(Faulty(server, fault))
        return server

    yield launch_faulty
    for proxy in proxies:
        proxy.close()
