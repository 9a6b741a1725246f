"""What the chunks of an OpenAI-compatible chat completion come to: one answer, with thinking as thinking."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.errors import AnswerError
from pytest_codeneedle.core.text import encodable
from pytest_codeneedle.recall.answer import Answer, AnswerWatch, overruns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: llama.cpp's words for the two reasons that it has a word for.
_STOPS = {"stop": "eos", "length": "limit"}
_FILTERED = "content_filter"


class Chat:
    """Follows one chat completion. `clock` gives seconds, `began` is what it gave at the request.

    Thinking that the engine split off (`reasoning_content`, `reasoning`) comes back as a `<think>` block before the
    content, so that scoring removes and counts it as it does any other. Only the content is watched.

    Counts are the engine's own: llama.cpp's `timings`, else `usage`. Where neither came, as in a stream that was
    closed early, `tokens` is the number of chunks with text (one for a whole answer) and the other counts are zero.
    Without `timings`, `prompt_ms` is the time from the request to the first text, thinking or not, and
    `predicted_ms` that from the first to the last.
    """

    def __init__(
        self, primary: Sequence[str], clock: Callable[[], float], began: float, budget: float = math.inf
    ) -> None:
        self.finish: str | None = None
        self._budget = budget
        self._watch = AnswerWatch(primary, budget)
        self._thinking = ""
        self._timings: Mapping[str, Any] = {}
        self._usage: Mapping[str, Any] = {}
        self._odd = ""
        self._chunks = 0
        self._clock = clock
        self._began = self._first = self._last = began

    @property
    def overran(self) -> bool:
        """Whether far more came than its budget of tokens: some keep to no limit."""
        return overruns(self._chunks, self._budget)

    @property
    def pieces(self) -> int:
        """How many chunks with text came, thinking or not."""
        return self._chunks

    @property
    def first_seconds(self) -> float:
        """From the request to the first text."""
        return self._first - self._began

    @property
    def piecemeal_seconds(self) -> float:
        """From the first text to the last."""
        return self._last - self._first

    @property
    def text(self) -> str:
        """All that came, thinking first."""
        return self._thought + self._watch.text

    def take(self, chunk: Mapping[str, Any]) -> bool:
        """Add a chunk; True once the lines are complete and the model is seen to run on.

        A whole answer, which has `message` for `delta`, is taken as one chunk. Raises AnswerError for an answer that
        a content filter cut off.
        """
        self._timings = _mapping(chunk.get("timings")) or self._timings
        self._usage = _mapping(chunk.get("usage")) or self._usage
        self._odd = self._odd or _odd_place(chunk)
        choice = _first_choice(chunk)
        delta = _mapping(choice.get("delta")) or _mapping(choice.get("message"))
        content, thinking = _parted(delta.get("content"))
        content += _text(delta.get("refusal"))  # OpenAI's place for a model that declines
        thinking += _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
        if content or thinking:
            self._count()
        self._thinking += thinking
        runs_on = self._watch.feed(content)
        if choice.get("finish_reason"):
            self.finish = str(choice["finish_reason"])
        if self.finish == _FILTERED:
            msg = f"the endpoint's content filter ({_FILTERED}) cut the answer off after {len(self.text)} characters"
            raise AnswerError(msg, self.text)
        return runs_on

    def answer(self, *, closed: bool) -> Answer:
        """The answer as it stands; `closed` says that this side closed the stream.

        Raises AnswerError where there is none because what came has another form.
        """
        if self._odd and not self.text:
            msg = f"the endpoint's JSON has another form than a chat completion's: {self._odd}"
            raise AnswerError(msg)
        text, after = self._watch.parts if closed else (self._watch.text, "")
        finish = self.finish or ("length" if self.overran else "none")
        cached = _number(_mapping(self._usage.get("prompt_tokens_details")), "cached_tokens") or 0
        prompt = _number(self._usage, "prompt_tokens") or 0
        tokens = _number(self._usage, "completion_tokens")
        return Answer(
            text=self._thought + text,
            after=after,
            stop="closed" if closed else _STOPS.get(finish, finish),
            run_on=self._watch.run_on,
            tokens=int(self._timed("predicted_n", self._chunks if tokens is None else tokens)),
            cache_n=int(self._timed("cache_n", cached)),
            prompt_n=int(self._timed("prompt_n", max(0, prompt - cached))),
            prompt_ms=self._timed("prompt_ms", 1000 * self.first_seconds),
            predicted_ms=self._timed("predicted_ms", 1000 * self.piecemeal_seconds),
            truncated=False,  # the protocol has no word for it
        )

    @property
    def _thought(self) -> str:
        # A closing tag within would end the block before its time.
        inner = self._thinking.replace("</think>", "< /think>").strip("\n")
        return f"<think>\n{inner}\n</think>\n" if inner.strip() else ""

    def _count(self) -> None:
        self._last = self._clock()
        if not self._chunks:
            self._first = self._last
        self._chunks += 1

    def _timed(self, key: str, otherwise: float) -> float:
        value = _number(self._timings, key)
        return otherwise if value is None else value


def _first_choice(chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    """Choice 0; nothing where the chunk has none, as that with the usage."""
    choices = chunk.get("choices")
    found = [_mapping(choice) for choice in choices] if isinstance(choices, list) else []
    return next((choice for choice in found if not choice.get("index")), {})


def _odd_place(chunk: Mapping[str, Any]) -> str:
    """Where a chunk is not as a chat completion's, with the kind of what stands there; nothing of it is quoted."""
    choices = chunk.get("choices")
    within = choices[0] if isinstance(choices, list) and choices else {}
    delta = (within.get("delta") or within.get("message")) if isinstance(within, dict) else {}
    content = delta.get("content") if isinstance(delta, dict) else None
    wanted: tuple[tuple[str, object, tuple[type, ...]], ...] = (
        ("choices", choices, (list,)),
        ("choices[0]", within, (dict,)),
        ("delta", delta, (dict,)),
        ("content", content, (str, list)),
    )
    odd = ((name, value) for name, value, kinds in wanted if value is not None and not isinstance(value, kinds))
    return next((f"{name!r} is a {type(value).__name__}" for name, value in odd), "")


def _parted(content: object) -> tuple[str, str]:
    """Content and thinking of what stands as `content`: text, or the list of typed parts that Mistral sends."""
    if not isinstance(content, list):
        return _text(content), ""
    parts = [_mapping(part) for part in content]
    nested = [inner for part in parts if isinstance(part.get("thinking"), list) for inner in part["thinking"]]
    return (
        "".join(_text(part.get("text")) for part in parts),
        "".join(_text(_mapping(inner).get("text")) for inner in nested),
    )


def _text(value: object) -> str:
    return encodable(value) if isinstance(value, str) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(facts: Mapping[str, Any], key: str) -> float | None:
    value = facts.get(key)
    return value if isinstance(value, int | float) and math.isfinite(value) else None
