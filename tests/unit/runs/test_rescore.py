"""Stored answers, scored anew from what the run folder holds."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.recall.scoring import Score, score
from pytest_codeneedle.runs.rescore import rescored, score_facts

PRIMARY = [f"    line_{number} = {number}" for number in range(20)]
BONUS = ["    more = 1", "    more = 2"]
ABOUT = {"functions": [{"name": "f", "primary": PRIMARY, "bonus": BONUS}]}


def row(response: str, **more: object) -> dict[str, Any]:
    """A stored result with scores that are wrong in every way, so that all must be made anew."""
    stale = dict.fromkeys(score_facts(score(PRIMARY, "")), -1)
    return {"function": "f", "ctk": "q8_0", "outcome": "failed", "response": response, **stale, **more}


def anew(*rows: dict[str, Any], relax_indent: bool = True, threshold: int = 8) -> list[dict[str, Any]]:
    """The rows scored anew."""
    return rescored(ABOUT, rows, relax_indent=relax_indent, threshold=threshold)


def test_facts_hold_every_count_of_a_score() -> None:
    """All whole numbers of a score are in the row under their own names, `bonus` and `thought` beside them, no text."""
    result = score(PRIMARY, "<think>\n</think>\n" + "\n".join([*PRIMARY, *BONUS, "other"]), bonus=BONUS)
    facts = score_facts(result)
    counts = {f.name: getattr(result, f.name) for f in dataclasses.fields(Score) if f.type == "int"}

    assert {**counts, "bonus": 2, "thought": False} == facts
    assert (20, 20, 20, 2, 1, 20, 20, 2) == (
        facts["primary_matched"],
        facts["primary_total"],
        facts["lcs_matched"],
        facts["bonus_matched"],
        facts["hallucinated"],
        facts["position_exact"],
        facts["strict_matched"],
        facts["think_lines"],
    )


def test_scores_are_made_anew_and_the_rest_is_kept() -> None:
    """Every figure of the score is replaced, the outcome too; what was asked and answered stays."""
    response = "\n".join([*PRIMARY, BONUS[0]])
    (new,) = anew(row(response, tokens=120))

    facts = score_facts(score(PRIMARY, response, bonus=BONUS, relax_indent=True))
    assert {**row(response, tokens=120), **facts, "outcome": "passed", "label": "run-on"} == new
    assert (20, 1) == (new["primary_matched"], new["bonus_matched"])


@pytest.mark.parametrize(("threshold", "outcome"), [(5, "passed"), (6, "failed")])
def test_the_threshold_decides_anew(threshold: int, outcome: str) -> None:
    """The same five lines pass or fail."""
    assert [outcome] == [new["outcome"] for new in anew(row("\n".join(PRIMARY[:5])), threshold=threshold)]


@pytest.mark.parametrize(("relax_indent", "matched"), [(True, 20), (False, 0)])
def test_indentation_is_judged_anew(relax_indent: bool, matched: int) -> None:
    """Strict or relaxed is chosen when scoring, not when asking."""
    response = "\n".join(line.strip() for line in PRIMARY)

    assert [matched] == [new["primary_matched"] for new in anew(row(response), relax_indent=relax_indent)]


def test_an_error_stays_an_error() -> None:
    """There is no answer to score, and the row is not the one that was given."""
    given = {"function": "gone", "outcome": "error", "error": "HTTP 500"}
    (new,) = anew(given)

    assert given == new
    assert given is not new


def test_rows_stay_in_order_and_are_not_changed() -> None:
    """New rows come back; the old ones are as they were."""
    given = [row("x"), row("\n".join(PRIMARY))]
    before = [dict(one) for one in given]

    assert ["failed", "passed"] == [new["outcome"] for new in anew(*given)]
    assert before == given


def test_a_function_that_run_json_does_not_hold() -> None:
    """Its lines are not known: it is named."""
    with pytest.raises(RunFolderError, match=r"^run\.json does not hold the lines of 'g': it cannot be scored anew$"):
        anew(row("x", function="g"))
