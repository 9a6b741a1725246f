"""What is said of a comparison: for the terminal, in 80 columns, and as a comment on a pull request, in markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_codeneedle.core.kv_types import by_precision
from pytest_codeneedle.core.redaction import redacted
from pytest_codeneedle.core.shareable import last_name
from pytest_codeneedle.core.text import counted, few, p_is, p_value, printable, signed, wrapped
from pytest_codeneedle.runs.grid import NO_ANSWER, NOT_PLANNED, PARTLY
from pytest_codeneedle.stats.run_margins import margins_sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_codeneedle.core.cells import Place
    from pytest_codeneedle.runs.stored_run import StoredRun
    from pytest_codeneedle.stats.comparison import Change, Comparison, Flip

#: So many changed cells are a list; of more the grids are drawn.
_FEW_CELLS = 6
_NAMED = 3
#: What markdown would read as more than text.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~@&$])")
#: What GitHub makes links and notifications of, escaped or not: people, issues, addresses. Not within code.
_LINKED = re.compile(r"[@#]|://|\bwww\.|\bGH-\d", re.IGNORECASE)
_MOST_CHARACTERS = 60_000


def comparison_lines(compared: Comparison) -> list[str]:
    """The verdict, what differs between the runs, the table of old, new and difference, what decides nothing."""
    parts = [
        wrapped(verdict(compared)),
        all_wrapped(cautions(compared)),
        all_wrapped([*compared.differing] or ["nothing differs in what the runs were asked with"]),
        all_wrapped(f"not compared: {one}" for one in compared.missing),
        all_wrapped(f"{what}: {cell}: {names}" for what, cell, names in silent_cells(compared, printable)),
        _table(compared),
        _grids(compared),
        all_wrapped(notes(compared)),
    ]
    return [line for part in parts if part for line in (*part, "")][:-1]


def verdict(compared: Comparison) -> str:
    """One sentence: what is worse, or that nothing is, in how much of the old run, and what would have been seen."""
    if compared.worse:
        worse = [
            f"{change.name} {change.difference:+.2f} lines ({p_is(change.adjusted)})"
            for change in compared.worse_changes
        ]
        if questions := sum(map(len, _silent(compared, answered=False).values())):
            gives = "gives" if questions == 1 else "give"
            worse.append(f"{counted(questions, 'question')} gave an answer and {gives} none now{_whole(compared)}")
        if questions := sum(map(len, _silent(compared, answered=True).values())):
            gives, its = ("gives", "its") if questions == 1 else ("give", "their")
            worse.append(f"{counted(questions, 'question')} {gives} an answer in fewer of {its} passes")
        return f"worse: {few(worse, _NAMED, '; ')}"
    needed, _ = compared.functions_needed
    if compared.cells_mute:
        cells = few(list(map(str, compared.cells_mute)), _NAMED)
        return f"not settled: {cells} had no answer in the old run, and nothing is shown to be worse elsewhere"
    part = f" {compared.part}" if compared.part else ""
    if compared.functions < needed:
        return f"nothing is shown to be worse{part}: {_blind(compared.functions, needed)}"
    if compared.floored is not None:
        recalled = f"{compared.floored:.2f} of {compared.old.lines} lines"
        why = f"the old run's reference recalled {recalled}, which leaves little to lose"
        return f"nothing is shown to be worse{part}: {why}"
    lost = any(change.difference < 0 for change in (*compared.declared, *compared.cells))
    seen = compared.seen_loss
    would = ": no loss could have been" if seen is None else f": a mean loss of {seen:.2f} lines would have been seen"
    shown = "shown to be worse" if seen is None else f"{'significantly ' if lost else ''}worse"
    return f"nothing is {shown}{part}{would}"


def cautions(compared: Comparison) -> list[str]:
    """What is to be said of each run's answers and reference; nothing of one that has all and recalls enough."""
    runs = (("old", compared.old), ("new", compared.new))
    lost = [f"the {which} run: {run.lost}" for which, run in runs if run.lost]
    return lost + [f"the {which} run is {run.caution}" for which, run in runs if run.caution]


def _whole(compared: Comparison) -> str:
    """The cells in which nothing is answered any more."""
    cells = list(map(str, compared.cells_silent))
    return f", all of {few(cells, _NAMED)}" if cells else ""


