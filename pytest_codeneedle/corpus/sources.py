"""Where a corpus's files come from: a folder, an installed package, a module of Python's own, a generator."""

from __future__ import annotations

import codecs
import dataclasses
import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.core.long_work import ignore
from pytest_codeneedle.core.machine import expanded
from pytest_codeneedle.core.regular_files import read_bytes
from pytest_codeneedle.core.text import printable
from pytest_codeneedle.corpus.random_bodies import KINDS
from pytest_codeneedle.corpus.source_paths import choose, language_of

if TYPE_CHECKING:
    from pytest_codeneedle.core.long_work import At
    from pytest_codeneedle.core.toml_tables import Table

#: Far more than any context holds.
_MOST_SOURCE_BYTES = 2**26


#: So many files that cannot be read are named.
_FEW_FILES = 8


@dataclass(frozen=True)
class SourceFile:
    """One file of a corpus: its name in headers and reports, its text with line feeds, its language."""

    label: str
    text: str = dataclasses.field(repr=False)  # may be private
    language: str


@dataclass(frozen=True)
class Skipped:
    """A file that was left out because it could not be read as code, and why."""

    label: str
    reason: str


@dataclass(frozen=True)
class Sources:
    """The files of a corpus in their order, those that were left out, and what a person should know of the choice."""

    files: tuple[SourceFile, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


def generated(table: Table, name: str) -> Sources:
    """`[generate] kind, ...`: synthetic code with the knobs of that kind."""
    kind = table.text("kind", None)
    if kind not in KINDS:
        raise table.wrong(f"[generate] kind = {kind!r} is unknown; there is {', '.join(KINDS)}")
    knobs = [field.name for field in dataclasses.fields(KINDS[kind])]
    table.only("kind", *knobs, shown=knobs)
    given = {knob: table.number(knob, 0) for knob in knobs if knob in table.values}
    return Sources((SourceFile(f"{name}.py", KINDS[kind](**given).text(), "python"),))


def module(table: Table) -> Sources:
    """`[module] name`: a module's source file, found without importing the module itself."""
    table.only("name")
    name = table.text("name", "") or ""
    try:
        spec = importlib.util.find_spec(name)
    except Exception:  # noqa: BLE001 - looking for a submodule runs its package's own code
        spec = None
    # Of a module that is frozen into the interpreter, such as os, the origin is no path.
    origin = getattr(spec and spec.loader_state, "filename", None) or (spec and spec.origin)
    if not origin or not origin.endswith(".py"):
        raise table.wrong(f"[module] name = {name!r} is not a Python module with a source file")
    text = _text(Path(origin), origin, "utf-8", table)
    inside = "/__init__.py" if Path(origin).name == "__init__.py" else ".py"
    return Sources((SourceFile(name.replace(".", "/") + inside, text, "python"),))


def package(table: Table) -> Sources:
    """`[package] name, path, sha256, install`: a data file of an installed package.

    `install` is what to install where the package is missing; `sha256` is that of the file's bytes.
    """
    table.only("name", "path", "sha256", "install")
    name, inner = table.text("name", "") or "", table.text("path", "") or ""
    try:
        spec = importlib.util.find_spec(name)
    except Exception:  # noqa: BLE001 - as above: a parent package that is missing, or fails
        spec = None
    install = table.text("install", None) or name
    if spec is None:
        raise table.wrong(f"[package] {name!r} is not installed: pip install '{install}'")
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    paths = [folder / inner for folder in folders if (folder / inner).is_file()]
    if not paths:
        raise table.wrong(f"[package] path = {inner!r} is no file of {name}")
    path = paths[0]
    if not any(path.resolve().is_relative_to(folder.resolve()) for folder in folders):
        raise table.wrong(f"[package] path = {inner!r} leaves the package {name}")
    expected = table.text("sha256", None)
    found = hashlib.sha256(read_bytes(path)).hexdigest()
    if expected is not None and found != expected.lower():
        raise table.wrong(f"{path} has sha256 {found}, and not {expected}: pip install '{install}'")
    text = _text(path, str(path), "utf-8", table)
    return Sources((SourceFile(inner, text, language_of([Path(inner)], Path(), table)),))


def folder(table: Table, root: Path, *, skip_unparsable: bool, at: At = ignore) -> Sources:
    """`[files] directory, glob, exclude, limit, encoding`: files of one language below a directory.

    They come in the order of their paths, from `directory` (relative to `root`) on. `limit` takes the first so many.
    With `skip_unparsable` a file that is not text in that encoding is left out, not an error.
    """
    table.only("directory", "glob", "exclude", "limit", "encoding")
    directory = root / expanded(table.text("directory", ".") or ".")
    if not directory.is_dir():
        what = "is a file: name the folder, and the file as glob" if directory.exists() else "is not there"
        raise table.wrong(f"[files] directory {directory} {what}")
    encoding = table.encoding("encoding")
    at(f"looking for files in {printable(str(directory))}")
    chosen = choose(table, directory)
    language = language_of(chosen.paths, directory, table)
    files: list[SourceFile] = []
    skipped: list[Skipped] = []
    for number, path in enumerate(chosen.paths, 1):
        at(f"reading file {number} of {len(chosen.paths)}")
        # A file system's names are bytes; in a header they are one line of text.
        label = printable(os.fsencode(path.relative_to(directory)).decode("utf-8", "replace")).replace("\t", " ")
        try:
            text = _text(path, label if skip_unparsable else str(path), encoding, table)
        except CorpusError as error:
            skipped.append(Skipped(label, str(error).removeprefix(str(table.wrong("")))))
        else:
            files.append(SourceFile(label, text, language))
    if skipped and not skip_unparsable:
        others = [problem.label for problem in skipped[1:]]
        named = ", ".join(others[:_FEW_FILES]) + (f" and {len(others) - _FEW_FILES} more" * (len(others) > _FEW_FILES))
        raise table.wrong(skipped[0].reason + (f"; likewise {named}" if others else ""))
    return Sources(tuple(files), tuple(skipped), chosen.notes)


def _text(path: Path, shown: str, encoding: str, table: Table) -> str:
    try:
        text = read_bytes(path, _MOST_SOURCE_BYTES).decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        name = "UTF-8" if encoding == "utf-8" else encoding
        hint = _wide(error.object) or "; set encoding, or exclude the file"
        raise table.wrong(f"{shown}: not {name} at byte {error.start}{hint}") from error
    except (OSError, UnicodeError) as error:
        raise table.wrong(f"{shown}: {getattr(error, 'strerror', None) or error}; exclude the file") from error
    if "\0" in text and (hint := _wide(text.encode(errors="replace"))):
        raise table.wrong(f"{shown}: every other byte is a NUL{hint}")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _wide(content: bytes) -> str:
    """The way out for text of two bytes a character or more, by its first mark or its zeros; else nothing."""
    marks = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    named = next((name for mark, name in marks.items() if content.startswith(mark)), "")
    if not named and (zeros := content.count(0)) and 2 * zeros >= len(content) - 1:
        named = "utf-16-be" if content.startswith(b"\0") else "utf-16-le"
    return f'; it may be UTF-{named[4:6]}: set encoding = "{named}", or exclude the file' if named else ""
