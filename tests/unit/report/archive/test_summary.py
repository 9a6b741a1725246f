"""What the index knows of a kept run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from stored_runs import run_folder

from pytest_codeneedle.report.archive.summary import archive_summary, build_of
from pytest_codeneedle.report.page.sections import section
from pytest_codeneedle.report.text.run import run_verdicts
from pytest_codeneedle.runs.design import Frame
from pytest_codeneedle.runs.folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LOW = {"bf16/bf16": [20] * 6, "bf16/q4_0": [20] * 6, "q4_0/bf16": [20] * 5 + [18], "q4_0/q4_0": [10] * 5 + [None]}


def summary(path: Path, cells: Mapping[str, Sequence[float | None]] = LOW, **more: Any) -> dict[str, Any]:
    """That of a run with these cells."""
    folder = RunFolder.open(run_folder(path / f"run{len(list(path.iterdir()))}", cells, **more))
    about, rows = folder.about(), folder.current_rows()
    return summarised(about, rows)


def summarised(about: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """That of these rows, with the page's words."""
    frame = Frame.of(about)
    parts = section(about, rows, frame, run_verdicts(rows, frame), hidden=None).parts
    return archive_summary("0" * 16, about, rows, dict(zip(frame.views, parts, strict=True)))


def test_figures_of_every_cell(tmp_path: Path) -> None:
    """Means over the functions that have a score, how many these are, what gave none; plain, for JSON."""
    found = summary(tmp_path)
    (grid,) = found["grids"]

    assert {"matched": 10.0, "scored": 5, "passed": 5.0, "errors": 1, "margin": None} == grid["cells"]["q4_0/q4_0"]
    assert {"pair": "q4_0/q4_0", "matched": 10.0, "difference": -10.0} == grid["worst"]
    assert ("INCONCLUSIVE", "q4_0/q4_0", 17.416666666667) == (grid["word"], grid["low"], grid["mean"])
    assert (24, 23, 1) == (found["items"], found["answered"], found["errors"])
    assert "Does q4_0 cost recall here?" in grid["sentences"][0]
    assert found == json.loads(json.dumps(found, allow_nan=False))


def test_no_cell_is_lower_than_the_reference(tmp_path: Path) -> None:
    """Then there is no worst one; nor is there where the reference alone was asked."""
    assert summary(tmp_path, {"bf16/bf16": [20] * 6, "q4_0/q4_0": [20] * 6})["grids"][0]["worst"] is None
    assert summary(tmp_path, {"bf16/bf16": [20] * 6})["grids"][0]["worst"] is None


@pytest.mark.parametrize("reference", [{"bf16/bf16": [None] * 6}, {}], ids=["has no answer", "was not asked"])
def test_without_the_reference_the_worst_is_held_against_the_highest(
    tmp_path: Path, reference: dict[str, list[float | None]]
) -> None:
    """None where all others are equal; else the lowest, and no difference to a reference is told."""
    equal = {**reference, "bf16/q4_0": [19] * 6, "q4_0/bf16": [19] * 6, "q4_0/q4_0": [19] * 6}
    lower = {**equal, "q4_0/bf16": [19] * 5 + [13]}

    assert summary(tmp_path, equal)["grids"][0]["worst"] is None
    worst = {"pair": "q4_0/bf16", "matched": 18.0, "difference": None}
    assert worst == summary(tmp_path, lower)["grids"][0]["worst"]


def test_a_run_without_answers_has_a_summary_too(tmp_path: Path) -> None:
    """A sweep whose servers did not come up."""
    found = summary(tmp_path, {"bf16/bf16": [None], "q4_0/q4_0": [None]})

    assert (2, 0, {}, None) == (found["items"], found["answered"], found["first_answers"], found["grids"][0]["mean"])


def test_a_session_that_stopped_at_the_reference_is_floored(tmp_path: Path) -> None:
    """In a word, with why; not as one in which a cell has nothing to be held against."""
    found = summary(tmp_path, {"bf16/bf16": [2] * 6}, calibration={"passed": False, "minimum": 0.8})
    (grid,) = found["grids"]

    assert "floored" == grid["word"]
    assert "No verdict: bf16/bf16 recalls 10 % of the lines, 80 % are needed" in grid["sentences"][0]


def test_answers_without_times_are_told_apart(tmp_path: Path) -> None:
    """As imported ones are: by their figures, and by their words where they are kept."""
    made = run_folder(tmp_path / "run", {"bf16/bf16": [20, 20]})
    rows = [{**row, "at": None} for row in RunFolder.open(made).rows()]
    for row in rows:
        del row["prompt_ms"], row["predicted_ms"]

    def answers(**more: Any) -> list[str]:
        changed = [rows[0], {**rows[1], **more}]
        about = RunFolder.open(made).about()
        return list(summarised(about, changed)["first_answers"]["bf16/bf16"])

    whole, bare, figures, words = (
        answers(),
        answers(response=None),
        answers(primary_matched=19),
        answers(response="other"),
    )
    assert len({one[1] for one in (whole, bare, figures, words)}) == 4
    assert {whole[0]} == {one[0] for one in (bare, figures, words)}
    assert whole[1].partition(":")[0] == bare[1] == words[1].partition(":")[0] != figures[1].partition(":")[0]


@pytest.mark.parametrize(
    ("started", "seconds"),
    [
        pytest.param("1970-01-01T01:00:00+0000", 3600, id="UTC"),
        pytest.param("1970-01-01T01:00:00+0200", -3600, id="zone"),
        pytest.param("1970-01-01T01:00:00", 3600, id="no zone, which is the same on every machine"),
        pytest.param("yesterday", None, id="no time"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_when_it_began(tmp_path: Path, started: str | None, seconds: float | None) -> None:
    """In seconds since 1970, for runs of machines in several zones stand in one order."""
    assert seconds == summary(tmp_path, started=started)["seconds"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({"server_build": "b6123-ab12cd3", "server_version": "version: 6123"}, "b6123-ab12cd3"),
        pytest.param({"server_build": "b0-unknown", "server_version": "xllamacpp 2026.10"}, "xllamacpp 2026.10"),
        pytest.param({"server_build": None, "server_version": None}, "", id="an endpoint"),
        pytest.param({"server_build": "b0-unknown", "server_version": None}, "", id="nothing is known"),
        pytest.param({"server_build": None, "server_version": "version: 0 (unknown)"}, "", id="nor here"),
    ],
)
def test_what_a_build_is_called(facts: dict[str, Any], expected: str) -> None:
    """The embedded server's own number says nothing."""
    assert expected == build_of(facts)
