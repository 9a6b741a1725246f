"""The index of an archive as a page: a table of runs that needs no script; a history and a comparison by script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.text import counted
from pytest_codeneedle.report.archive.index import build_order, index_data
from pytest_codeneedle.report.page.render import page
from pytest_codeneedle.report.page.sections import FLOORED
from pytest_codeneedle.stats.verdict import NOT_WORSE, WORSE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TITLE = "KV-cache recall: all runs"
#: In this order: each uses what those before it put into `window.codeneedle`, and the last starts them.
_SCRIPTS = ("archive_state.js", "archive_list.js", "archive_compare.js", "archive_history.js", "archive.js")


def archive_page(summaries: Sequence[Mapping[str, Any]]) -> str:
    """The whole page of these summaries; the same for the same runs, in whatever order they come."""
    data = index_data(summaries)
    runs = data["runs"]
    models = {run["model"] for run in runs} - {""}  # "" is not told
    builds = {build_order(run["build"]) for run in runs} - {build_order("")}
    many = [counted(len(models), "model"), counted(len(builds), "build")]
    corpora = len({run["corpus"] for run in runs})
    for run in runs:
        run["notes"] = _notes(run)
    return page(
        "archive.html",
        title=_TITLE,
        styles=("archive.css",),
        scripts=_SCRIPTS,
        data=data,
        tone=_tone,
        figure=_figure,
        counts=", ".join([counted(len(runs), "run"), *many, "1 corpus" if corpora == 1 else f"{corpora} corpora"]),
    )


def _notes(run: Mapping[str, Any]) -> list[str]:
    """What a person should know of a run beside its figures."""
    answered, items = run["asked"]
    errors = run["errors"]
    return [
        *(["superseded: it went on"] if run["superseded"] else []),
        *([f"partial: {answered} of {items} answers"] if answered + errors < items else []),
        *([counted(errors, "error")] if errors else []),
        *([run["calibration"]] if run["calibration"] else []),
        *(["private corpus"] if run["private"] else []),
    ]


def _tone(word: str) -> str:
    """The classes of a verdict's word."""
    tones = {str(WORSE): "cn-verdict cn-bad", str(NOT_WORSE): "cn-verdict cn-good", FLOORED: "cn-verdict cn-odd"}
    return tones.get(word, "cn-verdict" if word else "cn-soft")


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
