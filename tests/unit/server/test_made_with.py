"""What answers are made with: the contents of files that only a fixture's arguments name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.server.contents.hashes import FileHashes
from pytest_codeneedle.server.made_with import added_args, ingredients, seen_before
from pytest_codeneedle.server.program import ServerArgs, ServerProgram

if TYPE_CHECKING:
    import pytest

PROGRAM = ServerProgram(("/bin/llama-server",), "llama-server", ())


def test_a_file_that_a_fixture_adds_counts_by_its_content(tmp_path: Path) -> None:
    """Under the same name another content is another argument; no folder is in what is said of it."""
    lora = tmp_path / "a.gguf"
    args = ServerArgs(PROGRAM, Path("m"), KVPair("f16", "f16"), 512, None, ("-ngl", "9"))
    fixture = args.with_extra("--lora", str(lora))
    hashes = FileHashes(tmp_path / "cache")

    lora.write_bytes(b"one")
    first = added_args(fixture, hashes)
    lora.write_bytes(b"two")
    assert first.startswith(f"-ngl 9 --lora {lora} [--lora a.gguf: sha256 ")
    assert first != added_args(fixture, hashes)


def test_files_that_a_wrappers_words_name(tmp_path: Path) -> None:
    """Variables behind options of `env`, words that stand alone; the program itself is among the programs."""
    script, lora, other = tmp_path / "pos.sh", tmp_path / "a.gguf", tmp_path / "b.gguf"
    script.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    script.chmod(0o700)
    for path in (lora, other):
        path.touch()
    words = ("/usr/bin/env", "-u", "X", f"LLAMA_ARG_LORA={lora}", str(script), str(other))
    program = ServerProgram(words, "pos.sh", (), environment=(("LLAMA_ARG_MMPROJ", str(other)),))
    made_of = ingredients(program, (), None)

    assert {"-u b.gguf": other, "LLAMA_ARG_LORA a.gguf": lora, "LLAMA_ARG_MMPROJ b.gguf": other} == made_of.files
    assert {"server pos.sh": script} == made_of.program
    assert {"LLAMA_ARG_LORA": str(lora), "LLAMA_ARG_MMPROJ": str(other)} == program.variables


def test_what_a_script_adds_is_asked_again(tmp_path: Path) -> None:
    """The files that were loaded are what they were, and only a running server shows the words."""
    devices = {"devices": ["GPU"]}
    hashes = FileHashes(tmp_path)

    assert seen_before({"identity": {"loaded": devices}}, hashes).whole
    assert not seen_before({"identity": {"loaded": {**devices, "script adds": ["--top-p", "1"]}}}, hashes).whole


def test_the_sessions_own_words_are_in_its_identity(tmp_path: Path) -> None:
    """Nothing of their files is repeated in each row, and where nothing was added there is nothing to say."""
    own = tmp_path / "own.gguf"
    own.write_bytes(b"own")
    args = ServerArgs(PROGRAM, Path("m"), KVPair("f16", "f16"), 512, None, ("--lora", str(own)))
    hashes = FileHashes(tmp_path / "cache")

    assert args.added == added_args(args, hashes)
    assert "" == added_args(ServerArgs(PROGRAM, Path("m"), KVPair("f16", "f16"), 512), hashes)


def test_a_library_that_goes_before_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader reads it from the environment, and no flag names it."""
    library = tmp_path / "libfaster.so"
    library.touch()
    monkeypatch.setenv("LD_PRELOAD", f"{tmp_path}/none.so:{library}")

    assert {"LD_PRELOAD libfaster.so": library} == ingredients(PROGRAM, (), None).files
