"""The task: what it quotes, how a quotation becomes unique, and which functions are left out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_codeneedle.corpus.functions.extraction import extract
from pytest_codeneedle.corpus.functions.function import BONUS_LINES, Function
from pytest_codeneedle.recall.questions import (
    MAX_LINES_ABOVE,
    WORDINGS,
    Rows,
    Task,
    Wording,
    askable,
    questions,
    quotation,
    shared_prefix,
)


def function(name: str, *, signature_line: int, start_line: int, body: int = 3) -> Function:
    """A function at these lines; its body does not matter here."""
    return Function(name, start_line, ("pass",) * body, "python", "demo.py", signature_line)


def named(text: str, name: str, language: str = "python") -> Function:
    """The function of that name in a text."""
    return next(found for found in extract(text, language, source="demo", min_lines=1) if found.name == name)


TEXT = """\
import os

def first(a):
    x = 1
    return x

def second(
    a,
    b,
):
    return a
"""


def test_the_text_comes_first_and_the_quotation_last() -> None:
    """A message begins with the corpus, as the cache wants it, and ends with the signature as it stands there."""
    (question,) = questions(TEXT, [named(TEXT, "first")], Task(2)).asked

    assert question.message.startswith(TEXT)
    assert "def first(a):" == question.message.split("\n")[-1]
    assert question.message.endswith("The quotation:\ndef first(a):")


def test_the_number_of_lines_is_told() -> None:
    """The model is told how many lines to write."""
    (question,) = questions(TEXT, [named(TEXT, "first")], Task(17)).asked
    task = question.message.removeprefix(TEXT)

    assert "repeat 17 lines of the source code above, word for word" in task
    assert "Write these 17 lines and nothing else, then stop." in task


def test_messages_differ_in_their_quotation_only() -> None:
    """What comes before the quotation is one text for all functions: a cell ingests it once."""
    asked = questions(TEXT, [named(TEXT, "first"), named(TEXT, "second")], Task(2)).asked
    heads = {question.message.rpartition("The quotation:\n")[0] for question in asked}

    assert ["first", "second"] == [question.function.name for question in asked]
    assert 1 == len(heads)


@given(prefix=st.text("ab"), tails=st.lists(st.text("ab"), min_size=1))
def test_the_part_that_all_prompts_share(prefix: str, tails: list[str]) -> None:
    """All begin with it, and not all with a character more."""
    prompts = [prefix + tail for tail in tails]
    shared = shared_prefix(prompts)

    assert [] == [prompt for prompt in prompts if not prompt.startswith(shared)]
    assert len({prompt[: len(shared) + 1] for prompt in prompts}) > 1 or shared in prompts


def test_text_with_braces_is_not_taken_for_a_format() -> None:
    """Code is full of braces: they reach the model as they are."""
    text = "function f() {\n  return {text};\n}\n"
    found = questions(text, [named(text, "f", "javascript")], Task(1))

    assert found.asked[0].message.startswith(text)
    assert found.asked[0].message.endswith("\nfunction f() {")


def test_a_signature_of_several_lines_is_quoted_whole() -> None:
    """All lines from `def` to the one above the body are quoted."""
    assert "def second(\n    a,\n    b,\n):" == quotation(Rows(TEXT.split("\n")), named(TEXT, "second"))


def test_a_signature_of_several_lines_is_unique_as_a_whole() -> None:
    """Two signatures that begin alike are told apart by their last line."""
    text = "def f(\n    a,\n):\n    return 1\n\nclass C:\n  def f(\n    b,\n):\n    return 2\n"
    rows = text.replace("  def", "def").split("\n")

    assert "def f(\n    a,\n):" == quotation(Rows(rows), function("f", signature_line=1, start_line=4))
    assert "def f(\n    b,\n):" == quotation(Rows(rows), function("f", signature_line=7, start_line=10))


def rows_with_twins(above: int) -> list[str]:
    """Two functions `f` that have `above` equal lines above their signatures, and then differ."""
    shared = [f"# line {number}" for number in range(above)]
    return ["# one", *shared, "def f():", "    a", "# two", *shared, "def f():", "    b"]


@pytest.mark.parametrize("above", range(MAX_LINES_ABOVE))
def test_lines_above_are_quoted_until_the_quotation_is_unique(above: int) -> None:
    """Just so many lines as are needed, five at most."""
    rows = rows_with_twins(above)
    expected = ["# two", *(f"# line {number}" for number in range(above)), "def f():"]
    twin = function("f", signature_line=2 * above + 5, start_line=2 * above + 6)

    assert "\n".join(expected) == quotation(Rows(rows), twin)


def test_after_five_lines_a_function_is_ambiguous() -> None:
    """Twins that differ six lines above their signatures are not told apart."""
    rows = rows_with_twins(MAX_LINES_ABOVE)

    assert quotation(Rows(rows), function("f", signature_line=15, start_line=16)) is None
    assert quotation(Rows(rows), function("f", signature_line=7, start_line=8)) is None


def test_there_may_be_no_line_above() -> None:
    """A twin at the top of the text has nothing more to quote."""
    rows = ["def f():", "    a", "def f():", "    b"]

    assert quotation(Rows(rows), function("f", signature_line=1, start_line=2)) is None
    assert "    a\ndef f():" == quotation(Rows(rows), function("f", signature_line=3, start_line=4))


def test_a_signature_quoted_elsewhere_is_not_unique() -> None:
    """Uniqueness is that of whole lines: the same words within a longer line do not count."""
    rows = ["# def f(): is below", "def f():", "    a"]

    assert "def f():" == quotation(Rows(rows), function("f", signature_line=2, start_line=3))


@pytest.mark.parametrize("signature_line", [2, 3])
def test_a_body_on_the_signatures_own_line_is_left_out(signature_line: int) -> None:
    """Quoting such a signature would give the first answer away."""
    rows = ["import os", "def f(): return [", "    1,", "]"]

    assert quotation(Rows(rows), function("f", signature_line=signature_line, start_line=2)) is None


def test_functions_left_out_are_named() -> None:
    """Every function of the sample is asked for or named as ambiguous, in the order of the sample."""
    text = "def f(): return [\n    1,\n]\n\ndef g():\n    return 1\n"
    sampled = [named(text, "g"), named(text, "f")]
    found = questions(text, sampled, Task(1))

    assert ("f",) == found.ambiguous
    assert [named(text, "g")] == [question.function for question in found.asked]


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["def f():", "# a", "# b", "    x"]), min_size=3, max_size=25), st.data())
def test_a_quotation_stands_once_in_the_text_and_ends_above_the_body(rows: list[str], data: st.DataObject) -> None:
    """Whatever is quoted is unique, ends at the body, and no shorter quotation would have been."""
    start_line = data.draw(st.integers(2, len(rows)))
    signature_line = data.draw(st.integers(max(1, start_line - 2), start_line - 1))
    quote = quotation(Rows(rows), function("f", signature_line=signature_line, start_line=start_line))

    def places(first: int) -> int:
        """How often the lines from index `first` to the body stand in the text."""
        wanted = rows[first : start_line - 1]
        return sum(rows[at : at + len(wanted)] == wanted for at in range(len(rows)))

    firsts = range(signature_line - 1, max(-1, signature_line - 2 - MAX_LINES_ABOVE), -1)
    unique = [first for first in firsts if places(first) == 1]
    assert ("\n".join(rows[unique[0] : start_line - 1]) if unique else None) == quote


def test_primary_and_bonus_lines_of_a_function() -> None:
    """The first lines are asked for, up to forty more are a bonus, the rest is neither."""
    body = tuple(str(number) for number in range(70))
    long = Function("f", 2, body, "python", "demo.py", 1)

    assert 40 == BONUS_LINES
    assert body[:20] == long.primary(20)
    assert body[20:60] == long.bonus(20)
    assert () == function("f", signature_line=1, start_line=2).bonus(20)


PHP = "<?php\nclass A {\n    public function run($a)\n    {\n        return 1;\n    }\n}\n"
JS = "var o = {\n  run: function( a ) {\n    return 1;\n  }\n};\n"


def by_name(text: str, name: str, language: str, **task: object) -> str:
    """The task, without the text, that the wording `codeneedle` makes."""
    start = text.split("\n").index(next(line for line in text.split("\n") if "return" in line)) + 1
    asked = Function(name, start, ("return 1",), language, f"src/a.{language}", start - 1)
    (question,) = questions(text, [asked], Task(7, "codeneedle", **task)).asked  # type: ignore[arg-type]  # its own
    assert question.message.startswith(text)
    return question.message.removeprefix(text)


@pytest.mark.parametrize(
    ("text", "language", "anchor", "left_out"),
    [
        (PHP, "php", "the line with the opening brace `{` of `function run(`", "`function run(`"),
        (JS, "javascript", "the line with `function run(`, or with the assignment", "`function run(`"),
        (
            "def run(a):\n    return 1\n",
            "python",
            "the signature `def run(...):`, its docstring included",
            "`def run(`",
        ),
    ],
)
def test_the_wording_of_the_public_harness(text: str, language: str, anchor: str, left_out: str) -> None:
    """The body of the function by its name, so many lines, an anchor in the language's terms, and the rules."""
    task = by_name(text, "run", language, suffix="/no_think")

    assert "the first 7 lines of the body of the function named `run` in" in " ".join(task.split())
    assert anchor in " ".join(task.split())
    assert f"the line with {left_out}." in task
    for rule in ("Write only these lines", "Keep the indentation", "No remarks, no line numbers", "Blank lines"):
        assert rule in task
    assert task.endswith("\n/no_think\n")
    assert "{" not in task.replace("`{`", "")


