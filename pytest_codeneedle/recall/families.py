"""How families of models think: the switches of their chat templates, and the marks that a thought stands between.

One row each, by what a template says and not by a model's name: derived models keep the marks of those that they come
from. The marks are those that llama.cpp's `models/templates` and the families' own model cards show.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

Value = bool | int | str


@dataclass(frozen=True)
class Switch:
    """A variable of chat templates that turns thinking off and on.

    Of `off` the first that a template knows is taken. `on` is None where thinking is what the template does without.
    """

    name: str
    off: tuple[Value, ...]
    on: Value | None

    def known(self, template: str | None) -> bool:
        """Whether this template, as far as it can be read, speaks of it."""
        return template is None or re.search(rf"\b{self.name}\b", template) is not None

    def values(self, template: str | None) -> tuple[Value, ...]:
        """Those of `off` that may be tried: words only where they stand in the template, for some print any word."""
        return tuple(
            value
            for value in self.off
            if not isinstance(value, str) or (template is not None and re.search(rf"['\"]{value}['\"]", template))
        )


@dataclass(frozen=True)
class Family:
    """The marks of one family, as text.

    A thought stands between `opens` and `closes`; `answers` comes between it and the answer, and `leaves` after that.
    `blank` is the white space of a thought that is empty. Where an answer without a thought begins otherwise than with
    an empty one, `direct` is how. `asks` is a pattern of what a rendered prompt says where it asks for thoughts.
    `lone` says that `closes` means the end of a thought also where nothing opened one: no code and no turn ends so.
    """

    models: str
    opens: str
    closes: str
    blank: str = ""
    answers: str = ""
    direct: str = ""
    leaves: str = ""
    asks: str = ""
    switches: tuple[Switch, ...] = ()
    lone: bool = True

    @property
    def empty(self) -> str:
        """What an answer begins with that has no thought."""
        return self.direct or f"{self.opens}{self.blank}{self.closes}{self.answers}"

    def closing(self, space: str) -> str:
        """What ends a thought that the prompt opened, behind the white space that follows the opening mark."""
        return f"{self.blank.removeprefix(space)}{self.closes}{self.answers}"

    @property
    def end(self) -> str:
        """What the end of a prompt looks like after which an answer begins at once."""
        return self.direct.strip() or self.answers.strip() or self.closes

    def known(self, template: str | None) -> bool:
        """Whether this template speaks of the mark that opens a thought."""
        return template is not None and self.opens in template

    def written_empty(self, template: str | None) -> str:
        r"""The empty thought that this template itself writes, line ends as `\n` or as they are; else nothing."""
        marks = rf"{re.escape(self.opens)}(?:\s|\\n)*{re.escape(self.closes)}(?:\\n)*"
        found = re.search(marks, template or "") if self.closes else None
        return found[0].replace("\\n", "\n") if found else ""


def tags(models: str, name: str, *switches: Switch, asks: str = "", lone: bool = True) -> Family:
    """A family whose marks are `<name>` and `</name>`."""
    return Family(models, f"<{name}>", f"</{name}>", "\n\n", "\n\n", asks=asks, switches=switches, lone=lone)


_ENABLE = Switch("enable_thinking", (False,), on=True)
_THINKING = Switch("thinking", (False,), on=True)

#: The commonest first: what no template says otherwise is taken to think as these do.
FAMILIES = (
    tags(
        "Qwen3, QwQ, DeepSeek, GLM-4.5 and later, Granite 3.3, Hunyuan, Kimi K2, LFM2.5, MiniMax-M2, Nemotron, SmolLM3",
        "think",
        _ENABLE,
        _THINKING,
        asks=r"<think>|\s/think\b|detailed thinking on",
    ),
    Family("Gemma 4", "<|channel>thought", "<channel|>", "\n", asks=r"<\|think\|>", switches=(_ENABLE,)),
    tags("Seed-OSS", "seed:think", Switch("thinking_budget", (0,), on=None)),
    tags("MiniMax-M3", "mm:think", Switch("thinking_mode", ("disabled",), on="enabled")),
    tags("Hunyuan 3", "think:opensource", Switch("reasoning_effort", ("no_think",), on="high")),
    Family(
        *("Command A, Command R7B", "<|START_THINKING|>", "<|END_THINKING|>"),
        switches=(_ENABLE, Switch("reasoning", (False,), on=True)),
    ),
    Family(
        *("Kimi K3", "<|open|>think<|sep|>", "<|close|>think<|sep|>"),
        answers="<|open|>response<|sep|>",
        direct="<|open|>response<|sep|>",
        leaves="<|close|>response<|sep|>",
        switches=(_THINKING,),
    ),
    Family(
        *("Ministral 3, Magistral, Mistral Small 4", "[THINK]", "[/THINK]"),
        asks=r"\[THINK\]",
        switches=(Switch("reasoning_effort", ("none",), on="high"),),
    ),
    Family(
        *("gpt-oss", "<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
        direct="<|channel|>final<|message|>",
        asks=r"[Vv]alid channels: analysis",
    ),
    Family(
        *("Apriel", "Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]", "\n", "\n"),
        direct="[BEGIN FINAL RESPONSE]\n",
        leaves="[END FINAL RESPONSE]",
        asks=r"\[BEGIN FINAL RESPONSE\]",
    ),
    Family(
        *("Granite 3.2", "Here is my thought process:", "Here is my response:", "\n", "\n"),
        direct="Here is my response:\n",
        asks="Here is my thought process:|Here's my thought process:",
        switches=(_THINKING,),
        lone=False,
    ),
    Family(
        *("Solar Open", "<|think|>", "<|end|>"),
        answers="<|begin|>assistant<|content|>",
        switches=(Switch("reasoning_effort", ("minimal",), on="high"),),
        lone=False,
    ),
    Family(
        *("Muse", "to=self<|message|>", "<|eom|>"),
        answers="<|start|>assistant to=user<|message|>",
        direct=" to=user<|message|>",
        asks="Reasoning strength:",
        lone=False,
    ),
    Family("Kimi-VL", "\u25c1think\u25b7", "\u25c1/think\u25b7", asks="\u25c1think\u25b7"),
    Family("OpenThinker", "<|begin_of_thought|>", "<|end_of_thought|>", "\n", "\n"),
    tags("EXAONE Deep", "thought", lone=False),
    tags("models tuned on such tags", "thinking", lone=False),
    tags("models tuned on such tags", "reasoning", lone=False),
)

#: Each once, in the order in which they are tried.
SWITCHES = tuple(dict.fromkeys(itertools.chain.from_iterable(family.switches for family in FAMILIES)))

#: Of a family that no row has: a tag whose name speaks of thinking.
_SPEAKS = r"[\w:.-]*(?:think|thought|reason|reflect|analysis|deliberat|scratchpad|ponder|monologue|rationale)[\w:.-]*"
_UNKNOWN = re.compile(
    rf"(?:<(?P<tag>{_SPEAKS})>|\[(?P<bracket>{_SPEAKS})\]|<[^\s<>/]*{_SPEAKS}[^\s<>]*>)\s*$", re.IGNORECASE
)
_TAG = re.compile(rf"<(?P<tag>{_SPEAKS})>")
_ENDED = re.compile(rf"(?:</{_SPEAKS}>|\[/{_SPEAKS}\]|<[^\s<>]*end[^\s<>]*{_SPEAKS}[^\s<>]*>)\s*$", re.IGNORECASE)


def unnamed(text: str) -> Family | None:
    """The family whose opening mark ends this text, where no row has it; `closes` is empty where it is not known."""
    found = _UNKNOWN.search(text)
    if found is None or ended(text):
        return None
    if found["tag"]:
        return tags("unknown", found["tag"])
    return Family("unknown", found[0].rstrip(), f"[/{found['bracket']}]" if found["bracket"] else "")


def ended(text: str) -> bool:
    """Whether this text ends with a mark that closes thoughts, whichever family's it is."""
    return _ENDED.search(text) is not None


