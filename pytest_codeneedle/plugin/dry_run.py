"""`--kv-dry-run`: what a run is going to take. One server counts tokens, none is asked a question.

It is done where pytest's own options are that print something and leave (`--help`): before there is a session, so
that no worker starts, nothing is collected, and no summary says that no tests ran.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.errors import CellError, ConfigurationError
from pytest_codeneedle.core.kv_types import KVSize
from pytest_codeneedle.core.machine import cache_folder, cores
from pytest_codeneedle.core.output import say
from pytest_codeneedle.core.private_files import passing_folder
from pytest_codeneedle.core.text import wrapped
from pytest_codeneedle.plugin import terminal
from pytest_codeneedle.plugin.read_settings import read_settings
from pytest_codeneedle.plugin.session import GridSession
from pytest_codeneedle.recall.control_text import ControlText
from pytest_codeneedle.server.capacity import threads_each
from pytest_codeneedle.server.composing import Composer
from pytest_codeneedle.server.model import file_mib
from pytest_codeneedle.server.process import LlamaServer, launched
from pytest_codeneedle.sweep.counting import Counted, count, counting_args, deadline_seconds, limits_of
from pytest_codeneedle.sweep.endpoint_cell import control_text
from pytest_codeneedle.sweep.forecast import CorpusForecast, Forecast, Speed, forecast_lines

if TYPE_CHECKING:
    from pytest_codeneedle.sweep.plan import Plan

#: A prompt and an answer of so many tokens fit the context of the server that counts, and are timed.
_TIMED_PROMPT, _TIMED_ANSWER = 256, 32


def dry_run(config: pytest.Config) -> int:
    """Print the plan; the exit status. Raises pytest.UsageError for whatever would keep it from being run."""
    try:
        session = GridSession(read_settings(config), config)
        plan, servers = session.plan, session.workers
        say("kv-grid: dry run: no question is asked, and no run folder is made", *terminal.announce(plan, servers))
        if plan.settings.resume:
            say("kv-grid: all is counted, also what is on record; codeneedle status RUN says what is left")
        if plan.endpoint is not None:
            notes = [f"kv-grid: {name}: {said}" for name in plan.corpora if (said := control_text(plan, name).said)]
            notes.append("kv-grid: an endpoint that already runs tells neither tokens nor KV sizes before it is asked")
            say(*(line for note in notes for line in wrapped(note)))
            return pytest.ExitCode.OK
        planned, notes = forecast(plan, servers)
        say(*(line for note in notes for line in wrapped(f"kv-grid: {note}")), *forecast_lines(planned))
    except ConfigurationError as error:
        raise terminal.usage_error(error) from error
    except CellError as error:
        msg = f"dry run: the server that counts tokens failed: {session.plan.outward(str(error))}"
        raise terminal.usage_error(msg) from error
    except KeyboardInterrupt:
        return pytest.ExitCode.INTERRUPTED
    return pytest.ExitCode.OK


def forecast(plan: Plan, servers: int) -> tuple[Forecast, list[str]]:
    """What the plan takes with so many servers at once, and what to know beside it.

    Raises ConfigurationError and CellError.
    """
    model = plan.model.file(plan.settings.start, cache_folder())
    threads = threads_each(plan.program, plan.model, plan.settings.server_args, cores() // servers)
    args = counting_args(plan, model, threads)
    with (
        passing_folder() as folder,
        launched(args, folder / "tokenize.log", deadline_seconds=deadline_seconds(model)) as server,
    ):
        counted = count(plan, server)
        plan = counted.plan
        planned = Forecast(
            corpora=tuple(_corpus(counted, name, server) for name in plan.corpora),
            order=tuple(map(plan.label, plan.cells)),
            servers=servers,
            threads=threads,
            base_model=any(facts["base_model"] for facts in counted.facts.values()),
            load_seconds=server.load_seconds,
            model_mib=file_mib(model or Path(str(counted.props.get("model_path") or ""))),
            speed=plan.settings.speed or _measured(counted, server),
            runs_on=plan.settings.full_answer or counted.thinking.technique == "on",
        )
        return planned, _notes(counted, server)


def _notes(counted: Counted, server: LlamaServer) -> list[str]:
    """What is done about thinking, and which corpora need a context that only some builds give."""
    limits = limits_of(counted.plan, server)
    questions = ((name, one["prompt_tokens"], max(one["budgets"].values())) for name, one in counted.facts.items())
    cautions = [limits.caution(*question) for question in questions]
    thinking = f"thinking: {counted.thinking.said}" if counted.thinking.said else ""
    return [note for note in (thinking, *cautions) if note]


def _corpus(counted: Counted, name: str, server: LlamaServer) -> CorpusForecast:
    plan, facts = counted.plan, counted.facts[name]
    asked = plan.corpora[name].asked
    pairs = tuple(cell.pair for cell in plan.cells if cell.corpus == name)
    size = KVSize(facts["k_per_token"], facts["v_per_token"], facts["kv_sliding"]) if "k_per_token" in facts else None
    control = ControlText(**facts["control"])
    composer = Composer(server, counted.thinking, as_tokens=control.as_tokens)
    return CorpusForecast(
        name=name,
        pairs=pairs,
        functions=len(asked),
        file_tokens=facts["file_tokens"],
        n_ctx=facts["n_ctx"],
        prompt_tokens=composer.count_read(list(composer.prompts(asked).values())),
        answer_tokens=sum(facts["expected"].values()),
        mib=None if size is None else {pair: size.mib(pair, facts["n_ctx"]) for pair in pairs},
        upper_bound=size is not None and size.sliding,
        note=control.said,
    )


def _measured(counted: Counted, server: LlamaServer) -> Speed | None:
    """The speed at an empty context; None where the server tells no times."""
    name, facts = next(iter(counted.facts.items()))
    text = counted.plan.corpora[name].corpus.text
    sample = text[: len(text) * _TIMED_PROMPT // max(_TIMED_PROMPT, facts["file_tokens"])]
    server.client.timed(sample, 1)  # the first request reads the model from the disk
    answer = server.client.timed(sample, _TIMED_ANSWER)
    if not (answer.prompt_n and answer.prompt_ms and answer.tokens and answer.predicted_ms):
        return None
    return Speed(1000 * answer.prompt_n / answer.prompt_ms, 1000 * answer.tokens / answer.predicted_ms)
