"""--kv-resume: what is answered is not asked again."""

from __future__ import annotations

import errno
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.runs.identity import Identity
from pytest_codeneedle.runs.lock import FolderLock

from .lab import RUNS, matched, read_about, read_rows, said_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .lab import Lab

PAIRS = ("--kv-pairs", "q8_0/q8_0,q4_0/q4_0", "--kv-order", "grid")
ONE = ("--kv-pairs", "q8_0/q8_0")


#: A fake: the embedded server, which does not come up while a file is there, as where a disk or a GPU is gone.
BREAKABLE = f"""#!{sys.executable}
import os
import pathlib
import sys

if "-m" in sys.argv and pathlib.Path(__file__).with_name("broken").exists():
    sys.exit(3)
os.execv(sys.executable, [sys.executable, "-m", "pytest_codeneedle.embedded", *sys.argv[1:]])
"""


def logs(folder: Path) -> list[str]:
    """Names of all server logs of a run: a start each."""
    return sorted(path.name for path in (*folder.glob("*.log"), *(folder / "servers").glob("*.log")))


def command(lab: Lab, *arguments: str) -> pytest.RunResult:
    """Run `codeneedle ...`."""
    return lab.pytester.run(sys.executable, "-m", "pytest_codeneedle.cli", *arguments)


def drop_last_row(folder: Path) -> None:
    """As if the run had been ended before its last answer."""
    lines = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "results.jsonl").write_text("".join(lines[:-1]), encoding="utf-8")


def test_goes_on(lab: Lab) -> None:
    """Afresh where there is no run; then what is missing is asked, beside a reference; of a complete run nothing."""
    first = lab.grid(*PAIRS, "--kv-out", "run", "--kv-resume")
    folder = lab.path / "run"
    whole, rows = matched(first), read_rows(folder)
    assert "kv-grid: tiny: none of 4 answers is recorded in run" in first.outlines
    drop_last_row(folder)
    status = command(lab, "status", "run")
    assert ["state    stopped", "answers  3/4", "cells    1/2", "left     q4_0/q4_0 (1/2)"] == status.outlines[1:5]

    second = lab.grid(*PAIRS, "--kv-out", "run", "--kv-resume")
    assert {"passed": 4} == second.parseoutcomes()
    assert "kv-grid: tiny: 3 of 4 answers are recorded in run" in second.outlines
    assert "kv-grid: tiny: q8_0/q8_0 is asked again: each session is held against its own" in second.outlines
    starts = [f"{pair}-{pair}{again}.log" for pair in ("q4_0", "q8_0") for again in (".2", "")]
    assert [*starts, "tokenize.log"] == logs(folder)
    assert ["[1/2] q8_0/q8_0", "[2/2] q4_0/q4_0"] == [line[:15] for line in second.outlines if line.startswith("[")]

    third = lab.grid(*PAIRS, "--kv-out", "run", "--kv-resume", "--junitxml", "junit.xml")
    assert {"passed": 4} == third.parseoutcomes()
    assert 5 == len(logs(folder))
    assert whole == matched(second) == matched(third)
    references = [row for row in rows if row["ctk"] == "q8_0"]
    places = [(row["ctk"], row["function"]) for row in (*rows, *references)]
    assert sorted(places) == sorted((row["ctk"], row["function"]) for row in read_rows(folder))
    assert 'name="tokens"' in (lab.path / "junit.xml").read_text(encoding="utf-8")
    about = read_about(folder)
    assert 2 == len(about["resumed"])
    first_id, second_id = (session["id"] for session in about["sessions"])  # the third asked nothing
    assert [(first_id, 1), (first_id, 2), (first_id, 3), (second_id, 1), (second_id, 2), (second_id, 3)] == [
        (row["session"], row["turn"]) for row in read_rows(folder)
    ]
    assert all(session["began"] <= session["ended"] for session in about["sessions"])
    assert "answers  4/4" in command(lab, "status", "run").outlines


