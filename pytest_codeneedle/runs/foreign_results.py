"""Results of the public codeneedle harness (alexziskind1/codeneedle, `results/*.json`) -> rows of a run.

A file is what one `bench.py run --dump` wrote: `results` is a list of objects with `function`, `response` and `error`;
the harness's own scores stand beside them. One file is one cell; its KV cache types, which the harness does not know,
are taken from the file's name or told.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ERROR, Cell, ordered
from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.core.kv_types import AS_SERVED, BITS, KVPair, default_reference
from pytest_codeneedle.core.parsing import parse_json
from pytest_codeneedle.core.regular_files import MOST_DATA_BYTES, read_text
from pytest_codeneedle.core.text import encodable
from pytest_codeneedle.recall.scoring import PASS_THRESHOLD, PRIMARY_LINES, confused_with, confusing
from pytest_codeneedle.runs.rescore import scored_facts
from pytest_codeneedle.runs.rows import cell_facts

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from pathlib import Path

    from pytest_codeneedle.corpus.corpus import Corpus

_TYPES = "|".join(sorted(BITS, key=len, reverse=True))
#: A cache type as a word of its own in a file's name, and what may stand between that of K and that of V.
_TYPE = re.compile(rf"(?<![a-z0-9])(?:{_TYPES})(?![a-z0-9])")
_BETWEEN = re.compile(r"[^a-z0-9]*(?:ctv|v)?[^a-z0-9]*")
#: What the harness says of an answer besides; kept beside our own figures.
_HARNESS_KEYS = (
    *("passed", "error", "primary_matched", "primary_total", "hallucinated", "bonus_matched"),
    *("latency_s", "prompt_chars", "source_file"),
)


@dataclass(frozen=True)
class Dump:
    """One file of results: the cell that it is, the rows as the harness wrote them, and its own settings."""

    path: Path
    pair: KVPair
    model: str
    base_url: str
    relax_indent: bool
    results: tuple[Mapping[str, Any], ...]
    written: float


@dataclass(frozen=True)
class Imported:
    """A run made of dumps: its run.json and its rows.

    `differing` names the functions of answers whose score here is not the one in the file, `unknown` those that the
    corpus does not hold (their rows are ERRORs, and keep their answers).
    """

    about: dict[str, Any]
    rows: tuple[dict[str, Any], ...]
    differing: tuple[str, ...]
    unknown: tuple[str, ...]


def read_dump(path: Path, pair: KVPair | None = None) -> Dump:
    """The results in a file; its cell is `pair`, else what its name says, else that of an endpoint, as served.

    Raises RunFolderError for what is not a file of the harness.
    """
    try:
        dump = parse_json(read_text(path, MOST_DATA_BYTES, encoding="utf-8-sig"))
        written = path.stat().st_mtime
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise RunFolderError(msg) from error
    results = dump.get("results") if isinstance(dump, dict) else None
    if not isinstance(results, list) or not all(isinstance(one, dict) and "function" in one for one in results):
        msg = f"{path} is not a file of the codeneedle harness: it has no list `results` of objects with `function`"
        raise RunFolderError(msg)
    return Dump(
        path=path,
        pair=pair or pair_in(path.stem) or AS_SERVED,
        model=encodable(str(dump.get("model") or "unknown")),
        base_url=re.sub(r"//[^/@]*@", "//", encodable(str(dump.get("base_url", "")))),  # no password is kept
        relax_indent=bool(dump.get("relax_indent", False)),
        results=tuple(results),
        written=written,
    )


def pair_in(name: str) -> KVPair | None:
    """The last two KV cache types in a file's name, K first; None where no two stand side by side at its end.

    `q8_0-q4_0`, `q8_0_q4_0`, `ctk-q8_0_ctv-q4_0` and `k=q8_0,v=q4_0` are all the same.
    """
    name = name.lower()
    found = list(_TYPE.finditer(name))[-2:]
    if len(found) < 2 or not _BETWEEN.fullmatch(name, found[0].end(), found[1].start()):  # noqa: PLR2004 - K and V
        return None
    return KVPair(found[0].group(), found[1].group())


def as_run(dumps: Sequence[Dump], corpus: Corpus, *, relax_indent: bool | None = None) -> Imported:
    """The dumps as one run, every answer scored here; `relax_indent` is the files' own where it is not said.

    Several dumps of one pair are its replicates, in the order given. Raises RunFolderError where the dumps differ in
    how they were scored, and nothing is said.
    """
    said = {dump.relax_indent for dump in dumps}
    if relax_indent is None and len(said) > 1:
        msg = "some of the files were scored with relaxed indentation and some without: say --relax-indent or not"
        raise RunFolderError(msg)
    relax = said.pop() if relax_indent is None else relax_indent
    pairs = tuple(dict.fromkeys(dump.pair for dump in dumps))
    rows: list[dict[str, Any]] = []
    differing: list[str] = []
    seen: dict[KVPair, int] = {}
    truth = _Truth(corpus)
    for dump in dumps:
        replicate = seen[dump.pair] = seen.get(dump.pair, -1) + 1
        for result in dump.results:
            row = _row(result, Cell(corpus.name, dump.pair, replicate), truth, relax_indent=relax)
            own = result.get("primary_matched")
            scored = row["outcome"] != ERROR and dump.relax_indent == relax and own is not None
            differing += [row["function"]] if scored and own != row["primary_matched"] else []
            rows.append({**row, "imported_from": dump.path.name})
    asked = {row["function"] for row in rows}
    return Imported(
        about=_about(dumps, corpus, pairs, truth.records(asked), relax_indent=relax),
        rows=tuple(rows),
        differing=tuple(differing),
        unknown=tuple(sorted(asked - truth.functions.keys())),
    )


class _Truth:
    """The functions of a corpus, ready to be looked up for every answer."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.functions = {function.name: function for function in corpus.functions}
        self.bodies = {name: function.primary(PRIMARY_LINES) for name, function in self.functions.items()}

    def records(self, names: Container[str]) -> list[dict[str, Any]]:
        """Their entries of run.json, in the order of the corpus."""
        return [function.record(PRIMARY_LINES) for name, function in self.functions.items() if name in names]


