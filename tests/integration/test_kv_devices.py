from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.devices import VARIABLES
from pytest_codeneedle.core.machine import cores
from pytest_codeneedle.plugin.auto_workers import auto_workers

if TYPE_CHECKING:
    from .lab import Lab

#: A user's own test, which says what the cell's server sees.
OWN = """
import json
from pathlib import Path

def test_server(llama_server, kv_pair):
    words = Path(f"/proc/{llama_server.process.pid}/environ").read_bytes().split(b"\\0")
    seen = dict(word.decode().partition("=")[::2] for word in words if word)
    said = {key: seen.get(key) for key in KEYS}
    Path(f"{kv_pair.ctk}-{kv_pair.ctv}.json").write_text(json.dumps(said))
"""
DIE_ONCE = """
    died = Path("died")
    if not died.exists():
        died.touch()
        Path(f"{kv_pair.ctk}-{kv_pair.ctv}.json").unlink()
        import os
        os._exit(1)

def test_more(kv_pair):  # a new worker of xdist's waits for a second item before it runs the first
    pass
"""
#: A fake, for no test machine has GPUs: it answers what a llama-server with CUDA says of two.
TWO_GPUS = """#!/bin/sh
echo "--cache-type-k --list-devices"
echo "  CUDA0: NVIDIA GeForce RTX 3090 (24268 MiB, 23862 MiB free)"
echo "  CUDA1: NVIDIA GeForce RTX 3090 (24268 MiB, 23862 MiB free)"
"""


def seen(lab: Lab) -> list[dict[str, str]]:
    """What the server of each cell saw."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in lab.path.glob("q*_0-q*_0.json")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param(("--kv-pairs=q8_0/q8_0",), ["0,1"], id="alone"),
        pytest.param(("--kv-pairs=q8_0/q8_0,q4_0/q4_0", "-n2"), ["0", "1"], id="two workers"),
    ],
)
def test_server_sees_its_devices(lab: Lab, more: tuple[str, ...], expected: list[str]) -> None:
    """Without -n a server sees all that are named, with it each worker's has one, under every backend's name."""
    lab.pytester.makepyfile(OWN.replace("KEYS", repr(VARIABLES)))
    result = lab.grid("--kv-devices", "0,1", *more, "test_server_sees_its_devices.py")
    assert {"passed": len(expected)} == result.parseoutcomes()
    assert [dict.fromkeys(VARIABLES, device) for device in expected] == sorted(
        seen(lab), key=lambda one: one[VARIABLES[0]]
    )
    assert ["0", "1"] == lab.about()["devices"]


@pytest.mark.slow
def test_worker_that_takes_over(lab: Lab) -> None:
    """A worker that xdist starts for a dead one gets its device, and not the next; what killed that one is not run."""
    lab.pytester.makepyfile(OWN.replace("KEYS", repr(VARIABLES)) + DIE_ONCE)
    pairs = "--kv-pairs=q8_0/q8_0,q4_0/q4_0"
    result = lab.grid(pairs, "--kv-devices=0,1", "-n1", "--max-worker-restart=1", "test_worker_that_takes_over.py")
    assert 1 == result.parseoutcomes()["failed"]
    assert [dict.fromkeys(VARIABLES, "0")] == seen(lab)


@pytest.mark.slow
def test_each_device_begins_with_the_reference(lab: Lab) -> None:
    """A cell is held against that of its own device; the controller asks one pass, before there are workers."""
    server = ("--kv-server", str(lab.reciting()), "--kv-calibrate", "on")
    lab.grid("--kv-types", "bf16,q4_0", *server, "--kv-devices=0,1", "-n2")

    of_reference = [row for row in lab.rows() if ("bf16", "bf16") == (row["ctk"], row["ctv"])]
    assert {("0", 0), ("1", 1)} == {(row["device"], row["replicate"]) for row in of_reference}
    assert not any(row.get("recorded") for row in of_reference)


def auto(lab: Lab, *arguments: str) -> tuple[int | None, str | None]:
    """How many workers `-n auto` makes, and the devices that are settled by it."""
    config = lab.pytester.parseconfig("--kv-grid", "--corpus=tiny", "-n", "auto", *arguments)
    count = config.hook.pytest_xdist_auto_num_workers(config=config)
    assert count == auto_workers(config)
    return count, config.getoption("kv_devices")


def test_auto(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many workers as devices, named or listed by the server; else as many as the cores bear."""
    server = lab.write("llama-server", TWO_GPUS)
    server.chmod(0o755)
    assert (3, "0,1,2") == auto(lab, "--kv-devices=0,1,2")
    assert (2, "0,1") == auto(lab, f"--kv-server={server}")
    assert (cores(), None) == auto(lab)
    assert (1, None) == auto(lab, f"--kv-server-args=-t {2 * cores()}")
    assert (1, None) == auto(lab, f"--kv-model={lab.write('real.gguf', 'GGUF')}")
    assert (1, None) == auto(lab, "--kv-server=http://127.0.0.1:1/v1", "--kv-model=some")
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "7")
    assert 7 == lab.pytester.parseconfig("--kv-grid").hook.pytest_xdist_auto_num_workers(
        config=lab.pytester.parseconfig("--kv-grid")
    )


def test_refused(lab: Lab) -> None:
    """No device, two ways to pin one, and more threads than there are cores: usage errors that say what to do."""
    assert "'cuda0' is no device" in lab.refused("--kv-devices=cuda0", "--corpus=tiny")
    command = "--kv-server=CUDA_VISIBLE_DEVICES=1 embedded -t 1"
    assert "leave one out" in lab.refused("--kv-devices=0", command, "--corpus=tiny")
    with_threads = f"--kv-server-args=-t {cores()}"
    if cores() > 1:
        assert "would share" in lab.refused("-n", str(cores()), with_threads, "--corpus=tiny")
