"""Stored answers, scored anew: no server and no corpus is needed, run.json holds the expected lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.errors import RunFolderError
from pytest_codeneedle.grid import ERROR, FAILED, PASSED
from pytest_codeneedle.scoring import Score, score

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def score_facts(result: Score) -> dict[str, Any]:
    """The score as the flat keys of a result row."""
    return {
        "primary_matched": result.primary_matched,
        "primary_total": result.primary_total,
        "lcs_matched": result.lcs_matched,
        "bonus_matched": result.bonus_matched,
        "bonus": result.bonus_matched,
        "hallucinated": result.hallucinated,
        "position_exact": result.position_exact,
        "strict_matched": result.strict_matched,
        "think_lines": result.think_lines,
        "thought": result.thought,
    }


def rescored(
    about: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], *, relax_indent: bool, threshold: int
) -> list[dict[str, Any]]:
    """The rows of a run with their scores made anew; ERROR rows stay as they are.

    Raises RunFolderError for a row whose function run.json does not hold.
    """
    expected = {function["name"]: function for function in about["functions"]}
    anew = []
    for row in rows:
        if row["outcome"] == ERROR:
            anew.append(dict(row))
            continue
        function = expected.get(row["function"])
        if function is None:
            msg = f"run.json does not hold the lines of {row['function']!r}: it cannot be scored anew"
            raise RunFolderError(msg)
        result = score(
            function["primary"],
            row["response"],
            bonus=function["bonus"],
            relax_indent=relax_indent,
            threshold=threshold,
        )
        anew.append({**row, **score_facts(result), "outcome": PASSED if result.passed else FAILED})
    return anew
