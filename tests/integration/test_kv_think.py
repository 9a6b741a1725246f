"""--kv-think auto|template|no-think|prefill|on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .lab import matched

if TYPE_CHECKING:
    from .lab import Lab

PAIR = ("--kv-pairs", "q8_0/q4_0", "--kv-functions", "1")
#: The control model copies what stands last: the mark that shows the switch stands first.
SWITCH = (
    "{% if enable_thinking is defined %}# thinking {{ enable_thinking }}\n{% endif %}"
    "{% for m in messages %}{{ m['content'] }}{% endfor %}{{ '\\n' }}"
)
OPENS = "{% for m in messages %}{{ m['content'] }}{% endfor %}{{ '\\n<think>\\n' }}"
CHANNELS = (
    "# Valid channels: analysis, commentary, final.\n{% for m in messages %}{{ m['content'] }}{% endfor %}{{ '\\n' }}"
)
PROMPT = """
    def test_prompt(running_cell, kv_function):
        prompt = running_cell.prompt(kv_function)
        print(repr(prompt[:30]), repr(prompt[-120:]))
        assert False
"""


def prompt(lab: Lab, template: str | None, *arguments: str) -> str:
    """The beginning and the end of a prompt."""
    tests = lab.pytester.makepyfile(test_prompt=PROMPT)
    chosen = () if template is None else (f'--kv-server-args=--chat-template "{template}"',)
    result = lab.grid(*PAIR, *chosen, *arguments, str(tests))
    assert {"failed": 1} == result.parseoutcomes()
    (line,) = [line for line in result.outlines if line.startswith("'")]
    return line


def said(result: pytest.RunResult) -> list[str]:
    """What the terminal says of thinking."""
    return [line for line in result.outlines if "thinking" in line]


def test_auto_takes_the_templates_switch_and_says_so(lab: Lab) -> None:
    """The template is told not to think; lines are recalled, the technique is said and recorded."""
    result = lab.grid(*PAIR, f'--kv-server-args=--chat-template "{SWITCH}"')
    assert {("q8_0", "q4_0"): "20.00"} == matched(result)
    assert ["kv-grid: thinking: off, by the template's own switch (enable_thinking=false)"] == said(result)
    about = lab.about()
    assert ("auto", "template") == (about["think"], about["thinking"])
    assert {"enable_thinking": False} == about["thinking_settled"]["template_kwargs"]


@pytest.mark.slow
def test_without_a_switch_nothing_is_said(lab: Lab) -> None:
    """The control model's own template has none."""
    assert [] == said(lab.grid(*PAIR))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("think", "mark"), [("template", "False"), ("on", "True"), ("auto", "False"), ("prefill", "False")]
)
def test_the_template_is_told(lab: Lab, think: str, mark: str) -> None:
    """`enable_thinking` reaches the template, whatever else is done."""
    assert prompt(lab, SWITCH, "--kv-think", think).startswith(f"'# thinking {mark}\\n")


def test_a_block_that_the_template_opens_is_closed(lab: Lab) -> None:
    """So that nothing of it is echoed."""
    assert prompt(lab, OPENS).endswith("():\\n<think>\\n\\n</think>\\n\\n'")
    assert "close-only" == lab.about()["thinking"]


@pytest.mark.slow
def test_what_a_family_without_a_switch_needs(lab: Lab) -> None:
    """The prompt asks for thoughts: the answer is begun behind them; that is said, also in the dry run."""
    said_of_it = "kv-grid: thinking: off, by <|channel|>final<|message|> at the end of the prompt"
    chosen = f'--kv-server-args=--chat-template "{CHANNELS}"'
    assert prompt(lab, CHANNELS).endswith("():\\n<|channel|>final<|message|>'")
    assert [said_of_it] == said(lab.grid(*PAIR, chosen, "--kv-dry-run"))
    assert said_of_it.partition("thinking: ")[2] == lab.about()["thinking_settled"]["said"]


def test_on_leaves_it_open(lab: Lab) -> None:
    """The model may think; the budget has room for it."""
    assert prompt(lab, OPENS, "--kv-think", "on", "--kv-out", "on").endswith("():\\n<think>\\n'")


def test_prefill(lab: Lab) -> None:
    """An empty block at the end of the prompt."""
    assert prompt(lab, None, "--kv-think", "prefill").endswith("():\\n<think>\\n\\n</think>\\n\\n'")


def test_no_think(lab: Lab) -> None:
    """A line in the task; the quotation stays the last."""
    end = prompt(lab, None, "--kv-think", "no-think")
    assert "no code fence.\\n/no_think\\n\\nThe quotation:\\ndef " in end


def test_a_switch_that_is_not_there(lab: Lab) -> None:
    """A usage error that says what else there is, and no run folder is left behind."""
    result = lab.grid(*PAIR, "--kv-think", "template", "--kv-out", "run")
    assert pytest.ExitCode.USAGE_ERROR == result.ret
    assert (
        "has no switch that turns thinking off (tried: enable_thinking, thinking, thinking_budget"
        in result.stderr.str()
    )
    assert not (lab.path / "run").exists()


@pytest.mark.slow
def test_an_answer_that_thinks_all_the_same_is_pointed_out(lab: Lab) -> None:
    """The control model thinks where the code that it copies does: a block of thinking in a docstring."""
    body = "\n".join(f"    babababa{number} = 1" for number in range(20))
    lab.write("src/a.py", f'def dodododo():\n    """\n<think>\nkukukuku\n</think>\n    """\n{body}\n')
    lab.write("corpora/loud.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n')
    result = lab.grid(*PAIR, "--kv-model", "control:robust", corpus="loud")
    (row,) = lab.rows()
    assert row["thought"]
    assert "1 of 1 answers thought all the same; try --kv-think prefill" in result.outlines
