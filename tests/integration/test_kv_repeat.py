"""--kv-repeat N, and --kv-calibrate, which asks the reference first and last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.runs.status import standing

from .lab import matched, passed, read_about, read_rows

if TYPE_CHECKING:
    from .lab import Lab

PAIRS = ("--kv-pairs", "q4_0/q4_0,q8_0/q8_0", "--kv-order", "grid", "--kv-out", "run")
GRID = {("q8_0", "q8_0"): "20.00", ("q4_0", "q4_0"): "20.00"}
#: As the reference, which has most bits, is asked first and last.
ONE_PASS = ["q8_0/q8_0", "q4_0/q4_0", "q8_0/q8_0#2"]


def cells(lab: Lab, *arguments: str) -> list[str]:
    """The cells in the order in which they are asked."""
    ids = lab.ids("--kv-pairs", "q4_0/q4_0,q8_0/q8_0,q4_0/q8_0", "--kv-functions", "1", *arguments)
    return [name.partition("[")[2].rpartition("-")[0] for name in ids]


@pytest.mark.slow
def test_one_pass_becomes_two(lab: Lab) -> None:
    """The reference is asked once more after all others; who asks a second pass over the grid asks it both times."""
    first = lab.grid(*PAIRS, "--kv-calibrate", "on")
    run = lab.path / "run"
    assert {"passed": 6} == first.parseoutcomes()
    assert "kv-grid: tiny: 3 cells x 2 functions = 6 questions" in first.outlines
    assert "kv-grid: tiny: q8_0/q8_0 is planned first and last (--kv-calibrate)" in first.outlines
    assert [f"[{number}/3] {name:<11}" for number, name in enumerate(ONE_PASS, 1)] == [
        line[:17] for line in first.outlines if line.startswith("[")
    ]
    assert any(line.startswith("combos 2 | pass 2.00 +/- 0.00 | matched 20.00") for line in first.outlines)
    assert ONE_PASS == read_about(run)["cells"]
    assert (1, ["default"], True) == tuple(read_about(run)[key] for key in ("repeat", "rotations", "calibrate"))

    second = lab.grid(*PAIRS, "--kv-calibrate", "on", "--kv-repeat", "2", "--kv-resume")
    assert {"passed": 8} == second.parseoutcomes()
    assert "kv-grid: tiny: 2 passes over all cells, figures are means" in second.outlines
    assert "kv-grid: tiny: 6 of 8 answers are recorded in run" in second.outlines
    asked = [f"{row['ctk']} {row['replicate']} {row['rotation']}" for row in read_rows(run)]
    names = ("q8_0 0", "q4_0 0", "q8_0 1", "q8_0 0", "q4_0 1", "q8_0 1")
    assert [f"{name} default" for name in names for _ in range(2)] == asked
    assert 6 == len(list((run / "servers").iterdir()))
    assert GRID == {pair: figure for pair, figure in matched(second).items() if figure != "-"}
    assert dict.fromkeys(GRID, "2") == {pair: figure for pair, figure in passed(second, 2).items() if figure != "-"}

    about = read_about(run)
    assert (2, [*ONE_PASS, "q4_0/q4_0#2"]) == (about["repeat"], about["cells"])
    stands = standing(about, read_rows(run))
    assert (8, 8, 4, 4) == (stands.items, stands.answered, len(stands.cells), stands.cells_done)


def test_order(lab: Lab) -> None:
    """Each pass has all cells; the reference of every corpus comes before all else, and is the last of its corpus."""
    plain = ["q4_0/q4_0", "q8_0/q8_0", "q4_0/q8_0"]
    assert [*plain, *(f"{name}#2" for name in plain)] == cells(lab, "--kv-order", "grid", "--kv-repeat", "2")
    lab.corpus("other", functions=2)
    first, second = ("q4_0/q4_0", "q4_0/q8_0"), ("q4_0/q4_0#2", "q4_0/q8_0#2", "q8_0/q8_0#2")
    assert [
        *("tiny:q8_0/q8_0", "other:q8_0/q8_0"),
        *(f"{corpus}:{name}" for corpus in ("tiny", "other") for name in (*first, *second)),
    ] == cells(lab, "--kv-order", "grid", "--kv-repeat", "2", "--kv-calibrate", "on", "--corpus", "other")


@pytest.mark.parametrize("given", ["0", "two"])
def test_no_number_of_passes(lab: Lab, given: str) -> None:
    """One at least."""
    lab.pytester.makeini(f"[pytest]\nkv_repeat = {given}\n")
    assert "--kv-repeat (ini: kv_repeat)" in lab.refused()
