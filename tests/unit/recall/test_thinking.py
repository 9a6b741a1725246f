"""Thinking: which technique is taken, what the prompt then shows, and what is said of it.

The templates are small ones with a family's traits: its switch, its marks, and what it renders of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import AnswerError, ConfigurationError
from pytest_codeneedle.recall.cleaning import read_answer
from pytest_codeneedle.recall.families import FAMILIES, SWITCHES
from pytest_codeneedle.recall.rendered import TASK, look
from pytest_codeneedle.recall.thinking import THINK, Think, Thinking, settle, settle_unseen, suffix

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a template does with the task, then what follows for the answer.
PLAIN = "<u>{{ task }}</u><a>"
TEMPLATES = {
    "none": PLAIN,
    "switch": PLAIN + "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}",
    "opens unless off": PLAIN
    + "{% if enable_thinking is defined and not enable_thinking %}{% else %}<think>\n{% endif %}",
    "system prompt": "<s>Deliberation: {{ 'on' if enable_thinking | default(true) else 'off' }}</s>" + PLAIN,
    "other name": PLAIN + "{% if thinking | default(true) %}<think>{% else %}</think>{% endif %}",
    "only opens": PLAIN + "<think>\n",
    "named in vain": PLAIN + "{% set enable_thinking = true %}<think>\n",
    "slash": (
        "<u>{{ task.replace('/no_think', '') }}</u><a>"
        "{% if '/no_think' in task %}<think></think>{% else %}<think>\n{% endif %}"
    ),
    "seed": PLAIN
    + "{% if thinking_budget is defined and thinking_budget == 0 %}<seed:think>\nNone.</seed:think>{% endif %}",
    "mode": PLAIN
    + "{% if thinking_mode == 'disabled' %}</mm:think>{% elif thinking_mode == 'enabled' %}<mm:think>{% endif %}",
    "effort": (
        "{% if reasoning_effort is defined and reasoning_effort not in ['no_think', 'high'] %}{{ raise() }}{% endif %}"
        + PLAIN
        + "<think:opensource>{% if reasoning_effort != 'high' %}</think:opensource>{% endif %}"
    ),
    "cohere": PLAIN + "<|START_THINKING|>{% if not reasoning | default(true) %}<|END_THINKING|>{% endif %}",
    "kimi": PLAIN + "{% if thinking | default(true) %}<|open|>think<|sep|>{% else %}<|open|>response<|sep|>{% endif %}",
    "gemma": (
        "{% if enable_thinking | default(true) %}<s><|think|></s>{% endif %}"
        + PLAIN
        + "{% if not enable_thinking | default(true) %}<|channel>thought\n<channel|>{% endif %}"
    ),
    "harmony": "<s>Reasoning: {{ reasoning_effort | default('medium') }}\n# Valid channels: analysis, final.</s>"
    + PLAIN,
    "bracket": "<s>First think: [THINK]thoughts[/THINK]</s>[INST]{{ task }}[/INST]",
    "steps": "<s>Answer after [BEGIN FINAL RESPONSE].</s>" + PLAIN + "\nHere are my reasoning steps:\n",
    "writes empty ones": "{% if old %}<think></think>{% endif %}" + PLAIN,
    "knows": "{% if old %}<think>{{ old }}</think>{% endif %}" + PLAIN,
    "new tag": PLAIN + "<inner_reasoning>\n",
    "new bracket": PLAIN + "[REFLECTION]",
    "new mark": PLAIN + "<|begin_of_pondering|>\n",
}


def rendering(name: str):  # noqa: ANN201 - a Render
    """What a server renders with the template of that name; llama.cpp tells each that thinking is enabled."""

    def refuse() -> None:
        raise AnswerError("HTTP 500: no such value")

    def render(message: str, kwargs: Mapping[str, object]) -> str:
        told = {"enable_thinking": True, "raise": refuse, **kwargs}
        return jinja2.Template(TEMPLATES[name], keep_trailing_newline=True).render(task=message, **told)

    return render


def settled(asked: Think, name: str) -> tuple[Thinking, str]:
    """What is settled for that template, and what follows the task in the prompt that then goes out."""
    render, after = rendering(name), suffix(asked, "quoted")
    thinking = settle(asked, TEMPLATES[name], render, after)
    message = f"{TASK}\n{after}" if after else TASK
    return thinking, thinking.finish(render(message, thinking.template_kwargs)).rpartition("</u>")[2]


@pytest.mark.parametrize(
    ("name", "technique", "end"),
    [
        ("none", "none", "<a>"),
        ("switch", "template", "<a><think>\n\n</think>\n\n"),
        ("opens unless off", "template", "<a>"),
        ("system prompt", "template", "<a>"),
        ("other name", "template", "<a></think>"),
        ("only opens", "close-only", "<a><think>\n\n</think>\n\n"),
        ("named in vain", "close-only", "<a><think>\n\n</think>\n\n"),
        ("slash", "close-only", "<a><think>\n\n</think>\n\n"),
        ("seed", "template", "<a><seed:think>\nNone.</seed:think>"),
        ("mode", "template", "<a></mm:think>"),
        ("effort", "template", "<a><think:opensource></think:opensource>"),
        ("cohere", "template", "<a><|START_THINKING|><|END_THINKING|>"),
        ("kimi", "template", "<a><|open|>response<|sep|>"),
        ("gemma", "template", "<a><|channel>thought\n<channel|>"),
        ("harmony", "prefill", "<a><|channel|>final<|message|>"),
        ("bracket", "prefill", "[THINK][/THINK]"),
        ("steps", "close-only", "<a>\nHere are my reasoning steps:\n[BEGIN FINAL RESPONSE]\n"),
        ("writes empty ones", "prefill", "<a><think></think>"),
        ("knows", "no-switch", "<a>"),
        ("new tag", "close-only", "<a><inner_reasoning>\n\n</inner_reasoning>\n\n"),
        ("new bracket", "close-only", "<a>[REFLECTION][/REFLECTION]"),
        ("new mark", "left-open", "<a><|begin_of_pondering|>\n"),
    ],
)
def test_auto_keeps_thinking_off_in_the_way_of_the_family(name: str, technique: str, end: str) -> None:
    """By the switch that works on the rendered prompt, by closing what that opens, or by beginning the answer."""
    thinking, prompt = settled("auto", name)
    assert (technique, end) == (thinking.technique, prompt.removeprefix(f"{TASK}[/INST]").split("[/INST]")[-1])


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("asked", ["auto", "prefill", "no-think"])
def test_what_is_said_to_be_off_is_off(asked: Think, name: str) -> None:
    """No prompt that goes out is within a thought where the words say `off`."""
    render, after = rendering(name), suffix(asked, "quoted")
    thinking = settle(asked, TEMPLATES[name], render, after)
    shown = look(thinking.finish(render(f"{TASK}\n{after}", thinking.template_kwargs)))
    if thinking.said.startswith("off"):
        assert shown.state == "closed" or (shown.state == "plain" and thinking.template_kwargs)
    else:
        assert thinking.technique in ("none", "no-switch", "left-open", "no-think")
        assert "" == thinking.ending


@pytest.mark.parametrize("asked", ["prefill", "no-think"])
@pytest.mark.parametrize(
    "name", ["switch", "opens unless off", "other name", "seed", "mode", "effort", "cohere", "kimi", "gemma"]
)
def test_the_switch_is_off_too(asked: Think, name: str) -> None:
    """An empty block beside a switch that is on asks for thinking; one block is enough where the switch writes it."""
    thinking, prompt = settled(asked, name)
    auto, _ = settled("auto", name)
    assert auto.template_kwargs == thinking.template_kwargs != {}
    assert "the template's own switch" in thinking.said
    assert prompt.count("<think>") <= 1
    assert "<think>" not in prompt or name in ("switch", "opens unless off")


def test_prefill_begins_the_answer_with_the_family_s_own_marks() -> None:
    """And says so where the template does not know them."""
    thinking, prompt = settled("prefill", "knows")
    assert ("prefill", "<a><think>\n\n</think>\n\n") == (thinking.technique, prompt)
    assert "off, by an empty <think></think> at the end of the prompt" == thinking.said
    thinking, _ = settled("prefill", "none")
    assert thinking.said.endswith("at the end of the prompt, of which the template knows nothing")
    thinking, prompt = settled("prefill", "harmony")
    assert "<a><|channel|>final<|message|>" == prompt
    assert "off, by <|channel|>final<|message|> at the end of the prompt" == thinking.said


def test_no_think_is_believed_where_the_prompt_shows_it() -> None:
    """A template may act on the words; where nothing of the kind is seen, only the asking is said."""
    thinking, prompt = settled("no-think", "slash")
    assert ("off, by /no_think at the end of the task", "<a><think></think>") == (thinking.said, prompt)
    assert "asked off, by /no_think at the end of the task" == settled("no-think", "none")[0].said


@pytest.mark.parametrize(
    ("name", "said", "opening"),
    [
        ("switch", "on, by the template's own switch (enable_thinking=true)", ""),
        ("other name", "on, by the template's own switch (thinking=true)", "<think>\n"),
        ("seed", "on, by the template's own switch (left as it is)", ""),
        ("effort", "on, by the template's own switch (reasoning_effort=high)", "<think:opensource>\n"),
        ("kimi", "on, by the template's own switch (thinking=true)", "<|open|>think<|sep|>\n"),
        ("only opens", "on: the prompt opens it with <think>", "<think>\n"),
        ("steps", "on: the prompt opens it with Here are my reasoning steps:", "Here are my reasoning steps:\n"),
        ("new tag", "on: the prompt opens it with <inner_reasoning>", "<inner_reasoning>\n"),
        ("bracket", "on: the prompt asks for it", ""),
        ("none", "let; the template has no switch for it, and its prompt neither opens nor asks for it", ""),
    ],
)
def test_on_is_said_where_the_prompt_shows_it(name: str, said: str, opening: str) -> None:
    """What the prompt opens is put before the answer, so that the thought is taken out whole."""
    thinking, _ = settled("on", name)
    assert ("on", said, opening, "") == (thinking.technique, thinking.said, thinking.opening, thinking.ending)
    if opening:
        answer = read_answer(f"{opening}x = 1\nhm\n{closing(opening)}\nthe line")
        assert (("the line",), True) == (answer.lines, answer.thought)


def closing(opening: str) -> str:
    """The mark that ends what this one opens."""
    known = {family.opens: family.closes for family in FAMILIES}
    return known.get(opening.strip(), opening.strip().replace("<", "</"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("knows", "perhaps on: the template has no switch for it and knows <think>; see --kv-think prefill"),
        ("new mark", "on: the prompt opens it with <|begin_of_pondering|>, and nothing is known that closes that"),
    ],
)
def test_what_cannot_be_kept_off_is_said(name: str, said: str) -> None:
    """A template that thinks and has no switch, and a mark that nobody knows."""
    assert said == settled("auto", name)[0].said


@pytest.mark.parametrize("name", ["none", "only opens", "named in vain", "harmony"])
def test_a_switch_that_is_not_there_cannot_be_used(name: str) -> None:
    """The name in the template's text is not enough. The message says what was tried, and what can be."""
    with pytest.raises(ConfigurationError, match=r"no switch .*tried: enable_thinking, thinking,.*try auto or prefill"):
        settled("template", name)


