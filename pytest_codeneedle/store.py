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
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.errors import RunFolderError
from pytest_codeneedle.lock import LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from pytest_codeneedle.kvtypes import KVPair

RUN, RESULTS, SERVERS, CORPUS = "run.json", "results.jsonl", "servers", "corpus.txt"
#: What a crash tore off the end of results.jsonl is kept here.
TORN = "torn.txt"
#: The default place of runs, from where pytest was started.
RUNS = "codeneedle-runs"
_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700


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
        folder.refuse_existing()
        mode = _PRIVATE_FOLDER if folder.private else 0o777
        try:
            path.mkdir(mode=mode, parents=True, exist_ok=True)
            if path.parent.name == RUNS and not (path.parent / ".gitignore").exists():
                (path.parent / ".gitignore").write_text("*\n", encoding="utf-8")  # answers are not for a repository
            (path / SERVERS).mkdir(mode=mode, exist_ok=True)
            folder.write_about(about)
            folder._open(RESULTS, "a").close()
        except OSError as error:
            msg = f"the run folder {path} cannot be written: {error.strerror}; name another (--kv-out, -o)"
            raise RunFolderError(msg) from error
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """A run that is there. Raises RunFolderError where it is not."""
        if not (path / RUN).is_file():
            msg = f"{path} is not a run folder: it has no {RUN}; runs are kept below {RUNS}/ or --kv-out"
            raise RunFolderError(msg)
        return cls(path, private=bool(cls(path).about().get("private")))

    @property
    def exists(self) -> bool:
        """Whether a run is there."""
        return (self.path / RUN).exists() or (self.path / RESULTS).exists()

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
            if not any(folder.iterdir()):
                folder.rmdir()

    def write_about(self, about: Mapping[str, Any]) -> None:
        """Write run.json whole, through a file beside it. Raises RunFolderError."""
        part = self.path / f".{RUN}.part"
        try:
            with self._open(part.name, "w") as written:
                written.write(json.dumps(about, indent=1, ensure_ascii=False) + "\n")
                written.flush()
                os.fsync(written.fileno())  # before it takes the old one's place
            part.replace(self.path / RUN)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            msg = f"the run folder {self.path} cannot be written: {error.strerror}; name another (--kv-out, -o)"
            raise RunFolderError(msg) from error

    def write_corpus(self, text: str) -> None:
        """Keep the corpus text, where it was asked to be embedded. Raises RunFolderError."""
        try:
            with self._open(CORPUS, "w") as written:
                written.write(text)
        except OSError as error:
            msg = f"the run folder {self.path} cannot be written: {error.strerror}; name another (--kv-out, -o)"
            raise RunFolderError(msg) from error

    def about(self) -> dict[str, Any]:
        """run.json. Raises RunFolderError where it is damaged."""
        try:
            read: dict[str, Any] = json.loads((self.path / RUN).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            msg = f"{self.path / RUN} cannot be read: {error}"
            raise RunFolderError(msg) from error
        return read

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one result; it is on the disk when this returns.

        Raises OSError where it cannot be written, with the file as it was: half a line is taken back.
        """
        with self._open(RESULTS, "a") as results:
            before = results.seek(0, os.SEEK_END)
            try:
                results.write(json.dumps(row, ensure_ascii=False) + "\n")
                results.flush()
                os.fsync(results.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(results.fileno(), before)
                raise

    def extend(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add many results at once. Raises RunFolderError."""
        try:
            with self._open(RESULTS, "a") as results:
                results.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
                results.flush()
                os.fsync(results.fileno())
        except OSError as error:
            msg = f"the run folder {self.path} cannot be written: {error.strerror}; name another (-o)"
            raise RunFolderError(msg) from error

    def repair(self) -> str | None:
        """Make the end of results.jsonl whole, where a crash tore it; what was done, None where nothing was.

        A last line that lacks nothing but its end gets it. A torn one goes into `torn.txt`. Raises RunFolderError.
        """
        path = self.path / RESULTS
        if not path.is_file():
            return None
        content = path.read_bytes()
        whole, _, torn = content.rpartition(b"\n")
        if not torn:
            return None
        try:
            with path.open("r+b") as results:
                if _is_row(torn):
                    results.seek(0, os.SEEK_END)
                    results.write(b"\n")
                    said = "its last line had no end: added"
                else:
                    with self._open(TORN, "a") as kept:
                        kept.write(torn.decode("utf-8", "replace") + "\n")
                    results.truncate(len(whole) + 1 if b"\n" in content else 0)
                    said = f"its last line was torn: {len(torn)} bytes went to {TORN}, and that item is asked again"
                results.flush()
                os.fsync(results.fileno())
        except OSError as error:
            msg = f"{path} cannot be repaired: {error.strerror}"
            raise RunFolderError(msg) from error
        return f"{path.name}: {said}"

    def rows(self) -> list[dict[str, Any]]:
        """All results in the order they came; a last line that a crash tore is left out.

        Raises RunFolderError for a damaged line elsewhere, with its number.
        """
        path = self.path / RESULTS
        if not path.is_file():
            return []
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        rows: list[dict[str, Any]] = []
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                if number == len(lines):  # no line end behind it: it was being written
                    break
                msg = f"{path}, line {number}: not JSON: {error}"
                raise RunFolderError(msg) from error
        return rows

    def server_log(self, pair: KVPair) -> Path:
        """Where the server of this pair writes its log."""
        return self.path / SERVERS / f"{pair.ctk}-{pair.ctv}.log"

    def current_rows(self) -> list[dict[str, Any]]:
        """The rows that belong to what run.json says: those of an earlier state of the run are left out.

        A run that was resumed with another build, other arguments or other questions keeps its old answers.
        """
        return current(self.about(), self.rows())

    def _open(self, name: str, mode: str) -> Any:  # noqa: ANN401 - a text file
        return open(self.path / name, mode, encoding="utf-8", newline="\n", opener=self._opener())

    def _opener(self) -> Callable[[str, int], int] | None:
        return (lambda path, flags: os.open(path, flags, _PRIVATE_FILE)) if self.private else None


def current(about: Mapping[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the rows that were asked as `about` says, about functions that it asks for.

    Rows without a key are of runs that never had another state.
    """
    asked = about.get("asked")
    return [
        row
        for row in rows
        if row.get("key") in (None, about.get("key")) and (asked is None or row["function"] in asked)
    ]


def _is_row(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
