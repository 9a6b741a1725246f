"""What control models have to show beside the lines of each cell: the order of the types, the loss, the flat side."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, KVPair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

#: Of 20 lines: what the reference recalls at least, what q4_0 loses at least, how far a flat side may spread.
REFERENCE_LINES = 19.5
LOST_LINES = 5.0
FLAT_LINES = 1.0


@dataclass(frozen=True)
class Check:
    """One of them: of which model, what should be, what was measured (`err` without an answer), whether it holds."""

    model: str
    name: str
    got: str
    held: bool

    def facts(self) -> dict[str, Any]:
        """Plain, for JSON."""
        return asdict(self)


def checks(model: str, falls: tuple[bool, bool], means: Mapping[KVPair, float | None]) -> tuple[Check, ...]:
    """Those of one model, whose recall `falls` over K, over V. `means` are its cells', None without an answer.

    A check whose cells were not all asked is left out.
    """
    return tuple(_checks(model, falls, means))


def _checks(model: str, falls: tuple[bool, bool], means: Mapping[KVPair, float | None]) -> Iterator[Check]:
    reference = KVPair("bf16", "bf16")
    yield from _check(model, f"{reference}: {REFERENCE_LINES:g} lines or more", means, [reference], _high)
    sides = {
        "K": [KVPair(name, "bf16") for name in DEFAULT_TYPES],
        "V": [KVPair("bf16", name) for name in DEFAULT_TYPES],
    }
    for (side, pairs), does in zip(sides.items(), falls, strict=True):
        if does:
            yield from _check(model, f"over {side}: q8_0 > mean of q5 > mean of q4", means, pairs[1:], _in_order)
            ends = [pairs[0], pairs[-1]]
            yield from _check(model, f"over {side}: bf16 - q4_0 is {LOST_LINES:g} lines or more", means, ends, _lost)
        else:
            yield from _check(model, f"over {side}: flat within {FLAT_LINES:g} line", means, pairs, _flat)


def _check(
    model: str,
    name: str,
    means: Mapping[KVPair, float | None],
    pairs: Sequence[KVPair],
    judge: Callable[[Sequence[float]], tuple[str, bool]],
) -> Iterator[Check]:
    if all(pair in means for pair in pairs):
        found = [mean for pair in pairs if (mean := means[pair]) is not None]
        yield Check(model, name, *(judge(found) if len(found) == len(pairs) else ("err", False)))


def _high(lines: Sequence[float]) -> tuple[str, bool]:
    (mean,) = lines
    return f"{mean:.2f}", mean >= REFERENCE_LINES


def _in_order(lines: Sequence[float]) -> tuple[str, bool]:
    """Of q8_0, the two q5 types and the two q4 types."""
    eight, five, four = lines[0], statistics.fmean(lines[1:3]), statistics.fmean(lines[3:])
    return f"{eight:.2f}, {five:.2f}, {four:.2f}", eight > five > four


def _lost(lines: Sequence[float]) -> tuple[str, bool]:
    high, low = lines
    return f"{high - low:.2f}", high - low >= LOST_LINES


def _flat(lines: Sequence[float]) -> tuple[str, bool]:
    spread = max(lines) - min(lines)
    return f"{spread:.2f}", spread <= FLAT_LINES
