"""The figures of a run as statistics take them."""

from __future__ import annotations

from typing import Any

from pytest_codeneedle.kvtypes import KVPair
from pytest_codeneedle.values import again, values

Q8, Q4 = KVPair("q8_0", "q8_0"), KVPair("q4_0", "q4_0")


def row(pair: KVPair, function: str, matched: int | None, replicate: int = 0, **more: Any) -> dict[str, Any]:
    """One item; without lines it is an ERROR."""
    outcome = "error" if matched is None else "passed"
    facts = {"function": function, "primary_matched": matched, "replicate": replicate, "outcome": outcome, **more}
    return {"ctk": pair.ctk, "ctv": pair.ctv, **facts}


def test_means_over_the_passes_that_answered() -> None:
    """An ERROR is left out of a function's mean, and a function without a score of the cell; the last row counts."""
    rows = [
        *(row(Q8, "f", 0), row(Q8, "f", 20)),
        *(row(Q8, "f", 19, 1), row(Q8, "g", 7), row(Q8, "g", None, 1), row(Q8, "h", None)),
        row(Q8, "f", 0, 2),
    ]

    assert {Q8: {"f": 19.5, "g": 7.0}, Q4: {}} == values(rows, [Q8, Q4], repeat=2)
    assert {Q8: {"f": 20.0, "g": 7.0}} == values(rows, [Q8])


def test_one_rotation_at_a_time() -> None:
    """Rows that say none are those of the environment."""
    rows = [row(Q8, "f", 1), row(Q8, "f", 2, rotation="default"), row(Q8, "f", 3, rotation="on")]

    assert [2.0, 3.0] == [values(rows, [Q8], rotation=rotation)[Q8]["f"] for rotation in ("default", "on")]
    assert {Q8: {}} == values(rows, [Q8], rotation="off")


def test_the_last_pass_over_the_reference() -> None:
    """With one pass it is a further one, which is in no figure; with several the last of them."""
    rows = [row(Q8, "f", 20), row(Q8, "f", 18, 1), row(Q8, "g", None, 1), row(Q4, "f", 3, 1), row(Q8, "f", 17, 2)]

    assert {"f": 18.0} == again(rows, Q8)
    assert {"f": 18.0} == again(rows, Q8, repeat=2)
    assert {"f": 17.0} == again(rows, Q8, repeat=3)
    assert again(rows, Q8, repeat=4) is None
    assert again(rows, Q8, rotation="on") is None
    assert {Q8: {"f": 20.0}} == values(rows[:3], [Q8])
