"""The log-probability margin of each token on the expected text, and what a row says of them."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.recall.logprob_margins import (
    LEAST_TOLD,
    Margin,
    margin_facts,
    margins,
    percentile,
    read,
    under,
    written,
)
from pytest_codeneedle.recall.scoring import score
from pytest_codeneedle.recall.token_probs import Other, Token

if TYPE_CHECKING:
    import random

PRIMARY = ("    a = 1", "    if a:", "        b = 2", "    return b")
TEXT = "\n".join(PRIMARY)
LINES = st.sampled_from(["a = 1", "  a = 1", "b", "}", "", "é = 'ö'", "return", "\tb"])


def tokens(*pieces: str | bytes, others: dict[int, list[tuple[str, float]]] | None = None) -> list[Token]:
    """Tokens one behind the other, each at -0.5 and 1.5 above a token that goes on with nothing; `others` by number."""
    made, at = [], 0
    for number, piece in enumerate(pieces):
        data = piece if isinstance(piece, bytes) else piece.encode()
        listed = (others or {}).get(number, [("?", -2.0)])
        found = tuple(Other(text.encode(), logprob) for text, logprob in listed)
        made.append(Token(at, at + len(data), -0.5, found))
        at += len(data)
    return made


def cut(text: str, chance: random.Random, size: int = 4) -> list[Token]:
    """A text in tokens of some bytes each, with margins by chance."""
    data, made, at = text.encode(), [], 0
    while at < len(data):
        end = min(len(data), at + chance.randint(1, size))
        made.append(Token(at, end, -0.25, (Other(b"\xff", -0.25 - chance.uniform(0, 20)),)))
        at = end
    return made


def found(answer: str, told: list[Token], after: str = "") -> list[tuple[int, float, float]]:
    """(place, margin, log-probability) of the tokens that count."""
    return [(one.place, one.margin, one.logprob) for one in margins(PRIMARY, (), answer, after, told)]


def test_a_token_on_the_text() -> None:
    """Its own log-probability minus that of the best other: top1 - top2. Line ends and indentation count."""
    told = tokens("    a", " = 1", "\n    ", "if a:\n", others={1: [("x", -7.0), ("y", -3.0)]})
    assert [(0, 1.5, -0.5), (5, 2.5, -0.5), (9, 1.5, -0.5), (14, 1.5, -0.5)] == found("    a = 1\n    if a:\n", told)


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (["Sure", ":\n", "```python\n"], ["\n", "```", "\nMore?"]),
        (["<think>", "\na = 1\n", "</think>", "\n"], []),
        (["\n\n"], ["\n", "\n", "def more():"]),
    ],
)
def test_what_does_not_count(before: list[str], behind: list[str]) -> None:
    """Preambles, thinking, fences, and what comes after the text."""
    pieces = ["    a", " = 1\n", "    if a:\n        ", "b = 2\n", "    return", " b"]
    told = tokens(*before, *pieces, *behind)
    answer = "".join([*before, *pieces, *behind])
    assert [0, 5, 10, 28, 34, 44] == [place for place, _, _ in found(answer, told)]


def test_the_end_of_the_last_line() -> None:
    """A token may go over it with white space; the line end alone is no part of the text, nor is an answer's end."""
    pieces = (TEXT[:-1], "b\n", "")
    assert [0, len(TEXT) - 1] == [place for place, _, _ in found(f"{TEXT}\n", tokens(*pieces))]
    pieces = (TEXT, "\n", "")
    assert [0] == [place for place, _, _ in found(f"{TEXT}\n", tokens(*pieces))]


def test_other_indentation() -> None:
    """The rest of the line counts; indentation counts as far as it is the text's, next to the line."""
    told = tokens("a", " = 1", "\n", "  if", " a:", "\n          ", "b = 2\n", "    return b")
    answer = "a = 1\n  if a:\n          b = 2\n    return b"
    assert [4, 5, 9, 12, 16, 28, 34] == [place for place, _, _ in found(answer, told)]


def test_the_token_that_left_the_text() -> None:
    """The expected token is the most probable one listed that goes on with the text; the other is what was written."""
    listed = [("x", -1.0), ("2", -4.0), ("2\n", -3.5), ("2\n   x", -0.9), ("", -0.8)]
    told = tokens(TEXT[:32], "3\n", "    return b", others={1: listed})
    answer = TEXT.replace("2", "3")
    assert [(0, 1.5, -0.5), (32, -3.0, -3.5), (34, 1.5, -0.5)] == found(answer, told)


