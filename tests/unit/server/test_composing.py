"""What goes out for a message: held against a tokenizer that cuts at control tokens as llama.cpp's does.

The tokenizer is a fake, so that each thing a vocabulary may do to a text has a case; that a real server's does the same
is shown by the integration tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import ConfigurationError, TemplateError
from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.corpus.functions.function import Function
from pytest_codeneedle.recall.control_text import ControlText
from pytest_codeneedle.recall.questions import Question
from pytest_codeneedle.server.composing import Composer, Prompt, compose, shared
from pytest_codeneedle.server.program import ServerArgs, ServerProgram

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BEGIN = 1
CONTROL = {"<|im_start|>": 2, "<|im_end|>": 3, "<|im": 4, "<file>": 5}
TEMPLATES: dict[str, Callable[[str], str]] = {
    "chatml": lambda text: f"<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\n{text}<|im_end|>\n<|im_start|>",
    "plain": lambda text: f"[INST] {text} [/INST]",
    "alone": lambda text: text,
    "stripped": lambda text: f"<file>{text.strip()}<|im_end|>",
    "touching": lambda text: f"<|im_start|><file> \n{text}\n <|im_end|><|im_start|>",
}
text = st.text("a b\n<|im_end>é ", max_size=30)
innocent = text.filter(lambda written: not any(name in written for name in CONTROL)).map(lambda written: f"{written}Q")


@dataclass
class FakeClient:
    """Renders with a template, and reads text as its bytes, from 100 on.

    `prefix`: each piece of text between control tokens gets a blank in front, as llama.cpp's SPM has it. `strips`:
    control tokens take away the white space behind them. `leaks`: the tokens of a whole are not those of its parts.
    """

    template: Callable[[str], str]
    prefix: bool = False
    strips: bool = False
    leaks: bool = False
    asked: list[str] = field(default_factory=list)

    def render(self, message: str, _kwargs: Mapping[str, object]) -> str:
        """The prompt."""
        return self.template(message)

    def count_tokens(self, text: str, *, special: bool = False) -> int:
        """As the client has it."""
        return len(self.tokens(text, begin=special, control=special))

    def tokens(self, text: str, *, begin: bool = False, control: bool = False) -> tuple[int, ...]:
        """Control tokens by the longest name, all else as bytes."""
        self.asked.append(text)
        names = sorted(CONTROL, key=len, reverse=True)
        pieces = re.split(f"({'|'.join(map(re.escape, names))})", text) if control else [text]
        found = [BEGIN] if begin else []
        for number, piece in enumerate(pieces):
            if control and piece in CONTROL:
                found.append(CONTROL[piece])
            else:
                own = piece.lstrip() if self.strips and number else piece
                found += [100 + byte for byte in (" " * (self.prefix and bool(own)) + own).encode()]
        return (*found, *[99] * (len(text) if self.leaks else 0))


def composer(client: FakeClient, *, as_tokens: bool = True) -> Composer:
    """One that leaves thinking alone."""
    thinking = SimpleNamespace(finish=lambda text: text, template_kwargs={})
    return Composer(server(client), thinking, as_tokens=as_tokens)  # type: ignore[arg-type] - no more is asked of it


def server(client: FakeClient, *arguments: str) -> Any:
    """A server with these arguments."""
    args = ServerArgs(ServerProgram(("s",), "s", (), arguments=arguments), None, KVPair("f16", "f16"), 512)
    return SimpleNamespace(client=client, args=args)


def question(name: str, message: str, *lines: str) -> Question:
    """About a function with that body."""
    return Question(Function(name, 2, lines, "python", "f.py", 1), message)


@pytest.mark.parametrize("prefix", [False, True])
@pytest.mark.parametrize("strips", [False, True])
@pytest.mark.parametrize("template", TEMPLATES)
@given(message=innocent)
def test_a_message_without_control_tokens_is_read_as_ever(
    message: str, template: str, *, prefix: bool, strips: bool
) -> None:
    """Token for token, whatever the vocabulary does at the edges: nothing changes for ordinary code."""
    client = FakeClient(TEMPLATES[template], prefix=prefix, strips=strips)
    prompt = composer(client).prompt(message)

    assert client.tokens(prompt.text, begin=True, control=True) == prompt.tokens


@pytest.mark.parametrize("template", TEMPLATES)
@given(before=innocent, name=st.sampled_from(sorted(CONTROL)), behind=innocent)
def test_control_tokens_of_a_message_stay_text(template: str, before: str, name: str, behind: str) -> None:
    """Those of the template are there, as many as around any message, and the text is the whole of it."""
    client = FakeClient(TEMPLATES[template])
    plain, prompt = (composer(client).prompt(f"{before}{one}{behind}") for one in ("", name))
    assert plain.tokens is not None
    assert prompt.tokens is not None

    controls = [[one for one in tokens if one < 100] for tokens in (plain.tokens, prompt.tokens)]
    assert controls[0] == controls[1]
    written = bytes(one - 100 for one in prompt.tokens if one >= 100)
    assert f"{before}{name}{behind}".strip().encode() in written


def test_a_vocabulary_that_cannot_be_joined_is_sent_text() -> None:
    """Nothing is taken for granted: the frame is tried on a message without control tokens."""
    client = FakeClient(TEMPLATES["chatml"], leaks=True)
    assert None is composer(client).prompt("x <file> y").tokens
    questions = [question("f", "x <file> y", "<file>"), question("g", "x <file> y and more", "x")]
    _, control = compose(server(client), SimpleNamespace(finish=str, template_kwargs={}), questions, 1)  # type: ignore[arg-type]

    assert ControlText(found=True, functions=("f",)) == control
    assert control.said.endswith("such lines of f cannot be recalled; exclude those files")


def test_a_frame_is_looked_for_once() -> None:
    """It is the template's: further messages are read and no more."""
    client = FakeClient(TEMPLATES["chatml"])
    made = composer(client)
    made.prompt("first")
    asked = len(client.asked)
    made.prompt("second")

    assert ["user\nsecond"] == client.asked[asked:]


