"""The files that a server's arguments and its environment name, whichever flag or variable does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.hashes import is_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: Flags and variables whose files hold secrets, are written by the server, or are for people's eyes: no answer
#: depends on them. Their names in words: `--api-key-file` has `key` in it, `--tokenizer` no `token`.
_NOT_READ = re.compile(
    r"(?:^|[-_])(?:key|keys|token|secret|password|cert|ssl|log|lcd|dynamic|mcp|ui|webui|output)(?:[-_]|$)",
    re.IGNORECASE,
)
#: The last of them names a folder of models.
_MODELS_DIR = re.compile(r"(?:--models-dir|LLAMA_ARG_MODELS_DIR)")
#: `adapter.gguf:0.5`
_SCALE = re.compile(r":[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$")
#: How llama.cpp names the parts of a split model.
_PART = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<count>\d{5})\.gguf")
#: A line of a preset file: `mmproj = vision.gguf`.
_SETTING = re.compile(r"^\s*(?P<name>[\w-]+)\s*=\s*(?P<value>.*?)\s*$", re.MULTILINE)
#: A preset is a page of text.
_LONGEST_PRESET = 1 << 20


def named_files(words: Sequence[str], environment: Iterable[tuple[str, str]] = ()) -> dict[str, Path]:
    """The regular files that exist among the values: label -> path, `--lora a.gguf` -> `/models/a.gguf`.

    A value may be a list with commas, and each of it may end in a scale. All parts of a split model are there, what a
    preset file names, and the models of `--models-dir`. Of several files with one label the later ones are numbered.
    Sockets, pipes, devices, logs and files of keys are none of them.
    """
    given = list(_found([*_values(words), *environment]))
    preset = [setting for _, path in given for setting in _settings(path)]
    labelled: dict[str, Path] = {}
    for flag, path in (*given, *_found(preset)):
        label = f"{flag} {path.name}".strip()
        names = [label, *(f"{label} ({number})" for number in range(2, len(labelled) + 3))]
        if path not in [labelled.get(name) for name in names]:
            labelled[next(name for name in names if name not in labelled)] = path
    return labelled


def model_parts(model: Path) -> dict[str, Path]:
    """The further parts of a split model, as `model part NAME` -> path; nothing for a model in one file."""
    return {f"model part {path.name}": path for path in _parts(model) if path != model}


def _parts(path: Path) -> list[Path]:
    """The file itself, or all parts of the split model that it is one of."""
    found = _PART.fullmatch(path.name)
    if found is None:
        return [path]
    count = int(found["count"])
    names = (f"{found['stem']}-{number:05}-of-{found['count']}.gguf" for number in range(1, count + 1))
    return [part for name in names if is_regular(part := path.with_name(name))]


def _found(values: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Path]]:
    """(flag, file) for each value of a flag that is one."""
    for flag, value in values:
        if _MODELS_DIR.fullmatch(flag) and Path(value).is_dir():
            yield from ((flag, path) for path in sorted(Path(value).rglob("*.gguf")) if is_regular(path))
        elif not _NOT_READ.search(flag):
            yield from ((flag, part) for path in _files(value) for part in _parts(path))


def _values(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(flag, value) of each word that is no flag: a flag may have several values, and a value may stand alone."""
    flag = ""
    for word in words:
        name, equals, value = word.partition("=")
        if word.startswith("-") and equals:
            yield name, value
        elif word.startswith("-"):
            flag = word
        else:
            yield flag, word


def _files(value: str) -> list[Path]:
    """The files that a value names: itself, or those of a list."""
    whole = [path for path in _with_scale(value) if is_regular(path)][:1]
    if whole or "," not in value:
        return whole
    return [path for one in value.split(",") for path in [path for path in _with_scale(one) if is_regular(path)][:1]]


def _with_scale(value: str) -> list[Path]:
    return [Path(value), Path(_SCALE.sub("", value))]


def _settings(path: Path) -> list[tuple[str, str]]:
    """What a preset file sets, as flags and values; nothing for other files."""
    if path.suffix.lower() != ".ini":
        return []
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_LONGEST_PRESET)
    except OSError:
        return []
    return [(f"{path.name}: {found['name']}", found["value"].strip("'\"")) for found in _SETTING.finditer(text)]
