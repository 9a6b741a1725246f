"""Where a corpus's files come from: a folder, an installed package, a module of Python's own, a generator."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.errors import CorpusError
from pytest_codeneedle.extraction import LANGUAGES
from pytest_codeneedle.generate import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_codeneedle.tables import Table


@dataclass(frozen=True)
class SourceFile:
    """One file of a corpus: its name in headers and reports, its text with line feeds, its language."""

    label: str
    text: str
    language: str


@dataclass(frozen=True)
class Skipped:
    """A file that was left out because it could not be read as code, and why."""

    label: str
    reason: str


@dataclass(frozen=True)
class Sources:
    """The files of a corpus in their order, and those that were left out."""

    files: tuple[SourceFile, ...]
    skipped: tuple[Skipped, ...] = ()


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
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise table.wrong(f"[module] name = {name!r} is not a Python module with a source file")
    text = _text(Path(spec.origin).read_bytes, spec.origin, "utf-8", table)
    return Sources((SourceFile(name.replace(".", "/") + ".py", text, "python"),))


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
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if expected is not None and found != expected.lower():
        raise table.wrong(f"{path} has sha256 {found}, and not {expected}: pip install '{install}'")
    text = _text(path.read_bytes, str(path), "utf-8", table)
    return Sources((SourceFile(inner, text, _language([Path(inner)], table)),))


def folder(table: Table, root: Path, *, skip_unparsable: bool) -> Sources:
    """`[files] directory, glob, exclude, limit, encoding`: files of one language below a directory.

    They come in the order of their paths, from `directory` (relative to `root`) on. `limit` takes the first so many.
    With `skip_unparsable` a file that is not text in that encoding is left out, not an error.
    """
    table.only("directory", "glob", "exclude", "limit", "encoding")
    directory = root / Path(table.text("directory", ".") or ".").expanduser()
    if not directory.is_dir():
        raise table.wrong(f"[files] directory {directory} is not there")
    encoding = table.encoding("encoding")
    paths = _paths(table, directory)
    language = _language(paths, table)
    files: list[SourceFile] = []
    skipped: list[Skipped] = []
    for path in paths:
        label = path.relative_to(directory).as_posix()
        try:
            text = _text(path.read_bytes, label if skip_unparsable else str(path), encoding, table)
        except CorpusError as error:
            if not skip_unparsable:
                raise
            skipped.append(Skipped(label, str(error).removeprefix(str(table.wrong("")))))
        else:
            files.append(SourceFile(label, text, language))
    return Sources(tuple(files), tuple(skipped))


def _paths(table: Table, directory: Path) -> list[Path]:
    globs = table.texts("glob")
    shown = table.shown("glob", "")
    excluded = set(_matches(table, directory, "exclude", table.texts("exclude")))
    found = {path for path in _matches(table, directory, "glob", globs) if path.is_file()}
    if not found:
        raise table.wrong(f"[files] glob = {shown} matches no file in {directory}")
    paths = sorted(path for path in found if excluded.isdisjoint((path, *path.parents)))
    if not paths:
        raise table.wrong(f"[files] exclude = {table.shown('exclude', '')} leaves no file of glob = {shown}")
    home = directory.resolve()
    for path in paths:
        target = path.resolve()
        if not target.is_relative_to(home):
            raise table.wrong(f"{path} leaves the corpus directory: it is {target}; exclude it, or widen directory")
    return paths[: table.number("limit", 1)] if "limit" in table.values else paths


def _matches(table: Table, directory: Path, key: str, patterns: Sequence[str]) -> Iterator[Path]:
    for pattern in patterns:
        # A `**` at the end means folders in Python 3.11 and files too in 3.13: here it means all that lies below.
        forms = (pattern, f"{pattern}/*") if pattern.endswith("**") else (pattern,)
        try:
            yield from itertools.chain.from_iterable(list(directory.glob(form)) for form in forms)
        except (ValueError, NotImplementedError, IndexError, OSError) as error:
            raise table.wrong(f"[files] {key} = {pattern!r}: {error}") from error


def _language(paths: Sequence[Path], table: Table) -> str:
    unknown = [path for path in paths if path.suffix.lower() not in LANGUAGES]
    if unknown:
        known = ", ".join(LANGUAGES)
        raise table.wrong(f"{unknown[0].name}: no extraction for this kind; there is {known}")
    examples = {LANGUAGES[path.suffix.lower()]: path.name for path in reversed(paths)}
    if len(examples) > 1:
        mixed = ", ".join(f"{language} ({examples[language]})" for language in sorted(examples))
        raise table.wrong(f"[files] glob = {table.shown('glob', '')} mixes languages: {mixed}; exclude all but one")
    return next(iter(examples))


def _text(read: Callable[[], bytes], shown: str, encoding: str, table: Table) -> str:
    try:
        text = read().decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        name = "UTF-8" if encoding == "utf-8" else encoding
        raise table.wrong(f"{shown}: not {name} at byte {error.start}") from error
    except (OSError, UnicodeError) as error:
        raise table.wrong(f"{shown}: {getattr(error, 'strerror', None) or error}") from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
