"""Stored runs as a picture, read back from the SVG: its text stays text."""

from __future__ import annotations

import re
import sys
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_runs import about, row

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.report.heat.colours import Scale
from pytest_codeneedle.report.heat.picture import FIGURES, Panel, panels, picture, shared_scale
from pytest_codeneedle.report.heat.tables import Heat, HeatCell

PAIRS = ["bf16/bf16", "bf16/q4_0", "q4_0/q4_0"]


def rows(*lines: float | None, **more: Any) -> list[dict[str, Any]]:
    """One function, in each of the pairs that have lines here; None is an ERROR."""
    return [row(pair, "f", of_pair, **more) for pair, of_pair in zip(PAIRS, lines, strict=False)]


def run(**more: Any) -> dict[str, Any]:
    """run.json of the three pairs."""
    return about(**{"pairs": PAIRS, "functions": [{"name": "f"}], **more})


def written(*drawn: Panel) -> list[str]:
    """All text of the picture, as it is drawn."""
    tree = ET.fromstring(picture(drawn, "svg"))
    return ["".join(one.itertext()) for one in tree.iter("{http://www.w3.org/2000/svg}text")]


def heat(*values: float | None, low: float = 0, high: float = 20) -> Heat:
    """One row of figures."""
    fields = tuple(HeatCell("-" if value is None else f"{value:g}", value, "") for value in values)
    names = tuple(f"v{at}" for at in range(len(values)))
    return Heat("matched", "matched lines", "mean of 20 lines", "", names, (("k", fields),), Scale(low, high), "")


def test_a_run() -> None:
    """The title says what was asked, the sides say the types, and every field has its figure; gaps are told apart."""
    (panel,) = panels("", run(), rows(20, 11.0, None), "matched")
    text = written(panel)

    assert ["tiny", "model, 1 function"] == [one for one in text if one in panel.title]
    assert ["20.00", "11.00", "-", "err"] == [one for one in text if one in {"20.00", "11.00", "-", "err"}]
    assert {"ctk", "ctv", "bf16", "q4_0", "matched lines, mean of 20 lines"} <= set(text)


def test_a_run_with_and_without_rotation() -> None:
    """Each has a panel; the name stands below."""
    both = {"rotations": ["on", "off"]}
    drawn = panels("run-2", run(**both), [*rows(20, rotation="on"), *rows(12, rotation="off")], "matched")

    assert [("rotation on", "run-2"), ("rotation off", "run-2")] == [panel.title[2:] for panel in drawn]
    assert ["20.00", "12.00"] == [one for one in written(*drawn) if one in {"20.00", "12.00"}]


@pytest.mark.parametrize(
    ("of", "figure", "unit"), [("passes", "1", "of 1 function"), ("margins", "3.50", "nats over ref")]
)
def test_other_figures(of: Any, figure: str, unit: str) -> None:
    """Functions passed, and margins."""
    (panel,) = panels("", run(), rows(20, margins="4:3.5"), of)

    assert FIGURES[0] not in {of, panel.heat.key}
    assert figure in written(panel)
    assert unit == panel.heat.unit


def test_nothing_to_draw() -> None:
    """Where there are no margins, and where there is no answer, that is said instead."""
    with pytest.raises(ConfigurationError, match=r"no log-probability margins in this run \(builds before"):
        picture(panels("", run(), rows(20), "margins"), "png")
    with pytest.raises(ConfigurationError, match=r"no matched lines in these runs \(no question was answered\)"):
        picture(2 * panels("", run(), rows(None), "matched"), "png")


@given(st.lists(st.lists(st.none() | st.floats(0, 20), min_size=1, max_size=4), min_size=1, max_size=5))
def test_one_scale(runs: list[list[float | None]]) -> None:
    """No figure of any panel is beyond its ends, and a panel without figures does not widen it."""
    drawn = []
    for values in runs:
        known = [value for value in values if value is not None]
        drawn.append(Panel(("",), heat(*values, low=min(known, default=-99), high=max(known, default=99))))
    known = [value for values in runs for value in values if value is not None]
    if not known:
        with pytest.raises(ConfigurationError):
            shared_scale(drawn)
        return

    assert Scale(min(known), max(known)) == shared_scale(drawn)


@pytest.mark.parametrize("count", [3, 4, 5])
def test_panels_of_different_sizes(count: int) -> None:
    """Any number fits, and each has its title."""
    drawn = [Panel((f"run {at}",), heat(*range(at + 1))) for at in range(count)]

    assert {f"run {at}" for at in range(count)} <= set(written(*drawn))


