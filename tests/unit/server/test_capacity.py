from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.machine import cores
from pytest_codeneedle.server.capacity import check_cores, own_threads, servers_at_once
from pytest_codeneedle.server.model import Model
from pytest_codeneedle.server.program import ServerProgram

PROGRAM = ServerProgram(("llama-server",), "llama-server", ())
CONTROL, REAL = Model("control:robust"), Model("real.gguf")


@pytest.mark.parametrize(
    ("arguments", "environment", "extra", "expected"),
    [
        pytest.param((), (), (), None, id="not said"),
        pytest.param(("-ngl", "99", "-t", "3"), (), (), 3, id="command"),
        pytest.param(("--threads=3",), (), (), 3, id="one word"),
        pytest.param(("-t", "3"), (), ("-t", "2"), 2, id="more arguments win"),
        pytest.param(("-t", "2", "-tb", "5"), (), (), 5, id="batches have more"),
        pytest.param((), (("LLAMA_ARG_THREADS", "4"),), (), 4, id="variable"),
        pytest.param(("-t", "2"), (("LLAMA_ARG_THREADS", "4"),), (), 2, id="a word wins over a variable"),
        pytest.param(("-t", "-1"), (), (), cores(), id="all"),
        pytest.param(("-t", "x"), (), (), 1, id="no number"),
    ],
)
def test_own_threads(
    arguments: tuple[str, ...], environment: tuple[tuple[str, str], ...], extra: tuple[str, ...], expected: int | None
) -> None:
    """The number that counts, as llama.cpp reads words and variables."""
    program = replace(PROGRAM, arguments=arguments, environment=environment)
    assert expected == own_threads(program, extra)


def test_batch_threads_alone() -> None:
    """A command that sets them for batches only leaves the others to llama.cpp, which takes all cores."""
    program = replace(PROGRAM, arguments=("-tb", "1"), own_threads=True)
    assert cores() == own_threads(program, ())


def test_at_once() -> None:
    """As many as have cores: the control model needs one, a real one takes all, and a user's -t is what it is."""
    assert cores() == servers_at_once(PROGRAM, CONTROL, ())
    assert 1 == servers_at_once(PROGRAM, REAL, ())
    assert cores() == servers_at_once(PROGRAM, REAL, ("-t", "1"))
    assert 1 == servers_at_once(PROGRAM, CONTROL, ("-t", str(4 * cores())))


@pytest.mark.parametrize(("servers", "there", "threads"), [(1, 2, 16), (2, 2, None), (2, 4, 2), (0, 1, None)])
def test_enough_cores(servers: int, there: int, threads: int | None) -> None:
    """As many threads as cores are fine, and one server alone has what its user gives it."""
    check_cores(servers, there, threads)


@pytest.mark.parametrize(
    ("servers", "threads", "place", "said"),
    [
        pytest.param(5, None, "", "5 servers at once would share 4 cores .*; use -n 4", id="servers"),
        pytest.param(2, 3, "", "with 3 threads each would share 4 cores .*; use -t 2, or leave -t out", id="threads"),
        pytest.param(5, None, "host gpu1: ", "host gpu1: 5 servers .*; start 4 on it", id="host"),
    ],
)
def test_too_few_cores(servers: int, threads: int | None, place: str, said: str) -> None:
    """Both numbers are said, and the way out."""
    with pytest.raises(ConfigurationError, match=said):
        check_cores(servers, 4, threads, place)
