"""Corpora: `corpora/NAME.toml` -> the text that goes into the context, and the functions in it.

A corpus file has one source table and an optional `[sample]` table::

    [generate] kind = "random-bodies", functions, value_len, seed, body_lines
    [module]   name = "http.server"             a module of the Python standard library
    [files]    directory = "src", glob = "*.py"  relative to the corpus file's folder's parent
    [sample]   k = 16, seed = 42
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.errors import CorpusError
from pytest_codeneedle.extraction import LANGUAGES, extract
from pytest_codeneedle.generate import KINDS
from pytest_codeneedle.sampling import sample

if TYPE_CHECKING:
    from pytest_codeneedle.functions import Function

DEFAULT_SAMPLE = 16
DEFAULT_SEED = 42
#: Comment mark of a language, for the header line of each file where a corpus has several.
_COMMENT = {"python": "#", "javascript": "//", "php": "//"}
_SOURCES = ("generate", "module", "files")


@dataclass(frozen=True)
class Corpus:
    """The text of a corpus (its line ends are line feeds), every long enough function in it, and how to sample them.

    `generated` says that the text is synthetic, so that the control model can copy it.
    """

    name: str
    text: str
    functions: tuple[Function, ...]
    files: tuple[str, ...]
    language: str
    generated: bool
    sample_k: int = DEFAULT_SAMPLE
    sample_seed: int = DEFAULT_SEED
    same_names: int = 0

    @property
    def sha256(self) -> str:
        """Of the text in UTF-8."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def total_lines(self) -> int:
        """The newline count + 1, as the sample's definition has it."""
        return self.text.count("\n") + 1

    def sample(self, k: int | None = None, seed: int | None = None) -> list[Function]:
        """The stratified sample; the corpus file's own k and seed where none is given."""
        return sample(
            self.functions,
            self.total_lines,
            k=self.sample_k if k is None else k,
            seed=self.sample_seed if seed is None else seed,
        )


@dataclass(frozen=True)
class _File:
    label: str
    text: str
    language: str


def shipped_folder() -> Path:
    """The corpora of this package: beside the modules in a wheel, at the top level in a checkout."""
    inside = Path(__file__).parent / "corpora"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "corpora"


def known_corpora(rootdir: Path) -> dict[str, Path]:
    """Name -> corpus file; one in `rootdir/corpora` wins over a shipped one of that name."""
    folders = (shipped_folder(), rootdir / "corpora")
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def load_corpus(name: str, rootdir: Path, *, min_lines: int = 20) -> Corpus:
    """The corpus of that name.

    Raises CorpusError: unknown name, a mistake in its file, files that are missing or cannot be read, or no
    function with at least `min_lines` body lines.
    """
    known = known_corpora(rootdir)
    if name not in known:
        msg = f"unknown corpus {name!r}; there are {', '.join(sorted(known))} (corpora/NAME.toml adds one)"
        raise CorpusError(msg)
    path = known[name]
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"corpus file {path}: {error}"
        raise CorpusError(msg) from error
    corpus = _Reader(name, path, table).corpus(min_lines)
    if not corpus.functions:
        msg = f"corpus {name!r} has no named function with {min_lines} body lines or more; add longer code to {path}"
        raise CorpusError(msg)
    return corpus


