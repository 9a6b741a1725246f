"""The exit status of a grid session, where it is not pytest's own: decided here and nowhere else."""

from __future__ import annotations

import pytest


def gate_status(found: int, *, worse: bool, other_failures: int) -> int:
    """With a baseline: 0 where nothing is worse, 1 where something is, whatever single items did.

    `found` is what the session came to without it. Only passed and failed tests are judged: an interruption, an error
    of use or of collection, a model that is not calibrated keep their status. `other_failures` are failed tests that
    are none of the baseline's questions, which fail the session as ever.
    """
    if found not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return found
    return int(pytest.ExitCode.TESTS_FAILED if worse or other_failures else pytest.ExitCode.OK)
