"""--kv-grid: the main job, from everywhere; and without it nothing."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.plugin.options import GROUP

from .lab import RUNS, matched, passed, read_about, read_rows, said_folder

if TYPE_CHECKING:
    from .conftest import SmallRun
    from .lab import Lab

TYPES = ("q8_0", "q4_0")
PAIRS = list(itertools.product(TYPES, TYPES))
OWN_FAILING = {"test_own": "def test_own():\n    assert False\n"}

#: Every option of the issue, with its ini key.
OPTIONS = {
    "--kv-grid": "kv_grid",
    "--corpus": "corpus",
    "--kv-model": "kv_model",
    "--kv-server": "kv_server",
    "--kv-server-args": "kv_server_args",
    "--kv-types": "kv_types",
    "--ctk": "ctk",
    "--ctv": "ctv",
    "--kv-pairs": "kv_pairs",
    "--kv-functions": "kv_functions",
    "--kv-seed": "kv_seed",
    "--kv-lines": "kv_lines",
    "--kv-pass": "kv_pass",
    "--kv-relax-indent": "kv_relax_indent",
    "--kv-strict-indent": "kv_strict_indent",
    "--kv-order": "kv_order",
    "--kv-calibrate": "kv_calibrate",
    "--kv-repeat": "kv_repeat",
    "--kv-rotation": "kv_rotation",
    "--kv-n-ctx": "kv_n_ctx",
    "--kv-full-answer": "kv_full_answer",
    "--kv-reference": "kv_reference",
    "--kv-out": "kv_out",
    "--kv-dry-run": "kv_dry_run",
    "--kv-speed": "kv_speed",
    "--kv-timeout": "kv_timeout",
}


def test_both_grids(small_run: SmallRun) -> None:
    """Both grids come with -q too: a row is its ctk and one figure per ctv, most precise types first."""
    assert 0 == small_run.result.ret
    assert dict.fromkeys(PAIRS, "20.00") == matched(small_run.result)
    assert dict.fromkeys(PAIRS, "2") == passed(small_run.result, 2)
    assert PAIRS == list(matched(small_run.result))


def test_summary_line(small_run: SmallRun) -> None:
    """One line says combos, pass mean and sd, matched mean and sd, range."""
    (line,) = [line for line in small_run.result.outlines if line.startswith("combos ")]
    combos, passes, lines, spread = line.split(" | ")
    assert "combos 4" == combos
    assert passes.startswith("pass 2.00 +/- 0.00")
    assert lines.startswith("matched 20.00 +/- 0.00")
    assert spread.startswith("range 20.00 - 20.00")


def test_says_where_the_run_is(small_run: SmallRun) -> None:
    """The last thing before pytest's own summary is the run folder, whose name says corpus and model."""
    assert small_run.folder == said_folder(small_run.result.outlines, small_run.junit.parent)
    assert small_run.folder.name.startswith("random-bodies-mini__control-robust__")


def test_run_folder(small_run: SmallRun) -> None:
    """The run folder holds run.json, one row per item and one log per server."""
    about, rows = read_about(small_run.folder), read_rows(small_run.folder)
    functions = [function["name"] for function in about["functions"]]
    assert 2 == len(functions)
    assert sorted((k, v, name) for k, v in PAIRS for name in functions) == sorted(
        (row["ctk"], row["ctv"], row["function"]) for row in rows
    )
    assert {"passed": 8, "failed": 0, "error": 0} == about["outcomes"]
    assert {f"{ctk}-{ctv}.log" for ctk, ctv in PAIRS} == {log.name for log in (small_run.folder / "servers").iterdir()}
    assert {
        "corpus",
        "ctk",
        "ctv",
        "function",
        "replicate",
        "rotation",
        "outcome",
        "primary_matched",
        "lcs_matched",
        "hallucinated",
        "bonus_matched",
        "response",
    } <= rows[0].keys()
    assert {"corpus_sha256", "model_sha256", "server_build", "server_argv", "versions", "machine"} <= about.keys()


def test_progress(small_run: SmallRun) -> None:
    """What is coming is said before the first server, and a line follows each finished cell."""
    lines = small_run.result.outlines
    assert "kv-grid: random-bodies-mini: 4 cells x 2 functions = 8 questions" == lines[0]
    assert ["[1/4]", "[2/4]", "[3/4]", "[4/4]"] == [line.split()[0] for line in lines if line.startswith("[")]


