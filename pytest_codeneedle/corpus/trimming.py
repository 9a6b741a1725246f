"""How many whole files of a text have so many tokens together: counted from the beginning, for most is thrown away."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Dense code has hardly fewer characters a token: the first look is rather too short.
_CHARACTERS_PER_TOKEN = 2
#: A text that is cut within a file may have a few tokens more at its end than whole text has there.
_SLACK = 64


def fitting(texts: Iterable[str], count_tokens: Callable[[str], int], limit: int) -> int:
    """How many of these texts, from the first on, have at most `limit` tokens together.

    Only as many of the texts are taken as it takes to know, and of one that is too long only the beginning is counted.
    More text is held to have more tokens, but for a few where it is cut.
    """
    begun = _Beginning(texts)
    size, fits = max(1, _CHARACTERS_PER_TOKEN * limit), 0
    while True:
        beginning = begun.up_to(size)
        tokens = count_tokens(beginning)
        if begun.ended and len(beginning) == begun.ends[-1] and tokens <= limit:
            return len(begun.ends) - 1
        if tokens > limit + _SLACK or (begun.ended and len(beginning) == begun.ends[-1]):
            break
        if tokens <= limit - _SLACK:
            fits = bisect_right(begun.ends, len(beginning)) - 1
        size *= 2
    too_many = bisect_left(begun.ends, len(beginning))  # the first end that is not before what was too much
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        enough = count_tokens(begun.text[: begun.ends[middle]]) <= limit
        fits, too_many = (middle, too_many) if enough else (fits, middle)
    return fits


class _Beginning:
    """The first of the texts as one, as far as it was asked for; `ends` are where they end in it, after a 0."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._left = iter(texts)
        self.text = ""
        self.ends = [0]
        self.ended = False

    def up_to(self, characters: int) -> str:
        """So much of it, up to the end of that line where it is near; all where there is less."""
        taken = []
        while self.ends[-1] < characters and not self.ended:
            text = next(self._left, None)
            if text is None:
                self.ended = True
            else:
                taken.append(text)
                self.ends.append(self.ends[-1] + len(text))
        self.text = "".join([self.text, *taken])
        line_end = self.text.find("\n", characters, 2 * characters)
        return self.text[: characters if line_end < 0 else line_end + 1]