def test_the_expected_token_was_not_listed() -> None:
    """The lowest log-probability listed stands for it: a bound, and marked as one."""
    told = tokens(TEXT[:32], "3", others={1: [("x", -1.0), ("y", -6.0)]})
    (_, left) = margins(PRIMARY, (), TEXT[:32] + "3", "", told)
    assert Margin(32, -5.5, -6.0, bound=True) == left
    assert "0:1.5 32:<-5.5" == margin_facts(PRIMARY, (), TEXT[:32] + "3", "", told)["margins"]


def test_a_token_that_left_in_its_midst() -> None:
    """It is held against tokens from its own beginning, and has the place where it begins."""
    told = tokens(TEXT[:30], "= 3", others={1: [("= 2", -2.0), ("2", -0.6)]})
    assert [(0, 1.5, -0.5), (30, -1.5, -2.0)] == found(TEXT[:30] + "= 3", told)


def test_an_answer_that_ended_too_early() -> None:
    """The token that ended it has left the text; one that was cut off has not."""
    told = tokens("    a = 1\n", "", others={1: [("    ", -1.5), ("x", -9.0)]})
    assert [(0, 1.5, -0.5), (10, -1.0, -1.5)] == found("    a = 1\n", told)
    assert [(0, 1.5, -0.5)] == found("    a = 1\n", told[:1])


def test_a_wrong_beginning_where_indentation_was_expected() -> None:
    """The text goes on with its indentation, or with what follows that."""
    for piece in ("   ", "a"):
        told = tokens("Sorry", others={0: [(piece, -1.0), ("x", -0.7)]})
        assert [(0, -0.5, -1.0)] == found("Sorry", told)


def test_characters_of_several_bytes() -> None:
    """A token may be part of one: it leaves the text with the byte that differs."""
    told = [*tokens("é = '", "ö'\n".encode()[:1], others={}), Token(7, 8, -0.5, (Other(b"\xb6", -1.25),))]
    left = margins(("é = 'ö'",), (), "é = 'ü", "", told)[-1]
    assert (7, -0.75) == (left.place, left.margin)


def test_lines_that_were_skipped() -> None:
    """The first token of the wrong line has left the text; those behind it are on the text of their own line."""
    told = tokens("    a = 1\n", "        b", " = 2\n", "    return b", others={1: [("    if", -2.0)]})
    answer = "    a = 1\n        b = 2\n    return b"
    assert [(0, 1.5), (10, -1.5), (29, 1.5), (34, 1.5)] == [(place, margin) for place, margin, _ in found(answer, told)]


def test_what_a_row_says() -> None:
    """Mean, 1st percentile, share under one nat and mean log-probability, plain and rounded."""
    told = tokens("    a", " = 1", "\n    if a:\n", others={0: [("x", -1.25)], 2: [("x", -12.75)]})
    assert {
        "margins": "0:0.75 5:1.5 4:12.2",
        "margins_told": 1.0,
        "margin_mean": 4.8333,
        "margin_p1": 0.765,
        "margin_under_1": 0.3333,
        "expected_logprob_mean": -0.5,
    } == margin_facts(PRIMARY, (), "    a = 1\n    if a:\n", "", told)


def test_without_probabilities() -> None:
    """All is None where the server told of no token: an endpoint, an older build."""
    assert {None} == set(margin_facts(PRIMARY, (), TEXT, "", []).values())
    facts = margin_facts(PRIMARY, (), "", "", tokens(""))
    assert ("0:<-1.5", 1.0) == (facts["margins"], facts["margins_told"])


@pytest.mark.parametrize(("drafted", "told"), [(5, 0.9), (6, 0.88), (49, 0.02)])
def test_where_too_few_tokens_told_a_probability(drafted: int, told: float) -> None:
    """Drafted tokens tell none; the others are those that a draft did not foresee, and no sample of all."""
    primary = ("x" * 50,)
    facts = margin_facts(primary, (), primary[0], "", tokens(*"x" * 50)[drafted:])
    enough = told >= LEAST_TOLD

    assert told == facts["margins_told"]
    assert [enough] * 3 == [facts[key] is not None for key in ("margins", "margin_mean", "margin_p1")]


