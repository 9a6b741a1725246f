"""The options of a session, the model's profile and the defaults -> one frozen Settings, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_codeneedle.core.cells import Rotation
    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.recall.questions import Wording
    from pytest_codeneedle.recall.thinking import Think
    from pytest_codeneedle.sweep.forecast import Speed
    from pytest_codeneedle.sweep.shards import Shard


@dataclass(frozen=True)
class Settings:
    """What was asked for, checked as far as it can be without files.

    `pairs` are in grid order, those of a `quick` run or of the `shard` (of the `whole` sweep) alone. None stands for
    "as the corpus, the model or the machine has it". `model` is a path or a control model's name as the user or a
    profile gave it, `model_name` how the profile calls it. `endpoint` is the URL where `server` is one, without
    secrets, and `timeout` the seconds that its answers may take. `speculation` was asked for in `server_args`, which
    are without it. `stop`, `max_tokens` and `request` come from the profile. Each cell is asked `repeat` times with
    each of `rotations`; with `calibrate` the reference is asked before all else, and last; it has to recall
    `calibrate_min` of its lines, a share from 0 to 1.
    """

    corpora: tuple[str, ...]
    model: str | None
    model_name: str | None
    server: str | None
    endpoint: str | None
    api_key_env: str | None
    api_key_file: Path | None
    timeout: int | None
    server_args: tuple[str, ...]
    speculation: tuple[str, ...]
    pairs: tuple[KVPair, ...]
    reference: KVPair
    quick: bool
    delta: float
    functions: int | None
    seed: int | None
    lines: int
    threshold: int
    relax_indent: bool
    order: str
    calibrate: bool
    calibrate_min: float
    repeat: int
    rotations: tuple[Rotation, ...]
    n_ctx: int | None
    full_answer: bool
    wording: Wording
    think: Think
    stop: tuple[str, ...]
    max_tokens: int | None
    request: Mapping[str, Any]
    skip_unparsable: bool
    speed: Speed | None
    embed_source: bool
    redact: bool
    devices: tuple[str, ...]
    out: Path | None
    overlap: str
    resume: bool
    baselines: tuple[Path, ...]
    shard: Shard | None
    whole: tuple[KVPair, ...]
    rootdir: Path
    start: Path


DEFAULT_CORPUS = "random-bodies-mini"


MODEL_VARIABLE = "CODENEEDLE_MODEL"
