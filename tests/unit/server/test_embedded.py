"""The embedded server's flags: each reaches llama.cpp's own parameters."""

from __future__ import annotations

import re
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.core.kv_types import BITS
from pytest_codeneedle.server import embedded

if TYPE_CHECKING:
    from pathlib import Path

xllamacpp = pytest.importorskip("xllamacpp")
TYPES, FLASH = xllamacpp.ggml_type, xllamacpp.llama_flash_attn_type

#: Words of a command line, the attribute that they set, and its value.
FLAGS: list[tuple[str, str, Any]] = [
    ("-m model.gguf", "model.path", "model.gguf"),
    ("--model model.gguf", "model.path", "model.gguf"),
    ("-a name", "model_alias", {"name"}),
    ("--alias name", "model_alias", {"name"}),
    ("-c 4096", "n_ctx", 4096),
    ("--ctx-size 4096", "n_ctx", 4096),
    ("-np 3", "n_parallel", 3),
    ("--parallel 3", "n_parallel", 3),
    ("-b 64", "n_batch", 64),
    ("--batch-size 64", "n_batch", 64),
    ("-ub 32", "n_ubatch", 32),
    ("--ubatch-size 32", "n_ubatch", 32),
    ("-t 3", "cpuparams.n_threads", 3),
    ("-t 3", "cpuparams_batch.n_threads", 3),
    ("--threads 3", "cpuparams.n_threads", 3),
    ("-tb 5", "cpuparams_batch.n_threads", 5),
    ("-t 3 -tb 5", "cpuparams.n_threads", 3),
    ("-t 3 --threads-batch 5", "cpuparams_batch.n_threads", 5),
    ("-ngl 7", "n_gpu_layers", 7),
    ("-ngl 0", "n_gpu_layers", 0),
    ("--gpu-layers 7", "n_gpu_layers", 7),
    ("--n-gpu-layers 7", "n_gpu_layers", 7),
    ("-mg 1", "main_gpu", 1),
    ("--main-gpu 1", "main_gpu", 1),
    ("-fa on", "flash_attn_type", FLASH.LLAMA_FLASH_ATTN_TYPE_ENABLED),
    ("-fa off", "flash_attn_type", FLASH.LLAMA_FLASH_ATTN_TYPE_DISABLED),
    ("--flash-attn auto", "flash_attn_type", FLASH.LLAMA_FLASH_ATTN_TYPE_AUTO),
    ("", "flash_attn_type", FLASH.LLAMA_FLASH_ATTN_TYPE_AUTO),
    *((f"-ctk {name}", "cache_type_k", getattr(TYPES, f"GGML_TYPE_{name.upper()}")) for name in (*BITS, "iq4_nl")),
    *((f"-ctv {name}", "cache_type_v", getattr(TYPES, f"GGML_TYPE_{name.upper()}")) for name in (*BITS, "iq4_nl")),
    ("--cache-type-k q8_0", "cache_type_k", TYPES.GGML_TYPE_Q8_0),
    ("--cache-type-v q4_0", "cache_type_v", TYPES.GGML_TYPE_Q4_0),
    ("", "cache_type_k", TYPES.GGML_TYPE_F16),
    ("", "cache_type_v", TYPES.GGML_TYPE_F16),
    ("-nkvo", "no_kv_offload", True),
    ("--no-kv-offload", "no_kv_offload", True),
    ("", "no_kv_offload", False),
    ("--rope-freq-base 5000", "rope_freq_base", 5000.0),
    ("--rope-freq-scale 0.5", "rope_freq_scale", 0.5),
    ("--host 127.0.0.2", "hostnames", ["127.0.0.2"]),
    ("", "hostnames", ["127.0.0.1"]),
    ("--port 8123", "port", 8123),
    ("", "port", 8080),
    ("--api-key one --api-key two", "api_keys", ["one", "two"]),
    ("", "api_keys", []),
    ("--chat-template chatml", "chat_template", "chatml"),
    ("--reasoning-budget 0", "sampling.reasoning_budget_tokens", 0),
    ("", "sampling.reasoning_budget_tokens", -1),
    ('--chat-template-kwargs {"a":false,"b":[1,"x"]}', "default_template_kwargs", {"a": "false", "b": '[1, "x"]'}),
    ("", "default_template_kwargs", {}),
    ("--jinja", "use_jinja", True),
    ("--no-jinja", "use_jinja", False),
    ("-cram 0", "cache_ram_mib", 0),
    ("--cache-ram 0", "cache_ram_mib", 0),
    ("-fit off", "fit_params", False),
    ("--fit on", "fit_params", True),
    ("--no-warmup", "warmup", False),
    ("--warmup", "warmup", True),
    ("--swa-full", "swa_full", True),
    ("--metrics", "endpoint_metrics", True),
    ("--no-slots", "endpoint_slots", False),
    ("--slots", "endpoint_slots", True),
    ("-lv 4", "verbosity", 4),
    ("--verbosity 4", "verbosity", 4),
    ("--log-verbosity 4", "verbosity", 4),
]


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment of these tests holds."""
    monkeypatch.delenv("LLAMA_API_KEY", raising=False)


def attribute(params: object, name: str) -> object:
    """An attribute by its dotted name."""
    for part in name.split("."):
        params = getattr(params, part)
    return params


def params(words: str) -> object:
    """llama.cpp's parameters for a command line; a model is named where the words name none."""
    argv = words.split()
    model = [] if {"-m", "--model"} & set(argv) else ["-m", "m.gguf"]
    return embedded.params(embedded.parser().parse_args([*model, *argv]))


