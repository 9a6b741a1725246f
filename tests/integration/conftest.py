"""What the integration tests share: a folder to run grids in, and one run that many tests read."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpcore  # noqa: F401 - httpx maps its exceptions once per process; pytester forgets what it loads
import numpy as np  # noqa: F401 - loads once per process, likewise
import pytest

from pytest_codeneedle.core.machine import cache_folder

from .lab import GRID, PATIENCE_SECONDS, RUNS, Lab

if TYPE_CHECKING:
    from pathlib import Path

#: pytester gives each test a home of its own; the control model need not be written for each of them.
_CACHE = str(cache_folder().parent)
#: A person's own settings are none of these tests' business.
_FOREIGN = ("CODENEEDLE_MODEL", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "LLAMA_ATTN_ROT_DISABLE")


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """Processes that are started here can be ended, also where pytest was started in the background or with nohup."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _FOREIGN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", _CACHE)


@pytest.fixture
def lab(pytester: pytest.Pytester) -> Lab:
    """An empty folder but for a tiny corpus."""
    return Lab(pytester)


@dataclass(frozen=True)
class SmallRun:
    """A grid of 2x2 types and two functions of the default corpus, run once from a project with tests of its own."""

    result: pytest.RunResult
    folder: Path
    junit: Path


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """`pytest --kv-grid -q` in a folder with an ini file, testpaths and a test that fails."""
    path = tmp_path_factory.mktemp("small")
    (path / "pytest.ini").write_text("[pytest]\ntestpaths = own\n", encoding="utf-8")
    (path / "own").mkdir()
    (path / "own" / "test_own.py").write_text("def test_own():\n    assert False\n", encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    done = subprocess.run(
        [
            *(*GRID, "-q", "--junitxml", "junit.xml"),
            *("--kv-types", "q4_0,q8_0", "--kv-functions", "2"),
        ],
        cwd=path,
        env={**environment, "XDG_CACHE_HOME": _CACHE},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    (folder,) = (one for one in (path / RUNS).iterdir() if one.is_dir())
    result = pytest.RunResult(done.returncode, done.stdout.splitlines(), done.stderr.splitlines(), 0.0)
    return SmallRun(result, folder, path / "junit.xml")


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two matched pairs over the default corpus: enough functions for a loss to be shown."""
    path = tmp_path_factory.mktemp("sweep")
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    subprocess.run(
        [*GRID, "-q", "--kv-pairs", "q8_0/q8_0,q4_0/q4_0", "--kv-out", "run"],
        cwd=path,
        env={**environment, "XDG_CACHE_HOME": _CACHE},
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    return path / "run"
