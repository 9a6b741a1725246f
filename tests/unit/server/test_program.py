"""Which server is started, and with which arguments.

`llama-server` is a shell script here that answers --help: a fake, because no build of the real program knows
just the options that a test wants it to know. The real one is started by the integration tests.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_codeneedle.core.errors import ConfigurationError, ServerNotFoundError
from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.server.command.given_args import parse_server_args
from pytest_codeneedle.server.program import ServerArgs, ServerProgram, find_program

ALL = (
    "-ctk,  --cache-type-k TYPE\n-fa,   --flash-attn [on|off|auto]   set Flash Attention use\n-lv,   --verbosity, "
    "--log-verbosity N\n--cache-ram N\n--fit [on|off]\n--no-warmup\n--offline"
)
PINNED = ("--cache-ram", "0", "--fit", "off", "--no-warmup", "--offline")
PROGRAM = ServerProgram(("/bin/llama-server",), "/bin/llama-server", ("--cache-ram", "0", "--no-warmup"))


def script(folder: Path, says: str, name: str = "llama-server", *, to: int = 1) -> Path:
    """A fake llama-server: it prints these words for its --help."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n[ \"$*\" = --help ] || exit 9\ncat >&{to} <<'HELP'\n{says}\nHELP\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def command(path: Path, words: str) -> str:
    """A user's command that starts this program."""
    return f"{shlex.quote(str(path))} {words}"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder `bin` that is searched first, with no llama-server anywhere after it."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path / "bin"


@pytest.fixture
def without_xllamacpp(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which the extra is not installed: here it is."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "pytest_codeneedle.server.program.importlib.util.find_spec",
        lambda name, package=None: None if name == "xllamacpp" else find(name, package),
    )


def test_the_command_line_pins_everything() -> None:
    """Model, types, flash attention, context, slots, address, log, threads, what is optional, what the user adds."""
    args = ServerArgs(PROGRAM, Path("/m.gguf"), KVPair("q8_0", "q4_0"), 4096, 2, ("-ub", "256"))

    assert (
        "/bin/llama-server -m /m.gguf -ctk q8_0 -ctv q4_0 -fa on -c 4096 -np 1 --host 127.0.0.1 --port 8123 -lv 4 "
        "-t 2 -tb 2 --cache-ram 0 --no-warmup -ub 256"
    ) == " ".join(args.argv(8123))


def test_threads_may_be_left_to_llama_cpp() -> None:
    """Then there is no such argument."""
    args = ServerArgs(PROGRAM, Path("m"), KVPair("f16", "f16"), 512).argv(1)

    assert set() == {"-t", "-tb"} & set(args)


@pytest.mark.parametrize(
    ("extra", "threads"),
    [
        ("-t 1", ["-t", "1"]),
        ("--threads=1", ["--threads=1"]),
        ("-t 1 -tb 4", ["-t", "1", "-tb", "4"]),
        ("-tb 4", ["-t", "2", "-tb", "2", "-tb", "4"]),
    ],
)
def test_threads_of_the_users_replace_both_counts(extra: str, threads: list[str]) -> None:
    """llama.cpp takes -t for batches too, and the grid's -tb must not stay beside it."""
    argv = ServerArgs(PROGRAM, Path("m"), KVPair("f16", "f16"), 512, 2, parse_server_args(extra)).argv(1)
    words = [at for at, word in enumerate(argv) if word.partition("=")[0] in ("-t", "-tb", "--threads")]

    assert threads == [word for at in words for word in argv[at : at + 1 + ("=" not in argv[at])]]


def test_a_users_words_stand_before_those_of_the_grid() -> None:
    """The last one wins; threads that they chose are theirs, and a model that their words name is not named again."""
    program = replace(PROGRAM, arguments=("-hf", "org/repo", "-t", "8"), own_threads=True)
    args = ServerArgs(program, None, KVPair("q8_0", "q4_0"), 4096, 2, ("-ub", "256"))

    assert (
        "/bin/llama-server -hf org/repo -t 8 -ctk q8_0 -ctv q4_0 -fa on -c 4096 -np 1 --host 127.0.0.1 --port 8123 "
        "-lv 4 --cache-ram 0 --no-warmup -ub 256"
    ) == " ".join(args.argv(8123))
    assert ["-m", "/m.gguf", "-hf"] == replace(args, model=Path("/m.gguf")).argv(1)[1:4]


def test_a_users_fixture_adds_arguments_at_the_end() -> None:
    """The value itself stays as it was: it is shared by all cells."""
    args = ServerArgs(PROGRAM, Path("m"), KVPair("f16", "f16"), 512, None, ("-b", "64"))

    assert ["-b", "64", "-ngl", "0"] == args.with_extra("-ngl", "0").argv(1)[-4:]
    assert ("-b", "64") == args.extra