@pytest.mark.slow
def test_judged_anew(lab: Lab) -> None:
    """A recorded answer passes or fails by the options of now, without a server; what changed is recorded."""
    lab.grid(*ONE, "--kv-out", "run")
    results = lab.path / "run" / "results.jsonl"
    first, second = read_rows(lab.path / "run")
    lines = first["response"].splitlines(keepends=True)
    lost = {**first, "response": "".join(lines[:15]), "primary_matched": 15}
    results.write_text(json.dumps(lost) + "\n" + json.dumps(second) + "\n", encoding="utf-8")
    result = lab.grid(*ONE, "--kv-out", "run", "--kv-pass", "16", "--kv-resume")
    assert {"passed": 1, "failed": 1} == result.parseoutcomes()
    assert any("15 of 20 lines recalled, 16 needed" in line for line in result.outlines)
    assert ["q8_0-q8_0.log", "tokenize.log"] == logs(lab.path / "run")
    *before, new = read_rows(lab.path / "run")
    assert [lost, second] == before
    kept = ("response", "tokens", "margins", "margin_mean")
    assert "failed" == new["outcome"]
    assert {key: lost[key] for key in kept} == {key: new[key] for key in kept}
    assert new["margins"]


@pytest.mark.slow
def test_changed_key(lab: Lab) -> None:
    """Answers to other questions are not used, the part that changed is named, and going back finds them again."""
    lab.grid(*ONE, "--kv-out", "run", "--kv-n-ctx", "1024")
    changed = lab.grid(*ONE, "--kv-out", "run", "--kv-resume", "--kv-lines", "10")
    said = "kv-grid: tiny: 2 recorded rows are not used again: lines was 20, is 10"
    assert said in changed.outlines
    assert {("q8_0", "q8_0"): "10.00"} == matched(changed, lines=10)
    assert 4 == len(read_rows(lab.path / "run"))
    grid = command(lab, "grid", "run")
    assert "mean primary_matched /10" in grid.outlines

    back = lab.grid(*ONE, "--kv-out", "run", "--kv-resume", "--kv-n-ctx", "1024")
    assert "kv-grid: tiny: 2 of 2 answers are recorded in run" in back.outlines
    assert {("q8_0", "q8_0"): "20.00"} == matched(back)
    assert 4 == len(read_rows(lab.path / "run"))


@pytest.mark.slow
def test_newest(lab: Lab) -> None:
    """Without --kv-out the newest run that was asked the same is gone on with, under -n too; else a new one begins."""
    first = lab.grid(*PAIRS, "--kv-resume")
    assert "kv-grid: tiny: nothing to resume: no run of it is there, a new one begins" in first.outlines
    drop_last_row(lab.folder)
    lab.grid(*ONE, "--kv-lines", "10")
    same = lab.grid(*PAIRS, "--kv-resume", "-n", "2")
    assert {"passed": 4} == same.parseoutcomes()
    folder = said_folder(same.outlines, lab.path)
    assert said_folder(first.outlines, lab.path) == folder
    again = [f"{pair}-{pair}{number}.log" for pair in ("q4_0", "q8_0") for number in (".2", "")]
    assert [*again, "tokenize.log"] == logs(folder)
    assert 3 + 2 + 1 == len(read_rows(folder))

    other = lab.grid(*ONE, "--kv-resume", "--kv-lines", "12", "--kv-functions", "1")
    said = " ".join(" ".join(other.outlines).split())
    assert "nothing to resume, a new run begins; the newest, tiny__control-robust__" in said
    assert 3 == len(lab.folders())


@pytest.mark.slow
def test_errors_are_asked_again(lab: Lab) -> None:
    """An ERROR is no answer."""
    lab.pytester.makeconftest(
        """
        import os
        import pytest

        @pytest.fixture(scope="session")
        def llama_server_args(llama_server_args):
            wrong = ("--no-such-flag",) if os.environ.get("BREAK") else ()
            return llama_server_args.with_extra(*wrong)
        """
    )
    lab.pytester._monkeypatch.setenv("BREAK", "1")
    assert {"errors": 2} == lab.grid(*ONE, "--kv-out", "run").parseoutcomes()
    lab.pytester._monkeypatch.delenv("BREAK")
    result = lab.grid(*ONE, "--kv-out", "run", "--kv-resume")
    assert {"passed": 2} == result.parseoutcomes()
    assert "kv-grid: tiny: none of 2 answers is recorded in run" in result.outlines
    assert ["error", "error", "passed", "passed"] == [row["outcome"] for row in read_rows(lab.path / "run")]


