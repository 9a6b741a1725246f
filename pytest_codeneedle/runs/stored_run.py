"""A stored run as far as it is held against another: what it was asked with, and the figures of every cell."""

from __future__ import annotations

import math
import shlex
import statistics
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ERROR, PASSED, Place, place_of
from pytest_codeneedle.core.kv_types import AS_SERVED, parse_pair
from pytest_codeneedle.core.shareable import shareable
from pytest_codeneedle.runs.calibration import DEFAULT_MINIMUM, by_figures, weakest_figures, without_status
from pytest_codeneedle.runs.grid import View, rows_by_pair
from pytest_codeneedle.runs.ledger import is_packaged
from pytest_codeneedle.runs.pairing import reference_rows
from pytest_codeneedle.runs.sessions import conditions_of, session_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_codeneedle.core.cells import Rotation
    from pytest_codeneedle.core.kv_types import KVPair

_LOGGED = ("attn_rot_k", "attn_rot_v")
#: Lines and passes: beyond it is nothing that was asked.
_MOST = 10**6
#: Of a margin, in nats: what decides nothing need not be longer in a file.
_MARGIN_DIGITS = 3
#: Parts of an identity that are no mere difference: see `StoredRun.questions`; the corpus is told by its own hash.
_NOT_FACTS = ("corpus_sha256", "lines", "prompt", "prompt_sha256", "model_sha256", "rotation")


@dataclass(frozen=True)
class StoredCell:
    """The figures of one cell, over its replicates, by function.

    `matched` has every function that was asked for: its mean primary_matched in lines, None where no answer could be
    scored. `failed` did not pass in every replicate, `silent` gave no answer in at least one; `passes` says of those
    with an answer in how many of how many they did, where that is known. The reference's further pass has no figure
    here, and counts in these two. `margins` are mean margins in nats, of functions that have one. `log_rotation` is the
    Hadamard rotation of (K, V) as the server's log has it, 0 for off, None where it says nothing.
    """

    matched: Mapping[str, float | None]
    failed: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    passes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    margins: Mapping[str, float] | None = None
    log_rotation: tuple[int | None, int | None] = (None, None)

    @property
    def scored(self) -> dict[str, float]:
        """The functions that have a figure."""
        return {name: lines for name, lines in self.matched.items() if lines is not None}

    @property
    def mean(self) -> float | None:
        """Mean lines over the functions that have a figure."""
        return statistics.fmean(self.scored.values()) if self.scored else None

    def answers(self, name: str) -> bool:
        """Whether that function has an answer in any pass, be it one without a figure."""
        return self.matched.get(name) is not None or name in self.passes

    def silent_since(self, before: StoredCell) -> tuple[str, ...]:
        """The functions that had an answer `before` and have none, or in fewer of their passes for want of more."""
        return tuple(sorted(name for name in self.silent if name in before.matched and self._lacks_more(name, before)))

    def _lacks_more(self, name: str, before: StoredCell) -> bool:
        if name not in before.silent:
            return True
        if not before.answers(name) or not self.answers(name):
            return before.answers(name)
        if name not in before.passes or name not in self.passes:
            return False
        (then, of_then), (now, of_now) = before.passes[name], self.passes[name]
        return now * of_then < then * of_now and of_now - now > of_then - then


@dataclass(frozen=True)
class StoredRun:
    """A run, or the file that was saved of it. `name` is how messages call it, and no part of it.

    `questions` is what has to be the same for figures to be compared at all, `facts` what may differ and is said:
    both plain, by the names that a person reads. `functions` are those asked for, in their order; `cells` are places of
    the first pass, whose figures are those of all passes. `weakest` are the reference's figures in that of several
    sessions in which it recalled least, empty where one is known; `minimum` is the share of its lines that it has to
    recall. `lost` is what is to be said of answers that are not there any more.
    """

    name: str
    corpus: str
    corpus_sha256: str
    whole_sha256: str
    trim: int | None
    questions: Mapping[str, Any]
    facts: Mapping[str, Any]
    lines: int
    repeat: int
    reference: KVPair
    functions: tuple[str, ...]
    cells: Mapping[Place, StoredCell]
    weakest: Mapping[str, float | None] = field(default_factory=dict)
    minimum: float = DEFAULT_MINIMUM
    lost: str = ""

    @property
    def reference_figures(self) -> Mapping[str, float | None]:
        """Function -> lines of the reference, where it recalled least: as a verdict takes it. Of rotations that on."""
        shown = Place(self.reference, _shown_rotation(self.cells, self.reference))
        return self.weakest or (self.cells[shown].matched if shown in self.cells else {})

    @property
    def caution(self) -> str:
        """What is to be said of its reference wherever its figures are used; nothing where that recalls enough."""
        lines = self.reference_figures
        if self.reference == AS_SERVED:
            return ""
        if not lines:
            return f"not calibrated: the reference {self.reference} was not asked"
        if not set(self.functions) <= lines.keys():
            return "not calibrated: the reference was not asked completely"
        return without_status(by_figures(str(self.reference), lines, self.lines, self.minimum))

    @property
    def questions_asked(self) -> int:
        """How many functions of how many cells were asked for, replicates counted once."""
        return sum(len(cell.matched) for cell in self.cells.values())

    @property
    def answered(self) -> int:
        """How many of them have a figure."""
        return sum(len(cell.scored) for cell in self.cells.values())


