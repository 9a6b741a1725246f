"""The model: a GGUF file or the control model, and whether it can copy a corpus."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import ModelError
from pytest_codeneedle.core.machine import expanded
from pytest_codeneedle.core.redaction import redacted
from pytest_codeneedle.core.regular_files import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_codeneedle.corpus.corpus import Corpus
    from pytest_codeneedle.server.control_model.model import Control

CONTROL = "control:"
DEFAULT_MODEL = "control:robust"
_MAGIC = b"GGUF"
_MIB = 2**20
#: How llama.cpp names the parts of a split model.
_PART = re.compile(r"-\d{5}(-of-\d{5}\.gguf)$")


@dataclass(frozen=True)
class Model:
    """A model by the name that the user gave: `control:robust`, or the path of a GGUF file.

    `label` is how its profile calls it; `chosen` says that the user named it, and did not take the default.
    `remote`: the server fetches it, and the name is that of a repository (`org/repo:Q4_K_M`) or a URL.
    """

    given: str
    label: str | None = None
    chosen: bool = False
    remote: bool = False

    @property
    def is_control(self) -> bool:
        """Whether it is a computed control model."""
        return self.given.startswith(CONTROL) and not self.remote

    def threads(self, share: int) -> int:
        """Threads per server out of its share of the cores.

        The control model's work between two of llama.cpp's barriers is microseconds: a second thread gains a fifth
        on an idle machine, and loses a factor of ten once anything else runs, since threads spin at barriers.
        """
        return 1 if self.is_control else max(1, share)

    @property
    def name(self) -> str:
        """A name fit for a folder."""
        file = not self.is_control and (not self.remote or Path(self.given).is_absolute())  # llama-server's own name
        name = self.label or (Path(self.given).stem if file else redacted(self.given))
        return re.sub(r"[^\w.+-]+", "-", name).strip("-.") or "model"

    def check(self, start: Path, profiles: Iterable[str] = ()) -> None:
        """Raise ModelError where there is no such control model, or no GGUF file at that path (from `start`).

        `profiles` are the names that could have been meant instead. Of a remote model nothing is known before a
        server has fetched it.
        """
        if self.remote:
            return
        if self.is_control:
            _control(self.given)
            return
        path = self._path(start)
        if not path.exists() or path.is_dir():
            what = "is a folder" if path.is_dir() else "is a link to nothing" if path.is_symlink() else "is not there"
            known = ", ".join([*profiles, DEFAULT_MODEL])
            way_out = f"name a GGUF file with --kv-model PATH, or {known}"
            msg = f"model file {path} {what}; {f'set path in the profile {self.label!r}' if self.label else way_out}"
            raise ModelError(msg)
        try:
            with open_regular(path) as file:
                magic = file.read(len(_MAGIC))
        except OSError as error:
            msg = f"model file {path} cannot be read: {error.strerror}"
            raise ModelError(msg) from error
        if path.suffix == ".toml":
            msg = f"{path} is no model; if it is a profile in models/, write --kv-model {path.stem}"
            raise ModelError(msg)
        if magic != _MAGIC:
            msg = f"model file {path} is not GGUF (it begins with {magic!r}); convert it, or name another"
            raise ModelError(msg)

    def check_copies(self, corpus: Corpus) -> None:
        """Raise ModelError where the control model would be asked for real code by default.

        It copies generated corpora. Named by the user, it is asked for anything: its misses are its own then.
        """
        if self.is_control and not self.chosen and not corpus.generated:
            msg = (
                f"corpus {corpus.name!r} is real code, which the {self.given} model cannot copy: name a model with "
                "--kv-model PATH, the ini key kv_model or the environment variable CODENEEDLE_MODEL"
            )
            raise ModelError(msg)

    def file(self, start: Path, cache: Path) -> Path | None:
        """The GGUF file; a control model is written into `cache` on first use. None for a remote model.

        No link is followed: llama.cpp finds the other parts of a split model by the name it is given. Raises
        ModelError.
        """
        if self.remote:
            return None
        return _control(self.given).cached(cache) if self.is_control else self._path(start).absolute()

    def _path(self, start: Path) -> Path:
        return start / expanded(self.given)


def file_mib(path: Path) -> float | None:
    """MiB of a model's file, all parts of a split one; None where it is not on this machine."""
    if not path.is_file():
        return None
    part = _PART.search(path.name)
    parts = path.parent.glob(f"{glob.escape(path.name[: part.start()])}-*{part[1]}") if part else [path]
    return sum(one.stat().st_size for one in parts) / _MIB


def _control(given: str) -> Control:
    from pytest_codeneedle.server.control_model.model import Control  # noqa: PLC0415 - a run of one's own model needs none

    return Control(given.removeprefix(CONTROL))