def test_no_server_is_started_with_speculation() -> None:
    """Whatever a fixture adds; answers asked with and without it are the same."""
    args = ServerArgs(PROGRAM, None, KVPair("f16", "f16"), 512).with_extra("-b", "64")
    more = args.with_extra("--spec-type", "draft-mtp", "-md", "x y")

    assert args.argv(80) == more.argv(80)
    assert args.added == more.added
    assert ("--spec-type draft-mtp", "-md 'x y'") == more.speculation


@pytest.mark.parametrize(
    ("text", "words"),
    [("", ()), ("-ngl 99 -ub 256", ("-ngl", "99", "-ub", "256")), ("--alias 'a b'", ("--alias", "a b"))],
)
def test_server_arguments_are_read_as_a_shell_would(text: str, words: tuple[str, ...]) -> None:
    """Quotes hold words together."""
    assert words == parse_server_args(text)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("-m", "--kv-model"),
        ("--model", "--kv-model"),
        ("-ctk", "--ctk"),
        ("--cache-type-k", "--ctk"),
        ("-ctv", "--ctv"),
        ("--cache-type-v", "--ctv"),
        ("-c", "--kv-n-ctx"),
        ("--ctx-size", "--kv-n-ctx"),
        ("-np", "nothing: one slot keeps the prompt cache"),
        ("--parallel", "nothing: one slot keeps the prompt cache"),
        ("-jf", "nothing: an answer may be any text"),
        ("--reverse-prompt", "nothing: what ends an answer early is its profile's stop"),
        ("--host", "nothing: servers listen on 127.0.0.1 only"),
        ("--port", "nothing: a free port is taken"),
        ("-lv", "nothing: the validity of a cell is read from the log"),
        ("--verbosity", "nothing: the validity of a cell is read from the log"),
        ("--log-verbosity", "nothing: the validity of a cell is read from the log"),
        ("--log-file", "nothing: the log goes into the run folder"),
        ("--log-disable", "nothing: the validity of a cell is read from the log"),
    ],
)
@pytest.mark.parametrize("form", ["-ngl 9 {} x", "{}=x"])
def test_what_the_grid_sets_is_not_the_users_to_set(name: str, instead: str, form: str) -> None:
    """It would make the cells lie; the message says what to use instead."""
    reason = f"server argument {name} is set by the grid; use {instead}"

    with pytest.raises(ConfigurationError, match=rf"^{re.escape(reason)}$"):
        parse_server_args(form.format(name))


def test_a_preset_is_no_argument() -> None:
    """It would name another model than the one that is asked."""
    with pytest.raises(ConfigurationError, match=r"^server argument --gpt-oss-20b-default names a model to download; "):
        parse_server_args("--gpt-oss-20b-default")


def test_an_open_quote_is_told() -> None:
    """The text and what is wrong with it."""
    with pytest.raises(ConfigurationError, match=r"^server arguments \"-a 'b\": No closing quotation$"):
        parse_server_args("-a 'b")


@pytest.mark.parametrize("to", [1, 2])
def test_a_binary_is_asked_what_it_knows(tmp_path: Path, to: int) -> None:
    """All that the grid pins, in the words of this build; its help may go to either output."""
    path = script(tmp_path, ALL, to=to)

    assert ServerProgram((str(path),), str(path), PINNED) == find_program(str(path))


def test_what_a_build_does_not_know_is_left_out(tmp_path: Path) -> None:
    """Of its command line, and named."""
    path = script(tmp_path, "--cache-type-k TYPE\n-fa,   --flash-attn    enable Flash Attention")
    program = find_program(str(path))

    assert ("-lv", "--cache-ram", "--fit", "--no-warmup", "--offline") == program.left_out
    assert (
        f"{path} -m m -ctk q8_0 -ctv q4_0 -fa -c 512 -np 1 --host 127.0.0.1 --port 1"
        == " ".join(ServerArgs(program, Path("m"), KVPair("q8_0", "q4_0"), 512).argv(1))
    )  # fmt: skip


def test_the_version_is_asked_for_on_first_use(tmp_path: Path) -> None:
    """Once, of a binary and of a command in its own environment; None where there is nothing to start."""
    path = script(tmp_path, ALL)
    says = '#!/bin/sh\n[ "$*" = --version ] || exit 9\necho x >>"$0.log"\necho "version: 7 ($A)" >&2\n'
    program, commanded = find_program(str(path)), find_program(f"A=b {path} -ngl 1")
    path.write_text(says, encoding="utf-8")

    assert ["7 ()", "7 ()", "7 (b)"] == [program.version, program.version, commanded.version]
    assert "x\nx\n" == (tmp_path / "llama-server.log").read_text(encoding="utf-8")
    assert ServerProgram((), "endpoint", ()).version is None


