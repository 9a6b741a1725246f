"""What goes to a server for one question: its message in the model's chat template, as text or as tokens.

A chat template may leave a message out or change it (`--chat-template llama3` is, for builds of 2026, a template that
says "llama3" and nothing else). Then there is nothing to recall, and nothing is asked.

A text may hold what the model's vocabulary has as control tokens: code with `<|im_end|>` or `<filename>` in it. As text
llama-server reads it as those tokens, which end the user's turn and which no answer can show. So such a prompt goes out
as tokens: those of the template with its control tokens, those of the message without. llama.cpp cuts a text at its
control tokens before all else. Cut at those of the template, the rest is read as it would be in the whole; whether that
gives the same tokens for a message that holds none is tried before it is relied on.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import ConfigurationError, TemplateError
from pytest_codeneedle.core.redaction import redacted
from pytest_codeneedle.recall.control_text import ControlText
from pytest_codeneedle.recall.questions import around, shared_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pytest_codeneedle.recall.questions import Question
    from pytest_codeneedle.recall.thinking import Thinking
    from pytest_codeneedle.server.http.llama_client import Client
    from pytest_codeneedle.server.process import LlamaServer

#: A message without control tokens, to try with: words, an indented line, a character of several bytes.
_PLAIN = "def probe(x):\n    return x  # \u00e9 1"
_TEMPLATE, _TEMPLATE_FILE = "--chat-template", "--chat-template-file"
_VARIABLES = {_TEMPLATE: "LLAMA_ARG_CHAT_TEMPLATE", _TEMPLATE_FILE: "LLAMA_ARG_CHAT_TEMPLATE_FILE"}
_SHOWN = 60
#: Characters that a control token's name may have more than another which it begins with.
_LONGEST_NAME = 32


@dataclass(frozen=True)
class Prompt:
    """A whole prompt as the template made it; with `tokens` where it does not go out as that text."""

    text: str = field(repr=False)  # holds the corpus
    tokens: tuple[int, ...] | None = field(default=None, repr=False)

    @property
    def sent(self) -> str | tuple[int, ...]:
        """What goes out."""
        return self.text if self.tokens is None else self.tokens


def shared(prompts: Iterable[Prompt]) -> str | tuple[int, ...]:
    """What all of them begin with, as it goes out."""
    every = list(prompts)
    tokens = [prompt.tokens for prompt in every if prompt.tokens is not None]
    return shared_prefix(tokens) if len(tokens) == len(every) else shared_prefix(prompt.text for prompt in every)


@dataclass(frozen=True)
class _Frame:
    """What stands around every message: tokens, and between them text that is read together with the message.

    `trim` is what a control token of the template does to white space beside it.
    """

    first: tuple[int, ...]
    before: str
    behind: str
    last: tuple[int, ...]
    trim: Callable[[str], str]


class Composer:
    """Makes prompts with one server's chat template and tokenizer; `as_tokens` as `ControlText` has it."""

    def __init__(self, server: LlamaServer, thinking: Thinking, *, as_tokens: bool = False) -> None:
        self._server = server
        self._client: Client = server.client
        self._thinking = thinking
        self._as_tokens = as_tokens
        self._frames: dict[tuple[str, str], _Frame | None] = {}

    def prompts(self, questions: Sequence[Question]) -> dict[str, Prompt]:
        """The prompts by their functions: all of them tokens, or none.

        Raises TemplateError, and AnswerError where the server does not render one.
        """
        found = {question.function.name: self.prompt(question.message) for question in questions}
        if all(prompt.tokens is not None for prompt in found.values()):
            return found
        return {name: replace(prompt, tokens=None) for name, prompt in found.items()}

    def prompt(self, message: str) -> Prompt:
        """The prompt that asks this. Raises TemplateError, and AnswerError where the server does not render it."""
        text = self._thinking.finish(self._client.render(message, self._thinking.template_kwargs))
        parts = around(text, message)
        if parts is None:
            raise TemplateError(self._unlike(text, message))
        frame = self._frame(*parts) if self._as_tokens else None
        return Prompt(text) if frame is None else Prompt(text, self._joined(frame, parts[1]))

    def count(self, prompt: Prompt) -> int:
        """How many tokens it has."""
        return self._client.count_tokens(prompt.text, special=True) if prompt.tokens is None else len(prompt.tokens)

    def count_read(self, prompts: Sequence[Prompt]) -> int:
        """How many tokens a cell reads for these: what all begin with once, then the rest of each."""
        begun = shared(prompts)
        if not isinstance(begun, str):
            return len(begun) + sum(self.count(prompt) - len(begun) for prompt in prompts)
        rests = sum(self._client.count_tokens(prompt.text.removeprefix(begun)) for prompt in prompts)
        return self._client.count_tokens(begun, special=True) + rests

    def holds_control(self, text: str) -> bool:
        """Whether the model has control tokens that are called like something in this text."""
        return self._client.tokens(text, control=True) != self._client.tokens(text)

    def _unlike(self, rendered: str, message: str) -> str:
        """Which part a prompt lacks. No part of either is shown: they may be private."""
        task = message[message.rfind("\n\n") :].strip()
        what = "changes the text" if task in rendered else "leaves out the question"
        name, value = _given_template(self._server)
        way = f"give another with {_TEMPLATE_FILE} FILE"
        if name == _TEMPLATE and "{" not in value:
            way = f"builds of 2026 take that word for the template: leave it out, add --no-jinja, or {way}"
        elif name:
            way = f"leave it out, or {way}"
        which = f"{name} {redacted(value)[:_SHOWN]!r}" if name else "the model's own"
        return (
            f"the chat template ({which}) {what}: of a message of {len(message)} characters it makes a prompt of "
            f"{len(rendered)}; {way}"
        )

    def _joined(self, frame: _Frame, message: str) -> tuple[int, ...]:
        read = self._client.tokens(frame.trim(f"{frame.before}{message}{frame.behind}"))
        return (*frame.first, *read, *frame.last)

    def _frame(self, before: str, message: str, behind: str) -> _Frame | None:
        """The frame of this template around this message; None where it would not give the tokens of the text."""
        # White space at the message's ends may be read together with the template's.
        plain = message[: len(message) - len(message.lstrip())] + _PLAIN + message[len(message.rstrip()) :]
        key = f"{before}{plain}", f"{plain}{behind}"
        if key not in self._frames:
            whole = self._client.tokens(f"{before}{plain}{behind}", begin=True, control=True)
            frames = self._possible(before, behind)
            self._frames[key] = next((frame for frame in frames if self._joined(frame, plain) == whole), None)
        return self._frames[key]

    def _possible(self, before: str, behind: str) -> Iterator[_Frame]:
        begin, end = self._last_control_end(before), self._first_control(behind)
        first = self._client.tokens(before[:begin], begin=True, control=True)
        last = self._client.tokens(behind[end:], control=True)
        for trim in (str, str.lstrip, str.rstrip, str.strip):
            yield _Frame(first, before[begin:], behind[:end], last, trim)

    def _last_control_end(self, text: str) -> int:
        """Where the last control token of a text ends; 0 where it has none."""
        if not self.holds_control(text):
            return 0
        rest = text[_first(len(text), lambda at: not self.holds_control(text[at:])) - 1 :]
        least = _first(len(rest), lambda size: self.holds_control(rest[:size]))
        # One name may begin with another; llama.cpp takes the longest.
        sizes = range(least, min(least + _LONGEST_NAME, len(rest)) + 1)
        named = (size for size in sizes if len(self._client.tokens(rest[:size], control=True)) == 1)
        return len(text) - len(rest) + max(named, default=least)

    def _first_control(self, text: str) -> int:
        """Where the first control token of a text begins; its length where it has none."""
        if not self.holds_control(text):
            return len(text)
        end = _first(len(text), lambda size: self.holds_control(text[:size]))
        return end - _first(end, lambda size: self.holds_control(text[end - size : end]))