def _told(change: Change) -> str:
    return f"{change.name} {signed(change.difference)} lines ({p_is(change.adjusted)})"


def _blind(functions: int, needed: int) -> str:
    return f"{counted(functions, 'function')} cannot show a loss, {needed} are needed (--kv-functions)"


def _silent(compared: Comparison, *, answered: bool) -> dict[Place, list[str]]:
    """The silent questions by cell: those that are answered still, in fewer of their passes, or those that are not."""
    found = {
        cell: [name for name in functions if compared.new.cells[cell].answers(name) == answered]
        for cell, functions in compared.silent.items()
    }
    return {cell: functions for cell, functions in found.items() if functions}


def silent_cells(compared: Comparison, shown: Callable[[str], str]) -> Iterable[tuple[str, Place, str]]:
    """What became of questions that lost answers, the cell, and these questions, each as `shown`."""
    for what, answered in (("no answer any more", False), ("in fewer passes", True)):
        for cell, functions in _silent(compared, answered=answered).items():
            every = cell in compared.cells_silent
            yield what, cell, "all of its questions" if every else few(list(map(shown, functions)))


def _table(compared: Comparison) -> list[str]:
    """Declared contrasts and, where they are few, the cells that changed; p is Holm's."""
    told = {change.cell for change in compared.declared if change.cell is not None}
    changed = _changed(compared)
    listed = [change for change in changed if change.cell not in told] if len(changed) <= _FEW_CELLS else []
    rows = [*compared.declared, *listed]
    if not rows:
        return []
    width = max(len(change.name) for change in rows)
    lines = [f"{'lines of ' + str(compared.new.lines):<{width}}{'old':>8}{'new':>8}{'diff':>8}  p (Holm)"]
    for change in rows:
        worse = "  worse" if change.worse else ""
        figures = f"{change.old:>8.2f}{change.new:>8.2f}{signed(change.difference):>8}"
        lines.append(f"{change.name:<{width}}{figures}  {p_value(change.adjusted)}{worse}")
    return lines


def _changed(compared: Comparison) -> list[Change]:
    """Cells in which any function's figure is another."""
    return [change for change in compared.cells if change.difference or change.sd]


def _grids(compared: Comparison) -> list[str]:
    """Old, new and difference, where more cells changed than a list would show."""
    changed = _changed(compared)
    if not changed:
        return _same(len(compared.cells), "cell", compared)
    if len(changed) <= _FEW_CELLS:
        rest = len(compared.cells) - len(changed)
        return _same(rest, "other cell", compared)
    return grids(compared)


def _same(count: int, what: str, compared: Comparison) -> list[str]:
    """That no line differs in so many cells; nothing of none."""
    some = any(change.n < compared.functions for change in compared.cells)
    told = f"{counted(count, what)}: each function's lines are the same{' where both runs have an answer' * some}"
    return [told] if count else []


def grids(compared: Comparison) -> list[str]:
    """Three grids for each rotation: old, new, difference."""
    differences = {change.cell: change.difference for change in compared.cells}
    lines = []
    for rotation in sorted({cell.rotation for cell in compared.new.cells}):
        where = "" if rotation == "default" else f", rotation {rotation}"
        cells = [cell for cell in {**compared.old.cells, **compared.new.cells} if cell.rotation == rotation]
        for title, figure in (
            (f"old: mean primary_matched /{compared.new.lines}{where}", lambda cell: _mean(compared.old, cell)),
            (f"new: mean primary_matched /{compared.new.lines}{where}", lambda cell: _mean(compared.new, cell)),
            (f"new - old{where}, over the functions of both", lambda cell: _difference(differences, cell)),
        ):
            lines += ["", title, *_grid(cells, figure)]
    return lines[1:]


def _grid(cells: Sequence[Place], figure: Callable[[Place], str]) -> list[str]:
    """As the grid of a run is drawn: a header, then one row per ctk."""
    figures = {cell.pair: figure(cell) for cell in cells}
    ctvs = by_precision(pair.ctv for pair in figures)
    lines = ["ctk\\ctv" + "".join(f"{ctv:>8}" for ctv in ctvs)]
    for ctk in by_precision(pair.ctk for pair in figures):
        row = {pair.ctv: text for pair, text in figures.items() if pair.ctk == ctk}
        lines.append(f"{ctk:<7}" + "".join(f"{row.get(ctv, NOT_PLANNED):>8}" for ctv in ctvs))
    return lines


