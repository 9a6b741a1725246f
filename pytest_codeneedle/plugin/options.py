"""Every option of the grid, with its ini key: what `pytest --help` shows, and whether the grid was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pytest_codeneedle.sweep.settings import DEFAULT_CORPUS, MODEL_VARIABLE

if TYPE_CHECKING:
    import pytest

GROUP = "KV-cache recall grid"
_PRINT_AND_LEAVE = ("help", "version", "markers", "showfixtures", "show_fixtures_per_test", "cacheshow")


@dataclass(frozen=True)
class Option:
    """An option of the grid: its flag, its ini key (the flag's own name), and what `pytest --help` says."""

    flag: str
    help: str
    ini: Literal["string", "args", "bool"] = "string"
    metavar: str | None = None
    kind: type | None = None
    action: str = "store"
    choices: tuple[str, ...] | None = None

    @property
    def key(self) -> str:
        """The ini key: `kv_model` of `--kv-model`."""
        return self.flag.removeprefix("--").replace("-", "_")


OPTIONS = (
    Option("--kv-grid", "Start a llama.cpp server per KV cache pair and print the recall grid.", "bool", action="flag"),
    Option(
        "--corpus",
        f"Corpus to put into the context: corpora/NAME.toml or a shipped one; repeatable. Default: {DEFAULT_CORPUS}.",
        "args",
        "NAME",
        action="append",
    ),
    Option(
        "--kv-model",
        "GGUF file, profile models/NAME.toml, or control model: control:robust, control:fragile-k, control:fragile-v. "
        f"Also ${MODEL_VARIABLE}. Default: control:robust.",
        metavar="PATH|NAME|control:NAME",
    ),
    Option(
        "--kv-server",
        "llama-server to start, the whole command that you start it with, or the URL of an OpenAI-compatible endpoint "
        "that runs already (one cell, as served). Default: the one on PATH, else the embedded one.",
        metavar="PATH|embedded|'COMMAND ...'|URL",
    ),
    Option("--kv-api-key-env", "Environment variable that holds the endpoint's API key.", metavar="NAME"),
    Option("--kv-api-key-file", "File that holds the endpoint's API key.", metavar="FILE"),
    Option(
        "--kv-timeout",
        "Seconds that an answer of an endpoint may take. Default: what the prompt's size allows, and after the "
        "warm-up a multiple of what the endpoint showed to need.",
        metavar="SECONDS",
        kind=int,
    ),
    Option("--kv-server-args", 'More arguments for every server: --kv-server-args="-ngl 99".', metavar='"ARG ..."'),
    Option(
        "--kv-types",
        "KV cache types of the grid's rows and columns; +f16 adds to the default. Default: "
        "bf16,q8_0,q5_1,q5_0,q4_1,q4_0.",
        metavar="TYPE,...",
    ),
    Option("--ctk", "K cache types: the rows only.", metavar="TYPE,..."),
    Option("--ctv", "V cache types: the columns only.", metavar="TYPE,..."),
    Option("--kv-pairs", "Only these cells, for instance q8_0/q8_0,q8_0/q4_0.", metavar="K/V,..."),
    Option(
        "--kv-functions",
        "Functions to ask for in each cell. Default: the corpus file's k, else 16.",
        metavar="N",
        kind=int,
    ),
    Option(
        "--kv-seed", "Seed of the sample and of the order. Default: the corpus file's, else 42.", metavar="N", kind=int
    ),
    Option(
        "--kv-prompt",
        "Wording of the task: quoted ends with the function's signature line, codeneedle asks as the public harness "
        "does. Default: quoted.",
        choices=("quoted", "codeneedle"),
    ),
    Option(
        "--kv-think",
        "How thinking is kept off: the template's own switch, /no_think, an empty block in the prompt; or on. "
        "Default: auto.",
        choices=("auto", "template", "no-think", "prefill", "on"),
    ),
    Option("--kv-lines", "Lines to ask for of each function. Default: 20.", metavar="N", kind=int),
    Option("--kv-pass", "Lines that must match for an item to pass. Default: 8.", metavar="N", kind=int),
    Option("--kv-relax-indent", "Ignore indentation when lines are compared. The default.", "bool", action="flag"),
    Option("--kv-strict-indent", "Compare indentation too.", "bool", action="flag"),
    Option(
        "--kv-order",
        "Order of the cells. Default: shuffled, so that drift does not look like a gradient.",
        choices=("shuffled", "grid"),
    ),
    Option(
        "--kv-calibrate",
        "Ask the reference cell first and once more last in each session: is the model able, does it drift. "
        "Default: on.",
        choices=("on", "off"),
    ),
    Option(
        "--kv-calibrate-min",
        "Share of its lines that the reference cell has to recall for the others to be asked; else the exit status is "
        "10. Default: 0.8.",
        metavar="SHARE",
    ),
    Option(
        "--kv-quick",
        "Ask the reference's row, its column and the diagonal alone, most telling first, until the answer is settled.",
        "bool",
        action="flag",
    ),
    Option(
        "--kv-repeat", "Passes over the whole grid; figures are means over them. Default: 1.", metavar="N", kind=int
    ),
    Option(
        "--kv-rotation",
        "Hadamard rotation of quantized caches (LLAMA_ATTN_ROT_DISABLE); both asks each cell with and without. "
        "Default: as the environment has it.",
        choices=("default", "on", "off", "both"),
    ),
    Option(
        "--kv-n-ctx",
        "Context size of every server, in tokens. Default: what the longest prompt and answer need.",
        metavar="N",
        kind=int,
    ),
    Option(
        "--kv-full-answer",
        "Let answers run on to their budget, to compare with published hallucination counts.",
        "bool",
        action="flag",
    ),
    Option(
        "--kv-reference",
        "Cell that the others are held against. Default: bf16/bf16, else the pair of most bits.",
        metavar="K/V",
    ),
    Option(
        "--kv-delta",
        "Mean loss in lines that NOT WORSE rules out. Default: 1.",
        metavar="LINES",
    ),
    Option("--kv-skip-unparsable", "Leave out files that do not parse, and count them.", "bool", action="flag"),
    Option(
        "--kv-embed-source",
        "Let reports show private code beyond the lines asked for, and keep the corpus text in the run folder.",
        "bool",
        action="flag",
    ),
    Option(
        "--kv-devices",
        "GPUs to use, as CUDA_VISIBLE_DEVICES has them: with -n each server sees one, else all of these.",
        metavar="ID,...",
    ),
    Option("--kv-redact", "Show no line of code in reports, not even those asked for.", "bool", action="flag"),
    Option(
        "--kv-overlap",
        "Load the next cell's server while this cell's last answers come. Default: auto, where memory allows.",
        choices=("auto", "on", "off"),
    ),
    Option("--kv-out", "Run folder. Default: codeneedle-runs/<corpus>__<model>__<time>.", metavar="DIR"),
    Option(
        "--kv-resume",
        "Go on with the run in --kv-out, else with the newest one that was asked the same: what is answered is not "
        "asked again, but for the reference, which each session asks.",
        "bool",
        action="flag",
    ),
    Option(
        "--kv-baseline",
        "Run folder, or file of `codeneedle baseline save`, to hold this run against: the exit status is 1 if anything "
        "is worse, else 0. Repeatable, one for each corpus.",
        "args",
        "RUN|FILE",
        action="append",
    ),
    Option("--kv-shard", "A part of the pairs, all types alike; codeneedle merge joins the runs.", metavar="I/N"),
    Option(
        "--kv-dry-run",
        "Ask nothing: print the cells, their order, tokens, KV MiB and the time it is going to take, and leave.",
        "bool",
        action="flag",
    ),
    Option(
        "--kv-speed",
        "Tokens per second of prompts and of answers, for --kv-dry-run. Default: measured at an empty context.",
        metavar="READ,WRITE",
    ),
)


def add_options(parser: pytest.Parser) -> None:
    """Register all options and ini keys."""
    group = parser.getgroup("codeneedle", GROUP)
    for option in OPTIONS:
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
    return bool(option_value(config, "kv_grid"))


def is_dry(config: pytest.Config) -> bool:
    """Whether only the plan is wanted; on the command line --kv-dry-run asks for the grid, too.

    pytest's own options that print something and leave go first.
    """
    if any(getattr(config.option, name, None) for name in _PRINT_AND_LEAVE):
        return False
    return bool(config.getoption("kv_dry_run", default=None) or (is_on(config) and config.getini("kv_dry_run")))


def option_value(config: pytest.Config, key: str) -> Any:  # noqa: ANN401 - as pytest's own getoption
    """What the command line says, else what the ini file says; `key` is the ini key."""
    given = config.getoption(key, default=None)
    return config.getini(key) if given is None else given


def option_text(config: pytest.Config, key: str) -> str | None:
    """The value of `option_value` as text; None where there is none, or an empty one."""
    value = option_value(config, key)
    return str(value) if value else None
