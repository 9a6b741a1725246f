"""The command line that a user has: what stays of it, what does not and what is said of that."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.server.command.flags import FLAGS, Flag
from pytest_codeneedle.server.command.user_command import looks_like_command, parse_command

SET = [flag for flag in FLAGS if flag.reason and flag.name not in ("-m", "-c", "-hft")]
STAYING = [flag for flag in FLAGS if not flag.reason]
plain = st.text("abz019./:=,*()|&;<>$'\"\\ é`", min_size=1, max_size=12).filter(
    lambda word: not word.startswith("-") and word != "//"
)


def pieces(flags: list[Flag]) -> st.SearchStrategy[tuple[str, ...]]:
    """One of these flags under one of its names, with a value where it takes one."""

    def worded(flag: Flag) -> st.SearchStrategy[tuple[str, ...]]:
        name = st.sampled_from(flag.names)
        return st.tuples(name) if flag.value is False else st.tuples(name, plain)

    return st.sampled_from(flags).flatmap(worded)


foreign = st.sampled_from(
    [
        ("--jinja",),
        ("-ot", r"blk\.(1|2)=CPU"),
        ("-b", "256"),
        ("--temp", "0.7"),
    ]
)
kept = st.tuples(st.just("kept"), pieces(STAYING) | foreign)
taken = st.tuples(st.just("taken"), pieces(SET))
model = st.tuples(st.just("model"), st.tuples(st.sampled_from(["-m", "--model"]), plain))
context = st.tuples(
    st.just("context"), st.tuples(st.sampled_from(["-c", "--ctx-size"]), st.sampled_from(["0", "4096"]))
)
variables = st.lists(st.tuples(st.sampled_from(["CUDA_VISIBLE_DEVICES", "GGML_X"]), plain), max_size=2)
programs = st.sampled_from(
    [
        ("llama-server",),
        ("numactl", "-N", "0", "/opt/my llama/llama-server"),
        ("nice", "-n", "5", "taskset", "-c", "0-7", "./llama-server-cuda"),
        ("env", "A=b", "llama-server.exe"),
        ("/usr/bin/llama", "serve"),
        ("python3", "-P", "-m", "pytest_codeneedle.embedded"),
        ("embedded",),
        ("./run.sh", "fast"),
    ]
)


@given(variables, programs, st.lists(kept | taken | model | context, max_size=8))
def test_no_word_is_lost(
    assigned: list[tuple[str, str]], program: tuple[str, ...], given_pieces: list[tuple[str, tuple[str, ...]]]
) -> None:
    """Each is in the program, the environment or the arguments, in order; or it is the model, the context or said."""
    words = [f"{name}={value}" for name, value in assigned] + [*program]
    words += [word for _, piece in given_pieces for word in piece]
    by_fate = {
        fate: [piece for kind, piece in given_pieces if kind == fate] for fate in ("kept", "taken", "model", "context")
    }
    command = parse_command(shlex.join(words))
    staying = [piece for fate, piece in given_pieces if fate == "kept" or (fate == "model" and command.remote_model)]

    behind_env = [word for word in program if word == "A=b"]
    assert tuple(word for word in program if word not in behind_env) == command.program
    assert (*assigned, *(("A", "b") for _ in behind_env)) == command.environment
    assert tuple(word for piece in staying for word in piece) == command.arguments
    for piece in by_fate["taken"]:
        (flag,) = [one for one in FLAGS if piece[0] in one.names]
        value = piece[1] if flag.value is not False else "on"
        shown = f"{piece[0]} ***" if flag.secret else shlex.join(piece)
        assert (value not in flag.same) == (f"{shown}: {flag.reason}" in command.changes)
    models = [value for _, value in by_fate["model"]]
    if command.remote_model is None:
        assert models[-1:] == [value for value in [command.model] if value is not None]
        for value in set(models[:-1]):
            assert any(
                line.endswith("a later word names the model") and shlex.quote(value) in line for line in command.changes
            )
    else:
        assert command.model is None
    contexts = [int(value) for _, value in by_fate["context"]]
    assert (contexts[-1:] or [0]) == [command.n_ctx or 0]


@given(programs, st.lists(kept | taken | model, max_size=5))
def test_what_stays_of_a_command_stays_again(
    program: tuple[str, ...], given_pieces: list[tuple[str, tuple[str, ...]]]
) -> None:
    """A command that the grid would not change is taken word for word, and nothing is said."""
    first = parse_command(shlex.join([*program, *(word for _, piece in given_pieces for word in piece)]))
    again = parse_command(shlex.join([*first.program, *first.arguments]))

    assert (first.program, first.arguments) == (again.program, again.arguments)
    assert [] == [line for line in again.changes if not line.startswith("--fit")]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_no_quoted_word_is_for_a_shell(words: list[str]) -> None:
    """Whatever stands in quotes is a value."""
    command = parse_command(f"llama-server {shlex.join(f'x{word}' for word in words)}")

    assert ("llama-server", *(f"x{word}" for word in words)) == command.program


def test_a_command_as_people_have_it() -> None:
    """The whole of one."""
    command = parse_command(
        "CUDA_VISIBLE_DEVICES=0,1 numactl -N 0 ~/llama.cpp/build/bin/llama-server "
        "-hf unsloth/Qwen3-30B-A3B-GGUF:Q4_K_M -ngl 99 -ot 'blk\\.(1|2)\\.ffn=CPU' --jinja -t 8 -c 131072 -np 4 "
        "-fa on -ctk q8_0 -ctv q8_0 --host 0.0.0.0 "
        "--port 8080 --temp 0.6 --api-key hush"
    )

    assert ("numactl", "-N", "0", "~/llama.cpp/build/bin/llama-server") == command.program
    assert (("CUDA_VISIBLE_DEVICES", "0,1"),) == command.environment
    assert (
        "-hf unsloth/Qwen3-30B-A3B-GGUF:Q4_K_M -ngl 99 -ot blk\\.(1|2)\\.ffn=CPU --jinja -t 8 --temp 0.6"
    ) == " ".join(command.arguments)
    assert (None, "unsloth/Qwen3-30B-A3B-GGUF:Q4_K_M") == (command.model, command.remote_model)
    assert (131072, True, False) == (command.n_ctx, command.threads, command.fitted)
    assert (
        "-np 4: one slot keeps the prompt cache",
        "-ctk q8_0: set per cell",
        "-ctv q8_0: set per cell",
        "--host 0.0.0.0: servers listen on 127.0.0.1 only",
        "--port 8080: a free port is taken",
        "--api-key ***: servers listen on 127.0.0.1 only",
    ) == command.changes


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_command_copied_over_several_lines(end: str) -> None:
    """A backslash at the end of a line goes on with the next."""
    command = parse_command(f"llama-server \\{end}  -m model.gguf \\{end}  -b 25\\{end}6\n")

    assert ("llama-server",) == command.program
    assert ("model.gguf", ("-b", "256")) == (command.model, command.arguments)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("llama-server -m x", 1),
        ("/opt/llama-server-b6000.exe -m x", 1),
        ("my-server -m llama-server -a llama-server --log-file llama-server", 1),
        ("numactl --interleave=all llama-server -m x", 3),
        ("llama-server-wrapper llama-server -m x", 2),
        ("time -p env -i A=b ./llama-server", 6),
        ("llama serve -m x", 2),
        ("llama server", 2),
        ("python -m pytest_codeneedle.embedded -m x", 3),
        ("python -m other -m x", 1),
        ("./run.sh fast -m x", 2),
        ("embedded -ngl 0", 1),
    ],
)
def test_where_the_program_ends(text: str, words: int) -> None:
    """After the word that names a server, else before the first flag."""
    assert tuple(text.split()[:words]) == parse_command(text).program


@pytest.mark.parametrize("word", ["|", "||", "&&", "&", ";", ">", ">>log", "2>", "2>&1", "&>log", "<in", "x;", "x&"])
@pytest.mark.parametrize("place", ["llama-server -m x {} tail", "llama-server {}", "{} llama-server -m x"])
def test_an_operator_of_the_shell_is_named(word: str, place: str) -> None:
    """No shell reads the command; it must not become an argument either."""
    with pytest.raises(
        ConfigurationError, match=rf"^--kv-server: no shell reads this command, and '{re.escape(word)}'"
    ):
        parse_command(place.format(word))


@pytest.mark.parametrize("word", ["$HOME/m.gguf", "${HOME}/m", "$(which", "`which", "x$1"])
def test_what_a_shell_would_replace_is_named(word: str) -> None:
    """The message says to write it out."""
    with pytest.raises(ConfigurationError, match=rf"{re.escape(repr(word))} is for one; .* write what the shell would"):
        parse_command(f"llama-server -m {word}")


@pytest.mark.parametrize(
    "value",
    ["a|b", "'|'", r"\;", '"$HOME"', "'{{ `x` }}'", "blk$=CPU", "a>b", "'x &'", '"a \\" | b"', "https://h/?a=1&b"],
)
def test_such_characters_in_a_value_are_harmless(value: str) -> None:
    """In quotes, or within a word."""
    assert ("-x", shlex.split(value)[0]) == parse_command(f"llama-server -x {value}").arguments


@pytest.mark.parametrize("text", ["", " ", "A=b", "A=b C=d", "-m x", "A=b -m x"])
def test_a_command_without_a_program(text: str) -> None:
    """It is shown, and how one looks."""
    with pytest.raises(
        ConfigurationError, match=rf"'{re.escape(text.strip())}' names no program to start; give .* -ngl 99"
    ):
        parse_command(text)


def test_an_open_quote_is_told() -> None:
    """With the command."""
    with pytest.raises(ConfigurationError, match=r"^--kv-server \"llama-server -a 'b\": No closing quotation$"):
        parse_command("llama-server -a 'b")


@pytest.mark.parametrize("flag", [flag for flag in FLAGS if flag.value], ids=lambda flag: flag.name)
@pytest.mark.parametrize("rest", ["", " --jinja", " -ngl 3"])
def test_a_flag_without_its_value(flag: Flag, rest: str) -> None:
    """It is named: the next flag must not be eaten."""
    for name in flag.names:
        with pytest.raises(ConfigurationError, match=rf"^--kv-server: {name} stands without its value$"):
            parse_command(f"llama-server {name}{rest}")


@pytest.mark.parametrize(
    "start", ["docker run --gpus all image", "podman exec box llama-server", "nice ssh host llama-server"]
)
def test_a_server_elsewhere_is_refused(start: str) -> None:
    """The message says why, and what to give instead."""
    with pytest.raises(ConfigurationError, match=r"behind (docker|podman|ssh) has ports, paths and a log of its own"):
        parse_command(f"{start} -m x")


@pytest.mark.parametrize("start", ["sudo", "/usr/bin/sudo -u me", "doas"])
def test_a_server_of_another_user_is_refused(start: str) -> None:
    """Nothing that pytest starts may outlive it."""
    with pytest.raises(
        ConfigurationError, match=r"(sudo|doas) starts belongs to another user and could outlive the run"
    ):
        parse_command(f"{start} llama-server -m x")


@pytest.mark.parametrize(
    ("words", "arguments", "changes"),
    [
        ("-fa", (), ()),
        ("-fa on", (), ()),
        ("-fa 1 --jinja", ("--jinja",), ()),
        ("--flash_attn auto -b 4", ("-b", "4"), ("--flash_attn auto: on, for a quantized V needs it",)),
        ("-fa -1", (), ("-fa -1: on, for a quantized V needs it",)),
        ("-fa -b 4", ("-b", "4"), ()),
        ("--flash-attn=off", (), ("--flash-attn off: on, for a quantized V needs it",)),
        ("-np 1 -lv 4 -cram 0 --host 127.0.0.1 -n -1 --cache-prompt", (), ()),
        ("--port=80", (), ("--port 80: a free port is taken",)),
        (
            "--ctx_size 8 -c 0",
            (),
            ("--ctx_size 8: a later word sets the context", "-c 0: as much as the questions need"),
        ),
        ("-v -lv -1", (), tuple(f"{word}: the validity of a cell is read from the log" for word in ("-v", "-lv -1"))),
        ("-ngl 9 --fit on", ("-ngl", "9", "--fit", "on"), ("--fit on: off, for -ngl is given",)),
        ("--fit on", ("--fit", "on"), ()),
        ("-ctkd q8_0 --log-colors on --slots", ("--log-colors", "on", "--slots"), ()),
        ("--json-schema {}", (), ("--json-schema '{}': an answer may be any text",)),
        ("-r stop", (), ("-r stop: what ends an answer early is its profile's stop",)),
        ("--sleep-idle-seconds 60", (), ("--sleep-idle-seconds 60: a server that slept has forgotten the corpus",)),
    ],
)
def test_what_is_said(words: str, arguments: tuple[str, ...], changes: tuple[str, ...]) -> None:
    """A line for each change, none where it comes to what the grid sets."""
    command = parse_command(f"llama-server {words}")

    assert (arguments, changes) == (command.arguments, command.changes)


def test_speculation_is_taken_out_of_a_command() -> None:
    """Arguments with all their values, variables before it and behind `env`; the rest stays, in order."""
    command = parse_command(
        "LLAMA_ARG_SPEC_DRAFT_N_MAX=4 A=b env LLAMA_ARG_SPEC_TYPE=ngram-mod C=d llama-server -m m.gguf -md 'my d.gguf' "
        "-ngl 9 --spec-replace a b --spec-new-thing -0.5 --jinja --spec-type draft-mtp --draft_max=3 --spec-default"
    )

    assert ("env", "llama-server") == command.program
    assert (("A", "b"), ("C", "d")) == command.environment
    assert ("-ngl", "9", "--jinja") == command.arguments
    assert () == command.changes
    assert (
        "LLAMA_ARG_SPEC_DRAFT_N_MAX=4",
        "LLAMA_ARG_SPEC_TYPE=ngram-mod",
        "-md 'my d.gguf'",
        "--spec-replace a b",
        "--spec-new-thing -0.5",
        "--spec-type draft-mtp",
        "--draft_max=3",
        "--spec-default",
    ) == command.speculation
    assert "--spec-type draft-mtp" in command.text


@pytest.mark.parametrize("words", ["", "--spec-type none", "-ngl 9"])
def test_no_speculation_is_nothing_to_say(words: str) -> None:
    """Also where a command says that there is to be none."""
    assert () == parse_command(f"llama-server {words}").speculation


def test_a_model_that_brings_its_draft_is_refused() -> None:
    """Its words cannot be taken apart; the model alone can be named."""
    with pytest.raises(ConfigurationError, match=r"^--kv-server: --fim-qwen-7b-spec brings a draft .* -hf ggml-org/"):
        parse_command("llama-server --fim-qwen-7b-spec")


@pytest.mark.parametrize(
    ("words", "fitted"),
    [
        ("", True),
        ("-ngl 0", False),
        ("--n-gpu-layers all", False),
        ("-ngl auto", True),
        ("-ngl -1", True),
        ("-fit off", False),
        ("--fit 0", False),
        ("--fit on", True),
        ("-ngl 9 --fit on", False),
    ],
)
def test_what_is_left_to_llama_cpp_to_fit(words: str, fitted: bool) -> None:
    """The layers on the GPU are, unless their number or --fit off is given."""
    assert fitted == parse_command(f"llama-server {words}").fitted


@pytest.mark.parametrize(
    ("words", "model", "remote"),
    [
        ("", None, None),
        ("-m a.gguf", "a.gguf", None),
        ("--model=a.gguf", "a.gguf", None),
        ("-hf org/repo:Q4_0", None, "org/repo:Q4_0"),
        ("-hfr org/repo --hf-file q4.gguf", None, "org/repo/q4.gguf"),
        ("-hf org/a -hf org/b", None, "org/b"),
        ("--model-url https://host/a.gguf -m a.gguf", None, "https://host/a.gguf"),
        ("--docker-repo gemma3", None, "gemma3"),
        ("--gpt-oss-20b-default", None, "gpt-oss-20b-default"),
    ],
)
def test_the_model_of_a_command(words: str, model: str | None, remote: str | None) -> None:
    """A path is taken out, to be put back as -m; the words for a model to fetch stay, and a path with them."""
    command = parse_command(f"llama-server {words}")

    assert (model, remote) == (command.model, command.remote_model)
    assert (() if remote is None else tuple(words.split())) == command.arguments


@pytest.mark.parametrize(
    ("words", "served"),
    [
        ("llama-server", None),
        ("llama-server -ctk q8_0", "q8_0/f16"),
        ("llama-server --cache-type-v turbo3 -ctk turbo4", "turbo4/turbo3"),
        ("LLAMA_ARG_CACHE_TYPE_V=q4_0 llama-server", "f16/q4_0"),
    ],
)
def test_the_pair_that_is_served(words: str, served: str | None) -> None:
    """As the command sets it; llama.cpp's default where it names one half only."""
    assert served == parse_command(words).served


