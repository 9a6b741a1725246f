"""The sample: laws that hold for any corpus, and the draws that the public harness makes."""

from __future__ import annotations

import http.server
import importlib.resources
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.corpus.functions.extraction import extract
from pytest_codeneedle.corpus.functions.function import Function
from pytest_codeneedle.corpus.sampling import sample

TOTAL_LINES = 500

counts = st.integers(1, 20)
seeds = st.integers(0, 2**32)
corpora = st.lists(st.integers(1, TOTAL_LINES), max_size=60, unique=True).map(
    lambda starts: [function_at(start) for start in starts]
)


def function_at(start_line: int) -> Function:
    """A function named after the line that it starts on."""
    return Function(f"f{start_line}", start_line, ("pass",), "python", "demo.py", start_line - 1)


def bucket(function: Function, k: int) -> int:
    """The k-th part of the corpus that `function` starts in."""
    return min(k - 1, function.start_line * k // TOTAL_LINES)


@given(corpora, counts, seeds)
def test_a_sample_is_part_of_the_corpus(functions: list[Function], k: int, seed: int) -> None:
    """It has `k` functions, or all if there are fewer, and none twice."""
    chosen = sample(functions, TOTAL_LINES, k=k, seed=seed)

    assert min(k, len(functions)) == len(chosen)
    assert len(chosen) == len(set(chosen))
    assert set(chosen) <= set(functions)


@given(corpora, counts, seeds)
def test_every_part_of_the_corpus_is_asked_for(functions: list[Function], k: int, seed: int) -> None:
    """Each k-th part that has functions gives at least one."""
    chosen = sample(functions, TOTAL_LINES, k=k, seed=seed)

    assert {bucket(function, k) for function in functions} == {bucket(function, k) for function in chosen}


@given(corpora, counts, seeds)
def test_the_parts_come_first_and_in_order(functions: list[Function], k: int, seed: int) -> None:
    """One function of each part comes in the order of the text, before the others that fill up."""
    parts = sorted({bucket(function, k) for function in functions})
    if len(functions) > k:
        chosen = sample(functions, TOTAL_LINES, k=k, seed=seed)

        assert parts == [bucket(function, k) for function in chosen[: len(parts)]]


@given(corpora, counts, seeds, st.sets(st.integers(1, TOTAL_LINES)))
def test_others_stand_in_for_those_that_cannot_be_asked(
    functions: list[Function], k: int, seed: int, copies: set[int]
) -> None:
    """The sample itself stays as it is; behind it as many askable ones as are missing, or all that there are."""
    there = [function for function in functions if function.start_line not in copies]
    plain = sample(functions, TOTAL_LINES, k=k, seed=seed)
    topped_up = sample(functions, TOTAL_LINES, k=k, seed=seed, askable=lambda one: one in there)

    assert plain == topped_up[: len(plain)]
    assert min(k, len(there)) == sum(function in there for function in topped_up)
    assert set(topped_up[len(plain) :]) <= set(there) - set(plain)


@given(st.data(), corpora, counts, seeds)
def test_a_sample_is_repeatable(data: st.DataObject, functions: list[Function], k: int, seed: int) -> None:
    """The same seed draws the same, in whatever order the functions come, and changes none of them."""
    given_order = list(functions)
    shuffled = data.draw(st.permutations(functions))

    chosen = sample(functions, TOTAL_LINES, k=k, seed=seed)

    assert chosen == sample(functions, TOTAL_LINES, k=k, seed=seed)
    if len(functions) > k:
        assert chosen == sample(shuffled, TOTAL_LINES, k=k, seed=seed)
    assert given_order == functions


@given(corpora)
def test_few_functions_are_all_taken_in_their_order(functions: list[Function]) -> None:
    """With no more functions than are asked for, nothing is drawn or sorted."""
    assert functions == sample(functions, TOTAL_LINES, k=len(functions))
    assert functions == sample(functions, TOTAL_LINES, k=len(functions) + 1)


def test_other_seeds_draw_other_functions() -> None:
    """The seed decides which functions are asked for."""
    functions = [function_at(line) for line in range(1, TOTAL_LINES)]

    assert sample(functions, TOTAL_LINES, seed=1) != sample(functions, TOTAL_LINES, seed=2)


def test_a_function_on_the_last_line_falls_into_the_last_part() -> None:
    """The bucket of a start line that equals the number of lines is the last one, not one past it."""
    functions = [function_at(TOTAL_LINES), function_at(1), function_at(2)]

    assert TOTAL_LINES == sample(functions, TOTAL_LINES, k=2)[1].start_line


def test_the_draw_that_fills_up() -> None:
    """Where parts are empty, the others are drawn as the public harness draws them: this is its result."""
    functions = [function_at(line) for line in (30, 5, 10, 15, 20, 25, 35, 40, 390, 395)]

    chosen = sample(functions, 400, k=6, seed=42)

    assert [10, 390, 30, 15, 40, 35] == [function.start_line for function in chosen]


def test_the_published_draw_from_jquery() -> None:
    """By default the 16 functions are those that the public harness asks for, in its order."""
    package = pytest.importorskip("xstatic.pkg.jquery")
    text = importlib.resources.files(package).joinpath("data/jquery.js").read_text(encoding="utf-8")

    chosen = sample(extract(text, "javascript", source="jquery.js"), text.count("\n") + 1)

    names = (
        "DOMEval find PSEUDO matcherFromGroupMatchers init then dataAttr buildFragment domManip "
        "boxModelAdjustment defaultPrefilter propFilter val ajaxConvert done parseHTML"
    )
    assert names.split() == [function.name for function in chosen]


def test_http_server_is_taken_whole() -> None:
    """Python's own http/server.py has fewer functions than are asked for."""
    text = Path(http.server.__file__).read_text(encoding="utf-8")
    functions = extract(text, "python", source="server.py")

    assert functions == sample(functions, text.count("\n") + 1)
    assert 16 >= len(functions)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the known number is that of Python 3.11")
def test_http_server_has_its_known_number_of_functions() -> None:
    """The public harness finds 11 functions in http/server.py."""
    text = Path(http.server.__file__).read_text(encoding="utf-8")

    assert 11 == len(extract(text, "python", source="server.py"))
