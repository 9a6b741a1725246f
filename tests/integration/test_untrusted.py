"""A run that somebody else stored, with codes for a terminal in all of its names: every command shows them as text."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.cli import main

from .lab import read_about, read_rows

if TYPE_CHECKING:
    from .lab import Lab

UGLY = "\x1b]0;owned\x07\x9b31m\u202e\u200bx\r"
UNSEEN = {char for char in UGLY if not char.isprintable()}
#: What people read of a run: names, builds, machines, what a server said. The rest is its program's.
NAMES = ("model_name", "server", "server_build", "server_version", "started", "language", "order", "problem")
COMMANDS = [
    *(["grid", "run"], ["grid", "run", "-v"], ["grid", "run", "--json"]),
    *(["status", "run"], ["status", "run", "--json"], ["rescore", "run"], ["merge", "run", "other", "-o", "joined"]),
    *(["summary", "run", "other"], ["summary", "run", "--json"]),
    *(["compare", "run", "other"], ["compare", "run", "other", "--json"], ["compare", "run", "other", "--markdown"]),
    *(["baseline", "save", "run", "-o", "-"], ["baseline", "save", "run", "-o", "base.json", "--allow-partial"]),
    *(["report", "run", "-o", "page"], ["archive", "add", "run", "--to", "archive"], ["archive", "check", "archive"]),
]


def spoilt(value: Any) -> Any:
    """The value with the codes in each text of it, and in the names of a table."""
    if isinstance(value, str):
        return f"{value}{UGLY}"
    if isinstance(value, dict):
        return {name: spoilt(one) for name, one in value.items()}
    return [spoilt(one) for one in value] if isinstance(value, list) else value


def spoil(folder: Path, build: str) -> None:
    """Put codes into the run's names."""
    about, rows = read_about(folder), read_rows(folder)
    name = about["corpus"] + UGLY
    about |= {key: spoilt(about.get(key) or key) for key in NAMES}
    about |= {"corpus": name, "server_build": f"{build}{UGLY}", "machine": spoilt(about["machine"])}
    for function in about["functions"]:
        function["name"] += UGLY
    about["asked"] = spoilt(about["asked"])
    (folder / "run.json").write_text(json.dumps(about), encoding="utf-8")
    spoilt_rows = [
        {**row, "corpus": name, "function": row["function"] + UGLY, "fallbacks": f"slow{UGLY}", "label": f"odd{UGLY}"}
        for row in rows
    ]
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in spoilt_rows), encoding="utf-8")


@pytest.mark.slow
def test_no_command_prints_a_code(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output and standard error, of commands that can and that cannot be done."""
    reciting = Path(__file__).parent / "reciting.py"
    server = lab.write("llama-server", f'#!/bin/sh\nexec {sys.executable} -S {reciting} "$@"\n')
    server.chmod(0o755)
    lab.grid("--kv-pairs", "bf16/bf16,q4_0/q4_0", "--kv-server", str(server), "--kv-out", "run")
    shutil.copytree(lab.path / "run", lab.path / "other")
    spoil(lab.path / "run", "b1")
    spoil(lab.path / "other", "b2")
    seen = 0
    for command in COMMANDS:
        main(command)
        out, err = capsys.readouterr()
        assert not UNSEEN & set(out + err), command
        seen += "\\x1b]0;owned" in out + err or "\\u001b]0;owned" in out + err
        if "--json" in command:
            json.loads(out)
    assert seen > len(COMMANDS) / 2


def test_nor_does_a_session(lab: Lab) -> None:
    """What it goes on with, and what it is held against; names of its own corpus too."""
    lab.write("corpora/ug\x1bly.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n')
    lab.write("src/a\x1b.py", "def f(\n")
    result = lab.grid(corpus="ug\x1bly")
    said = result.stdout.str() + result.stderr.str()
    assert pytest.ExitCode.USAGE_ERROR == result.ret
    assert "\x1b" not in said
    assert "ug\\x1bly" in said
    result = lab.grid("--kv-server", "nothing-\x9b31m")
    assert "nothing-\\x9b31m" in result.stderr.str()


@pytest.mark.parametrize("option", ["--corpus", "--kv-model", "--kv-baseline", "--kv-out"])
def test_a_name_that_is_too_long(lab: Lab, option: str) -> None:
    """The system refuses to look for it: one error, before any server."""
    result = lab.grid(option, "y" * 300)

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    assert "File name too long" in result.stderr.str()
