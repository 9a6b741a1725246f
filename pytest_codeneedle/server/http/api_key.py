"""The key of an endpoint: read from where it is kept, and shown nowhere."""

from __future__ import annotations

import base64
import os
import re
from typing import TYPE_CHECKING, NoReturn

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.machine import expanded
from pytest_codeneedle.core.redaction import MASKED
from pytest_codeneedle.core.regular_files import read_given

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: What stands where a key was.
HIDDEN = "[key]"
#: More than any key has; a model given by mistake is not read to its end.
_MOST_BYTES = 8192
#: What an HTTP header carries unharmed.
_VISIBLE = re.compile(r"[!-~]+")
#: A key of so many characters is known however it is written; of a longer one a server may leave these ends.
_LONG, _END = 8, 16
_ENTITIES = {"&": "|amp", "<": "|lt", ">": "|gt", '"': "|quot", "'": "|apos"}
#: What stands for the rest of a key.
_REST = r"(?:\[?(?:\.{2,}|…|[*•·#_xX-]{3,})\]?)"


class ApiKey:
    """A secret that no repr, format, pickle or JSON shows. Raises ConfigurationError for what is no key.

    `source` says where it came from, for the message.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: str, source: str = "the API key") -> None:
        if not _VISIBLE.fullmatch(secret):
            msg = f"{source} holds something else than one key: visible ASCII characters without white space"
            raise ConfigurationError(msg)
        self._secret = secret

    def __repr__(self) -> str:
        return f"ApiKey({HIDDEN})"

    def __reduce__(self) -> NoReturn:
        msg = "an API key is not pickled or copied: it would be written somewhere"
        raise TypeError(msg)

    def header(self) -> dict[str, str]:
        """The one header that carries it."""
        return {"Authorization": f"Bearer {self._secret}"}

    def hide(self, text: str) -> str:
        """The text without the key: plain, in the escapes of JSON, HTML and URLs, as base64 or hexadecimal digits."""
        for form in self._forms():
            text = form.sub(HIDDEN, text)
        return text

    def hide_echo(self, words: str) -> str:
        """The words of a server without the key, and without what it masked itself and left the ends of."""
        words = self.hide(words)
        if len(self._secret) >= _LONG:
            words = self._masked().sub(HIDDEN, words)
        return MASKED.sub(HIDDEN, words)

    def _forms(self) -> Iterator[re.Pattern[str]]:
        """The ways in which it may be written down; of a short one capitals count, as it may be a word."""
        yield re.compile("".join(map(_escaped, self._secret)), re.IGNORECASE if len(self._secret) >= _LONG else 0)
        if len(self._secret) < _LONG:
            return
        secret = self._secret.encode()
        yield re.compile(secret.hex(), re.IGNORECASE)
        for before in range(3):  # characters of the same blob
            # The digits that are the key's alone; those at its ends have bits of what stands beside it.
            digits = base64.b64encode(bytes(before) + secret).decode()[
                -(-before * 4 // 3) : (before + len(secret)) * 4 // 3
            ]
            yield re.compile(r"[\w+/-]?" + re.sub(r"\\?[+/]", _either, re.escape(digits)) + r"[\w+/-]?={0,2}")

    def _masked(self) -> re.Pattern[str]:
        """Its beginning, its end, or both, around what stands for the rest: `Zx81...EYk9`."""
        ends = range(min(_END, len(self._secret) // 2), 2, -1)
        first = "|".join(re.escape(self._secret[:length]) for length in ends)
        last = "|".join(re.escape(self._secret[-length:]) for length in ends)
        return re.compile(rf"(?:{first}){_REST}(?:{last})?|{_REST}(?:{last})(?!\w)", re.IGNORECASE)


def _escaped(char: str) -> str:
    """A pattern for one visible ASCII character, itself or escaped."""
    code = f"{ord(char):02x}"
    entity = f"&(?:amp;)*?(?:#0*{ord(char)}|#x0*{code}{_ENTITIES.get(char, '')});"
    return rf"(?:{entity}|%(?:25)*{code}|\\+(?:u00|x){code}|\\{{0,8}}{re.escape(char)})"


def _either(found: re.Match[str]) -> str:
    return "[+-]" if found[0].endswith("+") else "[/_]"


def read_api_key(*, variable: str | None, file: Path | None) -> ApiKey | None:
    """The key out of an environment variable or a file; None where neither is named.

    White space around it is no part of it. Raises ConfigurationError where both are named, or where that place
    holds none. The messages show no name in small letters: it may be the key itself, given by mistake.
    """
    if variable is not None and file is not None:
        msg = "--kv-api-key-env and --kv-api-key-file both name a key: give one of them"
        raise ConfigurationError(msg)
    if variable is not None:
        return _from_environment(variable)
    return None if file is None else _from_file(file)


def _from_environment(variable: str) -> ApiKey:
    shown = f"the environment variable {variable if variable.isupper() else 'that --kv-api-key-env names'}"
    secret = os.environ.get(variable)
    if secret is None:
        msg = f"{shown} is not set; --kv-api-key-env takes the name of the variable that holds the key"
        raise ConfigurationError(msg)
    if not secret.strip():
        msg = f"{shown} is empty: set it to the key"
        raise ConfigurationError(msg)
    return ApiKey(secret.strip(), shown)


def _from_file(file: Path) -> ApiKey:
    try:
        read = read_given(expanded(str(file)), _MOST_BYTES)
    except OSError as error:
        msg = f"the key file {file} cannot be read: {error.strerror}; --kv-api-key-file takes a file with the key alone"
        raise ConfigurationError(msg) from error
    secret = read.decode("utf-8", "replace").strip().removeprefix("\ufeff")
    if not secret:
        msg = f"the key file {file} is empty: write the key into it"
        raise ConfigurationError(msg)
    return ApiKey(secret, f"the key file {file}")
