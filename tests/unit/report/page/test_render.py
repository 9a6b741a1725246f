"""Pages as text: what is in them, what can never be in them."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pages_made
import pytest
from jinja2 import UndefinedError

from pytest_codeneedle.report.heat.colours import Scale
from pytest_codeneedle.report.heat.tables import HeatCell
from pytest_codeneedle.report.page.render import asset, is_ours, marks, page, policy, run_fragment, run_page

ASSETS = [path.name for path in files("pytest_codeneedle.report.page").joinpath("assets").iterdir()]
SCRIPTS = sorted(name for name in ASSETS if ".js" in name)
STYLES = sorted(name for name in ASSETS if ".css" in name)


#: They have no end.
_VOID = ("br", "meta", "link")


class Read(HTMLParser):
    """The elements, the text of headings, and scripts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[str, str]] = []
        self.scripts: list[str] = []
        self.texts: list[str] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if re.fullmatch(r"h\d", tag):
            self.headings.append((tag, ""))

    def handle_data(self, data: str) -> None:
        """Text of the last element that began."""
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside != "style":
            self.texts.append(data)
        if re.fullmatch(r"h\d", self._inside):
            tag, text = self.headings[-1]
            self.headings[-1] = tag, text + data

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        self._inside = self._inside if tag in _VOID else ""

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all such elements."""
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_order_of_a_page() -> None:
    """One h1, no level skipped, the verdict first; what to distrust before it, where there is any."""
    read = Read(run_page([pages_made.section()], title="a run"))
    headings = [("h1", "a run"), ("h2", "NOT WORSE"), ("h2", "K alone"), ("h2", "V alone")]
    headings += [("h2", "Calibration"), ("h2", "This run"), ("h2", "Every question")]
    assert headings == read.headings

    doubtful = pages_made.section(
        cautions=("servers drifted",), gate="not worse than b1", parts=(pages_made.part(word=""),)
    )
    read = Read(run_page([doubtful, pages_made.section(corpus="other")], title="two"))
    told = [text for _, text in read.headings]
    assert ["What to distrust", "No verdict"] == told[2:4]
    assert "Against the baseline" in told
    assert "other, control-fragile-k" in told
    assert ["h1", "h2", "h3", "h3"] == [tag for tag, _ in read.headings[:4]]


def test_a_heatmap_is_a_table() -> None:
    """It has a caption, headers with scopes and a figure in each field; a field without a value has no colour."""
    html = run_page([pages_made.section()], title="a run")
    read = Read(html)
    tables = html.count("<table")

    assert tables == html.count("<caption") == 4 + 2 + 1
    assert all("scope" in attributes for attributes in read.named("th"))
    coloured = [attributes for attributes in read.named("td") if "style" in attributes]
    assert 3 * 34 + 6 * 16 - 2 == len(coloured)
    colour = Scale(18, 20).colour(19.0)
    assert f'style="background:{colour};color:#000"' in html
    assert ["no answer", "not asked"] * 4 == [one["title"] for one in read.named("td") if one.get("class") == "cn-none"]


def test_a_percent_sign_stays_with_its_number() -> None:
    """On a page, where a line may end anywhere."""
    html = run_page([pages_made.section(gate="8 functions leave open up to 31 % (95 %); % alone")], title="a run")
    assert "up to 31\N{NO-BREAK SPACE}% (95\N{NO-BREAK SPACE}%); % alone" in html
    assert "95&nbsp;% interval" in html


def test_p_is_called_by_what_it_is_adjusted_for() -> None:
    """At the table of cells; of a single declared pair it is the test's own."""
    family = "q4_0/q4_0 was declared, 34 other cells share one level (Holm)"
    html = run_page([pages_made.section(parts=(pages_made.part(family=family),))], title="a run")
    assert f'<p class="cn-note">{family}</p>' in html
    assert ">p (Holm)</th>" in html
    assert ">p</th>" in run_page([pages_made.section()], title="a run")


def test_a_scale_is_drawn_where_there_are_figures_to_compare() -> None:
    """None of an empty table, none of a single figure."""
    one = pages_made.heat("matched", "matched lines", "mean of 20", Scale(18, 20))
    single = replace(one, rows=(("bf16", (HeatCell("20.00", 20.0, "all"), HeatCell("err", None, "no answer"))),))
    for heat, scales in ((one, 1), (single, 0), (replace(one, rows=()), 0)):
        html = run_page([pages_made.section(parts=(pages_made.part(heats=(heat,)),))], title="a run")
        assert scales == html.count('<p class="cn-scale"')


def test_what_a_rotation_is_worth_is_a_part_of_its_own() -> None:
    """Behind those of the two rotations, and no verdict is missed there."""
    heat = pages_made.heat("rotation", "rotation on - off", "lines", Scale(-2, 2, diverging=True))
    both = pages_made.part(title="rotation: on - off", word="", heats=(heat,), sides=(), cells=())
    parts = (pages_made.part(title="rotation on"), pages_made.part(title="rotation off"))
    html = run_page([pages_made.section(parts=parts, rotation=both)], title="a run")
    titles = re.findall(r"<h2 class=.cn-word .*?</h2>", html)
    told = [re.sub("<.*?>", "", title) for title in titles]
    assert ["rotation on: NOT WORSE", "rotation off: NOT WORSE", "rotation: on - off"] == told
    assert 'class="cn-heat cn-heat-rotation' in html
    assert "#f7f7f7" in html


