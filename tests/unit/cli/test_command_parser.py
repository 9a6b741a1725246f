"""The parser of the command line: what `--help` and the page of commands are made of."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pytest_codeneedle.cli import command_parser

if TYPE_CHECKING:
    from collections.abc import Iterator


def arguments(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
    """Every argument of every command below, with the command's name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from arguments(command)
        else:
            yield parser.prog, action


def test_every_argument_says_what_it_is() -> None:
    """Also the ones that everybody knows, such as RUN: the page of a command lists them all."""
    silent = [f"{command} {action.dest}" for command, action in arguments(command_parser()) if not action.help]
    assert silent == []
