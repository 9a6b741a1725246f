"""Asking again: when, how often, and what is said.

The server is a fake: a real one does not die, live or hang at the very request that a test wants it to. The real ones
are in tests/integration/test_asking.py.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.errors import (
    AnswerError,
    BrokenAnswerError,
    CellError,
    LateAnswerError,
    PromptTooLongError,
    ServerStartError,
)
from pytest_codeneedle.server.steady import SteadyServer

if TYPE_CHECKING:
    from collections.abc import Callable

BROKEN, LATE = BrokenAnswerError("broke", "half"), LateAnswerError("late")


class Server:
    """A fake that answers with these outcomes in turn; after `BROKEN` it is as `lives` says."""

    def __init__(self, *outcomes: object, lives: bool = False, answers: bool = True) -> None:
        self.outcomes = list(outcomes)
        self.lives, self.answers = lives, answers
        self.killed = False
        self.process = SimpleNamespace(returncode=-9)

    def alive(self) -> bool:
        """Whether it runs."""
        return self.lives and not self.killed

    def usable(self) -> bool:
        """Whether it answers."""
        return self.alive() and self.answers

    def kill(self) -> None:
        """End it."""
        self.killed = True


def question(server: Server) -> object:
    """The next outcome."""
    outcome = server.outcomes.pop(0)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def steady(*servers: Server, anew: Callable[[], Server] | None = None) -> SteadyServer:
    """The first is there, the others come by relaunch."""
    first, *others = servers
    ready: list[object] = []
    made = SteadyServer(first, anew or (lambda: others.pop(0)), ready.append)  # type: ignore[arg-type]
    made.ready = ready  # type: ignore[attr-defined]
    return made


def test_an_answer_is_asked_for_once() -> None:
    """Nothing broke."""
    one = steady(Server("answer"))

    assert "answer" == one.ask(question)
    assert (False, 0) == (one.asked_again, one.relaunches)


@pytest.mark.parametrize("error", [AnswerError("HTTP 400"), PromptTooLongError("long")])
def test_what_would_come_again_is_not_asked_again(error: CellError) -> None:
    """A refusal is the same the second time."""
    one = steady(Server(error, "answer", lives=True))

    with pytest.raises(CellError) as caught:
        one.ask(question)
    assert error is caught.value
    assert not one.asked_again


def test_a_server_that_lives_is_asked_again() -> None:
    """The same process; the next question is asked once again."""
    one = steady(Server(BROKEN, "answer", "next", lives=True))

    assert "answer" == one.ask(question)
    assert (True, 0) == (one.asked_again, one.relaunches)
    assert "next" == one.ask(question)
    assert not one.asked_again


def test_twice_is_enough() -> None:
    """Both faults are told, with what came; the server lives, and the next question is asked."""
    one = steady(Server(BROKEN, BrokenAnswerError("again"), "next", lives=True))

    with pytest.raises(AnswerError, match=r"^broke; the server lives and asked again: again$") as caught:
        one.ask(question)
    assert "half" == caught.value.response
    assert "next" == one.ask(question)


@pytest.mark.parametrize(
    ("error", "lives", "said"),
    [
        (BROKEN, False, "the server died (signal 9)"),
        (LATE, True, "the server hung and was killed"),
        (BROKEN, True, "the server answered no more and was killed"),
    ],
)
def test_a_lost_server_is_started_anew(error: BrokenAnswerError, lives: bool, said: str) -> None:
    """It is made ready before it is asked, the old one does not run, and a second fault tells of the first."""
    first, second = Server(error, lives=lives, answers=False), Server("answer", lives=True)
    one = steady(first, second)

    assert "answer" == one.ask(question)
    assert (True, 1, second) == (one.asked_again, one.relaunches, one.server)
    assert [second] == one.ready  # type: ignore[attr-defined]
    assert not first.alive()

    again = steady(Server(error, lives=lives, answers=False), Server(BrokenAnswerError("again"), lives=True))
    with pytest.raises(AnswerError) as caught:
        again.ask(question)
    assert f"{error}; {said}, was started anew and asked again: again" == str(caught.value)


def test_a_server_is_started_anew_once() -> None:
    """What comes after the loss of the second is an error at once."""
    one = steady(Server(BROKEN), Server("answer", LATE, lives=True), Server("never"))
    one.ask(question)

    lost = "the server hung and was killed, and it had been started anew before"
    with pytest.raises(AnswerError, match=rf"^late; {lost}$"):
        one.ask(question)
    with pytest.raises(AnswerError, match=rf"^not asked: {lost}$"):
        one.ask(question)
    assert 1 == one.relaunches
    assert not one.asked_again


def test_the_second_server_lost_at_once() -> None:
    """Likewise where it is lost at the question that it was started for."""
    one = steady(Server(BROKEN), Server(BROKEN))

    with pytest.raises(AnswerError, match="was started anew and asked again"):
        one.ask(question)
    with pytest.raises(AnswerError, match=r"^not asked: "):
        one.ask(question)


def test_a_first_server_lost_at_the_second_try() -> None:
    """It is killed where it hangs; the next question finds none and has one started."""
    first = Server(BROKEN, LATE, BROKEN, lives=True)
    one = steady(first, Server("next", lives=True))

    with pytest.raises(AnswerError, match="the server lives and asked again: late"):
        one.ask(question)
    assert first.killed
    assert "next" == one.ask(question)
    assert 1 == one.relaunches


def test_a_server_that_does_not_come_up_again() -> None:
    """The question tells why, the others that it is gone."""

    def fails() -> Server:
        msg = "no memory"
        raise ServerStartError(msg)

    one = steady(Server(BROKEN), anew=fails)

    with pytest.raises(AnswerError, match=r"and could not be started anew: no memory$"):
        one.ask(question)
    with pytest.raises(AnswerError, match=r"^not asked: the server died .* could not be started anew$"):
        one.ask(question)


def test_without_a_way_to_start_another() -> None:
    """The loss is told, and no second server is spoken of."""
    one = SteadyServer(Server(BROKEN), None, print)  # type: ignore[arg-type]

    with pytest.raises(AnswerError, match=r"^broke; the server died \(signal 9\)$"):
        one.ask(question)
