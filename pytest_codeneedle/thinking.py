"""How a model that thinks before it answers is kept from it, or let: `--kv-think`.

Thinking costs tokens and is no recall. Each technique works on some models only; the table that this follows is that
of the public codeneedle harness (configs/CONFIG_README.md): Qwen3 honours `/no_think`, Qwen3.6 a closed empty block.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_codeneedle.errors import ConfigurationError

if TYPE_CHECKING:
    from pytest_codeneedle.prompts import Wording

Think = Literal["auto", "template", "no-think", "prefill", "on"]
THINK: tuple[Think, ...] = ("auto", "template", "no-think", "prefill", "on")

NO_THINK = "/no_think"
_OPEN, _CLOSE = "<think>", "</think>"
#: What a template's own switch leaves in the prompt, for instance Qwen3's.
EMPTY_BLOCK = f"{_OPEN}\n\n{_CLOSE}\n\n"
_SWITCH = re.compile(r"\benable_thinking\b")


Technique = Literal["template", "no-think", "prefill", "on", "close-only", "as-served"]

_SAID: dict[Technique, str] = {
    "template": "off, by the chat template's own switch (enable_thinking)",
    "no-think": "off, by /no_think at the end of the task",
    "prefill": "off, by an empty <think></think> at the end of the prompt",
    "on": "on",
    "close-only": "the chat template has no switch for it; a block that it opens is closed",
    "as-served": "as the endpoint has it; answers that think are pointed out",
}


@dataclass(frozen=True)
class Thinking:
    """What is done about thinking in one run: the technique, settled against the model's chat template.

    `close-only` closes what the template opens and does nothing else; `as-served` does nothing, for an endpoint
    whose template nobody sees.
    """

    technique: Technique

    @property
    def said(self) -> str:
        """The technique in words."""
        return _SAID[self.technique]

    @property
    def template_kwargs(self) -> dict[str, bool]:
        """`chat_template_kwargs` for /apply-template and for chat completions."""
        if self.technique == "template":
            return {"enable_thinking": False}
        return {"enable_thinking": True} if self.technique == "on" else {}

    def finish(self, prompt: str) -> str:
        """The rendered prompt with its end made ready: an empty block of thinking in it is not echoed."""
        end = prompt.rstrip()
        if self.technique == "on" or end.endswith(_CLOSE):
            return prompt
        if end.endswith(_OPEN):
            return f"{end}\n\n{_CLOSE}\n\n"
        return prompt + EMPTY_BLOCK if self.technique == "prefill" else prompt

    def opening(self, prompt: str) -> str:
        """What an answer to this finished prompt begins with unseen: the tag of a block that the prompt opened."""
        return f"{_OPEN}\n" if prompt.rstrip().endswith(_OPEN) else ""


def settle(asked: Think, chat_template: str | None) -> Thinking:
    """The technique for a model with this chat template.

    Raises ConfigurationError where the template's switch is asked for and the template has none.
    """
    has_switch = _SWITCH.search(chat_template or "") is not None
    if asked == "template" and not has_switch:
        msg = "--kv-think template: the model's chat template has no enable_thinking switch; try auto or prefill"
        raise ConfigurationError(msg)
    if asked == "auto":
        return Thinking("template" if has_switch else "close-only")
    return Thinking(asked)


def suffix(asked: Think, wording: Wording) -> str:
    """The line at the end of the task: `/no_think`, which the public harness adds unless thinking is let."""
    return NO_THINK if asked == "no-think" or (wording == "codeneedle" and asked != "on") else ""
