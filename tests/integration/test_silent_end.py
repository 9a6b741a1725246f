"""A reference that falls silent at the end of a session: no later session makes that good."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from .lab import read_about, read_rows

if TYPE_CHECKING:
    from .lab import Lab

DRIFTED = "Distrust this grid: the server drifted, bf16/bf16 again at the end"
MAY_HAVE_DRIFTED = "Distrust this grid: the server may have drifted, bf16/bf16 again at the end in session 1"


def told(result: pytest.RunResult) -> str:
    """What was printed, on one line."""
    return " ".join(" ".join(result.outlines).split())


@pytest.mark.slow
def test_silence_at_an_end_stays(lab: Lab) -> None:
    """The session that goes on says what `codeneedle grid` says; --kv-quick does not call that settled."""
    lab.corpus("seven", functions=7, value_len=8)
    quick = ("--kv-quick", "--kv-types", "bf16,q8_0,q4_0", "--kv-calibrate", "on", "--kv-resume", "--kv-out", "run")
    command = (*quick, "--kv-server", str(lab.reciting()))
    names = [name.partition("bf16/bf16-")[2].rstrip("]") for name in lab.ids("--kv-pairs", "bf16/bf16", corpus="seven")]
    lab.pytester._monkeypatch.setenv("RECITE_LOG", str(lab.path / "asked"))
    lab.pytester._monkeypatch.setenv("RECITE_ONCE", ",".join(names))
    first = told(lab.grid(*command, corpus="seven"))
    assert f"{DRIFTED}: -20.00 lines" in first
    assert "--kv-quick: stopped after 4 of 7 cells, for it seemed settled: q4_0/q4_0, q4_0/bf16, bf16/q4_0 NOT" in first

    lab.pytester._monkeypatch.delenv("RECITE_ONCE")
    second = told(lab.grid(*command, corpus="seven"))
    assert "kv-grid: seven: 28 of 56 answers are recorded in run" in second
    stored = told(lab.pytester.run(sys.executable, "-m", "pytest_codeneedle.cli", "grid", "run"))
    for said in (second, stored):
        assert f"{MAY_HAVE_DRIFTED}: -20.00 lines" in said
        assert "Take" not in said
    assert read_about(lab.path / "run")["quick"]["said"].startswith("stopped after 4 of 7 cells")
    assert 7 == sum(row["outcome"] == "error" for row in read_rows(lab.path / "run"))
    assert 0 == read_about(lab.path / "run")["outcomes"]["error"]
