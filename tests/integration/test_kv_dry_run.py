"""--kv-dry-run: the plan is printed and nothing is asked; its figures are those of the run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .lab import read_about, read_rows, table

if TYPE_CHECKING:
    from .conftest import SmallRun
    from .lab import Lab

#: What `small_run` ran.
SAME = ("--kv-types", "q4_0,q8_0", "--kv-functions", "2")


def figure(lines: list[str], label: str) -> int:
    """The number after the label."""
    (said,) = [line.removeprefix(label) for line in lines if line.startswith(label)]
    return int(said.split(":")[0].replace(",", ""))


def test_the_figures_are_those_of_the_run(lab: Lab, small_run: SmallRun) -> None:
    """Questions, order, KV MiB and tokens are what the run has in its rows; no worker starts and nothing is made."""
    lab.pytester.makeini("[pytest]\ntestpaths = own\n")
    lab.write("conftest.py", "import pathlib\n\ndef pytest_configure():\n    pathlib.Path('configured').touch()\n")
    result = lab.pytest("--kv-dry-run", *SAME, "-n", "2", "-p", "no:cacheprovider")
    assert 0 == result.ret
    assert [] == [*lab.folders(), *lab.path.glob("configured")]
    lines, rows = result.outlines, read_rows(small_run.folder)
    assert [] == [line for line in lines if "ran in" in line or "gw0" in line]
    assert "kv-grid: random-bodies-mini: 4 cells x 2 functions = 8 questions" in lines
    assert "servers        2 at once, 1 thread each; 4 starts of" in result.stdout.str()
    assert len(rows) == figure(lines, "questions")
    sizes = {(row["ctk"], row["ctv"]): f"{row['kv_mib']:.2f}" for row in rows}
    assert sizes == table(lines, "KV cache in MiB")
    order = lines[lines.index("order of the cells") + 1].split()[1::2]
    assert read_about(small_run.folder)["cells"] == order
    warm = {(row["ctk"], row["ctv"]): row["warm_up_n"] for row in rows}
    read = sum(warm.values()) + sum(row["prompt_n"] for row in rows)
    assert figure(lines, "prompt tokens") == pytest.approx(read, rel=0.03)
    assert figure(lines, "answer tokens") == pytest.approx(sum(row["tokens"] for row in rows), rel=0.05)


def test_the_run_keeps_what_tells_the_sizes(small_run: SmallRun) -> None:
    """run.json has the elements per token from which the KV MiB of every pair follow."""
    kept = read_about(small_run.folder)["kv_per_token"]
    assert {"k": 256.0, "v": 256.0, "sliding": False} == kept


def test_two_corpora_at_a_given_speed(lab: Lab) -> None:
    """Each corpus has its own context and grid; the time is that of the speeds given."""
    lab.corpus("long", functions=9, k=3)
    lab.pytester.makeini("[pytest]\nkv_grid = true\nkv_dry_run = true\nkv_pairs = q8_0/q4_0\nkv_order = grid\n")
    result = lab.pytester.runpytest_inprocess("--corpus", "tiny", "--corpus", "long", "--kv-speed", "1e9,1")
    assert 0 == result.ret
    lines = result.outlines
    assert "1 tiny:q8_0/q4_0  2 long:q8_0/q4_0" in lines
    assert ["tiny", "long"] == [line.split(":")[0] for line in lines if ", context " in line]
    assert 5 == figure(lines, "questions")
    assert "writes 1.0: as given" in result.stdout.str()
    seconds = figure(lines, "answer tokens")
    (time,) = [line.split()[-1] for line in lines if line.startswith("time")]
    minutes, rest = map(int, time.split(":"))
    assert seconds <= 60 * minutes + rest <= seconds + 60
    assert [] == lab.folders()


def test_an_endpoint(lab: Lab) -> None:
    """Of an endpoint cells and questions are known, and no sizes; it need not be there."""
    url = ("--kv-server", "http://127.0.0.1:9/v1", "--kv-model", "some-model")
    result = lab.pytester.runpytest_inprocess("--kv-dry-run", "--corpus", "tiny", *url)
    assert 0 == result.ret
    assert "kv-grid: tiny: 1 cells x 2 functions = 2 questions" in result.outlines
    result.stdout.no_fnmatch_line("*MiB*")


def test_a_server_that_does_not_come_up(lab: Lab) -> None:
    """It is a usage error that begins with the server's own, and the log that it names is kept."""
    result = lab.pytester.runpytest_inprocess("--kv-dry-run", "--corpus", "tiny", "--kv-server-args=--nonsense")
    assert pytest.ExitCode.USAGE_ERROR == result.ret
    errors = result.stderr.str()
    assert "ERROR: dry run: the server that counts tokens failed: f16/f16: the server ended with exit status" in errors
    assert "unrecognized arguments: --nonsense" in errors.splitlines()[0]
    assert "Traceback" not in errors
    log = Path(errors.partition("The last lines of ")[2].partition(":\n")[0])
    assert "unrecognized arguments: --nonsense" in log.read_text(encoding="utf-8")
    shutil.rmtree(log.parent)


def test_a_speed_that_is_none(lab: Lab) -> None:
    """A usage error that says how to write it."""
    assert "--kv-speed 'fast' is not READ,WRITE" in lab.refused("--kv-dry-run", "--kv-speed", "fast")


def test_ini_key_without_the_grid(lab: Lab) -> None:
    """Where the grid is not asked for, the ini key is none of a plain run's business."""
    lab.pytester.makeini("[pytest]\nkv_dry_run = true\n")
    lab.pytester.makepyfile("def test_own():\n    pass\n")
    lab.pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_pytests_own_help_goes_first(lab: Lab) -> None:
    """A project that has a dry run in its ini file can still ask pytest for what it prints."""
    lab.pytester.makeini("[pytest]\nkv_grid = true\nkv_dry_run = true\n")
    result = lab.pytester.runpytest_inprocess("--markers")
    assert 0 == result.ret
    result.stdout.fnmatch_lines(["@pytest.mark.skip*"])
    result.stdout.no_fnmatch_line("kv-grid:*")
