"""Which files below a directory a `[files]` table takes: globs, exclusions, a limit; and what stands in the way."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.core.regular_files import check_regular
from pytest_codeneedle.corpus.functions.extraction import LANGUAGES, kinds_read, script_language

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_codeneedle.core.toml_tables import Table


_FIRST_LINE_BYTES = 256
#: So many kinds of files are named in a message.
_FEW_KINDS = 5


@dataclass(frozen=True)
class Chosen:
    """The files in the order of their paths, and notes on what may not have been meant."""

    paths: tuple[Path, ...]
    notes: tuple[str, ...]


def choose(table: Table, directory: Path) -> Chosen:
    """The files that `glob` matches and `exclude` does not, the first `limit` of them.

    An excluded folder takes all that lies below it along. Raises the table's error: no file, a file that lies
    elsewhere by a link, a link to nothing, a folder that cannot be read.
    """
    globs = table.texts("glob")
    if not globs and "glob" not in table.values:
        raise table.wrong('[files] wants a glob, for instance glob = "**/*.py"')
    shown = table.shown("glob", "")
    notes = []
    excluded: set[Path] = set()
    for pattern in table.texts("exclude"):
        matched = set(_matches(table, directory, "exclude", pattern))
        excluded |= matched
        if not matched:
            notes.append(f"exclude {pattern!r} matches nothing in {directory.name or directory}")
    found = {path for pattern in globs for path in _matches(table, directory, "glob", pattern)}
    kept = sorted(path for path in found if excluded.isdisjoint((path, *path.parents)))
    notes += _walked(table, directory, excluded) if any("**" in pattern for pattern in globs) else []
    paths = [path for path in kept if _is_within(path, directory, table)]
    if not any(path.is_file() for path in found):
        raise table.wrong(f"[files] glob = {shown} matches no file in {directory}")
    if not paths:
        raise table.wrong(f"[files] exclude = {table.shown('exclude', '')} leaves no file of glob = {shown}")
    limit = table.number("limit", 1) if "limit" in table.values else len(paths)
    return Chosen(tuple(paths[:limit]), tuple(notes))


def language_of(paths: Sequence[Path], directory: Path, table: Table) -> str:
    """The one language of these files, by suffix or first line. Raises the table's error for none or several."""
    names = [path.relative_to(directory).as_posix() for path in paths]
    languages = [_language(path) for path in paths]
    unknown = [name for name, language in zip(names, languages, strict=True) if language is None]
    if unknown:
        raise table.wrong(_unknown(unknown, len(names)))
    examples = {language: name for language, name in reversed([*zip(languages, names, strict=True)]) if language}
    if len(examples) > 1:
        mixed = ", ".join(f"{language} ({examples[language]})" for language in sorted(examples))
        raise table.wrong(f"[files] glob = {table.shown('glob', '')} mixes languages: {mixed}; exclude all but one")
    return next(iter(examples))


def _language(path: Path) -> str | None:
    if path.suffix:
        return LANGUAGES.get(path.suffix.lower())
    try:
        with path.open("rb") as file:
            return script_language(file.read(_FIRST_LINE_BYTES))
    except OSError:
        return None


def _unknown(names: Sequence[str], files: int) -> str:
    """Which of the files are of no language that is read, by their kinds, and what is read."""
    kinds = Counter(Path(name).suffix or "no suffix" for name in names)
    counted = ", ".join(f"{kind} ({number})" for kind, number in kinds.most_common(_FEW_KINDS))
    more = f" and {len(kinds) - _FEW_KINDS} more kinds" if len(kinds) > _FEW_KINDS else ""
    if len(names) == files:
        return f"its files are of no language that is read: {counted}{more}; a corpus is of {kinds_read()}"
    return (
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: of no language that is read: "
        f"{counted}{more}; there is {kinds_read()}: exclude the others"
    )


def _matches(table: Table, directory: Path, key: str, pattern: str) -> Iterator[Path]:
    # A `**` at the end means folders in Python 3.11 and files too in 3.13: here it means all that lies below.
    forms = (pattern, f"{pattern}/*") if pattern.endswith("**") else (pattern,)
    try:
        named = directory / pattern
        if named.is_symlink():  # a link to nothing is no match to a glob without wildcards
            yield named
        yield from itertools.chain.from_iterable(list(directory.glob(form)) for form in forms)
    except (ValueError, NotImplementedError, IndexError, OSError) as error:
        raise table.wrong(f"[files] {key} = {pattern!r}: {error}") from error


def _is_within(path: Path, directory: Path, table: Table) -> bool:
    """Whether it is a file of this directory, no folder; a link that leads elsewhere or nowhere is an error.

    So is a pipe, a socket or a device.
    """
    if path.is_symlink() and not path.exists():
        raise table.wrong(f"{path} is a link to nothing; exclude it")
    if path.is_dir():
        return False
    try:
        check_regular(path)
    except OSError as error:
        raise table.wrong(f"{path}: {error.strerror}; exclude it") from error
    target = path.resolve()
    if not target.is_relative_to(directory.resolve()):
        raise table.wrong(f"{path} leaves the corpus directory: it is {target}; exclude it, or widen directory")
    return True


def _walked(table: Table, directory: Path, excluded: set[Path]) -> list[str]:
    """What `**` passes over without a word: links to folders; a folder that cannot be read is an error."""

    def refuse(error: OSError) -> None:
        raise table.wrong(f"{error.filename}: {error.strerror}; exclude the folder") from error

    links = []
    for folder, names, _ in os.walk(directory, onerror=refuse):
        inside = {name: Path(folder, name) for name in names}
        links += [path.relative_to(directory).as_posix() for path in inside.values() if path.is_symlink()]
        names[:] = [name for name, path in inside.items() if path not in excluded]
    return [f"links to folders are not followed: {', '.join(sorted(links))}"] if links else []
