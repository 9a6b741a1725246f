"""Figures as a person reads them: signed lines, p-values, intervals; and sentences as a terminal has room for them."""

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
