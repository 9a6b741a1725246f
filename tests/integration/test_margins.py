"""Margins, from what a real server tells of its tokens to the grid; the binary's format is held in test_binary.py."""

from __future__ import annotations

import statistics
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, KVPair
from pytest_codeneedle.core.machine import cache_folder, cores
from pytest_codeneedle.recall.logprob_margins import margins, read
from pytest_codeneedle.recall.token_probs import N_PROBS
from pytest_codeneedle.runs.margins import cell_margins
from pytest_codeneedle.server.control_model.model import Control
from pytest_codeneedle.server.process import LlamaServer, launched
from pytest_codeneedle.server.program import ServerArgs, find_program
from pytest_codeneedle.stats.margin_verdict import judge_margins

from .lab import matched, read_rows, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_codeneedle.recall.answer import Answer

    from .conftest import SmallRun
    from .lab import Lab

#: Cache types by their precision, as far as margins tell them apart.
CLASSES = (("bf16",), ("q8_0",), ("q5_1", "q5_0"), ("q4_1", "q4_0"))
#: Words and characters that the control model has no tokens for but letters and bytes.
BODY = ('    word = "é ö €uro"', '    other = "日本語 text"', '    third = "plain"')
TEXT = "\n".join(BODY)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    """The server that a grid would start by default, with a quantized cache."""
    model = Control().cached(cache_folder())
    args = ServerArgs(find_program(None), model, KVPair("q8_0", "q4_0"), 4096, cores())
    with launched(args, tmp_path_factory.mktemp("server") / "server.log") as server:
        yield server


def asked(server: LlamaServer, n_probs: int = N_PROBS, **more: Any) -> Answer:
    """The model's copy of a function with these lines."""
    prompt = server.client.render(f"def f():\n{TEXT}\n\n\ndef g():\n    last = 1\nTask\ndef f():")
    return server.client.complete(prompt, BODY, budget=200, n_probs=n_probs, **more)


def test_what_the_server_tells(server: LlamaServer) -> None:
    """Its own id first of those listed, best first; bytes that may be part of a character: then it is the last part.

    This is what `token_probs` is built on.
    """
    prompt = server.client.render(f"def f():\n{TEXT}\n\n\ndef g():\n    last = 1\nTask\ndef f():")
    body = {"prompt": prompt, "n_predict": 200, "n_probs": 5, "temperature": 0.0}
    told = httpx.post(f"{server.url}/completion", json=body, headers=server.headers, timeout=60, trust_env=False).json()
    entries = told["completion_probabilities"]
    assert {"id", "token", "bytes", "logprob", "top_logprobs"} == entries[0].keys()
    for entry in entries:
        tops = [one["logprob"] for one in entry["top_logprobs"]]
        assert (5, sorted(tops, reverse=True)) == (len(tops), tops)
        assert (entry["id"], entry["logprob"]) == (entry["top_logprobs"][0]["id"], tops[0])
    whole = b"".join(bytes(entry["top_logprobs"][0]["bytes"]) for entry in entries)
    assert whole != told["content"].encode()  # first bytes of characters are not told of
    assert "eos" == told["stop_type"]
    assert [] == entries[-1]["top_logprobs"][0]["bytes"]


def test_tokens_stand_where_they_were_written(server: LlamaServer) -> None:
    """All but the first bytes of characters have a place in the answer, and most of the text has a margin."""
    answer = asked(server)
    assert TEXT == answer.text.rstrip("\n")
    raw, told = answer.text.encode(), answer.told or ()
    covered = {at for token in told for at in range(token.start, token.end)}
    assert {0xC3, 0xE2, 0x82, 0xE6, 0x97, 0x9C, 0xE8, 0xAA} == {raw[at] for at in set(range(len(raw))) - covered}
    assert "eos" == answer.stop
    assert told[-1].is_end
    found = margins(BODY, (), answer.text, answer.after, told)
    assert len([token for token in told if token.start < len(TEXT.encode())]) == len(found)
    assert 3 < min(one.margin for one in found)
    assert -0.1 < min(one.logprob for one in found)


