"""--kv-server PATH|embedded."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from .lab import matched

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from .lab import Lab

PAIR = ("--kv-pairs", "q8_0/q4_0")
DONE = {("q8_0", "q4_0"): "20.00"}
BINARY = shutil.which("llama-server")


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


def test_no_such_server(lab: Lab) -> None:
    """A path where nothing is, is a usage error with the path."""
    assert "no server at 'gone/llama-server'" in lab.refused(*PAIR, "--kv-server", "gone/llama-server")


def test_other_program(lab: Lab) -> None:
    """A program that is not llama-server is a usage error: it is asked for --help, and never for more."""
    other = lab.write("other", f"#!{sys.executable}\nprint('usage: other')\n")
    other.chmod(0o755)
    assert f"{other} is not a llama-server" in lab.refused(*PAIR, "--kv-server", str(other))


@pytest.mark.skipif(BINARY is None, reason="no llama-server on PATH")
def test_binary(lab: Lab) -> None:
    """The llama-server on PATH is the default, and recalls what the embedded one does."""
    assert DONE == matched(lab.grid(*PAIR))
    assert BINARY == lab.about()["server"]
    (row, _) = lab.rows()
    assert ("q8_0", "q4_0", "enabled") == (row["log_ctk"], row["log_ctv"], row["flash_attn"])
