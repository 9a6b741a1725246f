"""Which pairs a session asks, and which of them is the reference: what the options say, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.kv_types import (
    AS_SERVED,
    DEFAULT_TYPES,
    default_reference,
    grid_pairs,
    parse_pair,
    parse_pairs,
    parse_types,
)
from pytest_codeneedle.plugin.options import option_text, option_value
from pytest_codeneedle.stats.quick import stages
from pytest_codeneedle.sweep.shards import parse_shard, with_reference

if TYPE_CHECKING:
    import pytest

    from pytest_codeneedle.core.kv_types import KVPair
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
