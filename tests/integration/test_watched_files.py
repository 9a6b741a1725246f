"""Files that arguments name and that change while a session runs: no answers of two makes stand together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .lab import read_rows

if TYPE_CHECKING:
    from .lab import Lab

CHANGES = """
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def launch_llama_server(launch_llama_server):
    yield launch_llama_server
    Path("t.jinja").write_text("two", encoding="ascii")
"""


def template_that_changes(lab: Lab, conftest: str) -> tuple[str, ...]:
    """Arguments of two cells whose server is given a template, which that conftest writes over."""
    server = lab.reciting()
    lab.write("t.jinja", "one")
    lab.write("conftest.py", conftest)
    command = f"{server} --chat-template-file t.jinja"
    return ("--kv-pairs", "f16/f16,q8_0/q8_0", "--kv-reference", "f16/f16", "--kv-server", command, "--kv-out", "run")


@pytest.mark.slow
def test_a_template_that_changes(lab: Lab) -> None:
    """The cell under way has its answers; the next is an ERROR that names the file, and a resumed run asks all anew."""
    asked = template_that_changes(lab, CHANGES)
    first = lab.grid(*asked)
    said = " ".join(" ".join(first.outlines).split())

    first.assert_outcomes(passed=2, errors=2)
    assert f"{lab.path / 't.jinja'} has another content than when this session began" in said
    lab.path.joinpath("conftest.py").unlink()
    again = lab.grid(*asked, "--kv-resume")
    again.assert_outcomes(passed=4)
    said = " ".join(" ".join(again.outlines).split())
    assert "recorded rows are not used again: --chat-template-file t.jinja: sha256 was" in said
    assert 6 == sum(row["outcome"] == "passed" for row in read_rows(lab.path / "run"))


WITHIN = """
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def change_after_each_item():
    yield
    Path("t.jinja").write_text("two", encoding="ascii")
"""


@pytest.mark.slow
def test_a_template_that_changes_within_a_cell(lab: Lab) -> None:
    """The answer before it is recorded; those after it, in that cell too, are ERRORs that name the file."""
    asked = template_that_changes(lab, WITHIN)
    result = lab.grid(*asked)
    said = " ".join(" ".join(result.outlines).split())

    result.assert_outcomes(passed=1, errors=3)
    assert f"{lab.path / 't.jinja'} has another content than when this session began" in said
    assert ["passed"] == [row["outcome"] for row in read_rows(lab.path / "run") if row["outcome"] != "error"]
