"""The line that is redrawn in place: on a real terminal, and on nothing else."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from typing import TYPE_CHECKING

import pytest

from .lab import GRID

if TYPE_CHECKING:
    from .conftest import SmallRun
    from .lab import Lab

ERASE = "\r\x1b[K"
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def terminal(lab: Lab, *arguments: str, columns: int = 80, term: str = "xterm") -> str:
    """All that `pytest --kv-grid -q` writes to a terminal of that size, colours aside."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [
        *GRID,
        "-q",
        "--corpus",
        "tiny",
        *arguments,
    ]
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    with subprocess.Popen(
        command, cwd=lab.path, env={**environment, "TERM": term}, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        written = b""
        try:
            while read := os.read(ours, 1 << 16):
                written += read
        except OSError:  # Linux: the other side is closed
            pass
        assert 0 == process.wait()
    os.close(ours)
    return COLOUR.sub("", written.decode())


def screen(written: str) -> list[str]:
    """The lines that are to be seen in the end."""
    lines, column = [""], 0
    for token in re.findall(r"\r|\n|\x1b\[K|[^\r\n\x1b]+", written):
        if token == "\n":
            lines.append("")
        elif token == "\x1b[K":
            lines[-1] = lines[-1][:column]
        elif token != "\r":
            lines[-1] = lines[-1][:column] + token + lines[-1][column + len(token) :]
            column += len(token)
        if token in "\r\n":
            column = 0
    return lines


def frames(written: str) -> list[str]:
    """Each line that was drawn in place."""
    return [text for text in re.findall(r"\r\x1b\[K([^\r\n\x1b]*)", written) if text.startswith("cell")]


@pytest.mark.slow
def test_where_the_run_is(lab: Lab) -> None:
    """A new cell loads and reads; each item is told as it starts, with the figures of those before it."""
    written = terminal(lab, "--kv-pairs", "q8_0/q4_0,q4_0/q4_0", "--kv-order", "grid")
    shown = list(dict.fromkeys(re.sub(r" +\d+ tok/s  cache hit  \d:\d\d left", "", frame) for frame in frames(written)))
    assert [
        f"cell {cell} {stage}"
        for cell in ("1/2 q8_0/q4_0 ", "2/2 q4_0/q4_0 ")
        for stage in ("loading", "reading the file", "item 1/2", "item 2/2")
    ] == shown
    figures = re.compile(r"cell 1/2 q8_0/q4_0  item 2/2 +\d+ tok/s  cache hit  \d:\d\d left")
    second = [frame for frame in frames(written) if frame.startswith("cell 1/2 q8_0/q4_0  item 2/2")]
    assert second
    assert [] == [frame for frame in second if not figures.fullmatch(frame)]
    last = screen(written)
    assert [] == [line for line in last if line.startswith("cell ")]
    assert ["[1/2] q8_0/q4_0", "[2/2] q4_0/q4_0"] == [line[:15] for line in last if line.startswith("[")]
    assert "mean primary_matched /20" in last


@pytest.mark.slow
def test_workers_in_a_narrow_terminal(lab: Lab) -> None:
    """Under xdist the controller says what came in last; the line is never as wide as the terminal."""
    written = terminal(lab, "--kv-pairs", "q8_0/q4_0,q4_0/q4_0", "-n", "2", columns=40)
    shown = frames(written)
    assert shown
    assert [] == [
        frame for frame in shown if len(frame) >= 40 or not re.match(r"cells [01]/2  [12] under way  q", frame)
    ]
    last = screen(written)
    assert [] == [line for line in last if line.startswith("cells")]
    assert ["[1/2]", "[2/2]"] == [line[:5] for line in last if line.startswith("[")]


def test_dumb_terminal(lab: Lab) -> None:
    """A terminal that cannot erase sees none of it."""
    written = terminal(lab, "--kv-pairs", "q8_0/q4_0", "--kv-functions", "1", term="dumb")
    assert "[1/1] q8_0/q4_0" in written
    assert "\x1b" not in written
    assert [] == [line for line in written.replace("\r\n", "\n").split("\n") if "cell 1/1" in line]


def test_pipe(small_run: SmallRun) -> None:
    """Nor does what is no terminal."""
    assert [] == [line for line in small_run.result.outlines if "\r" in line or "\x1b" in line or "item 1/2" in line]
