"""The colours of a heatmap: cividis, which colour-blind eyes read as others do, and the ink that is read on it.

Of differences, PuOr: brown and purple, which colour-blind eyes tell apart, on either side of a neutral zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Nunez, Anderton and Renslow (2018), PLoS ONE 13(7): e0199239; every fifth of matplotlib's 256 colours, dark to light.
_CIVIDIS = (
    "00224e002656002a5f002d68003070083370163770203a6f273e6e2e416d34456c3a486c3f4c6c444f6c49536c4e566c535a6d575d6d5c616e"
    "60646f656870696b716d6f727272747676767a7a787e7d788381798885788d8878928c789690779b9476a09875a59c74aaa073afa471b5a86f"
    "baac6dbfb06bc4b468c9b965cfbd62d4c15fdac65bdfca57e5cf52ead34cf0d846f6dd3ffce236fee838"
)
#: Harrower and Brewer (2003), ColorBrewer.org: PuOr of eleven classes without its two darkest ends.
_PUOR = "b35806e08214fdb863fee0b6f7f7f7d8daebb2abd28073ac542788"


def _anchors(colours: str) -> tuple[tuple[int, ...], ...]:
    return tuple(
        tuple(int(colours[at + channel : at + channel + 2], 16) for channel in (0, 2, 4))
        for at in range(0, len(colours), 6)
    )


_ANCHORS, _DIVERGING = _anchors(_CIVIDIS), _anchors(_PUOR)

#: sRGB's curve begins as a straight line.
_LINEAR_UP_TO = 0.04045

Ink = Literal["#000", "#fff"]


@dataclass(frozen=True)
class Scale:
    """Values from `low`, the dark end, to `high`, the light one; what is beyond an end has its colour.

    One that is `diverging` goes from brown to purple, and the middle has no hue.
    """

    low: float
    high: float
    diverging: bool = False

    def share(self, value: float) -> float:
        """Where the value lies between the ends, 0 to 1; in the middle where the ends are one."""
        if not self.high > self.low:
            return 0.5
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def colour(self, value: float) -> str:
        """`#rrggbb`."""
        anchors = _DIVERGING if self.diverging else _ANCHORS
        place = self.share(value) * (len(anchors) - 1)
        at = min(int(place), len(anchors) - 2)
        mixed = (round(a + (b - a) * (place - at)) for a, b in zip(anchors[at], anchors[at + 1], strict=True))
        return "#" + "".join(f"{channel:02x}" for channel in mixed)


def ink(background: str) -> Ink:
    """Black or white, whichever contrasts more with `#rrggbb`: by 4.58 at least, and WCAG 2.2 asks for 4.5."""
    return "#000" if contrast(background, "#000000") >= contrast(background, "#ffffff") else "#fff"


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two colours, each `#rrggbb`: 1 to 21."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance, 0 to 1."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= _LINEAR_UP_TO else ((channel + 0.055) / 1.055) ** 2.4
