"""Corpus text -> the functions in it that are long enough to ask for (design/recall.md, "Functions").

Each language has a module of its own that finds every named function; what is common to them lies here.
"""

from __future__ import annotations

import platform
import re
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_codeneedle.corpus.functions.function import Function

#: The language of a source file, by its suffix in lower case.
LANGUAGES: Mapping[str, str] = {
    ".py": "python",
    ".pyw": "python",
    ".pyi": "python",
    ".js": "javascript",
    ".jsx": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".php": "php",
    ".phtml": "php",
    ".inc": "php",
}

#: What a parser quotes of the code stands behind these words, in every extraction.
_QUOTES = re.compile(r"(: not (?:Python [\d.]+|JavaScript|PHP)): .*", re.DOTALL)
#: A script without a suffix says in its first line what runs it.
_SHEBANG = re.compile(rb"#!.*?\b(?P<program>python|node|php)[\d.]*(?:\s|$)")
_RUNS = {b"python": "python", b"node": "javascript", b"php": "php"}
#: What can be done about code that is newer than what reads it.
NEWER = {
    "python": f"what a newer Python than {platform.python_version()} reads, codeneedle reads when run with that one",
    "javascript": "if JavaScript does read it, tree-sitter does not know this syntax yet",
    "php": "if PHP does read it, tree-sitter does not know this syntax yet",
}


def script_language(beginning: bytes) -> str | None:
    """The language that a script's first line names, as in `#!/usr/bin/env python3`; None where it names none."""
    match = _SHEBANG.match(beginning.split(b"\n", 1)[0])
    return _RUNS[match["program"]] if match else None


def kinds_read() -> str:
    """`python (.py .pyw .pyi), javascript (...), php (...)`: what a corpus may be of, for messages."""
    suffixes: dict[str, list[str]] = {}
    for suffix, language in LANGUAGES.items():
        suffixes.setdefault(language, []).append(suffix)
    return ", ".join(f"{language} ({' '.join(of_language)})" for language, of_language in suffixes.items())


def extract(text: str, language: str, *, source: str, min_lines: int = 20) -> list[Function]:
    r"""List the functions of `text` whose body has `min_lines` lines or more (at least 1).

    A name stands once, for the first function so called that is long enough. They come in the order of the
    public harness: breadth-first for Python (outer functions before all inner ones), as written for
    JavaScript and PHP. `language` is one of the values of `LANGUAGES`; `source` names the text in messages and in
    `Function.source`. Line numbers count from 1, at ``\n``, ``\r\n`` and ``\r``.

    Raises `CorpusError` for a language that is not known and for a text that does not parse.
    """
    return long_enough(named_functions(text, language, source), min_lines)


def long_enough(functions: Iterable[Function], min_lines: int) -> list[Function]:
    """Those whose body has `min_lines` lines or more, each name once: the first of them."""
    found: dict[str, Function] = {}
    for function in functions:
        if len(function.body) >= min_lines:
            found.setdefault(function.name, function)
    return list(found.values())


def without_code(problem: str) -> str:
    """What a parser says of a text without what it quotes of it: file, line, and that it does not parse."""
    return _QUOTES.sub(r"\1", problem)


def named_functions(text: str, language: str, source: str) -> Iterator[Function]:
    """Every named function of `text`, of whatever length, as `extract` orders them. Raises `CorpusError`."""
    # Imported here: they need this module's lines, and esprima alone takes 0.3 s to import.
    if language == "python":
        from pytest_codeneedle.corpus.functions import python as extract_py  # noqa: PLC0415

        return extract_py.functions(text, source=source)
    if language == "javascript":
        from pytest_codeneedle.corpus.functions import javascript as extract_js  # noqa: PLC0415

        return extract_js.functions(text, source=source)
    if language == "php":
        from pytest_codeneedle.corpus.functions import php as extract_php  # noqa: PLC0415

        return extract_php.functions(text, source=source)
    known = ", ".join(sorted(set(LANGUAGES.values())))
    message = f"{source}: unknown language {language!r}; known: {known}"
    raise CorpusError(message)
