"""The one door to standard output and standard error: what passes it is printable, and without secrets.

Sessions of pytest's have another, to its terminal reporter (`terminal.write`). Nothing else in the package prints:
tests/unit/core/test_output.py looks through all of it.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.redaction import redacted, redacted_value
from pytest_codeneedle.core.text import printable, printable_json, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable


def say(*lines: str) -> None:
    """Print lines. A line end in one of them is shown as its escape: names have some."""
    _print(fit_line(line) for line in lines)


def complain(text: str) -> None:
    """Print a message of one or more lines on standard error, at once."""
    print(fit_text(text), file=sys.stderr, flush=True)


def say_code(text: str) -> None:
    """Print code as it is but for what is no text: a measurement changes nothing of it."""
    _print(printable(line) for line in text.split("\n"))


def say_json(value: Any) -> None:  # noqa: ANN401 - a value as JSON has it
    """Print a value as JSON. Raises ValueError for a number that JSON has no word for."""
    say_data(json.dumps(redacted_value(value), indent=1, ensure_ascii=False, allow_nan=False))


def say_data(text: str) -> None:
    """Print JSON that is text already."""
    _print([printable_json(text)])


def fit_line(line: str) -> str:
    """One line as it may be printed."""
    return _fit(line.replace("\n", "\\n"))


def _print(lines: Iterable[str]) -> None:
    print(*lines, sep="\n", flush=True)


def fit_text(text: str) -> str:
    """A message of one or more lines as it may be printed: codes as text, without secrets, no line without end."""
    return "\n".join(map(shortened, _fit(text).split("\n")))


def _fit(text: str) -> str:
    return "\n".join(map(printable, redacted(text).split("\n")))
