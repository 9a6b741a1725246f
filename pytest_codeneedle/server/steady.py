"""Asking a server, and asking once more where that may mend it; one that died or hangs is started anew, once a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pytest_codeneedle.core.errors import AnswerError, BrokenAnswerError, CellError, LateAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_codeneedle.server.process import LlamaServer

_T = TypeVar("_T")


class SteadyServer:
    """A cell's server, whichever process it is at the moment.

    `relaunch` starts another like it and raises ServerStartError; None where that cannot be. `make_ready` is called
    with a server that was started anew, before anything is asked of it. `relaunches` counts these, and `asked_again`
    says whether the last thing asked was asked twice.
    """

    def __init__(
        self,
        server: LlamaServer,
        relaunch: Callable[[], LlamaServer] | None,
        make_ready: Callable[[LlamaServer], object],
    ) -> None:
        self.server = server
        self.relaunches = 0
        self.asked_again = False
        self._relaunch = relaunch
        self._make_ready = make_ready
        self._lost: str | None = None

    def ask(self, question: Callable[[LlamaServer], _T]) -> _T:
        """What `question` brings, which is asked twice at most.

        Raises what it raises at first where asking again would not help, such as a prompt that is too long; else
        AnswerError with both faults. Where the second server is lost too, all that follows is an AnswerError at once.
        """
        self.asked_again = False
        if self._lost is not None:
            msg = f"not asked: {self._lost}"
            raise AnswerError(msg)
        try:
            return question(self.server)
        except BrokenAnswerError as error:
            first = error
        happened = self._mend(first)
        self.asked_again = True
        try:
            return question(self.server)
        except BrokenAnswerError as error:
            self._note_loss(error)
            msg = f"{first}; {happened} and asked again: {error}"
            raise AnswerError(msg, error.response or first.response) from error

    def _mend(self, error: BrokenAnswerError) -> str:
        """Make sure that there is a server to ask again; says what was done. Raises AnswerError where there is none."""
        if not isinstance(error, LateAnswerError) and self.server.usable():
            return "the server lives"
        gone = _gone(self.server, error)
        if self._relaunch is None or self.relaunches:
            self._lost = self._last(gone)
            msg = f"{error}; {self._lost}"
            raise AnswerError(msg, error.response) from error
        self.relaunches += 1
        # Until the new one is ready, there is none.
        self._lost = f"{gone}, and could not be started anew"
        try:
            self.server = self._relaunch()
            self._make_ready(self.server)
        except CellError as second:
            msg = f"{error}; {self._lost}: {second}"
            raise AnswerError(msg, error.response) from second
        self._lost = None
        return f"{gone}, was started anew"

    def _note_loss(self, error: BrokenAnswerError) -> None:
        """After a question that failed twice: a server that is lost now is not waited for by the next one."""
        if isinstance(error, LateAnswerError) or not self.server.usable():
            gone = _gone(self.server, error)
            if self.relaunches:
                self._lost = self._last(gone)

    def _last(self, gone: str) -> str:
        return f"{gone}, and it had been started anew before" if self.relaunches else gone


def _gone(server: LlamaServer, error: BrokenAnswerError) -> str:
    """End what is left of it, and say what became of it."""
    if isinstance(error, LateAnswerError):
        server.kill()
        return "the server hung and was killed"
    if server.alive():
        server.kill()
        return "the server answered no more and was killed"
    status = server.process.returncode
    return f"the server died (signal {-status})" if status < 0 else f"the server died (exit status {status})"
