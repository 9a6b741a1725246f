"""How a model that thinks before it answers is kept from it, or let: `--kv-think`.

Thinking costs tokens and is no recall. What a chat template does about it is not believed of its text, it is seen on
the prompts that it renders (`rendered`); `families` has the switches and marks that are known.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.recall.families import FAMILIES, SWITCHES, Family, Value
from pytest_codeneedle.recall.rendered import TASK, Render, Shown, Working, look, working_switch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_codeneedle.recall.questions import Wording

Think = Literal["auto", "template", "no-think", "prefill", "on"]
THINK: tuple[Think, ...] = ("auto", "template", "no-think", "prefill", "on")

NO_THINK = "/no_think"
#: What a template's own switch leaves in the prompt, for instance Qwen3's.
EMPTY_BLOCK = FAMILIES[0].empty

_FOREIGN = ", of which the template knows nothing"
#: With the last three nothing is done: nothing is known of thinking, there is no way, or none that is known.
Technique = Literal[
    "template", "no-think", "prefill", "on", "close-only", "as-served", "none", "no-switch", "left-open"
]


#: What of a `Thinking` reaches the model; the rest are words.
_REACHES = ("technique", "template_kwargs", "ending", "opening")


@dataclass(frozen=True)
class Thinking:
    """What is done about thinking in one run, settled against the prompts of the model's chat template.

    `template_kwargs` are `chat_template_kwargs` for /apply-template and for chat completions. `ending` is what is put
    at the end of a rendered prompt, `opening` what an answer begins with unseen, because the prompt ends with it.
    `said` is all of it in words, empty where there is nothing to say. `as-served` does nothing, for an endpoint whose
    template nobody sees.
    """

    technique: Technique
    template_kwargs: Mapping[str, Value] = field(default_factory=dict)
    ending: str = ""
    opening: str = ""
    said: str = ""

    def finish(self, prompt: str) -> str:
        """The rendered prompt with its end made ready; one that is ready stays as it is."""
        return prompt if prompt.endswith(self.ending) else prompt + self.ending

    def asdict(self) -> dict[str, Any]:
        """Plain, for a worker and for run.json."""
        return asdict(self)


def way_of(settled: Mapping[str, Any] | None) -> dict[str, Any]:
    """What of it reaches the model, of the fields of a `Thinking` as run.json has them; empty where nothing is said."""
    return (
        {name: settled.get(name) or ({} if name == "template_kwargs" else "") for name in _REACHES} if settled else {}
    )


def settle(asked: Think, template: str | None, render: Render, after_task: str = "") -> Thinking:
    """What is done for a model with this chat template (None where it cannot be read) and the prompts it renders.

    `after_task` is the line at the end of the task (see `suffix`). Raises ConfigurationError where the template's
    switch is asked for and it has none that works, AnswerError where it renders no prompt at all.
    """
    message = f"{TASK}\n{after_task}" if after_task else TASK
    plain = look(render(message, {}))
    switch = working_switch(template, render, message)
    if asked == "template" and switch is None:
        names = ", ".join(dict.fromkeys(one.name for one in SWITCHES))
        msg = (
            "--kv-think template: the model's chat template has no switch that turns thinking off "
            f"(tried: {names}); try auto or prefill"
        )
        raise ConfigurationError(msg)
    if asked == "on":
        return _let(plain, switch)
    return _kept_off(asked, template, plain, switch)


def suffix(asked: Think, wording: Wording) -> str:
    """The line at the end of the task: `/no_think`, which the public harness adds unless thinking is let."""
    return NO_THINK if asked == "no-think" or (wording == "codeneedle" and asked != "on") else ""


def settle_unseen(asked: Think) -> Thinking:
    """What is asked of an endpoint, whose template nobody sees: `auto` leaves it as it is served."""
    if asked == "auto":
        return Thinking("as-served", said="as the endpoint has it; answers that think are pointed out")
    if asked == "on":
        return Thinking("on", said="let, as the endpoint has it")
    # Words differ from family to family, and some templates refuse those that they do not know.
    off = {switch.name: switch.off[0] for switch in SWITCHES if not isinstance(switch.off[0], str)}
    ways = {
        "template": "a switch of its chat template",
        "no-think": "/no_think at the end of the task and a switch of its chat template",
        "prefill": "an empty <think></think> that the answer begins with and a switch of its chat template",
    }
    said = f"the endpoint is asked to leave it off, by {ways[asked]}; answers that think all the same are pointed out"
    return Thinking(asked, off, EMPTY_BLOCK if asked == "prefill" else "", said=said)


def _let(plain: Shown, switch: Working | None) -> Thinking:
    """Thinking is wanted; it is said to be on only where the prompt shows it."""
    shown, kwargs = (plain, {}) if switch is None else (switch.shown_on, switch.on)
    opens = shown.family.opens if shown.state == "open" and shown.family else ""
    if switch is not None:
        said = f"on, by the template's own switch ({_told(kwargs) or 'left as it is'})"
    elif opens:
        said = f"on: the prompt opens it with {opens}"
    elif shown.state == "asked":
        said = "on: the prompt asks for it"
    else:
        said = "let; the template has no switch for it, and its prompt neither opens nor asks for it"
    return Thinking("on", kwargs, opening=f"{opens}\n" if opens else "", said=said)


def _kept_off(asked: Think, template: str | None, plain: Shown, switch: Working | None) -> Thinking:
    """Thinking is not wanted: the template is told so, and what its prompt then leaves to do is done."""
    shown, kwargs = (plain, {}) if switch is None else (switch.shown_off, switch.off)
    family = _family(template, shown, switch)
    technique: Technique = "none" if switch is None else "template"
    ways = [] if switch is None else [f"the template's own switch ({_told(kwargs)})"]
    ways += [f"{NO_THINK} at the end of the task"] if asked == "no-think" else []
    ending = ""
    if shown.state == "open":
        if not family.closes:
            said = f"on: the prompt opens it with {family.opens}, and nothing is known that closes that"
            return Thinking("left-open", kwargs, said=said)
        technique, ending = "close-only", family.closing(shown.space)
        ways.append(f"the end of the block that the prompt opens ({family.opens})")
    elif shown.state != "closed" and (asked == "prefill" or (switch is None and _begs(template, shown, family))):
        technique, ending = "prefill", family.direct or family.written_empty(template) or family.empty
        foreign = shown.state == "plain" and switch is None and not family.known(template)
        ways.append(f"{_block(ending, family)} at the end of the prompt{_FOREIGN if foreign else ''}")
    if ways:
        off = "off" if switch or ending or shown.state == "closed" else "asked off"
        done = "no-think" if asked == "no-think" else technique
        return Thinking(done, kwargs, ending, said=f"{off}, by {' and '.join(ways)}")
    if shown.state == "plain" and family.known(template):
        said = f"perhaps on: the template has no switch for it and knows {family.opens}; see --kv-think prefill"
        return Thinking("no-switch", said=said)
    return Thinking("none")


def _begs(template: str | None, shown: Shown, family: Family) -> bool:
    """Whether the answer is begun for the model unasked: the prompt asks for thoughts, or the template writes none."""
    return shown.state == "asked" or bool(family.written_empty(template))


def _family(template: str | None, shown: Shown, switch: Working | None) -> Family:
    """Whose marks this model's thoughts have: those in its prompts, else the first that its template knows."""
    prompts = (shown,) if switch is None else (shown, switch.shown_on)
    seen = (one.family for one in prompts if one.family is not None)
    known = (family for family in FAMILIES if family.known(template))
    return next(seen, None) or next(known, FAMILIES[0])


def _block(ending: str, family: Family) -> str:
    """What begins an answer without thoughts, as a person is told of it."""
    block = "".join(ending.split())
    return f"an empty {block}" if block.startswith(family.opens) else block


def _told(kwargs: Mapping[str, Value]) -> str:
    """The variables as a template has them: `enable_thinking=false`."""
    values = {name: str(value).lower() if isinstance(value, bool) else value for name, value in kwargs.items()}
    return ", ".join(f"{name}={value}" for name, value in values.items())
