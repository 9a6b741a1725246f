"""What a session is going to ask: corpora, questions, cells and their order. The same on every worker."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_codeneedle.core.cells import Ask, Cell, Place, calibrated, ordered
from pytest_codeneedle.core.devices import refuse_two_pins
from pytest_codeneedle.core.errors import ConfigurationError, CorpusError, ModelError, naming_paths
from pytest_codeneedle.core.long_work import SAMPLING, silent
from pytest_codeneedle.core.machine import cache_folder, expanded
from pytest_codeneedle.core.redaction import redacted
from pytest_codeneedle.corpus.corpus import Corpus, load_corpus
from pytest_codeneedle.corpus.outward import Outward
from pytest_codeneedle.recall.questions import Question, Task, askable, questions
from pytest_codeneedle.recall.scoring import hidden_kinds
from pytest_codeneedle.recall.thinking import suffix
from pytest_codeneedle.server.command.presets import preset_commands
from pytest_codeneedle.server.command.speculation import asking, is_speculative_variable
from pytest_codeneedle.server.log.rotation import refuse_two
from pytest_codeneedle.server.model import DEFAULT_MODEL, Model
from pytest_codeneedle.server.model_profile import known_profiles
from pytest_codeneedle.server.program import ServerProgram, find_program
from pytest_codeneedle.stats.quick import stages
from pytest_codeneedle.sweep.endpoint import open_endpoint, refuse_trim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.core.long_work import Progress
    from pytest_codeneedle.server.http.chat_client import ChatClient
    from pytest_codeneedle.sweep.settings import Settings

#: Characters of a name that would cut a test id, or not be typed: `::` parts ids, brackets end them.
_NOT_IN_IDS = re.compile(r"[^\w.$#-]")


@dataclass(frozen=True)
class CorpusPlan:
    """The questions of one corpus. `ambiguous` names sampled functions that no quotation can tell apart.

    Before a tokenizer has counted, a corpus that wants trimming is still whole.
    """

    corpus: Corpus
    asked: tuple[Question, ...]
    ambiguous: tuple[str, ...]

    def question(self, name: str) -> Question:
        """The question for that function."""
        return next(question for question in self.asked if question.function.name == name)


@dataclass(frozen=True)
class Plan:
    """All of a session. `cells` are in the order in which they are asked.

    `program` starts the servers; where a running `endpoint` is measured as it is served, it starts none. `whole` is
    the SHA-256 of each corpus before it is trimmed. `progress` hears of work that may take long.
    """

    settings: Settings
    model: Model
    program: ServerProgram
    endpoint: ChatClient | None
    corpora: dict[str, CorpusPlan]
    cells: tuple[Cell, ...]
    whole: Mapping[str, str]
    progress: Progress = field(default=silent, compare=False, repr=False)

    @property
    def speculation(self) -> tuple[str, ...]:
        """What asks for speculation and where, of which no server of the session hears: `--spec-default (--kv-server)`.

        An endpoint runs already, and has it or not.
        """
        if self.endpoint is not None:
            return ()
        set_there = asking(f"{name}={value}" for name, value in os.environ.items() if is_speculative_variable(name))
        doors = {
            "--kv-server": self.program.speculation,
            "server arguments": self.settings.speculation,
            "environment": set_there,
        }
        return tuple(f"{redacted(' '.join(found))} ({door})" for door, found in doors.items() if found)

    @property
    def items(self) -> list[Ask]:
        """Every test item, in order."""
        return [
            Ask(cell, question.function.name) for cell in self.cells for question in self.corpora[cell.corpus].asked
        ]

    def references(self, corpus: str) -> list[Cell]:
        """The passes over the reference that every session asks which asks anything of a corpus.

        The first with each rotation, with --kv-calibrate the last too. None where there is no other cell.
        """
        settings, cells = self.settings, [cell for cell in self.cells if cell.corpus == corpus]
        if self.endpoint is not None or all(cell.pair == settings.reference for cell in cells):
            return []
        passes = {0, max(1, settings.repeat - 1)} if settings.calibrate else {0}
        return [cell for cell in cells if cell.pair == settings.reference and cell.replicate in passes]

    def item_label(self, ask: Ask) -> str:
        """The item's part of a test id: the cell, and the function's name as far as an id can have it."""
        return f"{self.label(ask.cell)}-{_NOT_IN_IDS.sub('_', ask.function) or '_'}"

    def label(self, cell: Cell) -> str:
        """The cell's part of a test id: the pair (with rotation and pass), after the corpus where there are several."""
        return str(cell.place) if len(self.corpora) == 1 else f"{cell.corpus}:{cell.place}"

    @property
    def label_width(self) -> int:
        """Characters of the longest label."""
        return max(len(self.label(cell)) for cell in self.cells)

    @cached_property
    def outward(self) -> Outward:
        """Makes what others wrote fit to leave the run folder."""
        redact, embed_source = self.settings.redact, self.settings.embed_source
        corpora = [chosen.corpus for chosen in self.corpora.values()]
        return Outward(
            one for one in corpora if hidden_kinds(private=one.private, redact=redact, embed_source=embed_source) != ()
        )

    def with_pairs(self, pairs: tuple[KVPair, ...]) -> Plan:
        """The same with other pairs."""
        settings = replace(self.settings, pairs=pairs)
        return replace(self, settings=settings, cells=_cells(settings, self.corpora))

    def with_corpora(self, corpora: dict[str, CorpusPlan]) -> Plan:
        """The same with other questions: those of trimmed corpora."""
        return replace(self, corpora=corpora)


