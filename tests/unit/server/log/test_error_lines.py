"""Which lines of a log are quoted."""

from __future__ import annotations

import pytest

from pytest_codeneedle.server.log.error_lines import LAST_LINES, error_lines, quoted

USAGE = [f"--usage {number}" for number in range(LAST_LINES)]


@pytest.mark.parametrize(
    "line",
    [
        "error while handling argument \"--chat-template-file\": error: failed to open file '/nope.jinja'",
        "0.01.011.995 E srv  load_model: the model has gone",
        "E srv  load_model: the model has gone",
        "python -m server: error: unrecognized arguments: --nonsense",
        "terminate called after throwing an instance of 'std::exception'",
        "couldn't bind HTTP server socket",
    ],
)
def test_a_line_that_tells_of_an_error_comes_first(line: str) -> None:
    """Usage text may push it out of the last lines; a person reads it first all the same."""
    log = "\n".join(["loading", line, *USAGE])
    assert [line] == error_lines(log)
    assert [line, "...", *USAGE] == quoted(log).split("\n")


@pytest.mark.parametrize(
    "line", ["0.00.1 I print_info: f_norm_rms_eps = 1e-05", "llama_context: n_ctx = 512", "terror = 1", "I E = 3"]
)
def test_other_lines(line: str) -> None:
    """No error in them."""
    assert [] == error_lines(line)


def test_the_last_lines_are_quoted_once() -> None:
    """Errors among them stand where they stand."""
    log = "\n".join(["loading", *USAGE[:-1], "error: it failed"])
    assert [*USAGE[:-1], "error: it failed"] == quoted(log).split("\n")
    assert "" == quoted("")


def test_a_flood_of_errors_is_cut() -> None:
    """The first are the cause of those that follow; the same line is told once, a long one in part."""
    log = "\n".join([*(f"error {number // 2}" for number in range(100)), "error " + "x" * 5000, *USAGE])
    before = quoted(log).split("\n...\n")[0].split("\n")
    assert [f"error {number}" for number in range(6)] == before
    (long,) = error_lines("error " + "x" * 5000)
    assert long.endswith("x... (5006 characters)")
