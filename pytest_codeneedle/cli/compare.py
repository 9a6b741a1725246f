"""`codeneedle compare`, `baseline save`: a run held against an earlier one, without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_codeneedle.cli.corpus import write_text
from pytest_codeneedle.core.errors import BaselineError
from pytest_codeneedle.core.output import complain, say, say_data, say_json
from pytest_codeneedle.core.text import wrapped
from pytest_codeneedle.runs.baseline_file import baseline_text, is_baseline, read_run
from pytest_codeneedle.runs.folder import RunFolder
from pytest_codeneedle.runs.status import standing

if TYPE_CHECKING:
    import argparse

    from pytest_codeneedle.runs.status import Standing
    from pytest_codeneedle.runs.stored_run import StoredRun


def compare(flags: argparse.Namespace) -> int:
    """Print what became of the old run's figures in the new one.

    1 where anything is worse, 2 where so few functions are in both that nothing could be, else 0.
    """
    # scipy is loaded here: other commands pay nothing for it
    from pytest_codeneedle.report.text import comparison as comparison_markdown  # noqa: PLC0415 - each command its own imports
    from pytest_codeneedle.report.text import comparison as comparison_text  # noqa: PLC0415 - each command its own imports
    from pytest_codeneedle.stats.comparison import compare as compared_with  # noqa: PLC0415 - as above

    compared = compared_with(read_run(flags.old), read_run(flags.new))
    if flags.json:
        say_json(compared.facts())
    elif flags.markdown:
        say(*comparison_markdown.comparison_markdown(compared))
    else:
        say(f"{compared.new.corpus}: {compared.old.name} -> {compared.new.name}")
        say(*comparison_text.comparison_lines(compared))
    if compared.undecided:
        return 2
    return 1 if compared.worse else 0


def save_baseline(flags: argparse.Namespace) -> None:
    """Write the figures of a run into a file that is made to be committed. Raises BaselineError for a part of a run."""
    folder = RunFolder.open(flags.run_folder)
    run = read_run(folder.path)
    if not run.answered:
        msg = f"{folder.path} has no answer: there is nothing to hold a run against"
        raise BaselineError(msg)
    stands = standing(folder.about(), folder.current_rows())
    if not flags.allow_partial:
        _refuse_partial(folder, run, stands)
    said = [
        f"{run.corpus}: {stands.cells_done} of {len(stands.cells)} cells, {stands.answered} of {stands.items} answers",
        f"baseline: {flags.output}",
    ]
    said[1:1] = wrapped(run.caution)
    if str(flags.output) == "-":
        say_data(baseline_text(run).rstrip("\n"))
        complain("\n".join(said[:-1]))
        return
    if flags.output.is_file() and not is_baseline(flags.output):
        msg = f"{flags.output} is there and is no baseline: it is left as it is; give another -o FILE"
        raise BaselineError(msg)
    write_text(flags.output, baseline_text(run), private=folder.private)
    say(*said)


def _refuse_partial(folder: RunFolder, run: StoredRun, stands: Standing) -> None:
    """Raise BaselineError for a run that was broken off, lacks answers, or whose model is not calibrated."""
    if stands.answered < stands.items:
        msg = f"{folder.path} is not complete: {stands.answered} of {stands.items} answers; go on with it (--kv-resume)"
        raise BaselineError(f"{msg}, or save what there is with --allow-partial")
    if stands.silent:
        msg = (
            f"{folder.path} is not whole: to {stands.silent} questions the reference gave no answer in one of its "
            "sessions; make the run anew, or save what there is with --allow-partial"
        )
        raise BaselineError(msg)
    if run.caution:
        msg = f"{folder.path} is {run.caution}: there is little that others could lose"
        raise BaselineError(f"{msg}; take a model that recalls it, or save it all the same with --allow-partial")
