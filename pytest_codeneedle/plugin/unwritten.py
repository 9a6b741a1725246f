"""Reports of pytest and of other plugins that could not be written: said, and the session ends as it would have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.text import wrapped
from pytest_codeneedle.plugin import terminal

if TYPE_CHECKING:
    from collections.abc import Generator


class UnwrittenReports:
    """Catches what writing one raises: it would go out as a traceback, in the place of the grids and the verdict."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._said = ""

    @pytest.hookimpl(wrapper=True, trylast=True)  # inside of the terminal's, which goes on to the summary
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """A session of which a report is missing has another exit status than 0."""
        try:
            return (yield)
        except (OSError, UnicodeError) as error:  # or a name that the locale had no characters for
            named = f" to {error.filename}" if isinstance(error, OSError) and error.filename else ""
            self._said = f"a report could not be written{named}: {getattr(error, 'strerror', None) or error}"
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            return None

    @pytest.hookimpl(trylast=True)  # below the grids
    def pytest_terminal_summary(self) -> None:
        """Say it."""
        if self._said:
            answers = "the answers are in the run folder: codeneedle report RUN -o DIR makes its page"
            terminal.write(self._config, wrapped(f"kv-grid: {self._said}; {answers}"), red=True)
