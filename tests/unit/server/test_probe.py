"""What a build's --help and --version say. The texts are what builds of these times print, cut to the arguments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.errors import ServerNotFoundError
from pytest_codeneedle.server.probe import Known, ask_devices, ask_help, ask_version, known_arguments, knows

if TYPE_CHECKING:
    from pathlib import Path

PINNED = ("--cache-ram", "0", "--fit", "off", "--no-warmup", "--offline")
OF_2026 = """
-fa,   --flash-attn [on|off|auto]       set Flash Attention use ('on', 'off', or 'auto', default: 'auto')
                                        (env: LLAMA_ARG_FLASH_ATTN)
-ctk,  --cache-type-k TYPE              KV cache data type for K
-fit,  --fit [on|off]                   whether to adjust unset arguments to fit in device memory
-fitt, --fit-target MiB0,MiB1,MiB2,...
--offline                               Offline mode: forces use of cache, prevents network access
-lv,   --verbosity, --log-verbosity N   Set the verbosity threshold. Messages with a higher verbosity will be
                                        ignored. Values:
                                         - 0: generic output
                                         - 1: error
                                         - 2: warning
                                         - 3: info
                                         - 4: trace (more info)
                                         - 5: debug
                                        (default: 3)

                                        (env: LLAMA_ARG_LOG_VERBOSITY)
-cram, --cache-ram N                    set the maximum cache size in MiB (default: 8192, -1 - no limit, 0 -
                                        disable)
--warmup, --no-warmup                   whether to perform warmup with an empty run (default: enabled)
"""
OF_2025 = """
-fa,   --flash-attn [on|off|auto]       set Flash Attention use ('on', 'off', or 'auto', default: 'auto')
-ctk,  --cache-type-k TYPE              KV cache data type for K
--offline                               Offline mode: forces use of cache, prevents network access
-lv,   --verbosity, --log-verbosity N   Set the verbosity threshold. Messages with a higher verbosity will be
                                        ignored. Values:
                                         - 0: generic output
                                         - 1: error
                                         - 2: warning
                                         - 3: info
                                         - 4: debug
                                        (default: 3)
--cache-ram, -cram N                    set the maximum cache size in MiB
--no-warmup                             skip warming up the model with an empty run
"""
BEFORE = """
-fa,   --flash-attn                     enable Flash Attention (default: disabled)
                                        (env: LLAMA_ARG_FLASH_ATTN)
-ctk,  --cache-type-k TYPE              KV cache data type for K
-lv,   --verbosity, --log-verbosity N   Set the verbosity threshold. Messages with a higher verbosity will be
                                        ignored.
                                        (env: LLAMA_LOG_VERBOSITY)
"""
ALL_LEFT_OUT = ("--cache-ram", "--fit", "--no-warmup", "--offline")


@pytest.mark.parametrize(
    ("said", "known"),
    [
        (OF_2026, Known(("-fa", "on"), ("-lv", "4"), PINNED, ())),
        (
            OF_2025,
            Known(("-fa", "on"), ("-lv", "3"), ("--cache-ram", "0", "--no-warmup", "--offline"), ("--fit",)),
        ),
        (BEFORE, Known(("-fa",), ("-lv", "0"), (), ALL_LEFT_OUT)),
        ("-ctk, --cache-type-k TYPE", Known((), (), (), ("-fa", "-lv", *ALL_LEFT_OUT))),
        ("--flash-attn\n--log-verbosity N", Known(("-fa",), ("-lv", "4"), (), ALL_LEFT_OUT)),
        ("--flash-attn\x1b[0m  enable\n", Known(("-fa",), (), (), ("-lv", *ALL_LEFT_OUT))),
        ("--flash-attn {on,off,auto}\n", Known(("-fa", "on"), (), (), ("-lv", *ALL_LEFT_OUT))),
    ],
    ids=["2026", "2025", "before", "nothing", "switch", "colour", "value"],
)
def test_each_build_is_asked_in_its_own_words(said: str, known: Known) -> None:
    """Flash attention as a switch or with a value, the log's level by its names, the rest where it is there."""
    assert known == known_arguments(said)


