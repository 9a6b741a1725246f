"""The options of a session, the model's profile and the defaults -> one frozen Settings, checked."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_codeneedle.core.cells import ROTATIONS
from pytest_codeneedle.core.devices import parse_devices
from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.machine import expanded
from pytest_codeneedle.core.text import meant
from pytest_codeneedle.plugin.options import DEFAULT_CORPUS, MODEL_VARIABLE, option_value
from pytest_codeneedle.plugin.options import option_text as _text
from pytest_codeneedle.plugin.read_settings import chosen_pairs
from pytest_codeneedle.recall.questions import WORDINGS
from pytest_codeneedle.recall.thinking import THINK
from pytest_codeneedle.runs.calibration import DEFAULT_MINIMUM, parse_share
from pytest_codeneedle.runs.design import DEFAULT_DELTA
from pytest_codeneedle.server.command.given_args import parse_server_args
from pytest_codeneedle.server.command.speculation import without_speculation
from pytest_codeneedle.server.http.endpoint_url import is_url, normalised_url
from pytest_codeneedle.server.model_profile import Profile, find_profile
from pytest_codeneedle.sweep.forecast import Speed, parse_speed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from pytest_codeneedle.core.cells import Rotation
    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.recall.questions import Wording
    from pytest_codeneedle.recall.thinking import Think
    from pytest_codeneedle.sweep.shards import Shard

_C = TypeVar("_C", bound=str)


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


def read_settings(config: pytest.Config) -> Settings:
    """The settings of this session. Raises ConfigurationError with the value that is wrong and the way out.

    The command line comes first, then what the model's profile says, then the ini file.
    """
    lines = _number(config, "kv_lines", 20)
    server = _text(config, "kv_server")
    endpoint = normalised_url(server) if server and is_url(server) else None
    chosen = chosen_pairs(config, served=endpoint is not None)
    out, key_file = _text(config, "kv_out"), _text(config, "kv_api_key_file")
    start, rootdir = config.invocation_params.dir, _corpora_root(config)
    # A default model of the project's or the machine's is a file: an endpoint has its own.
    given = _model(config) if endpoint is None else config.getoption("kv_model", default=None)
    profile = find_profile(given, start, (rootdir, config.rootpath, start)) if given else None
    given_args = parse_server_args(_text(config, "kv_server_args") or "")
    server_args, speculation = without_speculation((*(profile.server_args if profile else ()), *given_args))
    return Settings(
        corpora=tuple(dict.fromkeys(option_value(config, "corpus") or [DEFAULT_CORPUS])),
        model=given if profile is None else str(profile.path) if profile.path else None,
        model_name=profile.name if profile else None,
        server=server,
        endpoint=endpoint,
        api_key_env=_text(config, "kv_api_key_env"),
        api_key_file=start / expanded(key_file) if key_file else None,
        timeout=_optional_number(config, "kv_timeout"),
        server_args=server_args,
        speculation=speculation,
        pairs=chosen.pairs,
        reference=chosen.reference,
        quick=chosen.quick,
        delta=_lines_lost(config, lines),
        functions=_optional_number(config, "kv_functions"),
        seed=_optional_number(config, "kv_seed", low=0),
        lines=lines,
        threshold=_number(config, "kv_pass", min(8, lines), low=0, high=lines),
        relax_indent=_relaxed(config, profile),
        order=_choice(config, "kv_order", ("shuffled", "grid"), "shuffled"),
        calibrate=_choice(config, "kv_calibrate", ("on", "off"), "on") == "on",
        calibrate_min=parse_share(share) if (share := _text(config, "kv_calibrate_min")) else DEFAULT_MINIMUM,
        repeat=_number(config, "kv_repeat", 1),
        rotations=_rotations(config) if endpoint is None else ROTATIONS["default"],
        n_ctx=_optional_number(config, "kv_n_ctx"),
        full_answer=bool(option_value(config, "kv_full_answer")),
        wording=_choice(config, "kv_prompt", WORDINGS, "quoted"),
        think=_think(config, profile),
        stop=profile.stop if profile else (),
        max_tokens=profile.max_tokens if profile else None,
        request=profile.request if profile else {},
        skip_unparsable=bool(option_value(config, "kv_skip_unparsable")),
        speed=parse_speed(speed) if (speed := _text(config, "kv_speed")) else None,
        **_privacy(config),
        devices=parse_devices(devices) if (devices := _text(config, "kv_devices")) else (),
        out=start / expanded(out) if out else None,
        overlap=_choice(config, "kv_overlap", ("auto", "on", "off"), "auto"),
        resume=bool(option_value(config, "kv_resume")),
        baselines=tuple(start / expanded(one) for one in dict.fromkeys(option_value(config, "kv_baseline") or ())),
        shard=chosen.shard,
        whole=chosen.whole,
        rootdir=rootdir,
        start=start,
    )


def _model(config: pytest.Config) -> str | None:
    given: str | None = config.getoption("kv_model", default=None)
    return given or os.environ.get(MODEL_VARIABLE) or config.getini("kv_model") or None


def _think(config: pytest.Config, profile: Profile | None) -> Think:
    if profile and profile.think and not config.getoption("kv_think", default=None):
        return profile.think
    return _choice(config, "kv_think", THINK, "auto")


def _privacy(config: pytest.Config) -> dict[str, bool]:
    embed, redact = bool(option_value(config, "kv_embed_source")), bool(option_value(config, "kv_redact"))
    if embed and redact:
        msg = "--kv-embed-source and --kv-redact contradict each other; give one"
        raise ConfigurationError(msg)
    return {"embed_source": embed, "redact": redact}


def _number(config: pytest.Config, key: str, default: int, *, low: int = 1, high: int | None = None) -> int:
    value = _optional_number(config, key, low=low, high=high)
    return default if value is None else value


def _optional_number(config: pytest.Config, key: str, *, low: int = 1, high: int | None = None) -> int | None:
    value = option_value(config, key)
    if value is None or value == "":
        return None
    flag = "--" + key.replace("_", "-")
    try:
        number = int(value)
    except ValueError:
        msg = f"{flag} (ini: {key}) = {value!r} is not a whole number{meant(value)}"
        raise ConfigurationError(msg) from None
    if number < low or (high is not None and number > high):
        allowed = f"{low} or more" if high is None else f"from {low} to {high}"
        msg = f"{flag} (ini: {key}) = {number} is out of range; give {allowed}"
        raise ConfigurationError(msg)
    return number


def _lines_lost(config: pytest.Config, lines: int) -> float:
    given = option_value(config, "kv_delta")
    try:
        delta = float(given or DEFAULT_DELTA)
    except ValueError:
        delta = math.nan
    if not 0 < delta < lines:  # so is what is no number
        msg = f"--kv-delta (ini: kv_delta) = {given!r} is no loss of lines; give more than 0 and less than {lines}"
        raise ConfigurationError(msg)
    return delta


def _rotations(config: pytest.Config) -> tuple[Rotation, ...]:
    return ROTATIONS[_choice(config, "kv_rotation", tuple(ROTATIONS), "default")]


def _relaxed(config: pytest.Config, profile: Profile | None) -> bool:
    """Strict wins within the ini file only when relaxed is not said."""
    relax, strict = config.getoption("kv_relax_indent"), config.getoption("kv_strict_indent")
    if relax and strict:
        msg = "--kv-relax-indent and --kv-strict-indent contradict each other; give one"
        raise ConfigurationError(msg)
    if relax or strict:
        return bool(relax)
    if profile and profile.relax_indent is not None:
        return profile.relax_indent
    if config.getini("kv_strict_indent"):
        return False
    said = config.getini("kv_relax_indent")
    return True if said is None else bool(said)


def _corpora_root(config: pytest.Config) -> Path:
    """The rootdir where it has corpora, else the nearest folder above this one that has.

    pytest takes the value of `--kv-model PATH` for a test path when it looks for its rootdir.
    """
    here = config.invocation_params.dir
    folders = (config.rootpath, here, *here.parents)
    return next((folder for folder in folders if (folder / "corpora").is_dir()), config.rootpath)


def _choice(config: pytest.Config, key: str, choices: tuple[_C, ...], default: _C) -> _C:
    given = _text(config, key) or default
    for choice in choices:
        if given == choice:
            return choice
    msg = f"ini key {key} = {given!r}: give {' or '.join(choices)}"
    raise ConfigurationError(msg)
