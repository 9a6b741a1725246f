"""Everything that this package raises on purpose.

::

    CodeneedleError
    |-- ConfigurationError      known before any server starts: a usage error (exit 4)
    |   |-- CorpusError         unknown, unreadable, or without long enough functions
    |   |-- CacheTypeError      a KV cache type or pair that llama.cpp does not take
    |   |-- ModelError          a model file that is missing or not GGUF
    |   |-- ServerNotFoundError no llama-server binary and no embedded one
    |   |-- RunFolderError      a run folder that is in use, missing or damaged
    |   `-- BaselineError       a baseline that is damaged, or of another corpus or other questions
    `-- CellError               only a running server can tell: an ERROR of its cell, never a FAIL
        |-- ServerStartError    it died or did not get ready; carries the end of its log
        |-- ServerLeftError     it does not end
        |-- InvalidCellError    its log shows something else than what was asked for
        |-- TemplateError       its chat template leaves the question or the text out, or changes them
        |-- PromptTooLongError  prompt and answer do not fit its context
        `-- AnswerError         no usable answer: an HTTP error, an empty or a cut-off one
            `-- BrokenAnswerError       asking again may mend it: the connection or the server broke
                `-- LateAnswerError     it did not come in time: the server hangs

Each message names the thing, the value that was wrong and the way out.
"""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What the system says of a path that it does not look at, wherever it is met.
_NO_PATH = (errno.ENAMETOOLONG, errno.EACCES, errno.ELOOP)


class CodeneedleError(Exception):
    """The root of the tree in this module's docstring."""


class ConfigurationError(CodeneedleError):
    """What was asked for cannot be done, and no server is needed to know it."""


class CorpusError(ConfigurationError):
    """A corpus that is unknown, unreadable, or has no function that is long enough."""


class CacheTypeError(ConfigurationError):
    """A KV cache type, or a pair of them, that llama.cpp's server does not take."""


class ModelError(ConfigurationError):
    """A model that is missing, not GGUF, or not fit for the corpus."""


class ServerNotFoundError(ConfigurationError):
    """Neither a llama-server binary nor the embedded server is there."""


class RunFolderError(ConfigurationError):
    """A run folder that already holds a run, holds none, or is damaged."""


class BaselineError(ConfigurationError):
    """A stored run that no baseline can be: damaged, no baseline at all, or of another corpus or other questions."""


#: What reading a damaged record raises where nothing more is known: a part is missing, or is something else.
DAMAGED = (KeyError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError)


def damage(error: Exception) -> str:
    """What is wrong with a record that raised it (one of DAMAGED), for a message that names the record."""
    if isinstance(error, KeyError):
        return f"there is no {error}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, TypeError | AttributeError):
        return f"a part of it is something else than it should be ({error})"
    return str(error) or "its figures are none"


@contextlib.contextmanager
def naming_paths() -> Iterator[None]:
    """Around what takes paths from a user, before any server: one that the system refuses is a ConfigurationError."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_PATH or error.filename is None:
            raise
        msg = f"{error.filename}: {error.strerror}; give another path"
        raise ConfigurationError(msg) from error


class CellError(CodeneedleError):
    """A cell, or one of its items, that gave no answer to score."""


class ServerStartError(CellError):
    """A server that ended, or was not ready in time, while it loaded."""


class ServerLeftError(CellError):
    """A server of which something is left that this user cannot end."""


class InvalidCellError(CellError):
    """A server whose log shows other cache types than those asked for, or another rotation."""


class TemplateError(CellError):
    """A chat template whose prompt does not hold the message as it is."""


class PromptTooLongError(CellError):
    """A prompt that does not fit the server's context together with its answer."""


class AnswerError(CellError):
    """A request that brought no answer to score. `response` is what came before it was known, often nothing.

    `label` is what `labels` calls an answer without anything to score; None for other faults.
    """

    def __init__(self, message: str, response: str = "", label: str | None = None) -> None:
        super().__init__(message)
        self.response = response
        self.label = label


class BrokenAnswerError(AnswerError):
    """A request that the connection or the server broke off; the same request may well be answered later."""


class LateAnswerError(BrokenAnswerError):
    """An answer that was not whole when its time was up: the server hangs, or is too slow to wait for."""
