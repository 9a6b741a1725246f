"""`codeneedle grid`, `rescore`, `import`, `status`, `merge`: stored runs, read without a server."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.cli.corpus import check_threshold, project_root, write_text
from pytest_codeneedle.core.cells import ERROR
from pytest_codeneedle.core.errors import DAMAGED, ConfigurationError, RunFolderError, damage
from pytest_codeneedle.core.kv_types import parse_pair
from pytest_codeneedle.core.output import say, say_json
from pytest_codeneedle.core.regular_files import open_regular
from pytest_codeneedle.core.text import wrapped
from pytest_codeneedle.report.text.run import run_lines, run_verdicts
from pytest_codeneedle.runs.anonymised import ANSWERS_KEPT
from pytest_codeneedle.runs.calibration import calibrated
from pytest_codeneedle.runs.design import Frame
from pytest_codeneedle.runs.folder import CORPUS, RESULTS, RUNS, SERVERS, RunFolder, unused
from pytest_codeneedle.runs.grid import make_grid
from pytest_codeneedle.runs.lock import holder
from pytest_codeneedle.runs.merging import merged
from pytest_codeneedle.runs.status import standing, standing_lines
from pytest_codeneedle.runs.whole_run import whole_run

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_codeneedle.report.text.table_of_runs import RunRow
    from pytest_codeneedle.runs.folder import Recorded


def grid(flags: argparse.Namespace) -> None:
    """Print the grids and the verdict of a stored run, complete or partial."""
    folder = RunFolder.open(flags.run_folder)
    about, rows, lost = folder.recorded()
    if flags.delta is not None:
        about = {**about, "delta": flags.delta}
    if flags.json:
        frame = Frame.of(about)
        judged = run_verdicts(rows, frame).values()
        told = {
            "run": str(folder.path),
            "calibration": calibrated(about, rows, frame).facts(),
            "lost": lost or None,
            "verdicts": [one.facts() for one in judged],
        }
        say_json(told)
        return
    _print_grid(about, rows, lost, verbose=flags.verbose)


def summary(flags: argparse.Namespace) -> None:
    """Print several runs as one table, a row for each grid; their models or folders are named where they differ."""
    from pytest_codeneedle.report.text.table_of_runs import LEGEND, notes, table_lines  # noqa: PLC0415 - each command pays for its own imports

    folders = [RunFolder.open(path) for path in flags.run_folders]
    abouts = [folder.about() for folder in folders]
    models = len({str(about.get("model_name")) for about in abouts}) > 1
    names = [", ".join([str(about["corpus"]), *([str(about["model_name"])] if models else [])]) for about in abouts]
    rows = []
    for folder, name in zip(folders, names, strict=True):
        try:
            called = name if names.count(name) == 1 else folder.path.name
            rows += _summed_up(called, folder.recorded())
        except DAMAGED as error:
            msg = f"{folder.path} is damaged: {damage(error)}; bring it back from a copy, or leave it out"
            raise RunFolderError(msg) from error
    if flags.json:
        say_json([row.facts() for row in rows])
        return
    say(*table_lines(rows), *notes(rows), *LEGEND)


def _summed_up(name: str, recorded: Recorded) -> list[RunRow]:
    from pytest_codeneedle.report.text.judged import judged  # noqa: PLC0415 - as above
    from pytest_codeneedle.report.text.table_of_runs import gradient, run_row  # noqa: PLC0415 - as above

    about, rows, lost = recorded
    frame = Frame.of(about)
    calibration = calibrated(about, rows, frame)
    found = []
    for view in frame.views:
        title = frame.title(view)
        one = judged(rows, frame, view)
        found_gradient = "floored" if one.floored else gradient(one.verdict)
        called = f"{name}, {title}" if title else name
        distrust = [*([lost] if lost else []), *one.distrust]
        cells = make_grid(rows, frame.pairs, view)
        found.append(run_row(called, cells, frame.functions, found_gradient, calibration, distrust=distrust))
    return found


def rescore(flags: argparse.Namespace) -> None:
    """Score a stored run's answers anew."""
    from pytest_codeneedle.runs.rescore import rescored  # noqa: PLC0415 - as above

    folder = RunFolder.open(flags.run_folder)
    about, rows, lost = folder.recorded()
    if about.get(ANSWERS_KEPT) is False:
        msg = f"{folder.path} is kept in an archive without its answers: there is nothing to score anew"
        raise RunFolderError(msg)
    relax = about["relax_indent"] if flags.relax_indent is None else flags.relax_indent
    threshold = about["pass"] if flags.threshold is None else flags.threshold
    check_threshold(threshold, about["lines"])
    anew = rescored(about, rows, relax_indent=relax, threshold=threshold)
    changed = sum(old != new for old, new in zip(rows, anew, strict=True))
    if flags.output is not None:
        if os.path.realpath(flags.output) == os.path.realpath(folder.path / RESULTS):
            msg = f"{flags.output} is the record itself; give another -o FILE"
            raise ConfigurationError(msg)
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in anew)
        write_text(flags.output, lines, private=folder.private)
    _print_grid(about, anew, lost, verbose=flags.verbose)
    indent = "ignored" if relax else "compared"
    say(f"rescored: {changed} of {len(rows)} rows differ from the record (indentation {indent}, pass {threshold})")


