"""Grids that a benchmark runs, each a pytest process of its own, and what their records say of the time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Sweep:
    """A stored run: what run.json and results.jsonl say, and the wall time of the whole pytest process."""

    about: dict[str, Any]
    rows: list[dict[str, Any]]
    wall_seconds: float

    @property
    def cells(self) -> list[dict[str, Any]]:
        """One row of each cell, for the facts that all its rows share."""
        return list({(row["ctk"], row["ctv"]): row for row in self.rows}.values())

    @property
    def ingested(self) -> float:
        """Prompt tokens that were read, warm-up included / (tokens of the file x cells)."""
        read = sum(row["prompt_n"] for row in self.rows) + sum(cell["warm_up_n"] for cell in self.cells)
        return float(read / (self.about["tokens"]["file"] * len(self.cells)))

    @property
    def decoded(self) -> float:
        """Tokens that were decoded / tokens of the lines that were asked for."""
        expected = sum(self.about["expected_tokens"][row["function"]] for row in self.rows)
        return float(sum(row["tokens"] for row in self.rows) / expected)

    @property
    def busy_seconds(self) -> float:
        """What the servers' own timings add up to."""
        asked = sum(row["prompt_ms"] + row["predicted_ms"] for row in self.rows)
        return float(asked + sum(cell["warm_up_ms"] for cell in self.cells)) / 1000

    @property
    def load_seconds(self) -> float:
        """From each server's start until it was ready, as far as it was waited for."""
        return float(sum(cell["load_seconds"] for cell in self.cells))


def run_grid(folder: Path, out: Path, *arguments: str) -> Sweep:
    """One `pytest --kv-grid` in `folder`, its run in `out`. Exits with its output where it fails."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--kv-grid",
        "--kv-calibrate",
        "off",
        "-q",
        "--kv-server",
        "embedded",
        "--kv-out",
        str(out),
    ]
    began = time.monotonic()
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - pytest
    wall_seconds = time.monotonic() - began
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    return Sweep(json.loads((out / "run.json").read_text(encoding="utf-8")), rows, wall_seconds)
