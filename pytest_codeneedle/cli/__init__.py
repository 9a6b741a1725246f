"""`codeneedle ...`: the same work without pytest, and without a server."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pytest_codeneedle.cli import archive as commands_archive
from pytest_codeneedle.cli import calibrate as commands_calibrate
from pytest_codeneedle.cli import compare as commands_compare
from pytest_codeneedle.cli import corpus as commands_corpus
from pytest_codeneedle.cli import report as commands_heatmap
from pytest_codeneedle.cli import report as commands_pages
from pytest_codeneedle.cli import runs as commands_run
from pytest_codeneedle.cli import runs as commands_stored
from pytest_codeneedle.core.errors import DAMAGED, CodeneedleError, damage, naming_paths
from pytest_codeneedle.core.output import complain, say_code
from pytest_codeneedle.report.heat.picture import FIGURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _typeshed import SupportsWrite

_Commands: TypeAlias = "argparse._SubParsersAction[_Parser]"  # noqa: SLF001 - it has no public name


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0, or 2 with one line on standard error where it cannot be done.

    Some have a status of their own: 1 of `compare` where something is worse, of `calibrate` where something is off, of
    `archive check` where a file differs from its hash; 2 of `compare` where it cannot be decided. What is damaged in a
    run is 2 as well, and never 1.
    """
    flags = command_parser().parse_args(argv)
    try:
        with naming_paths():
            status: int | None = flags.run(flags)
    except CodeneedleError as error:
        complain(f"codeneedle: {error}")
        return 2
    except DAMAGED as error:
        runs = _runs(flags)
        if not runs:
            raise
        complain(f"codeneedle: {runs} is damaged: {damage(error)}; bring it back from a copy, or name another")
        return 2
    except BrokenPipeError:  # `codeneedle functions ... | head`
        sys.stderr.close()
        return 0
    return status or 0


def _runs(flags: argparse.Namespace) -> str:
    """The runs that a command reads; nothing where it reads none."""
    named = [getattr(flags, name, None) for name in ("run_folder", "old", "new")]
    return " or ".join(map(str, [*filter(None, named), *getattr(flags, "run_folders", ())]))


class _Parser(argparse.ArgumentParser):
    """argparse's, whose messages repeat what was typed."""

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        (complain if file is sys.stderr else say_code)(message.removesuffix("\n"))


def command_parser() -> argparse.ArgumentParser:
    """The parser of the command line: a subparser for each command, in the order of `codeneedle --help`."""
    parser = _Parser(
        prog="codeneedle",
        description="What a quantized KV cache costs in recall: runs, corpora and the control model.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_functions(commands)
    _add_score(commands)
    _add_grid(commands)
    _add_summary(commands)
    _add_heatmap(commands)
    _add_report(commands)
    _add_rescore(commands)
    _add_status(commands)
    _add_merge(commands)
    _add_compare(commands)
    _add_baseline(commands)
    _add_archive(commands)
    _add_import(commands)
    _add_generate(commands)
    _add_model(commands)
    _add_calibrate(commands)
    return parser


def _add_functions(commands: _Commands) -> None:
    functions = commands.add_parser("functions", help="list the functions of a corpus that would be asked for")
    _corpus_arguments(functions)
    functions.add_argument("--all", action="store_true", help="every long enough function, not the sample")
    functions.add_argument("--json", action="store_true", help="as JSON")
    functions.add_argument("--show", metavar="FUNCTION", help="print the lines that one function is asked for")
    functions.add_argument("-k", type=_one_or_more, help="sample size; default: the corpus file's")
    functions.add_argument("--seed", type=int, help="seed of the sample; default: the corpus file's")
    functions.add_argument("--model", metavar="PATH", help="trim the corpus with this model's tokenizer first")
    functions.set_defaults(run=commands_corpus.functions)


def _add_score(commands: _Commands) -> None:
    score = commands.add_parser("score", help="score one answer to one function of a corpus")
    _corpus_arguments(score)
    score.add_argument("function", metavar="FUNCTION", help="its name, as `codeneedle functions` lists it")
    score.add_argument("answer", metavar="FILE", type=Path, help="the answer; - is standard input")
    score.add_argument("--json", action="store_true", help="as JSON")
    _indent_arguments(score)
    score.add_argument(
        "--pass", type=_one_or_more, dest="threshold", metavar="N", default=8, help="lines that must match (8)"
    )
    score.set_defaults(run=commands_corpus.score, relax_indent=True)


def _add_grid(commands: _Commands) -> None:
    grid = commands.add_parser("grid", help="print the grids and the verdict of a stored run, complete or partial")
    _run_arguments(grid)
    grid.add_argument(
        "--delta", type=_above_zero, metavar="LINES", help="loss that NOT WORSE rules out; default: the run's"
    )
    grid.add_argument("--json", action="store_true", help="the verdict as JSON")
    grid.set_defaults(run=commands_run.grid)


def _add_summary(commands: _Commands) -> None:
    summary = commands.add_parser("summary", help="stored runs as one table: means, range, trend")
    summary.add_argument("run_folders", metavar="RUN", type=Path, nargs="+", help="run folder")
    summary.add_argument("--json", action="store_true", help="as JSON")
    summary.set_defaults(run=commands_run.summary)


def _add_heatmap(commands: _Commands) -> None:
    heatmap = commands.add_parser("heatmap", help="draw stored runs: a heatmap for each grid, on one scale")
    heatmap.add_argument("run_folders", metavar="RUN", type=Path, nargs="+", help="run folder")
    heatmap.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="NAME.png or NAME.svg")
    heatmap.add_argument("--of", choices=FIGURES, default="matched", help="lines, functions passed, or nats (matched)")
    heatmap.set_defaults(run=commands_heatmap.heatmap)


