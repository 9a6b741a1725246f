"""--kv-functions N."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.corpus.corpus import load_corpus

if TYPE_CHECKING:
    from .lab import Lab

PAIR = ("--kv-pairs", "q8_0/q4_0")


def test_number(lab: Lab) -> None:
    """N functions are asked for: those of the stratified sample."""
    lab.corpus("many", functions=30, k=5)
    corpus = load_corpus("many", lab.path)
    for given, size in (((), 5), (("--kv-functions", "3"), 3), (("--kv-functions", "99"), 30)):
        ids = lab.ids(*PAIR, *given, corpus="many")
        names = [name.partition("q8_0/q4_0-")[2].removesuffix("]") for name in ids]
        assert size == len(names)
        assert {function.name for function in corpus.sample(size)} == set(names)


@pytest.mark.parametrize("value", ["0", "-1"])
def test_out_of_range(lab: Lab, value: str) -> None:
    """No function is too few."""
    assert f"--kv-functions (ini: kv_functions) = {value} is out of range" in lab.refused(f"--kv-functions={value}")
