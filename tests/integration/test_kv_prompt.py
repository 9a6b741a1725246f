"""--kv-prompt quoted|codeneedle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .lab import matched, read_about

if TYPE_CHECKING:
    from .lab import Lab

PAIR = ("--kv-pairs", "q8_0/q4_0")
DONE = {("q8_0", "q4_0"): "20.00"}
PROMPT = """
    def test_prompt(running_cell, kv_function):
        print(running_cell.prompt(kv_function)[-900:])
        assert False
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wording", "ends", "has"),
    [
        ("quoted", "The quotation:\ndef {name}():\n", "repeat 20 lines of the source code above, word for word"),
        ("codeneedle", "/no_think\n\ndef {name}():\n", "first 20 lines of the body of the function named `{name}`"),
    ],
)
def test_wording(lab: Lab, wording: str, ends: str, has: str) -> None:
    """Each asks in its own words for the same sample; the control model's template knows the public harness's."""
    tests = lab.pytester.makepyfile(test_prompt=PROMPT)
    names = [one.partition("-")[2].rstrip("]") for one in lab.ids("--kv-prompt", wording, *PAIR)]
    result = lab.grid(*PAIR, "--kv-prompt", wording, str(tests))
    assert {"failed": 2} == result.parseoutcomes()
    shown = result.stdout.str()
    for name in names:
        assert ends.format(name=name) in shown
        assert has.format(name=name) in shown


@pytest.mark.slow
def test_codeneedle_recalls(lab: Lab) -> None:
    """The wording is recorded, and the same functions come back whole."""
    assert DONE == matched(lab.grid(*PAIR, "--kv-prompt", "codeneedle", "--kv-out", "named"))
    about = read_about(lab.path / "named")
    assert ("codeneedle", "none") == (about["prompt"], about["thinking"])
    assert lab.ids(*PAIR) == lab.ids(*PAIR, "--kv-prompt", "codeneedle")


def test_unknown(lab: Lab) -> None:
    """A wording that there is not is a usage error, in the ini file too."""
    lab.pytester.makeini("[pytest]\nkv_prompt = rhymed\n")
    assert "kv_prompt = 'rhymed': give quoted or codeneedle" in lab.refused("--corpus", "tiny")
