"""One run of an archive as files: made of a run folder, read back, and held against its own hashes."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.errors import RunFolderError, damage
from pytest_codeneedle.core.parsing import parse_json
from pytest_codeneedle.core.regular_files import MOST_DATA_BYTES, read_bytes, read_text, reason
from pytest_codeneedle.core.text import encodable
from pytest_codeneedle.report.archive.summary import FORMAT, archive_summary
from pytest_codeneedle.report.page.sections import hidden_of, section
from pytest_codeneedle.report.text.run import run_verdicts
from pytest_codeneedle.runs.anonymised import keeps_answers, kept
from pytest_codeneedle.runs.baseline_file import named_devices
from pytest_codeneedle.runs.checks import checked_about
from pytest_codeneedle.runs.design import Frame
from pytest_codeneedle.runs.folder import RESULTS, RUN, RunFolder, current
from pytest_codeneedle.runs.ledger import lost_answers
from pytest_codeneedle.runs.lock import holder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SUMS, SUMMARY, PAGE = "SHA256SUMS", "summary.json", "index.html"
#: What an ID is made of.
_DATA = (RESULTS, RUN)
FILES = frozenset((*_DATA, SUMMARY, PAGE, SUMS))
_ID_DIGITS = 16
_BACK = ("../../index.html", "all runs")


@dataclass(frozen=True)
class Entry:
    """A run as it is kept: its ID, its files, and what the index says of it; `secret` is for the user's eyes alone."""

    run_id: str
    files: Mapping[str, bytes]
    summary: Mapping[str, Any]
    secret: bool


def made_of(path: Path, *, with_answers: bool) -> Entry:
    """The entry of a run folder. Raises RunFolderError for one that is missing, damaged, or in use."""
    folder = RunFolder.open(path)
    owner = holder(path)
    if owner is not None:
        msg = f"{path} is in use by {owner}: it is not whole yet; add it when that has ended"
        raise RunFolderError(msg)
    try:
        about, rows = checked_about(path, folder.about()), folder.rows()
        answers = keeps_answers(about, with_answers=with_answers)
        told, results = kept(about, rows, named_devices(path), answers=answers)
        lines = "".join(_json(row) + "\n" for row in results)
        return entry({RUN: (_json(told, indent=1) + "\n").encode(), RESULTS: lines.encode()})
    except RunFolderError:
        raise
    except OSError as error:
        msg = f"{error.filename or path} cannot be read: {error.strerror}; leave {path} out"
        raise RunFolderError(msg) from error
    except Exception as error:  # what a damaged run raises is anybody's guess: it is named
        msg = f"{path} is damaged: {damage(error)}; bring it back from a copy, or leave it out"
        raise RunFolderError(msg) from error


def entry(data: Mapping[str, bytes]) -> Entry:
    """The entry whose run.json and results.jsonl are these bytes: its page and its summary are made of them.

    Raises KeyError, TypeError and the like where they are no run, or one that no index can show.
    """
    from pytest_codeneedle.report.archive.index import archive_page  # noqa: PLC0415 - as below
    from pytest_codeneedle.report.page.render import run_page  # noqa: PLC0415 - Jinja2 is loaded where a page is drawn

    about = parse_json(data[RUN])
    every = [parse_json(line) for line in data[RESULTS].splitlines()]
    rows, lost = current(about, every), lost_answers(about, every)
    frame, run_id = Frame.of(about), id_of(data)
    judged = run_verdicts(rows, frame)
    shown = section(about, rows, frame, judged, hidden=hidden_of(about), cautions=[lost] if lost else [])
    summary = archive_summary(run_id, about, rows, dict(zip(frame.views, shown.parts, strict=True)))
    named = ", ".join(summary[key] for key in ("corpus", "model", "started"))
    page = run_page([shown], title=f"KV-cache recall: {named}", back=_BACK)
    archive_page([summary])  # a run that no index can show is none that is kept
    files = {
        **{name: data[name] for name in _DATA},
        SUMMARY: (_json(summary, indent=1) + "\n").encode(),
        PAGE: encodable(page).encode(),
    }
    sums = sums_text(files).encode()
    return Entry(run_id, {**files, SUMS: sums}, summary, secret=summary["private"] and summary["answers"])


