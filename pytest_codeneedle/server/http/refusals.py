"""What an endpoint says instead of an answer, and what helps: ask in another form, wait, or tell the user.

Engines word the same refusal differently. Known are the errors of llama.cpp, OpenAI and Azure (`error.message`,
`error.param`), vLLM (`message`), and FastAPI (`detail`, a text or a list with `loc` and `msg`).
"""

from __future__ import annotations

import http
import re
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.errors import AnswerError, CellError, PromptTooLongError
from pytest_codeneedle.core.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Refusals of a busy server (429, 503) are put up with so often, faults of its own (the other 5xx) less.
BUSY_RETRIES, FAULT_RETRIES = 6, 2
#: So long one request may be put off in all.
TOTAL_WAIT_SECONDS = 600.0

_BUSY = (429, 503)
_FAULT = 500
_MALFORMED = (400, 422)
_SHOWN = 500  # characters of what the server said
#: Where in its JSON an engine puts sentences; OpenRouter hands on the provider's own as `metadata.raw`.
_SAYING = ("error", "message", "msg", "detail", "metadata", "raw")
_NO_CREDIT = "insufficient_quota"  # OpenAI says it with 429, and waiting does not help
_SECONDS = re.compile(r"\d+(\.\d+)?")
_TOO_LONG = re.compile(
    r"exceed_context_size|context_length_exceeded|context (length|size|window)|maximum model length"
    r"|prompt is too long|token count .*exceeds|must be at least 1, got -",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Adaption:
    """A field that some engines refuse: left out, or sent under another name."""

    name: str
    instead: str | None = None
    #: What the refusal must say besides the name; a value that is too large is no reason to rename a field.
    says: str = ""

    def __str__(self) -> str:
        return f"{self.name} sent as {self.instead}" if self.instead else f"{self.name} left out"

    def apply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The body in the other form."""
        rest = {name: value for name, value in body.items() if name != self.name}
        return rest if self.instead is None or self.name not in body else {**rest, self.instead: body[self.name]}


#: OpenAI's reasoning models take no max_tokens, no temperature but 1 and no stop; strict engines no stream_options,
#: services in front of them no chat_template_kwargs.
ADAPTIONS = (
    Adaption("stream_options"),
    Adaption("max_tokens", "max_completion_tokens", r"max_completion_tokens|support|unknown|unrecogni|extra|permitted"),
    Adaption("temperature"),
    Adaption("stop"),
    Adaption("chat_template_kwargs"),
)


@dataclass(frozen=True)
class Refusal:
    """An HTTP answer that is not 200. `said` is for people, with secrets hidden; `raw` is all that was said."""

    status: int
    said: str
    raw: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    @property
    def too_long(self) -> bool:
        """Whether the prompt does not fit the context."""
        return self.status in _MALFORMED and says_too_long(self.raw)

    def adaption(self, fields: Mapping[str, Any]) -> Adaption | None:
        """The first of ADAPTIONS whose name is among the fields that were sent and that this refusal names."""
        if self.status not in _MALFORMED or self.too_long:
            return None
        for one in ADAPTIONS:
            named = re.search(rf"(?<!\w){one.name}(?!\w)", self.raw)
            if one.name in fields and named and re.search(one.says, self.raw, re.IGNORECASE):
                return one
        return None

    def error(self, asked: str, hide: Callable[[str], str]) -> CellError:
        """The error that tells it. `asked` is method and URL, `hide` takes secrets out of the server's words."""
        what = f"HTTP {self.status}: {self.said}"
        if self.too_long:
            return PromptTooLongError(f"{what}; give the server a larger context or take a shorter corpus")
        if self.status in (401, 403):
            way = "give a key that it takes with --kv-api-key-env NAME or --kv-api-key-file FILE"
        elif self.status == http.HTTPStatus.NOT_FOUND:
            way = "the endpoint has to speak /v1/chat/completions and to know the model"
        elif http.HTTPStatus.MULTIPLE_CHOICES <= self.status < http.HTTPStatus.BAD_REQUEST:
            there = hide(self.headers.get("location", "elsewhere"))[:_SHOWN]
            way = f"it leads to {there}; no redirect is followed, for the key would go along: name the final URL"
        else:
            way = ""
        return AnswerError(f"{what} (asked: {asked}){'; ' if way else ''}{way}")


def read_refusal(status: int, headers: Mapping[str, str], body: str, hide: Callable[[str], str]) -> Refusal:
    """The refusal in this HTTP answer; `hide` takes secrets out of what is shown of it."""
    try:
        decoded = parse_json(body)
    except ValueError:
        decoded = None
    words = "; ".join(dict.fromkeys(_words(decoded))) or body
    # Hidden before it is cut: half a key is a secret too.
    said = hide(words).strip()[:_SHOWN] or _phrase(status)
    return Refusal(status, said, " ".join([words, *_marks(decoded)]), headers)


def says_too_long(text: str) -> bool:
    """Whether these words of a server are about a prompt that does not fit its context."""
    return _TOO_LONG.search(text) is not None


class Waiting:
    """How one request is put off: as the server asks, else 1, 2, 4... 32 seconds, within the bounds above."""

    def __init__(self) -> None:
        self.times = 0
        self.seconds = 0.0

    def next(self, refusal: Refusal, now: float) -> float | None:
        """Seconds to wait before the next try; None where it is not to be tried again. `now` is in Unix time.

        Raises AnswerError where the server asks for a longer wait than is left.
        """
        if refusal.status < _FAULT and refusal.status not in _BUSY:
            return None
        if _NO_CREDIT in refusal.raw or self.times >= (BUSY_RETRIES if refusal.status in _BUSY else FAULT_RETRIES):
            return None
        asked = _retry_after(refusal.headers.get("retry-after", ""), now)
        pause = 2.0**self.times if asked is None else asked
        if self.seconds + pause > TOTAL_WAIT_SECONDS:
            msg = (
                f"HTTP {refusal.status}: {refusal.said}; the server asks to wait {pause:.0f} s, and a request waits "
                f"{TOTAL_WAIT_SECONDS:.0f} s at most ({self.seconds:.0f} s are over): run it again later"
            )
            raise AnswerError(msg)
        self.times += 1
        self.seconds += pause
        return pause


def _retry_after(value: str, now: float) -> float | None:
    """Seconds from a Retry-After header in either of its forms; None without one that can be read."""
    if _SECONDS.fullmatch(value.strip()):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now)


def _words(decoded: object) -> list[str]:
    """The sentences in an error's JSON. What it echoes of the request is none of them."""
    if isinstance(decoded, str):
        return [decoded]
    if isinstance(decoded, list):
        return [words for item in decoded for words in _words(item)]
    if not isinstance(decoded, dict):
        return []
    found = [words for key in _SAYING for words in _words(decoded.get(key))]
    where = decoded.get("loc")
    return [f"{'.'.join(map(str, where))}: {words}" for words in found] if isinstance(where, list) else found


def _marks(decoded: object) -> list[str]:
    """What it says in the words of a program: the parameter, the kind of error."""
    inner = decoded.get("error", decoded) if isinstance(decoded, dict) else None
    found = [inner.get(key) for key in ("param", "type", "code")] if isinstance(inner, dict) else []
    return [mark for mark in found if isinstance(mark, str)]


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"
