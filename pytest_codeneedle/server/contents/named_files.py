"""The files that a server's arguments and its environment name, whichever flag or variable does."""

from __future__ import annotations

import os
import re
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pytest_codeneedle.server.contents.hashes import is_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: Flags and variables whose files hold secrets, or are for people's eyes: no answer depends on them. Their names in
#: words: `--api-key-file` has `key` in it, `--tokenizer` no `token`.
_SECRET = re.compile(
    r"(?:^|[-_ ])(?:key|keys|keyfile|token|secret|password|cert|ssl|mcp|ui|webui)(?:[-_]|$)", re.IGNORECASE
)
#: And those whose files the server writes.
_WRITTEN = re.compile(
    r"(?:^|[-_ ])(?:log|logfile|pid|pidfile|lcd|dynamic|output|outfile|out|o)(?:[-_]|$)", re.IGNORECASE
)
#: What a server computes with is no secret, whatever it or its flag is called: `--key-scales secret-sauce.gguf`.
_COMPUTED_WITH = re.compile(r"\.(?:gguf|ggml|safetensors|imatrix|npy|npz|jinja2?|gbnf)$", re.IGNORECASE)
#: The last of them names a folder of models.
_MODELS_DIR = re.compile(r"(?:--models-dir|LLAMA_ARG_MODELS_DIR)")
#: Of a folder that is given to a flag, or to one of llama-server's variables, the files count;
_TAKES_FOLDER = re.compile(r"--[A-Za-z]|LLAMA_ARG_|GGML_")
#: but for those that the server writes to, or serves to others;
_OTHER_FOLDER = re.compile(
    r"(?:^|[-_])(?:cache|save|media|static|dynamic|tmp|temp|chdir|cwd)(?:[-_]|$)|^--path$", re.IGNORECASE
)
#: nor what is hidden, nor more than these, by name.
_MOST_OF_FOLDER = 300
_MOST_LOOKED_AT = 10_000
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
#: The folder that this process is in.
_HERE = Path()


def named_files(
    words: Sequence[str], environment: Iterable[tuple[str, str]] = (), start: Path = _HERE
) -> dict[str, Path]:
    """The regular files that exist among the values: label -> path, `--lora a.gguf` -> `/models/a.gguf`.

    `start` is the folder from which they are named. A value may be a list, a file:// URL or JSON, with scales and names
    in it; of a folder that a flag names its files count. All parts of a split model are there, what a preset file
    names, and the models of `--models-dir`. Of several files with one label the later ones are numbered. Sockets,
    pipes, devices, logs and files of keys are none of them.
    """
    variables = list(environment)
    given = [
        *_found([*_values(words), *variables], start),
        *_in_folders([*_next_words(words), *variables], start),
    ]
    preset = [setting for _, path in given for setting in _settings(path)]
    labelled: dict[str, Path] = {}
    for flag, path in (*given, *_found(preset, start)):
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


def _found(values: Iterable[tuple[str, str]], start: Path) -> Iterator[tuple[str, Path]]:
    """(flag, file) for each value of a flag that is one."""
    for flag, value in values:
        if _MODELS_DIR.fullmatch(flag) and (start / value).is_dir():
            yield from ((flag, path) for path in sorted((start / value).rglob("*.gguf")) if is_regular(path))
        else:
            read = (path for path in _files(value, start) if _is_read(flag, path))
            yield from ((flag, part) for path in read for part in _parts(path))


def _is_read(flag: str, path: Path) -> bool:
    """Whether an answer may depend on a file of this flag's."""
    if _WRITTEN.search(flag):
        return False
    return _COMPUTED_WITH.search(path.name) is not None or not _SECRET.search(flag)


def _is_others(path: Path) -> bool:
    """Whether a file that is one of several is a secret, or written meanwhile."""
    return _OTHER_FILE.search(path.name) is not None and not _COMPUTED_WITH.search(path.name)


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


def _in_folders(values: Iterable[tuple[str, str]], start: Path) -> Iterator[tuple[str, Path]]:
    """(flag, file) for the files of each folder that a flag names to be read from."""
    for flag, value in values:
        others = any(no.search(flag) for no in (_WRITTEN, _OTHER_FOLDER, _MODELS_DIR))
        if others or not _TAKES_FOLDER.match(flag):
            continue
        plain = _without_scheme(value)
        below = islice(_below(start / plain), _MOST_LOOKED_AT) if plain else iter(())
        files = (path for path in below if _is_read(flag, path) and not _is_others(path) and is_regular(path))
        yield from ((flag, path) for path in islice(files, _MOST_OF_FOLDER))


def _below(folder: Path) -> Iterator[Path]:
    """What is in a folder and in those below it, by name; nothing hidden, and no link to a folder is followed."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def _files(value: str, start: Path) -> list[Path]:
    """The files that a value names: itself, or those of its parts."""
    whole = _file(value, start)
    if whole:
        return whole
    readable = _WITHIN.sub(lambda found: "" if _is_hidden(found["name"]) else found[0], value)
    parts = dict.fromkeys((*readable.split(","), *_BETWEEN.split(readable)))
    found = dict.fromkeys(path for part in parts for path in _file(part, start))
    return [path for path in found if not _is_others(path)]


def _is_hidden(name: str) -> bool:
    return any(no.search(name) for no in (_SECRET, _WRITTEN))


def _without_scheme(value: str) -> str:
    found = _BEFORE_PATH.match(value)
    return value[found.end() :] if found else value


def _file(value: str, start: Path) -> list[Path]:
    """The file that this text names, as it is, without its scale, or as a URL has it."""
    plain = _without_scheme(value)
    spellings = (value, plain, _SCALE.sub("", plain), unquote(plain))
    return [path for spelling in spellings if spelling and is_regular(path := start / spelling)][:1]


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
