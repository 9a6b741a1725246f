"""Facts of a run as they may be shown to others: without secrets, and without the paths and hosts of a machine."""

from __future__ import annotations

import re
import shlex
from typing import Any

from pytest_codeneedle.core.redaction import redacted, redacted_words
from pytest_codeneedle.core.text import cut, printable

#: A path from a root or a home, behind nothing, a space, a quote, or what comes before a value.
_PATH = re.compile(r"(?<![^\s'\"=(,:])(?:~[\w.-]*|\.{1,2}|[A-Za-z]:)?[/\\][^\s'\"]*")
_URL = re.compile(r"\b[A-Za-z][\w+.-]*://[^\s'\"]+")
#: A whole argument that is a path, spaces and all.
_PATH_WORD = re.compile(r"(?:~[\w.-]*|\.{1,2}|[A-Za-z]:)?[/\\].*")
#: llama-server's flags, and their variables, that name hosts; a list of them with commas.
_HOSTS = ("--rpc", "LLAMA_ARG_RPC", "--host", "LLAMA_ARG_HOST")
#: Somebody's home: `~jane`, and the folders that hold those of all.
_HOME = re.compile(r"(?<![^\s'\"=(,:])~[A-Za-z_][\w.-]*(?![\w./\\-])")
_HOMES = ("home", "users")
_BEHIND = re.compile(r"[^\w.-]*$")
#: Backslashes of Windows, which escape nothing.
_WINDOWS = re.compile(r"[A-Za-z]:\\|\\\\")
#: Lines of an error's text that are shown: what it says, and the end of a server's log.
_ERROR_LINES = 100


def shareable(value: Any) -> Any:  # noqa: ANN401 - a value as JSON has it
    """The value without secrets, paths as their last names, URLs without hosts, hosts that share a model counted.

    `-m /home/me/x.gguf` is `-m x.gguf`: what an answer depends on stays to be seen, where it lies does not. A text is
    read as a command line is, an entry of a list as one argument.
    """
    if isinstance(value, str):
        return _joined(value)
    if isinstance(value, dict):
        return {key: shareable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        before = ["", *map(str, value[:-1])]
        plain = redacted_words(value) if all(isinstance(one, str) for one in value) else value
        words = zip(plain, before, strict=True) if value else ()
        return [_word(one, flag) if isinstance(one, str) else shareable(one) for one, flag in words]
    return value


def _joined(text: str) -> str:
    """Several arguments in one text; what has nothing to hide, or is no command line, keeps its quotes."""
    text = redacted(text)
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    lexer.escape = "" if _WINDOWS.search(text) else lexer.escape
    try:
        words = list(lexer)
    except ValueError:  # a quote that is not closed
        words = text.split()
    shown = shareable(words)
    return text if shown == words else " ".join(shlex.quote(one) if re.search(r"\s|^$", one) else one for one in shown)


def _text(text: str) -> str:
    named = _URL.sub(lambda found: _last_of_url(found[0]), text)
    return _HOME.sub("~", _PATH.sub(lambda found: bare_name(found[0]), named))


def _word(word: str, before: str) -> str:
    """One argument, or one `NAME=VALUE`."""
    if before in _HOSTS:
        return _counted(word)
    name, equals, value = word.partition("=")
    if not equals or "://" in name or _PATH_WORD.fullmatch(word):
        return _listed(word)
    return f"{name}={_counted(value) if name in _HOSTS else _listed(value)}"


def _listed(value: str) -> str:
    """A value, or several with commas."""
    return ",".join(bare_name(one) if _PATH_WORD.fullmatch(one) else _text(one) for one in value.split(","))


def _counted(hosts: str) -> str:
    count = len(hosts.split(","))
    return "1 host" if count == 1 else f"{count} hosts"


def last_name(path: str) -> str:
    """The last name of a path."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] or "/"


def bare_name(path: str) -> str:
    """The last name of a path; `~` of one that ends at somebody's home folder, whose name is theirs."""
    *_, above, name = ["", "", *(part for part in re.split(r"[/\\]+", path) if part)]
    if above.lower() not in _HOMES or name.endswith(".gguf"):
        return last_name(path)
    behind = _BEHIND.search(name)
    return "~" + (behind[0] if behind else "")


def _last_of_url(url: str) -> str:
    """The file that a URL names; of others no more than that it is one."""
    last = last_name(url.partition("?")[0])
    return last if last.endswith(".gguf") else "URL"


def shown_text(text: str) -> str:
    """Text of a program, line by line fit to be seen, without the paths and hosts of its machine."""
    lines = text.splitlines()
    more = len(lines) - _ERROR_LINES
    # An error begins with what it says and ends with the last lines of a log.
    kept = lines if more <= 0 else [*lines[: _ERROR_LINES // 2], f"... {more} more lines", *lines[-_ERROR_LINES // 2 :]]
    return "\n".join(map(_shown_line, kept))


def first_line(error: str) -> str:
    """What an error says, without the end of a log."""
    return error.partition("\n")[0].partition(". The last lines of")[0]


def _shown_line(line: str) -> str:
    kept, more = cut(line)  # first: a path is looked for in time that grows with the square of the line
    return printable(str(shareable(kept))) + more
