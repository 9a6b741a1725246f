"""Commands as people paste them: taken where it is clear what is meant, else named with the way out."""

from __future__ import annotations

import re

import pytest

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.server.command.given_args import parse_server_args
from pytest_codeneedle.server.command.pasted import argument_words, command_words, refuse_elsewhere
from pytest_codeneedle.server.command.user_command import looks_like_command, parse_command

WORDS = ["llama-server", "-m", "m.gguf", "-c", "8192"]


@pytest.mark.parametrize(
    "text",
    [
        "llama-server \\\n  -m m.gguf \\\n  -c 8192",
        "llama-server \\  \n  -m m.gguf \\\r\n  -c 8192 \\\n",
        "llama-server ^\n -m m.gguf ^\r\n -c 8192 ^",
        "llama-server `\n -m m.gguf `\n -c 8192 `\n",
        "llama-server\u00a0-m\u202fm.gguf \u200b-c 8192\ufeff",
    ],
)
def test_lines_of_any_shell_go_on(text: str) -> None:
    """Whatever stands at their ends; spaces of a web page are spaces, and what is not seen is not there."""
    assert WORDS == command_words(text)


def test_spaces_of_a_web_page_make_a_command() -> None:
    """They part words before anything is looked at."""
    assert looks_like_command("llama-server\u00a0-m\u00a0m.gguf")


@pytest.mark.parametrize("name", ["-c", "--ctx-size"])
def test_a_value_behind_a_sign(name: str) -> None:
    """Not llama.cpp's own form, and clear."""
    command = parse_command(f"llama-server -m=m.gguf {name}=8192 -ngl=99")

    assert ("m.gguf", 8192, ("-ngl", "99")) == (command.model, command.n_ctx, command.arguments)


@pytest.mark.parametrize("value", ["'a ^\nb'", '"a `\nb"', "'\u2013m'", "'# a'", "'\u00a0'", "'C:\\m'", '"C:\\m"'])
def test_what_stands_in_quotes_stays_as_it_is(value: str) -> None:
    """It is a value."""
    assert ["llama-server", "-x", value[1:-1]] == command_words(f"llama-server -x {value}")


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("llama-server \u2013m m.gguf", "'\u2013m' begins with a dash that a web page has changed; write -m"),
        ("llama-server \u2014ctx-size 8192", "write --ctx-size"),
        ("llama-server \u2013\u2013ctx-size 8192", "write --ctx-size"),
        ("llama-server -\u2013ctx-size 8192", "write --ctx-size"),
        ("llama-server \u2013-ctx-size 8192", "write --ctx-size"),
        ("llama-server --ctx\u2013size 8192", "has a dash that a web page has changed; write --ctx-size"),
        ("llama-server -m m.gguf -c 32k", "'32k' is not a whole number; did you mean 32768?"),
        ("llama-server -m m.gguf -c 8,192", "did you mean 8192?"),
        ("llama-server -m m.gguf -c 1.5k", "did you mean 1536?"),
        ("[Service]\nExecStart=/usr/bin/llama-server -m m.gguf", "'[Service]' belongs to the file"),
        ("models:\n  mine:\n    cmd: llama-server", "'models:' belongs to the file"),
        ("services:\n  llm:\n    image: ghcr.io/x\n    command: -m m.gguf", "a container has ports, paths and a log"),
        ("- llama-server -m m.gguf", "'-' belongs to the file"),
        ("LM Studio", "lm is no llama-server"),
        ("llama-server \u2212ngl 99", "write -ngl"),
        ("llama-server -a \u201cmy model\u201d", "quotes that a web page has changed; write ' or \""),
        ("llama-server -m C:\\models\\m.gguf", "a path of Windows wants / or quotes: C:/models/m.gguf"),
        ("llama-server -m models\\m.gguf", "a path of Windows wants / or quotes: models/m.gguf"),
        (".\\llama-server.exe -m m.gguf", "a path of Windows wants / or quotes: ./llama-server.exe"),
        ("llama-server -ot blk\\d=CPU", "put it in quotes: 'blk\\d=CPU'"),
        ("llama-server -m m.gguf \\\n  # -ngl 99 \\\n -c 8192", "'#' begins a comment, with which a shell would end"),
        ("llama-server -m m.gguf #fast", "'#fast' begins a comment"),
        ("llama-server -m %MODEL%", "'%MODEL%' is for one"),
        ("$ llama-server -m m.gguf", "'$' is a shell's prompt"),
        ("% llama-server -m m.gguf", "'%' is a shell's prompt"),
        ("me@host:~$ llama-server -m m.gguf", "'me@host:~$' is a shell's prompt"),
        ("PS C:\\> llama-server.exe -m m.gguf", "'PS' is a shell's prompt"),
        ("C:\\llama> llama-server.exe -m m.gguf", "is a shell's prompt"),
        ("ExecStart=/usr/bin/llama-server -m m.gguf", "'ExecStart=' belongs to the file"),
        ("cmd: llama-server -m m.gguf", "'cmd:' belongs to the file"),
        ("exec llama-server -m m.gguf", "'exec' is a word of the shell's own"),
        ("export A=b", "'export' is a word of the shell's own"),
        ("A=b cd x", "'cd' is a word of the shell's own"),
        ("(venv) $ llama-server -m m.gguf", "'(venv)' is a shell's prompt"),
        ("PS> llama-server -m m.gguf", "'PS>' is a shell's prompt"),
        ('CMD ["llama-server", "-m", "m.gguf"]', "is a list as container files have it; write its words with spaces"),
        ('["llama-server","-m","m.gguf"]', "is a list as container files have it"),
        ("llama-server -m m.gguf ...", "'...' stands for arguments and is none"),
        ("llama-server -m m.gguf // all layers", "'//' stands for arguments and is none"),
        ("llama-server [-fa] -m m.gguf", "'[-fa]' stands for arguments and is none"),
        ("bash -lc 'llama-server -m m.gguf'", "bash -lc hides a command"),
        ("env -S 'llama-server -m m.gguf'", "env -S hides a command"),
    ],
)
def test_what_cannot_be_taken_is_named(text: str, way: str) -> None:
    """With what to write instead."""
    with pytest.raises(ConfigurationError, match=rf"^--kv-server: .*{re.escape(way)}"):
        parse_command(text)


