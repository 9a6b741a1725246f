"""Directives that make reference pages out of the program itself, so that nothing is written by hand twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsers import commands, pytest_fixtures, pytest_options
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar

    from docutils import nodes
    from sphinx.application import Sphinx


class FromProgram(SphinxDirective):
    """`{from-program} options`: Markdown that is made when the site is built."""

    required_arguments = 1
    made: ClassVar[dict[str, Callable[[], str]]] = {
        "commands": commands,
        "fixtures": pytest_fixtures,
        "options": pytest_options,
    }

    def run(self) -> list[nodes.Node]:
        """The nodes of that Markdown; headings in it are sections of the page."""
        self.env.note_reread()  # the program may have changed where the page has not
        return self.parse_text_to_nodes(self.made[self.arguments[0]](), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_directive("from-program", FromProgram)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
