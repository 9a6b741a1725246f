"""How much of a server's reply is read, and how long it is waited for: no reply is trusted to end by itself.

A reply has a bound on its time in all, on the time without any of the answer in it, and on its bytes. Servers are asked
for bytes that are not compressed; those of one that compresses all the same are counted as they come out.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import zlib
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

#: Goes with every request.
PLAIN = {"Accept-Encoding": "identity"}
#: A page that says no, or one that was not meant for us, is a few KiB.
REFUSAL_BYTES = 2**20
#: What every reply may have beside what its question calls for.
_LEAST_BYTES = 2**23
#: An echo of what was sent, each character as an escape, and a list with the number of every byte of it.
_BYTES_PER_SENT = 16
#: An event for a token: its text, the candidates beside it, the server's times.
_BYTES_PER_TOKEN = 2**13
_PIECE = 2**16
#: zlib's own: the header says whether it is gzip's format or zlib's.
_ANY_WINDOW = 47
_INFLATED = ("gzip", "x-gzip", "deflate")
_MIB = 2**20
_ALL_DIGITS = 1000
_NO_COOKIES = DefaultCookiePolicy(allowed_domains=[])


@dataclass(frozen=True)
class Bound:
    """What one reply may take: `seconds` in all, `silent_seconds` without a sign of life, `most_bytes`, decompressed.

    `why` says what the bytes and the time are enough for, for a message.
    """

    seconds: float
    most_bytes: int
    silent_seconds: float
    why: str = ""

    @classmethod
    def to(cls, sent: int, seconds: float, tokens: int = 0, silent_seconds: float | None = None) -> Bound:
        """That of a reply to `sent` bytes, with an answer of at most `tokens`."""
        answer = f" and an answer of at most {tokens} tokens" if tokens else ""
        return cls(
            seconds=seconds,
            most_bytes=_LEAST_BYTES + _BYTES_PER_SENT * sent + _BYTES_PER_TOKEN * tokens,
            silent_seconds=seconds if silent_seconds is None else silent_seconds,
            why=f"{sent} bytes sent{answer}",
        )


class TooMuchError(Exception):
    """A reply that has more bytes than its bound, or bytes that cannot be counted. The text is for a message."""


class TooLateError(Exception):
    """A reply that took longer than its bound. The text is for a message."""


def shown_seconds(seconds: float) -> str:
    """For a message: `0.25`, `75`, `3600`."""
    return f"{seconds:.3g}" if seconds < _ALL_DIGITS else f"{seconds:.0f}"


def no_cookies() -> CookieJar:
    """A jar that takes none: what a server sets is not sent back, for every request stands for itself."""
    return CookieJar(policy=_NO_COOKIES)


class Patience:
    """The wait for one reply, from now on.

    `extensions` belong to its request: where the time is up, the connection is shut, whatever it is that comes over it
    or does not. Used as a context, it ends the wait; an error that comes of that shutting is a TooLateError.
    """

    def __init__(self, bound: Bound, clock: Callable[[], float] | None = None) -> None:
        self._bound = bound
        self._clock = clock or time.monotonic
        self._began = self._alive = self._now = self._clock()
        self._shut = False
        self._streams: list[Any] = []
        self._timer = threading.Timer(bound.seconds, self._shut_down)
        self._timer.daemon = True

    @property
    def extensions(self) -> dict[str, Any]:
        """For httpx: a look at the connections that it opens."""
        return {"trace": self._see}

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        self._timer.cancel()
        self._timer.join()  # no thread is left where the next server is started
        if self._shut and isinstance(error, httpx.RequestError):
            raise self._late() from error

    def sign_of_life(self) -> None:
        """A part of the answer came, or of the way there."""
        self._alive = self._now

    def silence(self) -> TooLateError:
        """The error for one that shows no sign of life."""
        if self._bound.silent_seconds >= self._bound.seconds:
            return self._late()
        return TooLateError(f"nothing of an answer within {shown_seconds(self._bound.silent_seconds)} s")

    def pieces(self, response: httpx.Response) -> Iterator[bytes]:
        """The body, decompressed, within the bound. Raises TooMuchError, TooLateError and httpx.DecodingError."""
        taken = 0
        for piece in _inflated(self._in_time(response), response.headers):
            taken += len(piece)
            if taken > self._bound.most_bytes:
                msg = f"more than {self._bound.most_bytes / _MIB:.3g} MiB came, the limit for {self._bound.why}"
                raise TooMuchError(msg)
            yield piece

    def body(self, response: httpx.Response) -> bytes:
        """All of it."""
        return b"".join(self.pieces(response))

    def refusal(self, response: httpx.Response) -> bytes:
        """The beginning of the body of a reply that is none: what says no says it in the first MiB."""
        taken = bytearray()
        with contextlib.suppress(TooMuchError):
            for piece in self.pieces(response):
                taken += piece
                if len(taken) >= REFUSAL_BYTES:
                    break
        return bytes(taken[:REFUSAL_BYTES])

    def _in_time(self, response: httpx.Response) -> Iterator[bytes]:
        # Pieces that complete no event count too: a trickle would never run into the timeout of a read.
        for piece in _raw(response):
            self._now = self._clock()
            if self._shut or self._now - self._began > self._bound.seconds:
                raise self._late()
            if self._now - self._alive > self._bound.silent_seconds:
                raise self.silence()
            yield piece
        if self._shut:  # a body without a length ends with its connection, so also where that was shut here
            raise self._late()

    def _late(self) -> TooLateError:
        return TooLateError(f"no whole answer within {shown_seconds(self._bound.seconds)} s")

    def _see(self, name: str, info: Mapping[str, Any]) -> None:
        if name.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._streams.append(info["return_value"])

    def _shut_down(self) -> None:
        self._shut = True
        for stream in self._streams:
            with contextlib.suppress(OSError, AttributeError):  # closed meanwhile
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Reply:
    """A reply whose body is still to be read, and the patience for it; `began` is the clock's time at its request."""

    response: httpx.Response
    patience: Patience
    began: float


def _raw(response: httpx.Response) -> Iterable[bytes]:
    """The bytes as they come over the connection; httpx's own way inflates each piece to whatever it comes to."""
    stream = response.stream
    if not isinstance(stream, httpx.SyncByteStream):
        raise TypeError(stream)  # an asynchronous client has none of these
    return stream


def _inflated(pieces: Iterable[bytes], headers: httpx.Headers) -> Iterator[bytes]:
    """The pieces, decompressed where the header says that they are, in pieces of 64 KiB at most."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        yield from pieces
        return
    if encoding not in _INFLATED:
        msg = f"the reply is compressed ({encoding}) though it was asked to be plain: have the server send it plain"
        raise TooMuchError(msg)
    inflater = zlib.decompressobj(_ANY_WINDOW)
    try:
        for piece in pieces:
            rest = piece
            while rest and not inflater.eof:
                yield inflater.decompress(rest, _PIECE)
                rest = inflater.unconsumed_tail
        yield inflater.flush(_PIECE)
    except zlib.error as error:
        raise httpx.DecodingError(str(error)) from error
