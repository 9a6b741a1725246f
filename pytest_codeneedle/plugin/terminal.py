"""What a person sees: what is going to happen, a line per finished cell, the grids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.cells import ERROR, PASSED, place_of
from pytest_codeneedle.core.kv_types import BITS
from pytest_codeneedle.core.output import fit_line, fit_text
from pytest_codeneedle.core.redaction import redacted
from pytest_codeneedle.core.text import printable, wrapped
from pytest_codeneedle.plugin.rows import item_key
from pytest_codeneedle.report.text.cautions import distrusted
from pytest_codeneedle.report.text.run import run_lines
from pytest_codeneedle.runs.calibration import BASE_MODEL
from pytest_codeneedle.runs.grid import View, make_grid
from pytest_codeneedle.runs.ledger import item_of
from pytest_codeneedle.runs.progress import duration
from pytest_codeneedle.server.probe import UNIMPORTANT

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_codeneedle.core.cells import Cell
    from pytest_codeneedle.plugin.session import GridSession
    from pytest_codeneedle.sweep.plan import CorpusPlan, Plan

_FEW_FILES = 5


def write(config: pytest.Config, lines: list[str], **markup: bool) -> None:
    """Write lines through pytest's terminal reporter, where there is one."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    reporter.ensure_newline()
    for line in lines:
        reporter.write_line(fit_line(line), **markup)
    reporter.flush()


def section(config: pytest.Config, title: str) -> None:
    """Begin a part of the summary."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_sep("=", fit_line(title))


def usage_error(error: Exception | str) -> pytest.UsageError:
    """The error of a command that cannot be done, which pytest prints as it is."""
    return pytest.UsageError(fit_text(str(error)))


def quieten(config: pytest.Config) -> None:
    """A line per cell takes the place of pytest's file names, dots and percentages; -v keeps pytest's own."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and config.get_verbosity() <= 0:
        reporter.showfspath = False
        reporter._show_progress_info = False  # noqa: SLF001 - pytest has no public switch but an ini key


def announce(plan: Plan, workers: int) -> list[str]:
    """What is going to be asked, before anything starts."""
    lines = []
    for name, chosen in plan.corpora.items():
        cells = sum(cell.corpus == name for cell in plan.cells)
        asked = len(chosen.asked)
        lines.append(f"kv-grid: {name}: {cells} cells x {asked} functions = {cells * asked} questions")
        lines += [line for note in _passes(plan, name) for line in wrapped(f"kv-grid: {name}: {note}")]
        lines += [f"kv-grid: {name}: {note}" for note in _notes(plan, chosen)]
    if plan.model.is_control and not all(chosen.corpus.generated for chosen in plan.corpora.values()):
        lines.append(f"kv-grid: {plan.model.given} copies generated code; what it loses of other code is its own loss")
    at_once = f", {workers} servers at once" if workers > 1 else ""
    lines += wrapped(f"kv-grid: model {redacted(plan.model.given)}, server {plan.program.label}{at_once}")
    if plan.endpoint is not None:
        private = [name for name, chosen in plan.corpora.items() if chosen.corpus.private]
        lines += [f"kv-grid: {name} is your own code, and is sent to that endpoint" for name in private]
    elif plan.model.remote:
        lines.append("kv-grid: the first start fetches the model where it is not there yet")
    told = [f"your command, changed: {change}" for change in plan.program.changes]
    told += [f"your command: {advice}" for advice in plan.program.advice]
    if plan.speculation:
        told.append(f"speculation is off, for no probability is told of drafted tokens: {', '.join(plan.speculation)}")
    if plan.program.served not in (None, *map(str, plan.settings.pairs)):
        told.append(_not_a_cell(str(plan.program.served), plan))
    missing = [name for name in plan.program.left_out if name not in UNIMPORTANT]
    if missing:
        told.append(f"this llama-server does not know {', '.join(missing)}: left out")
    if plan.settings.server and plan.model.is_control and not plan.model.chosen:
        told.append("no model is named (--kv-model, or -m in the command): the control model is asked, not yours")
    return lines + [line for one in told for line in wrapped(f"kv-grid: {one}")]


def _not_a_cell(served: str, plan: Plan) -> str:
    """That the pair of the user's command is not measured, and how it would be."""
    unknown = [name for name in dict.fromkeys(served.split("/")) if name not in BITS]
    if unknown:
        return f"your command serves with {served}, which is no cell: the grid has no type {' and no '.join(unknown)}"
    pairs = f"{plan.settings.reference},{served}"
    return f"your command serves with {served}, which is no cell here: --kv-pairs {pairs} asks it"


def _passes(plan: Plan, name: str) -> list[str]:
    """What more than one server for each pair is for."""
    settings = plan.settings
    notes = [f"{settings.repeat} passes over all cells, figures are means"] * (settings.repeat > 1)
    if settings.quick:
        notes.append("most telling first; less is asked once it is settled (--kv-quick)")
    if len(settings.rotations) > 1:
        notes.append("each pair is asked with its rotation on and off")
    references = [cell.replicate for cell in plan.cells if (cell.corpus, cell.pair) == (name, settings.reference)]
    if settings.calibrate and references[-1:] > references[:1]:
        notes.append(f"{settings.reference} is planned first and last (--kv-calibrate)")
    return notes


