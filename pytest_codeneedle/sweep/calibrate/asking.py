"""`codeneedle calibrate`: the control models asked through the user's own server, and held against what ships."""

from __future__ import annotations

import json
import math
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import CellError, ConfigurationError
from pytest_codeneedle.core.kv_types import CONTEXT_STEP
from pytest_codeneedle.core.machine import cache_folder
from pytest_codeneedle.core.private_files import passing_folder
from pytest_codeneedle.corpus.corpus import load_corpus
from pytest_codeneedle.recall.questions import Task, questions, shared_prefix
from pytest_codeneedle.recall.scoring import score
from pytest_codeneedle.server.control_model.model import REVISIONS, Control
from pytest_codeneedle.server.process import launched
from pytest_codeneedle.server.program import ServerArgs
from pytest_codeneedle.sweep.calibrate.expected import (
    PAIRS,
    REFERENCE,
    TRENDS,
    Calibration,
    Compared,
    Expected,
    Measured,
    is_unrotated,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.corpus.corpus import Corpus
    from pytest_codeneedle.recall.questions import Question
    from pytest_codeneedle.server.process import LlamaServer
    from pytest_codeneedle.server.program import ServerProgram

CORPUS = "random-bodies-mini"
ASKED_LINES = 20
#: Of the functions whose lines ship, every second: half the time, and each is held against its own lines.
EVERY = 2
#: Devices add up in different orders, and a word whose rounding is a near thing may come out otherwise: a line of one
#: function, a quarter in the mean of four. Four such lines are let pass, and two where little is lost. Measured were
#: none: xllamacpp 2026.10 and the llama-server of llama-cpp-python 0.3.36 agree in every line, and with batches of 7,
#: of 32, or two threads too.
TOLERANCE_LINES = 1.0
#: An answer of twenty lines is 130 tokens; one that goes astray is let go no further.
_ANSWER_TOKENS = 400
_FILE = Path(__file__).with_name("control_grids.json")
#: The control models' work between two barriers of llama.cpp's threads is microseconds: a second thread costs time.
_THREADS = 1


def expected_grids() -> Expected:
    """The grids that ship with this version."""
    return Expected.read(json.loads(_FILE.read_text(encoding="ascii")))


def check_program(program: ServerProgram) -> None:
    """Raise ConfigurationError for a command whose server fetches a model: its words would name two."""
    if program.remote_model is not None:
        msg = f"calibrate asks the control models: leave {program.remote_model} out of the command of --server"
        raise ConfigurationError(msg)


class Calibrating:
    """The cells that are going to be asked: every so many of the functions, and a server for each cell.

    `pairs` are those of the grids that ship where none are given.
    """

    def __init__(
        self, program: ServerProgram, extra: tuple[str, ...], *, every: int = EVERY, pairs: Sequence[KVPair] = ()
    ) -> None:
        check_program(program)
        self._program = program
        self._extra = extra
        # No folder of the user's: a corpus of this name there would be another one.
        with tempfile.TemporaryDirectory(prefix="codeneedle-") as nowhere:
            self.corpus: Corpus = load_corpus(CORPUS, Path(nowhere))
        self.questions: tuple[Question, ...] = questions(
            self.corpus.text, self.corpus.sample(), Task(ASKED_LINES)
        ).asked[::every]
        self.cells = tuple((model, pair) for model in TRENDS for pair in pairs or PAIRS)

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the functions that are asked for."""
        return tuple(question.function.name for question in self.questions)

    def measured(self) -> Generator[Measured, None, None]:
        """Each cell, as soon as it is done. A cell without an answer says why.

        Raises CellError where the very first has none: then there is no server to calibrate. Raises ModelError where
        a control model cannot be written.
        """
        files = {model: Control(model).cached(cache_folder()) for model in TRENDS}
        with passing_folder() as folder:
            for number, (model, pair) in enumerate(self.cells):
                try:
                    yield self._measure(model, files[model], pair, folder / f"{number}.log")
                except CellError as error:
                    if number == 0:
                        raise
                    yield Measured(model, pair, {}, problem=_without_log(error))

    def _measure(self, model: str, file: Path, pair: KVPair, log: Path) -> Measured:
        # The control model's chat template is a line end: a template of the user's command has no part in it.
        prompts = {question.function.name: f"{question.message}\n" for question in self.questions}
        with launched(self._args(file, pair), log) as server:
            lines = self._answered(server, prompts)
            validity = server.validity()
        unrotated = is_unrotated(pair, (validity.attn_rot_k, validity.attn_rot_v))
        return Measured(model, pair, lines, unrotated=unrotated, fallbacks=validity.fallbacks)

    def _answered(self, server: LlamaServer, prompts: Mapping[str, str]) -> dict[str, float]:
        server.client.ingest(shared_prefix(prompts.values()))
        lines = {}
        for question in self.questions:
            function = question.function
            asked = function.primary(ASKED_LINES)
            answer = server.client.complete(prompts[function.name], asked, budget=_ANSWER_TOKENS)
            scored = score(asked, answer.text, bonus=function.bonus(ASKED_LINES), relax_indent=True, threshold=1)
            lines[function.name] = float(scored.primary_matched)
        return lines

    def _args(self, file: Path, pair: KVPair) -> ServerArgs:
        # A token of the control models is three characters or more, but for the words of the task.
        longest = max(len(question.message) for question in self.questions)
        n_ctx = CONTEXT_STEP * math.ceil((longest / 3 + _ANSWER_TOKENS) / CONTEXT_STEP)
        return ServerArgs(self._program, file, pair, n_ctx, _THREADS, self._extra)


def _without_log(error: CellError) -> str:
    """In one line: its log is gone when it is read."""
    return str(error).partition("\n")[0].partition(". The last lines of")[0]


def calibration(measured: Iterable[Measured], expected: Expected, functions: tuple[str, ...]) -> Calibration:
    """Each cell held against the grids that ship, and where recall falls."""
    from pytest_codeneedle.stats.by_type import side  # noqa: PLC0415 - with scipy, which other commands pay nothing for

    cells = tuple(
        Compared(one, expected.mean(one.model, one.pair, functions), expected.tolerance_of(one.model, one.pair))
        for one in measured
    )
    by_model: dict[str, dict[KVPair, Mapping[str, float]]] = defaultdict(dict)
    for one in cells:
        by_model[one.measured.model][one.measured.pair] = one.measured.lines
    trends = {model: (side(of, "K", REFERENCE).trend, side(of, "V", REFERENCE).trend) for model, of in by_model.items()}
    return Calibration(cells, trends)


def recorded(measured: Iterable[Measured], calibrating: Calibrating, version: str) -> Expected:
    """What was measured, as the grids that others are held against. Raises CellError where a cell has no answer."""
    lines: dict[str, dict[KVPair, tuple[float, ...]]] = defaultdict(dict)
    for one in measured:
        if one.problem:
            raise CellError(one.problem)
        lines[one.model][one.pair] = tuple(one.lines[name] for name in calibrating.functions)
    return Expected(
        CORPUS,
        calibrating.corpus.sha256,
        {model: REVISIONS[model] for model in TRENDS},
        calibrating.functions,
        ASKED_LINES,
        TOLERANCE_LINES,
        version,
        lines,
    )
