"""Whether two stored runs can be compared, what differs between them, and what one has and the other has not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.errors import BaselineError
from pytest_codeneedle.core.text import counted, few
from pytest_codeneedle.runs.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pytest_codeneedle.core.cells import Place, Rotation
    from pytest_codeneedle.runs.stored_run import StoredRun

#: What has to be the same, and the way out where it is not.
_WAY_OUT = {
    "lines": "--kv-lines {old}",
    "prompt": "--kv-prompt {old}",
    "prompt_sha256": "another version words the task otherwise, or --kv-think does: save the baseline anew",
    "indentation": "--kv-relax-indent ignores it, --kv-strict-indent compares it",
}


def refuse_other_questions(old: StoredRun, new: StoredRun) -> None:
    """Raise BaselineError where another text, other questions or another way to score make figures incomparable."""
    if old.corpus_sha256 != new.corpus_sha256:
        different = Identity({"sha256": new.corpus_sha256}).differences(Identity({"sha256": old.corpus_sha256}))
        msg = f"{new.name} is of another corpus than {old.name}: {old.corpus}, {new.corpus}: {different[0]}"
        raise BaselineError(msg)
    refuse_other_wording(old, new.questions, new.name)


def refuse_other_wording(old: StoredRun, questions: Mapping[str, Any], name: str) -> None:
    """Raise BaselineError where `questions` are not those of the stored run."""
    both = {key: value for key, value in questions.items() if value is not None and old.questions.get(key) is not None}
    before = {key: old.questions[key] for key in both}
    for key, value in both.items():
        if value != before[key]:
            said = Identity({key: value}).differences(Identity({key: before[key]}))[0]
            msg = f"{name} cannot be compared with {old.name}: {said}; {_WAY_OUT[key].format(old=before[key])}"
            raise BaselineError(msg)


def under_one_rotation(old: StoredRun, rotations: Collection[Rotation]) -> StoredRun:
    """Its cells as a run with these rotations calls them, where each has one: that it differs is said."""
    if {cell.rotation for cell in old.cells} == set(rotations):
        return old
    if len(rotations) != 1 or len({cell.rotation for cell in old.cells}) != 1:
        return old
    (rotation,) = rotations
    return replace(old, cells={cell._replace(rotation=rotation): figures for cell, figures in old.cells.items()})


def differences(old: StoredRun, new: StoredRun, common: Sequence[Place]) -> list[str]:
    """What differs between the runs, a part each: what they were asked with, and what the servers' logs show."""
    return [*Identity(new.facts).differences(Identity(old.facts)), *_logged(old, new, common)]


def _logged(old: StoredRun, new: StoredRun, common: Sequence[Place]) -> list[str]:
    """Where the servers' logs show another rotation than they did."""
    said = []
    for side, place in (("K", 0), ("V", 1)):
        both = [(old.cells[cell].log_rotation[place], new.cells[cell].log_rotation[place]) for cell in common]
        told = [(then, now) for then, now in both if then is not None and now is not None]
        changed = [(then, now) for then, now in told if then != now]
        if changed:
            ways = " and ".join(dict.fromkeys(f"was {_turned(then)}, is {_turned(now)}" for then, now in changed))
            said.append(f"rotation of {side} in the log {ways} in {len(changed)} of {len(told)} cells")
    return said


def _turned(number: int) -> str:
    return f"on ({number})" if number else "off"


def not_compared(old: StoredRun, new: StoredRun, asked: Mapping[Place, Sequence[str]]) -> Iterable[str]:
    """What one of the runs has and the other has not."""
    for have, other, when in ((old, new, "not asked now"), (new, old, "not in the old run")):
        cells = [str(cell) for cell in sorted(have.cells) if cell not in other.cells]
        if cells:
            yield f"{counted(len(cells), 'cell')} {when}: {few(cells)}"
        everywhere = {name for cell in asked for name in have.cells[cell].matched}
        known = {name for cell in asked for name in other.cells[cell].matched}
        functions = sorted(everywhere - known)
        if functions:
            yield f"{counted(len(functions), 'function')} {when}: {few(functions)}"
        single = sum(len(set(have.cells[cell].matched) - set(names) - set(functions)) for cell, names in asked.items())
        if single:
            yield f"{counted(single, 'single question')} {when}"
    unknown = {cell: len(names) - len(_known(old, cell, names)) for cell, names in sorted(asked.items())}
    told = [f"{cell} ({count} of {len(asked[cell])})" for cell, count in unknown.items() if count]
    if told:
        yield f"{counted(sum(unknown.values()), 'question')} without an answer in the old run: {few(told)}"


def _known(run: StoredRun, cell: Place, names: Iterable[str]) -> list[str]:
    """Those of these functions of a cell that have a figure in the run."""
    return [name for name in names if run.cells[cell].matched[name] is not None]


def part_compared(old: StoredRun, asked: Mapping[Place, Sequence[str]]) -> str:
    """How much of the old run was asked again, as `in 2 of 5 cells`; nothing where all of it was.

    What had no answer then was held against nothing.
    """
    asked = {cell: _known(old, cell, names) for cell, names in asked.items()}
    cells = [cell for cell, names in asked.items() if names]
    again = {name for names in asked.values() for name in names}
    every = {name for figures in old.cells.values() for name in figures.matched}
    said = []
    if len(cells) < len(old.cells):
        said.append(f"in {len(cells)} of {counted(len(old.cells), 'cell')}")
    if len(again) < len(every):
        said.append(f"for {len(again)} of {counted(len(every), 'function')}")
    questions = sum(map(len, asked.values()))
    if not said and questions < old.questions_asked:
        said.append(f"for {questions} of {counted(old.questions_asked, 'question')}")
    return " ".join(said)