@pytest.mark.parametrize("message", ["a\nb\n\nTask: c", " \n a\n\nTask: c \n"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_that_holds_the_message(template: str, message: str) -> None:
    """White space around it may go."""
    assert TEMPLATES[template](message) == composer(FakeClient(TEMPLATES[template])).prompt(message).text


@pytest.mark.parametrize(
    ("template", "arguments", "told"),
    [
        (
            lambda _text: "llama3",
            ("--chat-template", "llama3"),
            "(--chat-template 'llama3') leaves out the question: of a message of 22 characters it makes a prompt",
        ),
        (
            lambda text: text.replace("secret", ""),
            ("--chat-template-file=mine.jinja",),
            "changes the text: of a message of 22 characters it makes a prompt of 16; leave it out, or",
        ),
        (lambda text: text[:9], (), "(the model's own) leaves out the question: "),
        (lambda text: text.upper(), ("--chat-template", "{{ m }}"), "(--chat-template '{{ m }}') leaves out the qu"),
    ],
)
def test_a_template_that_does_not(template: Callable[[str], str], arguments: tuple[str, ...], told: str) -> None:
    """It is named, with the way out; nothing of the text is, for it may be private."""
    made = Composer(server(FakeClient(template), *arguments), SimpleNamespace(finish=str, template_kwargs={}))  # type: ignore[arg-type]
    with pytest.raises(TemplateError, match=re.escape(told)) as raised:
        made.prompt("secret = 1\n\nTask: say it"[:22])
    assert "secret" not in str(raised.value)


def test_the_way_out_of_a_name_for_a_template() -> None:
    """It is a template of its own for newer builds, and one that they ship only where --no-jinja says so."""
    client = FakeClient(lambda _text: "llama3")
    made = Composer(server(client, "--chat-template", "llama3"), SimpleNamespace(finish=str, template_kwargs={}))  # type: ignore[arg-type]
    way = "builds of 2026 take that word for the template: leave it out, add --no-jinja, or give another with"
    with pytest.raises(TemplateError, match=f"; {way} --chat-template-file FILE$"):
        made.prompt("x")


def test_a_template_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named by its variable."""
    monkeypatch.setenv("LLAMA_ARG_CHAT_TEMPLATE", "gemma")
    with pytest.raises(TemplateError, match=re.escape("(LLAMA_ARG_CHAT_TEMPLATE 'gemma') leaves out")):
        composer(FakeClient(lambda _text: "gemma")).prompt("x")


def test_what_is_found_out_before_the_first_cell() -> None:
    """A template that fails is a usage error; text is sent as text unless it has to be tokens."""
    nothing = SimpleNamespace(finish=str, template_kwargs={})
    with pytest.raises(ConfigurationError, match="leaves out the question"):
        compose(server(FakeClient(lambda _text: "x")), nothing, [question("f", "m")], 1)  # type: ignore[arg-type]

    plain = [question("f", "one message", "x"), question("g", "another message", "y")]
    made, control = compose(server(FakeClient(TEMPLATES["chatml"])), nothing, plain, 1)  # type: ignore[arg-type]
    assert ControlText() == control
    assert [None, None] == [prompt.tokens for prompt in made.prompts(plain).values()]

    some = [question("f", "q <file> 1", "<file>"), question("g", "q <file> 2", "y")]
    made, control = compose(server(FakeClient(TEMPLATES["chatml"])), nothing, some, 1)  # type: ignore[arg-type]
    assert ControlText(found=True, as_tokens=True, functions=("f",)) == control
    prompts = list(made.prompts(some).values())
    assert all(prompt.sent == prompt.tokens for prompt in prompts)
    begun = shared(prompts)
    assert isinstance(begun, tuple)
    assert made.count_read(prompts) == 2 * made.count(prompts[0]) - len(begun)


def test_what_prompts_begin_with() -> None:
    """Tokens where all are sent as such, else text."""
    assert (1, 2) == shared([Prompt("ab", (1, 2, 3)), Prompt("ac", (1, 2, 4))])
    assert "a" == shared([Prompt("ab", (1, 2, 3)), Prompt("ac")])
