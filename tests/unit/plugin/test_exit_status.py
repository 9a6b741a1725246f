"""What a grid session with a baseline exits with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_runs import run_of

from pytest_codeneedle.plugin.gate import gate_decision, gate_status
from pytest_codeneedle.runs.calibration import NOT_CALIBRATED
from pytest_codeneedle.stats.comparison import Comparison, compare

JUDGED = st.sampled_from([pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED])
#: Interrupted, internal error, usage error, nothing collected, too many warnings, not calibrated.
OTHERS = st.sampled_from([2, 3, 4, 5, 6, NOT_CALIBRATED])


FULL = run_of({"q4_0/q4_0": [20] * 12}, "old")
SAME, WORSE = compare(FULL, FULL), compare(FULL, run_of({"q4_0/q4_0": [15] * 12}, "new"))
FEW = compare(FULL, run_of({"q4_0/q4_0": [0, 0]}, "new"))


@given(JUDGED, st.booleans(), st.booleans(), st.integers(0, 3))
def test_passed_and_failed_tests_are_judged(found: int, worse: bool, undecided: bool, others: int) -> None:
    """1 where anything is worse, not decided, or another test failed, else 0, whatever single items did."""
    expected = int(worse or undecided or others > 0)
    assert expected == gate_status(found, worse=worse, undecided=undecided, other_failures=others)


@given(OTHERS, st.booleans(), st.booleans(), st.integers(0, 3))
def test_other_ends_keep_their_status(found: int, worse: bool, undecided: bool, others: int) -> None:
    """A comparison says nothing of them."""
    assert found == gate_status(found, worse=worse, undecided=undecided, other_failures=others)


@pytest.mark.parametrize(
    ("found", "compared", "failures", "decided"),
    [
        pytest.param(0, {"a": SAME}, (0, 0), (0, []), id="as it was"),
        pytest.param(
            0, {"a": WORSE}, (0, 0), (1, ["exit status 1: decided by the comparison, though no item failed"]), id="red"
        ),
        pytest.param(
            1, {"a": SAME}, (1, 0), (0, ["exit status 0: decided by the comparison, not by 1 failed item"]), id="green"
        ),
        pytest.param(
            0,
            {"a": WORSE, "b": "no cell in common"},
            (0, 0),
            (1, ["exit status 1: decided by the comparison, though no item failed"]),
            id="worse beside one that cannot be compared",
        ),
        pytest.param(
            0,
            {"a": SAME, "b": "no cell in common"},
            (0, 0),
            (1, ["exit status 1: b could not be held against the baseline"]),
            id="cannot be compared",
        ),
        pytest.param(
            1, {"a": FEW}, (2, 0), (1, ["exit status 1: a could not be held against the baseline"]), id="too few"
        ),
        pytest.param(1, {"a": SAME}, (0, 2), (1, ["exit status 1: 2 failures are none of the comparison's"]), id="own"),
        pytest.param(2, {"a": WORSE, "b": "no cell"}, (1, 0), (2, []), id="interrupted"),
    ],
)
def test_decision(
    found: int, compared: dict[str, Comparison | str], failures: tuple[int, int], decided: tuple[int, list[str]]
) -> None:
    """Of several corpora one that is worse, or that was not compared, is enough; and why is said."""
    judged, others = failures
    assert decided == gate_decision(found, compared, judged_failures=judged, other_failures=others)
