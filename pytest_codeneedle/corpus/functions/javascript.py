"""The named functions of a JavaScript text (design/recall.md, "Functions").

esprima reads it, as in the public harness, so that samples agree. What esprima cannot read, because it is
newer than ES2017 or nested too deeply, tree-sitter reads by the same rules.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from pytest_codeneedle.core.text import encodable
from pytest_codeneedle.corpus.functions import javascript_esprima as extract_js_esprima
from pytest_codeneedle.corpus.functions import javascript_treesitter as extract_js_treesitter
from pytest_codeneedle.corpus.functions.function import Function
from pytest_codeneedle.corpus.functions.lines import LINE_END, split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator


def functions(text: str, *, source: str) -> Iterator[Function]:
    """Every named function of `text` that has a block body, as written, whatever its length.

    A body is the lines strictly between the line with ``{`` and the line with ``}``. `signature_line` is
    the line where the name is given: that of the function itself where it carries its own, else of the
    variable, property, method or assignment target; from there to ``start_line - 1`` is the header.

    Raises `CorpusError`, with the line, for a text that neither parser can read.
    """
    found = extract_js_esprima.named_blocks(text)
    if found is None:
        found = extract_js_treesitter.named_blocks(text, source=source)
    lines = split_lines(text)
    line_starts = [0, *(end.end() for end in LINE_END.finditer(text))]
    for block in found:
        first = bisect_right(line_starts, block.opening) + 1
        yield Function(
            name=encodable(block.name),
            start_line=first,
            body=tuple(lines[first - 1 : bisect_right(line_starts, block.closing) - 1]),
            language="javascript",
            source=source,
            signature_line=bisect_right(line_starts, block.named_at),
        )
