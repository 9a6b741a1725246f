"""What the rotation is worth: differences paired by function, and which cells differ."""

from __future__ import annotations

import math

import pytest

from pytest_codeneedle.core.kv_types import KVPair, grid_pairs
from pytest_codeneedle.report.text.grids import rotation_lines
from pytest_codeneedle.stats.rotation import rotation_contrasts

BF16, Q8, Q4 = KVPair("bf16", "bf16"), KVPair("q8_0", "q8_0"), KVPair("q4_0", "q4_0")
FEW = [f"f{number}" for number in range(4)]
MANY = [f"f{number:02}" for number in range(16)]


def lines(names: list[str], count: float, **but: float) -> dict[str, float]:
    """So many lines of each function, but for those that are named."""
    return {**dict.fromkeys(names, count), **but}


def test_one_cell_differs() -> None:
    """It is named with its mean, its interval and p after Holm; the grid has all cells, and signs."""
    on = {BF16: lines(MANY, 20), Q8: lines(MANY, 20), Q4: lines(MANY, 19, f00=18)}
    off = {BF16: lines(MANY, 20), Q8: lines(MANY, 20, f00=19), Q4: lines(MANY, 16, f03=17)}

    assert [
        "rotation on - off",
        "",
        "mean difference in lines, function by function",
        "ctk\\ctv    bf16    q8_0    q4_0",
        "bf16       0.00       -       -",
        "q8_0          -   +0.06       -",
        "q4_0          -       -   +2.88",
        "",
        "rotation: 1 of 2 cells differ, on - off (paired by function, exact sign-flip,",
        "  Holm over 2 cells):",
        "q4_0/q4_0  +2.88 lines (95 % +2.16 to +3.00, p < 0.001)",
    ] == rotation_lines(on, off)


def test_one_of_one_is_one() -> None:
    """Its sentence is no plural."""
    said = " ".join(rotation_lines({Q4: lines(MANY, 20)}, {Q4: lines(MANY, 16)}))
    assert "rotation: 1 of 1 cell differs, on - off (paired by function, exact sign-flip," in said
    assert "Holm over 1 cell):" in said


def test_pairs_are_functions() -> None:
    """A function that was answered one way only is left out; a cell without any says so in the grid alone."""
    on = {Q8: {"f": 20.0, "g": 3.0}, Q4: {"h": 20.0}}
    off = {Q8: {"g": 2.0, "h": 20.0}, Q4: {}}
    found = rotation_contrasts(on, off)

    assert [Q8] == list(found)
    assert (1, 1.0) == (found[Q8].contrast.n, found[Q8].contrast.mean)
    assert ["q8_0      +1.00       -", "q4_0          -     err"] == rotation_lines(on, off)[4:6]


def test_neither_side_quantized() -> None:
    """Such a cell is no part of the family, however far it drifts."""
    found = rotation_contrasts({BF16: lines(MANY, 20), Q4: lines(MANY, 20)}, {BF16: lines(MANY, 1), Q4: lines(MANY, 1)})

    assert (None, False) == (found[BF16].adjusted, found[BF16].differs)
    assert found[Q4].adjusted == found[Q4].contrast.p
    assert found[Q4].differs


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (MANY, "rotation: no line differs, on - off (paired by function, exact sign-flip, Holm over 4 cells)"),
        (FEW, "rotation: 4 functions cannot show a difference in one of 4 cells: 8 are needed (paired by"),
    ],
)
def test_no_cell_differs(names: list[str], said: str) -> None:
    """It is said, or that so few functions could not show it; no line is longer than 80 columns."""
    pairs = grid_pairs(["q8_0", "q4_0"], ["q8_0", "q4_0"])
    same = {pair: lines(names, 20) for pair in pairs}
    told = rotation_lines(same, same)

    assert said in " ".join(line.strip() for line in told)
    assert max(map(len, told)) <= 80
    assert all(one.contrast.tied for one in rotation_contrasts(same, same).values())


def test_answers_that_are_missing_one_way_are_no_ties() -> None:
    """Eight of sixteen functions are silent with the rotation: equal where they answered, and not said to be equal."""
    off = {Q8: lines(MANY, 20), Q4: lines(MANY, 20)}
    answered = {Q8: lines(MANY, 20), Q4: lines(MANY[8:], 20)}
    lost = {**answered, Q4: {**lines(MANY[:8], 0), **lines(MANY[8:], 20)}}
    told = rotation_lines(answered, off, (lost, off))

    assert ["q8_0       0.00       -", "q4_0          -   0.00*"] == told[4:6]
    said = " ".join(line.strip() for line in told[7:])
    assert said.startswith("rotation: no cell differs significantly both without missing answers and with them counted")
    assert "1 cell lacks answers: q4_0/q4_0  0.00 lines (p = 1.000); counted as lost -10.00 lines (95 %" in said
    assert said.endswith("p = 0.016)")


def test_a_cell_that_is_silent_one_way_is_named() -> None:
    """It is not left out, as a cell that was not asked is."""
    off, silent, lost = {Q4: lines(MANY, 20)}, {Q4: {}}, {Q4: lines(MANY, 0)}
    told = " ".join(" ".join(rotation_lines(silent, off, (lost, off))).split())

    assert "Holm over 1 cell); 1 cell lacks answers: q4_0/q4_0 not answered both ways; counted as lost -20.00" in told


def test_what_is_not_significant_has_its_size() -> None:
    """With the cell that differs most, and an interval that no cell can leave."""
    on = {Q8: lines(MANY, 20), Q4: lines(MANY, 20, f00=0, f01=4, f02=0)}
    off = {Q8: lines(MANY, 20), Q4: lines(MANY, 20)}
    said = " ".join(" ".join(rotation_lines(on, off, lines=20)).split())
    assert "rotation: no cell differs significantly, on - off (paired by function, exact sign-flip, Holm over 2" in said
    assert "; most in q4_0/q4_0: -3.50 lines (95 % " in said
    assert said.endswith(" to 0.00, p = 0.500)")


@pytest.mark.parametrize("cells", [1, 4, 35])
def test_needed_functions_are_the_least(cells: int) -> None:
    """With so many, a loss in every one is found; with one fewer none can be."""
    needed = math.ceil(math.log2(2 * cells / 0.05))
    pairs = [KVPair("q4_0", f"q{number}") for number in range(cells)]
    for count, expected in ((needed, True), (needed - 1, False)):
        on = {pair: {str(name): 0.0 if pair == pairs[0] else 9.0 for name in range(count)} for pair in pairs}
        off = {pair: {str(name): 9.0 for name in range(count)} for pair in pairs}
        assert expected == rotation_contrasts(on, off)[pairs[0]].differs


def test_nothing_both_ways() -> None:
    """An empty run says so."""
    assert "rotation: no quantized cell has answers both ways" == rotation_lines({}, {})[-1]
    assert "rotation: no quantized cell has answers both ways" == rotation_lines({BF16: {"f": 1.0}}, {BF16: {}})[-1]