def test_llama_cpp_reads_variables_too() -> None:
    """What the grid sets is not passed on, the rest stays in the environment, and a word wins over a variable."""
    command = parse_command(
        "LLAMA_ARG_PORT=80 LLAMA_ARG_MODEL=a.gguf LLAMA_ARG_CTX_SIZE=512 LLAMA_ARG_THREADS=3 LLAMA_ARG_N_GPU_LAYERS=9 "
        "LLAMA_API_KEY=hush LLAMA_ARG_BATCH=64 llama-server -c 1024"
    )

    assert (
        ("LLAMA_ARG_THREADS", "3"),
        ("LLAMA_ARG_N_GPU_LAYERS", "9"),
        ("LLAMA_ARG_BATCH", "64"),
    ) == command.environment
    assert ("a.gguf", 1024, True, False) == (command.model, command.n_ctx, command.threads, command.fitted)
    assert (
        "LLAMA_ARG_PORT=80: a free port is taken",
        "LLAMA_ARG_CTX_SIZE=512: a later word sets the context",
        "LLAMA_API_KEY=***: servers listen on 127.0.0.1 only",
    ) == command.changes
    assert "org/repo" == parse_command("LLAMA_ARG_HF_REPO=org/repo llama-server").remote_model


@pytest.mark.parametrize(
    ("before", "program", "environment"),
    [
        ("env LLAMA_ARG_LORA=lo.gguf B=", ("env",), (("LLAMA_ARG_LORA", "lo.gguf"), ("B", ""))),
        ("A=1 nice /usr/bin/env A=2", ("nice", "/usr/bin/env"), (("A", "1"), ("A", "2"))),
        ("env -u X A=2", ("env", "-u", "X", "A=2"), ()),
        ("env -i A=2 LLAMA_ARG_PORT=80", ("env", "-i", "A=2"), ()),
        ("wrapper.sh A=2", ("wrapper.sh", "A=2"), ()),
    ],
)
def test_what_env_sets_is_set(before: str, program: tuple[str, ...], environment: tuple[tuple[str, str], ...]) -> None:
    """As before the command; what options of `env` decide stays with them, and so do words of other wrappers."""
    command = parse_command(f"{before} llama-server -ngl 9")

    assert ((*program, "llama-server"), environment) == (command.program, command.environment)
    assert f"{before} llama-server" in command.text.replace("''", "")
    assert parse_command("env LLAMA_ARG_THREADS=2 llama-server").threads


