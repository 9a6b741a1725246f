"""Stored answers, scored anew: no server and no corpus is needed, run.json holds the expected lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ERROR, FAILED, PASSED
from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.recall.labels import label_answer, label_error
from pytest_codeneedle.recall.scoring import Score, score

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: What an ERROR says of an answer without anything to score, by its label.
NOTHING_TO_SCORE: Mapping[str, str] = {
    "empty": "the model answered nothing",
    "thinking-only": "the model answered nothing but thinking",
    "refused": "the model said that it would not or could not answer",
}


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


def scored_facts(  # noqa: PLR0913 - an answer, two knobs, and what is known of it besides
    function: Mapping[str, Any],
    response: str,
    *,
    relax_indent: bool,
    threshold: int,
    confused_with: str | None = None,
    stop: str = "",
) -> dict[str, Any]:
    """Outcome, score and label of a stored answer; `function` is its entry in run.json.

    An answer without anything to score is an ERROR, and its scores are None.
    """
    primary, bonus = function["primary"], function["bonus"]
    result = score(primary, response, bonus=bonus, relax_indent=relax_indent, threshold=threshold)
    unusable = label_error(primary, response, bonus=bonus)
    if unusable:
        error = f"{function['name']}: {NOTHING_TO_SCORE[unusable]}"
        return {**dict.fromkeys(score_facts(result)), "outcome": ERROR, "label": unusable, "error": error}
    label = label_answer(
        primary, response, result, bonus=bonus, confused_with=confused_with, stop=stop, relax_indent=relax_indent
    )
    return {**score_facts(result), "outcome": PASSED if result.passed else FAILED, "label": label}


def rescored(
    about: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], *, relax_indent: bool, threshold: int
) -> list[dict[str, Any]]:
    """The rows of a run with their scores made anew; ERROR rows stay as they are.

    With which function an answer was confused is kept as recorded: run.json holds the lines of the sample only.
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
        facts = scored_facts(
            function,
            row["response"],
            relax_indent=relax_indent,
            threshold=threshold,
            confused_with=row.get("confused_with"),
            stop=row.get("stop", ""),
        )
        anew.append({**row, **facts})
    return anew
