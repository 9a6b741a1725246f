"""--kv-full-answer: let the model run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .lab import Lab

PAIR = ("--kv-pairs", "q8_0/q4_0")


@pytest.mark.slow
def test_closed_by_default(lab: Lab) -> None:
    """A body of 24 lines runs on after the 20: the stream is closed as soon as that is seen."""
    lab.corpus("longer", functions=2, body_lines=24)
    lab.grid(*PAIR, corpus="longer")
    for row in lab.rows():
        assert ("closed", True, 0) == (row["stop"], row["run_on"], row["run_on_lines"])
        assert 20 == row["primary_matched"]
        assert 20 == row["response"].count("\n")


def test_full(lab: Lab) -> None:
    """With it the four lines after the 20 come too: bonus lines that continue the source file."""
    lab.corpus("longer", functions=2, body_lines=24)
    lab.grid(*PAIR, "--kv-full-answer", corpus="longer")
    for row in lab.rows():
        assert ("eos", True, 4) == (row["stop"], row["run_on"], row["run_on_lines"])
        assert (20, 4, 0) == (row["primary_matched"], row["bonus_matched"], row["hallucinated"])
    assert lab.about()["full_answer"] is True


def test_model_that_stops_by_itself(lab: Lab) -> None:
    """A body that ends with the 20 lines: the model stops, and nothing runs on."""
    lab.grid(*PAIR)
    for row in lab.rows():
        assert ("eos", False, 0) == (row["stop"], row["run_on"], row["run_on_lines"])
        assert (20, 0, 0) == (row["primary_matched"], row["bonus_matched"], row["hallucinated"])


def test_closed_answer_hallucinates_nothing(lab: Lab) -> None:
    """The piece of a line at which the stream was closed is the model's, but not yet a line: it is not counted."""
    lab.corpus("longer", functions=2, body_lines=24)
    lab.grid(*PAIR, corpus="longer")
    assert [0, 0] == [row["hallucinated"] for row in lab.rows()]
