"""Which stored run each corpus of a session is held against: found and checked before a server starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import BaselineError
from pytest_codeneedle.core.text import counted
from pytest_codeneedle.recall.questions import Task, task_sha256
from pytest_codeneedle.recall.thinking import suffix
from pytest_codeneedle.runs.baseline_file import read_several
from pytest_codeneedle.runs.identity import Identity
from pytest_codeneedle.runs.stored_run import questions_of
from pytest_codeneedle.stats.comparable import refuse_other_wording, under_one_rotation

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from pytest_codeneedle.core.cells import Place
    from pytest_codeneedle.runs.stored_run import StoredRun
    from pytest_codeneedle.sweep.plan import Plan


def baselines_of(plan: Plan, paths: Sequence[Path]) -> dict[str, StoredRun]:
    """Corpus -> the stored run about its text, whatever it was called then.

    `paths` are run folders, folders of several, and files. Raises BaselineError for a corpus that none or several are
    about, for a path that is about no corpus, and for a run that was asked otherwise.
    """
    found = {path: read_several(path, _shown(path, plan.settings.start)) for path in paths}
    stored = [run for runs in found.values() for run in runs]
    chosen = {name: _of(plan, name, stored) for name in plan.corpora}
    for runs in found.values():
        if not any(run is one for run in runs for one in chosen.values()):
            about = ", ".join(run.corpus for run in runs)
            msg = f"--kv-baseline {runs[0].name} is about {about}, which is not asked; leave it out, or add --corpus"
            raise BaselineError(msg)
    return {name: _checked(plan, name, run) for name, run in chosen.items()}


def _of(plan: Plan, name: str, stored: Sequence[StoredRun]) -> StoredRun:
    """The one about this corpus, by its text."""
    trim = plan.corpora[name].corpus.max_tokens
    same = [run for run in stored if (run.whole_sha256, run.trim) == (plan.whole[name], trim)]
    if len(same) > 1:
        msg = f"--kv-baseline: {same[0].name} and {same[1].name} are both about {name}; give one"
        raise BaselineError(msg)
    if same:
        return same[0]
    called = [run for run in stored if run.corpus == name] or (list(stored) if len(plan.corpora) == 1 else [])
    if not called:
        there = ", ".join(run.corpus for run in stored)
        msg = f"--kv-baseline: no baseline is about {name} (there is {there}); give one for each corpus"
        raise BaselineError(msg)
    now, then = ({"sha256": plan.whole[name], "[trim] max_tokens": trim}, _text(called[0]))
    different = "; ".join(Identity(now).differences(Identity(then)))
    msg = f"--kv-baseline {called[0].name} is of another corpus: {called[0].corpus}, {name}: {different}"
    raise BaselineError(f"{msg}; save it anew from a run of this text")


def _text(run: StoredRun) -> dict[str, str | int | None]:
    return {"sha256": run.whole_sha256, "[trim] max_tokens": run.trim}


def _checked(plan: Plan, name: str, run: StoredRun) -> StoredRun:
    """The run as this session calls its cells. Raises BaselineError for other questions, and for none in common."""
    settings, chosen = plan.settings, plan.corpora[name]
    task = Task(settings.lines, settings.wording, suffix(settings.think, settings.wording))
    about = {"lines": settings.lines, "prompt": settings.wording, "relax_indent": settings.relax_indent}
    refuse_other_wording(run, questions_of(about, {"prompt_sha256": task_sha256(task)}), "this session")
    aligned = under_one_rotation(run, set(settings.rotations))
    if not _common_cells(plan, name, aligned):
        pairs = ", ".join(map(str, list(run.cells)[:3]))
        msg = f"--kv-baseline {run.name} has none of the cells that are asked; it has {pairs or 'none at all'}"
        raise BaselineError(msg)
    if not aligned.answered:
        msg = f"--kv-baseline {run.name} has no answer: there is nothing to hold a run against"
        raise BaselineError(f"{msg}; save one of a run that was answered")
    if chosen.corpus.max_tokens is None:  # of others a tokenizer says first which functions are left
        refuse_too_few(plan, name, aligned)
    return aligned


def _common_cells(plan: Plan, name: str, run: StoredRun) -> list[Place]:
    asked = {cell.place._replace(replicate=0) for cell in plan.cells if cell.corpus == name}
    return sorted(asked & set(run.cells))


def refuse_other_cut(plan: Plan, name: str, run: StoredRun) -> None:
    """Once the corpora are cut: raise BaselineError where too little is left of the baseline's questions.

    That is another part of the text than this model's tokenizer left then, or other functions than were asked then.
    """
    sha256 = plan.corpora[name].corpus.sha256
    if run.corpus_sha256 != sha256:
        different = Identity({"sha256": sha256}).differences(Identity({"sha256": run.corpus_sha256}))[0]
        msg = f"--kv-baseline {run.name}: [trim] leaves another part of {name} with this model: {different}"
        raise BaselineError(f"{msg}; name the files in the corpus instead, and save the baseline anew")
    refuse_too_few(plan, name, run)


def refuse_too_few(plan: Plan, name: str, run: StoredRun) -> None:
    """Raise BaselineError where the functions of both are none, or so few that they cannot show any loss."""
    from pytest_codeneedle.stats.comparison import least_functions  # noqa: PLC0415 - scipy, which other sessions load later

    asked = {question.function.name for question in plan.corpora[name].asked}
    if not asked & set(run.functions):
        seed = run.facts.get("seed")
        msg = f"--kv-baseline {run.name} has none of the functions that are asked (its --kv-seed was {seed})"
        raise BaselineError(msg)
    cells = [cell for cell in _common_cells(plan, name, run) if asked & set(run.cells[cell].scored)]
    answered = asked & {function for cell in cells for function in run.cells[cell].scored}
    needed = least_functions(cells, run.reference, plan.settings.reference)
    if len(answered) < needed:
        has = f"has answers to {counted(len(answered), 'function')} of those that are asked"
        msg = f"--kv-baseline {run.name} {has} of {name}, which cannot show a loss: {needed} are needed"
        raise BaselineError(f"{msg}{_way_out(asked, run, needed)}")


def _way_out(asked: Collection[str], run: StoredRun, needed: int) -> str:
    """Its own functions where both are many, more of them now where the baseline has them, else in both."""
    more = f"ask more (--kv-functions {needed}, or k of the corpus)"
    known = {function for figures in run.cells.values() for function in figures.scored}
    if min(len(known), len(asked)) >= needed:
        return f"; ask those that it has (its --kv-seed was {run.facts.get('seed')}), or save the baseline anew"
    return f"; {more}" if len(known) >= needed else f"; {more} and save the baseline anew"


def _shown(path: Path, start: Path) -> str:
    """As it was typed."""
    return str(path.relative_to(start) if path.is_relative_to(start) else path)
