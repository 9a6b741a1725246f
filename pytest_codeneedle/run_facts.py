"""What a run is, as (term, value) for people: corpus, model, server, questions; without paths and hosts."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.figures import counted, lines_of
from pytest_codeneedle.printable import printable
from pytest_codeneedle.progress import duration
from pytest_codeneedle.shareable import shareable

if TYPE_CHECKING:
    from collections.abc import Mapping

_DIGITS = 12


def run_facts(about: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The identity of the run that `about`, its run.json, tells of; what that does not say is left out."""
    found = {
        "corpus": _corpus(about),
        "model": _model(about),
        "server": _joined(about.get("server"), about.get("server_version"), about.get("server_build")),
        "arguments": _arguments(about),
        "rotation": _rotation(about),
        "context": _context(about),
        "grid": _grid(about),
        "questions": _questions(about),
        "wording": _joined(about.get("prompt"), _named("thinking", about.get("thinking"))),
        "sample seed": _text(about.get("sample_seed")),
        "date": _text(about.get("started")),
        "wall time": duration(about["wall_seconds"]) if about.get("wall_seconds") else "",
        "machine": _machine(about),
        "versions": ", ".join(f"{name} {one}" for name, one in (about.get("versions") or {}).items() if one),
        "made of": ", ".join(_sources(about)),
    }
    return tuple((term, printable(str(value))) for term, value in found.items() if value)


def _text(value: object) -> str:
    return "" if value is None or value == [] else str(shareable(value))


def _joined(*values: object) -> str:
    return ", ".join(dict.fromkeys(text for value in values if (text := _text(value))))


def _named(name: str, value: object) -> str:
    return f"{name} {value}" if value not in (None, "", []) else ""


def _hash(value: object) -> str:
    return f"sha256 {str(value)[:_DIGITS]}" if value else ""


def _corpus(about: Mapping[str, Any]) -> str:
    files = about.get("corpus_files") or ()
    size = f"{about['corpus_bytes']} bytes" if about.get("corpus_bytes") else ""
    private = "private" if about.get("private") else ""
    trim = _named("trimmed to tokens", (about.get("trim") or {}).get("max_tokens"))
    parts = (about.get("language"), counted(len(files), "file") if files else "", size, trim, private)
    return _joined(about.get("corpus"), _hash(about.get("corpus_sha256")), *parts)


def _model(about: Mapping[str, Any]) -> str:
    return _joined(about.get("model_name"), _hash(about.get("model_sha256")))


def _arguments(about: Mapping[str, Any]) -> str:
    """What answers may depend on: without the model, the cell's types, threads and address."""
    identity = about.get("identity") or {}
    words = [*(identity.get("environment") or ()), *(identity.get("server_args") or about.get("server_args") or ())]
    return shlex.join(map(str, shareable(words)))


def _rotation(about: Mapping[str, Any]) -> str:
    asked = [name for name in about.get("rotations") or () if name != "default"]
    return " and ".join(asked) or _text((about.get("identity") or {}).get("rotation"))


def _context(about: Mapping[str, Any]) -> str:
    tokens = about.get("tokens") or {}
    return _joined(
        counted(about["n_ctx"], "token") if about.get("n_ctx") else "",
        _named("corpus", tokens.get("file")),
        _named("longest prompt", tokens.get("longest_prompt")),
    )


def _grid(about: Mapping[str, Any]) -> str:
    repeat = about.get("repeat") or 1
    return _joined(
        counted(len(about.get("pairs") or ()), "pair"),
        _named("reference", about.get("reference")),
        f"delta {lines_of(about['delta'])}" if about.get("delta") else "",
        _named("order", about.get("order")),
        f"{repeat} passes" if repeat > 1 else "",
        _named("shard", about.get("shard")),
    )


def _questions(about: Mapping[str, Any]) -> str:
    relaxed = about.get("relax_indent")
    indent = "" if relaxed is None else f"indentation {'ignored' if relaxed else 'compared'}"
    return _joined(
        counted(len(about.get("asked") or about.get("functions") or ()), "function"),
        f"{lines_of(about['lines'])} each" if about.get("lines") else "",
        _named("passed from lines", about.get("pass")),
        indent,
        "whole answers" if about.get("full_answer") else "",
    )


def _machine(about: Mapping[str, Any]) -> str:
    machine = about.get("machine") or {}
    return _joined(
        machine.get("system"),
        machine.get("architecture"),
        counted(machine["cores"], "core") if machine.get("cores") else "",
        _named("Python", machine.get("python")),
        counted(about["workers"], "server") if about.get("workers") else "",
        _named("threads", about.get("threads")),
        _named("devices", ",".join(map(str, about.get("devices") or ()))),
    )


def _sources(about: Mapping[str, Any]) -> list[str]:
    merged = [str(shareable(one.get("run"))) for one in about.get("merged") or ()]
    return [*merged, *(str(shareable(one)) for one in about.get("imported") or ())]
