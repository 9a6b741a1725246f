"""What markers, reruns, shuffles and hooks of other plugins make of the items: nothing that was answered is lost.

The plugins are imitated by their hooks: each has the ways of one or more that exist, and those do as they like in the
next version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.corpus.random_bodies import RandomBodies

from .lab import matched, read_rows

if TYPE_CHECKING:
    from .lab import Lab

WORKERS = [pytest.param((), id="plain"), pytest.param(("-n", "2"), id="n2", marks=pytest.mark.slow)]
PAIRS = ("--kv-pairs", "bf16/bf16,q4_0/q4_0", "--kv-out", "run")
XFAIL = """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.xfail(strict={strict}))
"""
SKIPPED = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    yield
    pytest.skip("after the call")
"""
TEARDOWN = """
import pytest

@pytest.fixture(autouse=True)
def broken(recall):
    yield
    raise RuntimeError
"""
#: A fixture that comes after the answer, as a timeout within the set-up does.
SET_UP = """
import pytest

@pytest.fixture(autouse=True)
def broken(recall):
    raise RuntimeError
"""
REPLACED = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    return pytest.TestReport(report.nodeid, report.location, {}, "passed", None, report.when)
"""
SWALLOWED = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    runtestprotocol(item, nextitem=nextitem, log=False)
    return True
"""
#: As pytest-rerunfailures has it: until it passes, and each failure but the last is called a rerun.
RERUN = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for left in (2, 1, 0):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        failed = [report for report in reports if report.failed]
        for report in reports:
            if report in failed and left:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        if not failed:
            break
        item._initrequest()
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True

def pytest_report_teststatus(report):
    return ("rerun", "R", "RERUN") if report.outcome == "rerun" else None
"""
#: As pytest-repeat has it.
REPEATED = """
import pytest

@pytest.fixture(autouse=True)
def step(request):
    return request.param

@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc):
    metafunc.fixturenames.append("step")
    metafunc.parametrize("step", range(2), indirect=True, ids=["1-2", "2-2"])
"""
#: As pytest-reverse has it, and pytest-randomly from one seed.
SHUFFLED = """
import pytest

@pytest.hookimpl({when}=True)
def pytest_collection_modifyitems(items):
    items.reverse()
"""


#: As allure-pytest, flaky and pytest-reportlog have it: what they see of a report and of its exception, in files.
WRITING = """
import json
from pathlib import Path

import pytest

@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    said = call.excinfo.exconly() if call.excinfo else ""
    with Path("seen.txt").open("a") as seen:
        seen.write(said + report.longreprtext)

def pytest_runtest_logreport(report):
    if hasattr(CONFIG, "workerinput"):
        return
    with Path("log.jsonl").open("a") as log:
        data = CONFIG.hook.pytest_report_to_serializable(config=CONFIG, report=report)
        log.write(json.dumps(data, default=str))

def pytest_configure(config):
    global CONFIG
    CONFIG = config

@pytest.fixture(autouse=True)
def broken(recall, kv_corpus):
    if recall.function.name == "{name}":
        text = kv_corpus.text
        raise RuntimeError(text) from ValueError(text)
