"""`python -m benchmarks.extraction`: what it costs to find the functions of a corpus. Six figures, with bounds.

Needs the extra `test`. The PHP text is the tree that the tests generate.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.corpus.corpus import Corpus, load_corpus
from pytest_codeneedle.corpus.functions import javascript_esprima as extract_js_esprima
from pytest_codeneedle.corpus.functions import javascript_treesitter as extract_js_treesitter
from pytest_codeneedle.corpus.functions.extraction import named_functions

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUNDS = 3
_TREE_BYTES = 460_000
_LINES = 100_000
_TRIMMED = '[files]\ndirectory = "src"\nglob = "**/*.php"\n[trim]\nmax_tokens = 4000\n'


@dataclass(frozen=True)
class Figure:
    """One measured figure and the bound that it should keep."""

    name: str
    value: float
    bound: float
    unit: str

    def __str__(self) -> str:
        verdict = "ok" if self.value <= self.bound else "TOO HIGH"
        return f"{self.name:<54}{self.value:>9.3f}  <= {self.bound:g} {self.unit:<2} {verdict}"


def best(work: Callable[[], object]) -> float:
    """Seconds of the fastest of three rounds."""
    rounds = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        work()
        rounds.append(time.perf_counter() - began)
    return min(rounds)


def main() -> int:
    """Print the figures; 1 where one is too high."""
    with tempfile.TemporaryDirectory() as folder:
        figures = [*_jquery(Path(folder)), *_php(Path(folder)), _long()]
    for figure in figures:
        print(figure)
    return int(any(figure.value > figure.bound for figure in figures))


def _jquery(folder: Path) -> list[Figure]:
    def load(cache: Path | None) -> Corpus:
        return load_corpus("jquery", folder, cache=cache)

    parsed = best(lambda: load(None))
    load(folder / "cache")
    kept = best(lambda: load(folder / "cache"))
    text = load(None).text
    esprima = best(lambda: extract_js_esprima.named_blocks(text))
    tree_sitter = best(lambda: extract_js_treesitter.named_blocks(text, source="jquery.js"))
    return [
        Figure("jQuery, seconds", parsed, 2.0, "s"),
        Figure("jQuery, from the cache / parsed", kept / parsed, 0.2, ""),
        Figure("jQuery, tree-sitter / esprima", tree_sitter / esprima, 1.0, ""),
    ]


def _php(folder: Path) -> list[Figure]:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from php_tree import write_tree  # noqa: PLC0415 - lies with the tests

    write_tree(folder / "src", target_bytes=_TREE_BYTES, seed=1)
    (folder / "corpora").mkdir()
    (folder / "corpora" / "tree.toml").write_text('[files]\ndirectory = "src"\nglob = "**/*.php"\n', encoding="utf-8")
    (folder / "corpora" / "trimmed.toml").write_text(_TRIMMED, encoding="utf-8")
    parsed = best(lambda: load_corpus("tree", folder))
    trimmed = best(lambda: load_corpus("trimmed", folder, whole=False).trimmed(lambda text: len(text) // 4))
    return [
        Figure("450 KB of PHP, seconds", parsed, 2.0, "s"),
        Figure("450 KB of PHP, trimmed to 16 KB / parsed", trimmed / parsed, 0.25, ""),
    ]


def _long() -> Figure:
    """What a line costs may not grow with their number."""
    function = "function f{}() {{\n" + "  var a = b?.c ?? 1;\n" * 48 + "}}\n"

    def seconds(lines: int) -> float:
        text = "".join(function.format(number) for number in range(lines // 50))
        return best(lambda: list(named_functions(text, "javascript", "long.js"))) / lines

    return Figure("100,000 lines / 10,000 lines, time a line", seconds(_LINES) / seconds(_LINES // 10), 2.0, "")


if __name__ == "__main__":
    sys.exit(main())
