"""--kv-calibrate: the reference is asked first, and a floored model ends the session with an exit status of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.runs.calibration import NOT_CALIBRATED

from .lab import GRID, PATIENCE_SECONDS, RUNS, matched, read_about, read_rows, survivors, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from .lab import Lab

ON = ("--kv-calibrate", "on", "--kv-order", "grid", "--kv-lines", "5")
PAIRS = ("--kv-pairs", "q4_0/q4_0,bf16/bf16")
#: The control model copies words that it knows; of real code it makes nothing.
FLOORED = (*ON, *PAIRS, "--kv-model", "control:robust")
BLOCK = [
    "not calibrated (exit status 10): real: bf16/bf16 recalls 0 % of the lines, 80 %",
    "  are needed. A model that is floored says nothing about its cache: the sweep",
    "  ends here, what was recorded is kept. Look at the chat template (--kv-think),",
    "  ask a shorter corpus or a better model, or lower --kv-calibrate-min with",
    "  --kv-resume (under 80 % losses are told and no pair is recommended);",
    "  --kv-calibrate off asks all the same.",
]
#: A fake: the embedded server, but those of cells take for ever to load; the one that counts tokens has 512 of context.
SLOW_CELLS = f"""#!{sys.executable}
import os
import sys
import time

if "-m" in sys.argv and sys.argv[sys.argv.index("-c") + 1] != "512":
    print('loading', flush=True)
    time.sleep(1000)
os.execv(sys.executable, [sys.executable, "-m", "pytest_codeneedle.embedded", *sys.argv[1:]])
"""


@pytest.fixture
def floored(lab: Lab) -> Lab:
    """A lab with the corpus `real`: two functions that the control model cannot copy."""
    lab.write("corpora/real.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n[sample]\nk = 2\n')
    for name in ("fold", "mix"):
        lines = [f"    total = total * {place} + {name}[{place}]" for place in range(3, 9)]
        lab.write(
            f"src/{name}.py", "\n".join([f"def {name}_all({name}):", "    total = 0", *lines, "    return total", ""])
        )
    return lab


def cells(folder: Path) -> list[str]:
    """The cells of a run's rows, in order, each once."""
    return list(dict.fromkeys(f"{row['ctk']}/{row['ctv']}#{row['replicate']}" for row in read_rows(folder)))


def starts(folder: Path) -> list[str]:
    """Names of the logs of cells' servers: a start each."""
    return sorted(path.name for path in (folder / "servers").iterdir())


@pytest.mark.slow
def test_floored(floored: Lab) -> None:
    """Nothing but the reference is asked, and the run is kept; who resumes asks it again, and ends or goes on."""
    first = floored.grid(*FLOORED, corpus="real")
    assert NOT_CALIBRATED == first.ret
    assert {"failed": 2} == first.parseoutcomes()
    place = first.outlines.index(BLOCK[0])
    assert BLOCK == first.outlines[place : place + len(BLOCK)]
    assert ("0.00", "-") == (matched(first, 5)["bf16", "bf16"], matched(first, 5)["bf16", "q4_0"])
    folder = floored.folder
    assert ["bf16/bf16#0"] == cells(folder)
    facts = {"reference": "bf16/bf16", "share": 0.0, "minimum": 0.8, "errors": 0, "passed": False}
    assert facts == floored.about()["calibration"]
    assert [] == survivors(floored.path)

    again = floored.grid(*FLOORED, "--kv-resume", "-p", "no:terminal", corpus="real", quiet=False)
    assert NOT_CALIBRATED == again.ret  # that nobody is told why takes nothing from it
    assert 4 == len(floored.rows())

    lowered = floored.grid(*FLOORED, "--kv-resume", "--kv-calibrate-min", "0", corpus="real")
    assert (pytest.ExitCode.TESTS_FAILED, {"failed": 6}) == (lowered.ret, lowered.parseoutcomes())
    assert ["bf16/bf16#0", "q4_0/q4_0#0", "bf16/bf16#1"] == cells(folder)
    assert {**facts, "minimum": 0.0, "passed": True} == floored.about()["calibration"]


@pytest.mark.slow
def test_floored_under_xdist(floored: Lab) -> None:
    """The controller asks the reference; no worker starts, and the summary and the reports are written all the same."""
    result = floored.grid("-n", "2", *FLOORED, "--junitxml", "junit.xml", corpus="real")
    assert NOT_CALIBRATED == result.ret
    assert set(BLOCK) < set(result.outlines)
    assert "kv-grid: bf16/bf16 is asked first, before any worker starts" in result.outlines
    assert "no tests ran" in result.outlines[-1]
    assert ["bf16/bf16#0"] == cells(floored.folder)
    assert ["failed"] * 2 == [row["outcome"] for row in floored.rows()]
    assert "ended" in floored.about()
    said = "not calibrated (exit status 10): bf16/bf16 recalls 0 % of the lines, 80 % are needed"
    assert said == calibration_in(floored.path / "junit.xml")
    assert [] == survivors(floored.path)


@pytest.mark.slow
def test_workers_do_not_ask_it_again(lab: Lab) -> None:
    """Its items pass as any other's, from one server; its rows are those that a worker would have made."""
    result = lab.grid("-n", "2", *ON, *PAIRS)
    assert (pytest.ExitCode.OK, {"passed": 6}) == (result.ret, result.parseoutcomes())
    assert ["bf16-bf16#2.log", "bf16-bf16.log", "q4_0-q4_0.log"] == starts(lab.folder)
    first, *_, last = sorted(lab.rows(), key=lambda row: (row["ctk"], row["replicate"], row["function"]))[:4]
    assert (0, 1) == (first["replicate"], last["replicate"])
    assert set(first) == set(last)
    assert first["test"] == last["test"]
    assert 6 == len(lab.rows())
    assert ["1/3", "2/3", "3/3"] == [line[1:4] for line in result.outlines if line.startswith("[")]


