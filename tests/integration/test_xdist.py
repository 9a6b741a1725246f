"""pytest-xdist: a cell is one unit of work, and servers share the cores."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadScopeScheduling

from pytest_codeneedle.core.machine import cores
from pytest_codeneedle.plugin.scheduling import CellScheduling

from .lab import matched, passed, survivors

if TYPE_CHECKING:
    from .lab import Lab

SUITE = "../../pytest_codeneedle/suite/test_recall.py"
WORKERS = 2


def test_same_grid(lab: Lab) -> None:
    """With -n 2 the packaged suite runs, from a project with own tests too; each pair's server starts once."""
    lab.pytester.makeini("[pytest]\ntestpaths = .\n")
    lab.pytester.makepyfile("def test_own():\n    assert False\n")
    result = lab.grid("-n", str(WORKERS), "--kv-types", "q8_0,q4_0")
    assert {"passed": 8} == result.parseoutcomes()
    pairs = [(ctk, ctv) for ctk in ("q8_0", "q4_0") for ctv in ("q8_0", "q4_0")]
    assert dict.fromkeys(pairs, "20.00") == matched(result)
    assert dict.fromkeys(pairs, "2") == passed(result, 2)
    logs = sorted(log.name for log in (lab.folder / "servers").iterdir())
    assert sorted(f"{ctk}-{ctv}.log" for ctk, ctv in pairs) == logs


@pytest.mark.slow
def test_cores_are_shared(lab: Lab) -> None:
    """Threads per server times servers is no more than there are cores: llama.cpp's threads spin."""
    lab.grid("-n", str(WORKERS), "--kv-pairs", "q8_0/q8_0,q4_0/q4_0")
    about = lab.about()
    assert max(1, cores() // WORKERS) == about["threads"]
    argv = about["server_argv"]
    assert str(about["threads"]) == argv[argv.index("-t") + 1]
    assert str(about["threads"]) == argv[argv.index("-tb") + 1]
    logs = [log.read_text(encoding="utf-8") for log in (lab.folder / "servers").iterdir()]
    assert 2 == len(logs)
    said = {count for log in logs for count in re.findall(r"llama threadpool init, n_threads = (\d+)", log)}
    assert {str(about["threads"])} == said


def test_error_is_the_controllers(lab: Lab) -> None:
    """A usage error under -n 2 is told once, and no worker starts."""
    result = lab.grid("-n", str(WORKERS), "--kv-types", "q3_0")
    assert pytest.ExitCode.USAGE_ERROR == result.ret
    (message,) = [line for line in result.errlines if line.strip()]
    assert "unknown KV cache type 'q3_0'" in message


@pytest.mark.parametrize(
    ("nodeid", "cell"),
    [
        pytest.param(f"{SUITE}::test_recall[q8_0/q4_0-parse]", "q8_0/q4_0", id="plain"),
        pytest.param("test_recall[q8_0/q4_0#2-parse]", "q8_0/q4_0#2", id="second pass"),
        pytest.param("test_recall[a:q8_0/q4_0:rot-off#12-x]", "a:q8_0/q4_0:rot-off#12", id="rotation and pass"),
        pytest.param("test_recall[q8_0/q4_0-rot-off#2]", "q8_0/q4_0", id="function like a rotation"),
        pytest.param("test_own.py::test_server[q8_0/q4_0:rot-on]", "q8_0/q4_0:rot-on", id="own test of a rotation"),
        pytest.param("test_recall[bf16/q5_1-parse]", "bf16/q5_1", id="no file"),
        pytest.param(f"{SUITE}::test_recall[mini:q8_0/q4_0-parse]", "mini:q8_0/q4_0", id="corpus"),
        pytest.param(f"{SUITE}::test_recall[my-own:q8_0/q4_0-parse]", "my-own:q8_0/q4_0", id="corpus with a hyphen"),
        pytest.param(f"{SUITE}::test_recall[q8_0/q4_0-on-click]", "q8_0/q4_0", id="function with a hyphen"),
        pytest.param(f"{SUITE}::test_recall[q8_0/q4_0-handlers[0]]", "q8_0/q4_0", id="function with brackets"),
        pytest.param(f"{SUITE}::test_recall[q8_0/q4_0-q4_0/q4_0]", "q8_0/q4_0", id="function like a cell"),
        pytest.param(f"{SUITE}::test_recall[q8_0/q4_0-a::b]", "q8_0/q4_0", id="function with colons"),
        pytest.param("test_own.py::test_server[q8_0/q4_0]", "q8_0/q4_0", id="own test of a cell"),
        pytest.param("test_own.py::test_server[1-q8_0/q4_0-x]", "q8_0/q4_0", id="own parameters before it"),
        pytest.param("a/b/test_own.py::test_other", "a/b/test_own.py", id="foreign"),
        pytest.param("a/b/test_own.py::TestIt::test_other", "a/b/test_own.py::TestIt", id="foreign class"),
        pytest.param("test_own.py::test_other[q8_0/none]", None, id="no cell"),
    ],
)
def test_unit_of_work(nodeid: str, cell: str | None) -> None:
    """All ids of a cell have one scope; others have xdist's own. Pins the private method that is overridden."""
    assert "_split_scope" in vars(LoadScopeScheduling)
    scheduling = CellScheduling.__new__(CellScheduling)  # the method needs no session
    own = LoadScopeScheduling._split_scope(scheduling, nodeid)
    assert (own if cell is None else cell) == scheduling._split_scope(nodeid)


@pytest.mark.slow
def test_worker_killed(lab: Lab) -> None:
    """Its server goes with it, the item that it was at is an ERROR, and another worker takes up what is left."""
    lab.faults({"q8_0/q4_0": ["worker-killed"]})
    pairs = ("--kv-order", "grid", "--kv-pairs", "q8_0/q8_0,q8_0/q4_0,q4_0/q4_0")
    result = lab.grid("-n", "1", *pairs, "--junitxml", "junit.xml")
    assert {"passed": 5, "errors": 1} == result.parseoutcomes()
    assert "20.00*" == matched(result)["q8_0", "q4_0"]
    (error,) = (row for row in lab.rows() if row["outcome"] == "error")
    assert ("q8_0", "q4_0", None) == (error["ctk"], error["ctv"], error["primary_matched"])
    assert "the worker that asked it was killed, and its server with it; it is not asked again" in error["error"]
    assert 6 == len({(row["ctk"], row["ctv"], row["function"]) for row in lab.rows()})
    result.stdout.fnmatch_lines(["*2/3* q8_0/q4_0*1/2 passed  1 errors*", "*ERROR at setup of test_recall*q8_0/q4_0-*"])
    assert [] == survivors(lab.path)


@pytest.mark.slow
def test_workers_killed_for_ever(lab: Lab) -> None:
    """Each worker is replaced once; then the session ends, with what is known of it."""
    lab.faults({"q8_0/q4_0": ["worker-killed*"]})
    pairs = ("--kv-order", "grid", "--kv-pairs", "q8_0/q8_0,q8_0/q4_0,q4_0/q4_0")
    result = lab.grid("-n", "1", *pairs, quiet=False)
    assert {"passed": 2, "errors": 2} == result.parseoutcomes()
    assert {"20.00", "err", "-"} == set(matched(result).values())
    assert ["passed", "passed", "error", "error"] == [row["outcome"] for row in lab.rows()]
    assert "maximum crashed workers reached: 1" in result.stdout.str()
    assert [] == survivors(lab.path)
