"""A run that is made of others is there whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from stored_runs import about, row

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.runs.folder import RUN, RunFolder
from pytest_codeneedle.runs.whole_run import whole_run

if TYPE_CHECKING:
    from collections.abc import Mapping

ROWS = [row("bf16/bf16", f"f{at}", 20) for at in range(3)]
KILLED = """
import os, signal, sys
from pathlib import Path
from pytest_codeneedle.runs.whole_run import whole_run

with whole_run(Path(sys.argv[1]), {"corpus": "tiny"}) as run:
    run.append({"function": "f"})
    os.kill(os.getpid(), signal.SIGKILL)
"""


def made(path: Path, facts: Mapping[str, object] | None = None) -> RunFolder:
    """A whole run there."""
    with whole_run(path, about() if facts is None else facts) as run:
        run.extend(ROWS)
    return RunFolder.open(path)


def test_it_is_there_when_it_is_whole(tmp_path: Path) -> None:
    """Until then the name is free; nothing is left beside it, and a second one is refused."""
    path = tmp_path / "deep" / "run"
    with whole_run(path, about()) as run:
        run.extend(ROWS)
        assert not path.exists()
    assert ROWS == RunFolder.open(path).rows()
    assert [path] == list(path.parent.iterdir())
    with pytest.raises(RunFolderError, match="already holds a run"), whole_run(path, about()):
        pass


def test_a_folder_that_is_there_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what else is in it; it may be the one that one is in."""
    (tmp_path / "notes.txt").touch()
    monkeypatch.chdir(tmp_path)
    assert ROWS == made(Path()).rows()
    assert ["notes.txt", "results.jsonl", RUN, "servers"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_killed_command_is_not_in_the_way_of_the_next(tmp_path: Path) -> None:
    """What it left is no run, and is taken away."""
    path = tmp_path / "run"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert (-9, False) == (done.returncode, path.exists())
    assert ROWS == made(path).rows()
    assert [path] == list(tmp_path.iterdir())


def test_two_at_once(tmp_path: Path) -> None:
    """The second is refused, and the first goes on."""
    with whole_run(tmp_path / "run", about()) as run:
        run.extend(ROWS)
        with pytest.raises(RunFolderError, match="is in use by process "), whole_run(tmp_path / "run", about()):
            pass
    assert ROWS == RunFolder.open(tmp_path / "run").rows()


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    """An error of the block, and a disk that is full, which is named by the place that was wanted."""
    with pytest.raises(ZeroDivisionError), whole_run(tmp_path / "run", about()):
        raise ZeroDivisionError
    with pytest.raises(RunFolderError, match=r"/run cannot be written: full"), whole_run(tmp_path / "run", about()):
        raise OSError(28, "full")
    assert [] == list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match=r"/file/run cannot be written: "), whole_run(tmp_path / "file/run", {}):
        pass
