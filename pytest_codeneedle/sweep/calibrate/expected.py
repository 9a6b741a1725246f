"""What the control models recall at each pair, as it should be and as it was measured: compared, and said.

A grid here is a cross: every K type with V at bf16, and every V type with K at bf16.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, KVPair, is_quantized
from pytest_codeneedle.sweep.calibrate.checks import checks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.stats.trend import Trend
    from pytest_codeneedle.sweep.calibrate.checks import Check

REFERENCE = KVPair("bf16", "bf16")
#: The cross, most precise first: 11 pairs.
PAIRS = (
    REFERENCE,
    *(KVPair(name, "bf16") for name in DEFAULT_TYPES[1:]),
    *(KVPair("bf16", name) for name in DEFAULT_TYPES[1:]),
)
#: On which side recall falls: control model -> (over K, over V).
TRENDS = {"robust": (False, False), "fragile-k": (True, False), "fragile-v": (False, True)}

#: In lines, for the mean of a cell: where nothing or next to nothing is lost, no word's rounding is a near thing.
CLOSE_LINES = 0.5
_CLOSE_TYPES = frozenset(("bf16", "q8_0"))

REPRODUCED = ("this build and device reproduce the expected grids: what it shows of your model can be believed",)


@dataclass(frozen=True)
class Expected:
    """The grids that ship: `lines[model][pair]` are of `functions`, in their order, of `asked_lines` each.

    `tolerance` is in lines, for the mean of a cell (see `tolerance_of`); `corpus_sha256` and `revisions` are of
    what was asked; `measured_with` is the build.
    """

    corpus: str
    corpus_sha256: str
    revisions: Mapping[str, int]
    functions: tuple[str, ...]
    asked_lines: int
    tolerance: float
    measured_with: str
    lines: Mapping[str, Mapping[KVPair, tuple[float, ...]]]

    def mean(self, model: str, pair: KVPair, functions: Sequence[str]) -> float:
        """The mean over some of the functions."""
        of_function = dict(zip(self.functions, self.lines[model][pair], strict=True))
        return statistics.fmean(of_function[name] for name in functions)

    def tolerance_of(self, model: str, pair: KVPair) -> float:
        """That of one cell: half a line at most for bf16 and q8_0, and for the model that loses nothing."""
        close = model == "robust" or {pair.ctk, pair.ctv} <= _CLOSE_TYPES
        return min(self.tolerance, CLOSE_LINES) if close else self.tolerance

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Expected:
        """From what `facts` gave."""
        models = stored["models"]
        return cls(
            stored["corpus"],
            stored["corpus_sha256"],
            {name: model["revision"] for name, model in models.items()},
            tuple(stored["functions"]),
            stored["asked_lines"],
            stored["tolerance"],
            stored["measured_with"],
            {
                name: {KVPair(*pair.split("/")): tuple(lines) for pair, lines in model["cells"].items()}
                for name, model in models.items()
            },
        )

    def facts(self) -> dict[str, Any]:
        """Plain, to be stored."""
        return {
            "corpus": self.corpus,
            "corpus_sha256": self.corpus_sha256,
            "functions": list(self.functions),
            "asked_lines": self.asked_lines,
            "tolerance": self.tolerance,
            "measured_with": self.measured_with,
            "models": {
                name: {
                    "revision": self.revisions[name],
                    "cells": {str(pair): list(lines) for pair, lines in cells.items()},
                }
                for name, cells in self.lines.items()
            },
        }


@dataclass(frozen=True)
class Measured:
    """One cell as it was measured: lines of each function, or `problem` where there is no answer.

    `unrotated` says that a cache is quantized and that the log does not show it rotated; `fallbacks` are the log's
    lines about a kernel that is missing.
    """

    model: str
    pair: KVPair
    lines: Mapping[str, float]
    problem: str | None = None
    unrotated: bool = False
    fallbacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compared:
    """One cell against what is expected of it. `got` is None where there is no answer."""

    measured: Measured
    expected: float
    tolerance: float

    @property
    def got(self) -> float | None:
        """The mean over the functions."""
        return statistics.fmean(self.measured.lines.values()) if self.measured.lines else None

    @property
    def reproduced(self) -> bool:
        """Whether it is within the tolerance."""
        return self.got is not None and abs(self.got - self.expected) <= self.tolerance

    @property
    def name(self) -> str:
        """The model and the pair."""
        return f"{self.measured.model} {self.measured.pair}"


@dataclass(frozen=True)
class Calibration:
    """All cells compared, and the trends: model -> over K, over V."""

    cells: tuple[Compared, ...]
    trends: Mapping[str, tuple[Trend, Trend]]

    @property
    def off(self) -> tuple[Compared, ...]:
        """The cells that are not reproduced."""
        return tuple(cell for cell in self.cells if not cell.reproduced)

    @property
    def wrong_trends(self) -> tuple[str, ...]:
        """The models that have a trend on a side where there is none, or none where there is one."""
        return tuple(model for model in self.trends if self.falls(model) != TRENDS[model])

    @property
    def checks(self) -> tuple[Check, ...]:
        """The order of the types, the loss, the flat side: of each model."""
        means: dict[str, dict[KVPair, float | None]] = {model: {} for model in TRENDS}
        for cell in self.cells:
            means[cell.measured.model][cell.measured.pair] = cell.got
        return tuple(check for model, falls in TRENDS.items() for check in checks(model, falls, means[model]))

    @property
    def broken(self) -> tuple[Check, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.held)

    @property
    def reproduced(self) -> bool:
        """Whether everything is as expected."""
        return not self.off and not self.broken and not self.wrong_trends

    def falls(self, model: str) -> tuple[bool, bool]:
        """Whether its recall falls significantly, over K and over V."""
        over_k, over_v = self.trends[model]
        return over_k.verdict == "trend", over_v.verdict == "trend"

    def facts(self) -> dict[str, Any]:
        """Plain, for JSON."""
        return {
            "reproduced": self.reproduced,
            "cells": [
                {
                    "model": cell.measured.model,
                    "pair": str(cell.measured.pair),
                    "expected": round(cell.expected, 4),
                    "tolerance": cell.tolerance,
                    "got": None if cell.got is None else round(cell.got, 4),
                    "reproduced": cell.reproduced,
                    "lines": dict(cell.measured.lines),
                    "problem": cell.measured.problem,
                    "unrotated": cell.measured.unrotated,
                    "fallbacks": list(cell.measured.fallbacks),
                }
                for cell in self.cells
            ],
            "trends": {
                model: {"k": over_k.facts(), "v": over_v.facts(), "reproduced": model not in self.wrong_trends}
                for model, (over_k, over_v) in self.trends.items()
            },
            "checks": [check.facts() for check in self.checks],
            "verdict": verdict(self),
        }


def table(calibration: Calibration) -> list[str]:
    """A line for each cell, then one for each check, and one for each model's trends."""
    cells = [
        [
            cell.measured.model,
            str(cell.measured.pair),
            f"{cell.expected:.2f} +- {cell.tolerance:.2f}",
            "err" if cell.got is None else f"{cell.got:.2f}",
            _ok(cell.reproduced),
        ]
        for cell in calibration.cells
    ]
    held = [[check.model, check.name, check.got, _ok(check.held)] for check in calibration.checks]
    trends = [
        [
            model,
            *("falls" if falls else "no trend" for falls in calibration.falls(model)),
            _ok(model not in calibration.wrong_trends),
        ]
        for model in calibration.trends
    ]
    return [
        *_aligned([["model", "pair", "expected lines", "got", ""], *cells], right=(2, 3)),
        "",
        *_aligned([["model", "check", "got", ""], *held], right=(2,)),
        "",
        *_aligned([["model", "over K", "over V", ""], *trends]),
    ]


