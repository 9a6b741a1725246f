"""A router's model presets: an INI file of models and their arguments, as `llama-server --models-preset` reads it."""

from __future__ import annotations

import configparser
import shlex
from typing import TYPE_CHECKING

from pytest_codeneedle.server.command.flags import flag_of, flag_of_variable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: The section whose arguments every model gets.
_ALL = "*"
_LARGEST_BYTES = 1 << 20
_MODEL = ("-m", "-hf", "-mu", "-dr")


class _AsWritten(configparser.ConfigParser):
    """Keys as they are written: names of variables are in capitals."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def preset_commands(path: Path) -> list[str]:
    """The command of each model of a preset, `llama-server -m m.gguf -ngl 99`; empty where the file cannot be read."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
            return []
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return []
    parser = _AsWritten(interpolation=None, strict=False, default_section=_ALL, allow_no_value=True, delimiters=("=",))
    try:
        parser.read_string(text if text.lstrip().startswith("[") else f"[{_ALL}]\n{text}")
    except configparser.Error:
        return []
    commands = [_command(dict(parser[section])) for section in parser.sections()]
    return [command for command in commands if command]


def _command(arguments: Mapping[str, str | None]) -> str:
    """The arguments of one model as words; empty where they name no model."""
    words = ["llama-server"]
    named = False
    for key, value in arguments.items():
        flag = flag_of_variable(key) or flag_of(f"--{key}") or flag_of(f"-{key}")
        name = flag.name if flag else f"--{key}"
        named |= name in _MODEL
        words += [name] if value is None else [name, value]
    return shlex.join(words) if named else ""
