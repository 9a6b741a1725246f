"""--kv-quick: the reference's row, its column and the diagonal, until the declared contrasts are settled."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from .lab import matched

if TYPE_CHECKING:
    from .lab import Lab

#: 7 of 9 pairs; with 5 lines a cell of six functions is done in a moment.
THREE = ("--kv-quick", "--kv-types", "bf16,q8_0,q4_0", "--kv-lines", "5")
ON = ("--kv-calibrate", "on")
#: What the control model copies through every cache is settled by the first stage.
FIRST = ["bf16/bf16", "q4_0/q4_0", "q4_0/bf16", "bf16/q4_0"]


@pytest.fixture
def six(lab: Lab) -> Lab:
    """A lab with the corpus `six`: with fewer functions nothing can be settled."""
    lab.corpus("six", functions=6, value_len=8)
    return lab


def said(result: pytest.RunResult) -> str:
    """The line below the grid, as one."""
    lines = result.outlines
    start = next(place for place, line in enumerate(lines) if line.startswith("--kv-quick: "))
    end = next(place for place in range(start, len(lines)) if lines[place].startswith("run: "))
    return " ".join(line.strip() for line in lines[start:end])


@pytest.mark.slow
def test_settled(six: Lab) -> None:
    """Four cells say it, and what is left is skipped, but for the reference's last pass; the run is complete so."""
    result = six.grid(*THREE, *ON, corpus="six")
    assert (pytest.ExitCode.OK, {"passed": 30, "skipped": 18}) == (result.ret, result.parseoutcomes())
    assert (
        "--kv-quick: settled after 4 of 7 cells: q4_0/q4_0, q4_0/bf16, bf16/q4_0 NOT WORSE; no trend was tested"
        == said(result)
    )
    assert {"5.00"} == set(matched(result, 5).values())
    about = six.about()
    assert [*FIRST, "bf16/bf16#2"] == about["cells"]
    assert sorted(FIRST) == sorted(about["pairs"])
    assert 1 == about["quick"]["stage"]
    assert f"--kv-quick: {about['quick']['said']}" == said(result)
    assert "trend over K: not tested, --kv-quick was settled by its first stage" in result.outlines
    stored = six.pytester.run(sys.executable, "-m", "pytest_codeneedle.cli", "grid", six.folder)
    assert "trend over V: not tested, --kv-quick was settled by its first stage" in stored.outlines
    status = six.pytester.run(sys.executable, "-m", "pytest_codeneedle.cli", "status", six.folder)
    assert "state    complete" in status.outlines
    assert not [line for line in result.outlines if set(line) == {"s"}]


@pytest.mark.slow
def test_settled_under_xdist(six: Lab) -> None:
    """What no worker has yet is taken off the queue; what is under way is asked to its end."""
    result = six.grid("-n", "2", *THREE, *ON, corpus="six")
    assert pytest.ExitCode.OK == result.ret
    cells = six.about()["cells"]
    assert {*FIRST, "bf16/bf16#2"} <= set(cells)
    assert {(f"{row['ctk']}/{row['ctv']}", row["replicate"]) for row in six.rows()} == {
        (cell.partition("#")[0], int("#" in cell)) for cell in cells
    }
    assert 6 * len(cells) == len(six.rows()) == result.parseoutcomes()["passed"]
    assert f"--kv-quick: settled after {len(cells) - 1} of 7 cells: " in said(result)


@pytest.mark.slow
def test_not_settled(lab: Lab) -> None:
    """One function settles nothing: all cells are asked; those of the grid that are never asked are not missed."""
    result = lab.grid(*THREE, "--kv-functions", "1")
    assert {"passed": 7} == result.parseoutcomes()
    assert "--kv-quick: all 7 cells were asked" == said(result)
    assert "-" == matched(result, 5)["q8_0", "q4_0"]
    assert 7 == len(lab.about()["cells"])


def test_order(lab: Lab) -> None:
    """Of the default grid 16 cells, most telling first; the reference once more at the end."""
    ids = lab.ids("--kv-quick", *ON, "--kv-functions", "1")
    cells = [name.removeprefix("test_recall[").rpartition("-")[0] for name in ids]
    assert [*FIRST, "bf16/bf16#2"] == [*cells[:4], cells[-1]]
    assert 17 == len(cells)
    assert all("bf16" in cell for cell in cells[4:12])
    assert all(cell.partition("/")[0] == cell.partition("/")[2] for cell in cells[12:16])


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (("--kv-pairs", "bf16/bf16,q4_0/q4_0"), "--kv-quick picks the cells, and --kv-pairs (ini: kv_pairs) picks"),
        (("--kv-shard", "1/2"), "--kv-quick picks the cells, and --kv-shard (ini: kv_shard) picks others"),
        (
            ("--kv-server", "http://127.0.0.1:1/v1", "--kv-model", "m"),
            "--kv-quick cannot be set of an endpoint that already runs: it is one cell, as served; leave it out",
        ),
    ],
)
def test_contradictions(lab: Lab, other: tuple[str, ...], told: str) -> None:
    """What picks cells too, and what has one cell, is refused."""
    assert told in lab.refused("--kv-quick", *other)


@pytest.mark.slow
def test_a_missing_answer_settles_nothing(six: Lab) -> None:
    """What was answered is NOT WORSE, and one question was not."""
    six.faults({"q4_0/bf16": ["http400"]})
    result = six.grid(*THREE, corpus="six")
    assert {"passed": 41, "errors": 1} == result.parseoutcomes()
    assert "--kv-quick: all 7 cells were asked" == said(result)
    assert "5.00*" == matched(result, 5)["q4_0", "bf16"]