def test_a_template_that_cannot_be_read_is_tried() -> None:
    """Old builds do not show it; words are not guessed then, for some templates print any."""
    assert {"enable_thinking": False} == settle("auto", None, rendering("switch")).template_kwargs
    assert {} == settle("auto", None, rendering("effort")).template_kwargs


def test_a_template_that_renders_nothing_is_an_error_of_its_own() -> None:
    """Only a value of a switch may be refused."""

    def refuse(_message: str, _kwargs: Mapping[str, object]) -> str:
        raise AnswerError("HTTP 500")

    with pytest.raises(AnswerError):
        settle("auto", "", refuse)


@given(st.text(max_size=20), st.sampled_from(["", *(family.empty for family in FAMILIES)]))
def test_finishing_twice_is_finishing_once(prompt: str, ending: str) -> None:
    """And what stands before the end of the prompt is kept."""
    thinking = Thinking("prefill", ending=ending)
    once = thinking.finish(prompt)
    assert once == thinking.finish(once)
    assert once.startswith(prompt)


def test_where_no_think_is_written() -> None:
    """Where it is asked for, and at the end of the public harness's task unless thinking is let."""
    assert {"no-think": "/no_think"} == {asked: line for asked in THINK if (line := suffix(asked, "quoted"))}
    assert {"on"} == {asked for asked in THINK if not suffix(asked, "codeneedle")}


def test_an_endpoint_is_asked() -> None:
    """Nobody sees its template: it is told every switch that no template refuses, and nothing is claimed."""
    assert ("as-served", {}) == (settle_unseen("auto").technique, settle_unseen("auto").template_kwargs)
    for asked in ("template", "no-think", "prefill"):
        thinking = settle_unseen(asked)  # type: ignore[arg-type]  # each is one of them
        assert {"enable_thinking": False, "thinking": False, "thinking_budget": 0, "reasoning": False} == dict(
            thinking.template_kwargs
        )
        assert thinking.said.startswith("the endpoint is asked to leave it off, by ")


def test_a_family_says_each_of_its_marks_once() -> None:
    """No opening mark is another's too, or thoughts would be closed by the wrong one; names of switches are words."""
    opens = [family.opens for family in FAMILIES]
    assert len(opens) == len(set(opens))
    assert all(family.closes and family.closes != family.opens for family in FAMILIES)
    assert all(switch.name.isidentifier() and switch.off for switch in SWITCHES)
