"""`codeneedle calibrate`, and what the verdict makes of the control models, on the real embedded server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.cli import main
from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, KVPair
from pytest_codeneedle.server.log.rotation import VARIABLE
from pytest_codeneedle.server.program import find_program
from pytest_codeneedle.stats.verdict import NOT_WORSE, WORSE, judge
from pytest_codeneedle.sweep.calibrate import asking as calibrating
from pytest_codeneedle.sweep.calibrate.asking import Calibrating
from pytest_codeneedle.sweep.calibrate.expected import PAIRS, REFERENCE, TRENDS

from .lab import PATIENCE_SECONDS, survivors, wait_until

if TYPE_CHECKING:
    from pytest_codeneedle.stats.by_type import Cells
    from pytest_codeneedle.stats.verdict import Verdict

LOW = KVPair("q4_0", "q4_0")
Grids = dict[str, dict[KVPair, dict[str, float]]]


@pytest.fixture(scope="module")
def grids() -> Grids:
    """The three models at the cross and at the low pair, all eight functions: about two minutes."""
    found: Grids = {model: {} for model in TRENDS}
    for one in Calibrating(find_program("embedded"), (), every=1, pairs=(*PAIRS, LOW)).measured():
        assert one.problem is None
        found[one.model][one.pair] = dict(one.lines)
    return found


def means(cells: Cells, over: str) -> dict[str, float]:
    """The mean lines of each type of K or of V, with the other at bf16."""
    pairs = {name: KVPair(name, "bf16") if over == "K" else KVPair("bf16", name) for name in DEFAULT_TYPES}
    return {name: statistics.fmean(cells[pair].values()) for name, pair in pairs.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("model", "falls", "flat"), [("fragile-k", "K", "V"), ("fragile-v", "V", "K")])
def test_recall_falls_step_by_step_on_one_side(grids: Grids, model: str, falls: str, flat: str) -> None:
    """Under the server's own defaults: bf16, q8_0, the q5 types and the q4 types; the other side is flat."""
    of, other = means(grids[model], falls), means(grids[model], flat)

    assert of["bf16"] >= 19.5
    assert of["bf16"] > of["q8_0"] > (of["q5_1"] + of["q5_0"]) / 2 > (of["q4_1"] + of["q4_0"]) / 2
    assert of["bf16"] - of["q4_0"] >= 5.0
    assert max(other.values()) - min(other.values()) <= 1.0


@pytest.mark.slow
def test_the_robust_model_loses_nothing(grids: Grids) -> None:
    """At no pair."""
    assert {20.0} == {lines for cell in grids["robust"].values() for lines in cell.values()}


def verdict(grids: Grids, model: str) -> Verdict:
    """What the statistics make of a model's cells."""
    return judge(grids[model], REFERENCE, planned=tuple(grids[model]))


@pytest.mark.slow
@pytest.mark.parametrize("model", list(TRENDS))
def test_the_verdict_sees_what_there_is(grids: Grids, model: str) -> None:
    """Fragile models are WORSE with a trend on the side named alone; robust is NOT WORSE anywhere, without a trend."""
    found = verdict(grids, model)
    over_k, over_v = found.k.trend.verdict, found.v.trend.verdict
    low = found.cell(LOW)

    assert TRENDS[model] == (over_k == "trend", over_v == "trend")
    assert low is not None
    assert (NOT_WORSE if model == "robust" else WORSE) == low.verdict
    if model == "robust":
        assert {NOT_WORSE} == {cell.verdict for cell in found.cells}
    flat = [cell for cell in found.cells if (cell.pair.ctv if model == "fragile-k" else cell.pair.ctk) != "bf16"]
    assert all(cell.verdict == NOT_WORSE for cell in flat if cell.pair != LOW)


