"""The files of a corpus as the parts of its text: all of them, or the first ones of a tree that is cut by `[trim]`."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING

from pytest_codeneedle.corpus.function_cache import found_in
from pytest_codeneedle.corpus.functions.extraction import long_enough
from pytest_codeneedle.corpus.sources import Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pytest_codeneedle.core.errors import CorpusError
    from pytest_codeneedle.core.long_work import At
    from pytest_codeneedle.corpus.function_cache import Found
    from pytest_codeneedle.corpus.functions.function import Function
    from pytest_codeneedle.corpus.sources import SourceFile

#: Comment mark of a language, for the header line of each file where a corpus has several.
_COMMENT = {"python": "#", "javascript": "//", "php": "//"}


@dataclass(frozen=True)
class Part:
    """One file in the corpus text: the text with its header, and the functions at their lines in the whole text."""

    label: str
    text: str = field(repr=False)  # may be private
    functions: tuple[Function, ...]


@dataclass(frozen=True)
class Parts:
    """The files that have their place in the text, those that do not parse, and the labels of those behind them."""

    kept: tuple[Part, ...]
    skipped: tuple[Skipped, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tree:
    """All files of a corpus of which the first ones are wanted: read, and parsed as far as it takes.

    `refuse` makes the error of files that do not parse out of what is wrong with each; with `skip_unparsable` they are
    left out instead, as those are that were `unreadable`. `cache` keeps what the parsers found.
    """

    files: tuple[SourceFile, ...] = field(repr=False)
    min_lines: int
    refuse: Callable[[Sequence[str]], CorpusError] = field(repr=False)
    unreadable: tuple[Skipped, ...] = ()
    _: KW_ONLY
    skip_unparsable: bool = False
    cache: Path | None = None
    _found: dict[int, Found] = field(default_factory=dict, repr=False)

    @property
    def sha256(self) -> str:
        """Of the text of all files in UTF-8; whether they parse is not known."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(_text(file, several=self._several).encode())
        return digest.hexdigest()

    def texts(self, at: At) -> Iterator[str]:
        """The texts of the parts in order, as far as anybody asks for the next one."""
        return (_text(file, several=self._several) for number, file in enumerate(self.files) if self._takes(number, at))

    def all(self, at: At) -> Parts:
        """Every part. Raises CorpusError for files that do not parse."""
        return self._made(found_in(self.files, self.cache, at))

    def first(self, parts: int, at: At) -> Parts:
        """So many parts, all where there are fewer. Raises CorpusError for files among them that do not parse."""
        taken = (number for number in range(len(self.files)) if self._takes(number, at))
        numbers = list(itertools.islice(taken, parts))
        end = numbers[-1] + 1 if numbers else 0
        return self._made([self._parsed(number, at) for number in range(end)])

    def about(self, characters: int, at: At) -> Parts:
        """The first files with so many characters and a function; the first file at least.

        It may end before one that does not parse. Raises CorpusError where that is the first.
        """
        found: list[Found] = []
        size = functions = 0
        for number, file in enumerate(self.files):
            one = self._parsed(number, at)
            refused = one.problem is not None and not self.skip_unparsable
            if found and (refused or (functions and size >= characters)):
                break
            found.append(one)
            size += len(file.text)
            functions += len(long_enough(one.functions, self.min_lines))
        return self._made(found)

    @property
    def _several(self) -> bool:
        return len(self.files) > 1

    def _takes(self, number: int, at: At) -> bool:
        return not self.skip_unparsable or self._parsed(number, at).problem is None

    def _made(self, found: Sequence[Found]) -> Parts:
        """The parts of the first files, in which this was found."""
        problems = [one.problem for one in found if one.problem is not None]
        if problems and not self.skip_unparsable:
            raise self.refuse(problems)
        left_out = tuple(file.label for file in self.files[len(found) :])
        kept, skipped = _parts(self.files[: len(found)], found, self.min_lines, several=self._several)
        return Parts(kept, self.unreadable + skipped, left_out)

    def _parsed(self, number: int, at: At) -> Found:
        if number not in self._found:
            at(f"parsing file {number + 1} of {len(self.files)}")
            self._found[number] = found_in(self.files[number : number + 1], self.cache)[0]
        return self._found[number]


def _parts(
    files: Sequence[SourceFile], found: Sequence[Found], min_lines: int, *, several: bool
) -> tuple[tuple[Part, ...], tuple[Skipped, ...]]:
    """The files one after the other, under a header each where there are `several`; their functions move along."""
    parts: list[Part] = []
    skipped: list[Skipped] = []
    above = 0
    for file, one in zip(files, found, strict=True):
        if one.problem is not None:
            skipped.append(Skipped(file.label, one.problem))
            continue
        text = _text(file, several=several)
        shift = above + several
        functions = tuple(
            dataclasses.replace(
                function, start_line=function.start_line + shift, signature_line=function.signature_line + shift
            )
            for function in long_enough(one.functions, min_lines)
        )
        parts.append(Part(file.label, text, functions))
        above += text.count("\n")
    return tuple(parts), tuple(skipped)


def _text(file: SourceFile, *, several: bool) -> str:
    header = f"{_COMMENT[file.language]} ====== {file.label} ======\n" if several else ""
    return header + file.text + ("" if file.text.endswith("\n") else "\n") + ("\n" if header else "")
