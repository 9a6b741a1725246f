"""Stored runs as a picture: a heatmap for each grid, all on one scale. matplotlib (extra `plot`) draws it."""

from __future__ import annotations

import io
import textwrap
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.text import counted, shown_line
from pytest_codeneedle.report.heat.colours import Scale, ink
from pytest_codeneedle.report.heat.tables import margins_heat, matched_heat, passes_heat
from pytest_codeneedle.runs.calibration import calibrated
from pytest_codeneedle.runs.design import Frame
from pytest_codeneedle.runs.grid import make_grid
from pytest_codeneedle.runs.margins import cell_margins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.report.heat.tables import Heat
    from pytest_codeneedle.runs.grid import View

Figures = Literal["matched", "passes", "margins"]
FIGURES: tuple[Figures, ...] = get_args(Figures)
#: What it can be written as, by the suffix of the file.
FORMATS = ("png", "svg")

#: Inches: a field; what stands left of a panel's fields, above, right and below; the edge; the least width.
_FIELD = (0.72, 0.46)
_LEFT, _ABOVE, _RIGHT, _BELOW = 0.85, 0.5, 0.2, 0.3
_EDGE, _NARROWEST = 0.12, 3.5
#: Inches: a line and a character of a title; the bar of colours with its figures and what they are, the bar alone.
_LINE, _CHARACTER = 0.17, 0.085
_BAR, _BAR_HIGH = 0.62, 0.11
#: Characters of a name that are shown: the run's folder has all of it.
_LONGEST = 160
#: Pixels of a PNG to the inch.
_DPI = 160
_INK, _GREY = "#222222", "#ececec"
_SETTINGS: dict[Any, Any] = {  # its keys are a type of its own
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same everywhere
    "font.size": 9,
    "hatch.color": "#c4c4c4",
    "hatch.linewidth": 0.6,
    "svg.fonttype": "none",  # text stays text: it can be searched, copied and read out
    "svg.hashsalt": "codeneedle",
    "text.color": _INK,
    "text.parse_math": False,  # a name may have a $
}
#: More panels than columns are put into rows of three, four into a square.
_COLUMNS = {1: 1, 2: 2, 4: 2}


@dataclass(frozen=True)
class Panel:
    """One grid, and the lines of its title."""

    title: tuple[str, ...]
    heat: Heat


def panels(name: str, about: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], of: Figures) -> list[Panel]:
    """A panel for each grid of a stored run, one for each rotation; `name`, if any, tells it from others like it."""
    frame = Frame.of(about)
    asked = f"{about['model_name']}, {counted(frame.functions, 'function')}"
    found = []
    for view in frame.views:
        told = [str(about["corpus"]), asked, frame.title(view), name, calibrated(about, rows, frame).caution]
        found.append(Panel(tuple(_short(shown_line(one)) for one in told if one), _heat(rows, frame, view, of)))
    return found


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _heat(rows: Sequence[Mapping[str, Any]], frame: Frame, view: View, of: Figures) -> Heat:
    grid = make_grid(rows, frame.pairs, view)
    if of == "margins":
        return margins_heat(grid, cell_margins(rows, frame.pairs, frame.reference, view), frame.functions)
    if of == "passes":
        return passes_heat(grid, frame.functions)
    return matched_heat(grid, frame.lines, frame.functions)


def shared_scale(drawn: Sequence[Panel]) -> Scale:
    """From the least to the most that any of them spans; those without a figure have no say.

    Raises ConfigurationError where none has one.
    """
    scales = [panel.heat.scale for panel in drawn if any(cell.value is not None for cell in _fields(panel.heat))]
    if not scales:
        why = {"margins": "builds before December 2024 and endpoints tell none; draw --of matched"}
        kind = drawn[0].heat.key
        msg = f"nothing to draw: no {drawn[0].heat.title} in {'this run' if len(drawn) == 1 else 'these runs'}"
        raise ConfigurationError(f"{msg} ({why.get(kind, 'no question was answered')})")
    low, high = min(scale.low for scale in scales), max(scale.high for scale in scales)
    return replace(scales[0], low=low, high=high)


def _fields(heat: Heat) -> list[Any]:
    return [cell for _, fields in heat.rows for cell in fields]


def picture(drawn: Sequence[Panel], form: str) -> bytes:
    """The picture of these panels as `png` or `svg`: the same bytes each time from one version of matplotlib.

    Raises ConfigurationError where matplotlib is not there, or there is no figure.
    """
    scale = shared_scale(drawn)
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra: imported where it is used
        from matplotlib.figure import Figure  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        msg = f"a picture needs matplotlib ({error.name} is not there): pip install '.[plot]' in its source folder"
        msg = f"{msg}, pip install 'pytest-codeneedle[plot]' where it came as a wheel"
        raise ConfigurationError(msg) from error
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in letters that the font lacks
        mpl.rcdefaults()  # not as this user likes plots to be
        mpl.rcParams.update(_SETTINGS)
        layout = _Layout.of(drawn)
        figure = Figure(figsize=layout.inches, dpi=_DPI)
        _draw(figure, drawn, scale, layout)
        written = io.BytesIO()
        figure.savefig(written, format=form, metadata=_metadata(drawn, form))
    return written.getvalue()