def stored_run(
    name: str, about: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], gpus: Sequence[str] = (), lost: str = ""
) -> StoredRun:
    """The run that run.json and these rows tell of; `gpus` are the devices that its servers' logs name.

    `lost` is what is said of answers that are not there any more.

    Raises KeyError, TypeError and the like where they are damaged.
    """
    repeat = int(about.get("repeat") or 1)
    identity = about.get("identity") or {}
    asked = about.get("asked") or [function["name"] for function in about["functions"]]
    reference = parse_pair(about["reference"])
    chosen = _chosen(rows, repeat, reference)
    weakest = _weakest(rows, reference, View(repeat, _shown_rotation(chosen, reference)))
    return StoredRun(
        name=name,
        corpus=str(about["corpus"]),
        corpus_sha256=str(about["corpus_sha256"]),
        whole_sha256=str(identity.get("corpus_sha256") or about["corpus_sha256"]),
        trim=identity.get("trim"),
        questions=questions_of(about, identity),
        facts=_facts(about, identity, rows, gpus),
        lines=int(about["lines"]),
        repeat=repeat,
        reference=reference,
        functions=tuple(dict.fromkeys(asked)),
        cells={cell: _cell(chosen[cell], repeat) for cell in sorted(chosen)},
        weakest={name: weakest.get(name) for name in dict.fromkeys(asked)} if weakest else {},
        minimum=max(DEFAULT_MINIMUM, about.get("calibrate_min") or 0.0),
        lost=lost,
    )


def _shown_rotation(cells: Iterable[Place], reference: KVPair) -> Rotation:
    """That of the reference's cell which speaks for the run: of several rotations not the one that is off."""
    found = [cell.rotation for cell in cells if cell.pair == reference]
    return min(found, key="off".__eq__, default="default")


def _weakest(rows: Sequence[Mapping[str, Any]], reference: KVPair, view: View) -> dict[str, float | None]:
    """The reference's figures in the session that recalled least, of those with answers of other cells."""
    answered = {conditions_of(row) for row in rows if place_of(row).pair != reference and row["outcome"] != ERROR}
    of_reference = reference_rows(rows, reference, view)
    sessions = {conditions_of(row) for row in of_reference}
    counted = sessions & answered if len(sessions) > 1 else set()
    return weakest_figures(row for row in of_reference if conditions_of(row) in counted)


def checked(run: StoredRun) -> StoredRun:
    """The run as it is. Raises ValueError for figures that no run can have."""
    if len(set(run.functions)) < len(run.functions):
        msg = f"{next(one for one in run.functions if run.functions.count(one) > 1)!r} is in it twice"
        raise ValueError(msg)
    if not (1 <= run.lines <= _MOST and 1 <= run.repeat <= _MOST):
        msg = f"lines {run.lines}, repeat {run.repeat}: neither is below 1, nor above {_MOST}"
        raise ValueError(msg)
    _check_reference(run)
    for cell, figures in run.cells.items():
        for name, lines in figures.scored.items():
            if not 0 <= lines <= run.lines:  # nor is it NaN
                msg = f"cell {cell}: {name} has {lines:g} of {run.lines} lines"
                raise ValueError(msg)
        for name, (answered, asked) in figures.passes.items():
            if not 0 < answered < asked:
                msg = f"cell {cell}: {name} has no answer in some of its passes, and one in {answered} of {asked}"
                raise ValueError(msg)
        for name, margin in (figures.margins or {}).items():
            if not math.isfinite(margin):
                msg = f"cell {cell}: {name} has a margin of {margin:g}"
                raise ValueError(msg)
    return run


