"""What is settled once, before the first cell: the model's file, run folders, token counts, the context size."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.devices import used_devices
from pytest_codeneedle.core.errors import CellError, ConfigurationError, CorpusError
from pytest_codeneedle.core.machine import cache_folder, cores
from pytest_codeneedle.core.private_files import passing_folder
from pytest_codeneedle.runs.identity import THINKING, with_thinking
from pytest_codeneedle.server.capacity import threads_each
from pytest_codeneedle.server.contents.hashes import FileHashes
from pytest_codeneedle.server.contents.watched import watched
from pytest_codeneedle.server.made_with import (
    ONLY_RUNNING,
    MadeWith,
    Seen,
    fetched_model,
    ingredients,
    seen_before,
    seen_now,
)
from pytest_codeneedle.server.process import launched
from pytest_codeneedle.sweep.corpus_facts import (
    CONTROL_TEXT,
    Prepared,
    stored_counts,
)
from pytest_codeneedle.sweep.counting import count, counting_args, deadline_seconds, devices_together, trimmed
from pytest_codeneedle.sweep.plan import plan_corpus
from pytest_codeneedle.sweep.resume import Target, begun_as, identity_of, open_targets, release
from pytest_codeneedle.sweep.run_json import about_corpus, about_session, gone_on, identified, settled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_codeneedle.server.made_with import Ingredients
    from pytest_codeneedle.sweep.plan import CorpusPlan, Plan

_SERVER_FACTS = ("server_build", "chat_template", "model_file", "model_sha256")


def prepare(plan: Plan, workers: int) -> tuple[Plan, dict[str, Prepared], dict[str, Target]]:
    """Open the run folders, trim corpora that want it, count tokens. `workers` servers will share the cores.

    A run that is gone on with and says all of this needs no server. The folders are held until they are released.
    Raises ConfigurationError. A server that does not come up is no error here: every cell will tell.
    """
    moment = time.localtime()
    cache = cache_folder()
    model = plan.model.file(plan.settings.start, cache)
    hashes = FileHashes(cache, plan.progress)
    sha256 = None if model is None else hashes.sha256(model)
    made_of = ingredients(plan.program, plan.settings.server_args, model)
    files = watched(made_of.paths(model), hashes)
    made = made_of.hashed(hashes)
    given_n_ctx = plan.settings.n_ctx or plan.program.n_ctx
    early = {name: identity_of(plan, name, sha256, given_n_ctx, made) for name in plan.corpora}
    unknown = [CONTROL_TEXT, THINKING, *ONLY_RUNNING, *(["n_ctx"] if given_n_ctx is None else [])]
    unknown += ["model_sha256"] if model is None else []
    targets = open_targets(plan, moment, early, but=unknown)
    plan = begun_as(plan, targets)
    stored = {name: target.stored_as(early[name], but=unknown) for name, target in targets.items()}
    try:
        threads = _threads(plan, cores() // workers)
        settling = _Settling(plan, model, workers, threads, targets, moment, hashes, made_of, made, files)
        settled_before = model is not None and all(
            _says_all(plan, name, about) and seen_before(about, hashes).whole for name, about in stored.items()
        )
        return settling.from_record(stored, sha256) if settled_before else settling.by_server(stored, sha256)
    except BaseException as error:
        if isinstance(error, ConfigurationError | KeyboardInterrupt):
            for target in targets.values():  # nothing was asked: the name is free for the next try
                if target.stored is None and target.lock.held:
                    target.folder.discard()
        release(targets)
        raise


def _says_all(plan: Plan, name: str, about: Mapping[str, Any]) -> bool:
    """Whether the record of a run says what a server would have to count."""
    known = about.get("n_ctx") and about.get("thinking_settled") and CONTROL_TEXT in about
    if not known or about.get("problem"):
        return False
    return {question.function.name for question in _cut(plan, name, about).asked} <= set(about["budgets"] or ())


def _cut(plan: Plan, name: str, about: Mapping[str, Any]) -> CorpusPlan:
    """The corpus with as many files as its run had."""
    chosen = plan.corpora[name]
    corpus = chosen.corpus.first(about["files"], plan.progress)
    return chosen if corpus is chosen.corpus else plan_corpus(plan.settings, corpus)


@dataclass(frozen=True)
class _Settling:
    """What is known before tokens are counted."""

    plan: Plan
    model: Path | None
    workers: int
    threads: int
    targets: dict[str, Target]
    moment: time.struct_time
    hashes: FileHashes
    made_of: Ingredients
    made: MadeWith
    files: Mapping[str, tuple[str, str]]

    def from_record(
        self, stored: Mapping[str, Mapping[str, Any]], sha256: str | None
    ) -> tuple[Plan, dict[str, Prepared], dict[str, Target]]:
        """Everything as the runs' own records have it: no server is started."""
        plan = self.plan.with_corpora({name: _cut(self.plan, name, about) for name, about in stored.items()})
        facts = about_session(plan, self.model, sha256, (self.workers, self.threads), self.moment)
        kept = {name: {key: about.get(key) for key in _SERVER_FACTS} for name, about in stored.items()}
        counts = {name: stored_counts(about) for name, about in stored.items()}
        return plan, self._write(plan, facts, kept, counts, self._seen_before(stored)), self.targets

    def _seen_before(self, stored: Mapping[str, Mapping[str, Any]]) -> dict[str, Seen]:
        return {name: seen_before(about, self.hashes) for name, about in stored.items()}

    def by_server(
        self, stored: Mapping[str, Mapping[str, Any]], sha256: str | None
    ) -> tuple[Plan, dict[str, Prepared], dict[str, Target]]:
        """A server counts tokens and shows its chat template."""
        plan = self.plan
        facts = about_session(plan, self.model, sha256, (self.workers, self.threads), self.moment)
        for name, target in self.targets.items():
            if target.stored is None:
                target.create({**facts, **about_corpus(plan, name)})
        log = next(iter(self.targets.values())).folder.path / "tokenize.log"
        server_facts: dict[str, Any] = {}
        counts: dict[str, dict[str, Any]]
        try:
            args = counting_args(plan, self.model, self.threads)
            with launched(args, log, deadline_seconds=deadline_seconds(self.model)) as server:
                counted = count(plan, server, {name: about.get("n_ctx") or 0 for name, about in stored.items()})
                loaded, devices = server.loaded_files(), used_devices(server.log_text)
                words = server.script_words()
                words.refuse_speculation()
        except CellError as error:
            problem = f"no cell was started: the server that counts tokens failed: {plan.outward(str(error))}"
            # A run that is gone on with stays what it is: what it has answered still counts.
            known = {name: stored_counts(about) if about.get("n_ctx") else {} for name, about in stored.items()}
            counts = {name: {**known[name], "problem": problem} for name in self.targets}
            cut = {name: _cut(plan, name, about) for name, about in stored.items() if known[name]}
            plan = plan.with_corpora({**plan.corpora, **cut})
            seen = self._seen_before(stored)
        else:
            plan, counts = counted.plan, counted.facts
            server_facts = _server_facts(counted.props)
            fetched = None
            if self.model is None:  # the server is gone: hashing a large file would compete with it
                server_facts |= fetched_model(counted.props, self.hashes)
                fetched = server_facts.get("model_file")
            beside = self.made_of.beside({**loaded, **words.files}, self.model if fetched is None else Path(fetched))
            seen = dict.fromkeys(self.targets, seen_now(beside, devices, words.parts, self.hashes))
        facts |= server_facts
        of_all = dict.fromkeys(self.targets, server_facts)
        return plan, self._write(plan, facts, of_all, counts, seen), self.targets

    def _write(
        self,
        plan: Plan,
        facts: Mapping[str, Any],
        server_facts: Mapping[str, Mapping[str, Any]],
        counts: Mapping[str, dict[str, Any]],
        seen: Mapping[str, Seen],
    ) -> dict[str, Prepared]:
        """Bring run.json up to date; the settled facts of each corpus."""
        ready = {}
        sha256 = facts["model_sha256"]
        for name, target in self.targets.items():
            corpus = plan.corpora[name].corpus
            model = None if self.model is None else str(self.model)
            one = Prepared(
                str(target.folder.path),
                corpus.private,
                model,
                self.threads,
                len(corpus.parts),
                **counts[name],
                device=devices_together(plan),
                watched=self.files,
            )
            made = replace(self.made, loaded=seen[name].loaded)
            n_ctx = one.n_ctx or plan.settings.n_ctx or plan.program.n_ctx
            identity = one.completed(identity_of(plan, name, sha256, n_ctx, made))
            identity = with_thinking(identity, one.think, target.stored)
            ready[name] = replace(one, identity=dict(identity.parts))
            about = {**facts, **about_corpus(plan, name), **server_facts[name], **settled(plan, name, one, sha256)}
            about["loaded_files"] = seen[name].files
            target.folder.write_about(gone_on(target.stored, {**about, **identified(identity)}))
            if plan.settings.embed_source:
                target.folder.write_corpus(corpus.text)
        return ready


def trim_alone(plan: Plan) -> Plan:
    """The plan with its corpora trimmed, where nothing is going to be asked: for `--collect-only`.

    Starts a server to count tokens only where a corpus wants trimming. Raises CorpusError where it does not come up.
    """
    if all(chosen.corpus.max_tokens is None for chosen in plan.corpora.values()):
        return plan
    model = plan.model.file(plan.settings.start, cache_folder())
    args = counting_args(plan, model, _threads(plan, cores()))
    try:
        with (
            passing_folder() as folder,
            launched(args, folder / "tokenize.log", deadline_seconds=deadline_seconds(model)) as server,
        ):
            return trimmed(plan, server)
    except CellError as error:
        msg = f"[trim] needs the model's tokenizer, and its server did not come up: {plan.outward(str(error))}"
        raise CorpusError(msg) from error


def _threads(plan: Plan, share: int) -> int:
    return threads_each(plan.program, plan.model, plan.settings.server_args, share)


def _server_facts(props: Mapping[str, Any]) -> dict[str, Any]:
    return {"server_build": props.get("build_info"), "chat_template": props.get("chat_template")}
