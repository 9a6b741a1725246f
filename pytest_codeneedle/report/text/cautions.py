"""What to distrust in a run, one sentence each: from its rows, and from its run.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ERROR, parse_place, place_of
from pytest_codeneedle.core.kv_types import AS_SERVED
from pytest_codeneedle.core.shareable import first_line
from pytest_codeneedle.core.text import counted, few
from pytest_codeneedle.recall.logprob_margins import LEAST_TOLD
from pytest_codeneedle.runs.calibration import BASE_MODEL
from pytest_codeneedle.runs.grid import rows_by_pair
from pytest_codeneedle.stats.several_places import several_places

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.runs.design import Frame
    from pytest_codeneedle.runs.grid import View

    Rows = Sequence[Mapping[str, Any]]

#: Messages of whole cells that are told.
_MESSAGES = 6


def cautions(about: Mapping[str, Any], rows: Rows, frame: Frame) -> list[str]:
    """All that is known against the figures of a run; `about` is its run.json."""
    of_model = [BASE_MODEL] if about.get("base_model") else []
    unlike = [*added_args(rows), *several_places(rows, frame.reference)]
    of_rows = [*_unverified(rows), *distrusted(rows), *unlike, *_thought(rows, frame)]
    return [*of_model, *_incomplete(about, rows), *of_rows]


def distrusted(rows: Rows) -> list[str]:
    """Cells that are not what they say, or whose servers had trouble."""
    lines = []
    fallbacks = {str(place_of(row)): row["fallbacks"] for row in rows if row.get("fallbacks")}
    lines += [f"not what it says: {place}: {line}" for place, line in sorted(fallbacks.items())]
    again = _places(row for row in rows if row.get("asked_again") or row.get("relaunches"))
    if again:
        lines.append(f"asked again after a fault (asked_again, relaunches in the rows): {', '.join(again)}")
    missed = _places(row for row in rows if row.get("prompt_cache") == "missed")
    if missed:
        lines.append(f"prompt cache missed, the corpus was read again: {', '.join(missed)}")
    speculation = sorted({str(row["speculation_off"]) for row in rows if row.get("speculation_off")})
    lines += [f"speculation is off, though a fixture asks for it: {asked}" for asked in speculation]
    return [*lines, *_second_contexts(rows), *_untold(rows)]


def _second_contexts(rows: Rows) -> list[str]:
    """Drafts that came all the same: a script may start the server with them."""
    lines = []
    others = _places(row for row in rows if row.get("other_caches"))
    if others:
        kinds = sorted({str(row["other_caches"]) for row in rows if row.get("other_caches")})
        lines.append(f"a second KV cache, as of a draft, is in the log and not counted: {few(others)} ({few(kinds)})")
    drafted = _places(row for row in rows if row.get("drafted"))
    if drafted:
        lines.append(f"tokens were drafted, though nothing here asks for it; see how the server starts: {few(drafted)}")
    return lines


def _untold(rows: Rows) -> list[str]:
    """Answers whose margins would be those of too few of their tokens."""
    untold = [row for row in rows if row.get("margins_told") is not None and row["margins_told"] < LEAST_TOLD]
    if not untold:
        return []
    least = min(float(row["margins_told"]) for row in untold)
    too_little = (
        f"too little of the expected text told a probability (down to {least:.0%}; {LEAST_TOLD:.0%} are needed)"
    )
    return [f"no margins of {counted(len(untold), 'answer')}, {too_little}: {few(_places(untold))}"]


def added_args(rows: Rows) -> list[str]:
    """Cells whose servers had other arguments than each other's, from a fixture, are no one grid."""
    added = sorted({str(row["added_args"]) for row in rows if row.get("added_args") is not None})
    return [f"not one grid, servers had other arguments: {' | '.join(map(repr, added))}"] if len(added) > 1 else []


def thoughts(rows: Rows, pairs: Sequence[KVPair], view: View) -> list[str]:
    """How many answers thought though they should not."""
    items = [item for cell in rows_by_pair(rows, pairs, view).values() for item in cell]
    thought = sum(bool(item.get("thought")) for item in items)
    if not thought:
        return []
    return [f"{thought} of {len(items)} answers thought all the same; try --kv-think prefill"]


def _thought(rows: Rows, frame: Frame) -> list[str]:
    if frame.thinks:
        return []
    told = {
        f"{title}: " if (title := frame.title(view)) else "": thoughts(rows, frame.pairs, view) for view in frame.views
    }
    return [title + line for title, lines in told.items() for line in lines]


def _incomplete(about: Mapping[str, Any], rows: Rows) -> list[str]:
    """What was planned and is not there. As in a grid, of several rows about one item the last counts."""
    last = {(place_of(row), row["function"]): row for row in rows}
    asked = about.get("asked") or [function["name"] for function in about["functions"]]
    planned = [(parse_place(name), one) for name in about.get("cells") or about["pairs"] for one in asked]
    unasked = [str(place) for place, function in planned if (place, function) not in last]
    lines = _erring([row for row in last.values() if row["outcome"] == ERROR])
    if unasked:
        left = f"{len(unasked)} of {len(planned)} questions were not asked"
        lines.append(f"{left}: {few(list(dict.fromkeys(unasked)))}")
    if about.get("problem"):
        lines.append(f"no server came up: {first_line(str(about['problem']))}")
    quick = about.get("quick") or {}
    if settled := quick.get("settled"):
        older = f"settled after {counted(len(about['pairs']), 'cell')}: {settled}"
        lines.append(f"--kv-quick: {quick.get('said') or older}")
    if about.get("shard"):
        lines.append(f"part {about['shard']} of a sweep: codeneedle merge joins it with the others")
    return lines


def _erring(rows: Rows) -> list[str]:
    """What whole cells say of themselves, each message once with its cells; of other errors how many there are."""
    said: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        told = first_line(str(row.get("error") or ""))
        said.setdefault(told.removeprefix(f"{place_of(row).pair}: "), []).append(row)
    shared = sorted(told for told, of_one in said.items() if told and len(of_one) > 1)[:_MESSAGES]
    lines = []
    for told in shared:
        of_one = said.pop(told)
        lines.append(f"{few(_places(of_one))}: {counted(len(of_one), 'question')} without an answer: {told}")
    others = [row for of_one in said.values() for row in of_one]
    if others:
        lines.append(f"{counted(len(others), 'question')} gave no answer to score: {few(_places(others))}")
    return lines


def _unverified(rows: Rows) -> list[str]:
    """Cells whose cache types no log of a server confirms."""
    cells = _places(
        row
        for row in rows
        if row["outcome"] != ERROR and row.get("log_ctk") is None and place_of(row).pair != AS_SERVED
    )
    return [f"no server log confirms these cache types, they are as named: {few(cells)}"] if cells else []


def _places(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({str(place_of(row)) for row in rows})