@pytest.mark.slow
def test_other_arguments_of_a_fixture(lab: Lab) -> None:
    """Arguments that a conftest adds are known only when it is asked: answers of servers without them are not used."""
    lab.grid(*ONE, "--kv-out", "run")
    lab.pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def llama_server_args(llama_server_args):
            return llama_server_args.with_extra("--metrics")
        """
    )
    for _ in range(2):
        assert {"passed": 2} == lab.grid(*ONE, "--kv-out", "run", "--kv-resume").parseoutcomes()
    assert ["", "", "--metrics", "--metrics"] == [row["added_args"] for row in read_rows(lab.path / "run")]


@pytest.mark.slow
def test_more_pairs_and_functions(lab: Lab) -> None:
    """A run can be widened: more cells, then more functions, each asked once, but for the reference of each session.

    The context stays where it is enough.
    """
    lab.corpus("four", functions=4)
    lab.grid(*ONE, "--kv-functions", "2", "--kv-out", "run", corpus="four")
    lab.grid(*PAIRS, "--kv-functions", "2", "--kv-out", "run", "--kv-resume", corpus="four")
    assert 2 + 4 == len(read_rows(lab.path / "run"))
    result = lab.grid(*PAIRS, "--kv-functions", "4", "--kv-out", "run", "--kv-resume", corpus="four")
    assert {"passed": 8} == result.parseoutcomes()
    rows = read_rows(lab.path / "run")
    assert 8 == len({(row["ctk"], row["function"]) for row in rows})
    assert 2 + 4 + 6 == len(rows)
    assert 1 == len({row["key"] for row in rows})
    assert ["q8_0/q8_0", "q4_0/q4_0"] == read_about(lab.path / "run")["pairs"]


@pytest.mark.slow
def test_trimmed_corpus(lab: Lab) -> None:
    """What [trim] left of a corpus is known from the record: no server has to count again."""
    for name in "ab":
        text = command(lab, "generate", "random-bodies", "--functions", "2", "--seed", str(ord(name)))
        lab.write(f"src/{name}.py", "\n".join(text.outlines) + "\n")
    lab.write("corpora/cut.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n[trim]\nmax_tokens = 400\n')
    control = ("--kv-model", "control:robust")
    lab.grid(*ONE, *control, "--kv-out", "run", corpus="cut")
    assert ["b.py"] == read_about(lab.path / "run")["trim"]["dropped"]
    result = lab.grid(*ONE, *control, "--kv-out", "run", "--kv-resume", corpus="cut")
    assert {"passed": 2} == result.parseoutcomes()
    assert ["q8_0-q8_0.log", "tokenize.log"] == logs(lab.path / "run")


def test_in_use(lab: Lab) -> None:
    """A folder that another session holds is a usage error, and nothing is changed."""
    lab.grid(*ONE, "--kv-out", "run")
    lock = FolderLock(lab.path / "run")
    lock.take()
    before = (lab.path / "run" / "run.json").read_bytes()
    message = lab.refused(*ONE, "--corpus", "tiny", "--kv-out", "run", "--kv-resume")
    lock.release()
    assert f"run is in use by process {os.getpid()} on " in message
    assert before == (lab.path / "run" / "run.json").read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[" * 100_000, "cannot be read: it is nested too deeply; bring it back from a copy"),
        ('{"pairs": ["q8_0/q8_0"], "cells": [[]], "functions": []}', "cells is [[]], and no list of texts; bring it"),
        ('{"pairs": ["q8_0/q8_0"], "cells": []}', "functions is missing; bring it back from a copy"),
    ],
    ids=["deep", "types", "parts"],
)
def test_damaged_run(lab: Lab, content: str, said: str) -> None:
    """One line that names the part, before anything is asked, and the file stays what it is."""
    lab.write("run/run.json", content)
    assert said in lab.refused(*ONE, "--corpus", "tiny", "--kv-out", "run", "--kv-resume")
    assert content == (lab.path / "run" / "run.json").read_text(encoding="utf-8")


@pytest.mark.slow
def test_torn_line(lab: Lab) -> None:
    """The half of a line that a crash left is put aside with a notice, and that item is asked again."""
    lab.grid(*ONE, "--kv-out", "run")
    results = lab.path / "run" / "results.jsonl"
    whole = results.read_text(encoding="utf-8")
    results.write_text(whole[:-40], encoding="utf-8")
    result = lab.grid(*ONE, "--kv-out", "run", "--kv-resume")
    assert any("results.jsonl: a line was torn" in line for line in result.outlines)
    assert "kv-grid: tiny: 1 of 2 answers are recorded in run" in result.outlines
    assert 2 == len(read_rows(lab.path / "run"))


@pytest.mark.parametrize("workers", [(), pytest.param(("-n", "1"), marks=pytest.mark.slow)], ids=["plain", "n1"])
def test_disk_full(lab: Lab, workers: tuple[str, ...]) -> None:
    """One clear error, the grids of what was answered, and a run that can be gone on with.

    A fake: the disk is said to be full when the second row comes.
    """
    lab.pytester.makeconftest(
        f"""
        from pytest_codeneedle.runs.folder import RunFolder

        write = RunFolder.append

        def full(self, row):
            if self.rows():
                raise OSError({errno.ENOSPC}, "No space left on device")
            write(self, row)

        RunFolder.append = full
        """
    )
    result = lab.grid(*PAIRS, "--kv-out", "run", *workers)
    assert pytest.ExitCode.INTERRUPTED == result.ret
    said = [line for line in (*result.outlines, *result.errlines) if "No space left on device" in line]
    assert said
    assert "go on with --kv-resume" in said[0]
    assert "mean primary_matched /20" in result.outlines
    assert 1 == len(read_rows(lab.path / "run"))
    (lab.path / "conftest.py").unlink()
    assert {"passed": 4} == lab.grid(*PAIRS, "--kv-out", "run", "--kv-resume").parseoutcomes()
    assert 5 == len(read_rows(lab.path / "run"))  # the reference's first was asked again


@pytest.mark.slow
def test_run_of_an_older_version(lab: Lab) -> None:
    """A run whose rows do not say what they were asked with is kept and asked anew."""
    lab.grid(*ONE, "--kv-out", "run")
    folder = lab.path / "run"
    about = {key: value for key, value in read_about(folder).items() if key not in ("key", "identity", "asked")}
    (folder / "run.json").write_text(json.dumps(about), encoding="utf-8")
    rows = [{key: value for key, value in row.items() if key != "key"} for row in read_rows(folder)]
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = lab.grid(*ONE, "--kv-out", "run", "--kv-resume")
    assert {"passed": 2} == result.parseoutcomes()
    assert any("2 rows are not used again" in line for line in result.outlines)
    assert 4 == len(read_rows(folder))


@pytest.mark.slow
def test_another_day(lab: Lab) -> None:
    """What all cells of the first day lost, the reference too, makes none WORSE: each day has its own reference.

    A fake: a line is cut off from each answer of the first day. The second asks a second pass.
    """
    lab.corpus("six", functions=6, value_len=8)
    asked = ("--kv-pairs", "bf16/bf16,q4_0/q4_0", "--kv-lines", "5", "--kv-calibrate", "on", "--kv-out", "run")
    lab.grid(*asked, corpus="six")
    folder = lab.path / "run"
    rows = [{**row, "response": "".join(row["response"].splitlines(keepends=True)[:4])} for row in read_rows(folder)]
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (_, first), *_ = {row["session"]: row for row in rows}.items()

    second = lab.grid(*asked, "--kv-resume", "--kv-repeat", "2", corpus="six")
    said = " ".join(line.strip() for line in second.outlines)
    assert "bf16/bf16 against its first session: in session 2 +1.00 lines" in said
    assert "no line differs: q4_0/q4_0 NOT WORSE" in said
    assert "A/A: bf16/bf16 again at the end, mean of 2 sessions: no line differs" in said
    assert ["4.50", "4.50"] == [matched(second, 5)[pair, pair] for pair in ("bf16", "q4_0")]
    judged = [row for row in read_rows(folder) if row["session"] == first["session"] and row["primary_matched"] == 4]
    assert 18 == len(judged)  # anew, in the places of those that were cut
    assert 12 + 6 + 12 + 6 + 18 == len(read_rows(folder))
    again = lab.grid(*asked, "--kv-resume", "--kv-repeat", "2", corpus="six")
    assert {"failed": 6, "passed": 18} == again.parseoutcomes()
    assert 54 == len(read_rows(folder))


@pytest.mark.slow
def test_private_run(lab: Lab) -> None:
    """What is recorded of private code, logs too, is for the user's eyes alone; so is what is added later."""
    text = command(lab, "generate", "random-bodies", "--functions", "2")
    lab.write("src/own.py", "\n".join(text.outlines) + "\n")
    lab.write("corpora/own.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n')
    arguments = ("--kv-model", "control:robust", "--kv-resume", "--kv-embed-source")
    for pairs in (ONE, PAIRS):
        lab.grid(*pairs, *arguments, corpus="own")
    folder = lab.folder
    assert "*\n" == (lab.path / RUNS / ".gitignore").read_text(encoding="utf-8")
    paths = [folder, *folder.rglob("*")]
    assert {0o700} == {path.stat().st_mode & 0o777 for path in paths if path.is_dir()}
    assert {0o600} == {path.stat().st_mode & 0o777 for path in paths if path.is_file()}
    assert {"run.json", "results.jsonl", "corpus.txt", "q8_0-q8_0.log"} <= {path.name for path in paths}


def test_session_that_runs(lab: Lab) -> None:
    """`codeneedle status` tells of a session that holds the folder."""
    lab.grid(*ONE, "--kv-out", "run")
    lock = FolderLock(lab.path / "run")
    lock.take()
    done = command(lab, "status", "run", "--json")
    lock.release()
    facts = json.loads("\n".join(done.outlines))
    assert (2, 2, 1) == (facts["items"], facts["answered"], facts["cells_done"])
    assert facts["in_use_by"].startswith(f"process {os.getpid()} on ")


@pytest.mark.slow
def test_server_that_no_longer_comes_up(lab: Lab) -> None:
    """What was answered still counts, what was not is an ERROR, and the run can be gone on with later."""
    lab.write("server", BREAKABLE).chmod(0o755)
    command = ("--kv-server", str(lab.path / "server"), "--kv-out", "run", "--kv-resume")
    lab.corpus("three", functions=3)
    lab.grid(*ONE, "--kv-functions", "2", *command, corpus="three")
    drop_last_row(lab.path / "run")
    (lab.path / "broken").touch()
    result = lab.grid(*PAIRS, "--kv-functions", "3", *command, corpus="three")
    assert {"errors": 6} == result.parseoutcomes()  # the reference is asked by each session
    assert "20.00" == matched(result)["q8_0", "q8_0"].removesuffix("*")
    assert "kv-grid: three: 1 of 6 answers are recorded in run" in result.outlines
    (lab.path / "broken").unlink()
    assert {"passed": 6} == lab.grid(*PAIRS, "--kv-functions", "3", *command, corpus="three").parseoutcomes()


def _part_two(lab: Lab) -> None:
    (lab.path / "m-00002-of-00002.gguf").write_bytes(b"GGUF 9")


def _template(lab: Lab) -> None:
    (lab.path / "t.jinja").write_text("{{ x }}", encoding="ascii")


def _adapter(lab: Lab) -> None:
    (lab.path / "a.gguf").write_bytes(b"GGUF 9")


def _server(lab: Lab) -> None:
    with (lab.path / "llama-server").open("a", encoding="utf-8") as script:
        script.write("# built anew\n")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param(_part_two, "model part m-00002-of-00002.gguf: sha256 was ", marks=pytest.mark.slow),
        (_template, "LLAMA_ARG_CHAT_TEMPLATE_FILE t.jinja: sha256 was "),
        pytest.param(_adapter, "--lora-scaled a.gguf: sha256 was ", marks=pytest.mark.slow),
        pytest.param(_server, "server llama-server: sha256 was ", marks=pytest.mark.slow),
    ],
)
def test_other_content(lab: Lab, change: Callable[[Lab], None], named: str) -> None:
    """What a file holds counts: one of the same name, size and time with other content has its questions asked anew."""
    for name in ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf", "a.gguf"):
        (lab.path / name).write_bytes(b"GGUF 1")
    lab.write("t.jinja", "{{ y }}")
    server = lab.reciting()
    lab.pytester._monkeypatch.setenv("LLAMA_ARG_CHAT_TEMPLATE_FILE", "t.jinja")
    more = ("--kv-model=m-00001-of-00002.gguf", "--kv-server-args=--lora-scaled a.gguf:0.5")
    command = (*ONE, "--kv-server", str(server), "--kv-out", "run", "--kv-resume", *more)
    lab.grid(*command)
    assert "kv-grid: tiny: 2 of 2 answers are recorded in run" in lab.grid(*command).outlines

    times = {path: path.stat() for path in lab.path.iterdir() if path.is_file()}
    change(lab)
    for path, status in times.items():
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    result = lab.grid(*command)
    said = " ".join(" ".join(result.outlines).split())
    assert f"2 recorded rows are not used again: {named}" in said
    assert "kv-grid: tiny: none of 2 answers is recorded in run" in result.outlines
    assert 4 == len(read_rows(lab.path / "run"))


