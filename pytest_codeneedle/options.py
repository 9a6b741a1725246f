"""Every option of the grid, with its ini key -> one frozen Settings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pytest_codeneedle.kvtypes import KVPair

GROUP = "KV-cache recall grid"
DEFAULT_CORPUS = "random-bodies-mini"
MODEL_VARIABLE = "CODENEEDLE_MODEL"


@dataclass(frozen=True)
class _Option:
    """One option: its flag, its ini key (the flag's own name), and what `pytest --help` says."""

    flag: str
    help: str
    ini: Literal["string", "args", "bool"] = "string"
    metavar: str | None = None
    kind: type | None = None
    action: str = "store"
    choices: tuple[str, ...] | None = None

    @property
    def key(self) -> str:
        return self.flag.removeprefix("--").replace("-", "_")


_OPTIONS = (
    _Option(
        "--kv-grid", "Start a llama.cpp server per KV cache pair and print the recall grid.", "bool", action="flag"
    ),
    _Option(
        "--corpus",
        f"Corpus to put into the context: corpora/NAME.toml or a shipped one; repeatable. Default: {DEFAULT_CORPUS}.",
        "args",
        "NAME",
        action="append",
    ),
    _Option(
        "--kv-model",
        f"GGUF file, or the computed control model. Also ${MODEL_VARIABLE}. Default: control:robust.",
        metavar="PATH|control:robust",
    ),
    _Option(
        "--kv-server",
        "llama-server to start, or the whole command that you start it with. Default: the one on PATH, else the "
        "embedded one.",
        metavar="PATH|embedded|'COMMAND ...'",
    ),
    _Option("--kv-server-args", 'More arguments for every server: --kv-server-args="-ngl 99".', metavar='"ARG ..."'),
    _Option(
        "--kv-types",
        "KV cache types of the grid's rows and columns; +f16 adds to the default. Default: "
        "bf16,q8_0,q5_1,q5_0,q4_1,q4_0.",
        metavar="TYPE,...",
    ),
    _Option("--ctk", "K cache types: the rows only.", metavar="TYPE,..."),
    _Option("--ctv", "V cache types: the columns only.", metavar="TYPE,..."),
    _Option("--kv-pairs", "Only these cells, for instance q8_0/q8_0,q8_0/q4_0.", metavar="K/V,..."),
    _Option(
        "--kv-functions",
        "Functions to ask for in each cell. Default: the corpus file's k, else 16.",
        metavar="N",
        kind=int,
    ),
    _Option(
        "--kv-seed", "Seed of the sample and of the order. Default: the corpus file's, else 42.", metavar="N", kind=int
    ),
    _Option("--kv-lines", "Lines to ask for of each function. Default: 20.", metavar="N", kind=int),
    _Option("--kv-pass", "Lines that must match for an item to pass. Default: 8.", metavar="N", kind=int),
    _Option("--kv-relax-indent", "Ignore indentation when lines are compared. The default.", "bool", action="flag"),
    _Option("--kv-strict-indent", "Compare indentation too.", "bool", action="flag"),
    _Option(
        "--kv-order",
        "Order of the cells. Default: shuffled, so that drift does not look like a gradient.",
        choices=("shuffled", "grid"),
    ),
    _Option(
        "--kv-n-ctx",
        "Context size of every server, in tokens. Default: what the longest prompt and answer need.",
        metavar="N",
        kind=int,
    ),
    _Option(
        "--kv-full-answer",
        "Let answers run on to their budget, to compare with published hallucination counts.",
        "bool",
        action="flag",
    ),
    _Option(
        "--kv-reference",
        "Cell that the others are held against. Default: bf16/bf16, else the pair of most bits.",
        metavar="K/V",
    ),
    _Option("--kv-out", "Run folder. Default: codeneedle-runs/<corpus>__<model>__<time>.", metavar="DIR"),
)


@dataclass(frozen=True)
class Settings:
    """What was asked for, checked as far as it can be without files.

    `pairs` are in grid order. None stands for "as the corpus, the model or the machine has it".
    """

    corpora: tuple[str, ...]
    model: str
    model_given: bool
    server: str | None
    server_args: tuple[str, ...]
    pairs: tuple[KVPair, ...]
    reference: KVPair
    functions: int | None
    seed: int | None
    lines: int
    threshold: int
    relax_indent: bool
    order: str
    n_ctx: int | None
    full_answer: bool
    out: Path | None
    rootdir: Path
    start: Path


def add_options(parser: pytest.Parser) -> None:
    """Register all options and ini keys."""
    group = parser.getgroup("codeneedle", GROUP)
    for option in _OPTIONS:
        said = f"{option.help} (ini: {option.key})"
        wanted: dict[str, Any] = {"action": option.action, "default": None, "help": said}
        if option.action == "flag":
            wanted["action"] = "store_true"
        elif option.choices:
            wanted["choices"] = option.choices
        else:
            wanted.update(metavar=option.metavar, type=option.kind)
        group.addoption(option.flag, **wanted)
        parser.addini(option.key, f"Same as {option.flag}.", type=option.ini, default=None)


def is_on(config: pytest.Config) -> bool:
    """Whether the grid was asked for."""
    return bool(_value(config, "kv_grid"))


def read_settings(config: pytest.Config) -> Settings:
    """The settings of this session. Raises ConfigurationError with the value that is wrong and the way out."""
    from pytest_codeneedle.models import DEFAULT_MODEL  # noqa: PLC0415 - a plain pytest run pays for no import
    from pytest_codeneedle.program import parse_server_args  # noqa: PLC0415 - as above

    lines = _number(config, "kv_lines", 20)
    pairs = _pairs(config)
    out = _text(config, "kv_out")
    return Settings(
        corpora=tuple(dict.fromkeys(_value(config, "corpus") or [DEFAULT_CORPUS])),
        model=_model(config) or DEFAULT_MODEL,
        model_given=_model(config) is not None,
        server=_text(config, "kv_server"),
        server_args=parse_server_args(_text(config, "kv_server_args") or ""),
        pairs=pairs,
        reference=_reference(config, pairs),
        functions=_optional_number(config, "kv_functions"),
        seed=_optional_number(config, "kv_seed", low=0),
        lines=lines,
        threshold=_number(config, "kv_pass", min(8, lines), low=0, high=lines),
        relax_indent=_relaxed(config),
        order=_order(config),
        n_ctx=_optional_number(config, "kv_n_ctx"),
        full_answer=bool(_value(config, "kv_full_answer")),
        out=config.invocation_params.dir / out if out else None,
        rootdir=_corpora_root(config),
        start=config.invocation_params.dir,
    )


def _value(config: pytest.Config, key: str) -> Any:  # noqa: ANN401 - as pytest's own getoption
    given = config.getoption(key, default=None)
    return config.getini(key) if given is None else given


def _text(config: pytest.Config, key: str) -> str | None:
    value = _value(config, key)
    return str(value) if value else None


def _model(config: pytest.Config) -> str | None:
    given: str | None = config.getoption("kv_model", default=None)
    return given or os.environ.get(MODEL_VARIABLE) or config.getini("kv_model") or None


def _number(config: pytest.Config, key: str, default: int, *, low: int = 1, high: int | None = None) -> int:
    value = _optional_number(config, key, low=low, high=high)
    return default if value is None else value


def _optional_number(config: pytest.Config, key: str, *, low: int = 1, high: int | None = None) -> int | None:
    from pytest_codeneedle.errors import ConfigurationError  # noqa: PLC0415 - as above

    value = _value(config, key)
    if value is None or value == "":
        return None
    flag = "--" + key.replace("_", "-")
    try:
        number = int(value)
    except ValueError:
        msg = f"{flag} (ini: {key}) = {value!r} is not a whole number"
        raise ConfigurationError(msg) from None
    if number < low or (high is not None and number > high):
        allowed = f"{low} or more" if high is None else f"from {low} to {high}"
        msg = f"{flag} (ini: {key}) = {number} is out of range; give {allowed}"
        raise ConfigurationError(msg)
    return number


def _pairs(config: pytest.Config) -> tuple[KVPair, ...]:
    from pytest_codeneedle.errors import ConfigurationError  # noqa: PLC0415 - as above
    from pytest_codeneedle.kvtypes import DEFAULT_TYPES, grid_pairs, parse_pairs, parse_types  # noqa: PLC0415

    given = {key: _text(config, key) for key in ("kv_types", "ctk", "ctv", "kv_pairs")}
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


def _reference(config: pytest.Config, pairs: tuple[KVPair, ...]) -> KVPair:
    from pytest_codeneedle.errors import ConfigurationError  # noqa: PLC0415 - as above
    from pytest_codeneedle.kvtypes import default_reference, parse_pair  # noqa: PLC0415

    given = _text(config, "kv_reference")
    if not given:
        return default_reference(pairs)
    pair = parse_pair(given)
    if pair not in pairs:
        msg = f"--kv-reference {pair} is not among the {len(pairs)} cells of this run, {pairs[0]} to {pairs[-1]}"
        raise ConfigurationError(msg)
    return pair


def _relaxed(config: pytest.Config) -> bool:
    """The command line before the ini file; strict wins within one of them only when relaxed is not said."""
    from pytest_codeneedle.errors import ConfigurationError  # noqa: PLC0415 - as above

    relax, strict = config.getoption("kv_relax_indent"), config.getoption("kv_strict_indent")
    if relax and strict:
        msg = "--kv-relax-indent and --kv-strict-indent contradict each other; give one"
        raise ConfigurationError(msg)
    if relax or strict:
        return bool(relax)
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


def _order(config: pytest.Config) -> str:
    from pytest_codeneedle.errors import ConfigurationError  # noqa: PLC0415 - as above

    order = _text(config, "kv_order") or "shuffled"
    if order not in ("shuffled", "grid"):
        msg = f"ini key kv_order = {order!r}: give shuffled or grid"
        raise ConfigurationError(msg)
    return order
