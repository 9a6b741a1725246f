"""Which cells a sweep has and in which order they are asked, and what one is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_codeneedle.core.kv_types import KVPair, parse_pair, shuffled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


#: How a server was asked to treat the Hadamard rotation of quantized caches; `default` leaves the environment as it is.
Rotation = Literal["default", "on", "off"]

#: The values of `--kv-rotation`, and what each cell is asked with.
ROTATIONS: Mapping[str, tuple[Rotation, ...]] = {
    "default": ("default",),
    "on": ("on",),
    "off": ("off",),
    "both": ("on", "off"),
}
#: What stands behind a pair: the rotation where it was asked for, the pass from the second on.
_NAME = re.compile(r"(?P<pair>.+?)(?::rot-(?P<rotation>on|off))?(?:#(?P<number>[2-9]|[1-9]\d+))?")
PASSED, FAILED, ERROR = "passed", "failed", "error"


class Place(NamedTuple):
    """A cell within its corpus; `replicate` counts the passes over it from 0."""

    pair: KVPair
    rotation: Rotation = "default"
    replicate: int = 0

    @property
    def suffix(self) -> str:
        """What tells it from the first pass over its pair: `:rot-off#2`; mostly nothing."""
        rotation = "" if self.rotation == "default" else f":rot-{self.rotation}"
        return rotation + (f"#{self.replicate + 1}" if self.replicate else "")

    def __str__(self) -> str:
        """`q8_0/q4_0`, `q8_0/q4_0#2` for its second pass, `q8_0/q4_0:rot-off` where the rotation was asked for."""
        return f"{self.pair}{self.suffix}"


def parse_place(text: str) -> Place:
    """`q8_0/q4_0:rot-off#2` -> Place; raises CacheTypeError."""
    found = _NAME.fullmatch(text)
    if found is None:
        return Place(parse_pair(text))
    rotation: Rotation = "on" if found["rotation"] == "on" else "off" if found["rotation"] == "off" else "default"
    return Place(parse_pair(found["pair"]), rotation, int(found["number"] or 1) - 1)


def place_of(row: Mapping[str, object]) -> Place:
    """The cell of a result row; rows of older runs have no rotation."""
    replicate = row.get("replicate") or 0
    rotation = row.get("rotation")
    return Place(
        KVPair(str(row["ctk"]), str(row["ctv"])),
        "on" if rotation == "on" else "off" if rotation == "off" else "default",
        replicate if isinstance(replicate, int) else 0,
    )


def ordered(
    pairs: Sequence[KVPair],
    rotations: Sequence[Rotation] = ("default",),
    repeat: int = 1,
    seed: int | None = None,
) -> list[Place]:
    """`repeat` passes over all pairs with all rotations, each pass in an order of its own from the seed.

    Without a seed each pass is in the order of the pairs.
    """
    every = [(pair, rotation) for pair in pairs for rotation in rotations]
    return [
        Place(pair, rotation, replicate)
        for replicate in range(repeat)
        for pair, rotation in (every if seed is None else shuffled(every, seed + replicate))
    ]


def calibrated(places: Sequence[Place], reference: KVPair, repeat: int = 1) -> tuple[list[Place], list[Place]]:
    """(the first passes over the reference, all other cells in order): the reference is asked first and last.

    The last is its last pass, for one pass a further one, which is in no grid. Where the reference is not among the
    cells, or there is no other, nothing is asked once more.
    """
    first = [place for place in places if place.pair == reference and place.replicate == 0]
    if not first or all(place.pair == reference for place in places):
        return first, [place for place in places if place not in first]
    last = [place._replace(replicate=max(1, repeat - 1)) for place in first]
    return first, [*(place for place in places if place not in first and place not in last), *last]


@dataclass(frozen=True)
class Cell:
    """A server that is asked about a corpus: its pair of cache types, its rotation.

    `corpus` is its name; `replicate` counts the passes over the same cell (`--kv-repeat`) from 0.
    """

    corpus: str
    pair: KVPair
    replicate: int = 0
    rotation: Rotation = "default"

    @property
    def place(self) -> Place:
        """The cell within its corpus, which is how it is called."""
        return Place(self.pair, self.rotation, self.replicate)


@dataclass(frozen=True)
class Ask:
    """One test item: a function in a cell.

    As a parameter it differs in every item, so that pytest groups items by cell and by nothing else.
    """

    cell: Cell
    function: str
