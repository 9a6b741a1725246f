"""--kv-rotation default|on|off|both: real servers are told, and their logs are believed."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from .lab import read_about, read_rows, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .lab import Lab

PAIRS = ("--kv-pairs", "bf16/q4_0,q4_0/q4_0")
ROTATED = re.compile(r"llama_kv_cache: (?:attn_rot|n_rot)_([kv]) = (\d+)")


def rotated(log: Path) -> dict[str, bool]:
    """Whether K and V are, as a log says."""
    return {side: number != "0" for side, number in ROTATED.findall(log.read_text(encoding="utf-8"))}


def seen(rows: Sequence[dict[str, Any]]) -> set[tuple[str, str, bool, bool]]:
    """(ctk, rotation asked for, K rotated, V rotated) of rows, as they tell."""
    return {(row["ctk"], row["rotation"], row["attn_rot_k"] > 0, row["attn_rot_v"] > 0) for row in rows}


@pytest.mark.slow
def test_both(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `on` has answered is not asked again by `both`; each rotation has its grid, and there is their difference.

    Two workers: a server for each pair and rotation, and one alone.
    """
    monkeypatch.setenv("LLAMA_ATTN_ROT_DISABLE", "1")  # what the option says goes before it
    first = lab.grid(*PAIRS, "--kv-rotation", "on", "--kv-out", "run")
    run = lab.path / "run"
    assert {"passed": 4} == first.parseoutcomes()
    at = first.outlines.index("rotation on")
    assert ["", "mean primary_matched /20"] == first.outlines[at + 1 : at + 3]
    on = {("bf16", "on", False, True), ("q4_0", "on", True, True)}
    assert on == seen(read_rows(run))
    assert "default" == read_about(run)["identity"]["rotation"]

    monkeypatch.delenv("LLAMA_ATTN_ROT_DISABLE")
    both = lab.grid(*PAIRS, "--kv-rotation", "both", "--kv-out", "run", "--kv-resume", "-n", "2")
    assert {"passed": 8} == both.parseoutcomes()
    assert "kv-grid: tiny: 4 cells x 2 functions = 8 questions" in both.outlines
    assert "kv-grid: tiny: 4 of 8 answers are recorded in run" in both.outlines
    rows = read_rows(run)
    assert 8 + 2 == len(rows)  # the reference with its rotation on was asked in both sessions
    assert on | {("bf16", "off", False, False), ("q4_0", "off", False, False)} == seen(rows)
    logs = {log.name: rotated(log) for log in (run / "servers").iterdir()}
    assert {
        "bf16-q4_0.rot-on.log": {"k": False, "v": True},
        "bf16-q4_0.rot-on.2.log": {"k": False, "v": True},
        "bf16-q4_0.rot-off.log": {"k": False, "v": False},
        "q4_0-q4_0.rot-on.log": {"k": True, "v": True},
        "q4_0-q4_0.rot-off.log": {"k": False, "v": False},
    } == logs

    titles = [line for line in both.outlines if line.startswith("rotation ")]
    assert ["rotation on", "rotation off", "rotation on - off"] == titles
    places = [both.outlines.index(title) for title in titles]
    pairs = [("bf16", "q4_0"), ("q4_0", "q4_0")]
    for place in places[:2]:
        assert dict.fromkeys(pairs, "20.00") == table(both.outlines[place:], "mean primary_matched /20")
    # The other cell was asked on and off in two sessions, and their reference is quantized itself.
    differences = table(both.outlines, "mean difference in lines, function by function")
    assert {pairs[0]: "0.00", pairs[1]: "err"} == differences
    assert "rotation: 2 functions cannot show a difference in one of 1 cell: 6 are needed" in both.outlines
    about = read_about(run)
    names = ["bf16/q4_0:rot-off", "bf16/q4_0:rot-on", "q4_0/q4_0:rot-off", "q4_0/q4_0:rot-on"]
    assert (["on", "off"], names) == (about["rotations"], sorted(about["cells"]))

    grid = lab.pytester.run(sys.executable, "-m", "pytest_codeneedle.cli", "grid", "run")
    assert titles == [line for line in grid.outlines if line.startswith("rotation ")]


@pytest.mark.slow
def test_a_build_that_does_not_honour_it(lab: Lab) -> None:
    """The cell that is not what it says is an ERROR, which says so; the one that is has its figures.

    The real server, behind a script that keeps the variable from it, as a build does that does not know it.
    """
    script = lab.write(
        "deaf", f'#!/bin/sh\nunset LLAMA_ATTN_ROT_DISABLE\nexec {sys.executable} -m pytest_codeneedle.embedded "$@"\n'
    )
    script.chmod(0o755)
    server = f"--kv-server={script}"
    result = lab.grid(server, "--kv-pairs", "q4_0/q4_0", "--kv-rotation", "both", "--kv-functions", "1")
    assert {"passed": 1, "errors": 1} == result.parseoutcomes()
    result.stdout.fnmatch_lines(
        ["*q4_0/q4_0:rot-off: rotation off was asked for, and the server's log shows that K is rotated: this build*"]
    )
    at = result.outlines.index("rotation off")
    assert {("q4_0", "q4_0"): "err"} == table(result.outlines[at:], "mean primary_matched /20")
    (said,) = [line for line in result.outlines if line.startswith("rotation: ")]
    assert said.startswith("rotation: 1 function cannot show a difference in one of 1 cell")


def test_refused(lab: Lab) -> None:
    """Other words; a command that says otherwise; an endpoint, which nobody here starts."""
    said = lab.refused("--kv-server", "LLAMA_ATTN_ROT_DISABLE=1 embedded", "--kv-rotation", "both")
    assert "--kv-rotation and LLAMA_ATTN_ROT_DISABLE=1 in the command of --kv-server contradict each other" in said
    said = lab.refused("--kv-server", "http://127.0.0.1:1/v1", "--kv-model", "m", "--kv-rotation", "on")
    assert "--kv-rotation cannot be set of an endpoint" in said
    lab.pytester.makeini("[pytest]\nkv_rotation = up\n")
    assert "kv_rotation = 'up': give default or on or off or both" in lab.refused()