def import_results(flags: argparse.Namespace) -> None:
    """Make a run of files that the public codeneedle harness wrote."""
    from pytest_codeneedle.core.machine import cache_folder  # noqa: PLC0415 - as above
    from pytest_codeneedle.corpus.corpus import load_corpus  # noqa: PLC0415 - as above
    from pytest_codeneedle.runs.foreign_results import as_run, read_dump  # noqa: PLC0415 - as above

    if flags.pair is not None and len(flags.files) > 1:
        msg = f"--pair names the cell of one file, and {len(flags.files)} are given: put the types into their names"
        raise ConfigurationError(msg)
    pair = None if flags.pair is None else parse_pair(flags.pair)
    dumps = [read_dump(path, pair) for path in flags.files]
    name = flags.corpus or _only({dump.path.stem.partition("__")[0] for dump in dumps})
    corpus = load_corpus(name, project_root(), cache=cache_folder())
    imported = as_run(dumps, corpus, relax_indent=flags.relax_indent)
    if not imported.about["functions"]:
        msg = f"no answer in these files is about a function of {name!r}; name their corpus with --corpus"
        raise ConfigurationError(msg)
    path = _folder(flags.output, imported.about)
    with whole_run(path, imported.about) as folder:
        folder.extend(imported.rows)
    _print_grid(imported.about, list(imported.rows), "", verbose=flags.verbose)
    if imported.unknown:
        say(f"not in the corpus {name}, kept as errors: {', '.join(imported.unknown)}")
    scored = sum(row["outcome"] != ERROR for row in imported.rows)
    if imported.differing:
        names = ", ".join(dict.fromkeys(imported.differing))
        say(f"{len(imported.differing)} of {scored} answers are scored otherwise than in the files: {names}")
        say("(thoughts are taken off here before an answer is compared)")
    else:
        say(f"all {scored} answers are scored as in the files")
    say(f"run: {path}")


def _only(names: set[str]) -> str:
    if len(names) > 1:
        msg = f"the files are named after several corpora ({', '.join(sorted(names))}): say which with --corpus NAME"
        raise ConfigurationError(msg)
    return names.pop()


def _folder(given: Path | None, about: dict[str, Any]) -> Path:
    if given is not None:
        return given
    stamp = time.strftime("%Y%m%d-%H%M%S")
    model = "".join(char if char.isalnum() or char in "-_.+" else "-" for char in about["model_name"])
    return unused(Path(RUNS) / f"{about['corpus']}__{model}__{stamp}")


def _print_grid(about: dict[str, Any], rows: Sequence[dict[str, Any]], lost: str, *, verbose: bool) -> None:
    frame = Frame.of(about)
    lines = run_lines(rows, frame, verbose=verbose)
    say(f"{about['corpus']}, {about['model_name']}, {about['started']}")
    say(*wrapped(lost), *wrapped(calibrated(about, rows, frame).caution), *lines)


def status(flags: argparse.Namespace) -> None:
    """Print what of a run is done, what is left, and how long that will take."""
    folder = RunFolder.open(flags.run_folder)
    (about, rows, lost), in_use_by = folder.recorded(), holder(folder.path)
    stands = standing(about, rows, running=in_use_by is not None)
    calibration = calibrated(about, rows, Frame.of(about))
    if flags.json:
        facts = {**stands.facts(), "calibration": calibration.facts(), "in_use_by": in_use_by, "lost": lost or None}
        say_json(facts)
        return
    say(f"{about['corpus']}, {about['model_name']}, {about['started']}")
    say(*standing_lines(stands, folder.path, in_use_by), *wrapped(lost), *wrapped(calibration.caution))


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
