"""Corpora: `corpora/NAME.toml` -> the text that goes into the context, and the functions in it.

A corpus file has one source table, and may say how to sample and how long the text may be::

    [files]    directory, glob, exclude, limit, encoding   code of one language below a directory
    [package]  name, path, sha256, install                 a data file of an installed Python package
    [module]   name                                        a module of the Python standard library
    [generate] kind, ...                                   synthetic code
    [sample]   k = 16, seed = 42
    [trim]     max_tokens                                  whole files at the end of the text are left out
"""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle import sources
from pytest_codeneedle.errors import CorpusError
from pytest_codeneedle.extraction import NEWER, long_enough, without_code
from pytest_codeneedle.function_cache import found_in
from pytest_codeneedle.regular_files import MOST_TABLE_BYTES, read_text
from pytest_codeneedle.sampling import sample
from pytest_codeneedle.sources import Skipped, SourceFile, Sources
from pytest_codeneedle.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_codeneedle.function_cache import Found
    from pytest_codeneedle.functions import Function

DEFAULT_SAMPLE = 16
DEFAULT_SEED = 42
#: Comment mark of a language, for the header line of each file where a corpus has several.
_COMMENT = {"python": "#", "javascript": "//", "php": "//"}
#: So many files that do not parse are named with the reason.
_FEW_FILES = 8
_SOURCES = ("files", "package", "module", "generate")


@dataclass(frozen=True)
class Part:
    """One file in the corpus text: the text with its header, and the functions at their lines in the whole text."""

    label: str
    text: str = dataclasses.field(repr=False)  # may be private
    functions: tuple[Function, ...]


@dataclass(frozen=True)
class Corpus:
    """The parts of a corpus (their line ends are line feeds), and how to sample their functions.

    `generated` says that the text is synthetic, so that the control model can copy it; `private` that it came from
    the user's own files. `skipped` are files that do not parse and were left out, `dropped` those that `[trim]`
    left out because the text would have more than `max_tokens`. `notes` is what a person should know of the choice.
    """

    name: str
    parts: tuple[Part, ...]
    language: str
    generated: bool
    private: bool
    sample_k: int = DEFAULT_SAMPLE
    sample_seed: int = DEFAULT_SEED
    max_tokens: int | None = None
    skipped: tuple[Skipped, ...] = ()
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def text(self) -> str:
        """The whole text."""
        return "".join(part.text for part in self.parts)

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """Every long enough function, in the order of the text; of several with one name the first."""
        return tuple(long_enough((function for part in self.parts for function in part.functions), 0))

    @property
    def same_names(self) -> int:
        """How many functions have the name of an earlier one, and are not asked for."""
        return sum(len(part.functions) for part in self.parts) - len(self.functions)

    @property
    def files(self) -> tuple[str, ...]:
        """The files of the text, in order."""
        return tuple(part.label for part in self.parts)

    @property
    def sha256(self) -> str:
        """Of the text in UTF-8."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def total_lines(self) -> int:
        """The newline count + 1, as the sample's definition has it."""
        return self.text.count("\n") + 1

    def sample(
        self, k: int | None = None, seed: int | None = None, askable: Callable[[Function], bool] | None = None
    ) -> list[Function]:
        """The stratified sample; the corpus file's own k and seed where none is given. `askable`: see `sampling`."""
        return sample(
            self.functions,
            self.total_lines,
            k=self.sample_k if k is None else k,
            seed=self.sample_seed if seed is None else seed,
            askable=askable,
        )

    def first(self, files: int) -> Corpus:
        """The corpus with its first `files` files only: its text is the beginning of this one's."""
        if files >= len(self.parts):
            return self
        left_out = tuple(part.label for part in self.parts[files:])
        return dataclasses.replace(self, parts=self.parts[:files], dropped=left_out + self.dropped)

    def trimmed(self, count_tokens: Callable[[str], int]) -> Corpus:
        """As many whole files from the beginning as have `max_tokens` together; this one where no limit is set.

        Raises CorpusError where not even the first file fits, or where what fits has no function.
        """
        if self.max_tokens is None:
            return self

        def fits(files: int) -> bool:
            return count_tokens(self.first(files).text) <= (self.max_tokens or 0)

        low, high = 0, len(self.parts)
        if fits(high):
            return self
        while high - low > 1:  # more files have more tokens
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        if low == 0:
            tokens = count_tokens(self.parts[0].text)
            msg = (
                f"corpus {self.name!r}: its first file, {self.parts[0].label}, has {tokens} tokens; "
                f"raise [trim] max_tokens = {self.max_tokens}, or exclude the file"
            )
            raise CorpusError(msg)
        trimmed = self.first(low)
        if not trimmed.functions:
            msg = (
                f"corpus {self.name!r}: the {low} files that fit [trim] max_tokens = {self.max_tokens} have no long "
                "enough function; raise it, or exclude files at the beginning"
            )
            raise CorpusError(msg)
        return trimmed


def shipped_folder() -> Path:
    """The corpora of this package: beside the modules in a wheel, at the top level in a checkout."""
    inside = Path(__file__).parent / "corpora"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "corpora"


