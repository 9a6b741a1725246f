"""The rows of a session: recorded answers, and what is taken since."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_codeneedle.runs.ledger import RECORDED, Record, decisive, item_of, lost_answers


def row(function: str = "f", **more: Any) -> dict[str, Any]:
    """A row of the tiny corpus."""
    where = {"corpus": "tiny", "ctk": "q8_0", "ctv": "q4_0", "replicate": 0}
    return {**where, "function": function, "test": "test_recall", "outcome": "passed", "primary_matched": 20, **more}


def test_a_recorded_answer_is_found_by_its_item() -> None:
    """That of the same test comes first; another test's serves too, for the question is the same."""
    record = Record([row(), row(test="test_mine", outcome="failed")])

    assert "passed" == (record.answer(item_of(row()), "test_recall") or {})["outcome"]
    assert "failed" == (record.answer(item_of(row()), "test_mine") or {})["outcome"]
    assert record.answer(item_of(row()), "test_other") is not None
    assert record.answer(item_of(row("g")), "test_recall") is None


def test_a_recalled_row_is_written_only_where_it_is_judged_otherwise() -> None:
    """The same judgement is on record; another outcome is news. The mark does not get into the file."""
    record = Record([row()])
    same, other = row(**{RECORDED: True}), row(**{RECORDED: True}, outcome="failed")

    assert not record.take(same)
    assert record.take(other)
    assert RECORDED not in same
    assert RECORDED not in other
    assert [other] == record.rows("tiny")


def test_a_row_that_was_asked_now_is_always_written() -> None:
    """Also where it says what an earlier one said: nothing that was asked is lost."""
    record = Record([row()])

    assert record.take(row())
    assert [row()] == record.rows("tiny")


def test_an_answer_counts_before_an_error_of_another_test() -> None:
    """Readers take the last row of an item."""
    record = Record([])
    record.take(row())
    record.take(row(test="test_mine", outcome="error", primary_matched=None))

    assert ["passed"] == [one["outcome"] for one in record.rows("tiny")]
    assert [] == record.rows("other")


def test_an_answer_may_be_put_on_record_while_it_is_new() -> None:
    """The reference's are, before workers start: they are asked of nobody, and not written again."""
    record = Record([])
    assert record.take(row())
    record.add([row()])

    assert [row()] == record.recorded
    assert row() == record.answer(item_of(row()), "test_recall")
    assert not record.take(row(**{RECORDED: True}))
    assert [row()] == record.rows("tiny")


def test_a_test_of_the_users_overrides_nothing() -> None:
    """What the packaged test has an answer to is decided by it; what it was not asked is the other's."""
    own = [row(test="test_mine", outcome="failed"), row(test="test_mine", outcome="failed", function="g")]
    rows = [row(test="test_recall"), *own]
    assert ["passed", "failed"] == [one["outcome"] for one in decisive(rows)]
    assert ["failed", "failed"] == [one["outcome"] for one in decisive([row(outcome="error"), *own])][1:]
    assert own == decisive(own)
    assert 2 == len(decisive([{**rows[0], "session": "1"}, {**own[0], "session": "2"}]))


def test_silence_of_an_earlier_session_is_known_and_answers_nothing() -> None:
    """It has to be asked again, and stays beside the answer of now; where there is one of its session that counts."""
    error = row(session="a", outcome="error", primary_matched=None)
    record = Record([row("g", session="a")], [error, {**error, "function": "g"}])

    assert record.answer(item_of(error), "test_recall") is None
    assert record.answer(item_of(row("g")), "test_recall") == row("g", session="a")
    assert [] == record.past()
    record.take(row(session="b"))
    assert [error, row("g", session="a"), row(session="b")] == record.rows("tiny")


@pytest.mark.parametrize(
    ("kept", "counts", "said"),
    [
        (3, {"passed": 2, "failed": 1, "error": 4}, ""),
        (3, None, ""),
        (2, {"passed": 2, "failed": 1}, "1 answer of 3 that was recorded is not there: results.jsonl is cut or lost; "),
        (0, {"passed": 3}, "3 answers of 3 that were recorded are not there: results.jsonl is cut or lost; "),
    ],
)
def test_answers_that_run_json_counts_and_are_not_there(kept: int, counts: dict[str, int] | None, said: str) -> None:
    """A file that ends with a line looks whole; rows of another state of the run, and said twice, make up for none."""
    rows = [row(f"f{at}", key="k") for at in range(kept)]
    others = [row("f0", key="older"), *rows[:1], row("g", key="k", outcome="error")]

    told = lost_answers({"key": "k", "outcomes": counts}, [*others, *rows])
    assert said == told.removesuffix(f"bring it back {told.partition('bring it back ')[2]}")
