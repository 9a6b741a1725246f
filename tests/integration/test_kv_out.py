"""--kv-out DIR."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .lab import read_rows, said_folder

if TYPE_CHECKING:
    from .lab import Lab

PAIR = ("--kv-pairs", "q8_0/q4_0", "--kv-functions", "1")


def test_existing_run(lab: Lab) -> None:
    """The run is where it was asked for; a second one there is a usage error and touches nothing."""
    result = lab.grid(*PAIR, "--kv-out", "kept/here")
    out = lab.path / "kept" / "here"
    assert out == said_folder(result.outlines, lab.path)
    assert [] == lab.folders()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    message = lab.refused(*PAIR, "--corpus", "tiny", "--kv-out", "kept/here")
    assert f"{out} already holds a run; go on with it (--kv-resume), or name another" in message
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert "go on with it (--kv-resume)" in message


@pytest.mark.slow
def test_several_corpora(lab: Lab) -> None:
    """With several corpora there is one run folder per corpus inside; one that is in use is a usage error."""
    lab.corpus("other", functions=1)
    lab.grid(*PAIR, "--corpus", "other", "--kv-out", "kept")
    assert ["other", "tiny"] == sorted(path.name for path in (lab.path / "kept").iterdir())
    for name in ("other", "tiny"):
        assert [name] == [row["corpus"] for row in read_rows(lab.path / "kept" / name)]
    lab.corpus("third", functions=1)
    message = lab.refused(*PAIR, "--corpus", "third", "--corpus", "other", "--kv-out", "kept")
    assert f"{lab.path / 'kept' / 'other'} already holds a run" in message
    assert not (lab.path / "kept" / "third").exists()


def test_file_in_the_way(lab: Lab) -> None:
    """A file of that name is a usage error."""
    lab.write("file", "")
    assert f"{lab.path / 'file'} is not a folder" in lab.refused(*PAIR, "--corpus", "tiny", "--kv-out", "file")


def test_below_a_file(lab: Lab) -> None:
    """A folder that cannot be made is a usage error with the reason."""
    lab.write("file", "")
    message = lab.refused(*PAIR, "--corpus", "tiny", "--kv-out", "file/inside")
    assert "cannot be written" in message
    assert "--kv-out" in message


@pytest.mark.slow
def test_default_names_do_not_collide(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs that begin in the same second have folders of their own."""
    monkeypatch.setattr("time.strftime", lambda *_: "20260101-000000")
    for _ in range(2):
        lab.pytester.runpytest_inprocess("--kv-grid", "-q", "--corpus", "tiny", "--kv-pairs", "q8_0/q8_0")
    assert ["", "-2"] == [folder.name.rpartition("20260101-000000")[2] for folder in lab.folders()]
