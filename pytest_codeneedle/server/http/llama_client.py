"""The requests that a cell makes, over httpx: /health, /props, /apply-template, /tokenize, /completion."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

import httpx

from pytest_codeneedle.core.errors import AnswerError, BrokenAnswerError, LateAnswerError, PromptTooLongError
from pytest_codeneedle.core.parsing import parse_json
from pytest_codeneedle.core.text import encodable
from pytest_codeneedle.recall.answer import Answer, AnswerWatch, overruns
from pytest_codeneedle.recall.families import TOKENS
from pytest_codeneedle.recall.token_probs import TokenWatch
from pytest_codeneedle.server.http.replies import (
    PLAIN,
    Bound,
    Patience,
    TooLateError,
    TooMuchError,
    no_cookies,
    shown_seconds,
)
from pytest_codeneedle.server.http.sse import events

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

#: Nothing of an answer for so long is a hang, where no deadline is known. A prompt that takes longer on a CPU is no
#: hang where the build says how far it is: then it is further after each batch.
READ_SECONDS = 3600.0
#: For all of an answer then.
ANSWER_SECONDS = 24 * 3600.0
#: For requests in which the model has no part.
REPLY_SECONDS = 600.0
_HEALTH_SECONDS = _CONNECT_SECONDS = 10.0
_OK = 200
_SERVER_ERROR = 500
#: Greedy, and nothing but greedy: the other samplers of the default chain cost time for every token.
_GREEDY = {"temperature": 0.0, "samplers": ["top_k"], "top_k": 1, "seed": 0, "cache_prompt": True, "id_slot": 0}
#: What a server's own arguments would do to every answer: --mirostat (which goes before the samplers), --ignore-eos,
#: --logit-bias, --cache-reuse (which moves what is cached, and rounds it again), --backend-sampling; in the builds that
#: hear of them in a request, grammars and drafts.
_UNBENT = {
    "grammar": "",
    "mirostat": 0,
    "ignore_eos": False,
    "logit_bias": [],
    "n_cache_reuse": 0,
    "backend_sampling": False,
    "speculative.n_max": 0,
}


class Client:
    """Talks to one server. Each request has a connection of its own: a kept one can be closed under our hands.

    `headers` go with every request; no repr and no error shows them.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str] | None = None, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._http = httpx.Client(
            base_url=url,
            headers={**PLAIN, **(headers or {})},
            cookies=no_cookies(),
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,  # no proxy stands between this and 127.0.0.1
            transport=transport,
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def healthy(self) -> bool:
        """Whether /health says ok; False while it loads and while nothing listens."""
        try:
            return self._reply("GET", "/health", None, _HEALTH_SECONDS)[0] == _OK
        except AnswerError:
            return False

    def props(self) -> dict[str, Any]:
        """GET /props."""
        return self._json("GET", "/props")

    def n_ctx(self) -> int:
        """The context of its slot, in tokens."""
        with _understood("/props"):
            return int(self.props()["default_generation_settings"]["n_ctx"])

    def render(self, message: str, template_kwargs: Mapping[str, object] | None = None) -> str:
        """The prompt that the model's chat template makes of one user message."""
        body: dict[str, object] = {"messages": [{"role": "user", "content": message}]}
        if template_kwargs:
            body["chat_template_kwargs"] = dict(template_kwargs)
        with _understood("/apply-template"):
            return str(self._json("POST", "/apply-template", body)["prompt"])

    def count_tokens(self, text: str, *, special: bool = False) -> int:
        """Number of tokens; `special` adds the begin-of-text token and parses control tokens, as for a prompt."""
        return len(self.tokens(text, begin=special, control=special))

    def tokens(self, text: str, *, begin: bool = False, control: bool = False) -> tuple[int, ...]:
        """The tokens of a text; `begin` adds the begin-of-text token, `control` reads the names of control tokens."""
        body = {"content": text, "add_special": begin, "parse_special": control}
        with _understood("/tokenize"):
            return tuple(self._json("POST", "/tokenize", body)["tokens"])

    def ingest(self, prompt: str | Sequence[int], deadline_seconds: float | None = None) -> Answer:
        """Read a prompt into the slot's cache; the one token it answers is thrown away.

        The server is asked to tell its progress, so that however long the prompt is, `READ_SECONDS` is the time
        without any sign of life. Builds that do not know that read all of it in that time. `deadline_seconds` is a
        limit for all of it, where it is known how fast it should be.
        """
        return self.complete(prompt, (), budget=1, full=True, deadline_seconds=deadline_seconds)

    def timed(self, prompt: str, budget: int) -> Answer:
        """An answer of `budget` tokens whatever the model says, to a prompt that is read anew: for its timings."""
        asked = {"cache_prompt": False, "ignore_eos": True, "n_predict": budget, "prompt": prompt}
        last = self._json("POST", "/completion", {**_GREEDY, **_UNBENT, **asked})
        with _understood("/completion"):
            return _answer(AnswerWatch(()), last, closed=False)

    def complete(  # noqa: PLR0913 - what is asked, and six knobs of the request
        self,
        prompt: str | Sequence[int],
        primary: Sequence[str],
        *,
        budget: int,
        full: bool = False,
        stop: Sequence[str] = (),
        opening: str = "",
        n_probs: int = 0,
        deadline_seconds: float | None = None,
    ) -> Answer:
        """The greedy answer of at most `budget` tokens to a prompt, which is a text or its tokens.

        The stream is closed once the lines of `primary` are complete and the model runs on; closing it stops the
        server. `full` lets it run to its own end or to the budget. `stop` are strings that end it. `opening` is what
        the answer begins with unseen, because the prompt ends with it. `n_probs` tokens are listed for each one that is
        written, with their log-probabilities (see `token_probs`). `deadline_seconds` is for all of it, however little
        comes at a time. Raises PromptTooLongError, LateAnswerError, BrokenAnswerError where asking again may
        mend it, and AnswerError.
        """
        watch, tokens = AnswerWatch(primary, budget), TokenWatch(opening)
        watch.feed(opening)
        body = {**_GREEDY, **_UNBENT, "prompt": prompt, "n_predict": budget, "stream": True, "timings_per_token": True}
        body["preserved_tokens"] = list(TOKENS)
        if stop:
            body["stop"] = list(stop)
        if n_probs:
            body["n_probs"] = n_probs
        if deadline_seconds is None:
            body["return_progress"] = True
        last: dict[str, Any] = {}
        closed, pieces = False, 0
        seconds = ANSWER_SECONDS if deadline_seconds is None else deadline_seconds
        silent = min(seconds, READ_SECONDS)
        request = self._http.build_request("POST", "/completion", json=body, timeout=_timeout(silent))
        patience = Patience(Bound.to(len(request.content), seconds, budget, silent))
        with _faults(watch, silent), contextlib.closing(self._events(request, patience)) as stream:
            for event in stream:
                content = encodable(str(event.get("content", "")))
                if content or event.get("prompt_progress") != last.get("prompt_progress"):
                    patience.sign_of_life()
                last = {**last, **event}
                tokens.feed(event, content)
                runs_on = watch.feed(content)
                pieces += bool(content)
                if overruns(pieces, budget):
                    msg = f"{pieces} pieces of text came for at most {budget} tokens: the server keeps to no n_predict"
                    raise AnswerError(msg, watch.text)
                if event.get("stop"):
                    break
                if runs_on and not full:
                    closed = True
                    break
        if not closed and not last.get("stop"):
            msg = f"the answer was cut off: the stream ended after {len(watch.text)} characters without a stop"
            raise BrokenAnswerError(msg, watch.text)
        with _understood("/completion", watch.text):
            answer = _answer(watch, last, closed=closed)
        return dataclasses.replace(answer, told=tokens.tokens(answer.stop))

    def _events(self, request: httpx.Request, patience: Patience) -> Generator[dict[str, Any], None, None]:
        """The events of one /completion, within what `patience` has for them."""
        request.extensions.update(patience.extensions)
        with patience, contextlib.closing(self._http.send(request, stream=True)) as response:
            if response.status_code != _OK:
                raise _refused(response.status_code, patience.refusal(response))
            yield from events(patience.pieces(response))

    def _json(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        status, content = self._reply(method, path, body, REPLY_SECONDS)
        if status != _OK:
            raise _refused(status, content)
        try:
            decoded = parse_json(content)
        except ValueError as error:
            msg = f"{path}: the server's answer is not JSON: {error}"
            raise BrokenAnswerError(msg) from error
        if not isinstance(decoded, dict):
            msg = f"{path}: the server's answer is no JSON object but a {type(decoded).__name__}"
            raise BrokenAnswerError(msg)
        return decoded

    def _reply(self, method: str, path: str, body: object, seconds: float) -> tuple[int, bytes]:
        """The status and the body of a reply that is no stream. Raises AnswerError."""
        request = self._http.build_request(method, path, json=body, timeout=_timeout(seconds))
        patience = Patience(Bound.to(len(request.content), seconds))
        request.extensions.update(patience.extensions)
        try:
            with patience, contextlib.closing(self._http.send(request, stream=True)) as response:
                read = patience.body if response.status_code == _OK else patience.refusal
                return response.status_code, read(response)
        except (httpx.RequestError, TooLateError) as error:
            msg = f"{path}: {str(error) or type(error).__name__}"
            late = isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout | TooLateError)
            raise (LateAnswerError if late else BrokenAnswerError)(msg) from error
        except TooMuchError as error:
            msg = f"{path}: {error}"
            raise AnswerError(msg) from error


@contextlib.contextmanager
def _faults(watch: AnswerWatch, silent_seconds: float) -> Iterator[None]:
    """Faults on the way of an answer, as errors that hold what came of it; a read may be silent for so long."""
    try:
        yield
    except (httpx.ReadTimeout, httpx.WriteTimeout, TooLateError) as error:
        late = (
            str(error)
            if isinstance(error, TooLateError)
            else f"no whole answer within {shown_seconds(silent_seconds)} s"
        )
        msg = f"{late}, {len(watch.text)} characters had come"
        raise LateAnswerError(msg, watch.text) from error
    except TooMuchError as error:
        raise AnswerError(str(error), watch.text) from error
    except httpx.RequestError as error:
        msg = f"the connection broke after {len(watch.text)} characters: {str(error) or type(error).__name__}"
        raise BrokenAnswerError(msg, watch.text) from error


@contextlib.contextmanager
def _understood(path: str, came: str = "") -> Iterator[None]:
    """JSON of another form than llama-server's as an error that does not quote it; `came` is the answer so far."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        msg = f"{path}: the server's JSON has another form than llama-server's ({type(error).__name__})"
        raise BrokenAnswerError(msg, came) from None


def _timeout(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=_CONNECT_SECONDS)


def _answer(watch: AnswerWatch, last: dict[str, Any], *, closed: bool) -> Answer:
    timings = last.get("timings", {})
    text, after = watch.parts if closed else (watch.text, "")
    return Answer(
        text=text,
        after=after,
        stop="closed" if closed else str(last.get("stop_type", "none")),
        run_on=watch.run_on,
        tokens=int(timings.get("predicted_n", last.get("tokens_predicted", 0))),
        cache_n=int(timings.get("cache_n", 0)),
        prompt_n=int(timings.get("prompt_n", 0)),
        prompt_ms=float(timings.get("prompt_ms", 0.0)),
        predicted_ms=float(timings.get("predicted_ms", 0.0)),
        truncated=bool(last.get("truncated", False)),
        drafted=int(timings.get("draft_n") or 0),
    )


def _refused(status: int, content: bytes) -> AnswerError | PromptTooLongError:
    try:
        error = parse_json(content)["error"]
    except (ValueError, KeyError, TypeError):
        error = {"message": content.decode("utf-8", "replace")[:500]}
    if isinstance(error, dict) and error.get("type") == "exceed_context_size_error":
        asked, there = error.get("n_prompt_tokens"), error.get("n_ctx")
        return PromptTooLongError(
            f"the prompt has {asked} tokens and the context {there}; raise it (--kv-n-ctx, -c), or leave that out"
        )
    said = error.get("message", error) if isinstance(error, dict) else error
    kind = BrokenAnswerError if status >= _SERVER_ERROR else AnswerError
    return kind(f"HTTP {status}: {said}")
