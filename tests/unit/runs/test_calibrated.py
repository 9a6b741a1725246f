"""A run whose reference recalls too little says so in every view of it; one that recalls enough says nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from stored_runs import about, row, run_folder

from pytest_codeneedle.cli import main
from pytest_codeneedle.runs.calibration import Calibrated, calibrated
from pytest_codeneedle.runs.design import Frame

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SAID = "not calibrated: bf16/bf16 recalls 25 % of the lines, 80 % are needed"
#: run.json of a session that ended for that: its status is said too.
ENDED = {"passed": False, "share": 0.25, "minimum": 0.8}
HERE = {"pass": 8, "model_name": "model", "relax_indent": True}


def folder(path: Path, lines: float, **more: Any) -> Path:
    """A run of two cells in which every function has so many of 20 lines."""
    return run_folder(path, {"bf16/bf16": [lines] * 8, "q4_0/q4_0": [lines] * 8}, **{**HERE, **more})


#: What a person types -> whether the caution is in a file that it writes.
VIEWS: dict[str, tuple[list[str], str | None]] = {
    "grid": (["grid", "RUN"], None),
    "grid --json": (["grid", "RUN", "--json"], None),
    "summary": (["summary", "RUN"], None),
    "summary --json": (["summary", "RUN", "--json"], None),
    "status": (["status", "RUN"], None),
    "status --json": (["status", "RUN", "--json"], None),
    "compare": (["compare", "RUN", "RUN"], None),
    "compare --json": (["compare", "RUN", "RUN", "--json"], None),
    "compare --markdown": (["compare", "RUN", "RUN", "--markdown"], None),
    "baseline save": (["baseline", "save", "RUN", "--allow-partial", "-o", "OUT.json"], None),
    "archive add": (["archive", "add", "RUN", "--to", "OUT"], None),
    "archive index": (["archive", "add", "RUN", "--to", "OUT"], "index.html"),
    "archive page": (["archive", "add", "RUN", "--to", "OUT"], "runs/*/index.html"),
    "archive summary": (["archive", "add", "RUN", "--to", "OUT"], "runs/*/summary.json"),
    "report": (["report", "RUN", "-o", "OUT"], "**/*.html"),
    "heatmap": (["heatmap", "RUN", "-o", "OUT.svg"], "."),
}


@pytest.fixture
def viewed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str, Path], str]:
    """What a view of a run prints or writes, white space and marks of markdown taken as one blank."""

    def view(name: str, run: Path) -> str:
        args, inside = VIEWS[name]
        out = tmp_path / "out"
        main([one.replace("RUN", str(run)).replace("OUT", str(out)) for one in args])
        text = capsys.readouterr().out
        if inside is not None:
            paths = [tmp_path / "out.svg"] if inside == "." else list(out.glob(inside))
            text = "".join(path.read_text(encoding="utf-8") for path in paths)
        return " ".join(text.replace("\\", "").replace("</text>", " ").split())

    return view


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_says_so(viewed: Callable[[str, Path], str], tmp_path: Path, name: str) -> None:
    """Whether the session was told to find out or not."""
    pytest.importorskip("matplotlib") if name == "heatmap" else None
    found = viewed(name, folder(tmp_path / "run", 5))
    words = SAID.split(": ", maxsplit=1)[0] if name == "heatmap" else SAID  # a picture breaks its title into lines
    assert words in found


@pytest.mark.parametrize("name", [name for name in VIEWS if name != "heatmap"])
def test_a_good_reference_says_nothing(viewed: Callable[[str, Path], str], tmp_path: Path, name: str) -> None:
    """Of 80 % and more."""
    assert "not calibrated" not in viewed(name, folder(tmp_path / "run", 16))


def test_a_minimum_that_was_lowered_is_said(viewed: Callable[[str, Path], str], tmp_path: Path) -> None:
    """The session went on; nothing is recommended all the same, and the sentences say why."""
    run = folder(tmp_path / "run", 5, calibrate_min=0.05, calibration={**ENDED, "passed": True, "minimum": 0.05})
    said = "calibrated: bf16/bf16 recalls 25 % of the lines, 5 % are needed; under 80 % no pair is recommended"
    found = viewed("grid", run)
    assert said in found
    assert "No pair is recommended: the reference bf16/bf16 recalls 5.0 of 20 lines, which leaves little to" in found
    assert "Take" not in found
    assert json.loads(viewed("grid --json", run))["calibration"] == {"passed": True, "caution": said}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"calibration": ENDED}, "not calibrated (exit status 10): bf16/bf16 recalls 25 % of the lines"),
        (
            {"calibration": {"passed": None, "reason": "it is in another"}, "asked": [f"f{at}" for at in range(9)]},
            "not calibrated: it is in another",
        ),
        ({"asked": [f"f{at}" for at in range(9)]}, "not calibrated: the reference was not asked completely"),
        ({"reference": "f16/f16"}, "not calibrated: the reference was not asked completely"),
    ],
)
def test_why_is_said(viewed: Callable[[str, Path], str], tmp_path: Path, facts: Any, expected: str) -> None:
    """As the session found it, or as far as there are answers."""
    assert expected in viewed("grid", folder(tmp_path / "run", 5, **facts))


def of_reference(lines: list[int | None], session: str, replicate: int = 0) -> list[dict[str, Any]]:
    """Its rows in a session."""
    return [row("bf16/bf16", f"f{at}", found, session=session, replicate=replicate) for at, found in enumerate(lines)]


def known_of(rows: list[dict[str, Any]], **more: Any) -> Calibrated:
    """What is said of a run with these rows, and one of the low pair in session `a`."""
    facts = about(asked=[f"f{at}" for at in range(8)], pairs=["bf16/bf16", "q4_0/q4_0"], **more)
    return calibrated(facts, [*rows, row("q4_0/q4_0", "f0", 20, session="a")], Frame.of(facts))


def test_an_answer_that_was_judged_anew_counts_once() -> None:
    """As it was judged last."""
    assert known_of([*of_reference([10] * 8, "a"), *of_reference([20] * 8, "a")]).passed
    assert not known_of([*of_reference([20] * 8, "a"), *of_reference([10] * 8, "a")]).passed


@pytest.mark.parametrize("facts", [{"passed": True, "minimum": 0.8}, {"passed": None, "reason": "the session ended"}])
def test_a_session_that_was_broken_off_in_its_reference_has_no_say(facts: dict[str, Any]) -> None:
    """Nothing is held against it: what the other session asked is calibrated."""
    found = known_of([*of_reference([20] * 8, "a"), *of_reference([5], "b")], calibration=facts)
    assert (True, "") == (found.passed, found.caution)


def test_a_session_that_asked_cells_without_all_of_its_reference_is_not_calibrated() -> None:
    """Be another session so."""
    facts = {"passed": None, "reason": "the session ended"}
    found = known_of([*of_reference([20] * 7, "a"), *of_reference([20] * 8, "b")], calibration=facts)
    assert (None, "not calibrated: the session ended") == (found.passed, found.caution)
