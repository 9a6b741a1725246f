"""Sections of runs -> a page that needs nothing else: no request leaves it, and it works from a file.

`run_page` is a whole document with a content security policy; `run_fragment` stands within a page of others. All text
is escaped by Jinja2 and goes through `printable`; what the scripts draw is text alone.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pytest_codeneedle.core.text import counted, printable, signed
from pytest_codeneedle.report.heat.colours import ink
from pytest_codeneedle.report.page.packed_items import DIFF_BYTES, as_script, packed, printable_lines
from pytest_codeneedle.report.page.whiskers import whiskers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.report.heat.colours import Scale
    from pytest_codeneedle.report.heat.tables import Heat
    from pytest_codeneedle.report.page.model import CellLine, Section

#: What the meta element `generator` of our own pages begins with.
GENERATOR = "pytest-codeneedle"
_FOLDER = "assets"
_STEPS = 9  # of a scale that is drawn
#: As `verdict` has them, which is not loaded for three words: scipy comes with it.
WORSE, NOT_WORSE, INCONCLUSIVE = "WORSE", "NOT WORSE", "INCONCLUSIVE"
#: Columns whose names are longer stand upright.
_SHORT_NAME = 6
_PERCENT = re.compile(r"(?<=\d) %")


def run_page(
    sections: Sequence[Section], *, title: str, back: tuple[str, str] | None = None, all_diffs: bool = False
) -> str:
    """The whole page of one run. `back` is (address, text) of a link at its top.

    Diffs take up to DIFF_BYTES of it unless `all_diffs`.
    """
    return page(
        "run.html",
        title=title,
        back=back,
        styles=("page.css",),
        scripts=("diffs.js", "items.js"),
        **_values(sections, with_items=True, all_diffs=all_diffs),
    )


def run_fragment(sections: Sequence[Section], *, with_items: bool, all_diffs: bool = False) -> str:
    """The same without a document around it, with its style, data and script: for a page of others.

    With `with_items` the table of items is there too; `codeneedle.drawDiff(host, key)` of its script draws a diff in
    either case (`packed_items.key`).
    """
    return (
        _environment()
        .get_template("fragment.html")
        .render(
            styles=("base.css", "page.css"),
            scripts=("diffs.js", "items.js") if with_items else ("diffs.js",),
            **_values(sections, with_items=with_items, all_diffs=all_diffs),
        )
    )


def page(
    template: str,
    *,
    title: str,
    back: tuple[str, str] | None = None,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    **values: Any,  # noqa: ANN401 - whatever the template asks for
) -> str:
    """A template that extends `layout.html`, with these assets written into it and a policy that lets no other run.

    The look of all pages (base.css) comes first.
    """
    return (
        _environment()
        .get_template(template)
        .render(
            title=title,
            back=back,
            styles=("base.css", *styles),
            scripts=scripts,
            policy=policy([asset(name) for name in scripts]),
            generator=f"{GENERATOR} {version(GENERATOR)}",
            **values,
        )
    )


def asset(name: str) -> str:
    """The text of a file in `pages/`."""
    return files("pytest_codeneedle.report.page").joinpath(_FOLDER, name).read_text(encoding="utf-8")


def policy(scripts: Sequence[str]) -> str:
    """The content security policy of a page whose inline scripts are these, to the byte."""
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    sources = " ".join(f"'sha256-{one}'" for one in hashes) or "'none'"
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src {sources}; base-uri 'none'; form-action 'none'"
    )


def is_ours(text: str) -> bool:
    """Whether a page was made here: its meta element says so."""
    return f'<meta name="generator" content="{GENERATOR} ' in text


def is_archive(text: str) -> bool:
    """Whether a page of ours is the index of an archive."""
    return is_ours(text) and '<script type="application/json" id="cn-archive">' in text


@cache
def _environment() -> Environment:
    """Jinja2 as all templates are drawn with: everything escaped, a name that is not there an error."""
    made = Environment(
        loader=PackageLoader("pytest_codeneedle.report.page", _FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters |= {"signed": signed, "figure": _figure, "plain": _plain}
    made.globals |= {
        "asset": lambda name: Markup(asset(name)),  # noqa: S704 - our own files
        "json": lambda value: Markup(as_script(value)),  # noqa: S704 - as_script leaves no mark-up
        "ink": ink,
        "steps": steps,
        "upright": upright,
        "tally": tally,
        "word_of": word_of,
        "whiskers": whiskers,
    }
    return made


def _shown(value: Any) -> Any:  # noqa: ANN401 - whatever a template prints
    """Text of others without control and bidirectional characters, no line ending within `95 %`; mark-up as it is."""
    return _PERCENT.sub("\N{NO-BREAK SPACE}%", printable_lines(value)) if type(value) is str else value


def _values(sections: Sequence[Section], *, with_items: bool, all_diffs: bool) -> Mapping[str, Any]:
    packs = packed(sections, budget=None if all_diffs else DIFF_BYTES)
    return {
        "sections": sections,
        "marks": marks(sections),
        "packs": packs,
        "with_items": with_items,
        "alone": len(sections) == 1,
    }


def marks(sections: Sequence[Section]) -> list[str]:
    """What tells sections of one corpus from each other: the date, then a number; nothing where a corpus has one."""
    dates = [dict(one.facts).get("date", "") for one in sections]
    known = [(one.corpus, date) for one, date in zip(sections, dates, strict=True)]
    corpora = [corpus for corpus, _ in known]
    made = []
    for at, (corpus, date) in enumerate(known):
        number = f"run {known[: at + 1].count((corpus, date))}" if known.count((corpus, date)) > 1 else ""
        made.append(", ".join(filter(None, (date, number))) if corpora.count(corpus) > 1 else "")
    return made


def steps(scale: Scale) -> list[str]:
    """The colours of a scale from its low to its high end."""
    return [scale.colour(scale.low + (scale.high - scale.low) * at / (_STEPS - 1)) for at in range(_STEPS)]


def upright(heat: Heat) -> bool:
    """Whether the names of the columns are too long to lie."""
    return any(len(column) > _SHORT_NAME for column in heat.columns)


def tally(cells: Sequence[CellLine]) -> str:
    """`35 cells: 2 WORSE, 33 NOT WORSE`."""
    words = [word_of(cell) for cell in cells]
    told = ", ".join(f"{words.count(word)} {word}" for word in (WORSE, NOT_WORSE, INCONCLUSIVE) if word in words)
    return f"{counted(len(cells), 'cell')}: {told or 'none has a verdict'}"


def word_of(cell: CellLine) -> str:
    """`WORSE`, `NOT WORSE`, `INCONCLUSIVE`; nothing of a cell that has no verdict."""
    return next((word for word in (WORSE, NOT_WORSE, INCONCLUSIVE) if cell.verdict.startswith(word)), "")


def _figure(value: float) -> str:
    """At most two decimals, none that say nothing: `20`, `19.5`."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _plain(text: str) -> str:
    """A word as a part of a class name."""
    return "".join(char if char.isalnum() else "-" for char in printable(text).lower())