def outside(*drawn: Panel) -> list[str]:
    """Texts of which a part lies beyond the picture's edge, taken 0.6 em for a character."""
    tree = ET.fromstring(picture(drawn, "svg"))
    _, _, wide, high = map(float, tree.attrib["viewBox"].split())
    found = []
    for one in tree.iter("{http://www.w3.org/2000/svg}text"):
        said, style = "".join(one.itertext()), one.attrib["style"]
        (size,) = re.findall(r"font-size: ([\d.]+)px", style)
        (x, y), length = placed(one), 0.6 * float(size) * len(said)
        before = length if "text-anchor: end" in style else length / 2 if "text-anchor: middle" in style else 0.0
        if "rotate(-90" in one.attrib["transform"]:
            beyond = y + before - length < 0 or y + before > high or not float(size) <= x <= wide
        else:
            beyond = x - before < 0 or x - before + length > wide or not float(size) <= y <= high
        if beyond:
            found.append(said)
    return found


def placed(text: ET.Element) -> tuple[float, float]:
    """Where a text of the picture stands, in points."""
    if "x" in text.attrib:
        return float(text.attrib["x"]), float(text.attrib["y"])
    ((x, y),) = re.findall(r"translate\(([\d.-]+) ([\d.-]+)\)", text.attrib["transform"])
    return float(x), float(y)


@pytest.mark.parametrize("of", FIGURES)
@pytest.mark.parametrize("pairs", [PAIRS[:1], PAIRS[:2], PAIRS], ids=["1x1", "1x2", "2x2"])
def test_small_grids_have_room_for_what_is_said(of: Any, pairs: list[str]) -> None:
    """All text lies within the picture, with a rotation and without; so does what stands at the bar of colours."""
    answers = [row(pair, "f", 20, margins="4:3.5", rotation=way) for pair in pairs for way in ("on", "off")]
    both = panels("", run(pairs=pairs, rotations=["on", "off"]), answers, of)

    assert [] == outside(*both)
    assert [] == outside(both[0])


def test_a_small_grid_beside_a_large_one() -> None:
    """It takes the room that it needs, not that of the large one."""
    large = Panel(("large",), heat(*range(12)))
    widths = [
        float(ET.fromstring(picture(drawn, "svg")).attrib["viewBox"].split()[2])
        for drawn in ([large], [large, Panel(("small",), heat(1))])
    ]

    assert widths[1] < 1.5 * widths[0]


def test_passes_are_counted_in_whole_numbers() -> None:
    """Also at the bar of colours."""
    answers = [row(pair, name, 20) for pair in PAIRS for name in "fgh"]
    (panel,) = panels("", run(functions=[{"name": name} for name in "fgh"]), answers, "passes")

    assert {"1", "2", "3"} <= set(written(panel))
    assert [] == [one for one in written(panel) if re.fullmatch(r"\d+\.\d+", one)]


def test_figures_of_different_units() -> None:
    """Runs that asked for more or fewer lines say so themselves, not the bar."""
    drawn = panels("", run(), rows(20), "matched") + panels("", run(lines=10), rows(9), "matched")
    text = written(*drawn)

    assert {"matched lines", "mean of 20 lines", "mean of 10 lines"} <= set(text)


def test_one_figure_everywhere() -> None:
    """A scale without any width is one, too."""
    assert "7" in written(Panel(("flat",), heat(7, low=7, high=7)))


def test_names_stay_text() -> None:
    """Marks of a formula, of a page and of another writing direction; letters that the font lacks; a long name."""
    name = "a$_b$c <script>&\u202e\u4e2d " + 12 * "long name "
    (panel,) = panels("", run(corpus=name), rows(20), "matched")
    whole = " ".join(written(panel))

    assert r"a$_b$c <script>&\u202e中 long name" in whole
    assert whole.count("long name") == name.count("long name")
    assert b"\x89PNG" == picture([panel], "png")[:4]


def test_a_name_of_many_characters() -> None:
    """Its beginning is drawn: the picture keeps its size, and nothing hangs over."""
    (panel,) = panels("", run(corpus=1500 * "x "), rows(20), "matched")

    assert panel.title[0].endswith("...")
    assert [] == outside(panel)
    assert len(written(panel)) < 25


@pytest.mark.parametrize("form", ["png", "svg"])
def test_the_same_bytes(form: str) -> None:
    """Nothing of the day, of the user's settings or of chance is in the file."""
    import matplotlib as mpl  # noqa: PLC0415 - as the module does

    drawn = panels("", run(), rows(20, 11, None), "matched")
    first = picture(drawn, form)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert first == picture(drawn, form)


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named, as a source folder has it and as a wheel. A fake: matplotlib is there in tests."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigurationError, match=r"pip install '\.\[plot\]' .* 'pytest-codeneedle\[plot\]' "):
        picture(panels("", run(), rows(20), "matched"), "png")
