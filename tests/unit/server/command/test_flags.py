"""Flags of llama-server by their spellings and variables. The names are checked against the embedded server's too."""

from __future__ import annotations

import pytest

from pytest_codeneedle.server.command.flags import (
    FLAGS,
    REMOTE,
    Flag,
    flag_of,
    flag_of_variable,
    inherited,
    preset_model,
)
from pytest_codeneedle.server.embedded import parser


def test_no_spelling_stands_for_two_flags() -> None:
    """Neither a name nor a variable."""
    names = [name for flag in FLAGS for name in flag.names]
    variables = [flag.variable for flag in FLAGS if flag.variable]

    assert len(names) == len(set(names))
    assert len(variables) == len(set(variables))


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_every_flag_is_found_by_all_its_spellings(flag: Flag) -> None:
    """Its names, with `_` in long ones as well, and its variable."""
    for name in flag.names:
        assert flag is flag_of(name)
        assert flag is flag_of("--" + name[2:].replace("-", "_") if name.startswith("--") else name)
    assert not flag.variable or flag is flag_of_variable(flag.variable)


@pytest.mark.parametrize("word", ["-c_tk", "-Ctk", "ctk", "--ctk", "--log-colors", ""])
def test_other_words_are_no_such_flag(word: str) -> None:
    """Short names are taken as they are."""
    assert None is flag_of(word)


def test_spellings_agree_with_the_embedded_server() -> None:
    """Where it has a flag of the same name, it takes a value as said here, and knows no spelling that is missing."""
    for action in parser()._actions:
        flags = {flag_of(name) for name in action.option_strings} - {None}
        for flag in flags:
            assert flag is not None
            assert {flag} == flags
            assert set(action.option_strings) <= set(flag.names) or "--no-warmup" in action.option_strings
            assert (action.nargs != 0) == (flag.value is not False)


def test_models_to_fetch_are_named_by_flags_that_stay() -> None:
    """Their words reach the server, which does the fetching."""
    for name in REMOTE:
        flag = flag_of(name)
        assert flag is not None
        assert not flag.reason


@pytest.mark.parametrize(
    ("word", "model"),
    [
        ("--gpt-oss-20b-default", "gpt-oss-20b-default"),
        ("--fim-qwen-1.5b-default", "fim-qwen-1.5b-default"),
        ("--fim-qwen-7b-spec", "fim-qwen-7b-spec"),
        ("--fim_qwen_7b_spec", "fim-qwen-7b-spec"),
        ("--spec-default", None),
        ("--default", None),
        ("-default", None),
        ("--jinja", None),
    ],
)
def test_presets_name_a_model(word: str, model: str | None) -> None:
    """All but --spec-default, which is about drafting."""
    assert model == preset_model(word)


def test_what_servers_inherit() -> None:
    """What the grid sets or leaves out is not theirs to read from a shell's environment; the rest is."""
    mine = {"PATH": "/bin", "HF_TOKEN": "t", "LLAMA_ARG_THREADS": "3", "LLAMA_ARG_N_GPU_LAYERS": "9", "GGML_X": "1"}
    not_mine = (
        *("LLAMA_ARG_HF_REPO", "LLAMA_ARG_HF_FILE", "LLAMA_ARG_SSL_KEY_FILE", "LLAMA_ARG_LOG_JSONL"),
        *("LLAMA_ARG_N_PREDICT", "LLAMA_ARG_CACHE_TYPE_K", "LLAMA_ARG_SPEC_TYPE", "LLAMA_ARG_MODEL_DRAFT"),
    )

    assert mine == inherited({**mine, **dict.fromkeys(not_mine, "1")})
