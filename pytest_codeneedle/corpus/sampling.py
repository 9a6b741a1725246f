"""Which functions of a corpus are asked for: a seeded sample over its whole length (design/recall.md)."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_codeneedle.corpus.functions.function import Function


def sample(
    functions: Sequence[Function],
    total_lines: int,
    *,
    k: int = 16,
    seed: int = 42,
    askable: Callable[[Function], bool] | None = None,
) -> list[Function]:
    """Pick `k` of `functions`, at least one from every k-th part of the corpus that has any.

    `functions` are distinct; `total_lines` is the number of newlines of the corpus text plus one, and `k`
    at least 1. With `k` functions or fewer all are taken, in the order given. Else one of each part comes
    first, in the order of the text, then as many others as are missing. The draws and their order are
    those of the public harness, so that both ask for the same functions. Those of them that are not `askable` keep
    their places in the list, and at its end as many others stand in for them as there are, by the same draws.
    """
    if len(functions) <= k:
        return list(functions)
    ordered = sorted(functions, key=lambda function: function.start_line)
    buckets: list[list[Function]] = [[] for _ in range(k)]
    for function in ordered:
        buckets[min(k - 1, function.start_line * k // total_lines)].append(function)
    generator = random.Random(seed)  # noqa: S311 - it has to be repeatable, not secret
    chosen = [generator.choice(bucket) for bucket in buckets if bucket]
    rest = [function for function in ordered if function not in chosen]
    generator.shuffle(rest)
    while len(chosen) < k:
        chosen.append(rest.pop())
    if askable is not None:
        left_out = sum(not askable(function) for function in chosen)
        chosen += itertools.islice((function for function in reversed(rest) if askable(function)), left_out)
    return chosen