@pytest.mark.slow
def test_the_embedded_server_reproduces_the_grids_that_ship(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 0 and the sentence; progress is on standard error, with each function's lines at -v."""
    assert 0 == main(["calibrate", "--server", "embedded", "-v"])
    printed = capsys.readouterr()
    said = " ".join(printed.out.split())

    assert "this build and device reproduce the expected grids" in said
    assert said.endswith("what it shows of your model can be believed")
    assert printed.out.count("  ok\n") == 33 + 11 + 3
    assert "calibrate: [33/33] fragile-v bf16/q4_0  11.75  (" in printed.err
    assert all(len(line) <= 80 for line in printed.out.splitlines())


@pytest.mark.slow
def test_caches_that_are_not_rotated_are_called_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real deviation, by the build's own switch: exit status 1, and why. Nine of the cells."""
    monkeypatch.setenv(VARIABLE, "1")
    monkeypatch.setattr(calibrating, "PAIRS", (REFERENCE, KVPair("q4_0", "bf16"), KVPair("bf16", "q4_0")))

    assert 1 == main(["calibrate", "--server", "embedded", "--json"])
    found = json.loads(capsys.readouterr().out)
    off = [(cell["model"], cell["pair"]) for cell in found["cells"] if not cell["reproduced"]]

    assert not found["reproduced"]
    assert [("fragile-k", "q4_0/bf16"), ("fragile-v", "bf16/q4_0")] == off
    assert any("the log shows no rotation of quantized caches" in sentence for sentence in found["verdict"])


def test_what_cannot_be_calibrated_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Exit status 2 and one line: no server there, one that ends at once, arguments that would change the cells."""
    dead = tmp_path / "llama-server"
    dead.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    dead.chmod(0o755)
    for arguments, said in (
        (["--server", str(tmp_path / "missing")], "no server at"),
        (["--server", str(dead)], "is not a llama-server"),
        (
            ["--server", "embedded", "--server-args=--unheard-of"],
            "the server could not be asked: bf16/bf16: the server",
        ),
        (["--server", "embedded", "--server-args=-ctk q8_0"], "argument -ctk is set for each cell; leave it out"),
        (["--server", ""], "--server '' names no server: give the path of a llama-server"),
        (["--server", "docker run x llama-server"], "--server: a server behind docker has ports"),
        (["--server", "embedded -hf org/repo"], "leave org/repo out of the command of --server"),
    ):
        assert 2 == main(["calibrate", *arguments])
        lines = capsys.readouterr().err.splitlines()
        message = [line for line in lines if not line.startswith("calibrate: ")]
        assert message[0].startswith("codeneedle:")
        assert said in " ".join(line.strip() for line in message)
        before_log = next((at for at, line in enumerate(message, 1) if line.endswith(".log:")), len(message))
        assert all(len(line) <= 80 or " " not in line.strip() for line in message[:before_log])
        assert not any(name in line for name in ("--kv-", "--ctk") for line in message)
        for log in (Path(line.strip().removesuffix(":")) for line in message if line.endswith(".log:")):
            assert "--unheard-of" in log.read_text(encoding="utf-8")  # what is named is kept
            shutil.rmtree(log.parent)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        pytest.param(signal.SIGINT, "Ctrl-C (SIGINT)", id="SIGINT"),
        pytest.param(signal.SIGTERM, "told to end (SIGTERM)", id="SIGTERM"),
        pytest.param(signal.SIGHUP, "the terminal was closed (SIGHUP)", id="SIGHUP"),
    ],
)
def test_a_signal_leaves_nothing(tmp_path: Path, number: signal.Signals, said: str) -> None:
    """One sentence, and 128 and the signal as the exit status; no server, no folder."""
    command = [sys.executable, "-m", "pytest_codeneedle.cli", "calibrate", "--server", "embedded"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_until(lambda: bool(survivors(tmp_path)))
            assert [] != list(tmp_path.glob("codeneedle-*/*.log"))
            process.send_signal(number)
            printed, told = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    told = " ".join(line.strip() for line in told.splitlines() if not line.startswith("calibrate: "))
    assert (128 + number, "") == (process.returncode, printed)
    assert f"codeneedle: {said}: calibrate ended before all was asked; no server is left" == told
    assert [] == list(tmp_path.iterdir())
    wait_until(lambda: not survivors(tmp_path))
