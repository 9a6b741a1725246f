"""Chat completions of a running OpenAI-compatible endpoint, measured as it is served.

`client.Client` talks to a server that this package started, and knows all of its settings. Here nothing is known
but an address, a model's name and perhaps a key: what the engine refuses is left out, and when it is busy it is
waited for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from pytest_codeneedle.core.errors import AnswerError, CellError, PromptTooLongError
from pytest_codeneedle.core.parsing import parse_json
from pytest_codeneedle.server.http.chat_stream import Chat
from pytest_codeneedle.server.http.deadline import Pace
from pytest_codeneedle.server.http.endpoint_url import COMPLETIONS
from pytest_codeneedle.server.http.refusals import Adaption, Refusal, Waiting, read_refusal, says_too_long
from pytest_codeneedle.server.http.replies import PLAIN, Bound, Patience, Reply, TooLateError, TooMuchError, no_cookies
from pytest_codeneedle.server.http.sse import events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_codeneedle.recall.answer import Answer
    from pytest_codeneedle.server.http.api_key import ApiKey

_T = TypeVar("_T")
_OK = 200
_CONNECT_SECONDS = 10.0
_LIST_SECONDS = 60.0  # a list of models needs no prompt to be read
#: How long an answer may take of an engine whose speed nobody knows: it may have to load its model first, read six
#: tokens a second (about three bytes each), and write one. Comments that keep a connection alive do not prolong it.
LOAD_SECONDS, READ_BYTES_PER_SECOND, SECONDS_PER_TOKEN = 600.0, 20, 1.0
#: A proxy is for what is far: none stands between this and the machine's own addresses.
_LOOPBACK = ("all://localhost", "all://127.0.0.1", "all://[::1]")


@dataclass(frozen=True)
class Endpoint:
    """What is asked, and how: everything about it but the key, fit for a record.

    `url` is as `endpoint_url` gives it, `model` the name that the endpoint knows it by. `request` are fields of the
    request body that go before this package's own, `stop` strings that end an answer, `template_kwargs` what the chat
    template is told, where the engine takes that. An answer may take `seconds`, None for what its prompt's size allows
    and, after a warm-up, the endpoint's own pace.
    """

    url: str
    model: str
    request: Mapping[str, Any]
    stop: tuple[str, ...] = ()
    template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None


class ChatClient:
    """Talks to one endpoint, and remembers what its engine does not take.

    Each request has a connection of its own, as in `client.Client`. The environment's proxy is used, but not for
    this machine's own addresses. No redirect is followed: the key would go to another host. No error and no log line
    of this class shows the key, not even where the server repeats it.
    """

    def __init__(  # noqa: PLR0913 - what a test of time and faults replaces
        self,
        endpoint: Endpoint,
        api_key: ApiKey | None,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.endpoint = endpoint
        self._key = api_key
        self._sleep, self._clock, self._now = sleep, clock, now
        self._adaptions: list[Adaption] = []
        self._pace = Pace()
        self._http = httpx.Client(
            headers=PLAIN,
            cookies=no_cookies(),
            limits=httpx.Limits(max_keepalive_connections=0),
            auth=None if api_key is None else _signing(api_key),
            mounts=dict.fromkeys(_LOOPBACK),
            transport=transport,
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    @property
    def adapted(self) -> tuple[str, ...]:
        """In which way requests differ from the usual because the engine refused that, such as `stop left out`."""
        return tuple(str(one) for one in self._adaptions)

    def models(self) -> list[str]:
        """The names in GET /models, in the endpoint's order. Raises AnswerError."""
        with self._hiding():
            listed = self._ask("GET", "/models", self._decoded).get("data")
            if not isinstance(listed, list):
                msg = f"{self.endpoint.url}/models: the answer has no list of models in `data`"
                raise AnswerError(msg)
            return [str(one["id"]) for one in listed if isinstance(one, dict) and "id" in one]

    def warm_up(self, messages: list[dict[str, str]], *, budget: int) -> Answer:
        """An answer that shows how fast the endpoint is with this prompt: from then on it is waited for accordingly.

        What it showed before counts no more. Raises PromptTooLongError and AnswerError.
        """
        self._pace = Pace()
        return self.complete(messages, (), budget=budget, full=True)

    def complete(
        self, messages: list[dict[str, str]], primary: Sequence[str], *, budget: int, full: bool = False
    ) -> Answer:
        """The answer of at most `budget` tokens, at temperature 0 unless the endpoint's own fields say otherwise.

        The stream is closed once the lines of `primary` are complete and the model runs on; `full` lets it run to
        its own end or to the budget. Thinking that the engine split off stands in a `<think>` block before the text.
        A busy server is waited for (see `refusals`). Raises PromptTooLongError and AnswerError.
        """

        def read(reply: Reply) -> Answer:
            chat = Chat(primary, self._clock, reply.began, budget)
            answer = self._read(reply, chat, full=full)
            self._pace = self._pace.answered(answer, chat.first_seconds, chat.pieces, chat.piecemeal_seconds)
            return answer

        with self._hiding():
            answer = self._ask("POST", COMPLETIONS, read, self._fields(messages, budget), budget)
        # An echo service, or a model that was told too much: the key is not recorded with the answer.
        return dataclasses.replace(answer, text=self._hide_key(answer.text), after=self._hide_key(answer.after))

    def _fields(self, messages: list[dict[str, str]], budget: int) -> dict[str, Any]:
        """The fields that are this package's own."""
        return {
            "model": self.endpoint.model,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0,
            "max_tokens": budget,
            **({"stop": list(self.endpoint.stop)} if self.endpoint.stop else {}),
            **({"chat_template_kwargs": dict(kwargs)} if (kwargs := self.endpoint.template_kwargs) else {}),
        }

    def _ask(
        self,
        method: str,
        path: str,
        read: Callable[[Reply], _T],
        fields: Mapping[str, Any] | None = None,
        budget: int = 0,
    ) -> _T:
        """What `read` makes of the reply, which is asked for again where that helps."""
        url, waiting = self.endpoint.url + path, Waiting()
        while True:
            body = None if fields is None else {**self._adapted(fields), **self.endpoint.request}
            request = self._http.build_request(method, url, json=body)
            bound = _bound(len(request.content), budget, self.endpoint.seconds, self._pace)
            patience = Patience(bound, self._clock)
            timeout = httpx.Timeout(bound.silent_seconds, connect=_CONNECT_SECONDS)
            request.extensions.update(patience.extensions, timeout=timeout.as_dict())
            began = self._clock()
            try:
                with patience, contextlib.closing(self._http.send(request, stream=True)) as response:
                    if response.status_code == _OK:
                        return read(Reply(response, patience, began))
                    said = patience.refusal(response).decode("utf-8", "replace")
            except httpx.ReadTimeout as error:
                msg = f"{method} {url}: {_way_out(patience.silence())}"
                raise AnswerError(msg) from error
            except httpx.RequestError as error:
                there = "; is it running?" if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) else ""
                msg = f"{method} {url}: {str(error) or type(error).__name__}{there}"
                raise AnswerError(msg) from error
            except (TooLateError, TooMuchError) as error:
                msg = f"{method} {url}: {_way_out(error)}"
                raise AnswerError(msg) from error
            refusal = read_refusal(response.status_code, response.headers, said, self._hide)
            if self._adapt(refusal, fields or {}):
                continue
            pause = waiting.next(refusal, self._now())
            if pause is None:
                often = f", {waiting.times + 1} times in {waiting.seconds:.0f} s" if waiting.times else ""
                raise refusal.error(f"{method} {url}{often}", self._hide)
            self._sleep(pause)

    def _read(self, reply: Reply, chat: Chat, *, full: bool) -> Answer:
        """The answer in a reply, be it streamed or whole; one that goes on past its budget is closed."""
        kind = reply.response.headers.get("content-type", "")
        if kind.startswith("text/html"):
            msg = f"{reply.response.url}: the answer is a page ({kind}); is this an OpenAI-compatible endpoint?"
            raise AnswerError(msg)
        try:
            if kind.startswith("application/json"):
                return self._whole(self._decoded(reply), chat)
            for runs_on in _followed(reply, chat):
                if chat.overran or (runs_on and chat.finish is None and not full):
                    return chat.answer(closed=not chat.overran)
        except (httpx.RequestError, TooLateError, TooMuchError) as error:
            if chat.finish is None:  # else only the counts at the end are missing
                late = reply.patience.silence() if isinstance(error, httpx.ReadTimeout) else error
                raise AnswerError(_broken(late, len(chat.text)), chat.text) from error
        except AnswerError as error:
            if says_too_long(str(error)):
                raise PromptTooLongError(str(error)) from error
            error.response = error.response or chat.text
            raise
        if chat.finish is None:
            msg = f"the answer was cut off: the stream ended after {len(chat.text)} characters without a finish_reason"
            raise AnswerError(msg, chat.text)
        return chat.answer(closed=False)

    def _whole(self, decoded: Mapping[str, Any], chat: Chat) -> Answer:
        """The answer of an engine that does not stream; there is nothing to close."""
        if not decoded.get("choices"):
            msg = f"the endpoint's answer holds no choices: {self._hide(str(decoded))[:500]}"
            raise AnswerError(msg)
        chat.take(decoded)
        return chat.answer(closed=False)

    def _decoded(self, reply: Reply) -> dict[str, Any]:
        """The JSON object in a reply; AnswerError where it is none, or an error."""
        url = reply.response.url
        try:
            decoded = parse_json(reply.patience.body(reply.response))
        except ValueError as error:
            msg = f"{url}: the answer is not JSON: {error}; is this an OpenAI-compatible endpoint?"
            raise AnswerError(msg) from error
        if not isinstance(decoded, dict) or decoded.get("error") is not None:
            what = "an error" if isinstance(decoded, dict) else "something else"
            msg = f"{url}: the server answered with {what}: {self._hide(str(decoded))[:500]}"
            raise AnswerError(msg)
        return decoded

    def _adapted(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        body = dict(fields)
        for one in self._adaptions:
            body = one.apply(body)
        return body

    def _adapt(self, refusal: Refusal, fields: Mapping[str, Any]) -> bool:
        """Whether the refused request can be sent in another form. The user's own fields are not touched."""
        own = {name: value for name, value in self._adapted(fields).items() if name not in self.endpoint.request}
        one = refusal.adaption(own)
        if one is None:
            return False
        self._adaptions.append(one)
        return True

    def _hide(self, words: str) -> str:
        return words if self._key is None else self._key.hide_echo(words)

    def _hide_key(self, text: str) -> str:
        return text if self._key is None else self._key.hide(text)

    @contextlib.contextmanager
    def _hiding(self) -> Iterator[None]:
        """Takes the key out of whatever error comes through; all of them pass here."""
        try:
            yield
        except CellError as error:
            error.args = tuple(self._hide(str(part)) for part in error.args)
            if isinstance(error, AnswerError) and self._key is not None:
                error.response = self._key.hide(error.response)
            error.__cause__ = error.__context__ = None  # they may hold it too
            raise


def _followed(reply: Reply, chat: Chat) -> Iterator[bool]:
    """What `chat` says to each event of a stream; text is what shows that the endpoint is alive."""
    for event in events(reply.patience.pieces(reply.response)):
        before = chat.pieces
        runs_on = chat.take(event)
        if chat.pieces > before:
            reply.patience.sign_of_life()
        yield runs_on


def _bound(sent: int, budget: int, seconds: float | None, pace: Pace) -> Bound:
    """That of a reply to a request of `sent` bytes: the user's `seconds`, else what size and pace allow.

    Without a budget no model has a part in it.
    """
    if not budget:
        return Bound.to(sent, _LIST_SECONDS)
    if seconds is not None:
        return Bound.to(sent, seconds, budget)
    enough = LOAD_SECONDS + sent / READ_BYTES_PER_SECOND + SECONDS_PER_TOKEN * budget
    known = pace.deadline_seconds(budget)
    enough = enough if known is None else min(enough, known)
    silent = pace.silent_seconds()
    return Bound.to(sent, enough, budget, None if silent is None else min(silent, enough))


def _broken(error: Exception, characters: int) -> str:
    """What became of an answer of which only so much came."""
    if isinstance(error, httpx.RequestError):
        return f"the connection broke after {characters} characters: {str(error) or type(error).__name__}"
    return f"{_way_out(error)} ({characters} characters of text had come)"


def _way_out(error: Exception) -> str:
    if isinstance(error, TooLateError):
        return f"{error}; an endpoint that is so slow needs a shorter corpus, or more time (--kv-timeout SECONDS)"
    return f"{error}; is this an OpenAI-compatible endpoint?"


def _signing(key: ApiKey) -> Callable[[httpx.Request], httpx.Request]:
    """Puts the key into each request as it goes out: the client's own headers are shown by a traceback's variables."""

    def sign(request: httpx.Request) -> httpx.Request:
        request.headers.update(key.header())
        return request

    return sign
