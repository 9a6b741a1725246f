from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.kv_types import BITS, by_precision
from pytest_codeneedle.plugin.html_columns import COLUMNS, header_cells, one_cell, plain_cell, row_cells
from pytest_codeneedle.plugin.html_report import item_key
from pytest_codeneedle.report.page.model import PageItem
from pytest_codeneedle.report.page.packed_items import key

ROW = {
    "corpus": "six",
    "ctk": "q8_0",
    "ctv": "q4_0",
    "rotation": "on",
    "replicate": 1,
    "function": "parse<T>",
    "depth": 0.125,
    "primary_matched": 7,
    "hallucinated": 12,
    "run_on": True,
    "label": "paraphrased",
}


def read(cells: list[str]) -> dict[str, str]:
    """What pytest-html's script sorts by: its expressions, as in `_hydrate_data`."""
    found = {}
    for cell in cells:
        name, text = re.search(r"col-(\w+)", cell), re.search(r"<td.*?>(.*?)</td>", cell)
        assert name
        assert text
        found[name[1]] = text[1]
    return found


def test_every_column_sorts() -> None:
    """pytest-html looks for the word in the header, and for the key in both."""
    assert list(COLUMNS) == list(read(row_cells(ROW))) == list(read(row_cells(None)))
    assert all('class="sortable"' in cell for cell in header_cells())
    assert list(COLUMNS) == [re.findall('data-column-type="(.*?)"', cell)[0] for cell in header_cells()]


def test_a_row() -> None:
    """Types, the question, what was counted; escaped."""
    said = {name: text.strip() for name, text in read(row_cells(ROW)).items()}
    assert {"ctk": "q8_0", "ctv": "q4_0", "function": "parse&lt;T&gt;", "depth": "12.5 %"}.items() <= said.items()
    assert {"matched": "7", "hallucinated": "12", "run_on": "yes", "label": "paraphrased"}.items() <= said.items()


def test_an_error_has_no_figures() -> None:
    """Nor has a question that was not asked."""
    scores = dict.fromkeys(("primary_matched", "hallucinated", "label"))
    said = read(row_cells({**ROW, **scores}))
    assert ("-", "-", "-", "") == (said["matched"], said["hallucinated"], said["run_on"], said["label"])


def test_types_sort_as_in_a_grid() -> None:
    """As strings the most precise comes first, and a test that is in no grid last."""
    order = by_precision(BITS)
    cells = {name: read(row_cells({**ROW, "ctk": name}))["ctk"] for name in order}
    assert list(order) == sorted(order, key=cells.__getitem__)
    assert max(cells.values()) < read(row_cells(None))["ctk"]


@given(st.integers(0, 9999), st.integers(0, 9999))
def test_numbers_sort_as_numbers(one: int, other: int) -> None:
    """Though pytest-html compares strings; none comes behind all."""
    first, second = (read(row_cells({**ROW, "primary_matched": value}))["matched"] for value in (one, other))
    assert (one < other) == (first < second)
    assert max(first, second) < read(row_cells(None))["matched"]


def test_cells_as_one() -> None:
    """What HTML does without is left out, and nothing else."""
    cells = [plain_cell("testId", "a  b"), '<td class="col-own"> 1 > 0 </td>', "<td>x</td>"]
    assert '<td class=col-testId>a  b<td class="col-own">1 > 0 <td>x' == one_cell(cells)
    assert "<td class=col-testId>&lt;b&gt;\\u202e\\x00" == one_cell([plain_cell("testId", "<b>\u202e\x00")])


def test_the_script_finds_items_by_the_same_key() -> None:
    """That of the page's items and that of a row."""
    place = "q8_0/q4_0:rot-on#2"
    item = PageItem("failed", "q8_0", "q4_0", place, "parse<T>", 0.1, 1, 1, True, "", 0.1, "", None)
    assert key("six", item) == item_key(ROW) == f"six|{place}|parse<T>"
