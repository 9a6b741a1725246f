"""`codeneedle heatmap`, run as a person runs it, on a real run."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from pytest_codeneedle.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_runs_as_a_picture(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """PNG or SVG by the suffix; runs of one title are told apart by their folders."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(sweep, "again")
    assert 0 == main(["heatmap", str(sweep), "-o", "one.PNG"])
    assert 0 == main(["heatmap", str(sweep), "again", "--of", "margins", "-o", "two.svg"])

    assert ("heatmap: one.PNG\nheatmap: two.svg\n", "") == capsys.readouterr()
    assert b"\x89PNG" == (tmp_path / "one.PNG").read_bytes()[:4]
    drawn = (tmp_path / "two.svg").read_text(encoding="utf-8")
    assert 1 == drawn.count(">again</text>")
    assert ">random-bodies-mini</text>" in drawn
    assert str(sweep.parent) not in drawn


def test_refused(sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another suffix, a place where nothing can be written, and a run that is damaged: one line each, and no file."""
    damaged = shutil.copytree(sweep, tmp_path / "damaged")
    (damaged / "run.json").write_text("{}", encoding="utf-8")
    for arguments, message in [
        ((sweep, "-o", tmp_path / "a.jpg"), "the suffix says what is written, png or svg; try a.png"),
        ((sweep, "-o", tmp_path / "none" / "a.png"), "cannot be written: No such file or directory; give another -o"),
        ((damaged, "-o", tmp_path / "a.png"), f"{damaged} is damaged: there is no "),
    ]:
        assert 2 == main(["heatmap", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert "" == out
        assert message in err
        assert 1 == err.count("\n")
    assert ["damaged"] == [path.name for path in tmp_path.iterdir()]
