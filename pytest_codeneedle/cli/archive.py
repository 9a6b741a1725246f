"""`codeneedle archive`: runs that pile up, as pages that any static host can serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.core.output import say
from pytest_codeneedle.core.text import counted
from pytest_codeneedle.report.archive.archive import Archive
from pytest_codeneedle.report.archive.entry import PAGE
from pytest_codeneedle.runs.folder import RUN, RUNS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_codeneedle.report.archive.archive import Added


def add(flags: argparse.Namespace) -> None:
    """Keep runs in an archive; one that is there already changes nothing."""
    archive = Archive(flags.to)
    damaged: list[str] = []
    for one in archive.add(_each(flags.run_folders), with_answers=flags.with_answers, say=damaged.append):
        say("  ".join(_told(one)))
    for line in damaged:
        say(line)
    say(f"archive: {archive.path / PAGE} ({counted(archive.count, 'run')})")


def check(flags: argparse.Namespace) -> int:
    """Hold every file of an archive against its hash; 1 where something is missing, extra or changed."""
    archive = Archive(flags.archive)
    said = archive.check()
    for line in said:
        say(line)
    if not said:
        say(f"{flags.archive}: {counted(archive.count, 'run')}, every file is what its hash says")
    return 1 if said else 0


def rebuild(flags: argparse.Namespace) -> None:
    """Write all pages of an archive anew."""
    archive = Archive(flags.archive)
    say(f"archive: {archive.path / PAGE} ({counted(archive.rebuild(), 'run')} written anew)")


def _each(paths: Sequence[Path]) -> list[Path]:
    """The run folders; of a folder that holds several each, as --kv-out does with several corpora.

    Raises RunFolderError where there is none.
    """
    found: list[Path] = []
    for path in paths:
        inside = [] if (path / RUN).exists() else sorted(one.parent for one in path.glob(f"*/{RUN}"))
        if not inside and not (path / RUN).exists():
            msg = f"{path} is not a run folder, and holds none: it has no {RUN}; runs are below {RUNS}/ or --kv-out"
            raise RunFolderError(msg)
        found += inside or [path]
    return list(dict.fromkeys(found))


def _told(one: Added) -> list[str]:
    """`added  6c0f...  corpus, model  partial: 120 of 576 answers, 3 errors`."""
    summary = one.summary
    what = "mended" if one.mended else "added" if one.new else "there already"
    partial = summary["answered"] < summary["items"] - summary["errors"]
    part = f"partial: {summary['answered']} of {summary['items']} answers" if partial else ""
    errors = counted(summary["errors"], "error") if summary["errors"] else ""
    hidden = "" if summary["answers"] else "without code and answers"
    notes = ", ".join(filter(None, (part, errors, hidden, summary["calibration"])))
    return [
        what,
        str(summary["id"]),
        f"{summary['corpus']}, {summary['model']}",
        *([notes] if notes else []),
    ]
