"""Private stays private, whatever a server, an exception or a plugin quotes: no edge lets a line through.

A private corpus goes through sessions that fail in every way; then every byte that left the run folder is searched.
"""

from __future__ import annotations

import html
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.corpus.random_bodies import RandomBodies

from .lab import read_about, read_rows

if TYPE_CHECKING:
    from .lab import Lab

WAYS = [
    *("template", "counting", "validation", "page", "base64", "tokens", "redirect", "stream", "timings", "stop"),
    *("no-json", "log"),
]
#: The kinds of them that every run of the tests sees: an HTTP error, the stream, a log.
FIRST = ("base64", "log")
REPORTS = ("--junitxml", "j.xml", "--html", "h.html", "--self-contained-html", "--kv-out", "run")
#: What a user's own tests, and plugins, do with what they are given.
OWN = """
import warnings

import pytest


def test_prints(kv_corpus):
    print(kv_corpus.text)
    assert kv_corpus.text == ""


def test_raises(kv_corpus):
    lines = kv_corpus.text.splitlines()
    warnings.warn("odd: " + kv_corpus.text[100:900])
    try:
        {}[kv_corpus.text]
    except KeyError as error:
        raise ValueError(f"not there: {lines[10:30]}") from error


@pytest.fixture
def broken(kv_corpus):
    yield
    raise RuntimeError(kv_corpus.text.encode())


def test_breaks(broken):
    pytest.skip("because of " + "x = 1")


def test_skips(kv_corpus):
    pytest.skip(kv_corpus.text[300:700])
"""
#: What pytest-timeout does, in the midst of a request.
ALARM = """
import signal

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    def end(number, frame):
        __tracebackhide__ = True
        pytest.fail("Timeout (>1.5s)")

    if "q4_0" in item.nodeid:
        signal.signal(signal.SIGALRM, end)
        signal.setitimer(signal.ITIMER_REAL, 1.5)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
"""
COLLECTING = """
from pathlib import Path


def pytest_collection_modifyitems(items):
    text = Path("src/secret.py").read_text()
    raise RuntimeError(text)
"""


def private(lab: Lab) -> tuple[list[str], str]:
    """A private corpus, its lines that are not asked for, and a server that quotes."""
    text = RandomBodies(functions=4, body_lines=22).text()
    lab.write("src/secret.py", text)
    lab.write("corpora/mine.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n[sample]\nk = 2\n')
    quoting = Path(__file__).parent / "quoting.py"
    server = lab.write("llama-server", f'#!/bin/sh\nexec {sys.executable} -S {quoting} "$@"\n')
    server.chmod(0o755)
    return [line.strip() for line in text.splitlines() if len(line) > 20 and " = " in line], str(server)


def run(lab: Lab, server: str, *arguments: str) -> pytest.RunResult:
    """A session of the reference and a pair whose servers quote, with tracebacks that show variables."""
    session = ("--kv-model", "control:robust", "--kv-server", server, "--kv-pairs", "bf16/bf16,q8_0/q4_0", "-l")
    return lab.grid(*session, *REPORTS, *arguments, corpus="mine")


def shown(lab: Lab, lines: list[str], result: pytest.RunResult, *, redacted: bool = False) -> list[str]:
    """The lines that left the run folder, also in a page and an archive of it, but for those asked for."""
    if (lab.path / "run" / "run.json").exists():
        for command in (["report", "run", "-o", "page"], ["archive", "add", "run", "--to", "archive"]):
            lab.pytester.run(sys.executable, "-m", "pytest_codeneedle.cli", *command)
    made = [lab.path / "j.xml", lab.path / "h.html", *lab.path.glob("page/**/*.*"), *lab.path.glob("archive/**/*.*")]
    texts = [result.stdout.str(), result.stderr.str(), *(path.read_text("utf-8") for path in made if path.is_file())]
    asked: set[str] = set()
    if (lab.path / "run" / "run.json").exists():
        asked = {line.strip() for one in read_about(lab.path / "run")["functions"] for line in one["primary"]}
    looked_for = lines if redacted else [line for line in lines if line not in asked]
    assert looked_for
    plain = html.unescape(html.unescape("\n".join(texts))).replace('\\\\"', '"').replace('\\"', '"')
    assert len(texts) > 2
    return [line for line in looked_for if line in plain or line.split('"')[1] in plain]


@pytest.mark.parametrize("how", [pytest.param(how, marks=() if how in FIRST else pytest.mark.slow) for how in WAYS])
def test_no_server_says_it(lab: Lab, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Errors over HTTP and in the stream, odd JSON, logs, pages of proxies, words that are no words of llama.cpp's."""
    lines, server = private(lab)
    monkeypatch.setenv("QUOTES", how)
    result = run(lab, server)
    assert pytest.ExitCode.OK != result.ret
    assert [] == shown(lab, lines, result)
    if how not in {"timings", "redirect", "no-json", "stop", "tokens", "log"}:
        assert "characters of the corpus]" in result.stdout.str()
    if how == "stop":  # what is needed to judge anew stays where it is
        assert any(lines[0] in str(row) for row in read_rows(lab.path / "run"))


@pytest.mark.slow
@pytest.mark.parametrize("more", [("--kv-redact",), ("--kv-redact", "-n", "2"), ("--kv-redact", "--full-trace", "-vv")])
def test_nor_is_it_with_other_options(lab: Lab, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]) -> None:
    """With --kv-redact not even the lines that were asked for; with workers; at length."""
    lines, server = private(lab)
    monkeypatch.setenv("QUOTES", "template")
    result = run(lab, server, *more)
    assert "cannot parse" in result.stdout.str()
    assert [] == shown(lab, lines, result, redacted=True)


@pytest.mark.slow
def test_no_plugin_says_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin that ends an item within a request: a traceback through httpx, with variables."""
    lines, server = private(lab)
    lab.write("alarm.py", ALARM)
    monkeypatch.setenv("QUOTES", "slow")
    result = run(lab, server, "-p", "alarm")
    assert "Timeout (>1.5s)" in result.stdout.str()
    assert [] == shown(lab, lines, result)


@pytest.mark.slow
def test_no_test_of_the_users_says_it(lab: Lab) -> None:
    """Rewritten assertions, chained exceptions, what was printed, warnings, errors of fixtures, reasons."""
    lines, server = private(lab)
    lab.write("test_own.py", OWN)
    result = run(lab, server, "test_own.py", "-rA")
    result.stdout.fnmatch_lines(["*UserWarning: odd: *"])
    assert "Captured stdout call" in result.stdout.str()
    assert result.stdout.str().count(" characters of the corpus]") > 5
    assert [] == shown(lab, lines, result)


@pytest.mark.slow
def test_no_error_of_pytests_says_it(lab: Lab) -> None:
    """An INTERNALERROR shows variables too."""
    lines, server = private(lab)
    lab.write("conftest.py", COLLECTING)
    result = run(lab, server)
    assert pytest.ExitCode.INTERNAL_ERROR == result.ret
    assert "INTERNALERROR> RuntimeError: [" in result.stdout.str() + result.stderr.str()
    assert [] == shown(lab, lines, result)