@pytest.mark.parametrize(("words", "name", "value"), FLAGS, ids=[f"{words}>{name}" for words, name, _ in FLAGS])
def test_each_flag_sets_its_parameter(words: str, name: str, value: object) -> None:
    """The value is read back from llama.cpp's own structure."""
    assert value == attribute(params(words), name)


def test_the_environment_holds_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for llama-server: other users may read a command line."""
    monkeypatch.setenv("LLAMA_API_KEY", "hush")

    assert ["hush"] == attribute(params(""), "api_keys")
    assert ["hush", "one"] == attribute(params("--api-key one"), "api_keys")


def test_a_template_is_read_from_its_file(tmp_path: Path) -> None:
    """As it is; a file that is not there ends the server with its name."""
    path = tmp_path / "chat.jinja"
    path.write_text("{{ messages }}\u00e4\n", encoding="utf-8")
    argv = ["-m", "model.gguf", "--chat-template-file", str(path)]
    assert "{{ messages }}\u00e4\n" == embedded.params(embedded.parser().parse_args(argv)).chat_template

    path.unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(str(path))):
        embedded.params(embedded.parser().parse_args(argv))


@pytest.mark.parametrize(("text", "reason"), [("{", "is not JSON: "), ("[1]", "'[1]' is no JSON object, such as {")])
def test_variables_of_a_template_are_a_json_object(capsys: pytest.CaptureFixture[str], text: str, reason: str) -> None:
    """What is none is named, with how one looks."""
    with pytest.raises(SystemExit):
        embedded.parser().parse_args(["-m", "model.gguf", "--chat-template-kwargs", text])
    assert reason in capsys.readouterr().err


def test_the_table_above_knows_every_flag() -> None:
    """All spellings of all flags of the parser are tried, here or above."""
    tried = {word for words, _, _ in FLAGS for word in words.split() if word.startswith("-")} | {"--chat-template-file"}
    flags = {word for action in embedded.parser()._actions for word in action.option_strings}

    assert flags - {"-h", "--help", "--version"} == tried


@pytest.mark.parametrize(
    "name",
    ["n_batch", "n_ubatch", "n_gpu_layers", "main_gpu", "rope_freq_base", "cache_ram_mib", "fit_params", "verbosity"],
)
def test_what_is_not_given_keeps_llama_cpps_default(name: str) -> None:
    """Nothing else is set."""
    assert getattr(xllamacpp.CommonParams(), name) == attribute(params(""), name)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["-m", "m", "--no-such-flag"], "unrecognized arguments: --no-such-flag"),
        (["-m", "m", "--ctx", "5"], "unrecognized arguments: --ctx 5"),
        ([], "the following arguments are required: -m/--model"),
        (["-m", "m", "-ctk", "q3_k"], "argument -ctk/--cache-type-k: invalid choice: 'q3_k'"),
        (["-m", "m", "-c", "big"], "argument -c/--ctx-size: invalid int value: 'big'"),
        (["-m", "m", "-fa", "maybe"], "argument -fa/--flash-attn: invalid choice: 'maybe'"),
    ],
)
def test_a_wrong_flag_is_named_with_exit_status_2(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a program does; abbreviations are wrong, since llama-server knows none."""
    with pytest.raises(SystemExit) as caught:
        embedded.serve(argv, lambda: None)

    assert 2 == caught.value.code
    assert said in capsys.readouterr().err


class Server:
    """Stands in for xllamacpp's server, which would load a model: here only what is said about it matters."""

    listening_address = "http://127.0.0.1:8080"

    def __init__(self, wanted: object) -> None:
        assert "m.gguf" == attribute(wanted, "model.path")


def test_it_serves_until_it_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The address is printed before it waits."""
    monkeypatch.setattr(xllamacpp, "Server", Server)
    printed: list[str] = []

    assert 0 == embedded.serve(["-m", "m.gguf"], lambda: printed.append(capsys.readouterr().out))
    assert ["embedded server listening on http://127.0.0.1:8080\n"] == printed


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, TypeError])
def test_a_server_that_does_not_start_has_exit_status_1(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its reason goes to standard error, and nothing is waited for."""

    def refuse(_params: object) -> None:
        raise kind("failed to load")

    waited: list[bool] = []
    monkeypatch.setattr(xllamacpp, "Server", refuse)

    assert 1 == embedded.serve(["-m", "m.gguf"], lambda: waited.append(True))
    assert "error: failed to load\n" == capsys.readouterr().err
    assert [] == waited


def test_main_takes_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM ends it at once, in C++ code too; the exit status is that of `serve`."""
    calls: list[object] = []
    monkeypatch.setattr(sys, "argv", ["embedded", "-m", "m.gguf"])
    monkeypatch.setattr(signal, "signal", lambda *args: calls.append(args))
    monkeypatch.setattr(embedded, "serve", lambda argv, _wait: calls.append(argv) or 7)

    with pytest.raises(SystemExit) as caught:
        embedded.main()
    assert 7 == caught.value.code
    assert [(signal.SIGTERM, signal.SIG_DFL), ["-m", "m.gguf"]] == calls


def test_it_says_its_version_as_llama_server_does(capsys: pytest.CaptureFixture[str]) -> None:
    """No model is needed for that."""
    with pytest.raises(SystemExit) as caught:
        embedded.parser().parse_args(["--version"])

    assert 0 == caught.value.code
    assert re.fullmatch(r"version: xllamacpp [\d.]+\S*\n", capsys.readouterr().err)


def test_the_help_names_the_program() -> None:
    """It is started as a module."""
    assert "python -m pytest_codeneedle.embedded" == embedded.parser().prog
