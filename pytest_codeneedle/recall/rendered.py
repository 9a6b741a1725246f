"""What a chat template does about thinking, seen on the prompts that it renders with its switches off and on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from pytest_codeneedle.core.errors import AnswerError
from pytest_codeneedle.recall.families import FAMILIES, SWITCHES, Family, Switch, Value, ended, unnamed

#: The prompt that a template makes of a message, told these variables. Raises AnswerError where it refuses one.
Render = Callable[[str, Mapping[str, Value]], str]

#: Stands for the task where only what the template puts around it is looked at.
TASK = "(the task)"


@dataclass(frozen=True)
class Shown:
    """What a rendered prompt shows of thinking, with the family whose marks these are.

    `open`: it ends within a thought, of which `space` is the white space so far. `closed`: a thought has ended, or the
    answer has begun. `asked`: words before the task ask for thoughts. `plain`: nothing of that.
    """

    state: Literal["open", "closed", "asked", "plain"]
    family: Family | None = None
    space: str = ""


@dataclass(frozen=True)
class Working:
    """A switch that a template obeys: what it is told for off and on, and what its prompts then show."""

    off: Mapping[str, Value]
    on: Mapping[str, Value]
    shown_off: Shown
    shown_on: Shown


def look(prompt: str) -> Shown:
    """What the prompt that a template made of a message with `TASK` in it shows."""
    head, _, tail = prompt.rpartition(TASK)
    ending = tail.rstrip()
    space = tail[len(ending) :]
    begun = [(tail.rfind(family.opens), family) for family in FAMILIES if family.opens in tail]
    if begun:
        at, family = max(begun, key=lambda one: one[0])
        within = tail[at + len(family.opens) :]
        # Words within a thought belong to it, as Seed-OSS writes some into one that is empty.
        return Shown("closed", family) if family.closes in within else Shown("open", family, space)
    for one in FAMILIES:
        if ending.endswith(one.end) or (one.lone and ending.endswith(one.closes)):
            return Shown("closed", one)
    if ended(ending):
        return Shown("closed")
    if (opened := unnamed(tail)) is not None:
        return Shown("open", opened, space)
    asking = next((family for family in FAMILIES if family.asks and re.search(family.asks, head)), None)
    return Shown("plain") if asking is None else Shown("asked", asking)


def working_switch(template: str | None, render: Render, message: str) -> Working | None:
    """The first of the known switches that changes the prompt and leaves no thought open in it.

    One that shows thoughts closed goes before those after which the prompt shows nothing. `template` is the text of
    the chat template, None where it cannot be read; `message` has `TASK` in it.
    """
    found = []
    for switch in SWITCHES:
        values = switch.values(template) if switch.known(template) else ()
        tried = (_compared(render, message, switch, value) for value in values)
        found += [one for one in tried if one is not None and one.shown_off.state in ("closed", "plain")]
    return next((one for one in found if one.shown_off.state == "closed"), found[0] if found else None)


def _compared(render: Render, message: str, switch: Switch, off: Value) -> Working | None:
    """The switch at this value, where the prompt is another one than with it on."""
    on: dict[str, Value] = {} if switch.on is None else {switch.name: switch.on}
    try:
        without, thinking = render(message, {switch.name: off}), render(message, on)
    except AnswerError:  # this template knows no such value
        return None
    return None if without == thinking else Working({switch.name: off}, on, look(without), look(thinking))
