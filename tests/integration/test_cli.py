"""`codeneedle ...`, run as a person runs it."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.cli import main

from .lab import PATIENCE_SECONDS, matched, passed, read_rows, table

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import SmallRun
    from .lab import Lab

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def run(small_run: SmallRun, tmp_path: Path) -> Path:
    """A copy of a complete run."""
    return shutil.copytree(small_run.folder, tmp_path / "run")


def done(capsys: Captured, *arguments: object) -> list[str]:
    """What a command that succeeds prints."""
    assert 0 == main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    # On a busy machine parsing takes so long that it says how far it is.
    assert [] == [line for line in captured.err.splitlines() if not line.startswith("codeneedle: corpus ")]
    return captured.out.splitlines()


def refused(capsys: Captured, *arguments: object) -> str:
    """The one line of a command that cannot be done."""
    assert 2 == main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    (message,) = captured.err.splitlines()
    assert message.startswith("codeneedle: ")
    return message


class TestFunctions:
    """codeneedle functions CORPUS."""

    def test_json(self, capsys: Captured) -> None:
        """--json lists the sample with name, first body line, number of body lines, language and source."""
        listed = json.loads("\n".join(done(capsys, "functions", "random-bodies-mini", "--json")))
        assert 8 == len(listed)
        assert {("name", "start_line", "body_lines", "language", "source")} == {tuple(one) for one in listed}
        assert {(20, "python")} == {(one["body_lines"], one["language"]) for one in listed}

    def test_all(self, capsys: Captured) -> None:
        """--all lists every long enough function, each at its own line of the generated text."""
        listed = json.loads("\n".join(done(capsys, "functions", "random-bodies-mini", "--json", "--all")))
        text = "\n".join(
            done(
                capsys,
                *[
                    "generate",
                    "random-bodies",
                    "--functions",
                    "10",
                    "--value-len",
                    "24",
                    "--body-lines",
                    "20",
                    "--seed",
                    "42",
                ],
            )
        )
        lines = text.split("\n")
        assert 10 == len(listed)
        assert [f"def {one['name']}():" for one in listed] == [lines[one["start_line"] - 2] for one in listed]

    def test_show(self, capsys: Captured) -> None:
        """--show prints the lines that a function is asked for."""
        (first, *_) = json.loads("\n".join(done(capsys, "functions", "random-bodies-mini", "--json")))
        shown = done(capsys, "functions", "random-bodies-mini", "--show", first["name"])
        assert 20 == len(shown)
        assert all(line.startswith("    ") for line in shown)
        ast.parse(f"def {first['name']}():\n" + "\n".join(shown))

    def test_for_people(self, capsys: Captured) -> None:
        """Without --json it is one line per function and a last one with the count and the hash."""
        lines = done(capsys, "functions", "random-bodies-mini", "-k", "3")
        assert 4 == len(lines)
        assert lines[-1].startswith("3 of 10 functions; sha256 ")

    def test_real_module(self, capsys: Captured) -> None:
        """Python's own http/server.py: the sample is all of its long functions, for there are fewer than 16."""
        sample = done(capsys, "functions", "http_server", "--json")
        assert sample == done(capsys, "functions", "http_server", "--json", "--all")
        listed = json.loads("\n".join(sample))
        assert "send_head" in {one["name"] for one in listed}
        assert all(one["body_lines"] >= 20 for one in listed)

    def test_errors(self, capsys: Captured) -> None:
        """Unknown names are told with those there are, or with the option that lists them."""
        message = refused(capsys, "functions", "nowhere")
        assert "unknown corpus 'nowhere'" in message
        assert "random-bodies-mini" in message
        message = refused(capsys, "functions", "random-bodies-mini", "--show", "nothing")
        assert "has no function 'nothing'" in message
        assert "--all" in message