@dataclass(frozen=True)
class _Reader:
    """One corpus file, read and checked."""

    name: str
    path: Path
    table: Mapping[str, Any]

    def corpus(self, min_lines: int) -> Corpus:
        self._known_keys("the file", self.table, (*_SOURCES, "sample"))
        sources = [key for key in _SOURCES if key in self.table]
        if len(sources) != 1:
            raise self._wrong(f"wants exactly one of [{'], ['.join(_SOURCES)}], and has {len(sources)}")
        files = getattr(self, f"_{sources[0]}")(self.table[sources[0]])
        settings = self.table.get("sample", {})
        self._known_keys("[sample]", settings, ("k", "seed"))
        joined = _join(files, min_lines)
        return Corpus(
            name=self.name,
            text=joined.text,
            functions=tuple(joined.functions),
            files=tuple(file.label for file in files),
            language=files[0].language,
            generated=sources == ["generate"],
            sample_k=self._number("[sample] k", settings.get("k", DEFAULT_SAMPLE), 1),
            sample_seed=self._number("[sample] seed", settings.get("seed", DEFAULT_SEED), 0),
            same_names=joined.same_names,
        )

    def _generate(self, table: Mapping[str, Any]) -> list[_File]:
        if not isinstance(table, Mapping):
            raise self._wrong("[generate] is not a table")
        knobs = dict(table)
        kind = knobs.pop("kind", None)
        if not isinstance(kind, str) or kind not in KINDS:
            raise self._wrong(f"[generate] kind = {kind!r} is unknown; there is {', '.join(KINDS)}")
        fields = tuple(field.name for field in dataclasses.fields(KINDS[kind]))
        self._known_keys("[generate]", knobs, fields)
        for key, value in knobs.items():
            self._number(f"[generate] {key}", value, 0)
        return [_File(f"{self.name}.py", KINDS[kind](**knobs).text(), "python")]

    def _module(self, table: Mapping[str, Any]) -> list[_File]:
        self._known_keys("[module]", table, ("name",))
        name = str(table.get("name", ""))
        try:
            spec = importlib.util.find_spec(name)
        except Exception:  # noqa: BLE001 - looking for a submodule runs its package's own code
            spec = None
        if spec is None or not spec.origin or not spec.origin.endswith(".py"):
            raise self._wrong(f"[module] name = {name!r} is not a Python module with a source file")
        return [_File(name.replace(".", "/") + ".py", self._read(Path(spec.origin)), "python")]

    def _files(self, table: Mapping[str, Any]) -> list[_File]:
        self._known_keys("[files]", table, ("directory", "glob"))
        directory = self.path.parent.parent / str(table.get("directory", "."))
        pattern = str(table.get("glob", ""))
        if not directory.is_dir():
            raise self._wrong(f"[files] directory {directory} is not there")
        try:
            paths = sorted(p for p in directory.glob(pattern) if p.is_file()) if pattern else []
        except (ValueError, NotImplementedError, IndexError, OSError) as error:
            raise self._wrong(f"[files] glob = {pattern!r}: {error}") from error
        if not paths:
            raise self._wrong(f"[files] glob = {pattern!r} matches no file in {directory}")
        unknown = [path for path in paths if path.suffix.lower() not in LANGUAGES]
        if unknown:
            raise self._wrong(f"{unknown[0].name}: no extraction for this kind; there is {', '.join(LANGUAGES)}")
        languages = {LANGUAGES[path.suffix.lower()] for path in paths}
        if len(languages) > 1:
            raise self._wrong(f"[files] glob = {pattern!r} mixes languages: {', '.join(sorted(languages))}")
        language = languages.pop()
        return [_File(p.relative_to(directory).as_posix(), self._read(p), language) for p in paths]

    def _read(self, path: Path) -> str:
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self._wrong(f"{path}: not UTF-8 at byte {error.start}") from error
        except OSError as error:
            raise self._wrong(f"{path}: {error.strerror}") from error
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def _known_keys(self, where: str, table: object, keys: Iterable[str]) -> None:
        if not isinstance(table, Mapping):
            raise self._wrong(f"{where} is not a table")
        keys = tuple(keys)
        for key in table:
            if key not in keys:
                raise self._wrong(f"unknown key {key!r} in {where}; there is {', '.join(keys)}")

    def _number(self, where: str, value: object, low: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise self._wrong(f"{where} = {value!r} is not a whole number of {low} or more")
        return value

    def _wrong(self, what: str) -> CorpusError:
        return CorpusError(f"corpus {self.name!r} ({self.path}): {what}")


@dataclass(frozen=True)
class _Joined:
    text: str
    functions: Sequence[Function]
    same_names: int


def _join(files: Sequence[_File], min_lines: int) -> _Joined:
    """One text, and the functions at their lines in it; of several with one name the first wins."""
    parts: list[str] = []
    chosen: dict[str, Function] = {}
    same_names = 0
    above = 0
    for file in files:
        header = f"{_COMMENT[file.language]} ====== {file.label} ======\n" if len(files) > 1 else ""
        part = header + file.text + ("" if file.text.endswith("\n") else "\n") + ("\n" if header else "")
        shift = above + header.count("\n")
        for function in extract(file.text, file.language, source=file.label, min_lines=min_lines):
            same_names += function.name in chosen
            moved = dataclasses.replace(
                function, start_line=function.start_line + shift, signature_line=function.signature_line + shift
            )
            chosen.setdefault(function.name, moved)
        parts.append(part)
        above += part.count("\n")
    return _Joined("".join(parts), list(chosen.values()), same_names)
