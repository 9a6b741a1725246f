"""Which pairs a session asks, and which of them is the reference: what the options say, checked."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pytest_codeneedle.core.cells import ROTATIONS
from pytest_codeneedle.core.devices import parse_devices
from pytest_codeneedle.core.errors import ConfigurationError, naming_paths
from pytest_codeneedle.core.kv_types import (
    AS_SERVED,
    DEFAULT_TYPES,
    default_reference,
    grid_pairs,
    parse_pair,
    parse_pairs,
    parse_types,
)
from pytest_codeneedle.core.machine import expanded
from pytest_codeneedle.core.text import meant
from pytest_codeneedle.plugin.options import option_text, option_value
from pytest_codeneedle.plugin.options import option_text as _text
from pytest_codeneedle.recall.questions import WORDINGS
from pytest_codeneedle.recall.thinking import THINK
from pytest_codeneedle.runs.calibration import DEFAULT_MINIMUM, parse_share
from pytest_codeneedle.runs.design import DEFAULT_DELTA
from pytest_codeneedle.server.command.given_args import parse_server_args
from pytest_codeneedle.server.command.speculation import without_speculation
from pytest_codeneedle.server.http.endpoint_url import is_url, normalised_url
from pytest_codeneedle.server.model_profile import Profile, find_profile
from pytest_codeneedle.stats.quick import stages
from pytest_codeneedle.sweep.forecast import parse_speed
from pytest_codeneedle.sweep.settings import DEFAULT_CORPUS, MODEL_VARIABLE, Settings
from pytest_codeneedle.sweep.shards import parse_shard, with_reference

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pytest_codeneedle.core.cells import Rotation
    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.recall.thinking import Think
    from pytest_codeneedle.sweep.shards import Shard


class ChosenPairs(NamedTuple):
    """The pairs in grid order, those of the `shard` or of a `quick` run alone; a shard has the reference besides.

    `whole` are those of the sweep that a shard is a part of.
    """

    pairs: tuple[KVPair, ...]
    reference: KVPair
    quick: bool = False
    shard: Shard | None = None
    whole: tuple[KVPair, ...] = ()


def chosen_pairs(config: pytest.Config, *, served: bool) -> ChosenPairs:
    """The pairs of this session; the one of an endpoint that is `served` already. Raises ConfigurationError."""
    if served:
        return ChosenPairs(_as_served(config), AS_SERVED)
    every = _own_server(config)
    text = option_text(config, "kv_shard")
    shard = parse_shard(text, every) if text else None
    reference = _reference(config, every)
    if _quick(config):
        wanted = set(stages(every, reference).pairs)
        return ChosenPairs(tuple(pair for pair in every if pair in wanted), reference, quick=True)
    if shard is None:
        return ChosenPairs(every, reference)
    return ChosenPairs(with_reference(shard.of(every), reference), reference, shard=shard, whole=every)


def _own_server(config: pytest.Config) -> tuple[KVPair, ...]:
    for key in ("kv_api_key_env", "kv_api_key_file"):
        if config.getoption(key, default=None) is not None:
            msg = f"--{key.replace('_', '-')} is for an endpoint that already runs: name it with --kv-server URL"
            raise ConfigurationError(msg)
    return _pairs(config)


def _as_served(config: pytest.Config) -> tuple[KVPair, ...]:
    """The one cell of an endpoint; what is set when a server is started cannot be set of one that runs."""
    fixed = (
        "kv_types",
        "ctk",
        "ctv",
        "kv_pairs",
        "kv_reference",
        "kv_n_ctx",
        "kv_server_args",
        "kv_shard",
        "kv_devices",
        "kv_rotation",
        "kv_quick",
    )
    for key in fixed:
        if config.getoption(key, default=None) is not None:
            flag = "--" + key.replace("_", "-")
            msg = f"{flag} cannot be set of an endpoint that already runs: it is one cell, as served; leave it out"
            raise ConfigurationError(msg)
    return (AS_SERVED,)


def _pairs(config: pytest.Config) -> tuple[KVPair, ...]:
    given = {key: option_text(config, key) for key in ("kv_types", "ctk", "ctv", "kv_pairs")}
    others = [key for key in ("kv_types", "ctk", "ctv") if config.getoption(key, default=None)]
    if given["kv_pairs"] and (config.getoption("kv_pairs") or not others):
        if others:
            msg = f"--kv-pairs names the cells; leave out --{others[0].replace('_', '-')}"
            raise ConfigurationError(msg)
        return parse_pairs(given["kv_pairs"])
    types = parse_types(given["kv_types"], adding=True) if given["kv_types"] else DEFAULT_TYPES
    rows = parse_types(given["ctk"]) if given["ctk"] else types
    columns = parse_types(given["ctv"]) if given["ctv"] else types
    return grid_pairs(rows, columns)


def _quick(config: pytest.Config) -> bool:
    """Whether --kv-quick picks the cells. Raises ConfigurationError for another option that does."""
    quick = bool(option_value(config, "kv_quick"))
    for key in ("kv_pairs", "kv_shard"):
        if quick and option_text(config, key):
            flag = "--" + key.replace("_", "-")
            msg = f"--kv-quick picks the cells, and {flag} (ini: {key}) picks others; leave one out"
            raise ConfigurationError(msg)
    return quick


def _reference(config: pytest.Config, pairs: tuple[KVPair, ...]) -> KVPair:
    given = option_text(config, "kv_reference")
    if not given:
        return default_reference(pairs)
    pair = parse_pair(given)
    if pair not in pairs:
        msg = f"--kv-reference {pair} is not among the {len(pairs)} cells of this run, {pairs[0]} to {pairs[-1]}"
        raise ConfigurationError(msg)
    return pair


_C = TypeVar("_C", bound=str)


@naming_paths()
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
