"""The folder that a run goes into: a new one, or one that is gone on with, and what of it can be used again."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.cells import ERROR, place_of
from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.core.kv_types import parse_pair
from pytest_codeneedle.core.redaction import redacted, redacted_value, redacted_words
from pytest_codeneedle.recall.questions import Task, task_sha256
from pytest_codeneedle.recall.thinking import suffix
from pytest_codeneedle.runs.anonymised import ANSWERS_KEPT
from pytest_codeneedle.runs.checks import checked_about, checked_rows
from pytest_codeneedle.runs.folder import RUNS, RunFolder, unused
from pytest_codeneedle.runs.identity import THINKING, Identity, recorded_identity
from pytest_codeneedle.runs.ledger import lost_answers
from pytest_codeneedle.runs.lock import FolderLock
from pytest_codeneedle.runs.sessions import session_of, with_sessions
from pytest_codeneedle.server.command.flags import inherited, read_by_llama
from pytest_codeneedle.server.command.given_args import without_threads
from pytest_codeneedle.server.contents.hashes import is_regular
from pytest_codeneedle.server.log.rotation import said_by
from pytest_codeneedle.sweep.shards import with_reference

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.server.made_with import MadeWith
    from pytest_codeneedle.server.program import ServerProgram
    from pytest_codeneedle.sweep.plan import Plan
    from pytest_codeneedle.sweep.settings import Settings

#: They decide how fast a server is.
_NO_DIFFERENCE = frozenset(("LLAMA_ARG_THREADS", "LLAMA_ARG_THREADS_HTTP", "GGML_VK_VISIBLE_DEVICES"))


@dataclass(frozen=True)
class Target:
    """Where one corpus's run goes; its lock is held until `lock.release()`.

    `stored` is run.json as it was found and `rows` all its rows, None and empty for a new run. `notes` are what a
    person should know of the choice.
    """

    folder: RunFolder
    lock: FolderLock
    stored: Mapping[str, Any] | None = None
    rows: Sequence[dict[str, Any]] = ()
    notes: tuple[str, ...] = ()

    def create(self, about: Mapping[str, Any]) -> None:
        """Make the new run, and hold it. Raises RunFolderError."""
        self.folder.make()
        self.lock.take()
        RunFolder.create(self.folder.path, about)

    def stored_as(self, identity: Identity, *, but: Collection[str] = ()) -> Mapping[str, Any]:
        """run.json as it was found where it is of this identity (parts of `but` aside), else nothing."""
        if self.stored is None or "identity" not in self.stored:
            return {}
        return self.stored if not identity.differences(Identity(self.stored["identity"]), but=but) else {}

    def answers(self, identity: Identity) -> list[dict[str, Any]]:
        """The recorded answers of this identity: of each item in each session the last.

        Those of a cell to which a fixture has added other arguments since are left out.
        """
        of_item: dict[Any, dict[str, dict[str, Any]]] = {}
        for row in self._of(identity):
            if row["outcome"] != ERROR:
                item = of_item.setdefault((place_of(row), row["function"], row.get("test")), {})
                item.pop(session_of(row), None)
                item[session_of(row)] = row
        last = {item: [*rows.values()][-1].get("added_args") for item, rows in of_item.items()}
        return [row for item, rows in of_item.items() for row in rows.values() if row.get("added_args") == last[item]]

    def silent(self, identity: Identity, reference: KVPair) -> list[dict[str, Any]]:
        """The reference's ERRORs of this identity: each session has its own, and no later one makes them good."""
        return [row for row in self._of(identity) if row["outcome"] == ERROR and place_of(row).pair == reference]

    def _of(self, identity: Identity) -> list[dict[str, Any]]:
        return [row for row in self.rows if row.get("key") == identity.key]

    def changes(self, identity: Identity) -> list[str]:
        """What a person should know of answers that are not used again: how many, and which part changed."""
        if self.stored is None:
            return []
        rows = sum(row.get("key") == self.stored.get("key") != identity.key for row in self.rows)
        if "identity" not in self.stored:
            return [f"its {rows} rows are not used again: they do not say what they were asked with"] if rows else []
        if not rows:
            return []
        stored = recorded_identity(self.stored) if THINKING in identity.parts else Identity(self.stored["identity"])
        different = identity.differences(stored)
        said = "; ".join(different) or "they do not say all that they were asked with"
        return [f"{rows} recorded rows are not used again: {said}"]


def identity_of(
    plan: Plan, name: str, model_sha256: str | None, n_ctx: int | None, made: MadeWith | None = None
) -> Identity:
    """What the answers about this corpus depend on. `n_ctx` is None before tokens were counted.

    `made` is what they are made with; nobody tells that of an endpoint.

    Of a corpus that is trimmed the whole text counts: the same tokenizer cuts it at the same place.
    """
    settings, corpus, program = plan.settings, plan.corpora[name].corpus, plan.program
    task = Task(settings.lines, settings.wording, suffix(settings.think, settings.wording))
    environment = {**os.environ, **program.variables}
    parts: dict[str, Any] = {
        "corpus_sha256": plan.whole[name],
        "trim": corpus.max_tokens,
        "model": redacted(plan.model.given) if plan.model.remote else None,
        "model_sha256": model_sha256,
        "server_version": program.version or program.label,
        "server_args": [
            *redacted_words([f"{key}={value}" for key, value in program.environment]),
            *_wrapping(program),
            *redacted_words(
                without_threads((*program.arguments, *program.flash_attn, *program.optional, *settings.server_args))
            ),
        ],
        "n_ctx": n_ctx,
        "environment": _environment(environment),
        "rotation": said_by(environment, settings.rotations),
        "lines": settings.lines,
        "prompt": settings.wording,
        "prompt_sha256": task_sha256(task),
        "think": settings.think,
        "stop": list(settings.stop),
        "max_tokens": settings.max_tokens,
        "full_answer": settings.full_answer,
        "request": redacted_value(dict(settings.request)),
        "seed": corpus.sample_seed if settings.seed is None else settings.seed,
        **({} if made is None else made.parts),
    }
    return Identity(parts)


