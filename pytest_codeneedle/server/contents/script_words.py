"""What a script puts into the server's command by itself, beside what the grid gave: as the running server shows it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.redaction import redacted_words
from pytest_codeneedle.server.command.speculation import (
    asking,
    brings_draft,
    is_speculative_variable,
    without_speculation,
)
from pytest_codeneedle.server.command.user_command import program_end
from pytest_codeneedle.server.contents.hashes import is_regular
from pytest_codeneedle.server.contents.named_files import named_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: What begins the names of those parts of an identity that only a running server shows.
SCRIPT = "script"
_READ_BY_SERVER = ("LLAMA_", "GGML_")


@dataclass(frozen=True)
class ScriptWords:
    """The words that a server has and was not given, those that it was given and has not, variables that differ.

    `start` is the folder in which it runs, and names files from: a script may have gone there.
    """

    added: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    start: Path = Path()

    @property
    def parts(self) -> dict[str, Any]:
        """As parts of an identity, without secrets; of a file the name, for its content counts. Nothing where none."""
        names = [path.name if is_regular(path := self.start / word) else word for word in self.added]
        parts = {
            f"{SCRIPT} adds": redacted_words(names),
            f"{SCRIPT} leaves out": redacted_words(self.lost),
            f"{SCRIPT} sets": redacted_words(list(map("=".join, self.variables))),
        }
        return {name: words for name, words in parts.items() if words}

    @property
    def files(self) -> dict[str, Path]:
        """The files that they name, by label."""
        return named_files(self.added, self.variables, self.start)

    def refuse_speculation(self) -> None:
        """Raise ConfigurationError where they ask for speculation: it has no part in a scored cell."""
        drafts = (word for word in self.added if brings_draft(word))
        variables = asking("=".join(pair) for pair in self.variables if is_speculative_variable(pair[0]))
        words = [*without_speculation(self.added)[1], *drafts, *variables]
        if words:
            msg = (
                f"--kv-server: the server's own command has {', '.join(redacted_words(words))}: speculation has no "
                "part in a scored cell; leave it out of the script that starts the server"
            )
            raise ConfigurationError(msg)


def script_words(
    process: Path | None, given: Sequence[str], program: int, environment: Mapping[str, str]
) -> ScriptWords:
    """How a process, a folder in /proc, differs from what was `given`: its first `program` words start the server.

    `environment` is what it was given. Nothing differs where the process cannot be seen.
    """
    try:
        words = _strings(process / "cmdline") if process else []
        pairs = [pair.partition("=")[::2] for pair in _strings(process / "environ")] if process else []
    except OSError:  # it ended, or is another user's
        return ScriptWords()
    if not words:
        return ScriptWords()
    own, rest = words[program_end(words) :], given[program:]
    added: list[str] = []
    lost: list[str] = []
    for kind, start, end, own_start, own_end in difflib.SequenceMatcher(None, rest, own, autojunk=False).get_opcodes():
        if kind != "equal":
            lost += rest[start:end]
            added += own[own_start:own_end]
    variables = [(name, value) for name, value in pairs if name.startswith(_READ_BY_SERVER)]
    different = tuple(pair for pair in sorted(variables) if environment.get(pair[0]) != pair[1])
    return ScriptWords(tuple(added), tuple(lost), different, _folder(process))


def _folder(process: Path | None) -> Path:
    """The folder that a process is in; this one's where that cannot be seen."""
    try:
        return Path() if process is None else (process / "cwd").readlink()
    except OSError:
        return Path()


def _strings(path: Path) -> list[str]:
    """The words of a command line or the pairs of an environment, as /proc has them."""
    return path.read_bytes().decode("utf-8", "replace").split("\0")[:-1]