def _add_report(commands: _Commands) -> None:
    report = commands.add_parser("report", help="write the HTML page of stored runs, complete or partial")
    report.add_argument("run_folders", metavar="RUN", type=Path, nargs="+", help="run folder")
    report.add_argument(
        "-o", "--output", metavar="DIR", type=_folder, required=True, help="index.html is written into it"
    )
    code = report.add_mutually_exclusive_group()
    code.add_argument("--redact", action="store_true", help="no code at all")
    code.add_argument("--embed-source", action="store_true", help="of private code also lines that were not asked for")
    report.add_argument("--all-diffs", action="store_true", help="every diff, whatever the size; default: about 1 MB")
    report.set_defaults(run=commands_pages.report)


def _add_rescore(commands: _Commands) -> None:
    rescore = commands.add_parser("rescore", help="score a stored run's answers anew, without a server")
    _run_arguments(rescore)
    _indent_arguments(rescore)
    rescore.add_argument("--pass", type=_one_or_more, dest="threshold", metavar="N", help="lines that must match")
    rescore.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the new rows as JSON lines")
    rescore.set_defaults(run=commands_run.rescore)


def _add_status(commands: _Commands) -> None:
    status = commands.add_parser("status", help="what of a run is done, what is left, and how long that will take")
    status.add_argument("run_folder", metavar="RUN", type=Path, help="run folder")
    status.add_argument("--json", action="store_true", help="as JSON")
    status.set_defaults(run=commands_stored.status)


def _add_merge(commands: _Commands) -> None:
    merge = commands.add_parser("merge", help="join the runs of several --kv-shard into one")
    merge.add_argument("run_folders", metavar="RUN", type=Path, nargs="+", help="run folder")
    merge.add_argument("-o", "--output", metavar="RUN", type=Path, required=True, help="the folder of the new run")
    merge.set_defaults(run=commands_stored.merge)


def _add_compare(commands: _Commands) -> None:
    compare = commands.add_parser(
        "compare", help="hold a run against an earlier one: exit status 1 if it is worse, 2 if that cannot be decided"
    )
    compare.add_argument("old", metavar="OLD", type=Path, help="run folder, or file of `codeneedle baseline save`")
    compare.add_argument("new", metavar="NEW", type=Path, help="likewise")
    form = compare.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON")
    form.add_argument("--markdown", action="store_true", help="as a comment on a pull request")
    compare.set_defaults(run=commands_compare.compare)


def _add_baseline(commands: _Commands) -> None:
    baseline = commands.add_parser("baseline", help="keep a run's figures as a small file, to be committed")
    actions = baseline.add_subparsers(required=True, metavar="ACTION")
    save = actions.add_parser("save", help="write the file: no code, no answers")
    save.add_argument("run_folder", metavar="RUN", type=Path, help="run folder")
    save.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="written anew each time; - is standard output"
    )
    save.add_argument("--allow-partial", action="store_true", help="of a run that is not complete, or not calibrated")
    save.set_defaults(run=commands_compare.save_baseline)