@pytest.mark.parametrize("place", ["server arguments", "models/a.toml"])
def test_arguments_are_read_in_the_same_way(place: str) -> None:
    """Those of --kv-server-args and of a profile."""
    assert ["-ngl", "99", "-ot", "blk$=CPU"] == argument_words("-ngl 99 ^\n -ot blk$=CPU", place)
    with pytest.raises(ConfigurationError, match=rf"^{place}: '\u2013ngl' begins with a dash"):
        argument_words("\u2013ngl 99", place)
    with pytest.raises(ConfigurationError, match=r"^server arguments: a shell would take the backslashes out of"):
        parse_server_args("--lora C:\\lora.gguf")


@pytest.mark.parametrize(
    ("program", "rest", "way"),
    [
        (["docker"], [], "--kv-server http://127.0.0.1:8080 measures one cell, as served; another start with another"),
        (["/usr/bin/docker", "compose", "up"], [], "docker has ports"),
        (["wsl.exe", "llama-server"], [], "wsl has ports"),
        (["srun", "llama-server"], [], "srun has ports"),
        (["systemctl", "start", "llama"], [], "systemctl starts is no process of this run"),
        (["tmux", "new", "llama-server"], [], "give the command that it starts, or start it as you do"),
        (["llama-swap"], ["--config", "x"], "llama-swap is no llama-server"),
        (["ollama", "serve"], [], "give its URL: --kv-server http://127.0.0.1:8080"),
        (["vllm", "serve", "org/model"], [], "vllm is no llama-server"),
        (["python3"], ["-m", "llama_cpp.server"], "llama_cpp.server is no llama-server"),
        (["python3"], ["-m", "vllm.entrypoints.openai.api_server"], "give its URL"),
        (["llama-cli"], ["-m", "x"], "llama-cli answers no requests; give the llama-server of the same build"),
        (["cmd.exe"], ["/c", "llama-server -m x"], "cmd /c hides a command"),
    ],
)
def test_a_server_that_the_grid_cannot_start(program: list[str], rest: list[str], way: str) -> None:
    """The message says what to give: most of them can be measured as they are served."""
    with pytest.raises(ConfigurationError, match=rf"^--kv-server: .*{re.escape(way)}"):
        refuse_elsewhere(program, rest)


@pytest.mark.parametrize(
    ("program", "rest"),
    [(["./docker-llama"], []), (["python3"], ["-m", "mine"]), (["bash", "start.sh"], []), (["llama-server-cli"], [])],
)
def test_other_programs_are_taken(program: list[str], rest: list[str]) -> None:
    """A name that begins alike is another."""
    refuse_elsewhere(program, rest)
