"""--kv-server-args "..."."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .lab import matched

if TYPE_CHECKING:
    from .lab import Lab

PAIR = ("--kv-pairs", "q8_0/q4_0")


@pytest.mark.parametrize(
    ("arguments", "name", "instead"),
    [
        ("-ctk f16", "-ctk", "--ctk"),
        ("--cache-type-v=f16", "--cache-type-v", "--ctv"),
        ("-m other.gguf", "-m", "--kv-model"),
        ("-t 1 -c 99", "-c", "--kv-n-ctx"),
        ("--port 80", "--port", "a free port"),
        ("--host 0.0.0.0", "--host", "127.0.0.1 only"),
        ("-np 4", "-np", "prompt cache"),
        ("-lv 0", "-lv", "log"),
    ],
)
def test_reserved(lab: Lab, arguments: str, name: str, instead: str) -> None:
    """An argument that the grid sets is refused, with the option to use instead."""
    message = lab.refused(*PAIR, f"--kv-server-args={arguments}")
    assert f"server argument {name} is set by the grid" in message
    assert instead in message


def test_unbalanced_quotes(lab: Lab) -> None:
    """Quotes that do not close are a usage error."""
    assert "No closing quotation" in lab.refused(*PAIR, "--kv-server-args=-a 'x")


def test_passed_on(lab: Lab) -> None:
    """Other arguments reach every server, after those of the grid, and are kept in run.json."""
    result = lab.grid(*PAIR, "--kv-server-args=-t 1 -ub 64")
    assert {("q8_0", "q4_0"): "20.00"} == matched(result)
    assert ["-t", "1", "-ub", "64"] == lab.about()["server_args"]
    log = (lab.folder / "servers" / "q8_0-q4_0.log").read_text(encoding="utf-8")
    assert "llama threadpool init, n_threads = 1" in log
    assert "n_ubatch" in log
    assert "= 64" in next(line for line in log.splitlines() if "n_ubatch" in line)


def test_unknown_to_the_server(lab: Lab) -> None:
    """An argument that the server does not know is an ERROR of every cell, with the server's own words."""
    result = lab.grid(*PAIR, "--kv-server-args=--no-such-flag")
    assert {"errors": 2} == result.parseoutcomes()
    assert {("q8_0", "q4_0"): "err"} == matched(result)
    result.stdout.fnmatch_lines(["*--no-such-flag*"])
