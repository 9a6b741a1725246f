"""A question that broke is asked once more, and a server that died or hangs is started anew, once a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .lab import matched, survivors

if TYPE_CHECKING:
    from .lab import Lab

#: Pair -> the faults of its first, second and further servers.
MENDED = {
    "q8_0/q8_0": ["reset"],
    "q5_0/q5_0": ["trickle"],
    "q5_0/q4_0": ["sigkill"],
    "q4_0/q8_0": ["sigstop"],
    "q4_0/q4_0": ["sigkill@1"],
}
LOST = {
    "q8_0/q5_0": ["http500"],  # these two are not, but mended
    "q8_0/q4_0": ["bad-json"],
    "q8_0/q8_0": ["http500*"],
    "q5_0/q5_0": ["http400"],
    "q5_0/q8_0": ["sigkill", "sigkill"],
    "q4_0/q4_0": ["hang", "sigkill"],
    "q4_0/q5_0": ["http500@1*"],
}


def rows_by_pair(lab: Lab) -> dict[str, list[dict[str, Any]]]:
    """The rows of each cell, in order."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in lab.rows():
        rows.setdefault(f"{row['ctk']}/{row['ctv']}", []).append(row)
    return rows


@pytest.mark.slow
def test_mended(lab: Lab) -> None:
    """Whatever broke, the answer is the right one, the row says that it was asked again, and no server is left."""
    lab.faults(MENDED)
    result = lab.grid("--kv-pairs", ",".join(MENDED))
    assert {"passed": 10} == result.parseoutcomes()
    assert {"20.00"} == {figure for figure in matched(result).values() if figure != "-"}
    rows = rows_by_pair(lab)
    again = {pair: [row["asked_again"] for row in of_pair] for pair, of_pair in rows.items()}
    assert {pair: [1, 0] for pair in MENDED} | {"q4_0/q4_0": [0, 0]} == again  # the last was the warm-up's fault
    anew = {pair for pair, of_pair in rows.items() if [1, 1] == [row["relaunches"] for row in of_pair]}
    assert {"q5_0/q5_0", "q5_0/q4_0", "q4_0/q8_0", "q4_0/q4_0"} == anew
    assert {"hit"} == {row["prompt_cache"] for of_pair in rows.values() for row in of_pair}
    assert (
        "asked again after a fault (asked_again, relaunches in the rows): q4_0/q4_0, q4_0/q8_0" in result.stdout.str()
    )
    logs = {log.stem for log in (lab.folder / "servers").glob("*.2.log")}
    assert {f"{pair.replace('/', '-')}.2" for pair in anew} == logs
    assert [] == survivors(lab.path)


@pytest.mark.slow
def test_lost(lab: Lab) -> None:
    """What breaks twice is an ERROR with both faults and the log's end; after a second server nothing more is tried."""
    lab.faults(LOST)
    result = lab.grid("--kv-pairs", ",".join([*LOST, "q4_0/q8_0"]))
    assert {"errors": 9, "passed": 7} == result.parseoutcomes()
    assert "20.00" == matched(result)["q4_0", "q8_0"]
    rows = rows_by_pair(lab)
    for pair in ("q8_0/q5_0", "q8_0/q4_0"):
        assert [("passed", 1), ("passed", 0)] == [(row["outcome"], row["asked_again"]) for row in rows[pair]]
    errors = {pair: [row.get("error") or "" for row in of_pair] for pair, of_pair in rows.items()}

    for error in (*errors["q8_0/q8_0"], *errors["q4_0/q5_0"]):
        assert "HTTP 500: made up; the server lives and asked again: HTTP 500: made up. The last lines of" in error
    assert [1, 1] == [row["asked_again"] for row in rows["q8_0/q8_0"]]

    (refused,) = (error for error in errors["q5_0/q5_0"] if error)
    assert "q5_0/q5_0: HTTP 400: made up. The last lines of" in refused
    assert [("error", 0), ("passed", 0)] == [(row["outcome"], row["asked_again"]) for row in rows["q5_0/q5_0"]]

    first, second = errors["q5_0/q8_0"]
    assert "the server died (signal 9), was started anew and asked again: the connection broke after" in first
    assert "q5_0/q8_0: not asked: the server died (signal 9), and it had been started anew before. " in second
    assert [1, 1] == [row["relaunches"] for row in rows["q5_0/q8_0"]]

    first, second = errors["q4_0/q4_0"]
    assert "no whole answer within " in first
    assert " s, 0 characters had come (measured before: read " in first
    assert "the server hung and was killed, was started anew and asked again: the connection broke" in first
    assert "q4_0/q4_0: not asked: the server died (signal 9)" in second
    assert [] == survivors(lab.path)