def _notes(plan: Plan, chosen: CorpusPlan) -> list[str]:
    """What one would not expect of a corpus: fewer functions than wanted, files and functions that are left out."""
    corpus = chosen.corpus
    wanted = plan.settings.functions or corpus.sample_k
    notes = list(corpus.notes)
    if len(corpus.functions) < wanted:
        notes.append(f"{wanted} functions are wanted and {len(corpus.functions)} are there: all are asked for")
    if chosen.ambiguous:
        names = ", ".join(map(printable, chosen.ambiguous))
        instead = "" if len(chosen.asked) < wanted else "; others are asked for instead"
        notes.append(f"left out, no quotation tells them apart or their lines are blank: {names}{instead}")
        if len(chosen.asked) < min(wanted, len(corpus.functions)):
            notes.append(
                f"only {len(chosen.asked)} of {len(corpus.functions)} functions can be asked for: where the text holds "
                "copies of its files, leave them out ([files] exclude)"
            )
    if corpus.skipped:
        # The reasons quote code, which is for the run folder alone.
        few = ", ".join(one.label for one in corpus.skipped[:_FEW_FILES])
        more = f" and {len(corpus.skipped) - _FEW_FILES} more" if len(corpus.skipped) > _FEW_FILES else ""
        notes.append(f"left out, cannot be read as code: {few}{more} (run.json says why)")
    return notes


def settled(session: GridSession) -> list[str]:
    """The facts that needed a server: tokens and context; or why it did not come up."""
    lines = [line for note in session.notes for line in wrapped(f"kv-grid: {note}")]
    for name, one in session.prepared.items():
        lines += _recorded(session, name)
        if one.control_text.said:
            lines += wrapped(f"kv-grid: {name}: {one.control_text.said}")
        if session.plan.endpoint is not None:
            lines += wrapped(f"kv-grid: thinking: {one.thinking.said}")
            continue
        if one.problem:
            lines.append(f"kv-grid: {name}: {one.problem.splitlines()[0]}")
            continue
        chosen = session.plan.corpora[name]
        corpus = chosen.corpus
        if corpus.max_tokens is not None:
            files = f"{one.files} of {one.files + len(corpus.dropped)} files"
            lines.append(f"kv-grid: {name}: [trim] to {corpus.max_tokens} tokens keeps {files}")
            lines.append(f"kv-grid: {name}: {len(chosen.asked)} functions asked for in each cell")
        lines.append(f"kv-grid: {name}: {one.file_tokens} tokens, context {one.n_ctx} tokens")
        lines += wrapped(f"kv-grid: {BASE_MODEL}") if one.base_model else []
        if one.thinking.said:
            lines += wrapped(f"kv-grid: thinking: {one.thinking.said}")
    return lines


def _recorded(session: GridSession, name: str) -> list[str]:
    """How many answers of a resumed run are there already."""
    if not session.plan.settings.resume:
        return []
    asks = [ask for ask in session.plan.items if ask.cell.corpus == name]
    there = {item_of(row) for row in session.rows(name) if row["outcome"] != ERROR}
    again = {ask.cell.pair for ask in asks if item_key(ask.cell, ask.function) in there and session.has_to_ask(ask)}
    said = f"{len(there)} of {len(asks)} answers are recorded" if there else f"none of {len(asks)} answers is recorded"
    folder = shown(session.prepared[name].run.path, session.plan.settings.start)
    lines = [f"kv-grid: {name}: {said} in {folder}"]
    if again:
        why = "each session is held against its own reference"
        lines += wrapped(f"kv-grid: {name}: {session.plan.settings.reference} is asked again: {why}")
    return lines


def cell_line(session: GridSession, cell: Cell) -> str:
    """One finished cell: its place, its types, its figures, and the time that is left."""
    of_cell = [row for row in session.rows(cell.corpus) if place_of(row) == cell.place]
    rows = [*{(row["function"], row.get("test")): row for row in of_cell}.values()]
    view = View(cell.replicate + 1, cell.rotation)
    grid_cell = make_grid(rows, [cell.pair], view).cells[cell.pair]
    done, total = session.tally.cells_done(), session.tally.cells
    matched = "err" if grid_cell.mean_matched is None else f"{grid_cell.mean_matched:.2f}{grid_cell.mark()}"
    passed = sum(row["outcome"] == PASSED for row in rows)
    left = session.tally.seconds_left()
    label = f"{session.plan.label(cell):<{session.plan.label_width}}"
    place = f"[{done:>{len(str(total))}}/{total}]"
    errors = f"  {grid_cell.errors} errors" if grid_cell.errors else ""
    flagged = "  flagged: see below" if any(row.get("fallbacks") for row in rows) else ""
    until = f"  {duration(left)} left" if done < total and left is not None else ""
    return f"{place} {label} {matched:>6}  {passed}/{len(rows)} passed{errors}{flagged}{until}"


def summary(session: GridSession) -> list[tuple[str, list[str]]]:
    """(title, lines) of each corpus: the grids, the summary, what to distrust, where the run is."""
    plan = session.plan
    sections = []
    for name in plan.corpora:
        if name not in session.prepared:
            continue
        rows = session.rows(name)
        verbose = session.config.get_verbosity() > 0
        lines = run_lines(rows, session.frame(name), verbose=verbose, judged=session.judged(name))
        lines += session.said.get(name, [])
        lines += [f"run: {shown(session.prepared[name].run.path, plan.settings.start)}"]
        if session.look_ahead.servers.failed:
            lines += wrapped("a server did not come up beside another, and did alone: no more was loaded ahead")
        room = session.look_ahead.room
        if room is not None and not room.enough:
            lines += wrapped(f"servers loaded one after the other: {room} (--kv-overlap on loads ahead all the same)")
        sections.append((f"KV-cache recall: {name}, {plan.model.name}", lines + distrusted(rows)))
    return sections


def shown(path: Path, start: Path) -> Path:
    """The path as one would type it from `start`: short where it lies below."""
    return path.relative_to(start) if path.is_relative_to(start) else path
