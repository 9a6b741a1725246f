"""What is settled of one corpus before its first cell, from a server or from the record of its run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.kv_types import KVSize
from pytest_codeneedle.recall.control_text import ControlText
from pytest_codeneedle.recall.thinking import Thinking
from pytest_codeneedle.runs.folder import RunFolder
from pytest_codeneedle.runs.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Mapping

#: In run.json, and among the parts of an identity: what is called like control tokens.
CONTROL_TEXT = "control_text"
#: An answer may have a preamble, a fence and other line ends; one that needs twice the tokens is wrong.
BUDGET_FACTOR, BUDGET_EXTRA = 2, 128
#: What the origin's harness let an answer run to.
FULL_ANSWER_TOKENS = 1500
#: Room for thinking where it is on and the profile sets no max_tokens.
THINKING_TOKENS = 4096


@dataclass(frozen=True)
class Prepared:
    """The settled facts of one corpus, plain enough to be sent to workers.

    `n_ctx`, `file_tokens`, `prompt_tokens` (the longest prompt), `budgets` and `expected` (per function: the answer may
    have, the lines asked for have) are in tokens, and zero or empty where `problem` says why the server that counts
    tokens did not come up. `files` of the corpus are in its text; `[trim]` leaves out the others. `model` is None where
    the server fetches it. `identity` holds the parts that every answer depends on, `think` what was settled about
    thinking, as the fields of a `Thinking`. `k_per_token`, `v_per_token` and `kv_sliding` are a `KVSize`; zero where
    the log of the counting server did not show it. `base_model`: the model's file has no chat template, and no other is
    given. `control` has the fields of a `ControlText`. `device` is the GPU that a server sees (several with commas,
    None for all), `servers_on_device` how many of this session's servers share it at most, `host` another host that
    they run on; `folder` is a temporary one there. `watched` are this machine's files as `watched` has them.
    """

    folder: str
    private: bool
    model: str | None
    threads: int
    files: int
    identity: Mapping[str, Any] = field(default_factory=dict)
    think: Mapping[str, Any] = field(default_factory=lambda: {"technique": "none"})
    n_ctx: int = 0
    file_tokens: int = 0
    prompt_tokens: int = 0
    budgets: dict[str, int] | None = None
    expected: dict[str, int] | None = None
    control: Mapping[str, Any] = field(default_factory=dict)
    k_per_token: float = 0.0
    v_per_token: float = 0.0
    kv_sliding: bool = False
    base_model: bool = False
    problem: str | None = None
    device: str | None = None
    servers_on_device: int = 1
    host: str | None = None
    watched: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def model_path(self) -> Path | None:
        """The model's file, None for one that the server fetches."""
        return None if self.model is None else Path(self.model)

    @property
    def run(self) -> RunFolder:
        """The run folder."""
        return RunFolder(Path(self.folder), private=self.private)

    @property
    def thinking(self) -> Thinking:
        """What is done about thinking."""
        return Thinking(**self.think)

    @property
    def control_text(self) -> ControlText:
        """What of the text is called like control tokens, and how it goes out."""
        return ControlText(**self.control)

    def completed(self, identity: Identity) -> Identity:
        """The identity with what only a tokenizer told; no part of one whose text has nothing to tell."""
        sent = {CONTROL_TEXT: "as text"} if self.control_text.as_tokens else {}
        return Identity({**identity.parts, **sent})

    @property
    def key(self) -> str:
        """The key of the identity, which every row has."""
        return Identity(self.identity).key

    @property
    def kv_size(self) -> KVSize | None:
        """What a token of context takes in the KV cache; None where it is not known."""
        return KVSize(self.k_per_token, self.v_per_token, self.kv_sliding) if self.k_per_token else None

    def asdict(self) -> dict[str, Any]:
        """Plain, for xdist's `workerinput`."""
        return asdict(self)


def placed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a row says of where it was asked; `facts` are those of a `Prepared`, or of a row."""
    return {name: facts.get(name) for name in ("host", "device", "servers_on_device")}


def stored_counts(about: Mapping[str, Any]) -> dict[str, Any]:
    """What a server counted for this run before, as fields of `Prepared`."""
    kv = about.get("kv_per_token") or {}
    return {
        "k_per_token": kv.get("k", 0.0),
        "v_per_token": kv.get("v", 0.0),
        "kv_sliding": kv.get("sliding", False),
        "base_model": bool(about.get("base_model")),
        "think": about["thinking_settled"],
        "n_ctx": about["n_ctx"],
        "file_tokens": about["tokens"]["file"],
        "prompt_tokens": about["tokens"]["longest_prompt"],
        "budgets": about["budgets"],
        "expected": about["expected_tokens"],
        "control": about.get(CONTROL_TEXT) or {},
    }