def test_a_character_in_several_tokens_is_told_by_its_last() -> None:
    """As llama.cpp has it, drafted or not."""
    primary = ("\u65e5\u672c\u8a9e = 1",)
    raw = primary[0].encode()
    last_bytes = [Token(at, at + 1, -0.5, (Other(b"?", -2.0),)) for at in (2, 5, 8)]
    rest = Token(9, len(raw), -0.5, (Other(b"?", -2.0),))

    assert 1.0 == margin_facts(primary, (), primary[0], "", [*last_bytes, rest])["margins_told"]
    assert 0.7692 == margin_facts(primary, (), primary[0], "", [*last_bytes[1:], rest])["margins_told"]


def test_tokens_that_were_listed_alone_have_no_margin() -> None:
    """There is nothing to compare them with."""
    assert [] == found("    a", tokens("    a", others={0: []}))


def test_a_row_grows_by_less_than_two_kilobytes() -> None:
    """20 lines of 13 tokens."""
    lines = tuple(f"    {number:02} abcdefg hijk lmno pqrst uvw = xy" for number in range(20))
    told = [Token(at, at + 3, -0.01, (Other(b"?", -0.01 - 17.3),)) for at in range(0, 20 * 39, 3)]
    facts = margin_facts(lines, (), "\n".join(lines) + "\n", "", told)
    assert 260 == len(read(facts["margins"]))
    assert 2048 > len(json.dumps(facts))


@given(st.lists(st.tuples(st.integers(0, 400), st.floats(-104, 104), st.booleans()), unique_by=lambda one: one[0]))
def test_what_is_written_can_be_read(made: list[tuple[int, float, bool]]) -> None:
    """Places as they are, margins to 0.005 nats under 10 and 0.05 above."""
    made = sorted(made)
    found = read(written(Margin(place, value, -1.0, bound) for place, value, bound in made))
    assert [place for place, _, _ in made] == list(found)
    for (_, value, _), known in zip(made, found.values(), strict=True):
        assert math.isclose(value, known, abs_tol=0.0051 if abs(value) < 10 else 0.0501)


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=300))
def test_percentiles_are_those_of_numpy(values: list[float]) -> None:
    """Interpolated between order statistics."""
    assert math.isclose(float(np.percentile(values, 1)), percentile(values), abs_tol=1e-9)
    assert under(values) == sum(value < 1 for value in values) / len(values)


@given(st.lists(LINES, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_every_token_of_a_perfect_answer_counts(primary: list[str], chance: random.Random) -> None:
    """With its own margin, however the text is cut into tokens, and in whatever it is wrapped."""
    text = "\n".join(primary).strip("\n")
    if not text.strip() or score(primary, text).primary_matched < sum(bool(line.strip()) for line in primary):
        return
    told = cut(text, chance)
    expected = [token.logprob - token.others[0].logprob for token in told]
    plain = margins(primary, (), text, "", told)
    assert expected == [one.margin for one in plain]
    head = "Sure:\n```\n"
    moved = [Token(token.start + len(head), token.end + len(head), token.logprob, token.others) for token in told]
    assert plain == margins(primary, (), f"{head}{text}\n```\nDone.", "", moved)


@given(st.lists(LINES, min_size=1, max_size=6), st.lists(LINES, max_size=8), st.randoms(use_true_random=False))
def test_laws_of_any_answer(primary: list[str], produced: list[str], chance: random.Random) -> None:
    """At most one token leaves; no two have one place; facts are finite; without a lost line no margin is negative."""
    answer = "\n".join(produced)
    told = cut(answer, chance)
    result = margins(primary, (), answer, "", told)
    places = [one.place for one in result]
    assert sorted(set(places)) == places
    assert sum(one.margin < 0 for one in result) <= 1
    assert len(result) <= len(told)
    scored = score(primary, answer, relax_indent=True)
    if scored.primary_matched == len(primary):
        assert all(one.margin >= 0 for one in result)
    facts = margin_facts(primary, (), answer, "", told)
    assert all(value is None or isinstance(value, str) or math.isfinite(value) for value in facts.values())
    assert "Infinity" not in json.dumps(facts)
