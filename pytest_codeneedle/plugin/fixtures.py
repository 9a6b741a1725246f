"""Fixtures of the grid, for the packaged suite and for a user's own tests.

`llama_server_args` -> `launch_llama_server` -> `llama_server` -> `recall`: each can be overridden in a conftest.
Tests that use them are parametrized by cell when --kv-grid is given, and skipped without it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from pytest_codeneedle.core.cells import Ask, Cell
    from pytest_codeneedle.core.kv_types import KVPair
    from pytest_codeneedle.corpus.corpus import Corpus
    from pytest_codeneedle.plugin.session import GridSession
    from pytest_codeneedle.server.process import LlamaServer
    from pytest_codeneedle.server.program import ServerArgs
    from pytest_codeneedle.sweep.corpus_facts import Prepared
    from pytest_codeneedle.sweep.endpoint_cell import ServedCell
    from pytest_codeneedle.sweep.judge import Recall
    from pytest_codeneedle.sweep.running_cell import RunningCell
    from pytest_codeneedle.sweep.settings import Settings


def _session(config: pytest.Config) -> GridSession:
    from pytest_codeneedle.plugin.options import is_on  # noqa: PLC0415 - a plain pytest run pays for no import

    if not is_on(config):
        pytest.skip("needs --kv-grid")
    from pytest_codeneedle.plugin.session import SESSION  # noqa: PLC0415 - as above

    return config.stash[SESSION]


def _item_error(message: str) -> BaseException:
    """What a fixture raises for an ERROR with this message and no traceback."""
    return pytest.fail.Exception(message, pytrace=False)


@pytest.fixture(scope="session")
def kv_settings(pytestconfig: pytest.Config) -> Settings:
    """The settings of the session: every --kv-* option."""
    return _session(pytestconfig).plan.settings


@pytest.fixture(scope="session")
def kv_cell(request: pytest.FixtureRequest) -> Cell:
    """The cell that a test runs in: corpus, pair, replicate, rotation."""
    _session(request.config)
    cell: Cell = request.param
    return cell


@pytest.fixture(scope="session")
def kv_pair(kv_cell: Cell) -> KVPair:
    """The cell's KV cache types."""
    return kv_cell.pair


@pytest.fixture(scope="session")
def kv_corpus(kv_cell: Cell, pytestconfig: pytest.Config) -> Corpus:
    """The cell's corpus."""
    return _session(pytestconfig).plan.corpora[kv_cell.corpus].corpus


@pytest.fixture(scope="session")
def kv_function(request: pytest.FixtureRequest, kv_cell: Cell) -> str:  # noqa: ARG001 - a function of that cell
    """The name of the function to ask for."""
    _session(request.config)
    ask: Ask = request.param
    return ask.function


@pytest.fixture(scope="session")
def llama_server_args(kv_cell: Cell, pytestconfig: pytest.Config) -> ServerArgs:
    """What the cell's server is started with. Override it to add arguments: `args.with_extra("-ngl", "99")`."""
    session = _session(pytestconfig)
    if session.plan.endpoint is not None:
        pytest.skip("an endpoint that already runs is no server of this session's")
    prepared = session.prepared[kv_cell.corpus]
    if prepared.problem:
        raise _item_error(prepared.problem)
    return session.server_args(kv_cell)


@pytest.fixture(scope="session")
def launch_llama_server(kv_cell: Cell, pytestconfig: pytest.Config) -> Iterator[Callable[[ServerArgs], LlamaServer]]:
    """Starts a server and stops it when the cell is done. A server that does not come up is an ERROR."""
    from pytest_codeneedle.core.errors import CellError  # noqa: PLC0415 - as above
    from pytest_codeneedle.server.process import stop_all  # noqa: PLC0415 - as above

    session = _session(pytestconfig)
    prepared = session.prepared[kv_cell.corpus]
    run = prepared.run

    def launch(args: ServerArgs) -> LlamaServer:
        _check_watched(session, prepared)
        try:
            server = session.look_ahead.servers.start(args, run.server_log(args.pair, kv_cell.place.suffix))
        except CellError as error:
            raise _item_error(session.plan.outward(str(error))) from None
        session.servers.append(server)
        return server

    try:
        yield launch
    finally:
        session.left.stopping(partial(stop_all, session.servers))
        session.servers.clear()


def _check_watched(session: GridSession, prepared: Prepared) -> None:
    """Make an ERROR of the item where a file that answers are made with is another than the session began with.

    Before a server is started with it, and after an answer: the server may have read it at any time before that.
    """
    from pytest_codeneedle.core.machine import cache_folder  # noqa: PLC0415 - as above
    from pytest_codeneedle.server.contents.hashes import FileHashes  # noqa: PLC0415 - as above
    from pytest_codeneedle.server.contents.watched import changed  # noqa: PLC0415 - as above

    if prepared.host is None and (other := changed(prepared.watched, FileHashes(cache_folder()))):
        raise _item_error(session.plan.outward(other))


@pytest.fixture(scope="session")
def llama_server(
    launch_llama_server: Callable[[ServerArgs], LlamaServer], llama_server_args: ServerArgs
) -> LlamaServer:
    """The cell's running server: `.url` with `.headers`, `.client`, `.log_text`, `.validity()`."""
    return launch_llama_server(llama_server_args)


