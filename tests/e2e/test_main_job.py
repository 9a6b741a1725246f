"""The main job, whole: `pytest --kv-grid` as the README says it."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

TYPES = ("bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
PAIRS = {(ctk, ctv) for ctk, ctv in itertools.product(TYPES, TYPES)}
CACHE = re.compile(r"llama_kv_cache: size = .* K \((\w+)\): .* V \((\w+)\): ")
PATIENCE_SECONDS = 1800


def figures(lines: list[str], title: str) -> dict[tuple[str, str], str]:
    """The grid below a title: each row is a ctk, then one figure per ctv and nothing else."""
    head, *rows = lines[lines.index(title) + 1 :][: 1 + len(TYPES)]
    ctvs = head.split()[1:]
    found = {row.split()[0]: row.split()[1:] for row in rows}
    assert {len(ctvs)} == {len(row) for row in found.values()}
    return {(ctk, ctv): figure for ctk, row in found.items() for ctv, figure in zip(ctvs, row, strict=True)}


@pytest.mark.slow
def test_main_job(tmp_path: Path) -> None:
    """37 real servers start in one run, one for each pair, read back from its own log; nothing is lost.

    The reference has two: it is asked first, and once more as the last. They are the llama-server on PATH where there
    is one, else the embedded one: CI runs both.
    """
    environment = {
        name: value for name, value in os.environ.items() if name not in ("CODENEEDLE_MODEL", "PYTEST_ADDOPTS")
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--kv-grid", "-q"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    lines = done.stdout.splitlines()
    assert dict.fromkeys(PAIRS, "20.00") == figures(lines, "mean primary_matched /20")
    assert dict.fromkeys(PAIRS, "8") == figures(lines, "functions passed /8")
    assert any(line.startswith("combos 36 | pass 8.00 +/- 0.00") for line in lines)

    (run,) = (tmp_path / "codeneedle-runs").glob("*__*")
    server = json.loads((run / "run.json").read_text(encoding="utf-8"))["server"]
    assert shutil.which("llama-server") in (server, None)
    logs = list((run / "servers").iterdir())
    assert 37 == len(logs)
    read = [set(CACHE.findall(log.read_text(encoding="utf-8", errors="replace"))) for log in logs]
    assert {1} == {len(types) for types in read}
    assert PAIRS == set.union(*read)
    assert {"bf16-bf16#2.log", *(f"{ctk}-{ctv}.log" for ctk, ctv in PAIRS)} == {log.name for log in logs}
    ports = [re.findall(r"listening on http://127\.0\.0\.1:(\d+)", log.read_text(encoding="utf-8")) for log in logs]
    assert all(ports)

    rows = [json.loads(line) for line in (run / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert 37 * 8 == len(rows)
    cells = [*dict.fromkeys((row["ctk"], row["ctv"], row["replicate"]) for row in rows)]
    assert [("bf16", "bf16", 0), ("bf16", "bf16", 1)] == [cells[0], cells[-1]]
    assert {("passed", 20)} == {(row["outcome"], row["primary_matched"]) for row in rows}
    assert {8} == {sum((row["ctk"], row["ctv"], row["replicate"]) == (*pair, 0) for row in rows) for pair in PAIRS}
