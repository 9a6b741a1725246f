"""docs/reference/dependencies.md: the reason why each package is needed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_dependency_has_its_reason() -> None:
    """What pyproject.toml asks for, in any extra, is named in the first column of the table, and nothing else is."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(need for extra in project["optional-dependencies"].values() for need in extra),
    ]
    names = {re.split(r"[<>=\[;]", need)[0].strip() for need in wanted} - {project["name"]}

    page = (ROOT / "docs/reference/dependencies.md").read_text(encoding="utf-8")
    _, _, *rows = [line for line in page.splitlines() if line.startswith("|")]
    columns = [re.sub(r"\(.*?\)", "", row.split("|")[1]) for row in rows]

    assert {name.strip() for column in columns for name in column.split(",")} == names