def _relaunching(
    args: ServerArgs, launch: Callable[[ServerArgs], LlamaServer], make_room: Callable[[], None]
) -> Callable[[], LlamaServer]:
    """Starts another server like the cell's; one that does not come up is an error of the question, not of the item."""
    from pytest_codeneedle.core.errors import ServerStartError  # noqa: PLC0415 - as above

    def relaunch() -> LlamaServer:
        make_room()
        try:
            return launch(args)
        except pytest.fail.Exception as error:
            raise ServerStartError(error.msg) from None

    return relaunch


@pytest.fixture(scope="session")
def running_cell(kv_cell: Cell, request: pytest.FixtureRequest) -> RunningCell | ServedCell:
    """The cell with its corpus ingested, and its cache types verified where the server is of this session."""
    from pytest_codeneedle.core.errors import CellError  # noqa: PLC0415 - as above
    from pytest_codeneedle.sweep.endpoint_cell import ServedCell  # noqa: PLC0415 - as above
    from pytest_codeneedle.sweep.running_cell import RunningCell  # noqa: PLC0415 - as above

    session = _session(request.config)
    plan, prepared = session.plan, session.prepared[kv_cell.corpus]
    asked = (plan.corpora[kv_cell.corpus], prepared, plan.settings)
    cell: RunningCell | ServedCell
    if plan.endpoint is None:
        server: LlamaServer = request.getfixturevalue("llama_server")
        launch = request.getfixturevalue("launch_llama_server")
        relaunch = _relaunching(server.args, launch, session.look_ahead.servers.stop)
        cell = RunningCell(server, *asked, relaunch)
        cell.expect_reading(session.reading)
    else:
        cell = ServedCell(plan.endpoint, *asked)
    try:
        cell.warm_up()
    except CellError as error:
        raise _item_error(plan.outward(cell.told(str(error)))) from None
    if isinstance(cell, RunningCell):
        session.reading = cell.reading
    return cell


@pytest.fixture
def recall(kv_cell: Cell, kv_function: str, request: pytest.FixtureRequest) -> Recall:
    """The answer to one question, scored and recorded. No answer is an ERROR, which is why it is asked here.

    One that a resumed run has on record is judged anew, and no server is started for it.
    """
    from pytest_codeneedle.core.errors import CellError  # noqa: PLC0415 - as above
    from pytest_codeneedle.plugin.rows import add_to_row, answer_facts, fault_facts, outcome_facts  # noqa: PLC0415 - as above

    session = _session(request.config)
    row = session.recorded(request.node, kv_cell, kv_function)
    if row is not None and _same_server(session, row, request):
        return _recalled(session, row, request.node)
    running_cell: RunningCell | ServedCell = request.getfixturevalue("running_cell")
    session.look_ahead.before_question(request.node)
    try:
        result = running_cell.ask(kv_function)
    except CellError as error:
        add_to_row(request.node, {**running_cell.facts, **fault_facts(error)})
        raise _item_error(session.plan.outward(running_cell.told(str(error)))) from None
    _check_watched(session, session.prepared[kv_cell.corpus])
    add_to_row(request.node, {**running_cell.facts, **answer_facts(result)})
    session.items.settle(request.node, outcome_facts(result))
    return result


def _same_server(session: GridSession, row: Mapping[str, Any], request: pytest.FixtureRequest) -> bool:
    """Whether the arguments that a fixture of the user's adds are those of the record; nothing is started for that."""
    if session.plan.endpoint is not None or session.prepared[row["corpus"]].problem:
        return True
    from pytest_codeneedle.core.machine import cache_folder  # noqa: PLC0415 - as above
    from pytest_codeneedle.server.contents.hashes import FileHashes  # noqa: PLC0415 - as above
    from pytest_codeneedle.server.made_with import added_args  # noqa: PLC0415 - as above

    args: ServerArgs = request.getfixturevalue("llama_server_args")
    return bool(row.get("added_args") == added_args(args, FileHashes(cache_folder())))


def _recalled(session: GridSession, row: Mapping[str, Any], item: pytest.Item) -> Recall:
    """A recorded answer, judged as this session has it; its row says all that was recorded."""
    from pytest_codeneedle.core.errors import CellError  # noqa: PLC0415 - as above
    from pytest_codeneedle.plugin.rows import ROW, add_to_row, outcome_facts  # noqa: PLC0415 - as above
    from pytest_codeneedle.recall.answer import Answer  # noqa: PLC0415 - as above
    from pytest_codeneedle.runs.ledger import RECORDED  # noqa: PLC0415 - as above
    from pytest_codeneedle.sweep.corpus_facts import placed  # noqa: PLC0415 - as above

    known = item.stash[ROW]
    told = {key: value for key, value in row.items() if key not in known}
    add_to_row(item, {**told, **placed(row), RECORDED: True})
    try:
        result = session.judge(row["corpus"]).judge(row["function"], Answer.recorded(row), row["prompt_cache"])
    except CellError as error:
        raise _item_error(session.plan.outward(str(error))) from None
    add_to_row(item, result.facts())
    session.items.settle(item, outcome_facts(result))
    return result
