"""What a damaged run folder says, before anything is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.runs.checks import checked_about, checked_rows

ABOUT: dict[str, Any] = {"pairs": ["q8_0/q8_0"], "cells": [], "functions": [{"name": "f"}], "identity": {}, "key": "k"}
ROW = {"ctk": "q8_0", "ctv": "q8_0", "function": "f", "replicate": 0, "outcome": "passed", "key": "k"}
ANSWER = {"response": "", "stop": "eos", "run_on": False, "tokens": 1, "prompt_cache": "hit"}


def test_a_whole_run_is_what_it_is() -> None:
    """Optional parts may be unset; an ERROR has no answer; rows of other programs are none of this session's."""
    about = {**ABOUT, "budgets": None}
    assert about == checked_about(Path("run"), about)
    rows = [{**ROW, **ANSWER}, {**ROW, "outcome": "error"}, {"function": "f"}]
    assert rows == checked_rows(Path("run"), rows)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"pairs": None}, "pairs is missing"),
        ({"cells": "q8_0"}, "cells is 'q8_0', and no list of texts"),
        ({"identity": "k"}, "identity is 'k', and no table"),
        ({"functions": [17]}, "functions is .17., and no list of tables"),
        ({"n_ctx": "512"}, "n_ctx is '512', and no whole number of 0 or more"),
    ],
)
def test_a_damaged_part_is_named(damage: dict[str, Any], said: str) -> None:
    """With the folder and the way out."""
    with pytest.raises(RunFolderError, match=f"^run is damaged: run.json: {said}; bring it back"):
        checked_about(Path("run"), {**ABOUT, **damage})


@pytest.mark.parametrize("missing", ["ctk", "outcome", "response"])
def test_a_row_that_lacks_something_is_named(missing: str) -> None:
    """With its number."""
    row = {**ROW, **ANSWER}
    del row[missing]
    with pytest.raises(RunFolderError, match=f"^run is damaged: results.jsonl: row 2 has no {missing}; "):
        checked_rows(Path("run"), [{**ROW, **ANSWER}, row])
