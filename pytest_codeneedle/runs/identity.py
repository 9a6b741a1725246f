"""What an answer depends on, beside its pair and its function: two runs share answers where all of it is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.recall.thinking import way_of

if TYPE_CHECKING:
    from collections.abc import Collection

#: The part that says how the model is kept from thinking, or let.
THINKING = "thinking"
_KEY_DIGITS = 16
_SHOWN_DIGITS = 12
_SHA256_DIGITS = 64
_DIGITS = frozenset("0123456789abcdef")
#: So many differences are named of one part: a new build has other libraries, all of them.
_FEW = 3


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
        """What changed since `earlier`, a part each, as `lines was 20, is 10`; parts of `but` are not compared.

        Of a part that has parts of its own each is named: `--lora a.gguf: sha256 was 0a1b, is 2c3d`.
        """
        names = [name for name in {**earlier.parts, **self.parts} if name not in but]
        return [said for name in names for said in _differences(name, earlier.parts.get(name), self.parts.get(name))]


def recorded_identity(about: Mapping[str, Any]) -> Identity:
    """That of a run.json which has one; what an older version settled about thinking stands elsewhere in it."""
    way = way_of(about.get("thinking_settled"))
    return Identity({**({THINKING: way} if way else {}), **about["identity"]})


def with_thinking(identity: Identity, settled: Mapping[str, Any], about: Mapping[str, Any] | None) -> Identity:
    """The identity with what was settled about thinking, the fields of a `Thinking`.

    A run that is gone on with (`about`, None for a new one) and was begun by a version that did not count it keeps its
    key where the same was settled then.
    """
    way, recorded = way_of(settled), about or {}
    counted = "identity" not in recorded or THINKING in recorded["identity"]
    if not counted and recorded_identity(recorded).parts.get(THINKING, way) == way:
        return identity
    return Identity({**identity.parts, THINKING: way})


def _differences(name: str, old: object, new: object) -> list[str]:
    if old == new:
        return []
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        changed = [part for part in {**old, **new} if old.get(part) != new.get(part)]
        said = [_difference(name, part, old.get(part), new.get(part)) for part in changed[:_FEW]]
        return said + ([f"{len(changed) - _FEW} more of {name}"] if len(changed) > _FEW else [])
    if isinstance(new, Mapping) and old is None:
        return [f"{name} was not recorded"] if new else []
    if isinstance(old, Mapping) and new is None:
        return [f"{name} is not recorded"] if old else []
    return [f"{name} was {_shown(old)}, is {_shown(new)}"]


def _difference(name: str, part: object, old: object, new: object) -> str:
    """A file is named by its label, anything else by what it is a part of, too."""
    named = f"{part}: sha256" if _is_sha256(old) or _is_sha256(new) else f"{name} {part}"
    return f"{named} was {_shown(old)}, is {_shown(new)}"


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and len(value) == _SHA256_DIGITS and set(value) <= _DIGITS


def _shown(value: object) -> str:
    """A value as a person compares it: hashes shortened, lists as words, nothing as `unset`."""
    if _is_sha256(value):
        return str(value)[:_SHOWN_DIGITS]
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "none"
    return "unset" if value is None else str(value)
