"""What a report needs to know of a run beside its rows; from run.json, or from a session's own plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ROTATIONS
from pytest_codeneedle.core.kv_types import KVSize, parse_pair
from pytest_codeneedle.runs.calibration import DEFAULT_MINIMUM
from pytest_codeneedle.runs.grid import View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_codeneedle.core.cells import Rotation
    from pytest_codeneedle.core.kv_types import KVPair

#: The loss of lines, on average over functions, that NOT WORSE rules out.
DEFAULT_DELTA = 1.0


@dataclass(frozen=True)
class Frame:
    """One run of one corpus: what was asked, and what its answers are held against.

    `lines` were asked for of each of `functions` functions in each of `pairs`, `repeat` times with each of `rotations`.
    `delta` is in lines. A reference that recalls less than the share `minimum` of its lines is floored. Without
    `trends` none is tested: a quick run was settled before. `thinks` says that thinking was let. `kv_size` and `n_ctx`
    (tokens) tell the KV cache's size; None and 0 where no server said it.
    """

    pairs: tuple[KVPair, ...]
    reference: KVPair
    lines: int
    functions: int
    repeat: int = 1
    rotations: tuple[Rotation, ...] = ("default",)
    delta: float = DEFAULT_DELTA
    minimum: float = DEFAULT_MINIMUM
    trends: bool = True
    thinks: bool = False
    kv_size: KVSize | None = None
    n_ctx: int = 0

    @property
    def views(self) -> tuple[View, ...]:
        """The view of each of its grids, one for each rotation."""
        return tuple(View(self.repeat, rotation) for rotation in self.rotations)

    def title(self, view: View) -> str:
        """What tells its grid from another; nothing where the one there is was asked as the environment has it."""
        if view.rotation != "default":
            return f"rotation {view.rotation}"
        return "rotation as the environment has it" if len(self.rotations) > 1 else ""

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> Frame:
        """The frame of a stored run: `about` is its run.json."""
        kv = about.get("kv_per_token") or {}
        size = KVSize(kv["k"], kv["v"], bool(kv.get("sliding"))) if kv.get("k") and kv.get("v") else None
        return cls(
            pairs=tuple(parse_pair(pair) for pair in about["pairs"]),
            reference=parse_pair(about["reference"]),
            lines=about["lines"],
            functions=len(about.get("asked") or about["functions"]),
            repeat=about.get("repeat") or 1,
            rotations=tuple(about.get("rotations") or ROTATIONS["default"]),
            delta=about.get("delta") or DEFAULT_DELTA,
            minimum=DEFAULT_MINIMUM if about.get("calibrate_min") is None else about["calibrate_min"],
            trends=(about.get("quick") or {}).get("stage") != 1,
            thinks=about.get("thinking") == "on",
            kv_size=size,
            n_ctx=about.get("n_ctx") or 0,
        )
