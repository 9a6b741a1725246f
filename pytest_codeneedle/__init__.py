"""What does a quantized KV cache cost your model? The 6x6 grid of llama-server's `-ctk X -ctv Y`, as a test suite.

This is the public face: the classes that the fixtures give, for a `conftest.py` or tests of your own, and stored runs
with their comparison. Each name is loaded when it is first asked for: a pytest run without the grid pays nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_codeneedle.core.cells import Cell, Place
    from pytest_codeneedle.core.errors import (
        AnswerError,
        BaselineError,
        CellError,
        CodeneedleError,
        ConfigurationError,
        InvalidCellError,
        RunFolderError,
        ServerStartError,
    )
    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.corpus.corpus import Corpus
    from pytest_codeneedle.corpus.functions.function import Function
    from pytest_codeneedle.recall.answer import Answer
    from pytest_codeneedle.recall.scoring import Score
    from pytest_codeneedle.runs.baseline_file import read_run
    from pytest_codeneedle.runs.stored_run import StoredCell, StoredRun
    from pytest_codeneedle.server.log.validity import Validity
    from pytest_codeneedle.server.process import LlamaServer
    from pytest_codeneedle.server.program import ServerArgs
    from pytest_codeneedle.stats.comparison import Change, Comparison, Flip, compare
    from pytest_codeneedle.sweep.endpoint_cell import ServedCell
    from pytest_codeneedle.sweep.judge import Recall
    from pytest_codeneedle.sweep.running_cell import RunningCell
    from pytest_codeneedle.sweep.settings import Settings

__all__ = [
    "Answer",
    "AnswerError",
    "BaselineError",
    "Cell",
    "CellError",
    "Change",
    "CodeneedleError",
    "Comparison",
    "ConfigurationError",
    "Corpus",
    "Flip",
    "Function",
    "InvalidCellError",
    "KVPair",
    "LlamaServer",
    "Place",
    "Recall",
    "RunFolderError",
    "RunningCell",
    "Score",
    "ServedCell",
    "ServerArgs",
    "ServerStartError",
    "Settings",
    "StoredCell",
    "StoredRun",
    "Validity",
    "compare",
    "read_run",
]

#: Where each name is defined; `tests/unit/test_public_face.py` holds it against the imports above.
_MODULES = {
    "core.cells": ("Cell", "Place"),
    "core.errors": (
        "AnswerError",
        "BaselineError",
        "CellError",
        "CodeneedleError",
        "ConfigurationError",
        "InvalidCellError",
        "RunFolderError",
        "ServerStartError",
    ),
    "core.kv_types": ("KVPair",),
    "corpus.corpus": ("Corpus",),
    "corpus.functions.function": ("Function",),
    "recall.answer": ("Answer",),
    "recall.scoring": ("Score",),
    "runs.baseline_file": ("read_run",),
    "runs.stored_run": ("StoredCell", "StoredRun"),
    "server.log.validity": ("Validity",),
    "server.process": ("LlamaServer",),
    "server.program": ("ServerArgs",),
    "stats.comparison": ("Change", "Comparison", "Flip", "compare"),
    "sweep.endpoint_cell": ("ServedCell",),
    "sweep.judge": ("Recall",),
    "sweep.running_cell": ("RunningCell",),
    "sweep.settings": ("Settings",),
}

if not TYPE_CHECKING:  # type checkers see the imports above, and so a name that is misspelled

    def __getattr__(name: str) -> object:
        """The public name, out of its module (PEP 562). Raises AttributeError for another."""
        from importlib import import_module  # noqa: PLC0415 - a plain pytest run pays for no import

        for module, names in _MODULES.items():
            if name in names:
                return getattr(import_module(f"{__name__}.{module}"), name)
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)

    def __dir__() -> list[str]:
        """The public names, and what every module has."""
        return sorted({*globals(), *__all__})
