"""Work that may take long and says so: nothing for a second and a half, then where it is, and again every ten seconds.

A thread says it, for a parser or a server may keep the main thread for longer. It is gone when the work is done.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from pytest_codeneedle.core.output import complain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    #: Hears what is done at the moment, in few words.
    At = Callable[[str], object]
    #: `with progress("corpus mine") as at: at("reading file 2 of 3")`
    Progress = Callable[[str], AbstractContextManager[At]]

#: What is done with the functions of a corpus once it is read.
SAMPLING = "choosing functions that can be asked for"
#: Nobody wonders yet; and how often is enough.
FIRST_SECONDS, EVERY_SECONDS = 1.5, 10.0


def ignore(_text: str) -> None:
    """An `At` that nobody hears."""


@contextlib.contextmanager
def silent(_what: str) -> Iterator[At]:
    """A `Progress` that says nothing."""
    yield ignore


def on_stderr(prefix: str) -> Progress:
    """A `Progress` for people: lines on standard error, which no output is mixed with, behind this prefix."""

    @contextlib.contextmanager
    def progress(what: str) -> Iterator[At]:
        done, where = threading.Event(), ["at work"]

        def say() -> None:
            pause = FIRST_SECONDS
            while not done.wait(pause):
                pause = EVERY_SECONDS
                with contextlib.suppress(OSError, ValueError):  # nobody listens any more
                    complain(f"{prefix}: {what}: {where[0]}")

        def at(text: str) -> None:
            where[0] = text

        speaker = threading.Thread(target=say, daemon=True)
        speaker.start()
        try:
            yield at
        finally:
            done.set()
            speaker.join()

    return progress