class TestGenerate:
    """codeneedle generate random-bodies."""

    KNOBS = ("generate", "random-bodies", "--functions", "200", "--value-len", "24", "--seed", "42")
    #: Of the shipped `random-bodies`. A change of it makes results incomparable with earlier ones.
    BYTES = 205_998

    def test_byte_identical(self, capsys: Captured, tmp_path: Path) -> None:
        """The same knobs give the same bytes, in another process and with another hash seed too."""
        done(capsys, *self.KNOBS, "-o", tmp_path / "one.py")
        content = (tmp_path / "one.py").read_bytes()
        other = subprocess.run(
            [sys.executable, "-m", "pytest_codeneedle.cli", *self.KNOBS],
            env={"PYTHONHASHSEED": "7"},
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
        assert content == other.stdout
        assert self.BYTES == len(content)

    def test_is_the_shipped_corpus(self, capsys: Captured, tmp_path: Path) -> None:
        """The file and the corpus `random-bodies` have one hash."""
        done(capsys, *self.KNOBS, "-o", tmp_path / "one.py")
        digest = hashlib.sha256((tmp_path / "one.py").read_bytes()).hexdigest()
        assert done(capsys, "functions", "random-bodies")[-1].endswith(f"sha256 {digest}")

    def test_seed(self, capsys: Captured) -> None:
        """Another seed gives another text of the same length."""
        knobs = ("generate", "random-bodies", "--functions", "2", "--seed")
        one, other = done(capsys, *knobs, "1"), done(capsys, *knobs, "2")
        assert one != other
        assert len(one) == len(other)

    def test_errors(self, capsys: Captured, tmp_path: Path) -> None:
        """A knob out of range and a file that cannot be written are told in one line."""
        assert "functions = 0 is out of range" in refused(capsys, *self.KNOBS[:3], "0")
        assert "cannot be written" in refused(capsys, *self.KNOBS, "-o", tmp_path / "gone" / "one.py")


class TestGrid:
    """codeneedle grid RUN."""

    def test_complete(self, run: Path, small_run: SmallRun, capsys: Captured) -> None:
        """A complete run gives the grids that the terminal showed."""
        lines = done(capsys, "grid", run)
        assert matched(small_run.result) == table(lines, "mean primary_matched /20")
        assert passed(small_run.result, 2) == table(lines, "functions passed /2")

    def test_truncated(self, run: Path, capsys: Captured) -> None:
        """A run that was killed while it wrote keeps all rows but the torn one; cells without rows are `err`."""
        results = run / "results.jsonl"
        first, second, third, *_ = results.read_text(encoding="utf-8").splitlines(keepends=True)
        results.write_text(first + second + third[: len(third) // 2], encoding="utf-8")
        row = json.loads(first)
        figures = table(done(capsys, "grid", run), "mean primary_matched /20")
        assert "20.00" == figures[row["ctk"], row["ctv"]]
        assert ["20.00", "err", "err", "err"] == sorted(figures.values())

    def test_no_rows_yet(self, run: Path, capsys: Captured) -> None:
        """A run without any row is a grid without figures."""
        (run / "results.jsonl").write_text("", encoding="utf-8")
        assert {"err"} == set(table(done(capsys, "grid", run), "mean primary_matched /20").values())

    def test_errors(self, run: Path, tmp_path: Path, capsys: Captured) -> None:
        """No run, a damaged run.json and a damaged row in the middle are told in one line with the place."""
        assert f"{tmp_path} is not a run folder" in refused(capsys, "grid", tmp_path)
        assert "is not a run folder" in refused(capsys, "grid", tmp_path / "gone")
        results = run / "results.jsonl"
        rows = results.read_text(encoding="utf-8").splitlines(keepends=True)
        results.write_text(rows[0] + "{torn\n" + rows[1], encoding="utf-8")
        assert "line 2: not JSON" in refused(capsys, "grid", run)
        (run / "run.json").write_text("{", encoding="utf-8")
        assert "run.json cannot be read" in refused(capsys, "grid", run)


class TestRescore:
    """codeneedle rescore RUN."""

    def test_same_rule(self, run: Path, capsys: Captured, tmp_path: Path) -> None:
        """The rule of the run gives the rows of the run."""
        lines = done(capsys, "rescore", run, "-o", tmp_path / "anew.jsonl")
        assert any(line.startswith("rescored: 0 of 8 rows differ") for line in lines)
        anew = [json.loads(line) for line in (tmp_path / "anew.jsonl").read_text(encoding="utf-8").splitlines()]
        assert read_rows(run) == anew

    def test_other_rules(self, run: Path, capsys: Captured, tmp_path: Path) -> None:
        """Stricter rules count less and looser ones more; the run itself is not touched."""
        rows = read_rows(run)
        for row in rows:
            kept = row["response"].split("\n")[:12]
            row["response"] = "\n".join([line.strip() for line in kept[:3]] + kept[3:])
        results = run / "results.jsonl"
        results.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        before = results.read_bytes()
        title = "mean primary_matched /20"
        assert {"12.00"} == set(table(done(capsys, "rescore", run), title).values())
        strict = done(capsys, "rescore", run, "--strict-indent", "--pass", "10", "-o", tmp_path / "anew.jsonl")
        assert {"9.00"} == set(table(strict, title).values())
        assert {"0"} == set(table(strict, "functions passed /2").values())
        anew = [json.loads(line) for line in (tmp_path / "anew.jsonl").read_text(encoding="utf-8").splitlines()]
        assert [("failed", 9, 12)] * 8 == [
            (row["outcome"], row["primary_matched"], row["position_exact"] + 3) for row in anew
        ]
        loose = done(capsys, "rescore", run, "--relax-indent", "--pass", "12")
        assert {"2"} == set(table(loose, "functions passed /2").values())
        assert before == results.read_bytes()

    def test_errors_stay_errors(self, run: Path, capsys: Captured) -> None:
        """A row without an answer has nothing to score."""
        first, *others = read_rows(run)
        gone = {**first, "outcome": "error", "primary_matched": None}
        gone.pop("response")
        rows = [gone, *others]
        (run / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        figures = table(done(capsys, "rescore", run), "functions passed /2")
        assert ["1", "2", "2", "2"] == sorted(figures.values())

    def test_errors(self, run: Path, tmp_path: Path, capsys: Captured) -> None:
        """No run, a function that run.json does not hold, and a file that cannot be written are told in one line."""
        assert "is not a run folder" in refused(capsys, "rescore", tmp_path)
        assert "cannot be written" in refused(capsys, "rescore", run, "-o", tmp_path / "gone" / "anew.jsonl")
        about = json.loads((run / "run.json").read_text(encoding="utf-8"))
        (run / "run.json").write_text(json.dumps({**about, "functions": about["functions"][:1]}), encoding="utf-8")
        assert "run.json does not hold the lines of" in refused(capsys, "rescore", run)


class TestDamage:
    """Run folders that something else has written to."""

    @pytest.mark.parametrize("command", ["grid", "rescore"])
    @pytest.mark.parametrize("content", ["[]", "{}", "null"])
    def test_run_json(self, run: Path, capsys: Captured, command: str, content: str) -> None:
        """One line says that the folder is damaged."""
        (run / "run.json").write_text(content, encoding="utf-8")
        assert f"{run} is damaged: " in refused(capsys, command, run)

    @pytest.mark.parametrize(
        ("row", "said"), [("5", "/results.jsonl, line 1: it is no JSON object"), ("{}", " is damaged: ")]
    )
    def test_rows(self, run: Path, capsys: Captured, row: str, said: str) -> None:
        """A row that is no result is damage too."""
        (run / "results.jsonl").write_text(f"{row}\n", encoding="utf-8")
        assert f"{run}{said}" in refused(capsys, "grid", run)

    def test_the_record_is_not_overwritten(self, run: Path, capsys: Captured) -> None:
        """Rescored rows go anywhere but over those recorded."""
        before = (run / "results.jsonl").read_bytes()
        assert "is the record itself" in refused(capsys, "rescore", run, "-o", run / "results.jsonl")
        assert before == (run / "results.jsonl").read_bytes()


class TestModel:
    """codeneedle model NAME -o FILE."""

    def test_byte_identical(self, capsys: Captured, tmp_path: Path) -> None:
        """It writes GGUF, under 40 MB and the same bytes each time."""
        for name in ("one.gguf", "other.gguf"):
            done(capsys, "model", "control:robust", "-o", tmp_path / name)
        content = (tmp_path / "one.gguf").read_bytes()
        assert b"GGUF" == content[:4]
        assert len(content) < 40_000_000
        assert content == (tmp_path / "other.gguf").read_bytes()

    def test_errors(self, capsys: Captured, tmp_path: Path) -> None:
        """An unknown model and a folder that cannot be made are told in one line."""
        message = refused(capsys, "model", "control:perfect", "-o", tmp_path / "x.gguf")
        assert "no such control model" in message
        (tmp_path / "file").touch()
        for folder in ("file", "gone"):
            message = refused(capsys, "model", "control:robust", "-o", tmp_path / folder / "x.gguf")
            assert f"cannot be written: there is no folder {tmp_path / folder}; give another -o FILE" in message
        assert not (tmp_path / "gone").exists()
        message = refused(capsys, "model", "control:fragile-k", "-o", tmp_path)
        assert f"{tmp_path} is a directory; give a file: -o {tmp_path / 'fragile-k.gguf'}" in message


def test_installed_command(lab: Lab) -> None:
    """The wheel installs `codeneedle`; without a command it says which there are and ends with 2."""
    command = shutil.which("codeneedle", path=str(lab.path.joinpath(sys.executable).parent))
    assert command is not None
    result = lab.pytester.run(command)
    assert 2 == result.ret
    result.stderr.fnmatch_lines(["usage: codeneedle*"])


@pytest.mark.parametrize("corpus", ["random-bodies", "random-bodies-mini"], ids=["long", "short"])
def test_closed_pipe(corpus: str) -> None:
    """`codeneedle functions ... | head` ends without a traceback, where all was still in a buffer too."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest_codeneedle.cli", "functions", corpus, "--all", "--json"],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    finally:
        os.close(writer)
    assert (0, "") == (done.returncode, done.stderr)
