"""What a grid session with a baseline exits with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.exit_status import gate_status
from pytest_codeneedle.floored import NOT_CALIBRATED

JUDGED = st.sampled_from([pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED])
#: Interrupted, internal error, usage error, nothing collected, too many warnings, not calibrated.
OTHERS = st.sampled_from([2, 3, 4, 5, 6, NOT_CALIBRATED])


@given(JUDGED, st.booleans(), st.integers(0, 3))
def test_passed_and_failed_tests_are_judged(found: int, worse: bool, others: int) -> None:
    """1 where anything is worse or another test failed, else 0, whatever single items did."""
    assert int(worse or others > 0) == gate_status(found, worse=worse, other_failures=others)


@given(OTHERS, st.booleans(), st.integers(0, 3))
def test_other_ends_keep_their_status(found: int, worse: bool, others: int) -> None:
    """A comparison says nothing of them."""
    assert found == gate_status(found, worse=worse, other_failures=others)
