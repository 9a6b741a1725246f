"""The items of the packaged suite: what they carry, and how a fail and an error look."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from .lab import matched, passed, read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import SmallRun
    from .lab import Lab

PROPERTIES = {
    "corpus",
    "ctk",
    "ctv",
    "function",
    "replicate",
    "rotation",
    "start_line",
    "depth",
    "primary_matched",
    "lcs_matched",
    "hallucinated",
    "bonus",
    "run_on",
    "margin_mean",
    "margin_p1",
    "margin_under_1",
    "expected_logprob_mean",
    "tokens",
    "prompt_ms",
    "predicted_ms",
    "kv_mib",
    "flash_attn",
    "attn_rot_k",
    "attn_rot_v",
}


def properties(junit: Path) -> dict[str, dict[str, str]]:
    """Test name -> its properties."""
    return {
        case.attrib["name"]: {one.attrib["name"]: one.attrib["value"] for one in case.iter("property")}
        for case in ET.parse(junit).iter("testcase")
    }


def test_junit_properties(small_run: SmallRun) -> None:
    """JUnit XML has what was asked, the score, the timings and the cell's validity; no response, no token margins."""
    found = properties(small_run.junit)
    rows = {f"test_recall[{row['ctk']}/{row['ctv']}-{row['function']}]": row for row in read_rows(small_run.folder)}
    assert rows.keys() == found.keys()
    for name, row in rows.items():
        assert PROPERTIES <= found[name].keys()
        assert not {"response", "margins"} & found[name].keys()
        assert {key: str(row[key]) for key in found[name]} == found[name]


def test_row_facts(small_run: SmallRun) -> None:
    """The figures of a row fit together."""
    for row in read_rows(small_run.folder):
        assert (row["ctk"], row["ctv"]) == (row["log_ctk"], row["log_ctv"])
        assert "enabled" == row["flash_attn"]
        assert 20 == row["primary_matched"] == row["lcs_matched"] == len(row["response"].strip("\n").split("\n"))
        assert 6 * 20 <= row["tokens"] <= 8 * 20
        assert "hit" == row["prompt_cache"]
        assert 0 <= row["depth"] <= 1
        assert 0 == row["replicate"]
    sizes = {(row["ctk"], row["ctv"]): row["kv_mib"] for row in read_rows(small_run.folder)}
    assert sizes["q4_0", "q4_0"] < sizes["q8_0", "q4_0"] < sizes["q8_0", "q8_0"]


@pytest.fixture
def twins(lab: Lab) -> str:
    """A corpus that the control model cannot copy without mistakes.

    Its literals have one letter, so that many lines stand in it twice; after such a line two lines could follow,
    and where the model takes the wrong one it stays in the wrong function.
    """
    lab.corpus("twins", functions=60, value_len=1, k=6)
    return "twins"


@pytest.mark.slow
def test_fail(lab: Lab, twins: str) -> None:
    """A fail is one line that says what was lost and the aligned diff, without a traceback."""
    result = lab.grid("--kv-pairs", "q8_0/q8_0", "--kv-pass", "20", "--junitxml", "junit.xml", corpus=twins)
    assert pytest.ExitCode.TESTS_FAILED == result.ret
    rows = lab.rows()
    failed = [row for row in rows if row["outcome"] == "failed"]
    assert failed
    assert {"failed", "passed"} >= {row["outcome"] for row in rows}
    assert all(row["primary_matched"] < 20 for row in failed)
    counts = result.parseoutcomes()
    assert (len(failed), len(rows) - len(failed)) == (counts["failed"], counts.get("passed", 0))
    assert {("q8_0", "q8_0"): str(len(rows) - len(failed))} == passed(result, 6)
    mean = sum(row["primary_matched"] for row in rows) / len(rows)
    assert {("q8_0", "q8_0"): f"{mean:.2f}"} == matched(result)
    output = result.stdout.str()
    assert "Traceback" not in output
    assert not re.search(r"^E  ", output, re.MULTILINE)
    assert ".py:" not in output
    cases = {case.attrib["name"]: case for case in ET.parse(lab.path / "junit.xml").iter("testcase")}
    for row in failed:
        (failure,) = cases[f"test_recall[q8_0/q8_0-{row['function']}]"].iter("failure")
        head, *diff = (failure.text or "").splitlines()
        assert f"{row['function']}: {row['primary_matched']} of 20 lines recalled, 20 needed" in head
        assert f"{row['hallucinated']} hallucinated" in head
        assert 20 - row["primary_matched"] == sum(line.startswith("- ") for line in diff)
        assert row["hallucinated"] == sum(line.startswith("+ ") for line in diff)


#: The prompt's end is the last line of the corpus once more: what follows it there is the end of the text, where
#: the control model ends its answer.
AT_THE_END = "{{ messages[0]['content'] + '\\n' + messages[0]['content'].split('\\n---')[0].split('\\n')[-2] + '\\n' }}"


@pytest.mark.slow
def test_empty_answer(lab: Lab) -> None:
    """A model that answers nothing is an ERROR, never a FAIL, and the cell has no figure."""
    arguments = f'--kv-server-args=--chat-template "{AT_THE_END}"'
    result = lab.grid("--kv-pairs", "q8_0/q8_0", arguments)
    assert {"errors": 2} == result.parseoutcomes()
    assert {("q8_0", "q8_0"): "err"} == matched(result)
    for row in lab.rows():
        assert ("error", None) == (row["outcome"], row["primary_matched"])
        assert f"{row['function']}: the model answered nothing" in row["error"]
        assert "During handling of the above exception" not in row["error"]


@pytest.mark.slow
def test_verbose(lab: Lab) -> None:
    """-v shows the items as any test is shown."""
    result = lab.grid("--kv-pairs", "q8_0/q4_0", "--kv-functions", "1", "-v", quiet=False)
    result.stdout.re_match_lines([r".*test_recall\[q8_0/q4_0-\w+\] PASSED.*"])


@pytest.mark.slow
def test_workers_send_everything(lab: Lab) -> None:
    """Under xdist JUnit XML has the same properties: they are plain and travel."""
    lab.grid("--kv-pairs", "q8_0/q4_0", "-n", "1", "--junitxml", "junit.xml")
    found = properties(lab.path / "junit.xml")
    assert 2 == len(found)
    assert [] == [name for name, one in found.items() if not one.keys() >= PROPERTIES]
