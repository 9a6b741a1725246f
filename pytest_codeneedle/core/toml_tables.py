"""Tables of a TOML file, read with checks: every mistake is one clear error of the file's own kind."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.text import meant

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_codeneedle.core.errors import ConfigurationError


@dataclass(frozen=True)
class Table:
    """One table. `name` is how messages call it; `wrong` makes the error for a message."""

    name: str
    values: Mapping[str, Any]
    wrong: Callable[[str], ConfigurationError]

    def only(self, *keys: str, shown: Sequence[str] | None = None) -> None:
        """Raise the error for a key that is none of `keys`; `shown` are those to name, if not all."""
        for key in self.values:
            if key not in keys:
                known = ", ".join(keys if shown is None else shown)
                raise self.wrong(f"unknown key {key!r} in {self.name}; there is {known}")

    def _place(self, key: str) -> str:
        return f"{self.name} {key}" if self.name.startswith("[") else key

    def table(self, key: str) -> Table:
        """The table below `key`, empty where there is none."""
        value = self.values.get(key, {})
        if not isinstance(value, Mapping):
            raise self.wrong(f"[{key}] is not a table")
        return Table(f"[{key}]", value, self.wrong)

    def number(self, key: str, low: int, default: int = 0) -> int:
        """A whole number of `low` or more."""
        value = self.values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            hint = meant(value) if isinstance(value, str | float) else ""
            raise self.wrong(f"{self._place(key)} = {value!r} is not a whole number of {low} or more{hint}")
        return value

    def text(self, key: str, default: str | None) -> str | None:
        """A string, or the default where there is none."""
        value = self.values.get(key, default)
        if value is not None and not isinstance(value, str):
            raise self.wrong(f"{self._place(key)} = {value!r} is not a string")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A string or a list of them; empty strings are left out."""
        value = self.values.get(key, ())
        listed = (value,) if isinstance(value, str) else value
        if not isinstance(listed, Sequence) or not all(isinstance(one, str) for one in listed):
            raise self.wrong(f"{self._place(key)} = {value!r} is not a string or a list of strings")
        return tuple(one for one in listed if one)

    def switch(self, key: str) -> bool | None:
        """True or false, None where it is not said."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(f"{self._place(key)} = {value!r} is neither true nor false")
        return value

    def encoding(self, key: str) -> str:
        """A text encoding by Python's own name for it; `utf-8` where none is given."""
        given = self.text(key, "utf-8") or "utf-8"
        try:
            found = codecs.lookup(given)
            "a".encode(given)  # a codec such as base64 is no encoding of text
        except (LookupError, ValueError):
            raise self.wrong(
                f"{self._place(key)} = {given!r} is no text encoding; for instance utf-8, cp1252"
            ) from None
        return found.name

    def shown(self, key: str, default: object) -> str:
        """The value as messages show it."""
        return repr(self.values.get(key, default))