def _aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Columns as wide as their longest text, two spaces between them; those in `right` end together."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if at in right else text.ljust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _ok(fine: bool) -> str:  # noqa: FBT001 - the one thing that it is about
    return "ok" if fine else "OFF"


def verdict(calibration: Calibration) -> list[str]:
    """What it means: one sentence where all is well, else what is off and what to make of it."""
    if calibration.reproduced:
        return list(REPRODUCED)
    off, said = calibration.off, []
    if off:
        said.append(f"{len(off)} of {len(calibration.cells)} cells are OFF: {', '.join(cell.name for cell in off)}")
    if calibration.broken:
        said.append("checks are OFF: " + "; ".join(f"{check.model} {check.name}" for check in calibration.broken))
    if calibration.wrong_trends:
        said.append(f"trends are not on the side where they should be: {', '.join(calibration.wrong_trends)}")
    said += dict.fromkeys(f"{cell.name}: {cell.measured.problem}" for cell in off if cell.measured.problem)
    said += dict.fromkeys(line for cell in off for line in cell.measured.fallbacks)
    unexplained = [cell for cell in off if not cell.measured.unrotated]
    if any(cell.measured.unrotated for cell in off or calibration.cells):
        # An older build is no broken one, but what it shows is of another cache: nothing else is to be made of that.
        said.append(
            "the log shows no rotation of quantized caches (LLAMA_ATTN_ROT_DISABLE is set, or the build is older than "
            "it), and the expected grids are of rotated ones: hold what this build shows of your model against no "
            "grid of a build that rotates"
        )
        if not unexplained:
            return said
    if any(cell.got is not None and cell.got > cell.expected for cell in unexplained):
        said.append("where more lines came than expected, the cache is finer than its type says, or rounds otherwise")
    if any(cell.got is not None and cell.got < cell.expected for cell in unexplained):
        said.append("where lines are missing, this build or device loses what the type's rounding does not explain")
    return [*said, "until that is settled, do not believe what this build and device show of your model"]


def is_unrotated(pair: KVPair, rotated: tuple[int | None, int | None]) -> bool:
    """Whether a quantized side is not rotated, as far as the log's numbers for K and V tell (0 is off)."""
    return any(is_quantized(name) and not number for name, number in zip((pair.ctk, pair.ctv), rotated, strict=True))
