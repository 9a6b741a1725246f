"""The command line with which a user starts their server today -> what of it stays in every cell, and what does not."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.redaction import HIDDEN, redacted_words
from pytest_codeneedle.core.text import meant
from pytest_codeneedle.server.command.flags import (
    AUTOMATIC_LAYERS,
    DEFAULT_TYPE,
    OFF,
    ON,
    REMOTE,
    ROUTER,
    Flag,
    flag_of,
    flag_of_variable,
    preset_model,
)
from pytest_codeneedle.server.command.pasted import command_words, is_list, laid_out, refuse_elsewhere
from pytest_codeneedle.server.command.speculation import asking, brings_draft, value_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EMBEDDED_MODULE = "pytest_codeneedle.embedded"
_WAY_OUT = "give the command as you type it, for instance --kv-server='llama-server -hf org/repo -ngl 99'"
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)
_SERVER = re.compile(r"llama-server(?:[-_][\w.+-]*)?(?:\.exe)?")
#: The value of one of these may well be called like a server, and is none.
_NAMES_A_FILE = ("-m", "--model", "-a", "--alias", "--log-file")


@dataclass(frozen=True)
class UserCommand:
    """A command line, taken apart. No shell was involved.

    `program` are the words that start the server, wrappers such as `numactl -N 0` in front; `environment` the
    NAME=value words before them, and those behind an `env` without options. `arguments` is what every cell gets, in
    order and word for word. `model` is the path after -m (which is not among `arguments`), `remote_model` the name of
    one that the server fetches (whose words are), `router` the argument that makes a router of it (`--models-preset
    FILE`), `served` the cache types that it sets (`q8_0/q4_0`). `n_ctx` is the context in tokens, None where it is left
    to the model. `threads`: it says how many. `fitted`: it leaves it to llama.cpp to fit the layers on the GPU to free
    memory. `changes` has a line for each thing that does not stay as it was, but for `speculation`: the words that
    asked for it, flags with their values. `text` is the command on one line, without the values of keys and tokens.
    """

    program: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    arguments: tuple[str, ...]
    model: str | None
    remote_model: str | None
    router: tuple[str, str] | None
    served: str | None
    n_ctx: int | None
    threads: bool
    fitted: bool
    changes: tuple[str, ...]
    speculation: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class _Given:
    """Words of the command that belong together: a flag with its value, NAME=value, or a word that is not looked at."""

    words: tuple[str, ...]
    flag: Flag | None = None
    value: str = "on"
    assigned: bool = False

    @property
    def name(self) -> str:
        return self.flag.name if self.flag else ""

    @property
    def shown(self) -> str:
        """The words as a message may show them."""
        if self.assigned or self.flag is None or not self.flag.secret:
            return _shown(self.words)
        return f"{self.words[0]} {HIDDEN}"


def looks_like_command(text: str) -> bool:
    """Whether it is more than one word, as a shell splits it, and no URL. A path with a space in it does too."""
    plain = laid_out(text)
    try:
        words = shlex.split(plain)
    except ValueError:
        words = plain.split()
    return (len(words) > 1 or is_list(text)) and "://" not in (words or [""])[0]


def parse_command(text: str) -> UserCommand:
    """Take a command line apart.

    Raises ConfigurationError where quotes do not close, where it needs a shell, where no program comes first,
    where the server would run in a container, on another machine or as another user, and for a flag without value.
    """
    words = command_words(text)
    before = next((at for at, word in enumerate(words) if not _ASSIGNMENT.fullmatch(word)), len(words))
    rest = words[before:]
    end = program_end(rest)
    if end == 0:
        msg = f"--kv-server {_shown(words)!r} names no program to start; {_WAY_OUT}"
        raise ConfigurationError(msg)
    refuse_elsewhere(rest[:end], rest[end:])
    program, wrapped = _without_variables(rest[:end])
    assigned, arguments = [_assigned(word) for word in words[:before]], list(_grouped(rest[end:]))
    given = [*assigned, *wrapped, *arguments]
    remote = _remote(given)
    stay = [one for one in given if _stays(one, remote=remote is not None)]
    token = [("HF_TOKEN", one.value) for one in arguments if one.name == "-hft"]
    context, layers, fit = (_last(given, name) for name in ("-c", "-ngl", "-fit"))
    fixed = layers is not None and layers not in AUTOMATIC_LAYERS
    return UserCommand(
        program=tuple(program),
        environment=(*(_pair(one.words[0]) for one in stay if one.assigned), *token),
        arguments=tuple(word for one in stay if not one.assigned for word in one.words),
        model=_last(given, "-m") if remote is None else None,
        remote_model=remote,
        served=_served(_last(given, "-ctk"), _last(given, "-ctv")),
        router=next(((one.name, one.value) for one in given if one.name in ROUTER), None),
        n_ctx=None if context is None else _tokens(context) or None,
        threads=any(one.name in ("-t", "-tb") for one in given),
        fitted=not fixed and fit not in OFF,
        changes=(
            *(line for at, one in enumerate(given) if one not in stay for line in _change(one, given[at + 1 :])),
            *(("--fit on: off, for -ngl is given",) if fixed and fit in ON else ()),
        ),
        speculation=asking(one.shown for one in given if one.flag is not None and one.flag.speculative),
        text=_shown([*words[:before], *rest[:end], *(word for one in arguments for word in one.words)]),
    )


def program_end(words: Sequence[str]) -> int:
    """How many words start the server.

    They go on to the first flag after llama-server, `llama serve` or the embedded module, else to the first of all:
    a wrapper has flags of its own.
    """
    if not words or words[0].startswith("-"):
        return 0
    named = next((at for at in range(len(words)) if _is_server(words[at], words[at - 1] if at else "")), 0)
    return next((at for at in range(named + 1, len(words)) if words[at].startswith("-")), len(words))


def _without_variables(words: Sequence[str]) -> tuple[list[str], list[_Given]]:
    """The words that start the server without the variables that `env` sets among them, and these.

    Behind options of `env` (-i, -u NAME) a variable stays where it is, unless it is none that is passed on.
    """
    program: list[str] = []
    variables: list[_Given] = []
    behind_env = False
    for word in words:
        variable = _assigned(word) if _ASSIGNMENT.fullmatch(word) else None
        behind_env = _file_name(word) == "env" or (behind_env and variable is not None)
        if variable is not None and (behind_env or not _passed_on(variable)):
            variables.append(variable)
        else:
            program.append(word)
    return program, variables


def _is_server(word: str, before: str) -> bool:
    if word in ("serve", "server") and _file_name(before) in ("llama", "llama.exe"):
        return True
    if word == EMBEDDED_MODULE:
        return before == "-m"
    return _SERVER.fullmatch(_file_name(word)) is not None and before not in _NAMES_A_FILE


def _file_name(word: str) -> str:
    return re.split(r"[/\\]", word)[-1].lower()


def _pair(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value


def _assigned(word: str) -> _Given:
    """A NAME=value word: llama-server reads most of its arguments from such variables too."""
    name, value = _pair(word)
    return _Given((word,), flag_of_variable(name), value, assigned=True)


def _grouped(words: Sequence[str]) -> Iterator[_Given]:
    """The arguments, flags with their values. `--flag=value` is not llama.cpp's own form, and taken all the same."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=") if word.startswith("-") else (word, "", "")
        flag = flag_of(name)
        if flag is None:
            _refuse_draft(word)
            yield _Given((word,))
        elif flag.speculative:
            values = value_count(rest)
            yield _Given((word, *rest[:values]), flag)
            del rest[:values]
        elif flag.value is False:
            yield _Given((word,), flag)
        elif equals:
            yield _Given((name, value), flag, value)
        elif flag.value is None and not (rest and (rest[0] == "-1" or not rest[0].startswith("-"))):
            yield _Given((word,), flag)
        elif not rest or rest[0].startswith("--") or flag_of(rest[0]):
            msg = f"--kv-server: {word} stands without its value"
            raise ConfigurationError(msg)
        else:
            value = rest.pop(0)
            yield _Given((word, value), flag, value)


