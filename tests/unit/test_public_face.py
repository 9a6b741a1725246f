"""`import pytest_codeneedle`: what it hands out, that all of it is documented, and that it costs nothing until then."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_codeneedle

SOURCE = Path(pytest_codeneedle.__file__)


def imported_for_types() -> dict[str, tuple[str, ...]]:
    """The names by module that type checkers and editors see."""
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    own = [node for node in nodes if str(node.module).startswith("pytest_codeneedle.")]
    return {
        str(node.module).removeprefix("pytest_codeneedle."): tuple(alias.name for alias in node.names) for node in own
    }


def test_types_and_runs_see_the_same() -> None:
    """The imports for type checkers are what is loaded, and all that is handed out."""
    assert pytest_codeneedle._MODULES == imported_for_types()
    assert sorted(name for names in pytest_codeneedle._MODULES.values() for name in names) == sorted(
        pytest_codeneedle.__all__
    )


@pytest.mark.parametrize("name", pytest_codeneedle.__all__)
def test_each_name_is_there_and_documented(name: str) -> None:
    """It is defined under that name, and its docstring is its own."""
    value = getattr(pytest_codeneedle, name)
    assert value.__name__ == name
    assert inspect.cleandoc(value.__doc__ or "").endswith((".", "`"))


@pytest.mark.parametrize("name", pytest_codeneedle.__all__)
def test_each_name_is_on_the_page(name: str) -> None:
    """The page of the public API has it."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    directives = [line for line in page.splitlines() if line.startswith(".. auto")]
    assert [line for line in directives if line.endswith(f":: pytest_codeneedle.{name}")] != []


def test_another_name_is_an_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="module 'pytest_codeneedle' has no attribute 'KvPair'"):
        _ = pytest_codeneedle.KvPair


def test_dir_has_them() -> None:
    """Editors and the interactive interpreter complete them."""
    assert set(pytest_codeneedle.__all__) - set(dir(pytest_codeneedle)) == set()


def test_importing_it_loads_nothing_else() -> None:
    """Every pytest run of the environment imports the package."""
    script = "import sys, pytest_codeneedle; print(*sorted(name for name in sys.modules if 'codeneedle' in name))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["pytest_codeneedle"]
