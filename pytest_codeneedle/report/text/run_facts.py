"""What a run is, as (term, value) for people: corpus, model, server, questions; without paths and hosts."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.shareable import shareable
from pytest_codeneedle.core.text import counted, lines_of, printable
from pytest_codeneedle.runs.progress import duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    About = Mapping[str, Any]

_DIGITS = 12
#: Characters of one value: no command line is as long.
_LONGEST = 4000


def run_facts(about: About) -> tuple[tuple[str, str], ...]:
    """The identity of the run that `about`, its run.json, tells of; what that does not say is left out."""
    found = {
        "corpus": _corpus(about),
        "model": _listed(about.get("model_name"), _sha256(about.get("model_sha256"))),
        "server": _listed(about.get("server"), about.get("server_version"), about.get("server_build")),
        "command": _listed(about.get("server_command")),
        "arguments": _arguments(about),
        "request": _listed(*(f"{key}={value}" for key, value in (about.get("request") or {}).items())),
        "rotation": _rotation(about),
        "context": _context(about),
        "grid": _grid(about),
        "questions": _questions(about),
        "wording": _listed(about.get("prompt"), _with("thinking: {}", _thinking(about))),
        "sample": _sample(about),
        "date": _date(about),
        "wall time": duration(about["wall_seconds"]) if about.get("wall_seconds") else "",
        "machine": _machine(about),
        "servers": _servers(about),
        "versions": _listed(*(f"{name} {one}" for name, one in (about.get("versions") or {}).items() if one)),
        "made of": _listed(*(one.get("run") for one in about.get("merged") or ()), *(about.get("imported") or ())),
    }
    return tuple((term, printable(value)) for term, value in found.items() if value)


def _listed(*values: object) -> str:
    """Those that say something, each once."""
    told = dict.fromkeys(str(shareable(str(value)[:_LONGEST])) for value in values if value not in (None, "", []))
    return ", ".join(told)


def _with(text: str, value: object) -> str:
    """The text with the value in it; nothing without one."""
    return text.format(value) if value not in (None, "", 0) else ""


def _thinking(about: About) -> object:
    """In words what the rendered prompts show; of older runs the technique that was believed in."""
    settled = about.get("thinking_settled")
    return (settled.get("said") if isinstance(settled, dict) else None) or about.get("thinking")


def _sha256(value: object) -> str:
    return f"sha256 {str(value)[:_DIGITS]}" if value else ""


def _corpus(about: About) -> str:
    files, skipped, trim = about.get("corpus_files"), about.get("skipped_files"), about.get("trim") or {}
    dropped = f" ({counted(_many(trim['dropped']), 'file')} dropped)" if trim.get("dropped") else ""
    return _listed(
        about.get("corpus"),
        _sha256(about.get("corpus_sha256")),
        about.get("language"),
        counted(_many(files), "file") if files else "",
        _with("{} bytes", about.get("corpus_bytes")),
        _with("trimmed to {} tokens", trim.get("max_tokens")) + dropped,
        f"{counted(_many(skipped), 'file')} left out" if skipped else "",
        "private" if about.get("private") else "",
    )


def _many(files: Any) -> int:  # noqa: ANN401 - a list, a table, or their length
    """Of private code an archive keeps how many there are."""
    return files if isinstance(files, int) else len(files)


def _is_endpoint(about: About) -> bool:
    """Nobody tells how the server behind one was started."""
    return str(about.get("server") or "").startswith("endpoint ")


def _arguments(about: About) -> str:
    """What answers may depend on: without the model, a cell's types, threads and address."""
    if _is_endpoint(about):
        return ""
    identity = about.get("identity") or {}
    words = [*(identity.get("environment") or ()), *(identity.get("server_args") or about.get("server_args") or ())]
    return shlex.join(map(str, shareable(words)))


def _rotation(about: About) -> str:
    asked = [name for name in about.get("rotations") or () if name != "default"]
    if _is_endpoint(about):
        return ""
    return " and ".join(asked) or _listed((about.get("identity") or {}).get("rotation"))


def _context(about: About) -> str:
    tokens = about.get("tokens") or {}
    return _listed(
        _with("{} tokens", about.get("n_ctx")),
        _with("{} of the corpus", tokens.get("file")),
        _with("{} of the longest question", tokens.get("longest_prompt")),
    )


def _grid(about: About) -> str:
    repeat = about.get("repeat") or 1
    return _listed(
        counted(len(about.get("pairs") or ()), "pair"),
        _with("reference {}", about.get("reference")),
        f"delta {lines_of(about['delta'])}" if about.get("delta") else "",
        f"{repeat} passes" if repeat > 1 else "",
        about.get("order"),
        _with("part {}", about.get("shard")),
    )


def _questions(about: About) -> str:
    relaxed = about.get("relax_indent")
    return _listed(
        counted(len(about.get("asked") or about.get("functions") or ()), "function"),
        f"{lines_of(about['lines'])} each" if about.get("lines") else "",
        f"{lines_of(about['pass'])} pass" if about.get("pass") else "",
        "" if relaxed is None else f"indentation {'ignored' if relaxed else 'compared'}",
        "whole answers" if about.get("full_answer") else "",
    )


def _sample(about: About) -> str:
    return _listed(
        counted(about["sample_k"], "function") if about.get("sample_k") else "",
        "" if about.get("sample_seed") is None else f"seed {about['sample_seed']}",
    )


def _date(about: About) -> str:
    resumed = about.get("resumed")
    return _listed(about.get("started"), f"resumed {counted(len(resumed), 'time')}" if resumed else "")


def _machine(about: About) -> str:
    machine = about.get("machine") or {}
    return _listed(
        machine.get("system"),
        machine.get("architecture"),
        counted(machine["cores"], "core") if machine.get("cores") else "",
        _with("Python {}", machine.get("python")),
        f"{len(about['hosts'])} hosts" if len(about.get("hosts") or ()) > 1 else "",  # -n alone is on this one
    )


def _servers(about: About) -> str:
    workers = about.get("workers") or 0
    return _listed(
        f"{workers} at once" if workers > 1 else "",
        f"{counted(about['threads'], 'thread')} each" if about.get("threads") else "",
        _with("devices {}", " ".join(map(str, about.get("devices") or ()))),
    )
