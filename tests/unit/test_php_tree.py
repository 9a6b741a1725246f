"""The PHP application that stands in for private code; that it is PHP, test_extract_php_tokenizer.py asks PHP."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from php_tree import write_tree

from pytest_codeneedle.corpus.functions.php import functions

if TYPE_CHECKING:
    from pathlib import Path


def test_a_tree_has_the_size_that_was_asked_for(tmp_path: Path) -> None:
    """Not less, and not a file more; the same seed gives the same bytes, another one others."""
    first = write_tree(tmp_path / "a", target_bytes=60_000, seed=3)
    again = write_tree(tmp_path / "b", target_bytes=60_000, seed=3)
    other = write_tree(tmp_path / "c", target_bytes=60_000, seed=4)

    sizes = [path.stat().st_size for path in first]
    assert sum(sizes[:-1]) < 60_000 <= sum(sizes)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert [path.read_bytes() for path in first] != [path.read_bytes() for path in other]


def test_a_tree_is_worth_asking_about(tmp_path: Path) -> None:
    """It has long functions, all but two of their names stand once, and no two bodies are the same."""
    paths = write_tree(tmp_path, target_bytes=450_000, seed=1)

    found = [f for path in paths for f in functions(path.read_bytes().decode(), source=path.name)]
    long = [f for f in found if 25 <= len(f.body) <= 60]
    assert len(long) >= 100
    assert len(long) == len({f.body for f in long})
    assert {"__construct", "onError"} == {name for name, count in Counter(f.name for f in found).items() if count > 1}