@pytest.mark.slow
def test_run_of_a_version_that_knew_no_contents(lab: Lab) -> None:
    """Its answers stay and are not believed, which is said."""
    command = (*ONE, "--kv-server", str(lab.reciting()), "--kv-out", "run", "--kv-resume")
    lab.grid(*command)
    about = read_about(lab.path / "run")
    parts = {key: part for key, part in about["identity"].items() if not isinstance(part, dict) or key == "request"}
    old = {**about, "identity": parts, "key": Identity(parts).key}
    (lab.path / "run" / "run.json").write_text(json.dumps(old), encoding="utf-8")
    rows = [{**row, "key": old["key"]} for row in read_rows(lab.path / "run")]
    (lab.path / "run" / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    said = " ".join(" ".join(lab.grid(*command).outlines).split())

    assert "2 recorded rows are not used again: program was not recorded; machine was not recorded" in said
    assert 4 == len(read_rows(lab.path / "run"))


@pytest.mark.slow
def test_what_a_script_adds(lab: Lab) -> None:
    """What it reads from elsewhere counts as the server got it; speculation is an error before the first cell."""
    lab.reciting("llama-server")
    script, added = lab.write("start.sh", '#!/bin/sh\nexec ./llama-server "$@" $(cat added)\n'), lab.path / "added"
    script.chmod(0o755)
    run = (*ONE, "--kv-server", str(script), "--kv-out", "run", "--kv-resume")
    said = []
    for words in ("--top-k 1", "--top-k 1", "--top-k 2"):
        added.write_text(words, encoding="ascii")
        said.append(lab.grid(*run).stdout.str())
    assert ["not used again" in text for text in said] == [False, False, True]
    assert "script adds was --top-k 1, is --top-k 2" in " ".join(said[-1].split())

    added.write_text("--spec-type ngram-mod", encoding="ascii")
    refused = lab.grid(*run)
    assert pytest.ExitCode.USAGE_ERROR == refused.ret
    refused.stderr.fnmatch_lines(["*the server's own command has --spec-type ngram-mod: speculation has no part*"])
