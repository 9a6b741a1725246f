"""GPUs: what --kv-devices names, how servers are spread over them, and how a server is kept to its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Backend as `llama-server --list-devices` names it -> the variable that says which of its devices a process sees.
_VISIBLE = {"CUDA": "CUDA_VISIBLE_DEVICES", "ROCm": "HIP_VISIBLE_DEVICES", "Vulkan": "GGML_VK_VISIBLE_DEVICES"}
VARIABLES = tuple(_VISIBLE.values())
_ID = re.compile(r"\d+|(?:GPU|MIG)-[\w/-]+")
#: `  CUDA0: NVIDIA GeForce RTX 3090 (24268 MiB, 23862 MiB free)`
_LISTED = re.compile(rf"^\s*({'|'.join(_VISIBLE)})(\d+): ", re.MULTILINE)
#: The same of any backend of this machine.
_NAMED = re.compile(r"^\s*(?P<id>(?!RPC)[A-Za-z]+\d+): (?P<name>\S.*?) \(\d+ MiB\b", re.MULTILINE)

#: `using device CUDA0 (NVIDIA H100 80GB HBM3) (0000:8d:00.0) - 80000 MiB free`; the bus is in builds since 2025.
_USED = re.compile(r"using device \S+ \((?P<name>.+?)\)(?: \([^()]*\))? - \d+ MiB free")


def parse_devices(text: str) -> tuple[str, ...]:
    """`0,1,GPU-8f6c...` -> ids as CUDA_VISIBLE_DEVICES takes them; raises ConfigurationError for anything else."""
    ids = tuple(part.strip() for part in text.split(","))
    for one in ids:
        if not _ID.fullmatch(one):
            msg = f"--kv-devices: {one!r} is no device; give numbers (0,1) or ids that begin with GPU- or MIG-"
            raise ConfigurationError(msg)
        if ids.count(one) > 1:
            msg = f"--kv-devices names {one} twice; give more workers (-n) than devices to share one"
            raise ConfigurationError(msg)
    return ids


def pins(device: str | None) -> dict[str, str]:
    """The environment in which a server sees that device alone, or those, where commas part several."""
    return {} if device is None else dict.fromkeys(VARIABLES, device)


def refuse_two_pins(devices: Sequence[str], environment: Sequence[tuple[str, str]]) -> None:
    """Raise ConfigurationError where the user's command says itself what its server sees."""
    for name, value in environment:
        if devices and name in VARIABLES:
            msg = f"--kv-devices and {name}={value} in the command of --kv-server contradict each other; leave one out"
            raise ConfigurationError(msg)


def least_used(devices: Sequence[str], used: Mapping[str, int]) -> str:
    """The device with the fewest servers, the first of several."""
    return min(devices, key=lambda device: used.get(device, 0))


def servers_on_one(devices: Sequence[str], servers: int) -> int:
    """How many of `servers` share a device at most; without devices of their own they share all there is."""
    return -(-servers // len(devices)) if devices else servers


def listed_devices(said: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The GPUs that `--list-devices` shows, as ids for --kv-devices.

    A build with two backends shows a card twice: the first backend counts. Where the environment shows the process
    some of the cards only, its numbers count those.
    """
    found = _LISTED.findall(said)
    numbers = [int(number) for backend, number in found if backend == found[0][0]]
    if not numbers:
        return ()
    visible = [one.strip() for one in environment.get(_VISIBLE[found[0][0]], "").split(",") if one.strip()]
    return tuple(visible[number] if number < len(visible) else str(number) for number in numbers)


def device_names(said: str) -> tuple[str, ...]:
    """The devices that `--list-devices` shows, by their names without what is free on them; hosts of RPC are none."""
    return tuple(f"{match['id']} {match['name']}" for match in _NAMED.finditer(said))


def used_devices(log: str) -> tuple[str, ...]:
    """The GPUs that a server put the model on, as its log names them, `2 x NVIDIA L4` where several are alike."""
    found = [match["name"] for match in _USED.finditer(log)]
    return tuple(name if found.count(name) == 1 else f"{found.count(name)} x {name}" for name in dict.fromkeys(found))