def _check_reference(run: StoredRun) -> None:
    if not 0 <= run.minimum <= 1:
        msg = f"minimum {run.minimum:g} is no share"
        raise ValueError(msg)
    for name, weakest in run.weakest.items():
        if weakest is not None and not 0 <= weakest <= run.lines:
            msg = f"weakest: {name} has {weakest:g} of {run.lines} lines"
            raise ValueError(msg)


def questions_of(about: Mapping[str, Any], identity: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a question and its score what they are, beside the corpus."""
    return {
        "lines": about["lines"],
        "prompt": about.get("prompt"),
        "prompt_sha256": identity.get("prompt_sha256"),
        "indentation": "ignored" if about.get("relax_indent") else "compared",
    }


def _facts(
    about: Mapping[str, Any],
    identity: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    gpus: Sequence[str],
) -> dict[str, Any]:
    known = {"", shlex.join(about.get("server_args") or ())}  # the rest came from a fixture
    added = sorted({str(row["added_args"]) for row in rows if row.get("added_args") is not None} - known)
    flash = sorted({str(row["flash_attn"]) for row in rows if row.get("flash_attn") is not None})
    facts: dict[str, Any] = {
        "build": about.get("server_build"),
        "model": about.get("model_name"),
        "model_sha256": about.get("model_sha256"),
        **({} if identity else {"asked_with": "not recorded"}),
        "rotation": _rotations(identity, rows),
        **{key: value for key, value in identity.items() if key not in (*_NOT_FACTS, "model", "trim")},
        "flash_attn": flash or None,
        "added_args": [shareable(one) for one in added] or None,
        "gpu": list(gpus) or None,
        "architecture": (about.get("machine") or {}).get("architecture"),
        "pass": about.get("pass"),
        "repeat": about.get("repeat") or 1,
        "codeneedle": (about.get("versions") or {}).get("pytest-codeneedle"),
    }
    return {key: value if key == "added_args" else shareable(value) for key, value in facts.items()}


def _rotations(identity: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> str | None:
    """As it was asked for: by cell, else by the environment of the whole session."""
    asked = sorted({str(place_of(row).rotation) for row in rows})
    return identity.get("rotation") if asked in ([], ["default"]) else " and ".join(asked)


def _chosen(
    rows: Sequence[Mapping[str, Any]], repeat: int, reference: KVPair
) -> dict[Place, dict[str, list[Mapping[str, Any]]]]:
    """One row for each replicate of each function of each cell, and for each session that asked it.

    Of the reference also those of its further pass, where it has others of that function.
    Of several an answer counts before an ERROR, the packaged test's before another's, and then the last; an ERROR that
    a later session made good does not.
    """
    best = sorted(rows, key=lambda row: (session_of(row), row["outcome"] != ERROR, is_packaged(row)))
    cells: dict[Place, dict[str, list[Mapping[str, Any]]]] = {}
    for rotation in sorted({place_of(row).rotation for row in best}):
        every = rows_by_pair(best, (), View(sys.maxsize, rotation))
        for pair, items in every.items():
            shown = {row["function"] for row in items if place_of(row).replicate < repeat}
            for row in items:
                counts = pair == reference or place_of(row).replicate < repeat
                if counts and row["function"] in shown:
                    cells.setdefault(Place(pair, rotation), {}).setdefault(row["function"], []).append(row)
    return cells


def _cell(rows: Mapping[str, Sequence[Mapping[str, Any]]], repeat: int) -> StoredCell:
    answered = {name: [row for row in found if row["outcome"] != ERROR] for name, found in rows.items()}
    scored = {name: [row for row in found if place_of(row).replicate < repeat] for name, found in answered.items()}
    margins = {
        name: round(statistics.fmean(known), _MARGIN_DIGITS)
        for name, found in scored.items()
        if (known := [float(row["margin_mean"]) for row in found if row.get("margin_mean") is not None])
    }
    return StoredCell(
        matched={
            name: statistics.fmean(int(row["primary_matched"]) for row in found) if found else None
            for name, found in scored.items()
        },
        failed=frozenset(name for name, found in scored.items() if any(row["outcome"] != PASSED for row in found)),
        silent=frozenset(name for name, found in answered.items() if len(found) < len(rows[name])),
        passes={name: (len(of), len(rows[name])) for name, of in answered.items() if 0 < len(of) < len(rows[name])},
        margins=margins or None,
        log_rotation=_log_rotation([row for found in scored.values() for row in found]),
    )


def _log_rotation(rows: Sequence[Mapping[str, Any]]) -> tuple[int | None, int | None]:
    """The last row that says it: all servers of a cell were started alike."""
    k, v = (next((row[key] for row in reversed(rows) if row.get(key) is not None), None) for key in _LOGGED)
    return k, v
