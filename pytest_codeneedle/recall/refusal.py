"""Answers that say that there will be no answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_codeneedle.recall.cleaning import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A refusal of more lines than this is taken for an answer.
REFUSAL_LINES = 8
_FENCE_LINE = re.compile(r"(?:^|(?<=[\r\n]))[^\S\r\n]*```[^\r\n]*")
_REFUSAL = re.compile(
    r"(?:i'm|i am) (?:(?:very|so|truly|really) )?(?:sorry|afraid|unable|not able|not allowed|not permitted)\b"
    r"|sorry[,.!]? (?:but|i|i'm|this|that|the)\b"
    r"|(?:my )?apologies\b[,.!]|i (?:must )?(?:apologi[sz]e|decline)\b"
    r"|i (?:cannot|can not|can't|could not|couldn't|will not|won't)\b"
    r"|i (?:do not|don't|did not|didn't) (?:have|see|know|find)\b"
    r"|as an? (?:ai|artificial intelligence|(?:large )?language model)\b"
    r"|unfortunately,? (?:i|i'm|there|the)\b"
    r"|there (?:is|are) no (?:such )?(?:functions?|methods?|source code)\b"
    r"|(?:the|this|that) (?:requested |given |named )?(?:function|method)\b.{0,80}"
    r"\b(?:does not|doesn't|could not|couldn't|cannot|can't|is not|isn't|was not|wasn't)\b",
    re.IGNORECASE,
)


def is_refusal(primary: Sequence[str], response: str, *, bonus: Sequence[str] = ()) -> bool:
    """Whether `response` says that it will not or cannot answer: in doubt it does not.

    Its first line after thinking and fences opens like a refusal, it has at most `REFUSAL_LINES` lines with text,
    none of them is one of `primary` or `bonus`, and none of those opens like a refusal itself.
    """
    said = [line.strip() for line in clean(_FENCE_LINE.sub("", response)) if line.strip()]
    if not said or len(said) > REFUSAL_LINES or not _opens_like_a_refusal(said[0]):
        return False
    expected = {line.strip() for line in (*primary, *bonus)}
    return expected.isdisjoint(said) and not any(map(_opens_like_a_refusal, expected))


def _opens_like_a_refusal(line: str) -> bool:
    return bool(_REFUSAL.match(line.lstrip().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")))
