"""Directives that make reference pages out of the program itself, so that nothing is written by hand twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes
from parsers import commands, pytest_fixtures, pytest_options
from picture import house_svg, house_table
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar

    from sphinx.application import Sphinx


class FromProgram(SphinxDirective):
    """`{from-program} options`: Markdown that is made when the site is built."""

    required_arguments = 1
    made: ClassVar[dict[str, Callable[[], str]]] = {
        "commands": commands,
        "fixtures": pytest_fixtures,
        "imports": house_table,
        "options": pytest_options,
    }

    def run(self) -> list[nodes.Node]:
        """The nodes of that Markdown; headings in it are sections of the page."""
        self.env.note_reread()  # the program may have changed where the page has not
        return self.parse_text_to_nodes(self.made[self.arguments[0]](), allow_section_headings=True)


class House(SphinxDirective):
    """`{house}`: the rooms as a picture."""

    def run(self) -> list[nodes.Node]:
        """The drawing, as it stands in the page: it takes the colours of the theme."""
        self.env.note_reread()
        return [nodes.raw("", house_svg(), format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_directive("from-program", FromProgram)
    app.add_directive("house", House)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
