"""`codeneedle archive`: real runs pile up, are checked, and are runs as before."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pytest_codeneedle.report.archive.index  # noqa: F401 - numpy loads once per process; pytester forgets what it loads
from pytest_codeneedle.cli import main

from .test_privacy import private, run

if TYPE_CHECKING:
    from .conftest import SmallRun
    from .lab import Lab


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path, status: int = 0) -> str:
    """What a command prints."""
    capsys.readouterr()
    assert status == main([str(one) for one in arguments])
    return capsys.readouterr().out


def everything(folder: Path) -> str:
    """All bytes of all files, names too."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return "\n".join(f"{path.relative_to(folder)}\n{path.read_bytes().decode()}" for path in found)


def test_runs_pile_up(small_run: SmallRun, sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each once, a folder of several as each of its runs; what is kept is a run for all other commands."""
    shutil.copytree(small_run.folder, tmp_path / "two" / "small")
    archive = tmp_path / "archive"
    first = said(capsys, "archive", "add", tmp_path / "two", sweep, "--to", archive).splitlines()
    again = said(capsys, "archive", "add", small_run.folder, "--to", archive).splitlines()
    ids = [line.split()[1] for line in first[:2]]
    kept = [archive / "runs" / one for one in ids]

    assert [f"added  {one}  random-bodies-mini, control-robust" for one in ids] == first[:2]
    assert f"archive: {archive}/index.html (2 runs)" == first[2]
    assert [f"there already  {ids[0]}  random-bodies-mini, control-robust", first[2]] == again
    assert f"{archive}: 2 runs, every file is what its hash says\n" == said(capsys, "archive", "check", archive)
    for command in ("grid", "summary", "status", "rescore"):
        old, new = (said(capsys, command, folder) for folder in (sweep, kept[1]))
        assert old.replace(str(sweep), "") == new.replace(str(kept[1]), "")
    assert "nothing is worse" in said(capsys, "compare", sweep, kept[1])
    assert "differ" not in said(capsys, "compare", sweep, kept[1]).partition("\n\n")[0]
    (kept[0] / "summary.json").write_text("{}", encoding="utf-8")
    assert f"runs/{ids[0]}/summary.json: changed\n" == said(capsys, "archive", "check", archive, status=1)
    assert "2 runs written anew" in said(capsys, "archive", "rebuild", archive)
    assert "every file is what its hash says" in said(capsys, "archive", "check", archive)


@pytest.mark.slow
def test_nothing_of_private_code_is_kept(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No line, no answer, no path, no host, in no byte of the archive; the figures are there all the same."""
    asked, other = private(lab)
    run(lab)
    archive = tmp_path / "archive"
    told = said(capsys, "archive", "add", lab.folder, "--to", archive)
    all_of_it = everything(archive)
    words = {word for line in (*asked, *other) for word in line.split('"') if len(word) > 3}

    assert "mine, control-robust  partial: 1 of 2 answers, without code and answers" in told
    assert [] == [word for word in words if word.strip(" =") in all_of_it]
    assert [] == [
        path for path in (str(lab.path), str(Path.home()), "/tmp/", socket.gethostname()) if path in all_of_it
    ]
    assert "target" in all_of_it
    assert 2 == main(["rescore", str(next((archive / "runs").iterdir()))])
    assert "is kept in an archive without its answers" in capsys.readouterr().err
    assert "(2 runs)" in said(capsys, "archive", "add", lab.folder, "--to", archive, "--with-answers")
    assert asked[0] in everything(archive).replace('\\"', '"')
    (bare, whole) = sorted((archive / "runs").iterdir(), key=lambda one: one.stat().st_mode, reverse=True)
    assert json.loads((whole / "summary.json").read_text(encoding="utf-8"))["answers"]
    assert 0 == whole.stat().st_mode & 0o077
    assert not json.loads((bare / "summary.json").read_text(encoding="utf-8"))["answers"]


def test_what_is_kept_is_not_gone_on_with(
    small_run: SmallRun, lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that is broken off is kept as a part; it grows in its own folder, and is a run of its own then."""
    own, archive = tmp_path / "own", tmp_path / "archive"
    shutil.copytree(small_run.folder, own)
    whole = (own / "results.jsonl").read_text(encoding="utf-8")
    (own / "results.jsonl").write_text("".join(whole.splitlines(keepends=True)[:5]), encoding="utf-8")
    told = said(capsys, "archive", "add", own, "--to", archive)
    assert "partial: 5 of 8 answers" in told
    part = archive / "runs" / told.split()[1]
    assert "is kept in an archive, and no more is written into it" in lab.refused("--kv-out", str(part), "--kv-resume")
    (own / "results.jsonl").write_text(whole, encoding="utf-8")
    said(capsys, "archive", "add", own, "--to", archive)

    assert "superseded: it went on, partial: 5 of 8 answers" in (archive / "index.html").read_text(encoding="utf-8")
    assert "2 runs, every file is what its hash says" in said(capsys, "archive", "check", archive)