@naming_paths()
def make_plan(settings: Settings, kept: Mapping[str, int] | None = None, progress: Progress = silent) -> Plan:
    """Load and check everything that needs no server. `progress` hears of long work. Raises ConfigurationError.

    `kept` is the number of files of each corpus that `[trim]` leaves: None before a tokenizer has counted.
    """
    endpoint = None if settings.endpoint is None else open_endpoint(settings, settings.endpoint)
    if endpoint is None:
        program = find_program(settings.server).with_n_ctx(settings.n_ctx)
        variables = tuple(program.variables.items())
        refuse_two_pins(settings.devices, variables)
        refuse_two(settings.rotations, variables)
        model = chosen_model(settings, program)
    else:
        program = ServerProgram((), f"endpoint {endpoint.endpoint.url}", ())
        model = Model(endpoint.endpoint.model, settings.model_name, chosen=True, remote=True)
    model.check(settings.start, known_profiles(settings.rootdir))
    corpora, whole = {}, {}
    for name in settings.corpora:
        corpus = load_corpus(
            name,
            settings.rootdir,
            min_lines=settings.lines,
            skip_unparsable=settings.skip_unparsable,
            quote=not settings.redact,
            cache=cache_folder(),
            whole=False,
            progress=progress,
        )
        model.check_copies(corpus)
        if endpoint is not None:
            refuse_trim(corpus)
        whole[name] = corpus.whole_sha256
        corpus = corpus if kept is None else corpus.first(kept[name], progress)
        with progress(f"corpus {name}") as at:
            at(SAMPLING)
            corpora[name] = plan_corpus(settings, corpus)
    return Plan(settings, model, program, endpoint, corpora, _cells(settings, corpora), whole, progress)


def chosen_model(settings: Settings, program: ServerProgram) -> Model:
    """The model that --kv-server's command names, else that of --kv-model.

    Raises ConfigurationError where both name one, and ModelError where a profile names none.
    """
    named = program.remote_model or program.model
    if named is not None:
        if settings.model is not None:
            msg = (
                f"two models: {named} in the command of --kv-server, and {settings.model} from --kv-model, the ini key "
                "kv_model or the environment variable CODENEEDLE_MODEL; leave one out"
            )
            raise ConfigurationError(msg)
        return Model(named, settings.model_name, chosen=True, remote=program.remote_model is not None)
    if settings.model is None and program.router is not None:
        raise ConfigurationError(_no_router(settings, *program.router))
    if settings.model is None and settings.model_name is not None:
        msg = f'model profile {settings.model_name!r} names no file: add path = "MODEL.gguf" to it'
        raise ModelError(msg)
    return Model(settings.model or DEFAULT_MODEL, settings.model_name, chosen=settings.model is not None)


def _no_router(settings: Settings, flag: str, value: str) -> str:
    """What to give instead of a router: the command of one of its models, where its preset can be read."""
    commands = preset_commands(settings.start / expanded(value)) if flag == "--models-preset" else []
    way = f"for instance --kv-server={shlex.quote(commands[0])}" if commands else "llama-server -m MODEL.gguf"
    others = f" (one of {len(commands)} models in it)" if len(commands) > 1 else ""
    return (
        f"--kv-server: {flag} {value} makes a router of several models, and one is asked; give the command of that "
        f"model alone, {way}{others}"
    )


def plan_corpus(settings: Settings, corpus: Corpus) -> CorpusPlan:
    """The questions of one corpus. Raises CorpusError where no sampled function can be asked for."""
    task = Task(settings.lines, settings.wording, suffix(settings.think, settings.wording), len(corpus.parts) > 1)
    sampled = corpus.sample(settings.functions, settings.seed, askable(corpus.text, task))
    found = questions(corpus.text, sampled, task)
    if not found.asked:
        msg = (
            f"corpus {corpus.name!r}: no sampled function has a signature that is unique in the text; "
            "raise --kv-functions"
        )
        raise CorpusError(msg)
    return CorpusPlan(corpus, found.asked, found.ambiguous)


def _cells(settings: Settings, corpora: Mapping[str, CorpusPlan]) -> tuple[Cell, ...]:
    """All cells in order. Where the session is calibrated, the reference of every corpus comes before all else."""
    first, then = [], []
    for name, plan in corpora.items():
        seed = plan.corpus.sample_seed if settings.seed is None else settings.seed
        places = _ordered(settings, seed if settings.order == "shuffled" else None)
        references: list[Place] = []
        if settings.calibrate and settings.endpoint is None:
            references, places = calibrated(places, settings.reference, settings.repeat)
        first += [Cell(name, place.pair, place.replicate, place.rotation) for place in references]
        then += [Cell(name, place.pair, place.replicate, place.rotation) for place in places]
    return (*first, *then)


def _ordered(settings: Settings, seed: int | None) -> list[Place]:
    """The cells of one corpus; those of a quick run stage by stage, the later ones shuffled each by itself."""
    rotations, repeat = settings.rotations, settings.repeat
    if not settings.quick:
        return ordered(settings.pairs, rotations, repeat, seed)
    first, *later = stages(settings.pairs, settings.reference)
    return [
        *ordered(first, rotations, repeat),
        *(place for pairs in later for place in ordered(pairs, rotations, repeat, seed)),
    ]
