"""The Hadamard rotation of quantized caches: how a server is asked for it, and whether its log shows that it obeyed.

llama.cpp rotates K, and V, where their cache type is quantized and the head size is a multiple of 64, unless
LLAMA_ATTN_ROT_DISABLE is set to a number that is not 0. Builds that do not know the variable pay no attention to it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import ConfigurationError, InvalidCellError
from pytest_codeneedle.core.kv_types import is_quantized

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.core.cells import Rotation
    from pytest_codeneedle.core.kv_types import KVPair

VARIABLE = "LLAMA_ATTN_ROT_DISABLE"
#: `attn_rot_k = 1` (0.3.36 of llama-cpp-python) or `n_rot_k = 64` (xllamacpp 2026.10). `print_info: n_rot` is the
#: rotary dimension and something else.
_LOGGED = re.compile(r"\b(?:attn_rot|n_rot)_(?P<side>[kv]) *= *(?P<value>\d+)")
_HEAD = re.compile(r"\bn_embd_head_(?P<side>[kv])(?:_all)? *= *(?P<size>\d+)")
_BLOCK = 64


def environment(rotation: Rotation) -> dict[str, str]:
    """What a server's environment has to say; nothing for `default`."""
    return {} if rotation == "default" else {VARIABLE: "1" if rotation == "off" else "0"}


def said_by(environment: Mapping[str, str], rotations: Sequence[Rotation]) -> str:
    """`off` where the environment turns it off for cells that are asked as it has it, else `default`.

    Of cells that are asked with a rotation of their own, each row says which.
    """
    # As llama.cpp reads the variable: a number that is not 0.
    found = re.match(r"\s*[+-]?\d+", environment.get(VARIABLE, ""))
    return "off" if "default" in rotations and found is not None and int(found[0]) != 0 else "default"


def refuse_two(rotations: Sequence[Rotation], environment: Sequence[tuple[str, str]]) -> None:
    """Raise ConfigurationError where the user's command says itself whether caches are rotated."""
    for name, value in environment:
        if name == VARIABLE and tuple(rotations) != ("default",):
            msg = f"--kv-rotation and {name}={value} in the command of --kv-server contradict each other; leave one out"
            raise ConfigurationError(msg)


def logged(log: str) -> dict[str, list[int]]:
    """The numbers that a log shows for `k` and for `v`, one for each cache of the model; 0 is off."""
    found: dict[str, list[int]] = {"k": [], "v": []}
    for line in _LOGGED.finditer(log):
        found[line["side"]].append(int(line["value"]))
    return found


def check(log: str, pair: KVPair, asked: Rotation) -> None:
    """Raise InvalidCellError where the log does not show the rotation that was asked for.

    A side that is not quantized is never rotated, whatever is asked for.
    """
    if asked == "default":
        return
    sides = [side for side, name in (("k", pair.ctk), ("v", pair.ctv)) if is_quantized(name)]
    for side in sides:
        numbers = logged(log)[side]
        if not numbers:
            msg = (
                f"rotation {asked} was asked for, and the server's log does not say whether {side.upper()} is rotated: "
                "this build has no such rotation, or does not tell; leave --kv-rotation out"
            )
            raise InvalidCellError(msg)
        if asked == "off" and any(numbers):
            msg = (
                f"rotation off was asked for, and the server's log shows that {side.upper()} is rotated: this build "
                f"does not honour {VARIABLE}; leave --kv-rotation out, or take a build that does"
            )
            raise InvalidCellError(msg)
        if asked == "on" and not any(numbers):
            raise InvalidCellError(_never_on(log, side))


def _never_on(log: str, side: str) -> str:
    sizes = {int(found["size"]) for found in _HEAD.finditer(log) if found["side"] == side}
    unfit = sorted(size for size in sizes if size % _BLOCK)
    why = "llama.cpp rotates only heads whose size is a multiple of 64"
    if unfit:
        why = f"this model's head size {unfit[0]} is not a multiple of 64, and llama.cpp rotates no other"
    return (
        f"rotation on was asked for, and the server's log shows that {side.upper()} is not rotated: {why}; "
        "leave --kv-rotation out"
    )
