"""`--kv-quick`: the reference's row, its column and the diagonal, most telling first, until the answer is settled.

What is declared is settled in stages. There is one look after each of the first two, each contrast is tested on data
that no later stage adds to, and a trend once, on its whole row or column:

1. the reference, the smallest matched pair, and the smallest type on one side alone. Where these three are NOT WORSE,
   nothing is lost that could be a trend: none is tested, and none is claimed.
2. the rest of column and row. Settled where the matched pair is WORSE or NOT WORSE, and each side has a trend or its
   smallest type alone is NOT WORSE.
3. the rest of the diagonal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_codeneedle.core.kv_types import BITS, low_pair
from pytest_codeneedle.runs.pairing import paired, with_unpaired
from pytest_codeneedle.stats.missing import missing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.runs.grid import View
    from pytest_codeneedle.stats.by_type import Cells, Name

#: The stages after which there is a look.
LOOKS = (1, 2)


class Stages(NamedTuple):
    """The cells of each stage, the first in the order in which they are asked; the later ones may be shuffled."""

    first: tuple[KVPair, ...]
    second: tuple[KVPair, ...]
    third: tuple[KVPair, ...]

    @property
    def pairs(self) -> tuple[KVPair, ...]:
        """All of them."""
        return self.first + self.second + self.third


def stages(pairs: Sequence[KVPair], reference: KVPair) -> Stages:
    """Which of a grid's pairs are asked, and when; 16 of the default 36."""
    low = low_pair(pairs, reference)
    first = [reference, *([low] if low else []), *_extremes(pairs, reference).values()]
    row = [pair for pair in pairs if pair.ctk == reference.ctk]
    column = [pair for pair in pairs if pair.ctv == reference.ctv]
    diagonal = [pair for pair in pairs if pair.ctk == pair.ctv]
    found: list[tuple[KVPair, ...]] = []
    for stage in (first, column + row, diagonal):
        before = {pair for earlier in found for pair in earlier}
        found.append(tuple(pair for pair in dict.fromkeys(stage) if pair not in before))
    return Stages(*found)


def settled_by_rows(  # noqa: PLR0913 - as of `settled`, and which of the rows
    rows: Sequence[Mapping[str, Any]],
    pairs: Sequence[KVPair],
    reference: KVPair,
    stage: int,
    *,
    view: View,
    delta: float,
    lines: float | None = None,
) -> str | None:
    """What settles it in every way that a verdict takes; None where more has to be asked, or two ways differ.

    Missing answers are left out, and counted as lost; answers of a session without the reference's are left out, and
    held against other sessions' references.
    """
    figures, lacking = paired(rows, pairs, reference, view), missing(rows, reference, view)
    ways = [figures]
    if lacking.functions:
        ways.append(paired(lacking.counted_as_lost(rows), pairs, reference, view))
    if figures.unpaired:
        ways.append(with_unpaired(figures, rows, pairs, reference, view))
    reasons = {settled(way.cells, pairs, reference, stage, delta=delta, lines=lines) for way in ways}
    return reasons.pop() if len(reasons) == 1 else None


def settled(  # noqa: PLR0913 - a grid, a stage, and what its verdicts are held to
    cells: Cells,
    pairs: Sequence[KVPair],
    reference: KVPair,
    stage: int,
    *,
    delta: float,
    lines: float | None = None,
) -> str | None:
    """What settles it after that stage of `LOOKS`, in few words; None where more has to be asked.

    `cells` have the lines of each scored function, of `lines` that were asked for; those that were asked beyond that
    stage are not looked at.
    """
    # numpy and scipy are needed where something is decided, not where options are read.
    from pytest_codeneedle.stats.verdict import INCONCLUSIVE, NOT_WORSE, judge  # noqa: PLC0415

    def word(pair: KVPair) -> str:
        both = {one: cells[one] for one in (reference, pair) if one in cells}
        found = judge(both, reference, delta=delta, lines=lines, planned=(reference, pair)).cell(pair)
        return (found.verdict if found else None) or INCONCLUSIVE

    low, extremes = low_pair(pairs, reference), _extremes(pairs, reference)
    words = {pair: word(pair) for pair in (*([low] if low else []), *extremes.values())}
    if stage == LOOKS[0]:
        return f"{', '.join(map(str, words))} NOT WORSE" if set(words.values()) == {NOT_WORSE} else None
    if not words or (low and words[low] == INCONCLUSIVE):
        return None
    said = [f"{low} {words[low]}"] if low else []
    for name, pair in extremes.items():
        if words[pair] == NOT_WORSE:
            said.append(f"{pair} NOT WORSE")
        elif _has_trend(cells, reference, name):
            said.append(f"a trend over {name}")
        else:
            return None
    return ", ".join(said)


def _extremes(pairs: Sequence[KVPair], reference: KVPair) -> dict[Name, KVPair]:
    """The smallest type of K beside the reference's V, and the other way round; without a side of one type."""
    of_k = [pair for pair in pairs if pair.ctv == reference.ctv]
    of_v = [pair for pair in pairs if pair.ctk == reference.ctk]
    found: dict[Name, KVPair] = {
        "K": min(of_k, key=lambda pair: BITS[pair.ctk]),
        "V": min(of_v, key=lambda pair: BITS[pair.ctv]),
    }
    return {name: pair for name, pair in found.items() if pair != reference}


def _has_trend(cells: Cells, reference: KVPair, name: Name) -> bool:
    """Over this side, in the column or row of the reference alone."""
    from pytest_codeneedle.stats.by_type import side  # noqa: PLC0415 - as above

    line = {
        pair: values
        for pair, values in cells.items()
        if (pair.ctv == reference.ctv if name == "K" else pair.ctk == reference.ctk)
    }
    return side(line, name, reference).trend.verdict == "trend"