def test_a_context_that_is_no_number() -> None:
    """It is named."""
    with pytest.raises(
        ConfigurationError, match=r"^--kv-server: context size -c '4k' is not a whole number; did you mean 4096\?$"
    ):
        parse_command("llama-server -c 4k")


def test_secrets_are_not_repeated() -> None:
    """The token reaches the server as a variable: arguments are recorded and can be seen by other users."""
    command = parse_command("MY_TOKEN=hush-1 llama-server -hf org/repo -hft hush-2 --api-key hush-3 --api-key=hush-4")

    assert (("MY_TOKEN", "hush-1"), ("HF_TOKEN", "hush-2")) == command.environment
    assert ("-hf", "org/repo") == command.arguments
    other = parse_command("llama-server --some-password hush --rpc gpu.lan:1 --lora me:hush@host/x").text
    assert "hush" not in other
    assert "gpu" not in other
    assert other.startswith("llama-server --some-password *** --rpc host-")
    assert "MY_TOKEN=*** llama-server -hf org/repo -hft *** --api-key *** --api-key ***" == command.text
    assert "hush" not in " ".join((*command.changes, command.text))
    assert "-hft ***: passed on as HF_TOKEN and not recorded" == command.changes[0]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("llama-server", False),
        ("/opt/llama-server", False),
        ("embedded", False),
        ("'/my dir/llama-server'", False),
        ("http://127.0.0.1:8080", False),
        ("http://127.0.0.1:8080 x", False),
        ("", False),
        ("llama-server -m x", True),
        ("embedded -ngl 0", True),
        ("/my dir/llama-server", True),
        ("llama-server 'x", True),
        ("A=b llama-server", True),
        ('["llama-server","-m","x"]', True),
    ],
)
def test_what_looks_like_a_command(text: str, command: bool) -> None:
    """More than one word, and no URL; whether it is a path is for the caller to see."""
    assert command == looks_like_command(text)


@pytest.mark.parametrize("shell", ["bash", "/bin/sh"])
def test_a_shell_hides_the_command(shell: str) -> None:
    """What is in quotes cannot be changed; a script that a shell runs is a program like others."""
    with pytest.raises(ConfigurationError, match="-c hides a command from the grid"):
        parse_command(f"{shell} -c 'llama-server -m a.gguf'")
    assert (shell, "start.sh") == parse_command(f"{shell} start.sh -ngl 9").program