def test_what_is_not_wanted_is_not_left_out_either() -> None:
    """A command that leaves --fit to llama.cpp is not told that it is missing."""
    assert ("--cache-ram", "0", "--no-warmup") == known_arguments(OF_2026, ["--fit", "--offline"]).optional
    assert () == known_arguments(OF_2026, ["--fit", "--offline"]).left_out
    assert ("--cache-ram", "--no-warmup", "--offline") == known_arguments(BEFORE, ["--fit"]).left_out


@pytest.mark.parametrize(
    ("said", "there"),
    [
        ("--fit [on|off]", True),
        ("-fit, --fit", True),
        ("(--fit)", True),
        ("\x1b[1;36m--fit\x1b[0m \x1b[33m{on,off}", True),
        ("--fit-target N", False),
        ("--no--fit", False),
        ("", False),
    ],
)
def test_an_argument_is_known_by_its_whole_name(said: str, there: bool) -> None:
    """Not as a part of another."""
    assert there == knows(said, "--fit")


def program(folder: Path, body: str) -> list[str]:
    """A fake server: a shell script. It has to fail where a real one does not."""
    path = folder / "server"
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return [str(path)]


@pytest.mark.parametrize(
    ("body", "version"),
    [
        ("echo 'version: 7345 (abcdef12)'; echo 'built with GNU 12.2.0 for Linux x86_64'", "7345 (abcdef12)"),
        (
            "echo loading >&2; echo 'version: 0.5.0-dev (build 0, commit unknown)' >&2",
            "0.5.0-dev (build 0, commit unknown)",
        ),
        ("printf 'version: 1 (a) \\r\\n'; exit 1", "1 (a)"),
        ("echo 'version: '", None),
        ("echo 'my version: 5'", None),
        ("echo 'error: invalid argument: --version' >&2; exit 1", None),
    ],
)
def test_the_version_is_what_stands_after_that_word(tmp_path: Path, body: str, version: str | None) -> None:
    """On either output, whatever is printed before it; a program that prints no such line has none."""
    assert version == ask_version(program(tmp_path, f'[ "$*" = --version ] || exit 9\n{body}'))


def test_a_program_that_cannot_be_asked_has_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is gone, or it hangs: the run will tell."""
    monkeypatch.setattr("pytest_codeneedle.server.probe._SECONDS", 0.2)

    assert ask_version([str(tmp_path / "gone")]) is None
    assert ask_version(program(tmp_path, "exec sleep 60")) is None


def test_a_program_that_never_stops_talking_is_heard_to_a_point(tmp_path: Path) -> None:
    """What it says at its beginning counts; neither memory nor a minute is taken by the rest."""
    server = program(tmp_path, "echo version: 7 --cache-type-k; exec yes")

    assert "7 --cache-type-k" == ask_version(server)
    assert len(ask_help(server, "server")) < 5 * 2**20


def test_it_is_asked_in_its_own_environment(tmp_path: Path) -> None:
    """The variables of a command stand beside those of this process."""
    server = program(tmp_path, 'echo "version: $ONE $HOME"; echo --cache-type-k "$ONE"')

    assert f"1 {tmp_path}" == ask_version(server, [("ONE", "1"), ("HOME", str(tmp_path))])
    assert "--cache-type-k 1" in ask_help(server, "server", [("ONE", "1")])


def test_another_program_is_no_llama_server(tmp_path: Path) -> None:
    """It is named as its label says."""
    reason = "label is not a llama-server: its --help knows no --cache-type-k"

    with pytest.raises(ServerNotFoundError, match=rf"^{re.escape(reason)}; a server of another kind"):
        ask_help(program(tmp_path, "echo usage"), "label")


def test_a_server_that_cannot_be_asked_for_its_devices() -> None:
    """It tells nothing, which is no error: it is asked whether it has GPUs. The command's own environment is given."""
    assert "" == ask_devices(("/nowhere/llama-server",))
    assert "" == ask_devices(("false",))
    assert "--list-devices A=b\n" == ask_devices(("sh", "-c", 'echo "$0 A=$A"'), (("A", "b"),))
