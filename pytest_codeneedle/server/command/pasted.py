"""A command as people paste it -> its words. What a shell, a prompt, a web page or another system left in it is named.

Nothing is executed by a shell here: what only a shell understands cannot be passed on, and must not become an argument.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMAND = "--kv-server"
_QUOTED = r"""'[^']*'|"(?:\\.|[^"\\])*\""""
#: What is taken out of the text, or made a space. A backslash (sh), a caret (cmd.exe) or a backtick (PowerShell) at the
#: end of a line goes on with the next; some spaces of web pages are none to a shell, and some characters are not seen.
_LAYOUT = re.compile(
    rf"(?P<kept>{_QUOTED}|\\\S)|(?P<space>[\u00a0\u2000-\u200a\u202f\u205f\u3000])"
    r"|[\\^`][ \t]*\r?\n|(?<=\s)[\\^`]\s*\Z|[\u200b-\u200d\u2060\ufeff]",
    re.DOTALL,
)
_BLANKED = re.compile(rf"\\.|{_QUOTED}", re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_OPERATOR = re.compile(r"^(?:\d*|&)[<>]|^[|&;]|[|&;]$|`|\$[\w({]|%\w+%")
_DASH = re.compile(r"^-?[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]+-?(?P<name>\w.*)?", re.DOTALL)
_EM_DASHES = re.compile(
    r"^-?(?:[\u2014\u2015]|[\u2010-\u2013\u2212\ufe58\ufe63\uff0d]{2}|-[\u2010-\u2013]|[\u2010-\u2013\u2212]-)"
)
#: `--ctx\u2013size`
_DASH_WITHIN = re.compile(r"^--?\w[\w-]*[\u2010-\u2015\u2212]")
_CURLED = re.compile("[\u2018-\u201f]")
#: In a shell it would vanish: such a backslash is part of a Windows path, or of an expression that wants quotes.
_EATEN = re.compile(r"\\(?:\w|\\\w)")
_WINDOWS = re.compile(r"^(?:[A-Za-z]:|\.{0,2})\\|\.(?:gguf|exe|jinja|json|ini|txt)$")
_PROMPT = re.compile(r"^(?:[$%\u276f\u279c\u00bb]|PS>?|\(\S+\)|(?:\(\S+\))?\[?[\w.-]+@[\w.-]+\S*|[A-Za-z]:\S*>)$")
#: `ExecStart=` of a systemd unit, `cmd:` of llama-swap, `command:` of a compose file, and what stands above them.
_LABEL = re.compile(r"^(?:ExecStart\w*=|(?:cmd|command|entrypoint):|\[[A-Z]\w+\]$|[\w-]+:$|[-*\u2022]$)", re.IGNORECASE)
#: `CMD ["llama-server", "-m"]` of a Dockerfile, and the list alone as compose files have it.
_LIST = re.compile(r"\s*(?:(?:CMD|ENTRYPOINT|RUN)\b|\[\s*[\"'])")
#: What stands for arguments in a text about them.
_PLACEHOLDER = re.compile(r"^(?:\.{3}|\u2026|//|\[-.*)$")
#: Words that a shell knows itself: there is no program of that name.
_BUILTIN = re.compile("exec|eval|command|builtin|source|export|set|unset|cd|alias|start")
_URL = "start it as you do, and give its URL: --kv-server http://127.0.0.1:8080 measures one cell, as served"
_PER_START = f"{_URL}; another start with another -ctk and -ctv is another cell"
_OUT_OF_REACH = re.compile(
    "docker|podman|nerdctl|finch|docker-compose|podman-compose|kubectl|lxc|apptainer|singularity|wsl|flatpak|nix|distrobox|toolbox"
    "|ssh|mosh|srun|salloc|sbatch"
)
#: A file that starts containers has such a line.
_IMAGE = re.compile(r"^\s*-?\s*image:\s", re.MULTILINE)
_SERVICE = re.compile("systemctl|service|systemd-run|launchctl|brew|screen|tmux")
_OTHER_USER = re.compile("sudo|doas|su")
_SHELL = re.compile("sh|bash|dash|zsh|ksh|fish|cmd|powershell|pwsh")
#: Programs that serve models, and take other arguments than llama-server's.
_ENGINE = re.compile(
    r"ollama|llama-swap|vllm|lms?|lm-?studio|jan|gpt4all|msty|text-generation-webui|tgi|mlc_llm|exllamav[23]|koboldcpp(?:\.py)?|lemonade-server|sglang|text-generation-launcher|local-ai"
    r"|mlx_lm\.server|tabbyapi|tabby|aphrodite|ramalama|trtllm-serve"
)
_ENGINE_MODULE = re.compile(r"(?:vllm|llama_cpp|sglang|mlx_lm|aphrodite|koboldcpp)(?:\..+)?")
#: llama.cpp's other programs, some of which have --cache-type-k too.
_NO_SERVER = re.compile("llama-(?:cli|bench|batched-bench|perplexity|run|simple|completion|mtmd-cli|speculative)")


def command_words(text: str) -> list[str]:
    """The words of a command line, as a shell splits them; `argument_words` of a whole command.

    Raises ConfigurationError, too, for what stands before the program and is none: a prompt, a label of the file that
    it was copied from, a word that only a shell knows.
    """
    if is_list(text):
        msg = f"{COMMAND}: {text.strip()!r} is a list as container files have it; write its words with spaces"
        raise ConfigurationError(msg)
    if _IMAGE.search(text):
        msg = f"{COMMAND}: {_out_of_reach('a container')}"
        raise ConfigurationError(msg)
    words, written = _split(text, COMMAND)
    if words:
        _refuse_first(words)
    _refuse(written, COMMAND)
    return words


def is_list(text: str) -> bool:
    """Whether it is a command in the form of a container file's list."""
    return _LIST.match(text) is not None


def argument_words(text: str, place: str) -> list[str]:
    """The words of a server's arguments, as a shell splits them. `place` begins each message.

    Lines that end in a backslash, a caret or a backtick go on with the next. Raises ConfigurationError, with the word
    and the way out, for open quotes, for what only a shell understands (operators, variables, comments), for dashes and
    quotes that a web page has changed, and for backslashes of Windows that stand in no quotes.
    """
    words, written = _split(text, place)
    _refuse(written, place)
    return words


def laid_out(text: str) -> str:
    """The text on one line, its spaces those of a keyboard; what stands in quotes stays as it is."""
    return _LAYOUT.sub(lambda match: match["kept"] or (" " if match["space"] else ""), text)


def _split(text: str, place: str) -> tuple[list[str], list[str]]:
    """The words as a shell has them, and as they were written, with their quotes and backslashes."""
    joined = laid_out(text)
    try:
        words = shlex.split(joined)
    except ValueError as error:
        msg = f"{place} {text!r}: {error}"
        raise ConfigurationError(msg) from error
    return words, re.findall(rf"(?:\\.|{_QUOTED}|[^\s\\'\"])+", joined, re.DOTALL)


def _refuse(written: Sequence[str], place: str) -> None:
    problem = next(filter(None, map(_problem_of_word, written)), "")
    if problem:
        msg = f"{place}: {problem}"
        raise ConfigurationError(msg)


def _problem_of_word(raw: str) -> str:
    """Why a word, as it was written, cannot be passed on; empty where it can. What quotes protect is taken as it is."""
    bare = _BLANKED.sub("_", raw)
    unquoted = re.sub(_QUOTED, "_", raw, flags=re.DOTALL)
    shown = f"'{raw}'" if raw.isprintable() else repr(raw)
    if bare.startswith("#"):
        return f"{shown} begins a comment, with which a shell would end the command; leave it and its line out"
    if _PLACEHOLDER.match(bare):
        return f"{shown} stands for arguments and is none; write them, or leave it out"
    if _DASH.match(bare) or _DASH_WITHIN.match(bare):
        has = "begins with" if _DASH.match(bare) else "has"
        return f"{shown} {has} a dash that a web page has changed; write {_with_hyphens(raw)}"
    if _CURLED.search(bare):
        return f"{shown} has quotes that a web page has changed; write ' or \""
    if _EATEN.search(unquoted):
        return f"a shell would take the backslashes out of {shown}; {_backslash_way(raw)}"
    return _for_a_shell(shown) if _OPERATOR.search(bare) else ""


def _for_a_shell(shown: str) -> str:
    return (
        f"no shell reads this command, and {shown} is for one; leave it out, or write what the shell would put there "
        "(in quotes it is taken as it is)"
    )


def _with_hyphens(raw: str) -> str:
    if _DASH_WITHIN.match(raw):
        return re.sub(r"[\u2010-\u2015\u2212]", "-", raw)
    name = (_DASH.match(raw) or {"name": ""})["name"] or ""
    return f"{'--' if _EM_DASHES.match(raw) else '-'}{name}"


def _backslash_way(raw: str) -> str:
    if _WINDOWS.search(raw):
        return f"a path of Windows wants / or quotes: {raw.replace(chr(92), '/')} (under WSL it begins with /mnt/c/)"
    return f"put it in quotes: '{raw}'"


def _refuse_first(words: Sequence[str]) -> None:
    word = next((word for word in words if not _ASSIGNMENT.match(word) or _LABEL.match(word)), words[0])
    if _PROMPT.match(word):
        problem = f"{word!r} is a shell's prompt, and not part of the command; leave it out"
    elif label := _LABEL.match(word):
        problem = f"{label[0]!r} belongs to the file that the command was copied from; leave it out"
    elif _BUILTIN.fullmatch(word):
        problem = f"{word!r} is a word of the shell's own, and no shell reads this command; leave it out"
    else:
        return
    msg = f"{COMMAND}: {problem}"
    raise ConfigurationError(msg)


def refuse_elsewhere(program: Sequence[str], rest: Sequence[str] = ()) -> None:
    """Raise ConfigurationError for a server that the grid cannot start itself, with what to give instead.

    `program` are the words that start the server, `rest` what follows: a container, another host or user, a service,
    a shell's -c, another engine, or one of llama.cpp's programs that serves nothing.
    """
    names = [_file_name(word) for word in program]
    module = rest[1] if rest[:1] == ["-m"] and len(rest) > 1 else ""
    if _hides_a_command(names[-1], rest[0] if rest else ""):
        problem = (
            f"{names[-1]} {rest[0]} hides a command from the grid, which has to change it; give that command "
            "itself, or a script"
        )
    elif names[-1].startswith("python") and _ENGINE_MODULE.fullmatch(module):
        problem = _another_engine(module)
    else:
        problem = next((reason(name) for name in names for shape, reason in _REASONS if shape.fullmatch(name)), "")
    if problem:
        msg = f"{COMMAND}: {problem}"
        raise ConfigurationError(msg)


def _hides_a_command(name: str, flag: str) -> bool:
    """`bash -lc`, `cmd /c`, `env -S`: the next word is a command of its own."""
    if name == "env":
        return flag.startswith(("-S", "--split-string"))
    return _SHELL.fullmatch(name) is not None and re.fullmatch(r"-\w*c|/c|-command", flag.lower()) is not None


def _out_of_reach(name: str) -> str:
    return (
        f"a server behind {name} has ports, paths and a log of its own, and the grid has to control them; give the "
        f"command of a llama-server that runs here, as a process of yours, or {_PER_START}"
    )


def _a_service(name: str) -> str:
    return (
        f"a server that {name} starts is no process of this run, and could outlive it; give the command that it "
        f"starts, or {_PER_START}"
    )


def _of_another_user(name: str) -> str:
    return f"a server that {name} starts belongs to another user and could outlive the run; leave {name} out"


def _another_engine(name: str) -> str:
    return f"{name} is no llama-server, and its cache types are not set by -ctk and -ctv; {_URL}"


def _no_server(name: str) -> str:
    return f"{name} answers no requests; give the llama-server of the same build"


def _file_name(word: str) -> str:
    return re.split(r"[/\\]", word)[-1].lower().removesuffix(".exe")


_REASONS: Sequence[tuple[re.Pattern[str], Callable[[str], str]]] = (
    (_OUT_OF_REACH, _out_of_reach),
    (_SERVICE, _a_service),
    (_OTHER_USER, _of_another_user),
    (_ENGINE, _another_engine),
    (_NO_SERVER, _no_server),
)
