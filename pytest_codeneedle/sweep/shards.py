"""A sweep in parts, for several machines: balanced over the types of K and of V, so that no part stands for a type.

A machine that asked one column would be told from the others by its V type, and its speed or its build would look like
what that type costs. Which part has which pair is an edge colouring: types of K and types of V are the nodes of a
bipartite graph, pairs are its edges, parts are the colours. No node has a colour twice before it has had all (König
1916), and parts differ in size by one at most (de Werra 1971): a Latin square, for any pairs and any number of parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.kv_types import in_grid_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_codeneedle.core.kv_types import KVPair

    #: A type on its side, K or V, and which of its turns: each has every part once at most.
    Node = tuple[str, str, int]


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count`, counted from 1: printed and written as `3/8`."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, pairs: Iterable[KVPair]) -> tuple[KVPair, ...]:
        """Its pairs in grid order; all shards together are all pairs, none twice.

        Each type of K, and of V, is in all shards equally often, or once more in some. It does not matter in which
        order the pairs are given.
        """
        in_order = in_grid_order(pairs)
        parts = _Parts(in_order, self.count).of_pair
        return tuple(pair for pair in in_order if parts[pair] == self.number - 1)

    def of_older_version(self, pairs: Sequence[KVPair]) -> tuple[KVPair, ...]:
        """What it was before: every `count`-th pair, from the `number`-th on."""
        return tuple(pairs[self.number - 1 :: self.count])


def with_reference(pairs: Iterable[KVPair], reference: KVPair) -> tuple[KVPair, ...]:
    """The pairs in grid order, with the reference: what a machine asks is held against its own."""
    return tuple(in_grid_order((*pairs, reference)))


def parse_shard(text: str, pairs: Sequence[KVPair]) -> Shard:
    """`3/8` -> Shard; raises ConfigurationError for what is none, and for one that would get none of the pairs."""
    number, _, count = (part.strip() for part in text.partition("/"))
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        msg = f"--kv-shard {text!r} is not a part of a whole; write 3/8 for the third of eight"
        raise ConfigurationError(msg)
    shard = Shard(int(number), int(count))
    if shard.count > len(pairs):
        msg = f"--kv-shard {text}: there are only {len(pairs)} pairs; give at most {len(pairs)} shards"
        raise ConfigurationError(msg)
    return shard


class _Parts:
    """`of_pair`: pair -> which of `count` parts has it, from 0."""

    def __init__(self, pairs: Sequence[KVPair], count: int) -> None:
        self.of_pair: dict[KVPair, int] = {}
        self._count = count
        self._at: dict[Node, dict[int, KVPair]] = {}
        self._nodes: dict[KVPair, tuple[Node, Node]] = {}
        seen: dict[tuple[str, str], int] = {}
        for pair in pairs:
            nodes = []
            for side in (("K", pair.ctk), ("V", pair.ctv)):
                nodes.append((*side, seen.get(side, 0) // count))
                seen[side] = seen.get(side, 0) + 1
            self._nodes[pair] = (nodes[0], nodes[1])
        for pair in pairs:
            self._add(pair)
        self._even_out()

    def _add(self, pair: KVPair) -> None:
        """Give it a part that neither its K nor its V has yet; of several the smallest."""
        k, v = (self._at.setdefault(node, {}) for node in self._nodes[pair])
        for_k, for_v = (sorted(set(range(self._count)) - set(taken), key=self._size) for taken in (k, v))
        both = [part for part in for_k if part in for_v]
        if not both:  # what the two parts have in turn from V on ends before K: there they change places
            self._swap(self._nodes[pair][1], for_k[0], for_v[0])
            both = for_k[:1]
        self._put(pair, both[0])

    def _size(self, part: int) -> tuple[int, int]:
        return sum(one == part for one in self.of_pair.values()), part

    def _put(self, pair: KVPair, part: int) -> None:
        self.of_pair[pair] = part
        for node in self._nodes[pair]:
            self._at[node][part] = pair

    def _chain(self, start: Node, first: int, second: int) -> list[KVPair]:
        """The pairs from that node on which are in these two parts in turn."""
        found: list[KVPair] = []
        node, part = start, first
        while (pair := self._at[node].get(part)) is not None:
            found.append(pair)
            one, other = self._nodes[pair]
            node, part = (other if node == one else one), (second if part == first else first)
        return found

    def _swap(self, start: Node, first: int, second: int) -> None:
        """Let the two parts change places in the chain from there."""
        chain = self._chain(start, first, second)
        for pair in chain:
            for node in self._nodes[pair]:
                self._at[node].pop(self.of_pair[pair], None)
        for pair in chain:
            self._put(pair, second if self.of_pair[pair] == first else first)

    def _even_out(self) -> None:
        """Move pairs from the largest part to the smallest, a chain at a time."""
        while True:
            *_, largest = by_size = sorted(range(self._count), key=self._size)
            smallest = by_size[0]
            if self._size(largest)[0] - self._size(smallest)[0] <= 1:
                return
            self._swap(next(self._longer_chains(largest, smallest)), largest, smallest)

    def _longer_chains(self, largest: int, smallest: int) -> Iterator[Node]:
        """Where those begin that end in the largest part too, and so have one pair more of it."""
        for node, parts in self._at.items():
            if largest in parts and smallest not in parts and len(self._chain(node, largest, smallest)) % 2:
                yield node