def opened_by(line: str, *, first: bool) -> Family | None:
    """The family whose thought this line begins with.

    Of the `first` line of an answer an unknown tag opens one too, if it is of small letters: JSX has others.
    """
    text = line.lstrip()
    known = next((family for family in FAMILIES if text.startswith(family.opens)), None)
    tag = _TAG.match(text) if first and known is None else None
    return tags("unknown", tag["tag"]) if tag and tag["tag"].islower() else known


#: What stands around thoughts and answers and is no word of theirs.
MARK = re.compile(
    "|".join(
        re.escape(text)
        for text in sorted(
            {text for family in FAMILIES for text in (family.opens, family.closes, family.answers.strip()) if text},
            key=len,
            reverse=True,
        )
    )
    + r"|</?"
    + _SPEAKS
    + r">|<\|\w+\|>(?:assistant)?"
)
#: What can stand behind an answer.
LEAVES = tuple(family.leaves for family in FAMILIES if family.leaves)
#: The parts of marks that are one token in a vocabulary: a server shows those in its answers that it is told to.
TOKENS = tuple(
    dict.fromkeys(
        mark
        for family in FAMILIES
        for text in (family.opens, family.closes, family.answers, family.leaves)
        for mark in re.findall(r"<[^\s<>]+>|\[/?[A-Z]+\]", text)
    )
)
