"""--kv-model PATH|control:robust, and the environment variable CODENEEDLE_MODEL."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.machine import cache_folder
from pytest_codeneedle.server.control_model.model import Control

from .lab import matched

if TYPE_CHECKING:
    from .lab import Lab

PAIR = ("--kv-pairs", "q8_0/q4_0", "--corpus", "tiny")
DONE = {("q8_0", "q4_0"): "20.00"}


def test_missing(lab: Lab) -> None:
    """A model file that is not there is a usage error with its path and the way out."""
    message = lab.refused(*PAIR, "--kv-model", "gone.gguf")
    assert f"model file {lab.path / 'gone.gguf'} is not there" in message
    assert "--kv-model PATH" in message


def test_not_gguf(lab: Lab) -> None:
    """A model file that is not GGUF is a usage error that says how it begins."""
    lab.write("model.bin", "PK34 something else")
    message = lab.refused(*PAIR, "--kv-model", "model.bin")
    assert "is not GGUF (it begins with b'PK34')" in message


def test_folder(lab: Lab) -> None:
    """A folder is no model."""
    assert "is a folder; name a GGUF file with --kv-model PATH" in lab.refused(*PAIR, "--kv-model", ".")


def test_unknown_control(lab: Lab) -> None:
    """A control model that does not exist is a usage error that names the one that does."""
    message = lab.refused(*PAIR, "--kv-model", "control:perfect")
    assert "control:perfect: no such control model" in message
    assert "control:robust" in message


@pytest.mark.slow
def test_gguf_by_path(lab: Lab) -> None:
    """A GGUF file is found from where the command was given; run.json has its hash and the folder its name."""
    lab.pytester.makeini("[pytest]\n")
    Control().write(lab.path / "own.gguf")
    result = lab.grid(*PAIR, "--kv-model", "own.gguf", corpus=None)
    assert DONE == matched(result)
    about = lab.about()
    assert str(lab.path / "own.gguf") == about["model_file"]
    assert hashlib.sha256((lab.path / "own.gguf").read_bytes()).hexdigest() == about["model_sha256"]
    assert lab.folder.name.startswith("tiny__own__")


def test_variable(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """CODENEEDLE_MODEL names a model; the option wins over it, and it wins over the ini file."""
    monkeypatch.setenv("CODENEEDLE_MODEL", "from-variable.gguf")
    lab.pytester.makeini("[pytest]\nkv_model = from-ini.gguf\n")
    assert "from-variable.gguf is not there" in lab.refused(*PAIR)
    assert "from-option.gguf is not there" in lab.refused(*PAIR, "--kv-model", "from-option.gguf")
    monkeypatch.delenv("CODENEEDLE_MODEL")
    assert "from-ini.gguf is not there" in lab.refused(*PAIR)


@pytest.mark.slow
def test_cache(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control model is written into the user's cache folder once, and read from there from then on."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(lab.path / "cache"))
    assert DONE == matched(lab.grid(*PAIR, "--kv-out", "first", corpus=None))
    (model,) = cache_folder().glob("*.gguf")
    before = model.stat()
    assert DONE == matched(lab.grid(*PAIR, "--kv-out", "second", corpus=None))
    after = model.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert [model] == list(cache_folder().glob("*.gguf*"))


def test_cache_that_cannot_be_written(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cache folder cannot be made it is a usage error that says which variable moves it."""
    lab.write("file", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(lab.path / "file"))
    message = lab.refused(*PAIR)
    assert "the control model cannot be written" in message
    assert "XDG_CACHE_HOME" in message


PROFILE = """
name = "my model"
path = "gguf/own.gguf"
think = "no-think"
stop = ["END"]
max_tokens = 333
relax_indent = false
server_args = "-b 256"
"""


def profile(lab: Lab, text: str = PROFILE) -> None:
    """The profile `mine`, and its model."""
    lab.write("models/mine.toml", text)
    (lab.path / "gguf").mkdir()
    Control().write(lab.path / "gguf" / "own.gguf")


@pytest.mark.slow
def test_profile_says_it_all(lab: Lab) -> None:
    """`--kv-model NAME` takes the file, the arguments, and how the model wants to be asked."""
    profile(lab)
    result = lab.grid(*PAIR, "--kv-model", "mine", corpus=None)
    assert DONE == matched(result)
    about = lab.about()
    assert str(lab.path / "gguf" / "own.gguf") == about["model_file"]
    assert ("my-model", "no-think", ["END"], 333, False) == tuple(
        about[key] for key in ("model_name", "thinking", "stop", "max_tokens", "relax_indent")
    )
    assert {333} == set(about["budgets"].values())
    assert ["-b", "256"] == about["server_args"]
    assert lab.folder.name.startswith("tiny__my-model__")
    assert "kv-grid: thinking: asked off, by /no_think at the end of the task" in result.outlines


@pytest.mark.slow
def test_command_line_wins_over_a_profile_and_that_over_the_ini_file(lab: Lab) -> None:
    """The profile is about the model; the ini file is about the project."""
    profile(lab)
    lab.pytester.makeini("[pytest]\nkv_think = prefill\nkv_relax_indent = true\nkv_model = mine\n")
    assert DONE == matched(lab.grid(*PAIR, "--kv-think", "auto", "--kv-server-args=-ub 128", corpus=None))
    about = lab.about()
    assert ("auto", False, ["-b", "256", "-ub", "128"]) == (
        about["think"],
        about["relax_indent"],
        about["server_args"],
    )


def test_profile_without_a_file(lab: Lab) -> None:
    """It needs one, unless the server is a running endpoint or its command names a model."""
    profile(lab, 'name = "bare"\n')
    assert "model profile 'bare' names no file: add path" in lab.refused(*PAIR, "--kv-model", "mine")


def test_profiles_are_named_where_a_file_is_not_there(lab: Lab) -> None:
    """One may have been meant."""
    profile(lab)
    assert "name a GGUF file with --kv-model PATH, or mine, control:robust" in lab.refused(*PAIR, "--kv-model", "main")


def test_mistake_in_a_profile(lab: Lab) -> None:
    """A usage error that names the file."""
    profile(lab, "max_tokens = 'many'\n")
    message = lab.refused(*PAIR, "--kv-model", "mine")
    assert "models/mine.toml: max_tokens = 'many' is not a whole number of 1 or more" in message