def test_a_server_on_the_path_comes_before_the_embedded_one(bare: Path) -> None:
    """The user's own build is taken by default, and found by its name or by another."""
    path = script(bare, ALL)
    other = script(bare, ALL, "my-server")

    assert (str(path),) == find_program(None).command
    assert (str(path),) == find_program("llama-server").command
    assert (str(other),) == find_program("my-server").command


def test_a_server_in_the_users_home(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ini file is read by no shell: `~` is known here."""
    path = script(bare, ALL)
    monkeypatch.setenv("HOME", str(bare.parent))

    assert (str(path),) == find_program("~/bin/llama-server").command


@pytest.mark.parametrize("setting", [None, "embedded"])
def test_without_a_binary_the_embedded_server_is_taken(bare: Path, setting: str | None) -> None:
    """It runs in a process of its own, of this Python, and nothing in the user's folder can shadow it."""
    program = find_program(setting)

    assert (sys.executable, "-P", "-m", "pytest_codeneedle.embedded") == program.command
    assert ("--cache-ram", "0", "--fit", "off", "--no-warmup") == program.optional
    assert (("-fa", "on"), ("-lv", "4"), ("--offline",)) == (program.flash_attn, program.log_level, program.left_out)
    assert f"embedded ({program.version})" == program.label
    assert re.fullmatch(r"xllamacpp [\d.]+\S*", str(program.version))


def test_embedded_is_taken_when_asked_for(bare: Path) -> None:
    """Even where a binary is on the path."""
    script(bare, ALL)

    assert find_program("embedded").label.startswith("embedded")


@pytest.mark.usefixtures("without_xllamacpp")
def test_no_server_at_all_names_the_extra_and_the_binary(bare: Path) -> None:
    """All three ways out."""
    reason = (
        "no llama.cpp server found: put llama-server on PATH, name one with --kv-server PATH, "
        "or pip install 'pytest-codeneedle[embedded]'"
    )

    with pytest.raises(ServerNotFoundError, match=rf"^{re.escape(reason)}$"):
        find_program(None)


@pytest.mark.usefixtures("without_xllamacpp")
def test_the_embedded_server_wants_its_package(bare: Path) -> None:
    """Asked for by name it is not replaced by another."""
    script(bare, ALL)
    reason = "the embedded server needs the package xllamacpp: pip install 'pytest-codeneedle[embedded]'"

    with pytest.raises(ServerNotFoundError, match=rf"^{re.escape(reason)}$"):
        find_program("embedded")


def test_a_path_without_a_program_is_named(tmp_path: Path) -> None:
    """Nothing there, or nothing that may be executed."""
    plain = tmp_path / "plain"
    plain.touch()

    for setting in (str(tmp_path / "none"), str(plain), str(tmp_path)):
        reason = f"no server at {setting!r}: give the path of an executable llama-server, or 'embedded'"
        with pytest.raises(ServerNotFoundError, match=rf"^{re.escape(reason)}$"):
            find_program(setting)


def test_another_program_is_not_a_llama_server(tmp_path: Path) -> None:
    """Its help tells."""
    path = script(tmp_path, "usage: something else")

    with pytest.raises(
        ServerNotFoundError,
        match=rf"^{re.escape(str(path))} is not a llama-server: its --help knows no --cache-type-k; a server of",
    ):
        find_program(str(path))


def test_a_file_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    """Executable, and no program for this machine."""
    path = tmp_path / "llama-server"
    path.write_bytes(b"\x7fELF not really")
    path.chmod(0o755)

    with pytest.raises(
        ServerNotFoundError,
        match=rf"^the server {re.escape(str(path))} does not answer --help: .*; give the path of a llama-server$",
    ):
        find_program(str(path))


def test_a_program_that_hangs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not answer at all is given up."""
    path = tmp_path / "llama-server"
    path.write_text("#!/bin/sh\nexec sleep 60\n", encoding="ascii")
    path.chmod(0o755)
    monkeypatch.setattr("pytest_codeneedle.server.probe._SECONDS", 0.2)

    with pytest.raises(ServerNotFoundError, match=r"does not answer --help: .*timed out"):
        find_program(str(path))


def test_a_command_line_is_taken_apart(tmp_path: Path) -> None:
    """The program with its wrappers, the words that stay, what was changed, and the command as it was given."""
    path = script(tmp_path / "my bin", ALL)
    text = f"HF_TOKEN=hush {command(path, '-m ~/m.gguf -ngl 9 --port 80 -c 512 -t 3 --lora ~/l')}"
    program = find_program(text)

    assert (str(path),) == program.command
    assert shlex.quote(str(path)) == program.label
    assert ("-ngl", "9", "-t", "3", "--lora", str(Path("~/l").expanduser())) == program.arguments
    assert (("HF_TOKEN", "hush"),) == program.environment
    assert ("--port 80: a free port is taken",) == program.changes
    assert ("~/m.gguf", None, 512, True) == (program.model, program.remote_model, program.n_ctx, program.own_threads)
    assert program.given is not None
    assert shlex.split(text.replace("hush", "***")) == shlex.split(program.given)


@pytest.mark.parametrize(
    ("words", "optional", "left_on"),
    [
        ("-ngl 9", "--cache-ram 0 --fit off --no-warmup --offline", False),
        ("--fit off", "--cache-ram 0 --fit off --no-warmup --offline", False),
        ("-b 64", "--cache-ram 0 --no-warmup --offline", True),
        ("-hf org/repo -ngl 9", "--cache-ram 0 --fit off --no-warmup", False),
        ("-hf org/repo", "--cache-ram 0 --no-warmup", True),
    ],
)
def test_a_command_is_pinned_as_far_as_it_says_itself(tmp_path: Path, words: str, optional: str, left_on: bool) -> None:
    """What it leaves to be fitted stays so, which is said; a remote model may be fetched."""
    program = find_program(command(script(tmp_path, ALL), words))

    assert optional == " ".join(program.optional)
    assert (1 if left_on else 0) == len(program.advice)


def test_a_build_that_fits_nothing_needs_no_warning(tmp_path: Path) -> None:
    """Its --help knows no --fit."""
    assert () == find_program(command(script(tmp_path, "--cache-type-k"), "-b 64")).advice


def test_a_command_with_a_wrapper(bare: Path) -> None:
    """It is asked for its help in its own environment, wrapper and all; secrets are left out of its label."""
    path = bare.parent / "llama-server"
    script(bare.parent, ALL)
    path.write_text(path.read_text(encoding="utf-8").replace('[ "$*" = --help ]', '[ "$*$A$B" = --help12 ]'), "utf-8")
    program = find_program(f"A=1 env B=2 MY_KEY=hush {path} -ngl 0")

    assert ("/usr/bin/env", str(path)) == program.command
    assert (("A", "1"), ("B", "2"), ("MY_KEY", "hush")) == program.environment
    assert f"/usr/bin/env {path}" == program.label
    assert "MY_KEY=hush" not in str(program.given)


def test_more_arguments_for_the_embedded_server(bare: Path) -> None:
    """`embedded` begins a command as well."""
    plain, program = find_program("embedded"), find_program("embedded -ngl 0 -b 512")

    given = "embedded -ngl 0 -b 512"
    assert replace(plain, arguments=("-ngl", "0", "-b", "512"), given=given, may_wrap=True) == program


def test_a_path_with_a_space_is_no_command(tmp_path: Path) -> None:
    """Where it is there."""
    path = script(tmp_path / "my bin", ALL)

    assert ServerProgram((str(path),), str(path), PINNED) == find_program(str(path))


def test_a_command_whose_program_is_not_there(bare: Path) -> None:
    """It is named."""
    reason = "--kv-server: no program 'llama-server'; the command has to begin with one that is there"

    with pytest.raises(ServerNotFoundError, match=rf"^{re.escape(reason)}$"):
        find_program("llama-server -ngl 99 " + "-x " * 3000)


def test_a_command_of_another_program(tmp_path: Path) -> None:
    """Its help tells, as for a path."""
    path = script(tmp_path, "usage: something else")

    with pytest.raises(
        ServerNotFoundError,
        match=r"is not a llama-server: its --help knows no --cache-type-k; a server of",
    ):
        find_program(command(path, "-ngl 99"))


@pytest.mark.parametrize(
    ("of_the_command", "option", "settled", "said"),
    [
        (None, None, None, ()),
        (512, None, 512, ()),
        (None, 1024, None, ()),
        (512, 512, 512, ()),
        (512, 1024, 1024, ("-c 512: --kv-n-ctx 1024 was given too",)),
    ],
)
def test_kv_n_ctx_wins_over_the_commands_context(
    of_the_command: int | None, option: int | None, settled: int | None, said: tuple[str, ...]
) -> None:
    """And it is said where they differ."""
    program = replace(PROGRAM, n_ctx=of_the_command).with_n_ctx(option)

    assert (settled, said) == (program.n_ctx, program.changes)