def test_answers_are_the_same_without(server: LlamaServer) -> None:
    """Being asked for probabilities changes no token."""
    first, second = asked(server), asked(server, n_probs=0)
    assert (first.text, first.stop, first.tokens) == (second.text, second.stop, second.tokens)
    assert () == second.told


def test_the_token_that_left(server: LlamaServer) -> None:
    """Had another text been expected, the first token that is not of it would have a negative margin, at its place."""
    answer = asked(server)
    other = tuple(line.replace("語", "誤") for line in BODY)
    at = "\n".join(other).encode().index("誤".encode()) + 2
    found = margins(other, (), answer.text, answer.after, answer.told or ())
    assert [at] == [one.place for one in found if one.margin < 0]
    assert at in {one.place for one in found if one.bound}
    longer = (*BODY, "    more = 1")
    end = margins(longer, (), answer.text, answer.after, answer.told or ())[-1]
    assert end.margin < 0
    assert len(TEXT) < end.place


def test_margins_of_a_run(small_run: SmallRun, pytester: pytest.Pytester) -> None:
    """Each row has its margins, and the grid stands under that of the lines, in a session and from the record."""
    for row in read_rows(small_run.folder):
        found = list(read(row["margins"]).values())
        assert row["tokens"] - 3 == len(found)  # all but the line end of the last line and what follows it
        assert row["margin_mean"] == pytest.approx(statistics.fmean(found), abs=0.01)
        assert 0 == row["margin_under_1"] < row["margin_p1"] < row["margin_mean"]
        assert -0.02 < row["expected_logprob_mean"] < -0.005
    others = ": q8_0/q8_0, and the others minus it"
    title = f"mean log-probability margin, nats{others}"
    shown = table(small_run.result.outlines, title)
    assert 4 < float(shown.pop(("q8_0", "q8_0"))) < 9
    assert all(-1 < float(figure) < 1 for figure in shown.values())
    stored = pytester.run(sys.executable, "-m", "pytest_codeneedle.cli", "grid", "-v", str(small_run.folder)).outlines
    assert shown.items() < table(stored, title).items()
    assert table(stored, title).keys() == table(stored, f"1st percentile of the margins, nats{others}").keys()


@pytest.mark.slow
def test_margins_order_what_lines_do_not(lab: Lab) -> None:
    """Where each cell recalls every line, margins still tell the cache types apart: by classes of precision.

    They do on the side of V, whose rounding goes into the answer. The control model's attention is all on one token,
    so that the rounding of K moves nothing: its margins are the same to the last digit. Within a class the one with
    more bits need not have more: the model's numbers are symmetric, which the formats with a minimum are not made for.
    """
    result = lab.grid("--ctk", "bf16,q4_0", corpus="random-bodies-mini")
    assert {"20.00"} == set(matched(result).values())
    rows, pairs = lab.rows(), [KVPair(ctk, ctv) for ctk in ("bf16", "q4_0") for ctv in DEFAULT_TYPES]
    found = cell_margins(rows, pairs, KVPair("bf16", "bf16"))
    for ctk in ("bf16", "q4_0"):
        for figure in ("mean", "p1"):
            of_type = {
                ctv: 0.0 if one.own else getattr(one, figure)
                for ctv, one in ((ctv, found[KVPair(ctk, ctv)]) for ctv in DEFAULT_TYPES)
            }
            means = [statistics.fmean(of_type[ctv] for ctv in of_class) for of_class in CLASSES]
            assert sorted(means, reverse=True) == means
            assert len(set(means)) == len(means)
    assert all(found[KVPair("bf16", ctv)] == found[KVPair("q4_0", ctv)] for ctv in DEFAULT_TYPES if ctv != "bf16")
    assert {1.0} == {one.share for one in found.values()}

    verdict = judge_margins(rows, pairs, KVPair("bf16", "bf16"))
    assert verdict is not None
    (low,) = [cell for cell in verdict.cells if cell.declared]
    assert (KVPair("q4_0", "q4_0"), True) == (low.pair, low.lower)
    assert ("trend", False) == (verdict.v.trend.verdict, verdict.v.trend.tied)
    assert all(cell.mean.tied == (cell.pair.ctv == "bf16") for cell in verdict.cells)
