"""The address of an endpoint that runs already: what is meant for one, and its base."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx

from pytest_codeneedle.core.errors import ConfigurationError

COMPLETIONS = "/chat/completions"
_WRITABLE = re.compile(r"[!-\[\]-~]+")  # visible ASCII but the backslash, which programs read differently


def is_url(text: str) -> bool:
    """Whether this is meant for a URL, right or wrong."""
    return re.match(r"\s*https?:", text, re.IGNORECASE) is not None


def normalised_url(text: str) -> str:
    """The base URL of an endpoint, without `/chat/completions` and with `/v1` where no path is given.

    Normalising twice is normalising once. Raises ConfigurationError for what is no http(s) URL with a host, and for
    credentials, a query or a fragment in it: the URL is recorded, so these are not shown either.
    """
    text = text.strip()
    if "@" in text:
        msg = "the endpoint's URL holds a user name or password, and URLs are recorded; use --kv-api-key-env NAME"
        raise ConfigurationError(msg)
    base = re.split(r"[?#]", text)[0]
    if base != text:
        msg = f"endpoint {base!r} goes on with a query or a fragment: give the base URL alone"
        raise ConfigurationError(msg)
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and _WRITABLE.fullmatch(text) and httpx.URL(text).host
        _ = parts.port
    except (ValueError, httpx.InvalidURL) as error:
        msg = f"endpoint {text!r} is no URL: {error}"
        raise ConfigurationError(msg) from error
    if not usable:
        msg = f"endpoint {text!r}: give an http:// or https:// URL with a host, such as http://127.0.0.1:8080"
        raise ConfigurationError(msg)
    path = re.sub(rf"({COMPLETIONS}|/)+$", "", parts.path) or "/v1"
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"
