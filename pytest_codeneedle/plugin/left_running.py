"""What of a session's servers could not be ended: said at the end, and no success."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.core.errors import ServerLeftError
from pytest_codeneedle.plugin import terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

#: The name under which a worker's part travels to the controller.
_LEFT = "codeneedle_left"


class LeftRunning:
    """Collects it, a sentence each, from the processes of a session; `stopping` is how they end servers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._said: list[str] = []

    def stopping(self, stop: Callable[[], object]) -> None:
        """Do that, and remember what could not be ended."""
        try:
            stop()
        except ServerLeftError as error:
            self._said.append(str(error))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401 - xdist's
        """Take in a worker's."""
        self._said += getattr(node, "workeroutput", {}).get(_LEFT, [])

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Of a worker hand it on, of the session itself have another exit status than 0, after all others."""
        worker = hasattr(self._config, "workeroutput")
        if worker:
            self._config.workeroutput[_LEFT] = self._said  # type: ignore[attr-defined]  # xdist's: sent at the end
        result = yield
        if not worker and self._said and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return result

    @pytest.hookimpl(trylast=True)  # below the grids
    def pytest_terminal_summary(self) -> None:
        """Say it."""
        if self._said:
            terminal.write(self._config, [f"kv-grid: {said}" for said in self._said], red=True)
