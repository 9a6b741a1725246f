"""Generated corpora: the same knobs give the same bytes, and each knob does what it says."""

from __future__ import annotations

import ast
import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.corpus.random_bodies import KINDS, MAX_FUNCTIONS, RandomBodies, lexicon

WORDS = frozenset(lexicon().words)
LINE = re.compile(r'    ([a-z]{8}) = "([a-z]+)"')

knobs = st.builds(
    RandomBodies,
    functions=st.integers(1, 12),
    value_len=st.integers(1, 60),
    seed=st.integers(0, 2**32),
    body_lines=st.integers(1, 30),
)


def parsed(text: str) -> list[ast.FunctionDef]:
    """The functions at the top of a generated text, which holds nothing else."""
    tree = ast.parse(text)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert tree.body == functions
    return functions


@pytest.mark.parametrize(
    ("wanted", "size", "sha256"),
    [
        (RandomBodies(), 205_998, "72a8ac563cc04aa10eadd8da6a087f31824884472e7f72c18bff86cfb094cade"),
        (
            RandomBodies(functions=10, body_lines=20),
            8_618,
            "7be623e550c980ae52e8c318069acbfa07f8c13e1d0b2c819dd8187dac018983",
        ),
    ],
    ids=["random-bodies", "random-bodies-mini"],
)
def test_the_shipped_corpora_are_byte_identical_everywhere(wanted: RandomBodies, size: int, sha256: str) -> None:
    """Results can be compared only if every Python on every machine writes these very bytes."""
    data = wanted.text().encode("ascii")

    assert size == len(data)
    assert sha256 == hashlib.sha256(data).hexdigest()


def test_the_defaults_are_those_of_the_published_corpus() -> None:
    """200 functions, values of 24 characters, seed 42."""
    assert RandomBodies(functions=200, value_len=24, seed=42, body_lines=24) == RandomBodies()
    assert {"random-bodies": RandomBodies} == KINDS


@settings(max_examples=40)
@given(knobs)
def test_every_knob_is_respected(wanted: RandomBodies) -> None:
    """So many functions of so many lines, each value so long; names, all different, say nothing."""
    functions = parsed(wanted.text())

    assert wanted.functions == len(functions)
    assert wanted.functions == len({function.name for function in functions})
    assert {wanted.body_lines} == {len(function.body) for function in functions}
    values = [line.value for function in functions for line in function.body if isinstance(line, ast.Assign)]
    literals = [value.value for value in values if isinstance(value, ast.Constant)]
    assert wanted.functions * wanted.body_lines == len(literals)
    assert {wanted.value_len} == {len(str(literal)) for literal in literals}


@settings(max_examples=40)
@given(knobs)
def test_every_line_is_of_one_form(wanted: RandomBodies) -> None:
    """Two blank lines lie between functions; a line is a word bound to a string of words cut to its length."""
    text = wanted.text()

    for part in text.removesuffix("\n").split("\n\n\n"):
        header, *body = part.split("\n")
        assert re.fullmatch(r"def [a-z]{12}\(\):", header)
        for line in body:
            found = LINE.fullmatch(line)
            assert found is not None
            word, literal = found.groups()
            assert word in WORDS
            whole = [literal[at : at + 8] for at in range(0, len(literal) - 7, 8)]
            assert set(whole) <= WORDS


@settings(max_examples=20)
@given(knobs)
def test_the_same_knobs_give_the_same_text(wanted: RandomBodies) -> None:
    """Two equal values generate equal texts: nothing else goes in."""
    again = RandomBodies(wanted.functions, wanted.value_len, wanted.seed, wanted.body_lines)

    assert wanted.text() == again.text()


def test_another_seed_gives_another_text() -> None:
    """Neither names nor lines are shared by chance."""
    one, other = (RandomBodies(functions=3, seed=seed).text() for seed in (1, 2))

    assert set() == {f.name for f in parsed(one)} & {f.name for f in parsed(other)}
    assert {""} == set(one.split("\n")) & set(other.split("\n"))


def test_more_functions_have_distinct_names() -> None:
    """A name that is drawn twice is not used twice."""
    wanted = RandomBodies(functions=2500, value_len=1, body_lines=1, seed=0)

    assert 2500 == len(set(re.findall(r"def (\w+)", wanted.text())))


@pytest.mark.parametrize(
    ("knob", "value", "high"),
    [
        ("functions", 0, MAX_FUNCTIONS),
        ("functions", -1, MAX_FUNCTIONS),
        ("functions", MAX_FUNCTIONS + 1, MAX_FUNCTIONS),
        ("value_len", 0, 10_000),
        ("value_len", 10_001, 10_000),
        ("body_lines", 0, 10_000),
        ("body_lines", 10_001, 10_000),
    ],
)
def test_a_knob_out_of_range_is_named_with_its_range(knob: str, value: int, high: int) -> None:
    """The message holds the knob, its value, and what it may be."""
    reason = f"random-bodies: {knob} = {value} is out of range; give a number from 1 to {high}"

    with pytest.raises(CorpusError, match=f"^{re.escape(reason)}$"):
        RandomBodies(**{knob: value})


@pytest.mark.parametrize("knob", ["value_len", "body_lines"])
def test_the_ends_of_a_range_belong_to_it(knob: str) -> None:
    """The smallest and the largest number are taken."""
    for value in (1, 10_000):
        wanted = RandomBodies(**{"functions": 1, "value_len": 1, "body_lines": 1, knob: value})
        _, *body = wanted.text().splitlines()
        assert wanted.body_lines == len(body)
        assert {wanted.value_len} == {len(line.split('"')[1]) for line in body}


def test_as_many_functions_as_there_are_names_can_be_asked_for() -> None:
    """The limit is the number of names: a word and a first half."""
    assert 62 * 64 * 62 == MAX_FUNCTIONS
    assert MAX_FUNCTIONS == RandomBodies(functions=MAX_FUNCTIONS).functions
