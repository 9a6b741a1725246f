"""What answers are made with: the contents of files that only a fixture's arguments name."""

from __future__ import annotations

from pathlib import Path

from pytest_codeneedle.hashes import FileHashes
from pytest_codeneedle.kvtypes import KVPair
from pytest_codeneedle.made_with import added_args
from pytest_codeneedle.program import ServerArgs, ServerProgram

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


def test_the_sessions_own_words_are_in_its_identity(tmp_path: Path) -> None:
    """Nothing of their files is repeated in each row, and where nothing was added there is nothing to say."""
    own = tmp_path / "own.gguf"
    own.write_bytes(b"own")
    args = ServerArgs(PROGRAM, Path("m"), KVPair("f16", "f16"), 512, None, ("--lora", str(own)))
    hashes = FileHashes(tmp_path / "cache")

    assert args.added == added_args(args, hashes)
    assert "" == added_args(ServerArgs(PROGRAM, Path("m"), KVPair("f16", "f16"), 512), hashes)
