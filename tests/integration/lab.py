"""A folder in which grids are run, and how their output and their records are read."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.server.leftovers import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

RUNS = "codeneedle-runs"
#: The reference cell is asked once: tests about the second time say so.
ONCE = ("--kv-calibrate", "off")
#: A grid in a process of its own, without hypothesis: it would load at the end to say nothing.
PLAIN = ("-p", "no:hypothesispytest", *ONCE)
GRID = (sys.executable, "-m", "pytest", *PLAIN, "--kv-grid")
#: Nothing here takes as long; a test that hangs should say where.
PATIENCE_SECONDS = 120

Figures = dict[tuple[str, str], str]


class Lab:
    """One test's folder. Its corpus `tiny` has two functions of 20 lines, so that a cell is done in a moment."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.corpus("tiny", functions=2)

    def corpus(self, name: str, *, k: int = 16, **knobs: int) -> None:
        """Write a generated corpus: the bodies have 20 lines unless the knobs say otherwise."""
        made = {"value_len": 24, "body_lines": 20, **knobs}
        lines = ["[generate]", 'kind = "random-bodies"', *(f"{key} = {value}" for key, value in made.items())]
        self.write(f"corpora/{name}.toml", "\n".join([*lines, "[sample]", f"k = {k}", ""]))

    def write(self, name: str, text: str) -> Path:
        """Write a file and the folders above it."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def faults(self, faults: Mapping[str, list[str]]) -> None:
        """Let the first, second and further servers of these cells, as `K/V`, have these faults: see `faulty`."""
        self.write(
            "conftest.py",
            f"""
import sys

import pytest

sys.path.insert(0, {str(Path(__file__).parent)!r})
from faulty import faulty_launch


@pytest.fixture(scope="session")
def launch_llama_server(launch_llama_server, kv_pair):
    yield from faulty_launch(launch_llama_server, {dict(faults)!r}.get(str(kv_pair), []))
""",
        )

    def reciting(self, name: str = "llama-server") -> Path:
        """A server that recites at once, as a script below this folder: see `reciting`."""
        source = Path(__file__).with_name("reciting.py").read_text(encoding="utf-8")
        path = self.write(name, f"#!{sys.executable}\n{source}")
        path.chmod(0o755)
        return path

    def grid(self, *arguments: str, corpus: str | None = "tiny", quiet: bool = True) -> pytest.RunResult:
        """Run `pytest --kv-grid -q` in a process of its own: parent-death signals want a main thread."""
        chosen = () if corpus is None else ("--corpus", corpus)
        return self.pytest("--kv-grid", *(("-q",) if quiet else ()), *chosen, *arguments)

    def pytest(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in a process of its own."""
        return self.pytester.runpytest_subprocess(*PLAIN, *arguments, timeout=PATIENCE_SECONDS)

    def refused(self, *arguments: str) -> str:
        """Run `pytest --kv-grid`, which must be a usage error; its one line."""
        result = self.pytester.runpytest_inprocess("--kv-grid", *arguments)
        assert pytest.ExitCode.USAGE_ERROR == result.ret
        (message,) = [line for line in result.errlines if line.strip()]
        return message

    def ids(self, *arguments: str, corpus: str = "tiny") -> list[str]:
        """The test ids of `pytest --kv-grid --collect-only`, in order, without the file."""
        listed = ("--kv-grid", *ONCE, "--collect-only", "-q", "--corpus", corpus)
        result = self.pytester.runpytest_inprocess(*listed, *arguments)
        assert pytest.ExitCode.OK == result.ret
        return [line.rpartition("::")[2] for line in result.outlines if "::" in line]

    def folders(self) -> list[Path]:
        """The run folders made by default, by name."""
        return sorted(path for path in (self.path / RUNS).glob("*") if path.is_dir())

    @property
    def folder(self) -> Path:
        """The one run folder."""
        (folder,) = self.folders()
        return folder

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the one run."""
        return read_rows(self.folder)

    def about(self) -> dict[str, Any]:
        """run.json of the one run."""
        return read_about(self.folder)


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run."""
    return [json.loads(line) for line in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()]


def read_about(folder: Path) -> dict[str, Any]:
    """A run's run.json."""
    about: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return about


def table(lines: Iterable[str], title: str) -> Figures:
    """The grid below the line `title`: (ctk, ctv) -> figure.

    A row is a ctk, then one figure per ctv and nothing else.
    """
    rest = iter(lines)
    assert title in rest, f"no line {title!r}"
    corner, *ctvs = next(rest).split()
    assert "ctk\\ctv" == corner
    figures: Figures = {}
    for line in rest:
        if not line:
            break
        ctk, *row = line.split()
        assert len(ctvs) == len(row), line
        figures |= {(ctk, ctv): figure for ctv, figure in zip(ctvs, row, strict=True)}
    return figures


def matched(result: pytest.RunResult, lines: int = 20) -> Figures:
    """The grid of mean primary_matched."""
    return table(result.outlines, f"mean primary_matched /{lines}")


def passed(result: pytest.RunResult, functions: int) -> Figures:
    """The grid of functions passed."""
    return table(result.outlines, f"functions passed /{functions}")


def said_folder(lines: Iterable[str], start: Path) -> Path:
    """The folder that the line `run: FOLDER` names, from where the command was given."""
    (said,) = [line.removeprefix("run: ") for line in lines if line.startswith("run: ")]
    return start / said


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for something that will come; TimeoutError if it does not."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def runs(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:  # it ended in between, or there is no /proc and the signal arrived
        return not Path("/proc/self").exists()


def survivors(folder: Path) -> list[int]:
    """The servers that were started below this folder and still run, whoever started them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            marked = f"{MARK}=".encode() in (entry / "environ").read_bytes()
            here = (entry / "cwd").readlink().is_relative_to(folder)
        except OSError:  # it ended meanwhile, or is another user's
            continue
        if marked and here and runs(int(entry.name)):
            found.append(int(entry.name))
    return found
