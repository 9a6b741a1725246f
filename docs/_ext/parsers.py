"""Reference pages out of what the program itself reads: pytest's options, the commands, the fixtures.

Each function gives Markdown (MyST) that a directive of `codeneedle_docs` puts into a page.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest_codeneedle
from pytest_codeneedle import cli
from pytest_codeneedle.plugin import fixtures, options

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Wide enough for a usage line of a page.
_COLUMNS = "100"
#: What Markdown would read as markup, outside of `code`.
_MARKUP = re.compile(r"([_*<>\[\]$\\])")
_INI_KINDS = {"string": "text", "args": "a list of words", "bool": "true or false"}


def plain(text: str) -> str:
    """A help text as Markdown: what stands between backticks is code, all else is meant as it is."""
    parts = text.split("`")
    return "`".join(part if at % 2 else _MARKUP.sub(r"\\\1", part) for at, part in enumerate(parts))


def pytest_options() -> str:
    """Every option of the grid: its help with the default, and its ini key."""
    return "\n".join(_pytest_option(option) for option in options.OPTIONS)


def _pytest_option(option: options.Option) -> str:
    value = "{" + ",".join(option.choices) + "}" if option.choices else option.metavar or ""
    ini = f"Ini key: `{option.key}`, {_INI_KINDS[option.ini]}."
    return _option(f"{option.flag} {value}".strip(), f"{plain(option.help)}\n\n{ini}")


def _option(signature: str, text: str) -> str:
    """Markdown of Sphinx's own directive: an anchor, an entry of the index, and a target of {option}`...`."""
    return f":::{{option}} {signature}\n{text}\n:::\n"


def commands() -> str:
    """Every command: a heading, its help, its usage, its arguments."""
    with _wide():
        return "\n".join(_commands(cli.command_parser()))


@contextmanager
def _wide() -> Iterator[None]:
    """Have argparse wrap usage lines for a page, whatever terminal the site is built in, and without colours."""
    before = dict(os.environ)
    os.environ.update(COLUMNS=_COLUMNS, NO_COLOR="1", PYTHON_COLORS="0")
    os.environ.pop("FORCE_COLOR", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _commands(parser: argparse.ArgumentParser) -> Iterator[str]:
    for group in _groups(parser):
        helps = {action.dest: action.help for action in group._get_subactions()}  # noqa: SLF001 - it has no other door
        for name, command in group.choices.items():
            if _groups(command):
                yield from _commands(command)
            else:
                yield _command(command, helps[name] or "")


def _groups(parser: argparse.ArgumentParser) -> list[argparse._SubParsersAction[argparse.ArgumentParser]]:
    return [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 - as above


def _command(command: argparse.ArgumentParser, said: str) -> str:
    usage = command.format_usage().removeprefix("usage: ").strip()
    sentence = plain(f"{said[:1].upper()}{said[1:]}{'' if said.endswith('?') else '.'}")
    head = f"## {command.prog}\n\n{sentence}\n\n```text\n{usage}\n```\n\n```{{program}} {command.prog}\n```\n"
    arguments = [_argument(action) for action in command._actions if action.dest != "help"]  # noqa: SLF001 - as above
    return "\n".join([head, *arguments])


def _argument(action: argparse.Action) -> str:
    names = ", ".join(action.option_strings)
    value = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.metavar or ""
    takes = "" if action.nargs == 0 else str(value or action.dest.upper())
    several = " ..." if action.nargs == "+" else ""
    said = plain(action.help or "") + (" (required)" if action.required and action.option_strings else "")
    if action.option_strings:
        return _option(f"{names} {takes}".strip() + several, said)
    return f"`{takes}{several}`\n: {said}\n"


def pytest_fixtures() -> str:
    """Every fixture: its scope, what it gives, its docstring."""
    source = Path(fixtures.__file__).read_text(encoding="utf-8")
    found = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return "\n".join(_fixture(node, scope) for node in found if (scope := _scope(node)))


def _scope(node: ast.FunctionDef) -> str | None:
    """`session` or `function` of a fixture; None where the function is none."""
    for decorator in node.decorator_list:
        if ast.unparse(decorator) == "pytest.fixture":
            return "function"
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.fixture":
            given = {word.arg: ast.literal_eval(word.value) for word in decorator.keywords}
            return str(given.get("scope", "function"))
    return None


def _fixture(node: ast.FunctionDef, scope: str) -> str:
    gives = ast.unparse(node.returns) if node.returns else "None"
    gives = gives.removeprefix("Iterator[").removesuffix("]") if gives.startswith("Iterator[") else gives
    paragraphs = plain(ast.get_docstring(node) or "")
    return f"## {node.name}\n\nScope: {scope}. Gives: {_linked(gives)}.\n\n{paragraphs}\n"


def _linked(gives: str) -> str:
    """What a fixture gives, with a link to each public name; as code where it is more than names."""
    names = gives.split(" | ")
    if not set(names) <= set(pytest_codeneedle.__all__):
        return f"`{gives}`"
    return " or ".join(f"{{py:obj}}`{name} <pytest_codeneedle.{name}>`" for name in names)
