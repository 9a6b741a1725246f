"""A plan whose corpora want `[trim]`, where nothing is going to be asked: a server only counts tokens for it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.errors import CellError, CorpusError
from pytest_codeneedle.launch import launched
from pytest_codeneedle.machine import cache_folder, cores
from pytest_codeneedle.prepare import counting_args, deadline_seconds, trimmed

if TYPE_CHECKING:
    from pytest_codeneedle.plan import Plan


def trim_alone(plan: Plan) -> Plan:
    """The plan with its corpora trimmed, where nothing is going to be asked: for `--collect-only`.

    Starts a server to count tokens only where a corpus wants trimming. Raises CorpusError where it does not come up.
    """
    if all(chosen.corpus.max_tokens is None for chosen in plan.corpora.values()):
        return plan
    model = plan.model.file(plan.settings.start, cache_folder())
    args = counting_args(plan, model, _threads(plan, cores()))
    with tempfile.TemporaryDirectory(prefix="codeneedle-") as folder:
        try:
            with launched(args, Path(folder) / "tokenize.log", deadline_seconds=deadline_seconds(model)) as server:
                return trimmed(plan, server)
        except CellError as error:
            msg = f"[trim] needs the model's tokenizer, and its server did not come up: {plan.outward(str(error))}"
            raise CorpusError(msg) from error
