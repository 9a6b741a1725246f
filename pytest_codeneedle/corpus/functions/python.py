"""The named functions of a Python text, found with `ast` (design/recall.md, "Functions")."""

from __future__ import annotations

import ast
import platform
import warnings
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.corpus.functions.function import Function
from pytest_codeneedle.corpus.functions.lines import split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator


#: To the interpreter that reads it: a newer one reads more.
_NOT_PYTHON = f"not Python {'.'.join(platform.python_version_tuple()[:2])}"


def functions(text: str, *, source: str) -> Iterator[Function]:
    """Every `def` and `async def` of `text`, breadth-first, short ones and repeated names included.

    A body runs from the line of its first statement, the docstring included, to the last line of its last
    one. A first statement that is a decorated `def` or `class` starts at that keyword, not at its
    decorators, as in the public harness. `signature_line` is the line of `def`: where the body begins on
    that very line (``def f(): return [``), it equals `start_line`.

    Raises `CorpusError`, with the line, for a text that is not Python to the running interpreter.
    """
    tree = _parse(text, source)
    lines = split_lines(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            start = node.body[0].lineno
            yield Function(
                name=node.name,
                start_line=start,
                body=tuple(lines[start - 1 : node.body[-1].end_lineno]),
                language="python",
                source=source,
                signature_line=node.lineno,
            )


def _parse(text: str, source: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            # An invalid escape in the corpus is not for us to report, and an error under `-W error`.
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        place = f"{source}, line {error.lineno}" if error.lineno else source  # a NUL has no line
        message = f"{place}: {_NOT_PYTHON}: {error.msg}"
        raise CorpusError(message) from error
    except ValueError as error:  # a lone surrogate
        message = f"{source}: {_NOT_PYTHON}: {error}"
        raise CorpusError(message) from error
    except (RecursionError, MemoryError) as error:  # what the parser's own stack raises
        message = f"{source}: nested too deeply for Python's parser"
        raise CorpusError(message) from error
