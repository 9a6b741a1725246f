"""Work that takes long says so, in time and no sooner; the times are short here."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from pytest_codeneedle.core import long_work
from pytest_codeneedle.core.long_work import on_stderr, silent

if TYPE_CHECKING:
    import pytest


def test_what_is_done_soon_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody wonders yet."""
    with on_stderr("p")("work") as at:
        at("step 1")
    with silent("work") as at:
        at("step 1")
    assert ("", "") == capsys.readouterr()


def test_long_work_says_where_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where the step itself takes long; then again, and no more when it is done."""
    monkeypatch.setattr(long_work, "FIRST_SECONDS", 0.05)
    monkeypatch.setattr(long_work, "EVERY_SECONDS", 0.05)
    with on_stderr("p")("work\x1b[2J") as at:
        time.sleep(0.08)
        at("step 2 of 3")
        time.sleep(0.2)
    said = capsys.readouterr().err.splitlines()
    assert "p: work\\x1b[2J: at work" == said[0]
    assert {"p: work\\x1b[2J: step 2 of 3"} == set(said[1:])
    assert [] == [one.name for one in threading.enumerate() if "(say)" in one.name]

    time.sleep(0.12)
    assert "" == capsys.readouterr().err


def test_it_says_so_within_two_seconds() -> None:
    """Which is what a person waits for before wondering."""
    assert long_work.FIRST_SECONDS < 2
