"""Models: what can be known of one before any server starts."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from pytest_codeneedle.core.errors import ModelError
from pytest_codeneedle.corpus.corpus import load_corpus
from pytest_codeneedle.server.model import DEFAULT_MODEL, Model, file_mib


def test_a_gguf_file_is_a_model(tmp_path: Path) -> None:
    """Its path counts from where pytest was started; its name is that of the file without the suffix."""
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / "qwen.n4_0.gguf"
    path.write_bytes(b"GGUF\3\0\0\0")
    model = Model("models/qwen.n4_0.gguf")
    model.check(tmp_path)

    assert ("qwen.n4_0", False) == (model.name, model.is_control)
    assert path.resolve() == model.file(tmp_path, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    Model(str(path)).check(Path("/"))


def test_a_link_is_given_to_the_server_as_it_is(tmp_path: Path) -> None:
    """llama.cpp finds the other parts of a split model beside it, by its name."""
    (tmp_path / "blob").write_bytes(b"GGUF")
    (tmp_path / "m-00001-of-00002.gguf").symlink_to("blob")

    assert tmp_path / "m-00001-of-00002.gguf" == Model("m-00001-of-00002.gguf").file(tmp_path, tmp_path / "cache")


def test_a_model_in_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ini file is read by no shell: `~` is known here."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    Model("~/m.gguf").check(Path("/"))

    assert (tmp_path / "m.gguf").resolve() == Model("~/m.gguf").file(Path("/"), tmp_path)


@pytest.mark.parametrize(
    ("name", "what"), [("none.gguf", "is not there"), (".", "is a folder"), ("loop", "is a link to nothing")]
)
def test_a_model_that_is_not_there_is_named(tmp_path: Path, name: str, what: str) -> None:
    """The whole path, what is wrong with it, and how to name another."""
    (tmp_path / "loop").symlink_to("loop")
    reason = f"model file {tmp_path / name} {what}; name a GGUF file with --kv-model PATH, or {DEFAULT_MODEL}"

    with pytest.raises(ModelError, match=f"^{re.escape(reason)}$"):
        Model(name).check(tmp_path)


@pytest.mark.parametrize("content", [b"", b"GGU", b"ggml model", b"PK\3\4"])
def test_a_file_that_is_not_gguf_is_told_by_its_beginning(tmp_path: Path, content: bytes) -> None:
    """The first four bytes decide, and are shown."""
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    reason = f"model file {path} is not GGUF (it begins with {content[:4]!r}); convert it, or name another"

    with pytest.raises(ModelError, match=f"^{re.escape(reason)}$"):
        Model("m.gguf").check(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's reason. The refusal is a fake: root, who runs tests in containers, may read all."""

    def refuse(*_args: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "m.gguf"
    path.touch()
    monkeypatch.setattr("pytest_codeneedle.core.regular_files.os.open", refuse)

    with pytest.raises(ModelError, match=f"^model file {re.escape(str(path))} cannot be read: Permission denied$"):
        Model("m.gguf").check(tmp_path)


def test_the_default_model_is_the_control_model(tmp_path: Path) -> None:
    """It needs no file to be checked, and its name suits a folder."""
    model = Model(DEFAULT_MODEL)
    model.check(tmp_path)

    assert (True, "control-robust") == (model.is_control, model.name)


def test_the_control_model_is_written_once(tmp_path: Path) -> None:
    """The first use writes it into the cache, the next finds it there."""
    first = Model(DEFAULT_MODEL).file(tmp_path, tmp_path / "cache")
    written = first.stat().st_mtime_ns

    assert tmp_path / "cache" == first.parent
    assert b"GGUF" == first.read_bytes()[:4]
    assert first == Model(DEFAULT_MODEL).file(tmp_path, tmp_path / "cache")
    assert written == first.stat().st_mtime_ns


@pytest.mark.parametrize("given", ["control:", "control:fragile", "control:Robust"])
def test_an_unknown_control_model_is_named_with_those_there_are(tmp_path: Path, given: str) -> None:
    """When it is checked, and when its file is asked for."""
    known = "control:robust, control:fragile-k, control:fragile-v"
    reason = f"^{re.escape(given)}: no such control model; there are {known}$"

    with pytest.raises(ModelError, match=reason):
        Model(given).check(tmp_path)
    with pytest.raises(ModelError, match=reason):
        Model(given).file(tmp_path, tmp_path)


def test_real_code_wants_a_real_model(tmp_path: Path) -> None:
    """The message says all three ways to name one."""
    corpus = load_corpus("http_server", tmp_path)
    reason = (
        "corpus 'http_server' is real code, which the control:robust model cannot copy: name a model with "
        "--kv-model PATH, the ini key kv_model or the environment variable CODENEEDLE_MODEL"
    )

    with pytest.raises(ModelError, match=f"^{re.escape(reason)}$"):
        Model(DEFAULT_MODEL).check_copies(corpus)


def test_what_can_be_copied_is_not_refused(tmp_path: Path) -> None:
    """A GGUF file may be asked for anything, the control model for generated code."""
    corpus = load_corpus("http_server", tmp_path)
    Model("some.gguf").check_copies(corpus)
    Model(DEFAULT_MODEL).check_copies(dataclasses.replace(corpus, generated=True))


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("unsloth/Qwen3-30B-A3B-GGUF:Q4_K_M", "unsloth-Qwen3-30B-A3B-GGUF-Q4_K_M"),
        ("https://host/models/a.gguf", "https-host-models-a.gguf"),
        ("../..:x", "x"),
        ("control:robust", "control-robust"),
    ],
)
def test_a_model_that_the_server_fetches(tmp_path: Path, given: str, name: str) -> None:
    """Nothing is known of it but its name, which is made fit for a folder; it may be asked for real code."""
    model = Model(given, remote=True)
    model.check(tmp_path)
    model.check_copies(load_corpus("http_server", tmp_path))

    assert (name, False) == (model.name, model.is_control)
    assert model.file(tmp_path, tmp_path / "cache") is None


def test_all_parts_of_a_split_file_count(tmp_path: Path) -> None:
    """A model in parts is named by its first one; other models beside it are not counted."""
    sizes = {
        "big[1]-00001-of-00002.gguf": 2,
        "big[1]-00002-of-00002.gguf": 1,
        "big1-00002-of-00002.gguf": 8,
        "a.gguf": 4,
    }
    for name, mib in sizes.items():
        (tmp_path / name).write_bytes(bytes(mib * 2**20))

    assert 3.0 == file_mib(tmp_path / "big[1]-00001-of-00002.gguf")
    assert 4.0 == file_mib(tmp_path / "a.gguf")
    assert file_mib(tmp_path / "fetched.gguf") is None
