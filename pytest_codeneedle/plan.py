"""What a session is going to ask: corpora, questions, cells and their order. The same on every worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.corpus import Corpus, load_corpus
from pytest_codeneedle.errors import ConfigurationError, CorpusError
from pytest_codeneedle.kvtypes import KVPair, shuffled
from pytest_codeneedle.models import Model
from pytest_codeneedle.program import ServerProgram, find_program
from pytest_codeneedle.prompts import Question, questions

if TYPE_CHECKING:
    from pytest_codeneedle.options import Settings


@dataclass(frozen=True)
class Cell:
    """One server to be: a corpus and a pair. `replicate` counts repeated passes over one cell from 0."""

    corpus: str
    pair: KVPair
    replicate: int = 0


@dataclass(frozen=True)
class Ask:
    """One test item: a function in a cell.

    As a parameter it differs in every item, so that pytest groups items by cell and by nothing else.
    """

    cell: Cell
    function: str


@dataclass(frozen=True)
class CorpusPlan:
    """The questions of one corpus. `ambiguous` names sampled functions that no quotation can tell apart."""

    corpus: Corpus
    asked: tuple[Question, ...]
    ambiguous: tuple[str, ...]

    def question(self, name: str) -> Question:
        """The question for that function."""
        return next(question for question in self.asked if question.function.name == name)


@dataclass(frozen=True)
class Plan:
    """All of a session. `cells` are in the order in which they are asked."""

    settings: Settings
    model: Model
    program: ServerProgram
    corpora: dict[str, CorpusPlan]
    cells: tuple[Cell, ...]

    @property
    def items(self) -> list[Ask]:
        """Every test item, in order."""
        return [
            Ask(cell, question.function.name) for cell in self.cells for question in self.corpora[cell.corpus].asked
        ]

    def label(self, cell: Cell) -> str:
        """The cell's part of a test id: the pair, after the corpus where there are several."""
        return str(cell.pair) if len(self.corpora) == 1 else f"{cell.corpus}:{cell.pair}"


def make_plan(settings: Settings) -> Plan:
    """Load and check everything that needs no server. Raises ConfigurationError."""
    program = find_program(settings.server).with_n_ctx(settings.n_ctx)
    model = _model(settings, program)
    model.check(settings.start)
    corpora = {name: _corpus_plan(settings, name, model) for name in settings.corpora}
    cells = tuple(
        Cell(name, pair)
        for name, plan in corpora.items()
        for pair in (_ordered(settings, plan) if settings.order == "shuffled" else settings.pairs)
    )
    return Plan(settings, model, program, corpora, cells)


def _model(settings: Settings, program: ServerProgram) -> Model:
    """The model that --kv-server's command names, else that of --kv-model. ConfigurationError where both do."""
    named = program.remote_model or program.model
    if named is None:
        return Model(settings.model)
    if settings.model_given:
        msg = (
            f"two models: {named} in the command of --kv-server, and {settings.model} from --kv-model, the ini key "
            "kv_model or the environment variable CODENEEDLE_MODEL; leave one out"
        )
        raise ConfigurationError(msg)
    return Model(named, remote=program.remote_model is not None)


def _ordered(settings: Settings, plan: CorpusPlan) -> tuple[KVPair, ...]:
    return shuffled(settings.pairs, plan.corpus.sample_seed if settings.seed is None else settings.seed)


def _corpus_plan(settings: Settings, name: str, model: Model) -> CorpusPlan:
    corpus = load_corpus(name, settings.rootdir, min_lines=settings.lines)
    model.check_copies(corpus)
    sampled = corpus.sample(settings.functions, settings.seed)
    found = questions(corpus.text, sampled, settings.lines)
    if not found.asked:
        msg = f"corpus {name!r}: no sampled function has a signature that is unique in the text; raise --kv-functions"
        raise CorpusError(msg)
    return CorpusPlan(corpus, found.asked, found.ambiguous)
