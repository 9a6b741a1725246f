"""An answer beside the lines that were asked for, as far as a page may show it."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from pytest_codeneedle.core.printable import shown_line
from pytest_codeneedle.core.text import counted
from pytest_codeneedle.recall.scoring import DiffLine, aligned_diff
from pytest_codeneedle.report.page.model import ShownDiff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_codeneedle.recall.scoring import Tag

#: Lines of a diff that are shown, unless more were asked for.
MOST_LINES = 200
_ASKED_FOR: tuple[Tag, ...] = ("matched", "missing")


def shown_diff(
    primary: Sequence[str], bonus: Sequence[str], response: str, *, relax_indent: bool, hidden: Sequence[Tag]
) -> ShownDiff:
    """The aligned diff, each line fit to be seen (`shown_line`); of `hidden` kinds it says only how many there are.

    Of more than `MOST_LINES` lines those stay that were asked for, and the first of the others.
    """
    diff = aligned_diff(primary, bonus, response, relax_indent=relax_indent)
    counts = Counter(line.tag for line in diff if line.tag in hidden)
    left_out = [
        f"{counted(counts[tag], f'{tag} line')} not shown: the corpus is private" for tag in hidden if counts[tag]
    ]
    allowed = [line for line in diff if line.tag not in hidden]
    room = max(0, MOST_LINES - sum(line.tag in _ASKED_FOR for line in allowed))
    others = count()
    kept = [line for line in allowed if line.tag in _ASKED_FOR or next(others) < room]
    if len(kept) < len(allowed):
        left_out.append(f"{counted(len(allowed) - len(kept), 'more line')} of the answer not shown")
    return ShownDiff(tuple(DiffLine(line.tag, shown_line(line.text)) for line in kept), "; ".join(left_out))
