r"""Model profiles: `models/NAME.toml` in the project's root, so that `--kv-model NAME` says it all.

::

    name         = "qwen3.6-27b"              how the run is called; an endpoint's own identifier
    path         = "$MODELS/qwen3.6-27b.gguf" the GGUF file: absolute, or relative to the project's root
    think        = "prefill"                  as --kv-think
    stop         = ["\n---"]                   strings that end an answer
    max_tokens   = 1500                       tokens of an answer, thinking included
    relax_indent = true                       as --kv-relax-indent; false is --kv-strict-indent
    server_args  = "-ngl 99"                  as --kv-server-args; a string, or a list of words
    [request]                                 more fields for an endpoint's chat completions
    reasoning_effort = "none"
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.errors import ConfigurationError, ModelError
from pytest_codeneedle.core.machine import expanded
from pytest_codeneedle.core.parsing import parse_toml
from pytest_codeneedle.core.regular_files import MOST_TABLE_BYTES, read_text, reason
from pytest_codeneedle.core.toml_tables import Table
from pytest_codeneedle.recall.thinking import THINK, Think
from pytest_codeneedle.server.command.given_args import parse_server_args

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_KEYS = ("name", "path", "think", "stop", "max_tokens", "relax_indent", "server_args", "request")
_VARIABLE = re.compile(r"\$(\w+|\{\w+\})")
#: What this package sets itself in every request.
_OWN_FIELDS = ("messages", "stream", "model")


@dataclass(frozen=True)
class Profile:
    """One model and how it wants to be asked. None and empty stand for "not said"."""

    name: str
    file: Path
    path: Path | None = None
    think: Think | None = None
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    relax_indent: bool | None = None
    server_args: tuple[str, ...] = ()
    request: Mapping[str, Any] = field(default_factory=dict)


def known_profiles(rootdir: Path) -> dict[str, Path]:
    """Name -> profile file."""
    return {path.stem: path for path in sorted((rootdir / "models").glob("*.toml"))}


def find_profile(given: str, start: Path, roots: Iterable[Path]) -> Profile | None:
    """The profile that `--kv-model` names, out of the first of `roots` that has one; None where it is a file's path.

    Raises ModelError for a mistake in the profile.
    """
    if (start / given).is_file():
        return None
    paths = (known_profiles(root).get(given) for root in roots)
    path = next((path for path in paths if path is not None), None)
    return None if path is None else read_profile(path)


def read_profile(path: Path) -> Profile:
    """The profile in a file. Raises ModelError that names the file, the key and what it may be."""

    def wrong(what: str) -> ModelError:
        return ModelError(f"model profile {path}: {what}")

    try:
        values = parse_toml(read_text(path, MOST_TABLE_BYTES, encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise wrong(reason(error)) from error
    table = Table("the file", values, wrong)
    table.only(*_KEYS)
    return Profile(
        name=table.text("name", None) or path.stem,
        file=path,
        path=_path(table, path.parent.parent),
        think=_think(table),
        stop=table.texts("stop"),
        max_tokens=table.number("max_tokens", 1) if "max_tokens" in values else None,
        relax_indent=table.switch("relax_indent"),
        server_args=_server_args(table),
        request=_request(table),
    )


def _path(table: Table, root: Path) -> Path | None:
    given = table.text("path", None)
    if not given:
        return None
    missing = [name for name in _VARIABLE.findall(given) if name.strip("{}") not in os.environ]
    if missing:
        raise table.wrong(f"path = {given!r}: the environment variable {missing[0].strip('{}')} is not set")
    return root / expanded(os.path.expandvars(given))


def _think(table: Table) -> Think | None:
    given = table.text("think", None)
    if given is None:
        return None
    for known in THINK:
        if given == known:
            return known
    raise table.wrong(f"think = {given!r} is unknown; there is {', '.join(THINK)}")


def _server_args(table: Table) -> tuple[str, ...]:
    given = table.values.get("server_args", "")
    words = given if isinstance(given, str) else shlex.join(table.texts("server_args"))
    try:
        return parse_server_args(words)
    except ConfigurationError as error:
        raise table.wrong(f"server_args: {error}") from error


def _request(table: Table) -> Mapping[str, Any]:
    request = table.table("request")
    for key in request.values:
        if key in _OWN_FIELDS:
            raise table.wrong(f"[request] {key} is set by the grid; leave it out")
    return request.values
