"""Which lines of a server's log tell a person what went wrong: those with an error, then the last ones."""

from __future__ import annotations

import re

LAST_LINES = 20
#: So many lines with an error are quoted; the first ones tell the cause of those that follow.
_ERROR_LINES = 6
#: A line's own beginning: time and level. An E is llama.cpp's level of errors.
_ERROR = re.compile(
    r"^(?:[\d.]+ )?E\b|\b(?:error|failed|failure|fatal|exception|abort(?:ed)?|unrecognized|invalid argument"
    r"|unable to|could not|couldn't|cannot|no such file)\b",
    re.IGNORECASE,
)
_SHOWN_CHARACTERS = 1000


def error_lines(log: str) -> list[str]:
    """The first lines of a log that tell of an error, each once."""
    found = dict.fromkeys(line.strip() for line in log.splitlines() if _ERROR.search(line))
    return [_cut(line) for line in list(found)[:_ERROR_LINES]]


def quoted(log: str) -> str:
    """The lines with an error, then the last 20: what is in both stands once."""
    lines = log.splitlines()
    last = [_cut(line) for line in lines[-LAST_LINES:]]
    before = error_lines("\n".join(lines[:-LAST_LINES]))
    return "\n".join([*before, *(["..."] if before else []), *last])


def _cut(line: str) -> str:
    """A line as far as a person reads it."""
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}... ({len(line)} characters)"
