"""--kv-server PATH|embedded|COMMAND."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.server.control_model.model import Control

from .lab import matched

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from .lab import Lab

PAIR = ("--kv-pairs", "q8_0/q4_0")
DONE = {("q8_0", "q4_0"): "20.00"}
COMMAND = f"{sys.executable} -m pytest_codeneedle.embedded"
#: A fake: there is no network to fetch a model from. It is the embedded server, told -m where -hf stood.
FETCHER = f"""#!{sys.executable}
import os
import sys

words = sys.argv[1:]
if "-hf" in words:
    at = words.index("-hf")
    words[at : at + 2] = ["-m", "fetched.gguf"]
os.execv(sys.executable, [sys.executable, "-m", "pytest_codeneedle.embedded", *words])
"""


@pytest.fixture
def no_binary(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty PATH."""
    monkeypatch.setenv("PATH", str(lab.pytester.mkdir("empty")))


@pytest.fixture
def no_xllamacpp(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded server's package hidden, as if the extra were not installed."""
    real = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "xllamacpp" else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


def test_embedded(lab: Lab) -> None:
    """`embedded` is the server of the xllamacpp wheel, run by this Python."""
    assert DONE == matched(lab.grid(*PAIR, "--kv-server", "embedded"))
    about = lab.about()
    assert about["server"].startswith("embedded (xllamacpp ")
    assert sys.executable == about["server_argv"][0]
    assert "pytest_codeneedle.embedded" in about["server_argv"]


def test_default_without_binary(lab: Lab, no_binary: None) -> None:
    """Without llama-server on PATH the embedded one is the default."""
    assert DONE == matched(lab.grid(*PAIR))
    assert lab.about()["server"].startswith("embedded")


def test_nothing_found(lab: Lab, no_binary: None, no_xllamacpp: None) -> None:
    """With neither it is a usage error that names the binary, the option and the extra."""
    message = lab.refused(*PAIR)
    assert [] == [way for way in ("llama-server", "--kv-server", "pytest-codeneedle[embedded]") if way not in message]


def test_embedded_not_installed(lab: Lab, no_xllamacpp: None) -> None:
    """`embedded` without the extra is a usage error that names the extra."""
    assert "pip install 'pytest-codeneedle[embedded]'" in lab.refused(*PAIR, "--kv-server", "embedded")


def test_an_address_may_be_meant_for_a_url(lab: Lab) -> None:
    """The way out says what is missing."""
    message = lab.refused(*PAIR, "--kv-server", "127.0.0.1:8080")
    assert "or http://127.0.0.1:8080 for one that runs already" in message


@pytest.mark.slow
def test_a_server_of_the_users_without_a_model(lab: Lab) -> None:
    """The control model is asked then, which may not be what was meant: it is said."""
    said = "kv-grid: no model is named (--kv-model, or -m in the command): the control"
    assert said in lab.grid(*PAIR, "--kv-server", "embedded").stdout.str()
    assert said not in lab.grid(*PAIR, "--kv-server", "embedded", "--kv-model", "control:robust").stdout.str()


def test_no_such_server(lab: Lab) -> None:
    """A path where nothing is, is a usage error with the path."""
    assert "no server at 'gone/llama-server'" in lab.refused(*PAIR, "--kv-server", "gone/llama-server")


def test_other_program(lab: Lab) -> None:
    """A program that is not llama-server is a usage error: it is asked for --help, and never for more."""
    other = lab.write("other", f"#!{sys.executable}\nprint('usage: other')\n")
    other.chmod(0o755)
    assert f"{other} is not a llama-server" in lab.refused(*PAIR, "--kv-server", str(other))


@pytest.mark.slow
def test_command(lab: Lab) -> None:
    """The command that a user runs is run for every cell, but for what the grid sets, and that is said."""
    command = f"LLAMA_ATTN_ROT_DISABLE=1 {COMMAND} --port 9999 -ctk f16 -b 256 -ngl 0 -c 2048 --api-key hush"
    result = lab.grid(*PAIR, "--kv-server", command)
    assert DONE == matched(result)
    changes = [
        "--port 9999: a free port is taken",
        "-ctk f16: set per cell",
        "--api-key ***: servers listen on 127.0.0.1 only",
    ]
    said = [line for line in result.outlines if line.startswith("kv-grid: your command, changed: ")]
    assert [f"kv-grid: your command, changed: {change}" for change in changes] == said
    about = lab.about()
    assert changes == about["server_changes"]
    assert command.replace("hush", "***") == about["server_command"]
    argv = about["server_argv"]
    assert [*COMMAND.split(), "-m", about["model_file"], "-b", "256", "-ngl", "0", "-ctk"] == argv[:10]
    assert [] == [word for word in ("9999", "hush", "f16", "--api-key") if word in argv]
    assert 2048 == about["n_ctx"]
    (row, _) = lab.rows()
    assert ("q8_0", "q4_0", 2048) == (row["log_ctk"], row["log_ctv"], row["n_ctx"])
    assert (0, 0) == (row["attn_rot_k"], row["attn_rot_v"])  # the variable reached the server


@pytest.mark.slow
def test_command_with_a_model(lab: Lab) -> None:
    """-m of the command stands for --kv-model; both are a usage error that names both."""
    Control().write(lab.path / "own.gguf")
    command = f"{COMMAND} -m own.gguf -t 1"
    assert "two models: own.gguf in the command of --kv-server, and other.gguf from --kv-model" in lab.refused(
        *PAIR, "--corpus", "tiny", "--kv-server", command, "--kv-model", "other.gguf"
    )
    assert DONE == matched(lab.grid(*PAIR, "--kv-server", command))
    about = lab.about()
    assert ("own.gguf", str(lab.path / "own.gguf")) == (about["model"], about["model_file"])
    assert 1 == about["threads"]
    assert lab.folder.name.startswith("tiny__own__")


def test_command_of_a_router(lab: Lab) -> None:
    """Its models are in a file that the router alone reads: the command of one of them is to be given, and how."""
    lab.write("presets.ini", "[*]\nngl = 99\n[qwen]\nmodel = m.gguf\n[gemma]\nmodel = g.gguf\n")

    assert (
        "--models-preset presets.ini makes a router of several models, and one is asked; give the command of that "
        "model alone, for instance --kv-server='llama-server -m m.gguf -ngl 99' (one of 2 models in it)"
    ) in lab.refused(*PAIR, "--corpus", "tiny", "--kv-server", f"{COMMAND} --models-preset presets.ini")


@pytest.mark.slow
def test_command_that_fetches_its_model(lab: Lab) -> None:
    """The model is known by its name, and its file and hash once a server has fetched it."""
    fetcher = lab.write("fetcher", FETCHER)
    fetcher.chmod(0o755)
    Control().write(lab.path / "fetched.gguf")
    result = lab.grid(*PAIR, "--kv-server", f"{fetcher} -hf org/repo:Q8_0 -ngl 0")
    assert DONE == matched(result)
    assert "kv-grid: the first start fetches the model where it is not there yet" in result.outlines
    about = lab.about()
    assert ("org/repo:Q8_0", str(lab.path / "fetched.gguf")) == (about["model"], about["model_file"])
    digest = hashlib.sha256((lab.path / "fetched.gguf").read_bytes()).hexdigest()
    assert [digest, digest] == [about["model_sha256"], about["tokens"]["model_sha256"]]
    assert [str(fetcher), "-hf", "org/repo:Q8_0", "-ngl", "0", "-ctk"] == about["server_argv"][:6]
    assert lab.folder.name.startswith("tiny__org-repo-Q8_0__")


def test_command_that_cannot_fetch_its_model(lab: Lab) -> None:
    """A server that ends at the start is an ERROR of every cell; the model keeps its name and has no hash."""
    fetcher = lab.write("fetcher", FETCHER)
    fetcher.chmod(0o755)
    assert {("q8_0", "q4_0"): "err"} == matched(lab.grid(*PAIR, "--kv-server", f"{fetcher} -hf org/repo"))
    about = lab.about()
    assert ("org/repo", None, None) == (about["model"], about["model_file"], about["model_sha256"])


def test_command_for_a_shell(lab: Lab) -> None:
    """What only a shell understands is a usage error that names it."""
    assert "no shell reads this command, and '|' is for one" in lab.refused(*PAIR, "--kv-server", f"{COMMAND} | tee x")


@pytest.mark.slow
def test_command_in_the_ini_file(lab: Lab) -> None:
    """On two processes as well: each reads the command itself."""
    lab.pytester.makeini(f"[pytest]\nkv_server = {COMMAND} -np 4\n")
    result = lab.grid(*PAIR, "-n", "1")
    assert DONE == matched(result)
    assert "kv-grid: your command, changed: -np 4: one slot keeps the prompt cache" in result.outlines