def _wrapping(program: ServerProgram) -> list[str]:
    """The words behind the first that starts the server, on which it depends what that gets; of files their names."""
    return redacted_words([path.name if is_regular(path := Path(word)) else word for word in program.command[1:]])


def _environment(environment: Mapping[str, str]) -> list[str]:
    """What llama.cpp reads from its environment: arguments that nobody gave on a command line. Without secrets."""
    names = sorted(name for name in read_by_llama(inherited(environment)) if name not in _NO_DIFFERENCE)
    return redacted_words([f"{name}={environment[name]}" for name in names])


def open_targets(
    plan: Plan, moment: time.struct_time, identities: Mapping[str, Identity], *, but: Collection[str]
) -> dict[str, Target]:
    """The folder of each corpus's run, held. `but` are the parts of its identity that are not known yet.

    Raises RunFolderError for one that holds a run and is not to be gone on with, and for one that is in use.
    """
    targets: dict[str, Target] = {}
    try:
        for name in plan.corpora:
            targets[name] = _open(plan, name, moment, identities[name], but)
    except BaseException:
        release(targets)
        raise
    return targets


def begun_as(plan: Plan, targets: Mapping[str, Target]) -> Plan:
    """The plan; of a shard that an older version began, with the pairs that it has: its parts were cut otherwise."""
    settings = plan.settings
    if settings.shard is None:
        return plan
    older = {*settings.shard.of_older_version(settings.whole), settings.reference}
    for target in targets.values():
        stored = target.stored or {}
        has = {parse_pair(pair) for pair in stored.get("pairs", ())}
        if stored.get("shard") == str(settings.shard) and has <= older and not has <= set(settings.pairs):
            return plan.with_pairs(with_reference(older, settings.reference))
    return plan


def release(targets: Mapping[str, Target]) -> None:
    """Let all folders go."""
    for target in targets.values():
        target.lock.release()


def run_path(settings: Settings, name: str, model: str, moment: time.struct_time) -> Path:
    """Where a new run goes: --kv-out, with a folder per corpus in it where there are several, or a name of its own."""
    if settings.out is not None:
        return settings.out / name if len(settings.corpora) > 1 else settings.out
    stamp = time.strftime("%Y%m%d-%H%M%S", moment)
    shard = "" if settings.shard is None else f"__{settings.shard.number}of{settings.shard.count}"
    return unused(settings.start / RUNS / f"{name}__{model}__{stamp}{shard}")


def _open(plan: Plan, name: str, moment: time.struct_time, identity: Identity, but: Collection[str]) -> Target:
    settings = plan.settings
    path = run_path(settings, name, plan.model.name, moment)
    notes: list[str] = []
    if settings.resume and settings.out is None:
        found, said = _newest(settings, name, plan.model.name, identity, but)
        notes += said
        path = found or path
    folder = RunFolder(path, private=plan.corpora[name].corpus.private)
    if not (settings.resume and folder.exists):
        folder.refuse_existing()
        return Target(folder, FolderLock(path), notes=tuple(notes))
    if ANSWERS_KEPT in folder.about():
        msg = f"{path} is kept in an archive, and no more is written into it; name another folder (--kv-out)"
        raise RunFolderError(msg)
    lock = FolderLock(path)
    lock.take()
    try:
        repaired = folder.repair()
        stored = checked_about(folder.path, folder.about())
        rows = with_sessions(stored, checked_rows(folder.path, folder.rows()))
        if folder.private:
            folder.make_private()
    except BaseException:
        lock.release()
        raise
    lost = lost_answers(stored, rows).partition("; ")[0]
    notes += [f"{path.name}: {told}" for told in (repaired, f"{lost}; asked again" if lost else "") if told]
    return Target(folder, lock, stored, rows, tuple(notes))


def _newest(
    settings: Settings, name: str, model: str, identity: Identity, but: Collection[str]
) -> tuple[Path | None, list[str]]:
    """The newest run that was asked the same, or None and why there is none."""
    found = []
    shard = None if settings.shard is None else str(settings.shard)
    for path in (settings.start / RUNS).glob(f"{name}__{model}__*"):
        try:
            about = RunFolder.open(path).about()
        except RunFolderError:  # a damaged one is not the one to go on with
            continue
        if about.get("corpus") == name and isinstance(about.get("identity"), dict) and about.get("shard") == shard:
            found.append((str(about.get("started")), path, Identity(about["identity"])))
    found.sort(reverse=True, key=lambda one: one[:2])
    for _, path, earlier in found:
        if not identity.differences(earlier, but=but):
            return path, []
    if not found:
        return None, ["nothing to resume: no run of it is there, a new one begins"]
    _, path, earlier = found[0]
    different = "; ".join(identity.differences(earlier, but=but))
    return None, [f"nothing to resume, a new run begins; the newest, {path.name}, differs: {different}"]
