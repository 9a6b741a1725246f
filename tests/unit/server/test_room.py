"""Whether there is memory for one more server."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_codeneedle.core.kv_types import KVPair, KVSize
from pytest_codeneedle.server import capacity as room
from pytest_codeneedle.server.capacity import Room, free_here, free_mib, free_on_devices, wanted_mib
from pytest_codeneedle.server.program import ServerArgs, ServerProgram

PAIRS = (KVPair("bf16", "bf16"), KVPair("q4_0", "q4_0"))


def test_the_largest_cache_is_wanted(tmp_path: Path) -> None:
    """The model's file, the cache of the most precise pair, and half a GiB for all else."""
    model = tmp_path / "m.gguf"
    model.write_bytes(bytes(3 << 20))
    size = KVSize(k_per_token=1024.0, v_per_token=1024.0)

    assert pytest.approx(3 + 2 * 1024 * 16 * 2048 / 8 / 2**20 + 512) == wanted_mib(model, size, PAIRS, 2048)


def test_what_is_not_known_is_not_wanted_blindly(tmp_path: Path) -> None:
    """A model that the server fetches, one that is gone, a cache that no log showed: None, which does not fit."""
    size = KVSize(1.0, 1.0)

    assert wanted_mib(None, size, PAIRS, 512) is None
    assert wanted_mib(tmp_path / "gone", size, PAIRS, 512) is None
    assert wanted_mib(Path(__file__), None, PAIRS, 512) is None
    assert not Room(None, 1000.0).enough
    assert not Room(1000.0, None).enough


@pytest.mark.parametrize(("wanted", "free", "enough"), [(1000.0, 1000.0, True), (1000.1, 1000.0, False)])
def test_what_fits_is_enough(wanted: float, free: float, enough: bool) -> None:
    """And both figures are said."""
    one = Room(wanted, free)

    assert enough == one.enough
    assert "one more server wants 1000 MiB, and 1000 MiB are free" == str(one)


def test_free_memory_of_gpus() -> None:
    """As a server lists them; other lines say nothing of memory."""
    said = (
        "ggml_cuda_init: found 2 CUDA devices:\nAvailable devices:\n"
        "  CUDA0: NVIDIA GeForce RTX 3090 (24268 MiB, 23862 MiB free)\n"
        "  CUDA1: NVIDIA GeForce RTX 3090 (24268 MiB, 113 MiB free)\n"
    )

    assert [23862.0, 113.0] == free_on_devices(said)
    assert [] == free_on_devices("Available devices:\n")


@pytest.mark.parametrize(
    ("limit", "used", "free"),
    [
        pytest.param("max\n", "5\n", 2048.0, id="no limit"),
        pytest.param(f"{1 << 30}\n", f"{1 << 29}\n", 512.0, id="a control group leaves less"),
        pytest.param(f"{1 << 40}\n", "0\n", 2048.0, id="a control group leaves more"),
        pytest.param(None, None, 2048.0, id="no control group"),
    ],
)
def test_free_memory_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str | None, used: str | None, free: float
) -> None:
    """What the system says is available, or less where a container may not use it all."""
    (tmp_path / "meminfo").write_text("MemTotal:  9 kB\nMemAvailable:    2097152 kB\n", encoding="ascii")
    for name, text in (("memory.max", limit), ("memory.current", used)):
        if text is not None:
            (tmp_path / name).write_text(text, encoding="ascii")
    monkeypatch.setattr(room, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(room, "_CGROUP", tmp_path)

    assert free == free_here()


def test_a_system_that_does_not_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None, which is not enough for anything."""
    monkeypatch.setattr(room, "_MEMINFO", tmp_path / "gone")

    assert free_here() is None


#: A fake: it lists the GPUs that it may see, of which each has more room than the one before.
TWO_GPUS = """#!/bin/sh
for one in 0 1; do
    case ",$CUDA_VISIBLE_DEVICES," in *,$one,*) echo "  CUDA$one: A (9000 MiB, ${one}500 MiB free)" ;; esac
done
"""


@pytest.mark.parametrize(("device", "free"), [("0", 500.0), ("1", 1500.0), ("0,1", 500.0)])
def test_only_the_devices_of_a_server_count(tmp_path: Path, device: str, free: float) -> None:
    """A server that sees one GPU has no use for what is free on another; of several the least counts."""
    script = tmp_path / "server"
    script.write_text(TWO_GPUS, encoding="utf-8")
    script.chmod(0o755)
    program = ServerProgram((str(script),), "server", ())

    assert free == free_mib(ServerArgs(program, None, PAIRS[0], 512, device=device))
