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
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.core.long_work import silent
from pytest_codeneedle.core.parsing import parse_toml
from pytest_codeneedle.core.regular_files import MOST_TABLE_BYTES, read_text, reason
from pytest_codeneedle.core.toml_tables import Table
from pytest_codeneedle.corpus import sources
from pytest_codeneedle.corpus.functions.extraction import NEWER, long_enough, without_code
from pytest_codeneedle.corpus.parts import Tree
from pytest_codeneedle.corpus.sampling import sample
from pytest_codeneedle.corpus.trimming import fitting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_codeneedle.core.long_work import At, Progress
    from pytest_codeneedle.corpus.functions.function import Function
    from pytest_codeneedle.corpus.parts import Part, Parts
    from pytest_codeneedle.corpus.sources import Skipped, Sources

DEFAULT_SAMPLE = 16
DEFAULT_SEED = 42
#: What a corpus that is cut to so many tokens is taken for before a tokenizer has counted: rather too much.
_CHARACTERS_PER_TOKEN = 4
#: So many files that do not parse are named with the reason.
_FEW_FILES = 8
_SOURCES = ("files", "package", "module", "generate")


@dataclass(frozen=True)
class Corpus:
    """The parts of a corpus (their line ends are line feeds), and how to sample their functions.

    `generated` says that the text is synthetic, so that the control model can copy it; `private` that it came from
    the user's own files. `skipped` are files that do not parse and were left out, `dropped` those that `[trim]`
    left out because the text would have more than `max_tokens`. `notes` is what a person should know of the choice.

    Of a `tree` that is to be trimmed only about as many parts are there as will be left.
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
    tree: Tree | None = dataclasses.field(default=None, repr=False, compare=False)

    @cached_property
    def text(self) -> str:
        """The whole text."""
        return "".join(part.text for part in self.parts)

    @property
    def every_text(self) -> str:
        """The text of all files that may be sent somewhere: those too that `[trim]` is going to leave out."""
        return self.text if self.tree is None else "\n".join(file.text for file in self.tree.files)

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
    def whole_sha256(self) -> str:
        """Of the text before it is trimmed, with all files of its tree."""
        return self.sha256 if self.tree is None else self.tree.sha256

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

    def first(self, files: int, progress: Progress = silent) -> Corpus:
        """The corpus with its first `files` files only: its text is the beginning of this one's."""
        with progress(f"corpus {self.name}") as at:
            return self._first(files, at)

    def _first(self, files: int, at: At) -> Corpus:
        if self.tree is not None:
            made = self.tree.first(files, at)
            return dataclasses.replace(self, parts=made.kept, skipped=made.skipped, dropped=made.left_out, tree=None)
        if files >= len(self.parts):
            return self
        left_out = tuple(part.label for part in self.parts[files:])
        return dataclasses.replace(self, parts=self.parts[:files], dropped=left_out + self.dropped)

    def trimmed(self, count_tokens: Callable[[str], int], progress: Progress = silent) -> Corpus:
        """As many whole files from the beginning as have `max_tokens` together; this one where no limit is set.

        Raises CorpusError where not even the first file fits, or where what fits has no function.
        """
        if self.max_tokens is None:
            return self
        with progress(f"corpus {self.name}, [trim] max_tokens = {self.max_tokens}") as at:
            parts = (part.text for part in self.parts) if self.tree is None else self.tree.texts(at)
            files = fitting(parts, _telling(count_tokens, at), self.max_tokens)
            trimmed = self._first(files, at)
        if files == 0:
            tokens = count_tokens(self.parts[0].text)
            msg = (
                f"corpus {self.name!r}: its first file, {self.parts[0].label}, has {tokens} tokens; "
                f"raise [trim] max_tokens = {self.max_tokens}, or exclude the file"
            )
            raise CorpusError(msg)
        if not trimmed.functions:
            msg = (
                f"corpus {self.name!r}: the {files} files that fit [trim] max_tokens = {self.max_tokens} have no long "
                "enough function; raise it, or exclude files at the beginning"
            )
            raise CorpusError(msg)
        return trimmed


