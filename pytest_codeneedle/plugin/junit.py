"""What a session found, in the reports of others: JUnit's properties."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_codeneedle.plugin.session import GridSession


class _Properties(Protocol):
    """pytest's JUnit writer, as far as it is used; the fixture `record_testsuite_property` calls the same method."""

    def add_global_property(self, name: str, value: object) -> None: ...


def add_to_junit(session: GridSession, gate: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
    """The verdict on each corpus as properties of the suite, where --junitxml is on: as sentences, and as JSON.

    Before it, whether the session is calibrated. `gate` is that of the comparison with a baseline, by corpus: a
    sentence, and plain facts.
    """
    for plugin in session.config.pluginmanager.get_plugins():
        if hasattr(plugin, "add_global_property"):
            writer: _Properties = plugin
            for corpus, sentence in session.calibration.items():
                writer.add_global_property(f"codeneedle.{corpus}.calibration", sentence)
            for corpus in session.prepared:
                for one in (judged.facts() for judged in session.judged(corpus).values()):
                    rotation = "" if one["rotation"] == "default" else f".rotation-{one['rotation']}"
                    said = " ".join(one["sentences"])
                    writer.add_global_property(f"codeneedle.{corpus}{rotation}.verdict", said)
                    plain = json.dumps(one, ensure_ascii=False, allow_nan=False)
                    writer.add_global_property(f"codeneedle.{corpus}{rotation}.verdict_json", plain)
            for corpus, (sentence, facts) in gate.items():
                writer.add_global_property(f"codeneedle.{corpus}.gate", sentence)
                told = json.dumps(facts, ensure_ascii=False, allow_nan=False)
                writer.add_global_property(f"codeneedle.{corpus}.gate_json", told)