def _mean(run: StoredRun, cell: Place) -> str:
    if cell not in run.cells:
        return NOT_PLANNED
    mean = run.cells[cell].mean
    return NO_ANSWER if mean is None else f"{mean:.2f}{PARTLY if run.cells[cell].silent else ''}"


def _difference(differences: Mapping[Place | None, float], cell: Place) -> str:
    return signed(differences[cell]) if cell in differences else NOT_PLANNED


def notes(compared: Comparison) -> Iterable[str]:
    """What decides nothing, and what the number of functions leaves out of reach."""
    for fails, then in ((True, "passed then, fails now"), (False, "failed then, passes now")):
        flips = [flip for flip in compared.flips if flip.fails == fails]
        if flips:
            yield f"{then} ({len(flips)}): {few([_flip(flip) for flip in flips])}"
    if compared.flips:
        yield "single flips decide nothing"
    if compared.margins:
        yield margins_sentence(compared.margins)
    declared, cell = compared.functions_needed
    if declared <= compared.functions < cell:
        yield f"with {compared.functions} functions no cell alone can be called worse, which takes {cell}"


def _flip(flip: Flip) -> str:
    return f"{flip.cell} {printable(flip.function)} {flip.old:g} -> {flip.new:g}"


def all_wrapped(texts: Iterable[str]) -> list[str]:
    """Each text in lines of 80 columns."""
    return [line for text in texts for line in wrapped(text)]


def comparison_markdown(compared: Comparison) -> list[str]:
    """Lines of markdown, under 60,000 characters: GitHub takes 65,536 in a comment."""
    differing = [f"- {_plain(one)}" for one in (*compared.differing, *(f"not compared: {o}" for o in compared.missing))]
    old, new = (_plain(last_name(run.name)) for run in (compared.old, compared.new))
    lines = [
        f"### KV-cache recall: {_plain(verdict(compared))}",
        "",
        f"{_plain(compared.new.corpus)}: {old} → {new}",
        "",
        *[line for caution in cautions(compared) for line in (_plain(caution), "")],
        *(["What differs between the runs:", "", *differing, ""] if differing else []),
        *_markdown_table(
            [*compared.declared, *(one for one in compared.worse_changes if one not in compared.declared)]
        ),
    ]
    lines += [f"- {what}: {_plain(str(cell))}: {names}" for what, cell, names in silent_cells(compared, _plain)]
    lines += [""] if compared.silent else []
    folded = _folded(compared)
    if sum(len(line) + 1 for line in (*lines, *folded)) > _MOST_CHARACTERS:
        folded = ["(too long for a comment: `codeneedle compare` prints it)"]
    return [*lines, *folded]


def _markdown_table(changes: list[Change]) -> list[str]:
    if not changes:
        return []
    rows = [
        f"| {_plain(change.name)} | {change.old:.2f} | {change.new:.2f} | {change.difference:+.2f} | "
        f"{change.adjusted:.3f} | {'**worse**' if change.worse else ''} |"
        for change in changes
    ]
    return ["| mean lines | old | new | difference | p (Holm) | |", "|---|---:|---:|---:|---:|---|", *rows, ""]


def _folded(compared: Comparison) -> list[str]:
    told = [*grids(compared), "", *all_wrapped(notes(compared))]
    fence = "`" * (1 + max(map(len, re.findall("`+", "\n".join(told))), default=7))  # longer than any run in a name
    return ["<details><summary>All cells</summary>", "", f"{fence}text", *told, fence, "", "</details>"]


def _plain(text: str) -> str:
    """Text that stays text, on one line."""
    words = printable(redacted(text)).split(" ")
    return " ".join(_code(word) if _LINKED.search(word) else _MARKUP.sub(r"\\\1", word) for word in words)


def _code(word: str) -> str:
    """A word as code, also in a table: as many backticks around it as it has none of in a row."""
    ticks = "`" * (1 + max(map(len, re.findall("`+", word)), default=0))
    room = " " if "`" in word else ""
    return f"{ticks}{room}{word.replace('|', chr(92) + '|')}{room}{ticks}"