def test_pictures_have_words_and_a_table() -> None:
    """An SVG is named by its title, and the figures follow in `details`."""
    html = run_page([pages_made.section()], title="a run")
    labels = [one["aria-labelledby"] for one in Read(html).named("svg")]

    assert 2 == len(labels) == len(set(labels))
    for label in labels:
        assert f'<title id="{label}">' in html
    assert 2 == len(re.findall(r"</svg>\s*<details>\s*<summary>Figures of [KV]</summary>", html))
    assert re.search(r'<th scope="row" class="cn-mono">q4_0</th>.*open</td>.*', html)


def test_text_of_others_stays_text() -> None:
    """No element, no attribute and no script comes of it, wherever it stands."""
    html = run_page([pages_made.hostile_section(), pages_made.section()], title=pages_made.HOSTILE[0])
    harmless = run_page([pages_made.section(cautions=("a",), gate="b"), pages_made.section()], title="c")
    read = Read(html)

    assert {tag for tag, _ in Read(harmless).elements} | {"h3"} >= {tag for tag, _ in read.elements}
    assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]
    assert 2 + 2 == len(read.named("script"))
    assert not set("\x1b\x00\u202e\u2066\u2028") & set(html)
    assert pages_made.HOSTILE[1] in "".join(read.texts)
    assert r"\x1b[31mred\x1b[0m \x00 \u202egnirts" in "".join(read.texts)


def test_the_policy_lets_only_our_scripts_run() -> None:
    """Each by its hash; data is no script. Nothing is asked for but what the page carries."""
    html = run_page([pages_made.section()], title="a run")
    read = Read(html)
    (meta,) = [one["content"] or "" for one in read.named("meta") if one.get("http-equiv")]
    ours = [
        text
        for attributes, text in zip(read.named("script"), read.scripts, strict=True)
        if attributes.get("type") != "application/json"
    ]

    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in ours}
    assert hashes == set(re.findall(r"'sha256-[^']+'", meta))
    assert meta.startswith("default-src 'none'; img-src data:; ")
    assert "script-src 'none'" in policy([])
    assert [{"rel": "icon", "href": "data:,"}] == read.named("link")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_write_text_only(name: str) -> None:
    """Strict, in a scope of their own, and without a way to make elements of text."""
    script = asset(name)

    assert re.search(r"""\{\s*(["'])use strict\1;""", script)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", script)
    assert "</" not in script
    assert "<!--" not in script


@pytest.mark.parametrize("name", STYLES)
def test_styles_ask_for_nothing(name: str) -> None:
    """No address, no import."""
    assert not re.search(r"url\(|@import|</", asset(name))


def test_a_fragment_is_no_document() -> None:
    """It brings its style, data and script along; its items only where they are wanted."""
    bare = run_fragment([pages_made.section()], with_items=False)
    whole = run_fragment([pages_made.section()], with_items=True)

    assert not re.search(r"<(html|head|body|title>|meta|h1)", bare)
    assert ("style", "script", "script") == tuple(tag for tag, _ in Read(bare).elements if tag in {"style", "script"})
    assert "h2" == Read(bare).headings[0][0]
    assert 'class="cn-items"' not in bare
    assert 'class="cn-items"' in whole


def test_a_page_is_known_as_ours() -> None:
    """So that no other is overwritten."""
    assert is_ours(run_page([], title="nothing"))
    assert not is_ours("<html><head><title>codeneedle</title>")


def test_a_link_back() -> None:
    """To where the page is listed."""
    assert '<a href="../../index.html">archive</a>' in run_page([], title="a", back=("../../index.html", "archive"))


def test_code_that_is_not_shown_is_said() -> None:
    """A failure without a diff is no riddle."""
    items = (pages_made.item(1, ("q8_0", "q4_0"), "failed", diff=None),)

    assert "Of 1 failed no code is shown" in run_page([pages_made.section(items=items)], title="a")


def test_runs_of_one_corpus_have_names_of_their_own() -> None:
    """By their dates; the same run twice by a number; a corpus that stands alone needs none."""
    first, second = (pages_made.section(facts=(("date", date),)) for date in ("1 May", "2 May"))
    other = pages_made.section(corpus="other", facts=(("date", "1 May"),))

    assert ["1 May", "2 May", ""] == marks([first, second, other])
    assert ["1 May, run 1", "2 May", "1 May, run 2"] == marks([first, second, first])
    assert [""] == marks([first])
    labels = [one.get("aria-label") for one in Read(run_page([first, first], title="a")).named("div")]
    named = [label for label in labels if label]
    assert len(set(named)) == len(named) > 8
    assert any(label.endswith(": random-bodies-mini, 1 May, run 2") for label in named)


def test_a_missing_value_is_an_error() -> None:
    """A template that asks for what nobody gave says so."""
    with pytest.raises(UndefinedError):
        page("run.html", title="a")


def test_sizes() -> None:
    """576 failed questions take less than 1 MB; 20,000 less than 4 MB, however many fail."""
    failed = tuple(pages_made.item(at, pair, "failed") for pair in pages_made.PAIRS for at in range(16))
    assert len(run_page([pages_made.section(items=failed)], title="a")) < 1_000_000

    many = tuple(pages_made.item(at, pair, "failed") for pair in pages_made.PAIRS for at in range(556))
    assert len(run_page([pages_made.section(items=many)], title="a")) < 4_000_000
