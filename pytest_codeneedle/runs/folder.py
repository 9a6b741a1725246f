"""One run folder: `run.json`, append-only `results.jsonl`, `servers/<ctk>-<ctv>.log`.

A result is one line, flushed and synced before the next question is asked: a run that is killed loses nothing
that it has recorded. Of several rows about one item the last counts. Where the corpus is private, only the user can
read what is in it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.core.parsing import parse_json
from pytest_codeneedle.core.private_files import _FILE, _PRIVATE_FILE, _PRIVATE_FOLDER
from pytest_codeneedle.core.regular_files import MOST_DATA_BYTES, read_bytes, read_text, reason, regular_opener
from pytest_codeneedle.core.text import counted, few
from pytest_codeneedle.core.whole_file import write_whole
from pytest_codeneedle.runs.about_check import about_fault
from pytest_codeneedle.runs.checks import damaged
from pytest_codeneedle.runs.ledger import decisive, lost_answers
from pytest_codeneedle.runs.lock import LOCK
from pytest_codeneedle.runs.row_check import TORN_LINE, line_fault, row_fault
from pytest_codeneedle.runs.sessions import with_sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from pytest_codeneedle.core.kv_types import KVPair

RUN, RESULTS, SERVERS, CORPUS = "run.json", "results.jsonl", "servers", "corpus.txt"
#: What a crash tore off the end of results.jsonl is kept here.
TORN = "torn.txt"
#: The default place of runs, from where pytest was started.
RUNS = "codeneedle-runs"


class Recorded(NamedTuple):
    """What a run folder holds: run.json, the rows that belong to what it says, and what is said of answers it lost."""

    about: dict[str, Any]
    rows: list[dict[str, Any]]
    lost: str


def unused(path: Path) -> Path:
    """The path itself, or the first of `NAME-2`, `NAME-3` and so on where nothing is yet."""
    later = (path.with_name(f"{path.name}-{number}") for number in itertools.count(2))
    return next(one for one in itertools.chain((path,), later) if not one.exists())


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run over one corpus; `private` makes new files readable by the user alone."""

    path: Path
    private: bool = False

    @classmethod
    def create(cls, path: Path, about: Mapping[str, Any]) -> RunFolder:
        """A new run in `path`. Raises RunFolderError where one is there already or nothing can be written.

        `about` says in `private` whose eyes it is for.
        """
        folder = cls(path, private=bool(about.get("private")))
        folder.make()
        try:
            folder.write_about(about)
            folder._open(RESULTS, "a").close()
        except OSError as error:
            raise folder.unwritable(error) from error
        return folder

    def make(self) -> None:
        """The folder and the one for logs in it, with no run yet. Raises RunFolderError where one is there already."""
        self.refuse_existing()
        mode = _PRIVATE_FOLDER if self.private else 0o777
        try:
            self.path.mkdir(mode=mode, parents=True, exist_ok=True)
            ignore = self.path.parent / ".gitignore"
            if self.path.parent.name == RUNS and not ignore.exists():
                write_whole(ignore, b"*\n")  # answers are not for a repository
            (self.path / SERVERS).mkdir(mode=mode, exist_ok=True)
        except OSError as error:
            raise self.unwritable(error) from error

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """A run that is there. Raises RunFolderError where it is not."""
        try:
            if not (path / RUN).exists():
                inside = ", ".join(one.parent.name for one in sorted(path.glob(f"*/{RUN}")))
                way = f"it holds runs: {inside}" if inside else f"runs are kept below {RUNS}/ or --kv-out"
                msg = f"{path} is not a run folder: it has no {RUN}; {way}"
                raise RunFolderError(msg)
        except OSError as error:
            msg = f"{path} cannot be read: {error.strerror}"
            raise RunFolderError(msg) from error
        return cls(path, private=bool(cls(path).about().get("private")))

    @property
    def exists(self) -> bool:
        """Whether a run is there. Raises RunFolderError where that cannot be seen."""
        try:
            return (self.path / RUN).exists() or (self.path / RESULTS).exists()
        except OSError as error:
            msg = f"the run folder {self.path} cannot be read: {error.strerror}; name another (--kv-out, -o)"
            raise RunFolderError(msg) from error

    def refuse_existing(self) -> None:
        """Raise RunFolderError where this folder holds a run."""
        if self.exists:
            msg = f"{self.path} already holds a run; go on with it (--kv-resume), or name another (--kv-out, -o)"
            raise RunFolderError(msg)
        if self.path.exists() and not self.path.is_dir():
            msg = f"{self.path} is not a folder; name another (--kv-out, -o)"
            raise RunFolderError(msg)

    def discard(self) -> None:
        """Take back a run in which nothing was recorded: its files, and the folder where nothing else is in it."""
        if (self.path / RESULTS).exists() and (self.path / RESULTS).stat().st_size:
            return
        for name in (RUN, RESULTS, CORPUS, LOCK):
            (self.path / name).unlink(missing_ok=True)
        for log in self.path.glob("tokenize*.log"):
            log.unlink()
        for folder in (self.path / SERVERS, self.path):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def write_about(self, about: Mapping[str, Any]) -> None:
        """Write run.json whole, through a file beside it. Raises RunFolderError."""
        try:
            self._replace(RUN, _encoded(about, indent=1))
        except OSError as error:
            with contextlib.suppress(OSError):
                (self.path / f".{RUN}.part").unlink(missing_ok=True)
            raise self.unwritable(error) from error

    def write_corpus(self, text: str) -> None:
        """Keep the corpus text, where it was asked to be embedded. Raises RunFolderError."""
        try:
            with self._open(CORPUS, "w") as written:
                written.write(text)
        except OSError as error:
            raise self.unwritable(error) from error

    def about(self) -> dict[str, Any]:
        """run.json. Raises RunFolderError where it is damaged."""
        try:
            read = parse_json(read_text(self.path / RUN))
        except (OSError, ValueError) as error:
            msg = f"{self.path / RUN} cannot be read: {reason(error)}; bring it back from a copy, or name another run"
            raise RunFolderError(msg) from error
        if not isinstance(read, dict):
            raise damaged(self.path, f"{RUN} holds no object")
        fault = about_fault(read)
        if fault is not None:
            raise damaged(self.path, f"{RUN}: {fault}")
        return read

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one result; it is on the disk when this returns.

        Raises OSError where it cannot be written, with the file as it was: half a line is taken back.
        """
        line = _encoded(row)
        # Not buffered: what a buffer still holds would be written when the file is closed, behind what was taken back.
        with open(self.path / RESULTS, "ab", buffering=0, opener=self._opener()) as results:
            before = results.seek(0, os.SEEK_END)
            try:
                while line:
                    line = line[results.write(line) :]
                os.fsync(results.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(results.fileno(), before)
                raise

    def extend(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add many results at once. Raises RunFolderError."""
        try:
            with open(self.path / RESULTS, "ab", opener=self._opener()) as results:
                results.writelines(map(_encoded, rows))
                results.flush()
                os.fsync(results.fileno())
        except OSError as error:
            raise self.unwritable(error) from error

    def repair(self) -> str | None:
        """Make results.jsonl whole, where a crash or a full disk tore a line; what was done, None where nothing was.

        A last line that lacks nothing but its end gets it. Lines that are no rows, or none of this run's, go into
        `torn.txt`. Raises RunFolderError.
        """
        path = self.path / RESULTS
        try:
            content = read_bytes(path, MOST_DATA_BYTES) if os.path.lexists(path) else b""
            lines = [line for line in content.split(b"\n") if line.strip()]
            about = self.about() if (self.path / RUN).exists() else {}
            faults = [line_fault(line, about) for line in lines]
            torn = [line for line, fault in zip(lines, faults, strict=True) if fault is not None]
            if not torn and (not content or content.endswith(b"\n")):
                return None
            if torn:
                with self._open(TORN, "a") as kept:
                    kept.writelines(line.decode("utf-8", "replace") + "\n" for line in torn)
            self._replace(RESULTS, b"".join(line + b"\n" for line in lines if line not in torn))
        except OSError as error:
            msg = f"{path} cannot be repaired: {error.strerror}"
            raise RunFolderError(msg) from error
        if not torn:
            return f"{path.name}: its last line had no end: added"
        which = "a line was torn" if len(torn) == 1 else f"{len(torn)} lines were torn"
        wrong = [f"line {at}: {fault}" for at, fault in enumerate(faults, 1) if fault not in (None, TORN_LINE)]
        if wrong:
            which = f"{counted(len(torn), 'line')} no run can have ({few(wrong, 3, '; ')})"
        return f"{path.name}: {which}: {sum(map(len, torn))} bytes went to {TORN}; what they answered is asked again"

    def make_private(self) -> None:
        """Take from others what they could read of a run that is private now. Raises RunFolderError."""
        try:
            for path in (self.path / SERVERS, *(self.path / SERVERS).glob("*"), *self.path.glob("*"), self.path):
                if path.exists() and not path.is_symlink():
                    path.chmod(_PRIVATE_FOLDER if path.is_dir() else _PRIVATE_FILE)
        except OSError as error:
            msg = f"{self.path} cannot be made private: {error.strerror}; name another folder (--kv-out)"
            raise RunFolderError(msg) from error

    def _replace(self, name: str, content: bytes) -> None:
        """Write a file whole, through one beside it."""
        part = self.path / f".{name}.part"
        with open(part, "wb", opener=self._opener()) as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())  # before it takes the old one's place
        part.replace(self.path / name)

    def rows(self) -> list[dict[str, Any]]:
        """All results in the order they came; a last line that a crash tore is left out.

        Raises RunFolderError for a damaged line elsewhere, and for one that no run can have, with its number.
        """
        path = self.path / RESULTS
        try:
            text = read_text(path, MOST_DATA_BYTES, errors="replace") if os.path.lexists(path) else ""
        except OSError as error:
            msg = f"{path} cannot be read: {error.strerror}"
            raise RunFolderError(msg) from error
        about = self.about() if (self.path / RUN).exists() else {}
        lines = text.split("\n")
        rows: list[dict[str, Any]] = []
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = parse_json(line)
                fault = row_fault(row, about)
            except ValueError as error:
                if number == len(lines) and line.startswith("{"):  # no line end behind it: it was being written
                    break
                fault = f"not JSON: {error}"
            if fault is not None:
                msg = f"{path}, line {number}: {fault}; pytest --kv-resume puts such a line aside"
                raise RunFolderError(msg)
            rows.append(row)
        return rows

    def server_log(self, pair: KVPair, suffix: str = "") -> Path:
        """Where the server of this pair writes its log; `suffix` is that of a cell's name, `:rot-off#2`."""
        return self.path / SERVERS / f"{pair.ctk}-{pair.ctv}{suffix.replace(':', '.')}.log"

    def current_rows(self) -> list[dict[str, Any]]:
        """The rows that belong to what run.json says: those of an earlier state of the run are left out.

        A run that was resumed with another build, other arguments or other questions keeps its old answers.
        """
        return self.recorded().rows

    def recorded(self) -> Recorded:
        """The same with run.json, and with what is to be said where answers that it counts are not there."""
        about, rows = self.about(), self.rows()
        return Recorded(about, current(about, rows), lost_answers(about, rows))

    def unwritable(self, error: OSError) -> RunFolderError:
        """What is said where nothing can be written here."""
        return RunFolderError(
            f"the run folder {self.path} cannot be written: {error.strerror}; name another (--kv-out, -o)"
        )

    def _open(self, name: str, mode: str) -> Any:  # noqa: ANN401 - a text file
        return open(self.path / name, mode, encoding="utf-8", newline="\n", opener=self._opener())

    def _opener(self) -> Callable[[str, int], int]:
        return regular_opener(_PRIVATE_FILE if self.private else _FILE)


def current(about: Mapping[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the rows that were asked as `about` says, about functions that it asks for, each with its session.

    Neither has a key where a run never had another state. Of a cell that was asked with several arguments that a
    fixture added, the last count: its answers are not mixed. What other tests than the packaged one say of the same
    questions is left out.
    """
    asked = about.get("asked")
    of_asked = [row for row in rows if row["function"] is not None and (asked is None or row["function"] in asked)]
    kept = [row for row in of_asked if row.get("key") == about.get("key")]
    last = {_cell(row): row.get("added_args") for row in kept}
    return decisive(with_sessions(about, (row for row in kept if row.get("added_args") == last[_cell(row)])))


def _encoded(value: Mapping[str, Any], indent: int | None = None) -> bytes:
    """As JSON. Half a surrogate pair, which UTF-8 has no bytes for, stays the escape that it was read from."""
    try:
        return (json.dumps(value, indent=indent, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(value, indent=indent) + "\n").encode()


def _cell(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row.get("ctk"), row.get("ctv"), row.get("rotation", "default"), row.get("replicate", 0)
