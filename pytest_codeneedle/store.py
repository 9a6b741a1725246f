"""One run folder: `run.json`, append-only `results.jsonl`, `servers/<ctk>-<ctv>.log`.

A result is one line, flushed and synced before the next question is asked: a run that is killed loses nothing
that it has recorded.
"""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.errors import RunFolderError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_codeneedle.kvtypes import KVPair

RUN, RESULTS, SERVERS, CORPUS = "run.json", "results.jsonl", "servers", "corpus.txt"


def unused(path: Path) -> Path:
    """The path itself, or the first of `NAME-2`, `NAME-3` and so on where nothing is yet."""
    later = (path.with_name(f"{path.name}-{number}") for number in itertools.count(2))
    return next(one for one in itertools.chain((path,), later) if not one.exists())


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run over one corpus."""

    path: Path

    @classmethod
    def create(cls, path: Path, about: Mapping[str, Any]) -> RunFolder:
        """A new run in `path`. Raises RunFolderError where one is there already or nothing can be written."""
        folder = cls(path)
        folder.refuse_existing()
        try:
            (path / SERVERS).mkdir(parents=True, exist_ok=True)
            folder.write_about(about)
            (path / RESULTS).touch()
        except OSError as error:
            msg = f"the run folder {path} cannot be written: {error.strerror}; name another (--kv-out, -o)"
            raise RunFolderError(msg) from error
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """A run that is there. Raises RunFolderError where it is not."""
        if not (path / RUN).is_file():
            msg = f"{path} is not a run folder: it has no {RUN}; runs are kept below codeneedle-runs/ or --kv-out"
            raise RunFolderError(msg)
        return cls(path)

    def refuse_existing(self) -> None:
        """Raise RunFolderError where this folder holds a run."""
        if (self.path / RUN).exists() or (self.path / RESULTS).exists():
            msg = f"{self.path} already holds a run; name another (--kv-out, -o), or read it: codeneedle grid"
            raise RunFolderError(msg)
        if self.path.exists() and not self.path.is_dir():
            msg = f"{self.path} is not a folder; name another (--kv-out, -o)"
            raise RunFolderError(msg)

    def discard(self) -> None:
        """Take back a run in which nothing was recorded: its files, and the folder where nothing else is in it."""
        if (self.path / RESULTS).exists() and (self.path / RESULTS).stat().st_size:
            return
        for name in (RUN, RESULTS, CORPUS):
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
            part.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            part.replace(self.path / RUN)
        except OSError as error:
            msg = f"the run folder {self.path} cannot be written: {error.strerror}; name another (--kv-out, -o)"
            raise RunFolderError(msg) from error

    def write_corpus(self, text: str) -> None:
        """Keep the corpus text, where it was asked to be embedded. Raises RunFolderError."""
        try:
            (self.path / CORPUS).write_text(text, encoding="utf-8", newline="\n")
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
        """Add one result; it is on the disk when this returns."""
        with (self.path / RESULTS).open("a", encoding="utf-8") as results:
            results.write(json.dumps(row, ensure_ascii=False) + "\n")
            results.flush()
            os.fsync(results.fileno())

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
