"""The files that a server's arguments and its environment name, whichever flag or variable does."""

from __future__ import annotations

import re
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pytest_codeneedle.hashes import is_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: Flags and variables whose files hold secrets, are written by the server, or are for people's eyes: no answer
#: depends on them. Their names in words: `--api-key-file` has `key` in it, `--tokenizer` no `token`.
_NOT_READ = re.compile(
    r"(?:^|[-_ ])(?:key|keys|keyfile|token|secret|password|cert|ssl|log|logfile|pid|pidfile|lcd|dynamic|mcp|ui|webui"
    r"|output|outfile|out|o)(?:[-_]|$)",
    re.IGNORECASE,
)
#: The last of them names a folder of models.
_MODELS_DIR = re.compile(r"(?:--models-dir|LLAMA_ARG_MODELS_DIR)")
#: Of a folder that is given to a flag, or to one of llama-server's variables, the files count;
_TAKES_FOLDER = re.compile(r"--[A-Za-z]|LLAMA_ARG_")
#: but for those that the server writes to, or serves to others;
_OTHER_FOLDER = re.compile(r"(?:^|[-_])(?:cache|save|media|path|dynamic|tmp|temp|chdir|cwd)(?:[-_]|$)", re.IGNORECASE)
#: nor what is hidden, nor more than these, by name.
_MOST_OF_FOLDER = 300
#: Files that are secrets, or are written meanwhile, by their own names.
_OTHER_FILE = re.compile(
    r"\.(?:key|pem|crt|log|out|pid|lock|tmp)(?:\.\w+)?$|(?:^|[\W_])(?:keys?|secrets?|passwords?)(?:[\W_]|$)",
    re.IGNORECASE,
)
#: `adapter.gguf:0.5`
_SCALE = re.compile(r":[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$")
#: `file:///adapter.gguf`, `@arguments.txt`
_BEFORE_PATH = re.compile(r"@|file:(?://(?:localhost)?(?=/))?")
#: What may stand between files, and names, and numbers: `type=lora,path=a.gguf`, `a:b`, `{"f": "a.gguf"}`.
_BETWEEN = re.compile(r"[,;:=|\s\"'{}\[\]()]+")
#: `key-file=k.txt`, `"log": "l.txt"` within a value.
_WITHIN = re.compile(r"(?<![\w./-])(?P<name>[\w-]+)[\"']?\s*[:=]\s*[^\s,;{}]+")
#: How llama.cpp names the parts of a split model.
_PART = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<count>\d{5})\.gguf")
#: A line of a preset file: `mmproj = vision.gguf ; it sees`.
_SETTING = re.compile(r"^[ \t]*(?P<name>[\w-]+)[ \t]*=[ \t]*(?P<value>.*?)[ \t]*(?:[ \t][;#].*)?$", re.MULTILINE)
#: A preset is a page of text.
_LONGEST_PRESET = 1 << 20


def named_files(words: Sequence[str], environment: Iterable[tuple[str, str]] = ()) -> dict[str, Path]:
    """The regular files that exist among the values: label -> path, `--lora a.gguf` -> `/models/a.gguf`.

    A value may be a list, a file:// URL or JSON, with scales and names in it; of a folder that a flag names its files
    count. All parts of a split model are there, what a preset file names, and the models of `--models-dir`. Of several
    files with one label the later ones are numbered. Sockets, pipes, devices, logs and files of keys are none of them.
    """
    variables = list(environment)
    given = [*_found([*_values(words), *variables]), *_in_folders([*_next_words(words), *variables])]
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


def _next_words(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(flag, value) where the value is in the same word or in the next."""
    for word, following in pairwise((*words, "")):
        flag, equals, value = word.partition("=")
        yield (flag, value) if equals else (word, following)


def _in_folders(values: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Path]]:
    """(flag, file) for the files of each folder that a flag names to be read from."""
    for flag, value in values:
        if not _TAKES_FOLDER.match(flag) or any(no.search(flag) for no in (_NOT_READ, _OTHER_FOLDER, _MODELS_DIR)):
            continue
        try:
            paths = sorted(Path(plain).iterdir()) if (plain := _without_scheme(value)) else []
        except (OSError, ValueError):  # no folder, or one of others
            continue
        files = [
            path
            for path in paths
            if not path.name.startswith(".") and not _OTHER_FILE.search(path.name) and is_regular(path)
        ]
        yield from ((flag, path) for path in files[:_MOST_OF_FOLDER])


def _files(value: str) -> list[Path]:
    """The files that a value names: itself, or those of its parts."""
    whole = _file(value)
    if whole:
        return whole
    readable = _WITHIN.sub(lambda found: "" if _NOT_READ.search(found["name"]) else found[0], value)
    parts = dict.fromkeys((*readable.split(","), *_BETWEEN.split(readable)))
    found = dict.fromkeys(chain.from_iterable(map(_file, parts)))
    return [path for path in found if not _OTHER_FILE.search(path.name)]


def _without_scheme(value: str) -> str:
    found = _BEFORE_PATH.match(value)
    return value[found.end() :] if found else value


def _file(value: str) -> list[Path]:
    """The file that this text names, as it is, without its scale, or as a URL has it."""
    plain = _without_scheme(value)
    spellings = (value, plain, _SCALE.sub("", plain), unquote(plain))
    return [path for path in map(Path, filter(None, spellings)) if is_regular(path)][:1]


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
