from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.devices import (
    VARIABLES,
    device_names,
    least_used,
    listed_devices,
    parse_devices,
    pins,
    refuse_two_pins,
    servers_on_one,
    used_devices,
)
from pytest_codeneedle.core.errors import ConfigurationError

LISTED = """\
ggml_cuda_init: found 2 CUDA devices:
Available devices:
  CUDA0: NVIDIA GeForce RTX 3090 (24268 MiB, 23862 MiB free)
  CUDA1: NVIDIA GeForce RTX 3090 (24268 MiB, 23862 MiB free)
  Vulkan0: NVIDIA GeForce RTX 3090 (24268 MiB, 23862 MiB free)
"""


def test_ids() -> None:
    """Numbers and the ids of cards and their parts, in the order given."""
    assert ("1", "0") == parse_devices("1, 0")
    assert ("GPU-8f6c", "MIG-1a2b/3/0") == parse_devices("GPU-8f6c,MIG-1a2b/3/0")


@pytest.mark.parametrize("text", ["", "0,", "cuda0", "-1", "0;1", "0,1,0"])
def test_no_ids(text: str) -> None:
    """Anything else is refused, and so is a device named twice."""
    with pytest.raises(ConfigurationError, match="--kv-devices"):
        parse_devices(text)


def test_pins() -> None:
    """All backends are told, and nothing is set where nothing was asked."""
    assert dict.fromkeys(VARIABLES, "0,1") == pins("0,1")
    assert {} == pins(None)


def test_two_pins() -> None:
    """A command that says itself what its server sees goes without the option."""
    environment = (("A", "B"), ("CUDA_VISIBLE_DEVICES", "1"))
    refuse_two_pins((), environment)
    with pytest.raises(ConfigurationError, match="CUDA_VISIBLE_DEVICES=1"):
        refuse_two_pins(("0",), environment)


@given(st.integers(1, 6), st.integers(1, 20))
def test_spread(devices: int, servers: int) -> None:
    """Taking the least used each time, no device has more servers than `servers_on_one` says."""
    ids = [str(number) for number in range(devices)]
    used: Counter[str] = Counter()
    for _ in range(servers):
        used[least_used(ids, used)] += 1
    assert servers_on_one(ids, servers) == max(used.values())
    assert servers == servers_on_one((), servers)


def test_freed_device_is_taken() -> None:
    """The worker that replaces a dead one gets its device."""
    assert "1" == least_used(("0", "1", "2"), {"0": 1, "2": 1})


@pytest.mark.parametrize(
    ("said", "environment", "expected"),
    [
        pytest.param(LISTED, {}, ("0", "1"), id="the first backend counts"),
        pytest.param(LISTED, {"CUDA_VISIBLE_DEVICES": "2,GPU-ab"}, ("2", "GPU-ab"), id="some are visible"),
        pytest.param("  ROCm0: gfx90a (65520 MiB, 1 MiB free)\n", {"CUDA_VISIBLE_DEVICES": "2"}, ("0",), id="ROCm"),
        pytest.param("Available devices:\n  BLAS: OpenBLAS (0 MiB, 0 MiB free)\n", {}, (), id="no GPU"),
        pytest.param("", {}, (), id="nothing said"),
    ],
)
def test_listed(said: str, environment: dict[str, str], expected: tuple[str, ...]) -> None:
    """What `--list-devices` shows, as ids."""
    assert expected == listed_devices(said, environment)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        pytest.param("x: using device CUDA0 (NVIDIA L4) (0000:8d:00.0) - 22000 MiB free", ("NVIDIA L4",), id="bus"),
        pytest.param("x: using device Vulkan0 (Intel(R) Arc(tm)) - 9 MiB free", ("Intel(R) Arc(tm)",), id="no bus"),
        pytest.param("using device CUDA0 (A) - 1 MiB free\nusing device CUDA1 (A) - 1 MiB free", ("2 x A",), id="two"),
        pytest.param("no GPU here", (), id="none"),
    ],
)
def test_used(log: str, expected: tuple[str, ...]) -> None:
    """The devices that a server's log says it put the model on, by their makers' names."""
    assert expected == used_devices(log)


def test_names_of_devices() -> None:
    """Without what is free on them, which differs each time; another host's are not of this machine."""
    said = (
        "Available devices:\n"
        "  CUDA0: NVIDIA GeForce RTX 3090 (24268 MiB, 23862 MiB free)\n"
        "  Vulkan0: llvmpipe (LLVM 15.0.6, 256 bits) (64000 MiB, 64000 MiB free)\n"
        "  RPC0: gpu1:50052 (24268 MiB, 1 MiB free)\n"
    )

    assert ("CUDA0 NVIDIA GeForce RTX 3090", "Vulkan0 llvmpipe (LLVM 15.0.6, 256 bits)") == device_names(said)
    assert () == device_names("usage: embedded [-h]\n")
