"""Several runs of one sweep as one: shards that different machines asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ERROR, FAILED, PASSED, ROTATIONS, place_of
from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.core.kv_types import in_grid_order, parse_pair
from pytest_codeneedle.runs.identity import Identity, recorded_identity
from pytest_codeneedle.runs.sessions import SESSION, is_unique, session_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair

Run = tuple[str, "Mapping[str, Any]", "Sequence[Mapping[str, Any]]"]
#: The part of an identity in which runs to be joined may differ, which is said: shards are what several machines asked.
MACHINE = "machine"
#: Facts beside the identity that have to be the same: how answers were judged, and what a server said it is.
_SAME = ("corpus", "corpus_sha256", "server_build", "pass", "relax_indent", "asked")


def merged(runs: Sequence[Run]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """run.json and the rows of these runs, (name, run.json, rows) each, as one run.

    Answers are kept of each session, for they are held against its own reference; of one that several runs have the
    last run's count, and an answer before an ERROR. Raises RunFolderError for fewer than two runs, and for runs that
    differ in anything an answer depends on, with the part that differs. Machines may differ:
    `differs` of an entry of `merged` says in what, and their rows have the key of the first run.
    """
    if len(runs) < 2:  # noqa: PLR2004 - one is merged already
        msg = "merging takes two runs or more"
        raise RunFolderError(msg)
    (first_name, first, _), *others = runs
    for name, about, rows in others:
        different = _differences(first, about) + _added_otherwise(runs[0][2], rows)
        if different:
            msg = f"{name} cannot be joined with {first_name}: {'; '.join(different)}"
            raise RunFolderError(msg)
    abouts = [about for _, about, _ in runs]
    joined = [{**row, **({"key": first["key"]} if "key" in row else {})} for row in _rows(runs)]
    outcomes = [row["outcome"] for row in joined]
    return {
        **first,
        "started": min(str(about["started"]) for about in abouts),
        "ended": max((str(about["ended"]) for about in abouts if about.get("ended")), default=None),
        "wall_seconds": round(sum(about.get("wall_seconds") or 0.0 for about in abouts), 3),
        "shard": None,
        **_calibration(abouts),
        "pairs": [str(pair) for pair in _in_grid_order(abouts)],
        "cells": list(dict.fromkeys(cell for about in abouts for cell in about["cells"])),
        **passes(abouts),
        # Pages show no more than each of them may.
        "redact": any(about.get("redact") for about in abouts),
        "embed_source": all(about.get("embed_source") for about in abouts),
        "quick": None,  # its looks were at one run alone
        "functions": list({one["name"]: one for about in abouts for one in about["functions"]}.values()),
        "sessions": [session for about in abouts for session in about.get("sessions", ())],
        "outcomes": {outcome: outcomes.count(outcome) for outcome in (PASSED, FAILED, ERROR)},
        "merged": [
            {"run": name, "shard": about.get("shard"), "machine": about["machine"], **_other_machine(first, about)}
            for name, about, _ in runs
        ],
    }, joined


def _calibration(abouts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """That of the shard whose reference recalled least; one without a reference, of an older version, cannot tell."""
    found = [about["calibration"] for about in abouts if about.get("calibration")]
    told = [one for one in found if one.get("passed") is not None]
    told.sort(key=lambda one: (one["passed"], 1.0 if one.get("share") is None else one["share"]))
    return {"calibration": [*told, *found][0]} if found else {}


def passes(abouts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """How often each cell is asked, and with which rotations, in all of these runs together.

    What an older run does not say is once, and as the environment has it.
    """
    abouts = list(abouts)
    rotations = [name for about in abouts for name in about.get("rotations") or ROTATIONS["default"]]
    return {
        "repeat": max(about.get("repeat") or 1 for about in abouts),
        "rotations": sorted(set(rotations), key=list(ROTATIONS).index),
    }


def _differences(first: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    if "identity" not in first or "identity" not in other:
        return ["a run that does not say what its answers depend on (run.json has no identity)"]
    identities = [recorded_identity(about).parts for about in (first, other)]
    parts = [
        Identity({**identity, **{key: about.get(key) for key in _SAME}})
        for identity, about in zip(identities, (first, other), strict=True)
    ]
    return parts[1].differences(parts[0], but=(MACHINE,))


def _other_machine(first: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, list[str]]:
    """In what its machine differs from that of the first run, where it does."""
    parts = [Identity({MACHINE: about["identity"].get(MACHINE)}) for about in (first, about)]
    different = parts[1].differences(parts[0])
    return {"differs": different} if different else {}


def _added_otherwise(first: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> list[str]:
    """Arguments that a fixture added are in the rows alone: all rows of all runs have to have the same."""
    if not (first and other):
        return []
    added = [Identity({"added_args": sorted({str(row.get("added_args")) for row in rows})}) for rows in (first, other)]
    return added[1].differences(added[0])


def _in_grid_order(abouts: Sequence[Mapping[str, Any]]) -> list[KVPair]:
    return in_grid_order(parse_pair(pair) for about in abouts for pair in about["pairs"])


def _rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """One for each item of each session. A session that an older version did not name is one of its run's own."""
    rows = {
        (place_of(row), row["function"], row.get("test"), _own_session(number, row), row["outcome"] == ERROR): (
            number,
            row,
        )
        for number, (_, _, all_rows) in enumerate(runs, 1)
        for row in all_rows
    }
    answered = {place[:-1] for place in rows if not place[-1]}
    kept = [found for place, found in rows.items() if not (place[-1] and place[:-1] in answered)]
    return [{**row, SESSION: _own_session(number, row)} for number, row in kept]


def _own_session(number: int, row: Mapping[str, Any]) -> str:
    session = session_of(row)
    return session if is_unique(session) else f"{session or 'unknown'}-run-{number}"
