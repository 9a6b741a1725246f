"""Texts of JSON and TOML as values: whatever is wrong with such a text is a ValueError, its depth too."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

_TOO_DEEP = "it is nested too deeply"


def parse_json(text: str | bytes, *, finite: bool = False) -> Any:  # noqa: ANN401 - a value as JSON has it
    """The value of a JSON text. Raises ValueError, with `finite` for NaN and Infinity as well."""
    return _parsed(json.loads, text, **({"parse_constant": _refused} if finite else {}))


def parse_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text. Raises ValueError."""
    table: dict[str, Any] = _parsed(tomllib.loads, text)
    return table


def _parsed(parse: Callable[..., Any], text: str | bytes, **knobs: object) -> Any:  # noqa: ANN401 - as above
    try:
        return parse(text, **knobs)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error


def _refused(constant: str) -> NoReturn:
    msg = f"{constant} is no figure"
    raise ValueError(msg)
