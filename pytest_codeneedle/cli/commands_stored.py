"""`codeneedle status`, `merge`: how far a run is, and several shards of one sweep as one run."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.core.output import say, say_json
from pytest_codeneedle.core.regular_files import open_regular
from pytest_codeneedle.core.text import wrapped
from pytest_codeneedle.runs.calibrated import calibrated
from pytest_codeneedle.runs.design import Frame
from pytest_codeneedle.runs.folder import CORPUS, SERVERS, RunFolder
from pytest_codeneedle.runs.lock import holder
from pytest_codeneedle.runs.merging import merged
from pytest_codeneedle.runs.status import standing, standing_lines
from pytest_codeneedle.runs.whole_run import whole_run

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


def status(flags: argparse.Namespace) -> None:
    """Print what of a run is done, what is left, and how long that will take."""
    folder = RunFolder.open(flags.run_folder)
    about = folder.about()
    rows, in_use_by = folder.current_rows(), holder(folder.path)
    stands = standing(about, rows, running=in_use_by is not None)
    calibration = calibrated(about, rows, Frame.of(about))
    if flags.json:
        facts = {**stands.facts(), "calibration": calibration.facts(), "in_use_by": in_use_by}
        say_json(facts)
        return
    say(f"{about['corpus']}, {about['model_name']}, {about['started']}")
    say(*standing_lines(stands, folder.path, in_use_by), *wrapped(calibration.caution))


def merge(flags: argparse.Namespace) -> None:
    """Join runs of one corpus, model and build into a new one."""
    folders = [RunFolder.open(path) for path in flags.run_folders]
    if len({folder.path.resolve() for folder in folders}) != len(folders):
        msg = "a run is named twice; name each once"
        raise RunFolderError(msg)
    about, rows = merged([(str(folder.path), folder.about(), folder.current_rows()) for folder in folders])
    with whole_run(flags.output, about) as joined:
        joined.extend(rows)
        for folder in folders:
            _copy_logs(folder, joined)
    stands = standing(about, rows)
    say(f"{len(folders)} runs, {len(rows)} answers, {stands.cells_done} of {len(stands.cells)} cells")
    for one in about["merged"]:
        if one.get("differs"):
            say(*wrapped(f"{one['run']} was asked on another machine: {'; '.join(one['differs'])}"))
    say(*_references(rows, Frame.of(about)), f"run: {flags.output}")


def _references(rows: Sequence[Mapping[str, Any]], frame: Frame) -> Iterator[str]:
    """Whether the references of the sessions differ: what each cell is held against."""
    from pytest_codeneedle.runs.pairing import paired  # noqa: PLC0415 - as above
    from pytest_codeneedle.stats.drift import drift_sentences, session_drifts  # noqa: PLC0415 - with scipy

    for view in frame.views:
        found = paired(rows, frame.pairs, frame.reference, view)
        for sentence in drift_sentences(session_drifts(found), found, frame.reference):
            yield from wrapped(sentence)


def _copy_logs(source: RunFolder, target: RunFolder) -> None:
    """The servers' logs, under other names where shards asked the same pair; the corpus where it was kept."""
    if (source.path / CORPUS).exists():
        _copy(source.path / CORPUS, target.path, CORPUS)
    for log in sorted((source.path / SERVERS).glob("*.log")):
        _copy(log, target.path / SERVERS, f"{source.path.name}.{log.name}")


def _copy(log: Path, folder: Path, other_name: str) -> None:
    place = folder / log.name
    try:
        open_regular(log).close()
    except OSError as error:
        msg = f"{log} cannot be read: {error.strerror}; move it out of its run folder"
        raise RunFolderError(msg) from error
    shutil.copy(log, folder / other_name if place.exists() else place)