def known_corpora(rootdir: Path) -> dict[str, Path]:
    """Name -> corpus file; one in `rootdir/corpora` wins over a shipped one of that name."""
    folders = (shipped_folder(), rootdir / "corpora")
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def load_corpus(  # noqa: PLR0913 - what to read, and four ways to do it
    name: str,
    rootdir: Path,
    *,
    min_lines: int = 20,
    skip_unparsable: bool = False,
    quote: bool = True,
    cache: Path | None = None,
) -> Corpus:
    """The corpus of that name, not trimmed yet. `cache` keeps what the parsers found.

    Raises CorpusError: unknown name, a mistake in its file, files that are missing or cannot be read, or no
    function with at least `min_lines` body lines. With `skip_unparsable` files that cannot be read as code are left
    out and named in `Corpus.skipped`. Without `quote` no message shows what a parser quotes of the code.
    """
    known = known_corpora(rootdir)
    if name not in known:
        raise CorpusError(_unknown(name, known, rootdir))
    path = known[name]
    try:
        values = tomllib.loads(read_text(path, MOST_TABLE_BYTES, encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"corpus file {path}: {error}"
        raise CorpusError(msg) from error

    def wrong(what: str) -> CorpusError:
        return CorpusError(f"corpus {name!r} ({path}): {what}")

    table = Table("the file", values, wrong)
    found = _sources(name, path, table, skip_unparsable=skip_unparsable)
    parsed = found_in(found.files, cache)
    problems = [one.problem for one in parsed if one.problem is not None]
    if problems and not skip_unparsable:
        raise wrong(_unparsable(problems if quote else [*map(without_code, problems)], found.files[0].language))
    corpus = _corpus(name, table, found, parsed, min_lines)
    if not corpus.functions:
        left_out = f" ({len(corpus.skipped)} files that cannot be read as code were left out)" if corpus.skipped else ""
        msg = (
            f"corpus {name!r} ({path}) has no named function with {min_lines} body lines or more{left_out}; "
            "take in longer code, or ask for fewer lines"
        )
        raise CorpusError(msg)
    return corpus


def _unparsable(problems: Sequence[str], language: str) -> str:
    """The files that do not parse, all that a message can hold, and what can be done about them."""
    few, more = problems[:_FEW_FILES], len(problems) - _FEW_FILES
    listed = "; ".join([*few, *([f"and {more} more files"] if more > 0 else [])])
    which = "the file" if len(problems) == 1 else "these files"
    return f"{listed}; exclude {which}, or leave such files out with --kv-skip-unparsable; {NEWER[language]}"


def _unknown(name: str, known: dict[str, Path], rootdir: Path) -> str:
    listed = f"unknown corpus {name!r}; there are {', '.join(sorted(known))} (corpora/NAME.toml adds one)"
    example = shipped_folder() / f"{name}.toml.example"
    if not example.is_file():
        return listed
    folder = rootdir / "corpora"
    return (
        f"{listed}. For your own code: mkdir -p '{folder}' && cp '{example}' '{folder / name}.toml' "
        "and set its directory"
    )


def _sources(name: str, path: Path, table: Table, *, skip_unparsable: bool) -> Sources:
    """The files of the one source that the corpus file has."""
    table.only(*_SOURCES, "sample", "trim")
    given = [key for key in _SOURCES if key in table.values]
    if len(given) != 1:
        raise table.wrong(f"wants exactly one of [{'], ['.join(_SOURCES)}], and has {len(given)}")
    source = table.table(given[0])
    match given[0]:
        case "files":
            return sources.folder(source, path.parent.parent, skip_unparsable=skip_unparsable)
        case "package":
            return sources.package(source)
        case "module":
            return sources.module(source)
        case _:
            return sources.generated(source, name)


def _corpus(name: str, table: Table, found: Sources, parsed: Sequence[Found], min_lines: int) -> Corpus:
    settings, trim = table.table("sample"), table.table("trim")
    settings.only("k", "seed")
    trim.only("max_tokens")
    if "trim" in table.values and "files" not in table.values:
        raise table.wrong("[trim] leaves out whole files, and only [files] has several")
    parts, unparsable = _parts(found.files, parsed, min_lines)
    return Corpus(
        name=name,
        parts=parts,
        language=found.files[0].language if found.files else "",
        generated="generate" in table.values,
        private="files" in table.values,
        sample_k=settings.number("k", 1, DEFAULT_SAMPLE),
        sample_seed=settings.number("seed", 0, DEFAULT_SEED),
        max_tokens=trim.number("max_tokens", 1) if "trim" in table.values else None,
        skipped=found.skipped + unparsable,
        notes=found.notes,
    )


def _parts(
    files: Sequence[SourceFile], found: Sequence[Found], min_lines: int
) -> tuple[tuple[Part, ...], tuple[Skipped, ...]]:
    """The files one after the other under a header each, where there are several; their functions move along."""
    parts: list[Part] = []
    skipped: list[Skipped] = []
    above = 0
    for file, one in zip(files, found, strict=True):
        if one.problem is not None:
            skipped.append(Skipped(file.label, one.problem))
            continue
        header = f"{_COMMENT[file.language]} ====== {file.label} ======\n" if len(files) > 1 else ""
        text = header + file.text + ("" if file.text.endswith("\n") else "\n") + ("\n" if header else "")
        shift = above + header.count("\n")
        functions = tuple(
            dataclasses.replace(
                function, start_line=function.start_line + shift, signature_line=function.signature_line + shift
            )
            for function in long_enough(one.functions, min_lines)
        )
        parts.append(Part(file.label, text, functions))
        above += text.count("\n")
    return tuple(parts), tuple(skipped)
