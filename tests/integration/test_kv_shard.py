"""--kv-shard I/N, and `codeneedle merge` that joins the runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from .lab import matched, read_about, read_rows, table

if TYPE_CHECKING:
    from .lab import Lab

TYPES = ("--kv-types", "q8_0,q4_0")


def codeneedle(lab: Lab, *arguments: str) -> pytest.RunResult:
    """Run `codeneedle ...`."""
    return lab.pytester.run(sys.executable, "-m", "pytest_codeneedle.cli", *arguments)


@pytest.mark.slow
def test_shards_are_merged(lab: Lab) -> None:
    """Two machines ask half of the pairs each; joined, it is the grid that one would have asked."""
    shards = [lab.grid(*TYPES, "--kv-shard", f"{number}/3", "--kv-out", f"s{number}") for number in (1, 2, 3)]
    assert [4, 4, 4] == sorted(shard.parseoutcomes()["passed"] for shard in shards)
    assert all("20.00" == matched(shard)["q8_0", "q8_0"] for shard in shards)
    assert "reference q8_0/q8_0 20.00 | no cell is lower" in shards[0].outlines
    assert "2/3" == read_about(lab.path / "s2")["shard"]
    merged = codeneedle(lab, "merge", "s3", "s1", "s2", "-o", "all")
    assert ["3 runs, 12 answers, 4 of 4 cells", "run: all"] == [merged.outlines[0], merged.outlines[-1]]
    assert "no line of q8_0/q8_0 differs between 3 sessions" in " ".join(merged.outlines)
    grid = codeneedle(lab, "grid", "all")
    pairs = [(ctk, ctv) for ctk in ("q8_0", "q4_0") for ctv in ("q8_0", "q4_0")]
    assert dict.fromkeys(pairs, "20.00") == table(grid.outlines, "mean primary_matched /20")
    assert 12 == len(read_rows(lab.path / "all"))
    assert 6 == len(list((lab.path / "all" / "servers").iterdir()))
    again = lab.grid(*TYPES, "--kv-out", "all", "--kv-resume")
    assert {"passed": 8} == again.parseoutcomes()
    assert 12 == len(read_rows(lab.path / "all"))

    lab.grid(*TYPES, "--kv-shard", "2/3", "--kv-lines", "10", "--kv-n-ctx", "1024", "--kv-out", "other")
    refused = codeneedle(lab, "merge", "s1", "other", "-o", "mixed")
    assert 2 == refused.ret
    assert "codeneedle: other cannot be joined with s1: lines was 20, is 10" in refused.errlines[0]
    assert not (lab.path / "mixed").exists()
    assert 2 == codeneedle(lab, "merge", "s1", "s1", "-o", "mixed").ret
    assert "already holds a run" in codeneedle(lab, "merge", "s1", "s2", "-o", "all").errlines[0]


@pytest.mark.parametrize("given", ["3", "0/2", "3/2", "a/b", "1/", "-1/2"])
def test_no_part_of_a_whole(lab: Lab, given: str) -> None:
    """It is said how a shard is written."""
    message = lab.refused(*TYPES, f"--kv-shard={given}")
    assert f"--kv-shard {given!r} is not a part of a whole; write 3/8 for the third of eight" in message


def test_more_shards_than_pairs(lab: Lab) -> None:
    """One that would get nothing is a usage error: a green job that asked nothing would lie."""
    assert "there are only 4 pairs; give at most 4 shards" in lab.refused(*TYPES, "--kv-shard", "5/6")


def test_endpoint(lab: Lab) -> None:
    """An endpoint is one cell: there is nothing to share out."""
    message = lab.refused("--kv-server", "http://127.0.0.1:1/v1", "--kv-model", "m", "--kv-shard", "1/2")
    assert "--kv-shard cannot be set of an endpoint" in message
