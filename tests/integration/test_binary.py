"""The user's own llama-server: the same grid as the embedded one, and an older build is asked in its own words."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.server.program import find_program

from .lab import matched, passed, read_about, read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from .lab import Lab

BINARY = shutil.which("llama-server")
TYPES = ("--kv-types", "q8_0,q4_0")
ALL_FOUR = {(ctk, ctv) for ctk in ("q8_0", "q4_0") for ctv in ("q8_0", "q4_0")}
needs_binary = pytest.mark.skipif(BINARY is None, reason="no llama-server on PATH")
#: A stand-in for a build of early 2025, since such a build takes too long to make: the embedded server behind the help,
#: the arguments and the log of that time. What it does not know ends it, as it ends llama-server.
OLDER = f"""#!{sys.executable}
import re
import subprocess
import sys

HELP = '''
-t,    --threads N                      number of threads to use during generation
-tb,   --threads-batch N                number of threads to use during batch and prompt processing
-c,    --ctx-size N                     size of the prompt context
-fa,   --flash-attn                     enable Flash Attention (default: disabled)
                                        (env: LLAMA_ARG_FLASH_ATTN)
-ctk,  --cache-type-k TYPE              KV cache data type for K
-ctv,  --cache-type-v TYPE              KV cache data type for V
-np,   --parallel N                     number of parallel sequences to decode
-m,    --model FNAME                    model path
-lv,   --verbosity, --log-verbosity N   Set the verbosity threshold. Messages with a higher verbosity will be
                                        ignored.
                                        (env: LLAMA_LOG_VERBOSITY)
--no-warmup                             skip warming up the model with an empty run
--host HOST                             ip address to listen
--port PORT                             port to listen
'''
words = sys.argv[1:]
if words == ["--help"]:
    sys.exit(print(HELP))
if words == ["--version"]:
    sys.exit("version: 4700 (0123abcd)\\nbuilt with cc for x86_64-linux-gnu")
given, rest = [], list(words)
while rest:
    word = rest.pop(0)
    if word not in re.split(r"[\\s,]+", HELP) or not word.startswith("-"):
        sys.exit(f"error: invalid argument: {{word}}")
    value = [] if word in ("-fa", "--no-warmup") else [rest.pop(0)]
    given += {{"-fa": ["-fa", "on"], "-lv": ["-lv", "4" if value == ["0"] else "5"]}}.get(word, [word, *value])
command = [sys.executable, "-m", "pytest_codeneedle.embedded", *given]
server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
for line in server.stdout:
    sys.stdout.buffer.write(line.replace(b"llama_kv_cache: size", b"llama_kv_cache_unified: size"))
    sys.stdout.buffer.flush()
sys.exit(server.wait())
"""


def answers(folder: Path) -> set[tuple[object, ...]]:
    """What a run recorded of each question: the types asked for and read back, and what came of it."""
    fields = ("ctk", "ctv", "log_ctk", "log_ctv", "function", "primary_matched", "outcome")
    return {tuple(row[field] for field in fields) for row in read_rows(folder)}


@pytest.mark.slow
def test_older_build(lab: Lab) -> None:
    """It is given what it knows in the form that it knows, recalls the same, and what was left out is said."""
    older = lab.write("older", OLDER)
    older.chmod(0o755)
    result = lab.grid(*TYPES, "--kv-server", str(older))
    assert dict.fromkeys(ALL_FOUR, "20.00") == matched(result)
    assert "kv-grid: this llama-server does not know --cache-ram, --fit: left out" in result.outlines
    about = lab.about()
    assert "4700 (0123abcd)" == about["server_version"]
    assert ["--cache-ram", "--fit", "--offline"] == about["server_left_out"]
    argv = about["server_argv"]
    assert ["-fa", "-c"] == argv[argv.index("-fa") :][:2]
    assert ["-lv", "0"] == argv[argv.index("-lv") :][:2]
    assert "--no-warmup" in argv
    assert {(ctk, ctv, ctk, ctv) for ctk, ctv in ALL_FOUR} == {answer[:4] for answer in answers(lab.folder)}
    logs = [log.read_text(encoding="utf-8") for log in (lab.folder / "servers").iterdir()]
    assert ["llama_kv_cache_unified: size ="] * 4 == [re.findall(r"llama_kv_cache\w*: size =", log)[0] for log in logs]


@needs_binary
def test_same_grid(lab: Lab) -> None:
    """The llama-server on PATH is the default, and it and the embedded server answer alike, types verified."""
    runs = {name: lab.path / name for name in ("binary", "embedded")}
    own = lab.grid(*TYPES, "--kv-out", str(runs["binary"]))
    packaged = lab.grid(*TYPES, "--kv-out", str(runs["embedded"]), "--kv-server", "embedded")
    assert dict.fromkeys(ALL_FOUR, "20.00") == matched(own) == matched(packaged)
    assert dict.fromkeys(ALL_FOUR, "2") == passed(own, 2) == passed(packaged, 2)
    assert 8 == len(answers(runs["binary"]))
    assert answers(runs["binary"]) == answers(runs["embedded"])
    assert {"enabled"} == {row["flash_attn"] for row in read_rows(runs["binary"])}
    assert all(row["margins"] for folder in runs.values() for row in read_rows(folder))
    about = {name: read_about(folder) for name, folder in runs.items()}
    assert BINARY == about["binary"]["server"]
    assert about["embedded"]["server"].startswith("embedded")
    assert f"embedded ({about['embedded']['server_version']})" == about["embedded"]["server"]
    said = subprocess.run([str(BINARY), "--version"], capture_output=True, text=True, check=True)
    assert f"version: {about['binary']['server_version']}" in (said.stdout + said.stderr).splitlines()


@needs_binary
def test_every_argument_is_known_or_said_to_be_left_out(lab: Lab) -> None:
    """What the grid starts this build with stands in its help; the rest of what it pins is named in run.json."""
    lab.grid("--kv-pairs", "q8_0/q4_0", "--kv-functions", "1")
    help_of_it = subprocess.run([str(BINARY), "--help"], capture_output=True, text=True, check=True)
    known = set(re.split(r"[\s,]+", help_of_it.stdout + help_of_it.stderr))
    about = lab.about()
    given = [word for word in about["server_argv"] if re.match("-{1,2}[a-z]", word)]
    assert [] == [word for word in given if word not in known]
    assert [] == [word for word in about["server_left_out"] if word in known]
    pinned = {"-m", "-ctk", "-ctv", "-fa", "-c", "-np", "--host", "--port", "-lv", "-t", "-tb"}
    assert {*pinned, "--cache-ram", "--fit", "--no-warmup", "--offline"} == {*given, *about["server_left_out"]}
    assert list(find_program(None).left_out) == about["server_left_out"]
