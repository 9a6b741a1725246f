"""Every server has a random key of its own: without it nothing is answered, and it stands nowhere."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.core.machine import cache_folder
from pytest_codeneedle.server.control_model.model import Control
from pytest_codeneedle.server.process import launched
from pytest_codeneedle.server.program import ServerArgs, find_program

if TYPE_CHECKING:
    from .lab import Lab

BINARY = shutil.which("llama-server")
OWN = """
    import pathlib

    def test_own(llama_server, recall):
        with pathlib.Path(__file__).with_name("keys").open("a") as keys:
            keys.write(llama_server.headers["Authorization"].removeprefix("Bearer ") + "\\n")
        assert 0, llama_server  # a failure shows what there is
"""


@pytest.mark.parametrize(
    "program",
    [
        "embedded",
        pytest.param(BINARY, marks=pytest.mark.skipif(BINARY is None, reason="no llama-server on PATH"), id="binary"),
    ],
)
def test_only_the_key_opens(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever key the environment has; /health is open, and no argument holds the key."""
    monkeypatch.setenv("LLAMA_API_KEY", "mine")
    args = ServerArgs(find_program(program), Control().cached(cache_folder()), KVPair("q8_0", "q4_0"), 512, threads=1)
    with launched(args, tmp_path / "server.log") as server:
        body = {"prompt": "a", "n_predict": 1}
        for headers, status in ({}, 401), ({"Authorization": "Bearer mine"}, 401), (server.headers, 200):
            assert status == httpx.get(f"{server.url}/props", headers=headers).status_code
            assert status == httpx.post(f"{server.url}/completion", json=body, headers=headers).status_code
        assert 200 == httpx.get(f"{server.url}/health").status_code
        key = server.headers["Authorization"].removeprefix("Bearer ")
        assert 40 < len(key)
        argv = Path(f"/proc/{server.process.pid}/cmdline").read_text(encoding="utf-8")
        assert str(server.url.rpartition(":")[2]) in argv
        shown = f"{argv} {server!r} {vars(server)!r} {server.client!r} {vars(server.client)!r} {server.log_text}"
        assert key not in shown


@pytest.mark.slow
def test_no_record_holds_a_key(lab: Lab) -> None:
    """Not the run folder with its logs, not JUnit, not the output; and no two servers have the same."""
    test = lab.pytester.makepyfile(test_own=OWN)
    result = lab.grid(
        "--kv-pairs", "q8_0/q8_0,q4_0/q4_0", "--kv-functions", "1", "--junitxml", "junit.xml", "-l", "-vv", str(test)
    )
    assert {"failed": 2} == result.parseoutcomes()
    keys = (lab.path / "keys").read_text(encoding="ascii").split()
    assert 2 == len(set(keys))
    files = [path for path in (*lab.folder.rglob("*"), lab.path / "junit.xml") if path.is_file()]
    assert 6 <= len(files)
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files]
    assert [] == [key for key in keys for text in (*texts, result.stdout.str(), result.stderr.str()) if key in text]
