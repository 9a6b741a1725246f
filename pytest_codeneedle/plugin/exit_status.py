"""The exit status of a grid session, where it is not pytest's own: decided here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.text import counted, few

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_codeneedle.stats.comparison import Comparison


def gate_status(found: int, *, worse: bool, other_failures: int, undecided: bool = False) -> int:
    """With a baseline: 0 where nothing is worse, 1 where something is, whatever single items did.

    `found` is what the session came to without it. Only passed and failed tests are judged: an interruption, an error
    of use or of collection, a model that is not calibrated keep their status. `other_failures` are failed tests that
    are none of the baseline's questions, which fail the session as ever. `undecided` is a comparison that could not be
    made, or that could show no loss: what was not held against the baseline has not passed.
    """
    if found not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return found
    return int(pytest.ExitCode.TESTS_FAILED if worse or undecided or other_failures else pytest.ExitCode.OK)


def gate_decision(
    found: int, compared: Mapping[str, Comparison | str], *, judged_failures: int, other_failures: int
) -> tuple[int, list[str]]:
    """The exit status, and lines that say why it is not what a person expects of the items.

    `compared` is by corpus: the comparison, or why there is none. `judged_failures` are the comparison's own questions.
    """
    worse = any(not isinstance(one, str) and one.worse for one in compared.values())
    undecided = [name for name, one in compared.items() if isinstance(one, str) or one.undecided]
    status = gate_status(found, worse=worse, undecided=bool(undecided), other_failures=other_failures)
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return status, []
    said = []
    if undecided and not worse:
        said.append(f"exit status {status}: {few(undecided)} could not be held against the baseline")
    elif found != status:
        items = f"not by {counted(judged_failures, 'failed item')}" if judged_failures else "though no item failed"
        said.append(f"exit status {status}: decided by the comparison, {items}")
    elif other_failures and not worse:
        other = "1 failure is" if other_failures == 1 else f"{other_failures} failures are"
        said.append(f"exit status {status}: {other} none of the comparison's")
    return status, said