def test_own_tests_of_the_project_do_not_run(small_run: SmallRun) -> None:
    """Without a path argument testpaths are not followed: the packaged suite is what runs."""
    assert {"passed": 8} == small_run.result.parseoutcomes()


@pytest.mark.slow
def test_empty_folder(pytester: pytest.Pytester) -> None:
    """A folder without anything in it will do."""
    result = pytester.runpytest_subprocess(
        "-p", "no:hypothesispytest", "--kv-grid", "-q", "--kv-pairs", "q8_0/q4_0", "--kv-functions", "1"
    )
    assert {"passed": 1} == result.parseoutcomes()
    assert {("q8_0", "q4_0"): "20.00"} == matched(result)


def test_project_with_other_names_for_its_tests(lab: Lab) -> None:
    """The packaged suite runs where the project collects check_*.py and check_* only."""
    lab.pytester.makeini("[pytest]\npython_files = check_*.py\npython_functions = check_*\n")
    assert 2 == len(lab.ids("--kv-pairs", "q8_0/q8_0"))


def test_subfolder(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """From below the ini file the root's corpora count, and the run is kept where the command was given."""
    lab.pytester.makeini("[pytest]\ntestpaths = .\n")
    lab.pytester.makepyfile(**OWN_FAILING)
    below = lab.pytester.mkdir("below")
    monkeypatch.chdir(below)
    result = lab.grid("--kv-pairs", "q8_0/q8_0")
    assert {"passed": 2} == result.parseoutcomes()
    assert 1 == len(list((below / RUNS).glob("*__*")))
    assert [] == lab.folders()


def test_ids(lab: Lab) -> None:
    """A test id reads test_recall[ctk/ctv-function]; --collect-only starts nothing and makes no folder."""
    ids = lab.ids("--kv-pairs", "q8_0/q4_0,bf16/bf16", "--kv-order", "grid")
    names = [name.removeprefix("test_recall[q8_0/q4_0-").removesuffix("]") for name in ids[:2]]
    assert [f"test_recall[{pair}-{name}]" for pair in ("q8_0/q4_0", "bf16/bf16") for name in names] == ids
    assert all(name.isalpha() for name in names)
    assert [] == lab.folders()


@pytest.mark.slow
def test_path_argument(lab: Lab) -> None:
    """A user's own tests may use the fixtures; they run once per cell, or once per cell and function."""
    lab.pytester.makepyfile(
        """
        def test_server(llama_server, kv_pair, kv_corpus, kv_settings):
            assert llama_server.alive()
            assert llama_server.client.props()["total_slots"] == 1
            assert f"K ({kv_pair.ctk})" in llama_server.log_text
            assert llama_server.validity().ctv == kv_pair.ctv
            assert kv_corpus.name == "tiny"
            assert kv_pair in kv_settings.pairs

        def test_strictly(recall, kv_function):
            assert recall.function.name == kv_function
            assert recall.score.primary_matched == 20
            assert recall.answer.stop == "eos"
        """
    )
    result = lab.grid("--kv-pairs", "q8_0/q8_0,q4_0/q4_0", ".")
    assert {"passed": 6} == result.parseoutcomes()
    assert {("q8_0", "q8_0"): "2", ("q4_0", "q4_0"): "2"}.items() <= passed(result, 2).items()


def test_fixture_overridden(lab: Lab) -> None:
    """A user's own llama_server_args adds arguments to every server of these tests."""
    lab.pytester.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="session")
        def llama_server_args(llama_server_args):
            return llama_server_args.with_extra("--alias", "renamed")

        def test_alias(llama_server):
            assert "renamed" in llama_server.client._json("GET", "/v1/models")["data"][0]["id"]
        """
    )
    assert {"passed": 1} == lab.grid("--kv-pairs", "q8_0/q8_0", ".").parseoutcomes()


def test_without_the_option(lab: Lab) -> None:
    """Without --kv-grid own tests run as ever, tests of the grid are skipped with the reason, no folder is made."""
    lab.pytester.makepyfile(
        """
        def test_own():
            pass

        def test_server(llama_server):
            pass

        def test_strictly(recall):
            pass

        def test_settings(kv_settings):
            pass
        """
    )
    result = lab.pytester.runpytest_inprocess("-rs")
    result.assert_outcomes(passed=1, skipped=3)
    result.stdout.fnmatch_lines(["SKIPPED * needs --kv-grid"])
    result.stdout.no_fnmatch_line("*recall:*")
    assert [] == lab.folders()


def test_without_the_option_wrong_settings_do_no_harm(lab: Lab) -> None:
    """What is wrong with the grid's settings is not a plain run's business."""
    lab.pytester.makeini("[pytest]\nkv_types = nonsense\ncorpus = nowhere\n")
    lab.pytester.makepyfile("def test_own():\n    pass\n")
    lab.pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_help(pytester: pytest.Pytester) -> None:
    """`pytest --help` shows all options in one group, each with its ini key."""
    result = pytester.runpytest_inprocess("--help")
    assert 0 == result.ret
    assert 1 == result.outlines.count(f"{GROUP}:")
    after = result.outlines[result.outlines.index(f"{GROUP}:") + 1 :]
    group = list(itertools.takewhile(lambda line: not line or line.startswith(" "), after))
    flags = [line.split()[0].split("=")[0] for line in group if line.startswith("  --")]
    assert OPTIONS.keys() <= set(flags)
    text = " ".join(" ".join(group).split())
    assert [] == [key for key in OPTIONS.values() if f"(ini: {key})" not in text]
    inis = {line.split()[0] for line in result.outlines if line.startswith("  ") and line.strip()}
    assert set(OPTIONS.values()) <= inis


@pytest.mark.slow
def test_ini_keys(lab: Lab) -> None:
    """A project can keep the whole of its grid in its ini file, the switch included."""
    lab.corpus("three", functions=3, body_lines=22)
    lab.write(
        "pytest.ini",
        """
        [pytest]
        kv_grid = true
        corpus = three
        kv_model = control:robust
        kv_server = embedded
        kv_server_args = -ub 256
        kv_types = q8_0,q4_0
        ctv = q4_0
        kv_functions = 2
        kv_seed = 7
        kv_lines = 10
        kv_pass = 9
        kv_strict_indent = true
        kv_order = grid
        kv_n_ctx = 3072
        kv_full_answer = true
        kv_reference = q4_0/q4_0
        kv_out = kept
        """.replace("\n        ", "\n"),
    )
    result = lab.pytest("-q")
    assert {"passed": 4} == result.parseoutcomes()
    about = read_about(lab.path / "kept")
    expected = {
        "corpus": "three",
        "model": "control:robust",
        "server_args": ["-ub", "256"],
        "pairs": ["q8_0/q4_0", "q4_0/q4_0"],
        "cells": ["q8_0/q4_0", "q4_0/q4_0"],
        "order": "grid",
        "reference": "q4_0/q4_0",
        "sample_k": 2,
        "sample_seed": 7,
        "lines": 10,
        "pass": 9,
        "relax_indent": False,
        "full_answer": True,
        "n_ctx": 3072,
    }
    assert expected == {key: about[key] for key in expected}
    assert about["server"].startswith("embedded")


def test_ini_pairs(lab: Lab) -> None:
    """kv_pairs works from the ini file; an option on the command line wins over a key."""
    lab.pytester.makeini("[pytest]\nkv_pairs = q8_0/q4_0\n")
    assert ["q8_0/q4_0"] * 2 == [name.partition("[")[2].rpartition("-")[0] for name in lab.ids()]
    ids = lab.ids("--kv-pairs", "bf16/q4_0")
    assert ["bf16/q4_0"] * 2 == [name.partition("[")[2].rpartition("-")[0] for name in ids]


def test_no_test_selected(lab: Lab) -> None:
    """Where -k leaves nothing, pytest's own "no tests" case holds and the grid has no figures."""
    result = lab.grid("--kv-pairs", "q8_0/q8_0", "-k", "nothing_is_called_so")
    assert pytest.ExitCode.NO_TESTS_COLLECTED == result.ret
    assert {("q8_0", "q8_0"): "err"} == matched(result)


@pytest.mark.parametrize("key", ["kv_functions", "kv_seed", "kv_lines", "kv_pass", "kv_n_ctx"])
def test_ini_number_that_is_none(lab: Lab, key: str) -> None:
    """A number in an ini file that is none is a usage error that names option, key and value."""
    lab.pytester.makeini(f"[pytest]\n{key} = many\n")
    message = lab.refused()
    assert f"--{key.replace('_', '-')} (ini: {key}) = 'many' is not a whole number" in message