def _add_archive(commands: _Commands) -> None:
    archive = commands.add_parser("archive", help="keep runs as pages that any static host can serve, with a history")
    actions = archive.add_subparsers(required=True, metavar="ACTION")
    add = actions.add_parser("add", help="keep runs: without paths, and of private corpora without code and answers")
    add.add_argument("run_folders", metavar="RUN", type=Path, nargs="+", help="run folder, or a folder of several")
    add.add_argument("--to", type=Path, required=True, metavar="DIR", help="the archive; made where it is not there")
    add.add_argument("--with-answers", action="store_true", help="of private corpora too, readable by you alone")
    add.set_defaults(run=commands_archive.add)
    check = actions.add_parser("check", help="hold every file against its hash: exit status 1 if one differs")
    check.add_argument("archive", metavar="DIR", type=Path, help="the archive")
    check.set_defaults(run=commands_archive.check)
    rebuild = actions.add_parser("rebuild", help="write all pages anew, as this version draws them")
    rebuild.add_argument("archive", metavar="DIR", type=Path, help="the archive")
    rebuild.set_defaults(run=commands_archive.rebuild)


def _add_import(commands: _Commands) -> None:
    imported = commands.add_parser("import", help="make a run of result files of the public codeneedle harness")
    imported.add_argument("files", metavar="FILE", type=Path, nargs="+", help="results/*.json; each is one cell")
    imported.add_argument("--corpus", metavar="NAME", help="default: what stands before `__` in the files' names")
    imported.add_argument("--pair", metavar="K/V", help="the cell of one file; default: the types in its name")
    _indent_arguments(imported)
    imported.add_argument("-o", "--output", type=Path, metavar="RUN", help="run folder; default: codeneedle-runs/...")
    imported.add_argument("-v", "--verbose", action="store_true", help="where answers ran on or were confused")
    imported.set_defaults(run=commands_run.import_results)


def _add_generate(commands: _Commands) -> None:
    generate = commands.add_parser("generate", help="write a synthetic corpus")
    kinds = generate.add_subparsers(required=True, metavar="KIND")
    bodies = kinds.add_parser("random-bodies", help='functions of `identifier = "literal"` lines')
    bodies.add_argument("--functions", type=int, default=200, help="number of functions (200)")
    bodies.add_argument("--value-len", type=int, default=24, help="characters of a literal (24)")
    bodies.add_argument("--seed", type=int, default=42, help="seed of names and literals (42)")
    bodies.add_argument("--body-lines", type=int, default=24, help="lines of a body (24)")
    bodies.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    bodies.set_defaults(run=commands_corpus.generate)


def _add_model(commands: _Commands) -> None:
    model = commands.add_parser("model", help="write a computed control model as GGUF")
    model.add_argument("name", metavar="NAME", help="control:robust, control:fragile-k or control:fragile-v")
    model.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the file to write")
    model.set_defaults(run=commands_corpus.model)


def _add_calibrate(commands: _Commands) -> None:
    calibrate = commands.add_parser(
        "calibrate", help="ask the control models through your server: do this build and device show what they should?"
    )
    calibrate.add_argument(
        "--server", metavar="PATH|embedded|COMMAND", help="as --kv-server; default: the one on PATH, else the embedded"
    )
    calibrate.add_argument(
        "--server-args", metavar="'ARG ...'", default="", help='more arguments for it: --server-args="-ngl 99"'
    )
    result = calibrate.add_mutually_exclusive_group()
    result.add_argument("--json", action="store_true", help="as JSON")
    result.add_argument("--record", type=Path, metavar="FILE", help="write what is measured as the grids to expect")
    calibrate.add_argument("-v", "--verbose", action="store_true", help="the lines of each function too")
    calibrate.set_defaults(run=commands_calibrate.calibrate)


def _corpus_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("corpus", metavar="CORPUS", help="name of a corpora/NAME.toml here, or of a shipped one")
    command.add_argument("--lines", type=_one_or_more, default=20, help="lines to ask for (20)")
    command.add_argument(
        "--skip-unparsable", "--kv-skip-unparsable", action="store_true", help="leave out files that do not parse"
    )


def _run_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_folder", metavar="RUN", type=Path, help="run folder")
    command.add_argument("-v", "--verbose", action="store_true", help="where answers ran on or were confused")


def _indent_arguments(command: argparse.ArgumentParser) -> None:
    indent = command.add_mutually_exclusive_group()
    indent.add_argument("--relax-indent", action="store_true", default=None, help="ignore indentation")
    indent.add_argument("--strict-indent", action="store_false", dest="relax_indent", help="compare indentation too")


def _folder(text: str) -> Path:
    if not text:  # of a variable that was not set; the Path of it would be the folder one is in
        msg = "it is empty; name a folder"
        raise argparse.ArgumentTypeError(msg)
    return Path(text)


def _one_or_more(text: str) -> int:
    number = int(text)
    if number < 1:
        msg = f"{number} is out of range; give 1 or more"
        raise argparse.ArgumentTypeError(msg)
    return number


def _above_zero(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        msg = f"{text} is out of range; give more than 0"
        raise argparse.ArgumentTypeError(msg)
    return number
