"""The rooms as a picture and as a table, drawn of the imports as they are: `house` (in tests/) reads them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from house import DOORS, FLOORS, IMPORTS, MODULES, own, room

_WIDTH, _STOREY, _BOX_HEIGHT = 760, 96, 44
#: Where the boxes of a floor stand, as shares of the width: apart from those above, so that lines can be followed.
_PLACES = {
    "core": 0.5,
    "corpus": 0.24,
    "recall": 0.62,
    "runs": 0.3,
    "server": 0.82,
    "stats": 0.5,
    "report": 0.2,
    "sweep": 0.74,
    "plugin": 0.62,
    "cli": 0.3,
}
_BOX_WIDTHS = {"core": 640}
_USUAL_WIDTH = 128


@dataclass(frozen=True)
class _Box:
    """A room's box: the middle of it, in pixels from the top left, and its width."""

    middle: float
    top: float
    width: float

    @property
    def bottom(self) -> float:
        return self.top + _BOX_HEIGHT


def counts() -> Counter[tuple[str, str]]:
    """How many modules of a room another room's modules import: (who imports, what is imported) -> imports."""
    inside = set(MODULES) - DOORS
    edges = [(room(module), room(other)) for module in inside for other in own(IMPORTS[module].every) - DOORS]
    return Counter(edge for edge in edges if edge[0] != edge[1])


def house_svg() -> str:
    """The rooms on their floors, a line for each pair of rooms; its width grows with the number of imports."""
    height = len(FLOORS) * _STOREY
    boxes = {
        name: _Box(
            _PLACES[name] * _WIDTH, (len(FLOORS) - 1 - floor) * _STOREY + 20, _BOX_WIDTHS.get(name, _USUAL_WIDTH)
        )
        for floor, rooms in enumerate(FLOORS)
        for name in rooms
    }
    found = counts()
    lines = [
        _line(boxes[above], boxes[below], f"{above} → {below}: {n} imports", n)
        for (above, below), n in sorted(found.items())
    ]
    drawn = [_drawn(name, box) for name, box in boxes.items()]
    label = "The rooms of the package on their floors; every line runs downward."
    head = (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}" style="max-width: 100%" font-size="15">'
    )
    return "\n".join([head, *lines, *drawn, "</svg>"])


def _line(above: _Box, below: _Box, title: str, imports: int) -> str:
    lean = (below.middle - above.middle) / 4
    reach = below.width / 2 - 10
    end = min(max(above.middle, below.middle - reach), below.middle + reach) if reach > _USUAL_WIDTH else below.middle
    half = (below.top - above.bottom) / 2
    path = (
        f"M {above.middle + lean / 3:.0f} {above.bottom:.0f} C {above.middle + lean:.0f} {above.bottom + half:.0f}, "
        f"{end - lean:.0f} {below.top - half:.0f}, {end:.0f} {below.top:.0f}"
    )
    width = 0.6 + math.sqrt(imports) / 2.5
    return (
        f'<path d="{path}" fill="none" stroke="currentColor" stroke-opacity="0.4" stroke-width="{width:.1f}">'
        f"<title>{title}</title></path>"
    )


def _drawn(name: str, box: _Box) -> str:
    modules = sum(room(module) == name for module in MODULES)
    left = box.middle - box.width / 2
    return (
        f'<g><rect x="{left:.0f}" y="{box.top:.0f}" width="{box.width:.0f}" height="{_BOX_HEIGHT}" rx="6" '
        'fill="var(--color-background-secondary, #eee)" stroke="currentColor"/>'
        f'<text x="{box.middle:.0f}" y="{box.top + 19:.0f}" text-anchor="middle" fill="currentColor" '
        f'font-weight="bold">{name}</text>'
        f'<text x="{box.middle:.0f}" y="{box.top + 36:.0f}" text-anchor="middle" fill="currentColor" '
        f'font-size="12">{modules} modules</text></g>'
    )


def house_table() -> str:
    """The same in figures: a row for each room that imports, a column for each that is imported."""
    found = counts()
    rooms = [name for rooms in reversed(FLOORS) for name in rooms]
    head = [
        "| imports of ... by | " + " | ".join(f"`{name}`" for name in rooms) + " |",
        "|---" * (len(rooms) + 1) + "|",
    ]
    rows = [f"| `{above}` | " + " | ".join(str(found[above, below] or "") for below in rooms) + " |" for above in rooms]
    return "\n".join([*head, *rows]) + "\n"
