"""What an answer depends on, beside its pair and its function: two runs share answers where all of it is the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_KEY_DIGITS = 16
_SHOWN_DIGITS = 12
_SHA256_DIGITS = 64


@dataclass(frozen=True)
class Identity:
    """The parts by name, plain as JSON has them: hashes of corpus and model, server build and arguments, and so on.

    How many lines pass and whether indentation counts is no part of it: an answer is judged anew.
    """

    parts: Mapping[str, Any]

    @property
    def key(self) -> str:
        """64 bits of the SHA-256 over all parts, as 16 hexadecimal digits: what each row carries."""
        text = json.dumps(self.parts, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]

    def differences(self, earlier: Identity, *, but: Collection[str] = ()) -> list[str]:
        """What changed since `earlier`, a part each, as `lines was 20, is 10`; parts of `but` are not compared."""
        names = [name for name in {**earlier.parts, **self.parts} if name not in but]
        pairs = [(name, earlier.parts.get(name), self.parts.get(name)) for name in names]
        return [f"{name} was {_shown(old)}, is {_shown(new)}" for name, old, new in pairs if old != new]


def _shown(value: object) -> str:
    """A value as a person compares it: hashes shortened, lists as words, nothing as `unset`."""
    if isinstance(value, str) and len(value) == _SHA256_DIGITS and all(digit in "0123456789abcdef" for digit in value):
        return value[:_SHOWN_DIGITS]
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "none"
    return "unset" if value is None else str(value)
