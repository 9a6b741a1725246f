"""The calibration gate: what the reference recalled, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.runs.calibration import (
    NOT_CALIBRATED,
    Calibration,
    calibration,
    left_open,
    parse_share,
    unknown,
    without_template,
)

LINES = 20


def row(function: str, matched: int | None, outcome: str = "failed", error: str = "") -> dict[str, Any]:
    """One row of the reference."""
    return {"function": function, "primary_matched": matched, "outcome": outcome, "error": error}


def found(*rows: dict[str, Any], minimum: float = 0.8) -> Calibration:
    """What these rows say."""
    return calibration(rows, "bf16/bf16", lines=LINES, minimum=minimum)


def test_status_is_nobody_elses() -> None:
    """Statuses of pytest itself are another thing, and later versions have more of them."""
    assert NOT_CALIBRATED not in set(pytest.ExitCode)


@given(st.lists(st.integers(0, LINES), min_size=1, max_size=30), st.floats(0, 1))
def test_share_is_that_of_the_lines(matched: list[int], minimum: float) -> None:
    """The mean over functions decides, whether single items passed or not; what is written is never kinder."""
    result = found(*(row(str(place), lines) for place, lines in enumerate(matched)), minimum=minimum)
    assert result.share == pytest.approx(sum(matched) / (LINES * len(matched)))
    assert result.passed == (result.share >= minimum)
    assert result.facts()["share"] <= result.share
    assert result.passed == result.facts()["passed"]


def test_errors_are_no_misses() -> None:
    """An item without a score is left out, as long as half of the functions have one; how many are is on record."""
    result = found(row("one", 18), row("two", None, "error", "it died"))
    assert (0.9, True, 1) == (result.share, result.passed, result.errors)
    assert 1 == result.facts()["errors"]


@given(st.integers(0, 12), st.integers(1, 12))
def test_few_answers_speak_for_no_model(scored: int, unanswered: int) -> None:
    """Fewer than half of the functions with a score are not enough, however good they are."""
    good = [row(f"good {place}", LINES) for place in range(scored)]
    result = found(*good, *(row(str(place), None, "error", "it died") for place in range(unanswered)))
    assert (scored > 0 and scored >= unanswered) == result.passed == result.facts()["passed"]


def test_one_answer_of_eight() -> None:
    """What is missing is counted, the first error told; nothing is said of a model that is floored."""
    result = found(row("good", LINES), *(row(str(place), None, "error", "it died") for place in range(7)))
    assert {"share": 1.0, "errors": 7, "passed": False}.items() <= result.facts().items()
    said = "not calibrated (exit status 10): tiny: bf16/bf16 answered 1 of 8 questions (it died). The other cells"
    assert result.advice("tiny").startswith(said)
    assert "floored" not in result.advice("tiny")


def test_a_pass_that_answers_stands_for_one_that_did_not() -> None:
    """Functions are counted, not items: with --kv-rotation both there are two of each."""
    result = found(row("one", LINES), row("one", None, "error"), row("one", None, "error"))
    assert result.passed


def test_no_answer() -> None:
    """Where none has a score there is no share, and the first error is told in one line."""
    result = found(*(row(name, None, "error", f"{name} died. The last lines of x.log:\nboom") for name in "ab"))
    assert (None, False) == (result.share, result.passed)
    assert {"reference": "bf16/bf16", "share": None, "minimum": 0.8, "errors": 2, "passed": False} == result.facts()
    assert "tiny: bf16/bf16 gave no answer (a died). The other cells" in result.advice("tiny")


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0 %"), (0.1125, "11.2 %"), (0.79999, "79.9 %"), (0.29, "29 %")],
)
def test_percents_are_cut_off(share: float, said: str) -> None:
    """What is just below the minimum does not read like it."""
    result = Calibration("bf16/bf16", share, 0.8)
    assert f"bf16/bf16 recalls {said} of the lines, 80 % are needed" == result.said


@pytest.mark.parametrize(
    ("listed", "base_model"),
    [
        ("general.architecture tokenizer.ggml.model", True),
        ("general.architecture tokenizer.chat_template", False),
        ("tokenizer.ggml.model", False),
        ("", False),
    ],
)
def test_a_model_without_a_chat_template(listed: str, base_model: bool) -> None:
    """Its log says so, where it lists what the file says of itself at all; the advice names it."""
    log = "".join(f"llama_model_loader: - kv {at:>3}: {key:>40} str = x\n" for at, key in enumerate(listed.split()))

    assert base_model == without_template(log)
    advice = Calibration("bf16/bf16", 0.1, 0.8).advice("tiny", base_model=base_model)
    assert base_model == ("Here the model's file has no chat template: a base model; " in advice)


def test_advice() -> None:
    """What was measured, what it means, what to do."""
    advice = Calibration("bf16/bf16", 0.1, 0.8).advice("tiny")
    assert advice.startswith(
        "not calibrated (exit status 10): tiny: bf16/bf16 recalls 10 % of the lines, 80 % are needed"
    )
    assert all(
        said in advice
        for said in (
            "--kv-think",
            "shorter corpus",
            "better model",
            "--kv-calibrate-min with --kv-resume",
            "calibrate off",
        )
    )


def test_what_is_said_where_nothing_was_decided() -> None:
    """The reason names the reference; none of it is a pass or a failure."""
    assert "the reference bf16/bf16 was not asked" == left_open("bf16/bf16", ended=False)
    assert "ended before all of the reference bf16/bf16" in left_open("bf16/bf16", ended=True)
    assert {"passed": None, "reason": "it was left out"} == unknown("it was left out")


def test_the_session_that_recalled_least_speaks() -> None:
    """A mean over sessions would hide that one of them was floored; one without an answer says nothing of others."""
    good = [{**row(name, 20), "session": "a"} for name in ("one", "two")]
    bad = [{**row(name, 10), "session": "b"} for name in ("one", "two")]
    none = [{**row("one", None, "error"), "session": "c"}]

    assert [1.0, 0.5, 1.0] == [found(*rows).share for rows in (good, [*good, *bad], [*good, *none])]


def test_the_sentence_for_reports() -> None:
    """It begins with what it comes to."""
    assert "calibrated: bf16/bf16 recalls 90 % of the lines, 80 % are needed" == found(row("one", 18)).sentence
    assert found(row("one", 1)).sentence.startswith("not calibrated (exit status 10): bf16/bf16 recalls 5 %")


@given(st.floats(0, 1))
def test_shares_are_read(share: float) -> None:
    """A number from 0 to 1."""
    assert share == parse_share(str(share))


@pytest.mark.parametrize("text", ["1.01", "-1", "80 %", "nan", "inf", ""])
def test_no_share(text: str) -> None:
    """All else is refused."""
    with pytest.raises(ConfigurationError, match="is no share; give a number from 0 to 1"):
        parse_share(text)
