"""What is settled of one corpus before its first cell, and the folder that its run goes into."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.store import RunFolder, unused
from pytest_codeneedle.thinking import Technique, Thinking

if TYPE_CHECKING:
    from pytest_codeneedle.plan import Plan

#: An answer may have a preamble, a fence and other line ends; one that needs twice the tokens is wrong.
BUDGET_FACTOR, BUDGET_EXTRA = 2, 128
#: What the origin's harness let an answer run to.
FULL_ANSWER_TOKENS = 1500
#: Room for thinking where it is on and the profile sets no max_tokens.
THINKING_TOKENS = 4096


@dataclass(frozen=True)
class Prepared:
    """The settled facts of one corpus, plain enough to be sent to workers.

    `n_ctx`, `file_tokens`, `prompt_tokens` (the longest prompt), `budgets` and `expected` (per function: the
    answer may have, the lines asked for have) are in tokens, and zero or empty where `problem` says why the server
    that counts tokens did not come up. `files` of the corpus are in its text; `[trim]` leaves out the others.
    `model` is None where the server fetches it. `device` is the GPU that a server sees (several with commas, None for
    all), `servers_on_device` how many of this session's servers share it at most, `host` another host that they run
    on; `folder` is a temporary one there.
    """

    folder: str
    model: str | None
    threads: int
    files: int
    technique: Technique = "close-only"
    n_ctx: int = 0
    file_tokens: int = 0
    prompt_tokens: int = 0
    budgets: dict[str, int] | None = None
    expected: dict[str, int] | None = None
    problem: str | None = None
    device: str | None = None
    servers_on_device: int = 1
    host: str | None = None

    @property
    def model_path(self) -> Path | None:
        """The model's file, None for one that the server fetches."""
        return None if self.model is None else Path(self.model)

    @property
    def run(self) -> RunFolder:
        """The run folder."""
        return RunFolder(Path(self.folder))

    @property
    def thinking(self) -> Thinking:
        """What is done about thinking."""
        return Thinking(self.technique)

    def asdict(self) -> dict[str, Any]:
        """Plain, for xdist's `workerinput`."""
        return asdict(self)


def run_folders(plan: Plan, moment: time.struct_time) -> dict[str, RunFolder]:
    """Where each corpus's run goes; raises RunFolderError for one that holds a run already."""
    out = plan.settings.out
    folders = {}
    for name in plan.corpora:
        if out is None:
            stamp = time.strftime("%Y%m%d-%H%M%S", moment)
            path = unused(plan.settings.start / "codeneedle-runs" / f"{name}__{plan.model.name}__{stamp}")
        else:
            path = out / name if len(plan.corpora) > 1 else out
        folders[name] = RunFolder(path)
        folders[name].refuse_existing()
    return folders