@pytest.mark.slow
def test_every_corpus(floored: Lab) -> None:
    """The references of all corpora go first: a floored one ends the session before the sweep of another."""
    chosen = ("--corpus", "tiny", "--corpus", "real")
    result = floored.grid(*FLOORED, *chosen, corpus=None)
    assert NOT_CALIBRATED == result.ret
    assert [["bf16/bf16#0"]] * 2 == [cells(folder) for folder in floored.folders()]
    passed = {about["corpus"]: about["calibration"]["passed"] for about in map(read_about, floored.folders())}
    assert {"tiny": True, "real": False} == passed


@pytest.mark.parametrize(
    "workers", [pytest.param((), id="alone"), pytest.param(("-n", "2"), id="workers", marks=pytest.mark.slow)]
)
def test_no_answer(lab: Lab, workers: tuple[str, ...]) -> None:
    """A reference that cannot be asked is told with the end of its server's log; it is not called floored."""
    result = lab.grid(*workers, *ON, *PAIRS, "--kv-server-args=--nope")
    assert NOT_CALIBRATED == result.ret
    result.stdout.fnmatch_lines(["not calibrated (exit status 10): tiny: bf16/bf16 gave no answer (*"])
    result.stdout.fnmatch_lines(["*unrecognized arguments: --nope"])
    assert ["error"] * 2 == [row["outcome"] for row in lab.rows()]
    assert not lab.about()["calibration"]["passed"]


@pytest.mark.slow
def test_asked_by_a_worker(floored: Lab) -> None:
    """A fixture of the user's is no controller's: a worker asks first, and the others end when it has failed."""
    floored.pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def llama_server_args(llama_server_args):
            return llama_server_args.with_extra("--metrics")
        """
    )
    result = floored.grid("-n", "2", *FLOORED, corpus="real")
    assert NOT_CALIBRATED == result.ret
    assert "kv-grid: the reference is asked first, by a worker (a conftest has its own" in result.outlines
    assert "bf16/bf16#0" in cells(floored.folder)
    assert "bf16/bf16#1" not in cells(floored.folder)
    assert [] == survivors(floored.path)


@pytest.mark.slow
def test_stopped_meanwhile(lab: Lab) -> None:
    """Ctrl-C while the controller asks leaves no server, and an ended run."""
    lab.write("server", SLOW_CELLS).chmod(0o755)
    command = [*GRID, *ON, *PAIRS, "--corpus", "tiny", "--kv-server=./server", "-n", "2"]
    with subprocess.Popen(
        command, cwd=lab.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            logs = lab.path / RUNS
            wait_until(lambda: any("loading" in log.read_text() for log in logs.glob("*/servers/*.log")))
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    assert pytest.ExitCode.INTERRUPTED == process.returncode
    assert "Ctrl-C (SIGINT)" in said
    assert "Traceback" not in said
    wait_until(lambda: not survivors(lab.path))
    assert "ended" in lab.about()
    assert "calibration" not in lab.about()


def calibration_in(junit: Path) -> str:
    """The sentence in JUnit's report."""
    properties = {one.attrib["name"]: one.attrib["value"] for one in ET.parse(junit).iter("property")}
    return next(value for name, value in properties.items() if name.endswith(".calibration"))


@pytest.mark.slow
def test_a_reference_that_is_left_out(lab: Lab) -> None:
    """Where -k leaves it out, it is said under the grid, in run.json and in JUnit's report that nothing is known."""
    result = lab.grid(*ON, *PAIRS, "-k", "q4_0", "--junitxml", "junit.xml")
    assert (pytest.ExitCode.OK, 2) == (result.ret, result.parseoutcomes()["passed"])
    said = "the reference bf16/bf16 was not asked"
    assert f"not calibrated: {said}" in result.outlines
    assert {"passed": None, "reason": said} == lab.about()["calibration"]
    assert f"not calibrated: {said}" == calibration_in(lab.path / "junit.xml")


@pytest.mark.slow
def test_shards(floored: Lab) -> None:
    """Each part of a sweep has the reference, and ends with a floored model."""
    for number in (1, 2):
        part = floored.grid(*FLOORED, "--kv-shard", f"{number}/2", "--kv-out", f"s{number}", corpus="real")
        assert NOT_CALIBRATED == part.ret
        assert set(BLOCK) < set(part.outlines)
        assert read_about(floored.path / f"s{number}")["calibration"]["passed"] is False


@pytest.mark.slow
def test_stopped_before_it_is_decided(floored: Lab) -> None:
    """With -x a single failed item decides nothing: it is said, and the exit status is pytest's."""
    result = floored.grid(*FLOORED, "-x", corpus="real")
    assert (pytest.ExitCode.TESTS_FAILED, {"failed": 1}) == (result.ret, result.parseoutcomes())
    said = "the session ended before all of the reference bf16/bf16 was asked"
    assert f"not calibrated: {said}" in " ".join(str(result.stdout).split())
    assert {"passed": None, "reason": said} == floored.about()["calibration"]


def test_no_share(lab: Lab) -> None:
    """What is no share of the lines is refused."""
    assert "--kv-calibrate-min (ini: kv_calibrate_min) = '80' is no share" in lab.refused("--kv-calibrate-min=80")
