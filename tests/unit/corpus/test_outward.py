"""What others wrote, fit to leave the run folder; and pytest's representations of it."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.corpus.corpus import Corpus
from pytest_codeneedle.corpus.outward import Outward
from pytest_codeneedle.corpus.parts import Part, Tree
from pytest_codeneedle.corpus.random_bodies import RandomBodies
from pytest_codeneedle.corpus.sources import SourceFile
from pytest_codeneedle.plugin.reports import fit, fit_report, fit_warning

TEXT = RandomBodies(functions=2, body_lines=20).text()
LINES = [line.strip() for line in TEXT.splitlines() if " = " in line]
CORPUS = Corpus("mine", (Part("src/a.py", TEXT, ()),), "python", generated=False, private=True)
OUTWARD = Outward([CORPUS])
LATE = "def late():\n    return 'not to be seen'\n"


def test_nothing_that_others_may_not_see() -> None:
    """Code, secrets, codes of a terminal; and nothing else is changed."""
    shown = OUTWARD(f"HTTP 500 \x1b[31m: {LINES[3]}\nAuthorization: Bearer abc-12345678 in src/a.py\t!")
    gone = len(LINES[3]) - 1
    assert f'HTTP 500 \\x1b[31m: [{gone} characters of the corpus]"\nAuthorization: Bearer *** in src/a.py\t!' == shown
    assert LINES[3] in Outward()(LINES[3])


def test_colours_of_a_report_stay() -> None:
    """What was printed in a test of the user's has some."""
    assert "\x1b[31mred" == OUTWARD.told("\x1b[31mred")


def test_facts_of_a_row() -> None:
    """The words of others among them; the answer is needed as it came."""
    facts = {"error": LINES[0], "stop": "eos", "response": LINES[0], "tokens": 3, "fallbacks": f"slow: {LINES[1]}"}
    shown = OUTWARD.facts(facts)
    assert {"stop": "eos", "response": LINES[0], "tokens": 3} == {k: shown[k] for k in ("stop", "response", "tokens")}
    assert LINES[0] not in shown["error"]
    assert LINES[1] not in shown["fallbacks"]


def failing(style: str, **more: Any) -> Any:
    """Pytest's representation of two chained errors, each of which quotes."""
    text = TEXT
    try:
        try:
            {}[LINES[5]]
        except KeyError as error:
            raise ValueError(text) from error
    except ValueError as error:
        return pytest.ExceptionInfo.from_exception(error).getrepr(style=style, showlocals=True, funcargs=True, **more)


@pytest.mark.parametrize("style", ["long", "short", "native", "value", "line", "no"])
def test_every_style_of_a_traceback(style: str) -> None:
    """With variables and arguments, and what caused it; it is changed where it stands."""
    made = failing(style)
    assert fit(made, OUTWARD) is made
    assert [] == [line for line in LINES if line in str(made) or line.split('"')[1] in str(made)]
    assert "characters of the corpus]" in str(made)
    assert style in {"value", "no"} or "ValueError" in str(made)


def test_a_report() -> None:
    """Its traceback, what was printed, its properties; a message of our own is fit as it is."""
    report = pytest.TestReport("t", ("t", 1, "t"), {}, "failed", failing("long"), "call")
    report.sections = [("Captured stdout call", f"\x1b[1m{TEXT}")]
    report.user_properties = [("stop", TEXT), ("mine", LINES[0]), ("tokens", 3)]
    fit_report(report, OUTWARD)
    assert [] == [line for line in LINES if line in f"{report.longreprtext}{report.sections}{report.user_properties}"]
    assert report.sections[0][1].startswith("\x1b[1m")
    assert ("tokens", 3) in report.user_properties
    own = pytest.TestReport("t", ("t", 1, "t"), {}, "failed", LINES[0], "call")
    fit_report(own, OUTWARD, LINES[0])
    assert LINES[0] == own.longrepr
    skipped = pytest.TestReport("t", ("t", 1, "t"), {}, "skipped", ("t.py", 3, f"Skipped: {LINES[0]}"), "setup")
    fit_report(skipped, OUTWARD)
    assert isinstance(skipped.longrepr, tuple)
    assert LINES[0] not in skipped.longrepr[2]
    assert 3 == skipped.longrepr[1]


def test_a_warning() -> None:
    """One that says nothing private stays what it is."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn(f"odd: {LINES[0]}", DeprecationWarning, stacklevel=1)
        warnings.warn("other", DeprecationWarning, stacklevel=1)
    for one in caught:
        fit_warning(one, OUTWARD)
    assert LINES[0] not in str(caught[0].message)
    assert "odd: " in str(caught[0].message)
    assert isinstance(caught[1].message, DeprecationWarning)


def test_files_that_will_be_left_out_are_private_too() -> None:
    """A server counts their tokens before it is known that they do not fit."""
    files = (SourceFile("a.py", TEXT, "python"), SourceFile("b.py", LATE, "python"))
    tree = Tree(files, 20, lambda _problems: CorpusError("none"))
    begun = Corpus("mine", CORPUS.parts, "python", generated=False, private=True, max_tokens=99, tree=tree)
    assert "seen" not in Outward([begun])("cannot count: return 'not to be seen'")
    assert "seen" in OUTWARD("cannot count: return 'not to be seen'")