def _refuse_draft(word: str) -> None:
    if brings_draft(word):
        msg = (
            f"--kv-server: {word} brings a draft model with it, and speculation has no part in a scored cell; name the "
            "model alone, for instance -hf ggml-org/Qwen2.5-Coder-7B-Q8_0-GGUF"
        )
        raise ConfigurationError(msg)


def _remote(given: Sequence[_Given]) -> str | None:
    """The name of a model that the server fetches; with it, -m only says where the file is put."""
    names = [one.value for one in given if one.name in REMOTE]
    names += [model for one in given if one.flag is None and (model := preset_model(one.words[0]))]
    file = _last(given, "-hff")
    return "/".join(filter(None, (names[-1], file))) if names else None


def _passed_on(one: _Given) -> bool:
    return one.flag is None or not one.flag.reason


def _stays(one: _Given, *, remote: bool) -> bool:
    return _passed_on(one) or (one.name == "-m" and remote) or (one.name == "-hft" and one.assigned)


def _change(one: _Given, later: Sequence[_Given]) -> list[str]:
    """What to say of words that are not passed on as they are: nothing where it comes to the same."""
    flag = one.flag
    if flag is None or flag.speculative or one.value in flag.same:
        return []
    if one.name in ("-m", "-c") and all(other.flag is not flag for other in later):
        return [f"{one.shown}: as much as the questions need"] if one.name == "-c" and not _tokens(one.value) else []
    return [f"{one.shown}: {flag.reason}"]


def _last(given: Sequence[_Given], name: str) -> str | None:
    """The value of that argument: the last one counts, and a word after the program more than a variable."""
    return next((one.value for one in reversed(given) if one.name == name), None)


def _served(ctk: str | None, ctv: str | None) -> str | None:
    """The pair of cache types that it serves with; None where it names none, which is llama.cpp's default."""
    return None if ctk is None and ctv is None else f"{ctk or DEFAULT_TYPE}/{ctv or DEFAULT_TYPE}"


def _tokens(value: str) -> int:
    """A context size, 0 for one that is left to the model."""
    try:
        return max(0, int(value))
    except ValueError:
        msg = f"--kv-server: context size -c {value!r} is not a whole number{meant(value)}"
        raise ConfigurationError(msg) from None


def _shown(words: Sequence[str]) -> str:
    """The words as a shell reads them; what is hidden stays unquoted."""
    hidden = redacted_words(words)
    return " ".join(shlex.quote(word) if word == given else word for word, given in zip(hidden, words, strict=True))