@dataclass(frozen=True)
class _Layout:
    """Where everything stands, in inches from the left and the top: fields are alike in all panels.

    `corners` are the top left ones of each panel's fields, `inches` the size of the whole picture.
    """

    titles: tuple[str, ...]
    corners: tuple[tuple[float, float], ...]
    inches: tuple[float, float]
    unit: str

    @classmethod
    def of(cls, drawn: Sequence[Panel]) -> _Layout:
        """A column is as wide as its widest panel, a row as high as its highest: a small one has no hole beside it.

        Where all figures are of one unit the bar says it, else each title.
        """
        across = _COLUMNS.get(len(drawn), 3)
        units = {panel.heat.unit for panel in drawn}
        unit = units.pop() if len(units) == 1 else ""
        needed = [_LEFT + _FIELD[0] * len(panel.heat.columns) + _RIGHT for panel in drawn]
        wide = [max(_NARROWEST, *needed[at::across]) for at in range(across)]
        titles = [
            _wrapped(panel.title if unit else (*panel.title, panel.heat.unit), wide[at % across] - _RIGHT)
            for at, panel in enumerate(drawn)
        ]
        corners: list[tuple[float, float]] = []
        top = _EDGE
        for first in range(0, len(drawn), across):
            row = range(first, min(first + across, len(drawn)))
            top += _LINE * max(titles[at].count("\n") + 1 for at in row) + _ABOVE
            corners += [(_EDGE + sum(wide[: at - first]) + _LEFT, top) for at in row]
            top += _FIELD[1] * max(len(drawn[at].heat.rows) for at in row) + _BELOW
        return cls(tuple(titles), tuple(corners), (2 * _EDGE + sum(wide), top + _BAR), unit)

    def box(self, left: float, top: float, wide: float, high: float) -> tuple[float, float, float, float]:
        """The same in shares of the picture from its left and its bottom, as matplotlib counts."""
        all_wide, all_high = self.inches
        return left / all_wide, 1 - (top + high) / all_high, wide / all_wide, high / all_high


def _wrapped(title: Sequence[str], wide: float) -> str:
    return "\n".join(part for line in title for part in textwrap.wrap(line, int(wide / _CHARACTER)))


def _draw(figure: Any, drawn: Sequence[Panel], scale: Scale, layout: _Layout) -> None:  # noqa: ANN401 - matplotlib's
    for panel, title, (left, top) in zip(drawn, layout.titles, layout.corners, strict=True):
        along, down = max(1, len(panel.heat.columns)), max(1, len(panel.heat.rows))
        axes = figure.add_axes(layout.box(left, top, _FIELD[0] * along, _FIELD[1] * down))
        x, y, _, _ = layout.box(left - _LEFT, top - _ABOVE, 0, 0)
        figure.text(x, y, title, fontsize=10, va="bottom")
        _draw_fields(axes, panel.heat, scale)
        _label(axes, panel.heat)
    _draw_bar(figure, drawn[0].heat, scale, layout)


def _draw_bar(figure: Any, heat: Heat, scale: Scale, layout: _Layout) -> None:  # noqa: ANN401 - as above
    """Below all panels, from the first one's fields on: what it says has room there, however few the fields are."""
    from matplotlib.cm import ScalarMappable  # noqa: PLC0415 - as above
    from matplotlib.colors import ListedColormap, Normalize  # noqa: PLC0415 - as above
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - as above

    shades = ListedColormap([replace(scale, low=0, high=255).colour(at) for at in range(256)])
    low, high = (scale.low, scale.high) if scale.high > scale.low else (scale.low - 0.5, scale.high + 0.5)
    left, wide = layout.corners[0][0], max(_NARROWEST - _LEFT - _RIGHT, _FIELD[0] * len(heat.columns))
    place = figure.add_axes(layout.box(left, layout.inches[1] - _BAR, wide, _BAR_HIGH))
    ticks = MaxNLocator(5, integer=heat.key == "passes", steps=[1, 2, 5, 10])
    bar = figure.colorbar(
        ScalarMappable(Normalize(low, high), shades), cax=place, orientation="horizontal", ticks=ticks
    )
    bar.set_label(", ".join(filter(None, (heat.title, layout.unit))))
    bar.outline.set_visible(False)


def _draw_fields(axes: Any, heat: Heat, scale: Scale) -> None:  # noqa: ANN401 - as above
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - as above

    for down, (_, fields) in enumerate(heat.rows):
        for along, cell in enumerate(fields):
            paint = _GREY if cell.value is None else scale.colour(cell.value)
            axes.add_patch(Rectangle((along, down), 1, 1, facecolor=paint, edgecolor="white", linewidth=1.5))
            if cell.value is None:
                axes.add_patch(Rectangle((along, down), 1, 1, fill=False, hatch="////", linewidth=0))
            colour = _INK if cell.value is None else ink(paint)
            axes.text(along + 0.5, down + 0.5, cell.text, ha="center", va="center_baseline", color=colour)


def _label(axes: Any, heat: Heat) -> None:  # noqa: ANN401 - as above
    """The types of V above, as in the printed grid, those of K on the left."""
    along, down = max(1, len(heat.columns)), max(1, len(heat.rows))
    axes.set(xlim=(0, along), ylim=(down, 0), xlabel="ctv", ylabel="ctk")
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xticks([at + 0.5 for at in range(len(heat.columns))], heat.columns)
    axes.set_yticks([at + 0.5 for at in range(len(heat.rows))], [label for label, _ in heat.rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _metadata(drawn: Sequence[Panel], form: str) -> dict[str, str | None]:
    """What stands in the file beside the picture; no date and no version, which would differ each time."""
    title = f"KV-cache recall: {drawn[0].heat.title}"
    told = " | ".join(_in_words(panel) for panel in drawn)
    never: dict[str, str | None] = {"Software": None} if form == "png" else {"Date": None, "Creator": None}
    return {**never, "Title": title, "Description": told}


def _in_words(panel: Panel) -> str:
    heat = panel.heat
    rows = "; ".join(f"{label}: {' '.join(cell.text for cell in fields)}" for label, fields in heat.rows)
    return f"{', '.join(panel.title)}: {heat.title}, {heat.unit}: {heat.corner}: {' '.join(heat.columns)}; {rows}"
