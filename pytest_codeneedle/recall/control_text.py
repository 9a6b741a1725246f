"""Text of a corpus that is called like control tokens of a model: `<|im_end|>`, `<filename>`, `</s>`.

Read as such a token it ends a turn or names a file, and no answer can show it: the line that holds it is lost in every
cell. Which there are only a tokenizer knows (`composing` asks it); of an endpoint, shapes that many models have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.core.text import few

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Control tokens as most vocabularies of the last years have them.
_SHAPES = re.compile(
    r"<\|[^|<>\s]{1,40}\|>|<\uff5c[^\uff5c<>\n]{1,40}\uff5c>|</?s>|<(?:bos|eos|pad|unk|mask|eod|sep|cls)>"
    r"|<(?:start|end)_of_\w+>|<(?:fim|commit|issue|jupyter|file|repo|notes?)_\w+>|<(?:filename|reponame|gh_stars|empty_output)>"
    r"|\[/?INST\]|<</?SYS>>|\[/?(?:gMASK|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]|<\w{1,16}_bos>|\]~b\]"
)


@dataclass(frozen=True)
class ControlText:
    """What of the text that is asked about is called like control tokens.

    `functions` are those among whose lines it is; `found` says that it is anywhere. `as_tokens`: prompts go out as
    tokens, in which it is text. Else it becomes those tokens; `known` says that the model has them, and no endpoint's.
    """

    found: bool = False
    as_tokens: bool = False
    functions: tuple[str, ...] = ()
    known: bool = True

    @property
    def said(self) -> str:
        """What a person should know of it before anything is asked; empty where there is nothing."""
        if not self.found:
            return ""
        named = few(self.functions)
        if self.as_tokens:
            where = f" (in lines of {named})" if named else ""
            return f"text that this model has control tokens for{where} is sent as plain text"
        lost = f"; such lines of {named} cannot be recalled" if named else "; what stands above it may be lost"
        if not self.known:
            lost = f"; if so, such lines of {named} are lost" if named else ""
            return f"holds text that many models have control tokens for, and an endpoint reads as such{lost}"
        return f"holds text that this model has control tokens for, and reads as such{lost}; exclude those files"


def guessed(text: str, asked: Mapping[str, str]) -> ControlText:
    """By shape alone: of the whole text, and of the lines asked for by function."""
    functions = tuple(name for name, lines in asked.items() if _SHAPES.search(lines))
    return ControlText(found=bool(functions) or bool(_SHAPES.search(text)), functions=functions, known=False)
