"""Text for a terminal: figures and sentences as people read them, the text of others without its terminal codes."""

from __future__ import annotations

import math
import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


COLUMNS = 80
#: What p-values are held against, as in `paired`, which loads scipy.
_LEVEL = 0.05
#: `32k`, `8,192`, `8192.0`
_AMOUNT = re.compile(r"(?P<digits>\d[\d,_' ]*)(?P<rest>\.\d+)?\s?(?P<unit>[km]?)i?(?:b|tok(?:ens?)?)?", re.IGNORECASE)
_UNITS = {"": 1, "k": 2**10, "m": 2**20}
#: Below this a p-value is said to be below it.
_LEAST_P = 0.001
#: Control, formatting (bidirectional overrides, zero width), surrogates (not encodable), line and paragraph separators,
#: fillers and selectors that take no room; all but the tab.
_UNSAFE = re.compile(
    "[\0-\x08\n-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
#: Characters of a line of somebody else's that are shown.
LONGEST = 400
#: Of a line of a message: a value in it may have any length.
MOST_OF_MESSAGE = 4000


def signed(value: float, decimals: int = 2) -> str:
    """`+0.31`, `-1.06`; what rounds to nothing is `0.00`."""
    text = f"{value:+.{decimals}f}"
    return text if text.strip("+-0.") else text[1:]


def p_value(p: float) -> str:
    """`0.032`, `< 0.001`; on either side of the level with as many digits as tell it from that: `0.0503`."""
    text = f"{p:.3f}"
    if p != _LEVEL and float(text) == _LEVEL:
        text = next((more for digits in (4, 5, 6) if float(more := f"{p:.{digits}f}") != _LEVEL), text)
    return f"< {_LEAST_P}" if p < _LEAST_P else text


def p_is(p: float) -> str:
    """`p = 0.032`, `p < 0.001`."""
    return f"p {p_value(p)}" if p < _LEAST_P else f"p = {p_value(p)}"


def span(interval: Interval | None, decimals: int = 2) -> str:
    """`95 % -0.30 to +0.12`; `95 % open` where the data bound neither end; nothing where there is no interval."""
    if interval is None:
        return ""
    if not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return "95 % open"
    return f"95 % {signed(interval.low, decimals)} to {signed(interval.high, decimals)}"


def lines_of(count: float) -> str:
    """`1 line`, `0.4 lines`, `2 lines`."""
    return f"{count:.3g} line{'' if count == 1 else 's'}"


def counted(count: int, what: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"1 {what}" if count == 1 else f"{count} {what}s"


def meant(value: object) -> str:
    """`; did you mean 32768?` of a whole number that was written otherwise, as `32k`; nothing of anything else."""
    found = _AMOUNT.fullmatch(str(value).strip())
    if found is None:
        return ""
    number = float(re.sub(r"\D", "", found["digits"]) + (found["rest"] or "")) * _UNITS[found["unit"].lower()]
    return f"; did you mean {number:.0f}?" if number.is_integer() else ""


def few(names: Sequence[str], most: int = 6, between: str = ", ") -> str:
    """The first of these names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return between.join(names[:most]) + more


def percent(share: float) -> str:
    """`17 %`; a share that is not nothing is never `0 %`, one that is not all never `100 %`."""
    if 0 < share < 0.01:  # noqa: PLR2004 - a percent
        return "under 1 %"
    return f"{min(99, round(100 * share)) if share < 1 else 100} %"


def wrapped(text: str) -> list[str]:
    """A sentence in lines of 80 columns; words stay whole, for a person may copy them."""
    return textwrap.wrap(text, COLUMNS, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, both included; -inf and inf where an end is open."""

    low: float
    high: float


def encodable(text: str) -> str:
    """The text without lone surrogates: half a character out of a JSON escape cannot be written to a file."""
    return text.encode("utf-8", "replace").decode()


def printable(text: str) -> str:
    r"""The text with what is unsafe or cannot be seen escaped, as in `\x1b`; tabs stay."""
    return _UNSAFE.sub(lambda found: ascii(found[0])[1:-1], text)


def printable_json(text: str) -> str:
    """JSON with the same escaped as JSON has it: what is read from it is the same. Its line ends stay."""
    return _UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else _in_json(found[0]), text)


def shown_line(text: str) -> str:
    r"""One line as `printable`; of a longer one than `LONGEST` the beginning, and how many characters more it has."""
    kept, more = cut(text)
    return printable(kept) + more


def shortened(text: str) -> str:
    """A line of a message; of one of more than `MOST_OF_MESSAGE` characters its beginning and its end, the way out."""
    more = len(text) - MOST_OF_MESSAGE
    kept = MOST_OF_MESSAGE // 2
    return text if more <= 0 else f"{text[:kept]} ... {more} more characters ... {text[-kept:]}"


def cut(text: str) -> tuple[str, str]:
    """The first `LONGEST` characters of a line, and what is said of the others."""
    more = len(text) - LONGEST
    return (text, "") if more <= 0 else (text[:LONGEST], f" ... {more} more characters")


def _in_json(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
