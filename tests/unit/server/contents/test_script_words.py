"""What a script adds to a server's command: folders as /proc has them, and a process that a script has started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.server.contents.script_words import ScriptWords, script_words
from pytest_codeneedle.server.leftovers import Traces, listening
from pytest_codeneedle.server.process import free_port

GIVEN = ["/s/pos.sh", "la", "-m", "m.gguf", "-ngl", "99", "--port", "80"]
ENVIRONMENT = {"LLAMA_API_KEY": "hush", "GGML_X": "1"}


def shown(folder: Path, *words: str, **environment: str) -> ScriptWords:
    """How a process with these words and variables differs; the first two of what was given start the server."""
    folder.mkdir(exist_ok=True)
    (folder / "cmdline").write_bytes("".join(f"{word}\0" for word in words).encode())
    pairs = {**ENVIRONMENT, **environment}.items()
    (folder / "environ").write_bytes("".join(f"{name}={value}\0" for name, value in pairs).encode())
    return script_words(folder, GIVEN, 2, ENVIRONMENT)


@pytest.mark.parametrize(
    ("words", "added", "lost"),
    [
        (GIVEN, (), ()),
        (["bash", *GIVEN], (), ()),
        (["llama-server", *GIVEN[2:]], (), ()),
        (["python3", "-P", "-m", "pytest_codeneedle.embedded", *GIVEN[2:]], (), ()),
        (["llama-server", *GIVEN[2:], "--spec-type", "ngram-mod"], ("--spec-type", "ngram-mod"), ()),
        (["llama-server", "--lora", "x", *GIVEN[2:]], ("--lora", "x"), ()),
        (["llama-server", *GIVEN[2:4], "-ngl", "0", *GIVEN[6:]], ("0",), ("99",)),
        ([], (), ()),
    ],
)
def test_words_that_differ(tmp_path: Path, words: list[str], added: tuple[str, ...], lost: tuple[str, ...]) -> None:
    """Those at the end, at the beginning, in between; what starts the server is none of them."""
    found = shown(tmp_path, *words)

    assert (added, lost, ()) == (found.added, found.lost, found.variables)


def test_variables_that_differ(tmp_path: Path) -> None:
    """Of llama.cpp's those that are others than were given; no secret is shown, and a file is named without folder."""
    lora = tmp_path / "lo.gguf"
    lora.touch()
    environment = {"GGML_X": "2", "HOME": "/", "LLAMA_ARG_LORA": str(lora), "LLAMA_ARG_HF_TOKEN": "hush"}
    found = shown(tmp_path / "1", *GIVEN, "--control-vector", str(lora), **environment)

    assert {
        "script adds": ["--control-vector", "lo.gguf"],
        "script sets": ["GGML_X=2", "LLAMA_ARG_HF_TOKEN=***", f"LLAMA_ARG_LORA={lora}"],
    } == found.parts
    assert {"--control-vector lo.gguf": lora, "LLAMA_ARG_LORA lo.gguf": lora} == found.files
    assert {} == ScriptWords().parts


@pytest.mark.parametrize(
    ("words", "environment", "named"),
    [
        (["--spec-type", "ngram-mod"], {}, "--spec-type ngram-mod"),
        (["-md", "d.gguf"], {}, "-md d.gguf"),
        ([], {"LLAMA_ARG_SPEC_TYPE": "ngram-mod"}, "LLAMA_ARG_SPEC_TYPE=ngram-mod"),
    ],
)
def test_speculation_is_refused(tmp_path: Path, words: list[str], environment: dict[str, str], named: str) -> None:
    """It is named, with the way out."""
    found = shown(tmp_path, "llama-server", *GIVEN[2:], *words, **environment)

    with pytest.raises(ConfigurationError, match=f"^--kv-server: the server's own command has {named}: .* the script"):
        found.refuse_speculation()
    shown(tmp_path, *GIVEN, "--spec-type", "none", "-ngl", "9").refuse_speculation()


def test_a_process_that_is_not_there(tmp_path: Path) -> None:
    """Nothing is known of it, and nothing is said."""
    assert ScriptWords() == script_words(None, GIVEN, 1, {}) == script_words(tmp_path / "gone", GIVEN, 1, {})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no /proc")
def test_what_a_script_has_started(tmp_path: Path) -> None:
    """The process that listens is looked at, behind a script that stays and adds a word and a variable."""
    program = "import socket, sys, time\nwith socket.create_server(('127.0.0.1', int(sys.argv[1]))):\n    "
    program += "print(flush=True)\n    time.sleep(99)"
    script = tmp_path / "start.sh"
    script.write_text(
        f'#!/bin/sh\nexport LLAMA_ARG_TOP_K=3\n"{sys.executable}" -S -c "$P" "$@" --top-p 1\nexit 3\n', encoding="ascii"
    )
    traces = Traces.new(free_port())
    given, environment = ["sh", str(script), str(traces.port)], {"P": program, **traces.environment}
    process = subprocess.Popen(given, env=environment, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        server = traces.server(listening(traces.port))
        assert server != Path(f"/proc/{process.pid}")
        found = script_words(server, given, 2, environment)
        assert ("--top-p", "1") == found.added[-2:]
        assert (("LLAMA_ARG_TOP_K", "3"),) == found.variables
    finally:
        traces.end(set())
        process.communicate()


def test_files_from_where_the_server_is(tmp_path: Path) -> None:
    """A script goes to its own folder first; the names are from there."""
    place = tmp_path / "place"
    place.mkdir()
    (place / "t.jinja").write_text("{{ x }}", encoding="ascii")
    (tmp_path / "process").mkdir()
    (tmp_path / "process" / "cwd").symlink_to(place)
    words = ("llama-server", *GIVEN[2:], "--chat-template-file", "t.jinja")
    found = shown(tmp_path / "process", *words, LLAMA_ARG_GRAMMAR_FILE="t.jinja")

    labels = ["--chat-template-file t.jinja", "LLAMA_ARG_GRAMMAR_FILE t.jinja"]
    assert dict.fromkeys(labels, place / "t.jinja") == found.files