"""


def plug_in(lab: Lab, text: str) -> None:
    """Have it as a plugin of the session: hooks of a conftest are not called for items that lie elsewhere."""
    lab.write("imitated.py", text)
    lab.pytester.makeconftest('pytest_plugins = ["imitated"]')


@pytest.fixture
def losing(lab: Lab) -> tuple[str, ...]:
    """Arguments of a session in which q4_0/q4_0 loses one of the two functions; the reference answers both."""
    names = [name.rpartition("-")[2].removesuffix("]") for name in lab.ids("--kv-pairs", "bf16/bf16")]
    lab.pytester._monkeypatch.setenv("RECITE_LOSES", names[0])
    return (*PAIRS, "--kv-server", str(lab.reciting()))


@pytest.mark.slow
@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize(
    "plugin",
    [
        pytest.param(XFAIL.format(strict=False), id="xfail"),
        pytest.param(XFAIL.format(strict=True), id="strict"),
        pytest.param(SKIPPED, id="skipped"),
        pytest.param(TEARDOWN, id="teardown"),
        pytest.param(SET_UP, id="set-up"),
        pytest.param(REPLACED, id="replaced"),
        pytest.param(SWALLOWED, id="swallowed"),
    ],
)
def test_nothing_is_lost(lab: Lab, losing: tuple[str, ...], plugin: str, workers: tuple[str, ...]) -> None:
    """Each answer is recorded as what it is."""
    plug_in(lab, plugin)
    result = lab.grid(*losing, *workers)

    outcomes = {(row["ctk"], row["function"]): row["outcome"] for row in read_rows(lab.path / "run")}
    assert ["failed", "passed", "passed", "passed"] == sorted(outcomes.values())
    assert 4 == len(read_rows(lab.path / "run"))
    assert {("bf16", "bf16"): "20.00", ("q4_0", "q4_0"): "10.00"}.items() <= matched(result).items()


@pytest.mark.slow
@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("plugin", [RERUN, REPEATED], ids=["rerun", "repeated"])
def test_the_first_answer_counts(lab: Lab, plugin: str, workers: tuple[str, ...]) -> None:
    """A question that would be answered right the second time is not asked again, which is said."""
    names = [name.rpartition("-")[2].removesuffix("]") for name in lab.ids("--kv-pairs", "bf16/bf16")]
    lab.pytester._monkeypatch.setenv("RECITE_FLAKY", names[0])
    lab.pytester._monkeypatch.setenv("RECITE_LOG", str(lab.path / "asked"))
    plug_in(lab, plugin)
    result = lab.grid(*PAIRS, "--kv-server", str(lab.reciting()), *workers)

    assert pytest.ExitCode.TESTS_FAILED == result.ret
    asked = (lab.path / "asked").read_text(encoding="utf-8").split("\n")[:-1]
    assert 4 == len(asked) == len(set(asked)) == len(read_rows(lab.path / "run"))
    assert "10.00" == matched(result)["q4_0", "q4_0"]
    many = "4 questions" if plugin == REPEATED else "1 question"
    said = " ".join(" ".join(result.outlines).split())
    assert f"run again by another plugin: {many}; the first answer to each counts, and none was asked twice" in said


@pytest.mark.slow
@pytest.mark.parametrize("when", ["tryfirst", "trylast"])
def test_the_order_is_the_grids_own(lab: Lab, losing: tuple[str, ...], when: str) -> None:
    """Whenever the other plugin has its turn; that its order is set aside is said."""
    lab.grid(*losing, "--kv-calibrate", "on")
    plug_in(lab, SHUFFLED.format(when=when))
    result = lab.grid(*losing[:-3], "again", *losing[-2:], "--kv-calibrate", "on")

    both = [[(row["ctk"], row["replicate"]) for row in read_rows(lab.path / name)] for name in ("run", "again")]
    assert [("bf16", 0)] * 2 + [("q4_0", 0)] * 2 + [("bf16", 1)] * 2 == both[0] == both[1]
    assert any("another plugin's order of the cells is set aside" in line for line in result.outlines)


@pytest.mark.slow
def test_tests_of_the_users_own(lab: Lab, losing: tuple[str, ...]) -> None:
    """Their outcome is theirs: of an answer that passed and did not please them, and the other way round."""
    lab.pytester.makepyfile(
        """
        def test_strict(recall):
            assert not recall.passed
        """
    )
    lab.grid(*losing, "test_tests_of_the_users_own.py")
    last = {(row["ctk"], row["function"]): row for row in read_rows(lab.path / "run")}

    assert [("failed", 20), ("failed", 20), ("failed", 20), ("passed", 0)] == sorted(
        (row["outcome"], row["primary_matched"]) for row in last.values()
    )


@pytest.mark.slow
@pytest.mark.parametrize("workers", WORKERS)
def test_what_other_plugins_write_down(lab: Lab, workers: tuple[str, ...]) -> None:
    """No private line: not of the traceback, not of the exception, and not the answer that goes to the controller."""
    lines = RandomBodies(functions=2, body_lines=20).text()
    lab.write("src/secret.py", lines)
    lab.write("corpora/mine.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n')
    name = lines.split("(", 1)[0].removeprefix("def ").split()[-1]
    plug_in(lab, WRITING.replace("{name}", name))
    server = ("--kv-server", str(lab.reciting()), "--kv-redact", "--showlocals")
    lab.grid(*PAIRS, *server, "--kv-model", "control:robust", *workers, corpus="mine")

    secrets = [line.strip() for line in lines.split("\n") if line.startswith("    ")]
    written = [(lab.path / file).read_text(encoding="utf-8") for file in ("seen.txt", "log.jsonl")]
    assert "RuntimeError" in written[0]
    assert "test_recall" in written[1]
    assert [] == [line for line in secrets for text in written if line in text.replace('\\"', '"')]


def test_report_that_cannot_be_written(lab: Lab) -> None:
    """A full disk under JUnit's file takes neither the grids nor the rows, and the session is no success."""
    result = lab.grid("--kv-pairs", "q4_0/q4_0", "--kv-out", "run", "--junitxml", "/dev/full")
    assert (pytest.ExitCode.TESTS_FAILED, {"passed": 2}) == (result.ret, result.parseoutcomes())
    assert "mean primary_matched /20" in result.outlines
    said = " ".join(result.stdout.str().split())
    assert "kv-grid: a report could not be written: No space left on device; the answers are in the run folder" in said
    assert "Traceback" not in said + result.stderr.str()
    assert 2 == len(read_rows(lab.path / "run"))
