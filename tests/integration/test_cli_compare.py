"""`codeneedle compare` and `baseline save`, run as a person runs them, on copies of one real run."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.cli import main

from .lab import read_about, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOW = ("q4_0", "q4_0")


@pytest.fixture
def here(tmp_path: Path, sweep: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the run in it, where the commands are given."""
    shutil.copytree(sweep, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def altered(here: Path, name: str, change: Callable[[dict[str, Any]], dict[str, Any]], **about: Any) -> None:
    """A copy of the run with other figures in its lowest pair: no build at hand recalls less."""
    folder = shutil.copytree(here / "run", here / name)
    rows = [{**row, **(change(row) if (row["ctk"], row["ctv"]) == LOW else {})} for row in read_rows(folder)]
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "run.json").write_text(json.dumps({**read_about(folder), **about}), encoding="utf-8")


def said(capsys: pytest.CaptureFixture[str], status: int, *arguments: str) -> list[str]:
    """What a command prints that ends with this status."""
    assert status == main(list(arguments))
    captured = capsys.readouterr()
    assert ("" == captured.err) == (status != 2)
    return (captured.err if status == 2 else captured.out).splitlines()


def test_same(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run, its file, and the file of its file: nothing is worse. The file has no line of code and no path."""
    assert [
        "random-bodies-mini: 2 of 2 cells, 16 of 16 answers",
        "baseline: base.json",
    ] == said(capsys, 0, "baseline", "save", "run", "-o", "base.json")
    assert [
        "random-bodies-mini: base.json -> run",
        "nothing is worse: a mean loss of 0.90 lines would have been seen",
        "",
        "nothing differs in what the runs were asked with",
    ] == said(capsys, 0, "compare", "base.json", "run")[:4]
    saved = (here / "base.json").read_text(encoding="utf-8")
    assert {"q4_0/q4_0", "q8_0/q8_0"} == set(json.loads(saved)["cells"])
    answers = [line.strip() for row in read_rows(here / "run") for line in row["response"].splitlines() if line.strip()]
    assert len(answers) > 300
    assert not [
        line for line in (*answers, str(here), "/") if line in saved.replace("q4_0/q4_0", "").replace("q8_0/q8_0", "")
    ]


def test_worse(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another build that lost two lines of each function in one cell: 1, what differs, and the table."""
    altered(here, "new", lambda row: {"primary_matched": row["primary_matched"] - 2}, server_build="b9999")
    lines = said(capsys, 1, "compare", "run", "new")
    assert [
        "random-bodies-mini: run -> new",
        "worse: mean of all cells -1.00 lines (p = 0.012); lowest pair q4_0/q4_0 -2.00",
        "  lines (p = 0.012)",
        "",
        "build was b0-unknown, is b9999",
        "",
        "lines of 20               old     new    diff  p (Holm)",
        "mean of all cells       20.00   19.00   -1.00  0.012  worse",
        "reference q8_0/q8_0     20.00   20.00    0.00  1.000",
        "lowest pair q4_0/q4_0   20.00   18.00   -2.00  0.012  worse",
        "",
        "1 other cell: each function's lines are the same",
    ] == [line.replace(str(read_about(here / "run")["server_build"]), "b0-unknown") for line in lines[:12]]
    told = " ".join(" ".join(lines).split())
    assert told.endswith("not compared, for lines are lost: functions of q4_0/q4_0 (8 of 8); margins decide nothing")
    facts = json.loads("\n".join(said(capsys, 1, "compare", str(here / "run"), "new", "--json")))
    assert (True, "run", "new", -2.0) == (facts["worse"], facts["old"], facts["new"], facts["cells"][0]["difference"])
    markdown = said(capsys, 1, "compare", str(here / "run"), str(here / "new"), "--markdown")
    assert "random-bodies-mini: run → new" == markdown[2]
    assert markdown[0].startswith("### KV-cache recall: worse: mean of all cells -1.00 lines")
    assert "| lowest pair q4\\_0/q4\\_0 | 20.00 | 18.00 | -2.00 | 0.012 | **worse** |" in markdown


def test_no_answer(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cell whose server did not come up any more."""
    altered(here, "new", lambda _: {"primary_matched": None, "outcome": "error", "error": "no server"})
    lines = said(capsys, 1, "compare", "run", "new")
    assert "worse: 8 questions gave an answer and give none now, all of q4_0/q4_0" == lines[1]
    assert "no answer any more: q4_0/q4_0: all of its questions" in lines


def test_not_to_be_compared(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2 and one line: another text, no run, a file of something else, which is not overwritten either."""
    altered(here, "new", lambda _: {}, corpus_sha256="0" * 64)
    assert ["codeneedle: new is of another corpus than run: random-bodies-mini, random-bodies-mini: sha256 was"] == [
        line.partition(" was")[0] + " was" for line in said(capsys, 2, "compare", "run", "new")
    ]
    assert ["codeneedle: nowhere cannot be read: No such file or directory; give a run folder, or a file of "] == [
        line.removesuffix("codeneedle baseline save") for line in said(capsys, 2, "compare", "run", "nowhere")
    ]
    (here / "other.json").write_text("{}", encoding="utf-8")
    assert "other.json is there and is no baseline" in said(capsys, 2, "baseline", "save", "run", "-o", "other.json")[0]
    assert "{}" == (here / "other.json").read_text(encoding="utf-8")
    altered(here, "empty", lambda _: {})
    (here / "empty" / "results.jsonl").write_text("", encoding="utf-8")
    assert "empty has no answer" in said(capsys, 2, "baseline", "save", "empty", "-o", "base.json")[0]


def test_part_of_a_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that lacks answers, or is not calibrated, is no baseline unless it is allowed; the verdict names the part.

    With so few functions that nothing could be worse, 2: it cannot be decided.
    """
    altered(here, "part", lambda _: {"primary_matched": None, "outcome": "error", "error": "no server"})
    save = ("baseline", "save", "part", "-o", "-")
    assert "part is not complete: 8 of 16 answers; go on with it (--kv-resume)" in said(capsys, 2, *save)[0]
    assert 0 == main([*save, "--allow-partial"])
    captured = capsys.readouterr()
    assert "random-bodies-mini: 1 of 2 cells, 8 of 16 answers\n" == captured.err
    assert {"q4_0/q4_0", "q8_0/q8_0"} == set(json.loads(captured.out)["cells"])
    assert not (here / "-").exists()

    altered(here, "floored", lambda _: {}, reference="q4_0/q4_0")
    altered(here, "low", lambda _: {"primary_matched": 3}, reference="q4_0/q4_0", calibrate_min=0.8)
    assert ["floored.json"] == [
        line.removeprefix("baseline: ")
        for line in said(capsys, 0, "baseline", "save", "floored", "-o", "floored.json")[1:]
    ]
    assert "low is not calibrated" in said(capsys, 2, "baseline", "save", "low", "-o", "low.json")[0]

    rows = read_rows(here / "run")
    few = sorted({row["function"] for row in rows})[:5]
    shutil.copytree(here / "run", here / "few")
    lines = "".join(json.dumps(row) + "\n" for row in rows if row["function"] in few)
    (here / "few" / "results.jsonl").write_text(lines, encoding="utf-8")
    assert [
        "nothing is shown to be worse for 5 of 8 functions: 5 functions cannot show a",
        "  loss, 7 are needed (--kv-functions)",
    ] == said_out(capsys, 2, "compare", "run", "few")[1:3]


def said_out(capsys: pytest.CaptureFixture[str], status: int, *arguments: str) -> list[str]:
    """What a command prints on standard output that ends with this status."""
    assert status == main(list(arguments))
    return capsys.readouterr().out.splitlines()


def test_damage(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """2 and one line, never a traceback with the status of something worse; of several the damaged run is named."""
    said(capsys, 0, "baseline", "save", "run", "-o", "base.json")
    saved = json.loads((here / "base.json").read_text(encoding="utf-8"))
    (here / "odd.json").write_text(json.dumps({**saved, "facts": {"build": {}}, "questions": []}), encoding="utf-8")
    (line,) = said(capsys, 2, "compare", "odd.json", "run")
    assert line.startswith("codeneedle: odd.json is damaged: its head: [] is no dict")
    wild = (here / "base.json").read_text(encoding="utf-8").replace("[20,", "[1e400,", 1)
    (here / "wild.json").write_text(wild, encoding="utf-8")
    assert "wild.json is damaged: its figures: cell q" in said(capsys, 2, "compare", "wild.json", "run")[0]
    altered(here, "broken", lambda _: {"primary_matched": "many"})
    (line,) = said(capsys, 2, "summary", "run", "broken", "run")
    assert line.startswith("codeneedle: broken/results.jsonl, line 1: primary_matched is 'many', and no count; ")
    for name in ("one", "two"):  # a question that no version asked
        (here / f"{name}.json").write_text(json.dumps({**saved, "questions": {"mood": name}}), encoding="utf-8")
    assert [
        "codeneedle: one.json or two.json is damaged: there is no 'mood'; bring it back from a copy, or name another"
    ] == said(capsys, 2, "compare", "one.json", "two.json")
