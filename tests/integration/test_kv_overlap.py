"""--kv-overlap: the next cell's server loads while this cell's last answers come."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from .lab import matched, read_rows, survivors

if TYPE_CHECKING:
    from pathlib import Path

    from .lab import Lab

TYPES = ("--kv-types", "q8_0,q4_0", "--kv-order", "grid")


def ahead(folder: Path) -> list[bool]:
    """Whether the server of each cell was started ahead, in the order in which they were asked."""
    return list({(row["ctk"], row["ctv"]): row["loaded_ahead"] for row in read_rows(folder)}.values())


@pytest.mark.parametrize("workers", [(), pytest.param(("-n", "1"), marks=pytest.mark.slow)], ids=["plain", "n1"])
def test_all_but_the_first(lab: Lab, workers: tuple[str, ...]) -> None:
    """Every server but the first is started ahead, once each; the grid is the same, and no server is left."""
    result = lab.grid(*TYPES, "--kv-out", "run", *workers)
    assert {"passed": 8} == result.parseoutcomes()
    assert {"20.00"} == set(matched(result).values())
    assert [False, True, True, True] == ahead(lab.path / "run")
    assert 4 == len(list((lab.path / "run" / "servers").iterdir()))
    assert [] == survivors(lab.path)


@pytest.mark.slow
def test_off(lab: Lab) -> None:
    """One after the other."""
    lab.grid(*TYPES, "--kv-out", "run", "--kv-overlap", "off")
    assert [False] * 4 == ahead(lab.path / "run")


@pytest.mark.slow
def test_no_memory(lab: Lab) -> None:
    """Where there is no memory for two, they load one after the other, and it is said; `on` does it all the same.

    A fake: the machine is said to have 100 MiB left.
    """
    lab.pytester.makeconftest("from pytest_codeneedle.server import capacity\ncapacity.free_here = lambda: 100.0\n")
    result = lab.grid(*TYPES, "--kv-out", "run")
    assert [False] * 4 == ahead(lab.path / "run")
    said = " ".join(" ".join(result.outlines).split())
    assert "servers loaded one after the other: one more server wants 5" in said
    assert "and 100 MiB are free (--kv-overlap on loads ahead all the same)" in said
    lab.grid(*TYPES, "--kv-out", "all-the-same", "--kv-overlap", "on")
    assert [False, True, True, True] == ahead(lab.path / "all-the-same")


@pytest.mark.slow
def test_own_arguments(lab: Lab) -> None:
    """A fixture of the user's that adds arguments gets servers with them, and none is started without."""
    lab.pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def llama_server_args(llama_server_args):
            return llama_server_args.with_extra("--metrics")
        """
    )
    result = lab.grid(*TYPES, "--kv-out", "run")
    assert {"passed": 8} == result.parseoutcomes()
    assert [False] * 4 == ahead(lab.path / "run")
    assert [] == survivors(lab.path)


@pytest.mark.slow
def test_recorded_cells_are_passed_over(lab: Lab) -> None:
    """The server that is started ahead is that of the next cell with something to ask."""
    lab.grid("--kv-pairs", "q8_0/q4_0", "--kv-out", "run")
    lab.grid(*TYPES, "--kv-out", "run", "--kv-resume")
    logs = sorted(log.name for log in (lab.path / "run" / "servers").iterdir())
    assert ["q4_0-q4_0.log", "q4_0-q8_0.log", "q8_0-q4_0.log", "q8_0-q8_0.log"] == logs
    assert [False, False, True, True] == ahead(lab.path / "run")


@pytest.mark.slow
def test_exit_first(lab: Lab) -> None:
    """A session that ends early ends the server that nobody asked for."""
    lab.pytester.makepyfile(
        test_own="""
        def test_mine(recall, kv_pair):
            assert kv_pair.ctk != "q8_0" or recall.score.primary_matched < 0
        """
    )
    lab.grid("--kv-types", "q8_0,q4_0", "--kv-functions", "1", "-x", "test_own.py")
    asked = {(row["ctk"], row["ctv"]) for row in lab.rows()}  # what a test makes of an answer is a row of its own
    assert 1 + len(asked) == len(list((lab.folder / "servers").iterdir()))  # one was started ahead
    assert [] == survivors(lab.path)


#: A fake: the embedded server on a machine that has memory for one at a time.
EXCLUSIVE = f"""#!{sys.executable}
import os
import sys

if "-m" in sys.argv:
    import fcntl

    held = os.open(__file__ + ".held", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(held, True)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit("cudaMalloc failed: out of memory")
os.execv(sys.executable, [sys.executable, "-m", "pytest_codeneedle.embedded", *sys.argv[1:]])
"""


@pytest.mark.slow
def test_no_memory_after_all(lab: Lab) -> None:
    """A server that does not come up beside another is started once more alone, and no cell is lost for it."""
    lab.write("exclusive", EXCLUSIVE).chmod(0o755)
    result = lab.grid(*TYPES, "--kv-out", "run", "--kv-overlap", "on", "--kv-server", str(lab.path / "exclusive"))
    assert {"passed": 8} == result.parseoutcomes()
    assert [False] * 4 == ahead(lab.path / "run")
    said = " ".join(" ".join(result.outlines).split())
    assert "a server did not come up beside another, and did alone: no more was loaded ahead" in said
