"""The verdict of a session and --kv-delta: on the terminal, in run.json, in JUnit and in pytest-html's page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from pytest_codeneedle.cli import main

if TYPE_CHECKING:
    from .lab import Lab

NO = "Does q4_0 cost recall here? No: q4_0/q4_0 is NOT WORSE than bf16/bf16 by 0.5 lines or more, no line differs "


@pytest.mark.slow
def test_one_verdict_everywhere(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """The reference is asked once more at the end; what is said stands wherever a run is told of."""
    lab.corpus("six", functions=6)
    reports = ("--junitxml=j.xml", "--html=h.html", "--self-contained-html")
    pairs = ("--kv-pairs", "bf16/bf16,q4_0/q4_0")
    result = lab.grid(*pairs, "--kv-delta", "0.5", "--kv-calibrate", "on", *reports, corpus="six")
    result.assert_outcomes(passed=18)
    assert "verdict against bf16/bf16 (delta 0.5 lines, 6 functions)" in result.outlines
    assert "A/A: bf16/bf16 again at the end: no line differs" in result.outlines
    (told,) = lab.about()["verdicts"]
    assert told["sentences"][0].startswith(NO)
    properties = {one.get("name"): str(one.get("value")) for one in ET.parse(lab.path / "j.xml").iter("property")}
    assert properties["codeneedle.six.verdict"].startswith(NO)
    assert told == json.loads(properties["codeneedle.six.verdict_json"])
    assert "Does q4_0 cost recall here? No" in (lab.path / "h.html").read_text(encoding="utf-8")

    capsys.readouterr()
    assert 0 == main(["grid", str(lab.folder), "--json"])
    assert [told] == json.loads(capsys.readouterr().out)["verdicts"]
    assert 0 == main(["grid", str(lab.folder), "--delta", "2"])
    assert "verdict against bf16/bf16 (delta 2 lines, 6 functions)" in capsys.readouterr().out
    assert 0 == main(["summary", str(lab.folder)])
    assert "six     2x6  6.00 +/- 0.00  20.00 +/- 0.00  20.00-20.00  not tested" in capsys.readouterr().out


def test_no_loss_of_lines(lab: Lab) -> None:
    """Above nothing, below all."""
    for wrong in ("0", "20", "half", "nan"):
        assert f"--kv-delta (ini: kv_delta) = '{wrong}' is no loss of lines; give more than 0 and less than 20" in (
            lab.refused("--corpus", "tiny", "--kv-delta", wrong)
        )


@pytest.mark.slow
def test_few_functions_are_no_verdict(lab: Lab) -> None:
    """Two functions settle nothing, and no test of theirs is made."""
    result = lab.grid("--kv-pairs", "bf16/bf16,q4_0/q4_0")
    assert "No verdict: 2 functions cannot settle it, 6 are needed (--kv-functions)" in result.outlines
    assert [] == lab.about()["verdicts"]
