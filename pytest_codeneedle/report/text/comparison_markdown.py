"""A comparison as a comment on a pull request: the verdict, what differs, what is worse; the grids folded away."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_codeneedle.core.printable import printable
from pytest_codeneedle.core.redaction import redacted
from pytest_codeneedle.core.shareable import last_name
from pytest_codeneedle.report.text.comparison import all_wrapped, cautions, grids, notes, silent_cells, verdict

if TYPE_CHECKING:
    from pytest_codeneedle.stats.comparison import Change, Comparison

#: What markdown would read as more than text.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~@&$])")
#: What GitHub makes links and notifications of, escaped or not: people, issues, addresses. Not within code.
_LINKED = re.compile(r"[@#]|://|\bwww\.|\bGH-\d", re.IGNORECASE)
_MOST_CHARACTERS = 60_000


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
        *_table([*compared.declared, *(one for one in compared.worse_changes if one not in compared.declared)]),
    ]
    lines += [f"- {what}: {_plain(str(cell))}: {names}" for what, cell, names in silent_cells(compared, _plain)]
    lines += [""] if compared.silent else []
    folded = _folded(compared)
    if sum(len(line) + 1 for line in (*lines, *folded)) > _MOST_CHARACTERS:
        folded = ["(too long for a comment: `codeneedle compare` prints it)"]
    return [*lines, *folded]


def _table(changes: list[Change]) -> list[str]:
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
