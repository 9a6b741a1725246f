"""What a session found, in the reports of others: JUnit's properties and pytest-html's page."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pytest


class _Properties(Protocol):
    """pytest's JUnit writer, as far as it is used; `record_testsuite_property` calls the same method."""

    def add_global_property(self, name: str, value: object) -> None: ...


def add_to_junit(config: pytest.Config, properties: Mapping[str, str]) -> None:
    """Properties of the whole suite, where --junitxml is on."""
    for plugin in config.pluginmanager.get_plugins():
        if hasattr(plugin, "add_global_property"):
            writer: _Properties = plugin
            for name, value in properties.items():
                writer.add_global_property(name, value)


def html_sections(sections: Iterable[tuple[str, list[str]]]) -> list[str]:
    """Each (title, lines) as a heading and text of fixed width, escaped."""
    return [
        f"<h2>{html.escape(title)}</h2><pre>{html.escape(chr(10).join(lines), quote=False)}</pre>"
        for title, lines in sections
    ]