def undrawable(summary: Mapping[str, Any]) -> str:
    """Why the index cannot show the run of this summary; nothing where it can."""
    from pytest_codeneedle.report.archive.index import archive_page  # noqa: PLC0415 - Jinja2 is loaded where a page is drawn

    try:
        archive_page([summary])
    except Exception as error:  # noqa: BLE001 - whatever it is: it is told of which run
        return f"cannot be drawn: {damage(error)}"
    return ""


def id_of(data: Mapping[str, bytes]) -> str:
    """The name of a run: 64 bits of the SHA-256 over what `sha256sum results.jsonl run.json` prints."""
    return sha256(sums_text({name: data[name] for name in _DATA}).encode())[:_ID_DIGITS]


def is_id(name: str) -> bool:
    """Whether a folder is called as a kept run is."""
    return len(name) == _ID_DIGITS and set(name) <= set("0123456789abcdef")


def sums_text(files: Mapping[str, bytes]) -> str:
    """What `sha256sum -c` reads, a line for each file."""
    return "".join(f"{sha256(content)}  {name}\n" for name, content in sorted(files.items()))


def sha256(content: bytes) -> str:
    """In hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def read_data(folder: Path) -> dict[str, bytes]:
    """The bytes of a kept run's run.json and results.jsonl.

    Raises RunFolderError where they are not what its name says.
    """
    try:
        data = {name: read_bytes(folder / name, MOST_DATA_BYTES) for name in _DATA}
    except OSError as error:
        msg = f"{folder} cannot be read: {error.strerror}: {error.filename}; bring it back from a copy, or delete it"
        raise RunFolderError(msg) from error
    if id_of(data) != folder.name:
        msg = f"{folder} is damaged: {RUN} and {RESULTS} are not what its name says; bring them back, or delete it"
        raise RunFolderError(msg)
    return data


def read_summary(folder: Path) -> dict[str, Any]:
    """summary.json of a kept run. Raises RunFolderError where it is damaged, or of another version of this package."""
    way = "see `codeneedle archive check`; `codeneedle archive rebuild` writes it anew"
    try:
        content, sums = read_bytes(folder / SUMMARY), read_text(folder / SUMS)
        summary = parse_json(content)
    except (OSError, ValueError) as error:
        msg = f"{folder / SUMMARY} cannot be read: {reason(error)}; {way}"
        raise RunFolderError(msg) from error
    if f"{sha256(content)}  {SUMMARY}\n" not in sums or not isinstance(summary, dict):
        msg = f"{folder / SUMMARY} is damaged: its hash is not that of {SUMS}; {way}"
        raise RunFolderError(msg)
    if summary.get("format") != FORMAT:
        msg = f"{folder / SUMMARY} is of another version; `codeneedle archive rebuild` writes it anew"
        raise RunFolderError(msg)
    return summary


def faults(folder: Path) -> list[str]:
    """What is wrong with a kept run, a line each: files that are missing, extra, no plain files, or changed."""
    try:
        found = {path.name: path.lstat().st_mode for path in folder.iterdir()}
        said = [f"{name}: missing" for name in sorted(FILES - set(found))]
        said += [f"{name}: extra" for name in sorted(set(found) - FILES)]
        said += [f"{name}: not a plain file" for name in sorted(FILES & set(found)) if not stat.S_ISREG(found[name])]
        if said:
            return said
        contents = {name: read_bytes(folder / name, MOST_DATA_BYTES) for name in FILES}
    except OSError as error:
        return [f"{os.path.relpath(error.filename or folder, folder)}: cannot be read: {error.strerror}"]
    return _changed(folder.name, contents)


def _changed(run_id: str, contents: Mapping[str, bytes]) -> list[str]:
    """Which of these files are not what the name of the run and its hashes say."""
    listed = contents[SUMS].decode("utf-8", "replace").splitlines(keepends=True)
    right = {name: f"{sha256(content)}  {name}\n" for name, content in sorted(contents.items()) if name != SUMS}
    wrong = [name for name, line in right.items() if line not in listed]
    if id_of(contents) != run_id:
        return [f"{name}: changed" for name in wrong] or ["its name is not that of its files"]
    said = [f"{name}: changed" for name in wrong if name not in _DATA]  # the name vouches for the others
    return said if said or listed == list(right.values()) else [f"{SUMS}: changed"]


def _json(value: Any, indent: int | None = None) -> str:  # noqa: ANN401 - a value as JSON has it
    return encodable(json.dumps(value, indent=indent, ensure_ascii=False))