def _telling(count_tokens: Callable[[str], int], at: At) -> Callable[[str], int]:
    """The same, saying what it counts: of a long text that takes a while."""

    def count(text: str) -> int:
        at(f"counting the tokens of its first {len(text)} characters")
        return count_tokens(text)

    return count


def shipped_folder() -> Path:
    """The corpora of this package: beside the modules in a wheel, at the top level in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "corpora"
    return inside if inside.is_dir() else package.parent / "corpora"


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
    whole: bool = True,
    progress: Progress = silent,
) -> Corpus:
    """The corpus of that name, not trimmed yet. `cache` keeps what the parsers found.

    What is going to be trimmed need not be `whole`: then all of its files are read, but hardly more of them parsed than
    will be left, and an error of one that does not parse comes where that one is left. `progress` hears of long work.

    Raises CorpusError: unknown name, a mistake in its file, files that are missing or cannot be read, or no
    function with at least `min_lines` body lines. With `skip_unparsable` files that cannot be read as code are left
    out and named in `Corpus.skipped`. Without `quote` no message shows what a parser quotes of the code.
    """
    known = known_corpora(rootdir)
    if name not in known:
        raise CorpusError(_unknown(name, known, rootdir))
    path = known[name]
    try:
        values = parse_toml(read_text(path, MOST_TABLE_BYTES, encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        msg = f"corpus file {path}: {reason(error)}"
        raise CorpusError(msg) from error

    def wrong(what: str) -> CorpusError:
        return CorpusError(f"corpus {name!r} ({path}): {what}")

    table = Table("the file", values, wrong)
    with progress(f"corpus {name}") as at:
        found = _sources(name, path, table, skip_unparsable=skip_unparsable, at=at)

        def refuse(problems: Sequence[str]) -> CorpusError:
            return wrong(_unparsable(problems if quote else [*map(without_code, problems)], found.files[0].language))

        tree = Tree(found.files, min_lines, refuse, found.skipped, skip_unparsable=skip_unparsable, cache=cache)
        limit = None if whole else _max_tokens(table)
        made = tree.all(at) if limit is None else tree.about(_CHARACTERS_PER_TOKEN * limit, at)
    corpus = _corpus(name, table, found, made)
    if limit is not None:
        corpus = dataclasses.replace(corpus, tree=tree)
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


def _sources(name: str, path: Path, table: Table, *, skip_unparsable: bool, at: At) -> Sources:
    """The files of the one source that the corpus file has."""
    table.only(*_SOURCES, "sample", "trim")
    given = [key for key in _SOURCES if key in table.values]
    if len(given) != 1:
        raise table.wrong(f"wants exactly one of [{'], ['.join(_SOURCES)}], and has {len(given)}")
    source = table.table(given[0])
    match given[0]:
        case "files":
            return sources.folder(source, path.parent.parent, skip_unparsable=skip_unparsable, at=at)
        case "package":
            return sources.package(source)
        case "module":
            return sources.module(source)
        case _:
            return sources.generated(source, name)


def _max_tokens(table: Table) -> int | None:
    trim = table.table("trim")
    trim.only("max_tokens")
    if "trim" not in table.values:
        return None
    if "files" not in table.values:
        raise table.wrong("[trim] leaves out whole files, and only [files] has several")
    return trim.number("max_tokens", 1)


def _corpus(name: str, table: Table, found: Sources, made: Parts) -> Corpus:
    settings = table.table("sample")
    settings.only("k", "seed")
    return Corpus(
        name=name,
        parts=made.kept,
        language=found.files[0].language if found.files else "",
        generated="generate" in table.values,
        private="files" in table.values,
        sample_k=settings.number("k", 1, DEFAULT_SAMPLE),
        sample_seed=settings.number("seed", 0, DEFAULT_SEED),
        max_tokens=_max_tokens(table),
        skipped=made.skipped,
        notes=found.notes,
    )