def _first(end: int, true: Callable[[int], bool]) -> int:
    """The first number from 0 for which that is true, and stays so; `end` where it is true of none before."""
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if true(middle) else (middle + 1, high)
    return low


def _given_template(server: LlamaServer) -> tuple[str, str]:
    """The argument, or the variable, that names the chat template, and its value; nothing for the model's own."""
    words = [part for word in server.args.argv(0) for part in _halves(word)]
    given = [(name, value) for name, value in itertools.pairwise(words) if name in _VARIABLES]
    environment: Mapping[str, str] = {**os.environ, **server.args.environment}
    set_there = [(name, environment[name]) for name in _VARIABLES.values() if environment.get(name)]
    return next(iter([*reversed(given), *set_there]), ("", ""))


def _halves(word: str) -> list[str]:
    name, equals, value = word.partition("=")
    return [name, value] if equals and name in _VARIABLES else [word]


def compose(
    server: LlamaServer, thinking: Thinking, questions: Sequence[Question], lines: int
) -> tuple[Composer, ControlText]:
    """What makes the prompts of these questions, of whose functions so many lines are asked for.

    Every question is rendered once. Raises ConfigurationError where a template does not hold one, and AnswerError.
    """
    composer = Composer(server, thinking)
    try:
        composer.prompts(questions)
    except TemplateError as error:
        raise ConfigurationError(str(error)) from error
    longest = max((question.message for question in questions), key=len)
    if not composer.holds_control(longest):
        return composer, ControlText()
    as_tokens = Composer(server, thinking, as_tokens=True)
    asked = {question.function.name: "\n".join(question.function.primary(lines)) for question in questions}
    functions = tuple(name for name, text in asked.items() if composer.holds_control(text))
    if as_tokens.prompt(longest).tokens is None:
        return composer, ControlText(found=True, functions=functions)
    return as_tokens, ControlText(found=True, as_tokens=True, functions=functions)
