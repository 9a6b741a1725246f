"""The exception tree: what its docstring draws is what there is."""

from __future__ import annotations

import errno
import inspect
import re
from pathlib import Path

import pytest

from pytest_codeneedle.core import errors
from pytest_codeneedle.core.errors import CellError, CodeneedleError, ConfigurationError, naming_paths


def drawn() -> dict[str, str]:
    """Name -> name of the parent, as the docstring's tree shows them by their indentation."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"(?P<indent>[ |`-]+)(?P<name>[A-Z]\w+Error)\b", line)
        if found:
            depth = len(found["indent"])
            above = [(at, name) for at, name in above if at < depth]
            parents[found["name"]] = above[-1][1] if above else "Exception"
            above.append((depth, found["name"]))
    return parents


def test_the_tree_in_the_docstring_is_the_real_one() -> None:
    """Every class is drawn, under its own parent, and nothing else is."""
    classes = [found for _, found in inspect.getmembers(errors, inspect.isclass)]

    assert {found.__name__: found.__base__.__name__ for found in classes} == drawn()
    assert "CodeneedleError" == drawn()["CellError"]


def test_each_class_says_what_it_means() -> None:
    """One sentence each."""
    assert {True} == {bool(found.__doc__) for _, found in inspect.getmembers(errors, inspect.isclass)}


def test_usage_and_cells_are_apart() -> None:
    """What ends a session with exit 4 is never the error of a cell, and one root catches both."""
    assert not issubclass(CellError, ConfigurationError)
    assert not issubclass(ConfigurationError, CellError)
    assert issubclass(CellError, CodeneedleError)
    assert issubclass(ConfigurationError, CodeneedleError)


def test_a_path_that_the_system_refuses_is_named() -> None:
    """Wherever it is met; other faults of files are none of the user's path."""
    name = "y" * 300
    with pytest.raises(ConfigurationError, match=f"^{name}: File name too long; give another path$"), naming_paths():
        Path(name).is_file()
    with pytest.raises(OSError, match="No space left"), naming_paths():
        raise OSError(errno.ENOSPC, "No space left", "f")