def test_the_file_is_named_where_there_are_several() -> None:
    """As in the public harness."""
    assert "`run` in the file `src/a.php` in the source" in " ".join(
        by_name(PHP, "run", "php", several_files=True).split()
    )
    assert "src/a.php" not in by_name(PHP, "run", "php")


def test_by_name_no_function_is_left_out() -> None:
    """A name needs no quotation: the sample is asked for whole."""
    text = "def f(): return [\n    1,\n]\n\ndef g():\n    return 1\n"
    sampled = [named(text, "g"), named(text, "f")]
    found = questions(text, sampled, Task(1, "codeneedle"))

    assert () == found.ambiguous
    assert sampled == [question.function for question in found.asked]


def test_a_suffix_stands_above_the_quotation() -> None:
    """The quotation stays the last line of the task."""
    (question,) = questions(TEXT, [named(TEXT, "first")], Task(2, suffix="/no_think")).asked

    assert question.message.endswith("no code fence.\n/no_think\n\nThe quotation:\ndef first(a):")


@pytest.mark.parametrize("wording", WORDINGS)
def test_blank_lines_cannot_be_asked_for(wording: Wording) -> None:
    """The right answer would be none at all."""
    asked = function("f", signature_line=1, start_line=2)
    blank = Function("g", 2, ("", "  ", "x = 1"), "python", "demo.py", 1)
    found = questions("def f():\n", [asked, blank], Task(2, wording))

    assert ("g",) == found.ambiguous
    assert [True, False] == list(map(askable("def f():\n", Task(2, wording)), [asked, blank]))
    assert [asked] == [question.function for question in found.asked]
