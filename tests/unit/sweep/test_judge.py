"""An answer, judged: what is said of it, what of it is shown, and when there is nothing to score."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_codeneedle.core.errors import AnswerError
from pytest_codeneedle.corpus.corpus import Corpus
from pytest_codeneedle.corpus.functions.function import Function
from pytest_codeneedle.corpus.parts import Part
from pytest_codeneedle.recall.answer import Answer
from pytest_codeneedle.recall.questions import Question
from pytest_codeneedle.recall.token_probs import Other, Token
from pytest_codeneedle.sweep.judge import Judge, Recall
from pytest_codeneedle.sweep.plan import CorpusPlan

BODY = tuple(f"    first_line_{number} = {number}" for number in range(25))
OTHER = tuple(f"    second_line_{number} = {number}" for number in range(25))


def answered(text: str, **more: Any) -> Answer:
    """An answer that ended by itself."""
    facts: dict[str, Any] = {"tokens": 9, "cache_n": 0, "prompt_n": 1, "prompt_ms": 1.0, "predicted_ms": 1.0}
    return Answer(**{"text": text, "stop": "eos", "run_on": False, "truncated": False, **facts, **more})


def judge(*, private: bool = False, **settings: Any) -> Judge:
    """A judge of two functions, with the usual settings but for those given."""
    text = "\n".join(["def one():", *BODY, "def two():", *OTHER, ""])
    functions = (Function("one", 2, BODY, "python", "a.py", 1), Function("two", 28, OTHER, "python", "a.py", 27))
    corpus = Corpus("mine", (Part("a.py", text, functions),), "python", generated=False, private=private)
    chosen = CorpusPlan(corpus, tuple(Question(one, "") for one in functions), ())
    usual = {"lines": 20, "relax_indent": True, "threshold": 8, "redact": False, "embed_source": False}
    return Judge(chosen, SimpleNamespace(**{**usual, **settings}))  # type: ignore[arg-type]  # those that it reads


def recall(text: str, *, private: bool = False, **settings: Any) -> Recall:
    """What is said of this answer about `one`."""
    return judge(private=private, **settings).judge("one", answered(text), "hit")


def test_a_perfect_answer() -> None:
    """No label, nothing confused."""
    result = recall("\n".join(BODY[:20]))
    assert (True, None, None, 20) == (result.passed, result.label, result.confused_with, result.score.primary_matched)
    assert (None, "hit") == (result.facts()["label"], result.facts()["prompt_cache"])


def test_margins() -> None:
    """Of an answer that was told of; None where nothing was; a recorded one leaves them to its row."""
    text = "\n".join(BODY[:20])
    token = Token(0, len(text), -0.5, (Other(b"?", -2.0),))
    assert ("0:1.5", 1.5) == tuple(
        judge().judge("one", answered(text, told=(token,)), "hit").facts()[key] for key in ("margins", "margin_mean")
    )
    assert recall(text).facts()["margins"] is None
    assert "margins" not in judge().judge("one", answered(text, told=None), "hit").facts()


def test_another_functions_body() -> None:
    """It is named, in the row and in the message."""
    result = recall("\n".join(OTHER[:20]))
    assert ("confused", "two") == (result.label, result.facts()["confused_with"])
    head = "one: 0 of 20 lines recalled, 8 needed (confused, 20 hallucinated, reads like two)"
    assert head == result.explain().split("\n")[0]


def test_an_answer_cut_short() -> None:
    """The label stands in the message."""
    result = recall("\n".join(BODY[:5]))
    assert "one: 5 of 20 lines recalled, 8 needed (truncated, 0 hallucinated)" in result.explain()


@pytest.mark.parametrize(
    ("text", "label", "said"),
    [
        ("", "empty", "one: the model answered nothing (9 tokens, stop: eos)"),
        ("```\n```", "empty", "the model answered nothing"),
        ("<think>\nhm\n</think>", "thinking-only", "the model answered nothing but thinking"),
        ("I'm sorry, but I can't see that code.", "refused", "the model said that it would not or could not answer"),
    ],
)
def test_nothing_to_score_is_an_error(text: str, label: str, said: str) -> None:
    """Never a miss; the answer and its label are kept."""
    with pytest.raises(AnswerError) as caught:
        recall(text)
    assert said in str(caught.value)
    assert (text, label) == (caught.value.response, caught.value.label)


WRONG = "\n".join([*BODY[:10], "    a = 'not asked for'", "    b = 'not asked for'", *BODY[20:24]])


def test_of_public_code_all_is_shown() -> None:
    """What the model wrote, and what was missing."""
    shown = recall(WRONG).explain()
    assert "+     a = 'not asked for'" in shown
    assert "-     first_line_12 = 12" in shown
    assert ">     first_line_21 = 21" in shown


def test_of_private_code_only_the_lines_asked_for_are_shown() -> None:
    """The others are counted, and it is said how to see them."""
    shown = recall(WRONG, private=True).explain()
    assert "-     first_line_12 = 12" in shown
    assert "+ ... 2 lines hallucinated" in shown
    assert "> ... 4 lines bonus" in shown
    assert "not asked for'" not in shown
    assert "first_line_21" not in shown
    assert shown.endswith("(lines not asked for are not shown: the corpus is private; --kv-embed-source shows them)")


def test_embedded_source_may_be_shown() -> None:
    """As of public code."""
    assert recall(WRONG).explain() == recall(WRONG, private=True, embed_source=True).explain()


def test_nothing_is_hidden_where_there_is_nothing_to_hide() -> None:
    """An answer that only lacks lines."""
    assert "not shown" not in recall("\n".join(BODY[:5]), private=True).explain()


@pytest.mark.parametrize("private", [True, False])
def test_redacted_there_is_no_line_at_all(*, private: bool) -> None:
    """One line of figures."""
    shown = recall(WRONG, private=private, redact=True).explain()
    assert "one: 10 of 20 lines recalled, 8 needed (shifted, 2 hallucinated)" == shown


def test_lines_that_continue_the_file_are_counted_where_an_answer_ran_on() -> None:
    """From behind the lines asked for."""
    text = "\n".join([*BODY, "def two():", OTHER[0]])
    result = judge().judge("one", answered(text, run_on=True), "hit")
    assert 7 == result.run_on_lines
    assert 0 == recall(text).run_on_lines
    assert "run-on" == result.label


def test_no_repr_shows_code() -> None:
    """A user's own test that fails prints the values that it holds."""
    shown = repr(recall(WRONG)) + repr(judge()._chosen)
    assert "one" in shown
    assert "first_line" not in shown
    assert "not asked for" not in shown


def test_a_name_that_is_no_text_for_a_terminal_is_escaped() -> None:
    """It comes from the code, too."""
    result = recall(WRONG)
    odd = dataclasses.replace(result, function=dataclasses.replace(result.function, name="\x1b[31mred"))
    assert odd.explain().startswith("\\x1b[31mred: 10 of 20 lines")
