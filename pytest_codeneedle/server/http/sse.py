"""Server-sent events as llama.cpp and OpenAI-compatible servers stream them: one JSON object per `data:` line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.errors import BrokenAnswerError
from pytest_codeneedle.core.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DATA, _ERROR = "data:", "error: "
_DONE = "[DONE]"


def lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Lines that end at a line feed: httpx's own also end at U+2028 and U+0085, which JSON leaves unescaped.

    It does not matter where the bytes are cut into pieces.
    """
    begun: list[bytes] = []  # of a line that has not ended yet: joined once, however many pieces it comes in
    for piece in pieces:
        first, *more = piece.split(b"\n")
        begun.append(first)
        for line in more:
            yield b"".join(begun).decode("utf-8", "replace").removesuffix("\r")
            begun = [line]
    yield b"".join(begun).decode("utf-8", "replace")


def events(pieces: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The objects of a stream, up to its end or its `[DONE]`; comments and other fields are passed over.

    Raises BrokenAnswerError for what is no JSON object and for an error in the midst of the stream, in both forms that
    llama.cpp has had for it.
    """
    for line in lines(pieces):
        if line.startswith(_ERROR):
            msg = f"the server broke off its answer: {line.removeprefix(_ERROR)}"
            raise BrokenAnswerError(msg)
        if not line.startswith(_DATA):
            continue
        data = line.removeprefix(_DATA).strip(" ")
        if data == _DONE:
            return
        yield _event(data)


def _event(data: str) -> dict[str, Any]:
    try:
        event = parse_json(data)
    except ValueError as error:
        msg = f"the server's stream holds something that is not JSON: {error}"
        raise BrokenAnswerError(msg) from error
    if not isinstance(event, dict):
        msg = f"the server's stream holds something that is no JSON object: a {type(event).__name__}"
        raise BrokenAnswerError(msg)
    if event.get("error") is not None:
        msg = f"the server broke off its answer: {event['error']}"
        raise BrokenAnswerError(msg)
    return event