def _row(result: Mapping[str, Any], cell: Cell, truth: _Truth, *, relax_indent: bool) -> dict[str, Any]:
    name, response = encodable(str(result["function"])), encodable(str(result.get("response") or ""))
    function = truth.functions.get(name)
    row: dict[str, Any] = {
        "corpus": cell.corpus,
        "ctk": cell.pair.ctk,
        "ctv": cell.pair.ctv,
        "function": name,
        "replicate": cell.replicate,
        "rotation": cell.rotation,
        **({} if function is None else cell_facts(cell, function, truth.corpus.total_lines)),
        "response": response,
        "harness": {key: _plain(result[key]) for key in _HARNESS_KEYS if key in result},
    }
    problem = result.get("error")
    if problem or function is None:
        said = encodable(str(problem)) if problem else (f"{name}: the corpus {cell.corpus!r} has no such function")
        scores = dict.fromkeys(("primary_matched", "lcs_matched", "hallucinated", "bonus_matched"))
        return {**row, **scores, "outcome": ERROR, "error": said}
    confused = confused_with(response, truth.bodies, name, relax_indent=relax_indent, at_least=confusing(PRIMARY_LINES))
    facts = scored_facts(
        function.record(PRIMARY_LINES),
        response,
        relax_indent=relax_indent,
        threshold=PASS_THRESHOLD,
        confused_with=confused,
    )
    return {**row, **facts, "confused_with": confused}


def _plain(value: object) -> object:
    return encodable(value) if isinstance(value, str) else value


def _about(
    dumps: Sequence[Dump],
    corpus: Corpus,
    pairs: Sequence[KVPair],
    functions: list[dict[str, Any]],
    *,
    relax_indent: bool,
) -> dict[str, Any]:
    models = ", ".join(dict.fromkeys(dump.model for dump in dumps))
    passes = Counter(dump.pair for dump in dumps)
    moment = time.localtime(min(dump.written for dump in dumps))
    return {
        "format": 1,
        "imported": [dump.path.name for dump in dumps],
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", moment),
        "model": models,
        "model_name": models,
        "model_file": None,
        "model_sha256": None,
        "server": ", ".join(dict.fromkeys(dump.base_url for dump in dumps)),
        "server_build": None,
        "pairs": [str(pair) for pair in pairs],
        "cells": [str(place) for pair in pairs for place in ordered([pair], repeat=passes[pair])],
        "repeat": max(passes.values()),
        "reference": str(default_reference(pairs)),
        "lines": PRIMARY_LINES,
        "pass": PASS_THRESHOLD,
        "relax_indent": relax_indent,
        "prompt": "codeneedle",
        "corpus": corpus.name,
        "corpus_sha256": corpus.sha256,
        "corpus_bytes": len(corpus.text.encode()),
        "corpus_files": list(corpus.files),
        "language": corpus.language,
        "private": corpus.private,
        "functions": functions,
    }
